"""What the arguments of `diff`, `plan` and `show` stand for: a state of the configuration, or why there is none."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.baseline import baseline_of
from hotconf.cli.contact import located, patiently
from hotconf.cli.findings import show_problems
from hotconf.cli.options import stdin
from hotconf.cli.places import states_in
from hotconf.cli.verdict import status
from hotconf.inspection.inspect import State, inspect, inspect_kept
from hotconf.keypath import dotted, parse
from hotconf.sources.base import DEFAULT_MAX_BYTES
from hotconf.sources.files.paths import absolute
from hotconf.text import source_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.cli.program import Program
    from hotconf.history.record import Record
    from hotconf.inspection.inspect import Inspection
    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import Options

_DEEPEST: Final = 6
"""Levels of keys that are listed: a model may contain itself."""
PIPED: Final = Path("<stdin>")
"""What the content of standard input, or of a pipe, is called."""
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
    program: Program,
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
        given = history.state_dir if history is not None else state_dir
        if (content := piped(argument)) is not None:
            return _of_content(content, history.of if history is not None else program.path(None), program, against)
        main = located(argument, program.find)
        options = program.options(main)
        baseline = baseline_of(options, program.state_dir(given, main))
        return inspect(options, against=against, baseline=baseline)
    main = located(history.of, program.find)
    options, where = program.options(main), program.state_dir(history.state_dir, main)
    record = patiently(partial(_record, options, where, generation), where or main)
    return inspect_kept(record, options, against=against)


def piped(argument: str | Path) -> bytes | None:
    """What standard input (`-`) or a pipe, as `<(command)` gives one, holds; None for other paths. A second call
    gives the same.
    """
    read: dict[str, bytes] = click.get_current_context().meta.setdefault(f"{__name__}.piped", {})
    name = str(argument)
    if source_name(Path(name)):
        return None
    if name not in read and name != "-":
        try:
            if not stat.S_ISFIFO(patiently(partial(os.stat, name), Path(name)).st_mode):
                return None
            with open(name, "rb") as pipe:  # noqa: PTH123
                read[name] = pipe.read(DEFAULT_MAX_BYTES + 1)
        except OSError:
            return None
    if name not in read:
        read[name] = stdin(DEFAULT_MAX_BYTES + 1)
    return read[name]


def _of_content(
    content: bytes, main: Path, program: Program, against: Snapshot[Any] | None
) -> State[Any] | Inspection:
    """The state that a program would have whose main file held `content`."""
    main = located(main, program.find, content=content)
    return inspect(program.options(main), against=against, instead={main: content})


def _record(options: Options[Any], state_dir: Path | None, generation: int) -> Record:
    from hotconf.inspection.kept import record_of

    return record_of(states_in(state_dir), options.path, generation, options.schema)


def effective(
    ctx: click.Context, arguments: tuple[str, ...], program: Program, state_dir: Path | None
) -> tuple[State[Any], Options[Any]]:
    """The state that `[@N] [PATH]` name, and how it is loaded. What is wrong with it is shown; ends the command if it
    is not valid.
    """
    found, options = inspected(arguments, program, state_dir)
    if not isinstance(found, State):
        ctx.exit(status(found.problems))
    return found, options


def inspected(
    arguments: tuple[str, ...], program: Program, state_dir: Path | None
) -> tuple[State[Any] | Inspection, Options[Any]]:
    """The state that `[@N] [PATH]` name, or why there is none, and how it is loaded. What is wrong is shown."""
    numbered = bool(arguments) and number(arguments[0]) is not None
    if len(arguments) > 1 + numbered:
        raise click.UsageError("give one PATH")
    # An explicit path needs no home directory.
    file = given = Path(arguments[-1]) if len(arguments) > numbered else program.path(None)
    wanted = arguments[0] if numbered else file
    if not numbered and piped(file) is not None:
        file, given = program.path(None), PIPED
    found = named(wanted, program, history=History(file, state_dir))
    options = program.options(absolute(file))
    show_problems(found, given, options.schema, absolute(file))
    return found, options


def key_of(text: str, schema: Schema[Any]) -> KeyPath:
    """The key path that `text` means, as the model spells it."""
    from hotconf.config.spelling import respelled

    return respelled(parse(text), schema)


def all_keys(schema: Schema[Any], most: int) -> Iterator[str]:
    """The dotted keys of the model, tables before what is in them, the first `most`."""
    from hotconf.config.shape import shape_of

    todo: list[tuple[KeyPath, Any]] = [((), shape_of(schema))]
    for _ in range(most):
        if not todo:
            return
        path, shape = todo.pop(0)
        if path:
            yield dotted(path)
        if len(path) < _DEEPEST:
            todo.extend(((*path, name), shape.child(name)) for name in dict.fromkeys(shape.keys.values()))
