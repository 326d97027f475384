"""What the arguments of `diff`, `plan` and `show` stand for: a state of the configuration, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.report.problems import concise
from hotconf.runtime.once import State, state_of
from hotconf.runtime.paths import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.problems import Kind, Problem
    from hotconf.runtime.once import Problems
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot

_NOT_JUDGED: Final[frozenset[Kind]] = frozenset({"missing", "unreadable", "too_large"})
"""Nothing can be said about the content."""
UNKNOWN: Final = 2
"""The exit status where there is no answer."""


def named(argument: Path, schema: Schema[Any], *, against: Snapshot[Any] | None = None) -> State[Any] | Problems:
    """The state that `argument` names: the file at that path, with its fragments, as it is now.

    The one place that knows what an argument may mean. `against`: the state that it is compared with.
    """
    found = state_of(absolute(argument), schema, against=against)
    return respelled(found, argument) if isinstance(found, State) else spelled(found, argument)


def respelled(state: State[Any], argument: Path, main_as: Path | None = None) -> State[Any]:
    """`state` with the files of its warnings spelled like `argument`."""
    warnings = spelled(state.snapshot.warnings, argument, main_as)
    return replace(state, snapshot=replace(state.snapshot, warnings=warnings))


def spelled(problems: Iterable[Problem], argument: Path, main_as: Path | None = None) -> Problems:
    """`problems` with their files spelled like `argument`, the main file like `main_as` if that is given.

    What is about no one file is put down to the main file.
    """
    main = absolute(argument)

    def spell(file: Path | None) -> Path:
        if file is None or file == main:
            return main_as or argument
        return argument.parent / file.relative_to(main.parent) if file.is_relative_to(main.parent) else file

    return tuple(replace(problem, file=spell(problem.file)) for problem in problems)


def tell(problems: Iterable[Problem]) -> None:
    """Say `problems` on stderr: they are not what was asked for."""
    for problem in problems:
        click.echo(concise(problem), err=True)


def status(problems: Iterable[Problem]) -> int:
    """0 for warnings only, 1 for errors, `UNKNOWN` where there is a file of which nothing can be said."""
    kinds = {problem.kind for problem in problems if problem.severity == "error"}
    return UNKNOWN if kinds & _NOT_JUDGED else int(bool(kinds))
