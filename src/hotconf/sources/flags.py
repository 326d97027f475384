"""`Flags`: the options of a command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hotconf import arguments
from hotconf.config.layers import TextTable
from hotconf.errors import UsageError
from hotconf.formats.base import MAX_DEPTH
from hotconf.snapshot import Origin
from hotconf.sources.base import CheckedLayer
from hotconf.sources.env import NESTED

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace

    from hotconf.schema import Schema

_LEFT_OUT = object()
"""The default of positional arguments that may be left out, while a command line is parsed."""


class Flags(CheckedLayer):
    """Options by the names of fields: `port`, and `server__port` or `server.port` for `server.port`.

    Text is parsed by the type of the field, as in `Env`; other values are used as they are.
    """

    __slots__ = ("_said",)

    name = "flags"
    """Shown where no option is."""

    def __init__(self, given: Mapping[str, Any] | Namespace) -> None:
        """An argparse `Namespace`, whose names without a field are ignored, or a mapping, whose names all need one.

        None means that an option was not given. Raises `UsageError` for anything else.
        """
        strict = isinstance(given, Mapping)
        found = given if isinstance(given, Mapping) else getattr(given, "__dict__", None)
        if found is None or callable(given):
            what = given.__qualname__ if isinstance(given, type) else arguments.of_type(given)
            raise UsageError(f"Flags: {what} is neither a mapping nor a namespace from parse_args()")
        if wrong := [key for key in found if not isinstance(key, str)]:
            raise UsageError(f"Flags has a key {arguments.of_type(wrong[0])}: keys must be strings")
        values = {key: (value, f"flags[{key}]") for key, value in found.items() if value is not None}
        self._said = _table(values, strict=strict)

    @classmethod
    def parse(cls, parser: ArgumentParser, argv: Sequence[str] | None = None) -> Flags:
        """The options given on a command line, by default that of the process, without the parser's defaults.

        Subcommands included. Ends the process as `parser.parse_args(argv)` does, with its help or its error.
        """
        flags = cls({})
        flags._said = _table(_parsed(parser, argv), strict=False)
        return flags

    def __repr__(self) -> str:
        return f"Flags({', '.join(self._said.texts)})"

    def read(self) -> TextTable:
        """Always the same."""
        return self._said

    def check(self, schema: Schema[Any]) -> None:
        """Raises `UsageError` if a mapping has names without a field; no later than the first load finds them."""
        if not self._said.strict or not schema.adapter.pydantic_complete:
            return
        from hotconf.config.decoding.decode import decode
        from hotconf.config.shape import shape_of

        for problem in decode(self._said, shape_of(schema)).problems:
            if problem.message.startswith("Unknown key"):
                raise UsageError(problem.with_hint)


def _table(values: Mapping[str, tuple[Any, str]], *, strict: bool) -> TextTable:
    found: dict[str, tuple[Any, Origin]] = {}
    for name, (value, where) in values.items():
        key = name.replace(".", NESTED)
        if key in found:
            raise UsageError(f"Flags: {where} and {found[key][1].where} are the same: give one of the two")
        found[key] = (_plain(value), Origin(Flags.name, where))
    return TextTable(Flags.name, found, strict=strict)


def _plain(value: Any, levels: int = MAX_DEPTH) -> Any:
    """`value` as a file could hold it, where that is sure."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, PurePath | Decimal):
        return str(value)
    if not levels:
        return value  # which is refused
    if isinstance(value, Mapping):
        return {key: _plain(item, levels - 1) for key, item in value.items()}
    inner = isinstance(value, list | tuple | set | frozenset)
    return [_plain(item, levels - 1) for item in value] if inner else value


def _parsed(parser: ArgumentParser, argv: Sequence[str] | None) -> dict[str, tuple[Any, str]]:
    """What `argv` gives: by name the value, and the option."""
    given: dict[str, tuple[Any, str]] = {}
    changed: list[tuple[Action, type[Action], Any]] = []
    try:
        for action in _actions(parser):
            changed.append((action, type(action), action.default))
            action.__class__ = _recording(type(action), given)
            if not action.option_strings and action.nargs == "?":
                action.default = _LEFT_OUT  # if it is given, the value may be the very default
        parser.parse_args(argv)
    finally:
        for action, kind, default in changed:
            action.__class__ = kind
            action.default = default
    return given


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Those of `parser` and its subcommands, each once."""
    found: dict[int, Action] = {}
    todo, seen = [parser], {id(parser)}
    while todo:
        for action in todo.pop()._actions:
            found[id(action)] = action
            for below in action.choices.values() if isinstance(action.choices, Mapping) else ():
                if hasattr(below, "_actions") and id(below) not in seen:
                    seen.add(id(below))
                    todo.append(below)
    yield from found.values()


def _recording(kind: type[Action], given: dict[str, tuple[Any, str]]) -> type[Action]:
    """`kind`, which also puts what it is called with into `given`.

    A subcommand fills a namespace of its own, with its defaults, and the one around it afterwards: only the calls
    show what was given.
    """

    def call(self: Action, parser: Any, namespace: Namespace, values: Any, option: str | None = None) -> None:
        left_out = option is None and (values is _LEFT_OUT or values is self.default or values == [])
        kind.__call__(self, parser, namespace, values, option)
        if not left_out and hasattr(namespace, self.dest):
            given[self.dest] = (getattr(namespace, self.dest), _written(self, option))

    return type(kind.__name__, (kind,), {"__call__": call})


def _written(action: Action, option: str | None) -> str:
    """How people write the option: in full, if it was given by a letter."""
    if option is None:
        return action.dest
    if option[1:2] == option[:1]:
        return option
    return next((each for each in action.option_strings if each[1:2] == each[:1]), option)
