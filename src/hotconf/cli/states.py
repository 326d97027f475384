"""What the arguments of `diff`, `plan` and `show` stand for: a state of the configuration, or why there is none."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.baseline import baseline_of
from hotconf.cli.contact import located, patiently
from hotconf.cli.echo import echo
from hotconf.cli.findings import as_text, findings
from hotconf.cli.places import default_path, states_in
from hotconf.cli.verdict import status
from hotconf.inspection.inspect import State, inspect, inspect_kept
from hotconf.keypath import parse
from hotconf.sources.files.paths import absolute

if TYPE_CHECKING:
    from hotconf.history.record import Record
    from hotconf.inspection.inspect import Inspection
    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot

_GENERATION: Final = re.compile(r"@(\d{1,18})")


@dataclass(frozen=True, slots=True)
class History:
    """Where `@N` is looked up: the states that are kept of the main file `of`."""

    of: Path
    state_dir: Path | None = None


def number(argument: str) -> int | None:
    """The N of `@N`; None for a path. A file of that name is `./@N`, which a `Path` could not tell from it."""
    match = _GENERATION.fullmatch(argument)
    return int(match[1]) if match else None


def named(
    argument: str | Path,
    schema: Schema[Any],
    *,
    against: Snapshot[Any] | None = None,
    history: History | None = None,
    state_dir: Path | None = None,
) -> State[Any] | Inspection:
    """The state that `argument` names: the file at that path, with its fragments, as it is now; or a kept one.

    The one place that knows what an argument may mean. `against`: the state that it is compared with. `history`:
    where to find `@N`. `state_dir`: without a `history`, where the state is that decides which files are gone. Raises
    `UsageError` if a kept state is not there.
    """
    generation = number(argument) if isinstance(argument, str) else None
    if history is None or generation is None:
        main = located(argument, lambda: schema)
        baseline = baseline_of(main, schema, history.state_dir if history is not None else state_dir)
        return inspect(main, schema, against=against, baseline=baseline)
    record = patiently(partial(_record, history, generation, schema), history.state_dir or history.of)
    return inspect_kept(record, schema, against=against)


def _record(history: History, generation: int, schema: Schema[Any]) -> Record:
    from hotconf.inspection.kept import record_of

    return record_of(states_in(history.state_dir), absolute(history.of), generation, schema)


def effective(
    ctx: click.Context, arguments: tuple[str, ...], schema: Schema[Any], state_dir: Path | None
) -> State[Any]:
    """The state that `[@N] [PATH]` name. What is wrong with it is shown; ends the command if it is not valid."""
    numbered = bool(arguments) and number(arguments[0]) is not None
    if len(arguments) > 1 + numbered:
        raise click.UsageError("give one PATH")
    # An explicit path needs no home directory.
    file = Path(arguments[-1]) if len(arguments) > numbered else default_path()
    wanted = arguments[0] if numbered else file
    found = named(wanted, schema, history=History(file, state_dir))
    show_problems(found, file, schema)
    if not isinstance(found, State):
        ctx.exit(status(found.problems))
    return found


def key_of(text: str, schema: Schema[Any]) -> KeyPath:
    """The key path that `text` means, as the model spells it."""
    from hotconf.config.spelling import respelled

    return respelled(parse(text), schema)


def show_problems(found: Inspection, given: Path, schema: Schema[Any]) -> None:
    """Say on stderr what is wrong with what stands at `given`, or odd about it: it is not what was asked for."""
    found_problems = list(findings(found, absolute(given), given))
    if found_problems:
        echo(as_text(found_problems, schema, sys.stderr), err=True, color=True)
