"""The statuses of one configuration's processes, and whether these run the files as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hotconf.status.contents import Contents
from hotconf.status.folder import contents
from hotconf.status.record import Status, decode
from hotconf.status.requests import key
from hotconf.text import source_name


def statuses(state_dir: Path, main: Path | None = None) -> list[Status]:
    """Those of all living processes that run `main`, an absolute path, with this state directory; by process.

    Without `main`: of all configurations. Files of dead processes are removed, others' files and what makes no sense
    left out. Raises `UsageError` for a directory that is not to be trusted, and `OSError`.
    """
    wanted = None if main is None else key(main)
    found = (decode(data) for _, data in contents(state_dir))
    mine = (status for status in found if status is not None and wanted in (None, status.key))
    return sorted(mine, key=lambda status: (status.host, status.pid, status.started))


def refusals(found: Iterable[Status]) -> dict[tuple[str, ...], list[Status]]:
    """Those of `found` that refused what they read last, by their problems."""
    by: dict[tuple[str, ...], list[Status]] = {}
    for status in found:
        if status.failed:
            by.setdefault(status.problems, []).append(status)
    return by


class Standing(NamedTuple):
    """How processes stand to the files of their configuration as they are now."""

    current: tuple[Status, ...]
    """They run them."""
    refused: tuple[Status, ...]
    """They have read them, and run something else, because these are not valid."""
    behind: tuple[Status, ...]
    """They have not read them yet, or wait for something busy, or are not watching."""

    @classmethod
    def of(cls, found: list[Status], main: Path) -> Standing:
        """Reads the files. Of a source that is none, what each process has read last counts as what is there now."""
        now: dict[Contents, str] = {}
        sorted_: tuple[list[Status], list[Status], list[Status]] = ([], [], [])
        for status in found:
            read = status.digest if status.read is None else status.read
            if source_name(main):
                now[status.contents] = read
            elif status.contents not in now:
                now[status.contents] = status.contents.digest(main)
            if read != now[status.contents] or status.pending is not None:
                sorted_[2].append(status)
            else:
                sorted_[1 if status.failed else 0].append(status)
        return cls(*map(tuple, sorted_))
