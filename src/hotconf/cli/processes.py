"""The processes of a configuration, and what they run, as a table for people and as JSON."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from hotconf.cli.echo import echo, stdout
from hotconf.cli.places import states_in
from hotconf.cli.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from hotconf.cli.program import Program
    from hotconf.status.reading import Standing
    from hotconf.status.record import Status

_HEAD: Final = ("PROCESS", "PROGRAM", "GENERATION", "DIGEST", "LAST ENDING", "PENDING", "HEALTH")

_MOST: Final = 5
"""Processes that are named as having refused the same."""


class Processes:
    """The processes of one configuration."""

    def __init__(self, program: Program, path: Path | None, state_dir: Path | None) -> None:
        from hotconf.cli.contact import patiently
        from hotconf.sources.files.paths import absolute

        given = program.path(path)
        self.main = patiently(partial(absolute, given), given)
        found = program.state_dir(state_dir, self.main)
        self.state_dir = states_in(found)
        self._named = program.named
        self._kept = found is not None or program.app is None
        """Otherwise the program's watcher has no state directory."""

    def standing(self) -> Standing:
        """How they stand to the files as they are. Raises `Refusal` if there are none."""
        from hotconf.cli.contact import patiently

        return patiently(self._standing, self.state_dir)

    def _standing(self) -> Standing:
        from hotconf.status.reading import Standing, statuses
        from hotconf.text import printable, short_path

        found = statuses(self.state_dir, self.main)
        if not found and not self._kept:
            raise Refusal("the program's watcher has no state_dir: without one, its processes cannot be seen")
        if not found:
            where = printable(str(self.state_dir))
            raise Refusal(f"no process runs {short_path(self.main)} with the state directory {where}")
        return Standing.of(found, self.main)

    def show(self, standing: Standing, *, as_json: bool) -> None:
        """The table, or JSON; and in a sentence how they stand."""
        from hotconf.status.health import NOT_APPLIED
        from hotconf.text import short_path, source_name

        every = sorted((*standing.current, *standing.refused, *standing.behind), key=lambda each: each.pid)
        if as_json:
            for line in json_lines(every, standing.current):
                echo(line)
        else:
            from hotconf.cli.paint import painted
            from hotconf.cli.wrap import terminal_cells

            echo(painted("\n".join(lines(every, terminal_cells(stdout()))), stdout(), "processes"), color=True)
        of = f"{len(standing.current)} of {counted(len(every))}"
        runs = "runs" if len(every) == 1 else "run"
        echo(f"{of} {runs} {short_path(self.main)} as it is now", err=True)
        if not standing.refused:
            return
        applies = any(NOT_APPLIED in problem for each in standing.refused for problem in each.problems)
        if not source_name(self.main):
            command = f"{'plan --apply' if applies else 'check'} {short_path(self.main)}"
            echo(f"`hotconf {command}` shows the problems in full", err=True)
        elif not applies:  # a document has no path that a command could take
            echo(f"`hotconf check{self._named}` shows the problems in full", err=True)


def lines(statuses: Sequence[Status], cells: int | None = None) -> Iterator[str]:
    """A line for each process, below a head; then the problems of those that refused the files. `cells`: how wide a
    terminal is, for which long values are shortened.
    """
    from hotconf.report.cells import cut, width

    hosts = len({status.host for status in statuses}) > 1
    rows = [_HEAD, *(_row(status, host=hosts) for status in statuses)]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    if cells is not None:
        _narrow(widths, cells - len("  ") * (len(widths) - 1))
    for row in rows:
        fitted = (cut(cell, most) for cell, most in zip(row, widths, strict=True))
        yield "  ".join(cell + " " * (most - width(cell)) for cell, most in zip(fitted, widths, strict=True)).rstrip()
    yield from _problems(statuses)


def _narrow(widths: list[int], cells: int) -> None:
    """Make columns narrower, the widest first, until they fit; a column is as wide as its head at least."""
    spare = [width - len(title) for width, title in zip(widths, _HEAD, strict=True)]
    while sum(widths) > cells and any(spare):
        _, widest = max((width, index) for index, width in enumerate(widths) if spare[index])
        widths[widest] -= 1
        spare[widest] -= 1


def json_lines(statuses: Sequence[Status], current: Collection[Status]) -> Iterator[str]:
    """One JSON object a line; `current`: those that run the files as they are."""
    for status in statuses:
        yield json.dumps({**status.as_dict(), "current": any(status is each for each in current)}, ensure_ascii=True)


def counted(count: int) -> str:
    """`3 processes`."""
    return f"{count} process{'' if count == 1 else 'es'}"


def _row(status: Status, *, host: bool) -> tuple[str, ...]:
    from hotconf.text import local_time

    waiting = status.pending
    ending = "" if status.ending is None or status.ended is None else f"{status.ending} {local_time(status.ended)}"
    return (
        f"{status.pid}@{status.host}" if host else str(status.pid),
        status.program,
        str(status.generation),
        status.digest or "-",
        ending or "-",
        "-" if waiting is None else ", ".join(waiting.reasons) or "yes",
        f"{status.health}: {status.reason}" if status.reason else status.health,
    )


def _problems(statuses: Sequence[Status]) -> Iterator[str]:
    from hotconf.status.reading import refusals

    for problems, refusing in refusals(statuses).items():
        pids = ", ".join(str(status.pid) for status in refusing[:_MOST])
        more = f" and {len(refusing) - _MOST} more" if len(refusing) > _MOST else ""
        yield ""
        yield f"refused by {pids}{more}:"
        yield from (f"  {problem}" for problem in problems)
