"""`DotEnv`: a file of variables, as python-dotenv reads it."""

from __future__ import annotations

import io
import os
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from hotconf import arguments
from hotconf.config.layers import TextTable, at_origin
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.snapshot import Origin
from hotconf.sources.base import FileLayer, TextLayer
from hotconf.sources.env import NESTED, check_names, name_of, prefixed
from hotconf.sources.files import paths

_MOST_EARLIER: Final = 8
"""How many earlier values of a variable are remembered."""

NEWLINE: Final = re.compile(r"\r\n|\n|\r")
"""As python-dotenv counts lines."""
_MOST: Final = 10_000
_MOST_REPLACED: Final = 1 << 22
"""How many characters all `${OTHER}` of a file may stand for."""


class DotEnv(FileLayer, TextLayer):
    """The variables of a `.env` file: quotes, `export`, several lines and `${OTHER}` as python-dotenv reads them.

    Names and values mean what they do in `Env`. The file is watched; a change of it is a reload.
    """

    __slots__ = ("_earlier", "_name", "_required", "case_sensitive", "nested", "path", "prefix")

    def __init__(
        self,
        path: str | os.PathLike[str] = ".env",
        prefix: str = "",
        *,
        nested: str | None = NESTED,
        case_sensitive: bool = False,
        required: bool = True,
    ) -> None:
        """`path`: relative to the current working directory; the file may be created later. `required`: warn if it is
        missing at the start. Other arguments as in `Env`.

        Raises `UsageError` for arguments that cannot work, and if python-dotenv is not installed.
        """
        check_names(prefix, nested, case_sensitive)
        arguments.flag("required", required)
        self._name = arguments.path("path", path)
        self.path = paths.absolute(self._name)
        self.prefix = prefix
        self.nested = nested
        self.case_sensitive = case_sensitive
        self._required = required
        self._earlier: dict[str, tuple[str, ...]] = {}
        try:
            import dotenv.main  # noqa: F401 - here, so that the thread of a load need not
        except ImportError as error:
            raise UsageError("DotEnv needs python-dotenv: pip install 'hotconf[dotenv]'") from error

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def paths(self) -> tuple[str, ...]:
        """The one file."""
        return (os.fspath(self.path),)

    @property
    def required(self) -> bool:
        """As it was given."""
        return self._required

    def __repr__(self) -> str:
        return f"DotEnv({self._name!r})"

    def way(self, path: KeyPath, *, secret: bool) -> str | None:  # noqa: ARG002 - all are set alike
        """`write APP_PORT into .env`."""
        name = name_of(path, self.prefix, self.nested, case_sensitive=self.case_sensitive)
        return name and f"write {name} into {self._name}"

    def parse(self, files: Mapping[Path, bytes]) -> TextTable:
        """The variables in it; none if it is not there. A line that is no variable is a warning."""
        data = files.get(self.path)
        if data is None:
            return self._table({}, ())
        values, lines, problems = read(data, self.path, self._name)
        found = {}
        for rest, whole, value in prefixed(values.items(), self.prefix, case_sensitive=self.case_sensitive):
            found[rest] = (value, _at(self.path, self._name, lines[whole]))
        taken = {whole for _, whole, _ in prefixed(values.items(), self.prefix, case_sensitive=self.case_sensitive)}
        others = [name for name in values if name not in taken] if self.prefix else ()
        beside = {name: _at(self.path, self._name, lines[name]) for name in others}
        return replace(self._table(found, problems), beside=beside)

    def _table(self, found: dict[str, tuple[str, Origin]], problems: tuple[Problem, ...]) -> TextTable:
        earlier = dict(self._earlier)
        for name, (text, _) in found.items():
            before = [each for each in earlier.get(name, ()) if each != text]
            self._earlier[name] = (*before, text)[-_MOST_EARLIER:]
        return TextTable(
            self._name,
            found,
            self.prefix,
            self.nested,
            self.case_sensitive,
            own=True,
            problems=problems,
            earlier=earlier,
        )


class Variables(NamedTuple):
    """What a file of variables says."""

    values: dict[str, str]
    lines: dict[str, int]
    """Where each was given last."""
    problems: tuple[Problem, ...] = ()
    """If one is an error, there are no values."""


def read(data: bytes, path: Path, name: str, encoding: str = "utf-8") -> Variables:
    """The variables in the file at `path`, which people call `name`: what `dotenv_values` would find."""
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(10, 0, error.start) + 1
        message = f"File is not {encoding.upper()}: invalid byte at line {line}"
        hint = f"save the file as {encoding.upper()}"
        problem = Problem(message, kind="encoding", hint=hint)
        return Variables({}, {}, (at_origin(problem, _at(path, name, line)),))
    return _read(text, path, name)


def _at(path: Path, name: str, line: int) -> Origin:
    return Origin(name, f"{name}:{line}", path, line)


def _read(text: str, path: Path, name: str) -> Variables:
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    values: dict[str, str | None] = {}
    known = ChainMap[str, str | None](values, dict[str, str | None](os.environ))
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    left = _MOST_REPLACED
    for number, binding in enumerate(parse_stream(io.StringIO(text))):
        if number == _MOST:
            message = f"It has more than {_MOST:,} variables and lines of comments"
            return Variables({}, {}, (Problem(message, kind="too_large", file=path, where=name),))
        original = binding.original
        begin = original.string[: len(original.string) - len(original.string.lstrip())]
        line = original.line + len(NEWLINE.findall(begin))
        if binding.key is not None and not binding.error:
            lines[binding.key] = line
            parts: list[str] = []
            for atom in parse_variables(binding.value) if binding.value and "$" in binding.value else ():
                parts.append(atom.resolve(known))
                left -= len(parts[-1])
                if left < 0:
                    message = f"Variables in variables make more than {_MOST_REPLACED:,} characters"
                    problem = Problem(message, kind="too_large", hint="write the values themselves")
                    return Variables({}, {}, (at_origin(problem, _at(path, name, line)),))
            values[binding.key] = "".join(parts) if parts else binding.value
        if binding.error or (binding.key is not None and binding.value is None):
            message, hint = _mistake(original.string)
            problem = Problem(f"{message}: the line is ignored", kind="syntax", severity="warning", hint=hint)
            problems.append(at_origin(problem, _at(path, name, line)))
    found = {key: value for key, value in values.items() if value is not None}
    return Variables(found, lines, tuple(problems))


def _mistake(text: str) -> tuple[str, str]:
    """What is wrong with a line that is no variable, and what to write."""
    begin, equals, value = text.partition("=")
    value = value.strip()
    if equals and value[:1] in ("'", '"'):
        closed = re.match(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", value, re.DOTALL)
        if closed is None:
            return "The quotes are not closed", "close it"
        return "Text after the closing quote", "put it inside the quotes, or write # before it"
    if ":" in begin and not equals:
        return "Not a variable", "write NAME=value, with = and no colon"
    return "Not a variable", "write NAME=value"
