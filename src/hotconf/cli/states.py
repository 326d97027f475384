"""What the arguments of `diff`, `plan` and `show` stand for: a state of the configuration, or why there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.places import states_in
from hotconf.cli.verdict import UNKNOWN, status
from hotconf.report.problems import concise
from hotconf.report.problems import spelled as of_problem
from hotconf.runtime.kept import record_of
from hotconf.runtime.once import State, state_kept, state_of
from hotconf.runtime.paths import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.problems import Problem
    from hotconf.runtime.once import Problems
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot

__all__ = ["UNKNOWN", "named", "number_of", "respelled", "spelled", "status", "tell"]

_NUMBERED: Final = re.compile(r"@([1-9][0-9]{0,17})")


def named(
    argument: Path,
    schema: Schema[Any],
    *,
    against: Snapshot[Any] | None = None,
    history_of: Path | None = None,
    state_dir: Path | None = None,
) -> State[Any] | Problems:
    """The state that `argument` names: the file at that path, with its fragments, as it is now.

    The one place that knows what an argument may mean. `against`: the state that it is compared with. `history_of`:
    `@12` means state 12 that is kept of this file, in `state_dir` if that is given. Raises `UsageError` if there is
    no such state.
    """
    number = number_of(argument)
    if number is not None and history_of is not None:
        kept = state_kept(record_of(states_in(state_dir), absolute(history_of), number), schema, against=against)
        return kept if isinstance(kept, State) else spelled(kept, history_of)
    found = state_of(absolute(argument), schema, against=against)
    return respelled(found, argument) if isinstance(found, State) else spelled(found, argument)


def number_of(argument: Path) -> int | None:
    """The number of the state that `argument`, such as `@12`, may stand for. A file of that name is given in full."""
    match = _NUMBERED.fullmatch(str(argument))
    return int(match[1]) if match else None


def respelled(state: State[Any], argument: Path, main_as: Path | None = None) -> State[Any]:
    """`state` with the files of its warnings spelled like `argument`."""
    warnings = spelled(state.snapshot.warnings, argument, main_as)
    return replace(state, snapshot=replace(state.snapshot, warnings=warnings))


def spelled(problems: Iterable[Problem], argument: Path, main_as: Path | None = None) -> Problems:
    """`problems` with their files spelled like `argument`, the main file like `main_as` if that is given.

    What is about no one file is put down to the main file.
    """
    main = absolute(argument)
    return tuple(
        of_problem(replace(problem, file=problem.file or main), main, argument, main_as) for problem in problems
    )


def tell(problems: Iterable[Problem]) -> None:
    """Say `problems` on stderr: they are not what was asked for."""
    for problem in problems:
        click.echo(concise(problem), err=True)
