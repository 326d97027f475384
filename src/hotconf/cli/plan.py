"""`hotconf plan`: what would an edit do? Nothing is touched."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from hotconf.cli.options import PATH, path_argument, schema_option
from hotconf.cli.places import default_path
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.events import ReloadFailed
    from hotconf.problems import Problem
    from hotconf.report.comparison import Rehearsal
    from hotconf.report.ndjson import Json
    from hotconf.schema import Schema

_STDIN: Final = Path("-")


@click.command(short_help="Tell what an edit would do to a running program.")
@click.argument("file", type=PATH)
@path_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@schema_option
@click.pass_context
def plan(ctx: click.Context, file: Path, path: Path | None, as_json: bool, schema: Schema[Any]) -> None:
    """Tell what a program that runs PATH now would do if PATH held what FILE holds: - is standard input.

    The files that FILE's watch_paths names are looked for where PATH is. stdout has the values that change, the
    notification, and what becomes of the watching; or, if it would be refused, the problems. Places in standard
    input are given as those of PATH.

    Exit status: 0 it would be accepted, 1 it would be refused, 2 FILE or PATH is missing, unreadable or too large,
    or wrong usage.
    """
    from hotconf.cli import states
    from hotconf.report.comparison import Rehearsal, refusal
    from hotconf.runtime.once import State, state_of
    from hotconf.runtime.paths import absolute

    target = path or default_path()
    found = states.named(target, schema)
    if not isinstance(found, State) and states.status(found) == states.UNKNOWN:
        _give_up(ctx, found)
    now = found if isinstance(found, State) else None
    content = _content(file)
    if not isinstance(content, bytes):
        _give_up(ctx, [replace(content, file=file)])
    if now is None:
        click.echo(f"{printable(str(target))} is not valid now: what would change is not known", err=True)
    main = absolute(target)
    edited = state_of(main, schema, against=now.snapshot if now else None, instead={main: content})
    seen_as = target if file == _STDIN else file
    if isinstance(edited, State):
        _accepted(Rehearsal(now, states.respelled(edited, target, seen_as)), as_json)
    else:
        _refused(refusal(states.spelled(edited, target, seen_as)), as_json)
        ctx.exit(1)


def _content(file: Path) -> bytes | Problem:
    from hotconf.problems import Problem
    from hotconf.runtime import files, paths
    from hotconf.runtime.source import DEFAULT_MAX_BYTES

    if file != _STDIN:
        read = files.read(paths.absolute(file), DEFAULT_MAX_BYTES)
        return read.problem or read.data
    content = sys.stdin.buffer.read(DEFAULT_MAX_BYTES + 1)
    if len(content) > DEFAULT_MAX_BYTES:
        return Problem(f"Standard input is longer than {DEFAULT_MAX_BYTES} bytes", kind="too_large")
    return content


def _give_up(ctx: click.Context, problems: Iterable[Problem]) -> NoReturn:
    from hotconf.cli import states

    states.tell(problems)
    ctx.exit(states.UNKNOWN)


def _accepted(rehearsal: Rehearsal, as_json: bool) -> None:
    click.echo(_as_json(rehearsal.as_json()) if as_json else rehearsal.as_text())


def _refused(event: ReloadFailed, as_json: bool) -> None:
    from hotconf.report.comparison import refusal_json
    from hotconf.report.notification import notification
    from hotconf.report.problems import concise

    if as_json:
        click.echo(_as_json(refusal_json(event)))
        return
    for problem in event.problems:
        click.echo(concise(problem))
    click.echo(f"\n{notification(event)}")


def _as_json(told: Json) -> str:
    import json

    return json.dumps(told, indent=2)
