"""`DotEnv`: a file of variables, as python-dotenv reads it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from hotconf import arguments
from hotconf.config.layers import TextTable
from hotconf.errors import UsageError
from hotconf.problems import Problem
from hotconf.snapshot import Origin
from hotconf.sources.base import FileLayer
from hotconf.sources.env import NESTED, check_names, prefixed
from hotconf.sources.files import paths

_MOST_EARLIER: Final = 8
"""How many earlier values of a variable are remembered."""


class DotEnv(FileLayer):
    """The variables of a `.env` file: quotes, `export`, several lines and `${OTHER}` as python-dotenv reads them.

    Names and values mean what they do in `Env`. The file is watched; a change of it is a reload.
    """

    __slots__ = ("_earlier", "_name", "case_sensitive", "nested", "path", "prefix")

    def __init__(
        self,
        path: str | os.PathLike[str] = ".env",
        prefix: str = "",
        *,
        nested: str | None = NESTED,
        case_sensitive: bool = False,
    ) -> None:
        """`path`: relative to the current working directory; the file may come later. The rest is as for `Env`.

        Raises `UsageError` for arguments that cannot work, and if python-dotenv is not installed.
        """
        check_names(prefix, nested, case_sensitive)
        self._name = arguments.path("path", path)
        self.path = paths.absolute(self._name)
        self.prefix = prefix
        self.nested = nested
        self.case_sensitive = case_sensitive
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

    def __repr__(self) -> str:
        return f"DotEnv({self._name!r})"

    def parse(self, files: Mapping[Path, bytes]) -> TextTable:
        """The variables in it; none if it is not there. A line that is no variable is a warning."""
        data = files.get(self.path)
        if data is None:
            return self._table({}, ())
        try:
            text = data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            message = f"File is not UTF-8: invalid byte at line {data.count(10, 0, error.start) + 1}"
            hint = "save the file as UTF-8"
            return self._table({}, (Problem(message, kind="encoding", file=self.path, hint=hint),))
        values, lines, problems = _read(text, self._name)
        found = {}
        for rest, whole, value in prefixed(values.items(), self.prefix, case_sensitive=self.case_sensitive):
            line = lines[whole]
            found[rest] = (value, Origin(self._name, f"{self._name}:{line}", self.path, line))
        return self._table(found, tuple(problems))

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


def _read(text: str, name: str) -> tuple[dict[str, str], dict[str, int], list[Problem]]:
    """The values, the line of each, and the lines that are no variables."""
    from dotenv.main import resolve_variables
    from dotenv.parser import parse_stream

    lines: dict[str, int] = {}
    problems: list[Problem] = []

    def given() -> Iterator[tuple[str, str]]:
        for binding in parse_stream(io.StringIO(text)):
            original = binding.original
            begin = original.string[: len(original.string) - len(original.string.lstrip())]
            line = original.line + begin.count("\n")
            if binding.key is not None and binding.value is not None and not binding.error:
                lines[binding.key] = line
                yield binding.key, binding.value
            elif binding.error or binding.key is not None:
                message, hint = "Not a variable: the line is ignored", "write NAME=value"
                problems.append(
                    Problem(message, kind="syntax", severity="warning", hint=hint, where=f"{name}:{line}")
                )

    resolved = resolve_variables(given(), override=True)
    return {key: value for key, value in resolved.items() if value is not None}, lines, problems
