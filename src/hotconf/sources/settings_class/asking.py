"""Where a source found its values: it is asked with one variable, or one file, at a time.

Only that finds each place by the source's own rules: prefixes, aliases, nesting, and code of the user's. It is done
when an origin is first asked for, or something is wrong.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_settings import (
    CliSettingsSource,
    DotEnvSettingsSource,
    EnvSettingsSource,
    SecretsSettingsSource,
)

from hotconf.compat import cached
from hotconf.config.layers import at_origin
from hotconf.formats.base import is_too_deep
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.snapshot import Origin
from hotconf.sources.files.paths import absolute
from hotconf.sources.settings_class import private

V = TypeVar("V")

_FIELD = re.compile(r'field "([^"]+)"')


class TooDeepError(ValueError):
    """A value is nested more deeply than a file may be."""


class Item(NamedTuple):
    """One variable, or one file of a secret."""

    key: Any
    """What the source has for it."""
    text: str | None
    """None if it is not known before the source is asked."""
    origin: Origin
    name: str = ""
    """Of a variable: as it is written."""


class Found(NamedTuple):
    """What was found by asking."""

    origins: dict[KeyPath, Origin]
    texts: dict[KeyPath, str]
    homes: dict[Any, KeyPath]
    """Where each variable stands, by its key."""


class Asking:
    """Asks one source, about the values of one load."""

    def __init__(
        self, source: Any, name: str, path: KeyPath, items: Callable[[], Iterable[Item]], *, foreign: bool = False
    ) -> None:
        """`name`: that of its layer. Its values stand at `path`; `items` lists what it may have found them in.

        `foreign`: these come from somewhere else than the environment, most probably a vault.
        """
        self.foreign = foreign
        self._source = source
        self.name = name
        self._path = path
        self._items = items
        self.table: dict[str, Any] = {}
        """What it said."""

    @cached
    def found(self) -> Found:
        """Where each value was found."""
        origins: dict[KeyPath, Origin] = {}
        texts: dict[KeyPath, str] = {}
        homes: dict[Any, KeyPath] = {}
        for item, said in self._relevant([*self._items()]):
            if isinstance(said, ValueError):
                continue
            text = item.text
            for path, value in _paths(said):
                if path not in origins or value == _at(self.table, path):
                    origins[path] = item.origin
            path, leaf = _narrow(said)
            homes[item.key] = (*self._path, *path)
            text = leaf if text is None and isinstance(leaf, str) else text
            if text is not None and not text.lstrip().startswith("{"):
                texts[path] = text
        return Found(
            {(*self._path, *path): origin for path, origin in origins.items()},
            {(*self._path, *path): text for path, text in texts.items()},
            homes,
        )

    def salvaged(self) -> tuple[dict[str, Any], list[Problem]]:
        """What the source says without what it cannot read, and a problem for each of these."""
        items, problems = [*self._items()], []
        broken = set()
        for item, said in self._relevant(items):
            if isinstance(said, ValueError):
                broken.add(item.key)
                problems.append(_unreadable(said, item.origin, self._path))
        try:
            said = self._ask([item for item in items if item.key not in broken])
        except ValueError as error:
            said = {}
            if not problems:
                problems.append(_unreadable(error, Origin(self.name, self.name), self._path))
        return said, problems

    def named(self) -> Iterator[tuple[KeyPath, Item]]:
        """Each variable of which the source makes something, and where that stands."""
        homes = self.found.homes
        return ((homes[item.key], item) for item in self._items() if item.name and item.key in homes)

    def unused(self, begin: str) -> list[Item]:
        """The variables whose names begin so, and of which the source makes nothing."""
        items = [item for item in self._items() if item.key.startswith(begin)]
        used = {item.key for item, _ in self._relevant(items)}
        return [item for item in items if item.key not in used]

    def uses(self, items: list[Item]) -> set[Any]:
        """The keys of those of which the source makes something."""
        known = [item for item in items if item.key in self._source.env_vars]
        return {item.key for item, _ in self._relevant(known)}

    def _relevant(self, items: list[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item that the source makes something of, with that; or with why it cannot be read.

        Most variables of an environment are no settings: halves that give nothing are not looked into.
        """
        todo = [items]
        while todo:
            part = todo.pop()
            try:
                said: Any = self._ask(part) if part else {}
            except ValueError as error:  # SettingsError among them
                said = error
            if len(part) == 1 and said:
                yield part[0], said
            elif said or isinstance(said, ValueError):
                half = len(part) // 2
                todo += [part[half:], part[:half]] if half else []

    def _ask(self, items: list[Item]) -> dict[str, Any]:
        source = copy(self._source)
        if isinstance(source, SecretsSettingsSource):
            private.only(source, {item.key for item in items})
        else:
            source.env_vars = {item.key: self._source.env_vars[item.key] for item in items}
        try:
            said: dict[str, Any] = source()
        except RecursionError as error:
            raise TooDeepError from error
        if is_too_deep(said):
            raise TooDeepError
        return said


class Lazily(Mapping[KeyPath, V], Generic[V]):
    """A mapping that is worked out when it is first used."""

    __slots__ = ("_work",)

    def __init__(self, work: Callable[[], dict[KeyPath, V]]) -> None:
        self._work = work

    def __getitem__(self, path: KeyPath) -> V:
        return self._work()[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._work())

    def __len__(self) -> int:
        return len(self._work())


def asking(source: Any, path: KeyPath, files: Mapping[Path, bytes], names: Mapping[Path, str]) -> Asking | None:
    """For sources of variables and of secrets; None for others. `names`: how files and directories are written."""
    if isinstance(source, CliSettingsSource):
        return None
    if isinstance(source, DotEnvSettingsSource):
        dotenv = source
        paths = [absolute(each) for each in _listed(dotenv.env_file)]
        name = ", ".join(names.get(each, str(each)) for each in paths)
        return Asking(source, name, path, lambda: _in_files(dotenv, paths, files, names, name))
    if isinstance(source, SecretsSettingsSource):
        secrets = source
        folders = [Path(each).expanduser() for each in _listed(secrets.secrets_dir)]
        name = ", ".join(names.get(each, str(each)) for each in folders)
        return Asking(source, name, path, lambda: _secrets(folders, names, name))
    if isinstance(source, EnvSettingsSource):
        env = source
        if not private.reads_environment(source):
            name = type(source).__name__
            return Asking(source, name, path, lambda: _elsewhere(env, name), foreign=True)
        name = f"${env.env_prefix}*"
        return Asking(source, name, path, lambda: _variables(env, name))
    return None


def _variables(source: EnvSettingsSource, layer: str) -> Iterator[Item]:
    spelled = {name if source.case_sensitive else name.lower(): name for name in os.environ}
    for key, text in source.env_vars.items():
        name = spelled.get(key, key.upper())
        yield Item(key, _text(text), Origin(layer, f"${name}"), name)


def _elsewhere(source: EnvSettingsSource, layer: str) -> Iterator[Item]:
    for key, text in source.env_vars.items():
        yield Item(key, _text(text), Origin(layer, layer))


def _in_files(
    source: DotEnvSettingsSource,
    paths: Iterable[Path],
    files: Mapping[Path, bytes],
    names: Mapping[Path, str],
    layer: str,
) -> Iterator[Item]:
    lines: dict[str, tuple[Origin, str]] = {}
    for path in paths:
        text = files.get(path, b"").decode(source.env_file_encoding or "utf-8", "replace")
        for key, line in _lines(text):
            name = names.get(path, str(path))
            origin = Origin(layer, f"{name}:{line}", path, line)
            lines[key if source.case_sensitive else key.lower()] = origin, key
    for key, value in source.env_vars.items():
        yield Item(key, _text(value), *lines.get(key, (Origin(layer, layer), key)))


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """The variables of a file, and the line of each."""
    from dotenv.parser import parse_stream  # pydantic-settings has imported it

    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None:
            written = binding.original.string
            blank = written[: len(written) - len(written.lstrip())].count("\n")
            yield binding.key, binding.original.line + blank


def _secrets(folders: Iterable[Path], names: Mapping[Path, str], layer: str) -> Iterator[Item]:
    for folder in folders:
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in found:
            where = os.path.join(names.get(folder, str(folder)), path.name)
            yield Item(path, None, Origin(layer, where, path))


def _listed(given: Any) -> list[Any]:
    return [given] if isinstance(given, str | os.PathLike) else [*(given or ())]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _paths(said: dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """All values in a table, tables included."""
    todo: list[tuple[KeyPath, Any]] = [((), said)]
    while todo:
        path, value = todo.pop()
        if path:
            yield path, value
        if isinstance(value, dict):
            todo += [((*path, key), inner) for key, inner in value.items()]


def _narrow(said: dict[str, Any]) -> tuple[KeyPath, Any]:
    """What a table with one value holds, and where; the first table with more keys."""
    path: KeyPath = ()
    value: Any = said
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path = (*path, key)
    return path, value


def _at(table: Any, path: KeyPath) -> Any:
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _unreadable(error: ValueError, origin: Origin, path: KeyPath) -> Problem:
    """What is wrong with one variable; never its text."""
    if isinstance(error, TooDeepError):
        return at_origin(Problem("Nested too deeply", path, "syntax"), origin)
    cause = error.__cause__ or error
    field = _FIELD.search(str(error))
    path = (*path, field[1]) if field else path
    if isinstance(cause, JSONDecodeError):
        message = f"Invalid JSON: {cause.msg.removesuffix(' at')} at column {cause.colno}"
        return at_origin(Problem(message, path, "syntax", hint="write it as JSON"), origin)
    return at_origin(Problem(f"Cannot be read: {type(cause).__name__}", path, "unreadable"), origin)
