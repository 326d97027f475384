"""`SettingsLayer`: what the `BaseSettings` classes of a model say, as layers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_settings import (
    DotEnvSettingsSource,
    EnvSettingsSource,
    SecretsSettingsSource,
)

from hotconf.config.declared import Declaration, Declared
from hotconf.config.decoding.mistakes import ADDRESS, OF_SERVICE
from hotconf.config.layers import LayerTable, nested
from hotconf.formats.base import is_too_deep
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.snapshot import DEFAULT
from hotconf.sources import dotenv
from hotconf.sources.base import FileLayer
from hotconf.sources.settings_class import private
from hotconf.sources.settings_class.asking import Asking, Lazily, asking
from hotconf.sources.settings_class.build import (
    Builder,
    Built,
    MovedError,
    Source,
    directories_of,
    files_of,
    names_of,
)
from hotconf.sources.settings_class.strays import Meant, Strays

_MOST_EARLIER: Final = 8
"""How many texts of a variable are remembered."""


class _Part(NamedTuple):
    """One class, and where it stands."""

    declaration: Declaration
    builder: Builder


class SettingsLayer(FileLayer):
    """The sources of all `BaseSettings` classes of a model, rebuilt for each load."""

    def __init__(self, declared: Declared, *, flags: bool) -> None:
        """`flags`: parse the command line, now and never again, where a class asks for it."""
        self._problems = declared.problems
        self._parts = [_Part(each, Builder(each.settings, flags=flags)) for each in reversed(declared.declarations)]
        self._strays = Strays()
        self._texts: dict[KeyPath, dict[str, tuple[str, ...]]] = {}
        """What each variable of the `.env` files was, the latest text last."""
        self._names: dict[Path, str] = {}
        self._read: dict[Path, tuple[bytes, tuple[Problem, ...]]] = {}
        """What was wrong with the files of variables when they were read last."""
        self._wanted: dict[Path, set[frozenset[str] | None]] = {}
        """The names of the secrets in each directory."""
        folders: dict[Path, None] = {}
        for _, builder in self._parts:
            self._names |= builder.env_files | builder.secrets_dirs
            folders |= dict.fromkeys(builder.secrets_dirs)
            for path in builder.secrets_dirs:
                self._wanted.setdefault(path, set()).add(names_of(SecretsSettingsSource(builder.settings)))
        own: list[Path] = []
        for part in self._parts:
            built = _built(part, {})
            if isinstance(built, Built):
                own += files_of(built)
                for path, source in directories_of(built):
                    folders[path] = None
                    self._wanted.setdefault(path, set()).add(names_of(source))
        files = [path for _, builder in self._parts for path in builder.env_files]
        self._paths = (
            *dict.fromkeys(os.fspath(path) for path in (*files, *own)),
            *(os.path.join(escape(os.fspath(path)), "*") for path in folders),
        )

    @property
    def name(self) -> str:
        """The class of the model, or that of the first part of it."""
        return self._parts[-1].declaration.settings.__qualname__ if self._parts else "BaseSettings"

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of variables and secrets, and those of sources of a class's own."""
        return self._paths

    @property
    def reads_itself(self) -> bool:
        """The sources do."""
        return True

    def taken(self, found: Sequence[str], schema: Schema[Any]) -> Iterable[str]:  # noqa: ARG002 - each class knows
        """Those that a field has: in a directory such as `/var/run` are others, too."""
        for path in found:
            directory, name = os.path.split(path)
            wanted = self._wanted.get(Path(directory), set())
            if None in wanted or any(name.lower() in each for each in wanted if each is not None):
                yield path

    def spelling(self, path: Path) -> str:
        """`secrets/db_password`, with the directory as the class has it."""
        folder = self._names.get(path.parent)
        return "" if folder is None else os.path.join(folder, path.name)

    def parse(self, files: Mapping[Path, bytes]) -> tuple[LayerTable, ...]:
        """What the sources say now, weakest first: those of outer classes over those of inner ones."""
        tables: list[LayerTable] = []
        wrong = {
            path: self._wrong(part, path, files[path])
            for part in self._parts
            for path in part.builder.env_files
            if path in files
        }
        for path, problems in wrong.items():
            if problems:
                tables.append(LayerTable(self._names[path], {}, problems=problems))
        broken = {path for path, problems in wrong.items() if any(each.severity == "error" for each in problems)}
        for part in self._parts:
            built = _built(part, {path: data for path, data in files.items() if path not in broken})
            if isinstance(built, Problem):
                tables.append(LayerTable(built.where, {}, problems=(built,)))
            else:
                tables += reversed([*self._said(part.declaration, built, files)])
        tables += self._strays.tables()
        if self._problems:
            tables.append(LayerTable(self.name, {}, problems=self._problems))
        return tuple(tables)

    def _wrong(self, part: _Part, path: Path, data: bytes) -> tuple[Problem, ...]:
        """What is wrong with a file of variables: python-dotenv only logs it, or never ends."""
        before = self._read.get(path)
        if before is None or before[0] != data:
            encoding = part.declaration.settings.model_config.get("env_file_encoding") or "utf-8"
            before = self._read[path] = data, dotenv.read(data, path, self._names[path], encoding).problems
        return before[1]

    def _earlier(self, path: KeyPath, source: Source, asked: Asking) -> dict[KeyPath, tuple[str, ...]]:
        """What the variables of a `.env` file were before, if they have changed."""
        if not isinstance(source, DotEnvSettingsSource):
            return {}
        before = self._texts.setdefault(path, {})
        for key, text in source.env_vars.items():
            if isinstance(text, str):
                texts = [each for each in before.get(key, ()) if each != text]
                before[key] = (*texts, text)[-_MOST_EARLIER:]
        changed = [key for key, texts in before.items() if len(texts) > 1]
        homes = asked.found.homes if changed else {}
        return {homes[key]: before[key][:-1] for key in changed if key in homes}

    def _said(self, part: Declaration, built: Built, files: Mapping[Path, bytes]) -> Iterator[LayerTable]:
        """What each source says, strongest first."""
        state: dict[str, Any] = {}
        states: dict[str, dict[str, Any]] = {}
        for place, source in enumerate((*built.over, *built.under)):
            private.tell(source, state, states)
            kind = getattr(source, "__name__", None) or type(source).__name__
            asked = asking(source, part.path, files, self._names)
            if asked is not None and type(source) is EnvSettingsSource:
                self._strays.add(part, source, asked)
            said, problems = _call(source, asked, kind, part.path)
            states[kind] = said
            if state:
                said = _without_hidden(said, state)
            state = _laid(said, state)
            if said or problems:
                under = place >= len(built.over) and not part.path
                table = _table(part, kind, said, tuple(problems), asked, source, under=under)
                yield replace(table, earlier=self._earlier(part.path, source, asked)) if asked else table
        if part.settings.model_config.get("nested_model_default_partial_update"):
            defaults = nested(part.path, private.defaults_of(part.settings))
            yield LayerTable(DEFAULT.layer, defaults, fills=part.path, plain=False)
        if part.made and part.path:
            yield LayerTable(part.settings.__qualname__, nested(part.path, {}), under=True)


def _built(part: _Part, files: Mapping[Path, bytes]) -> Built | Problem:
    """The sources of a class, or why they cannot be built."""
    name = part.declaration.settings.__qualname__
    try:
        return part.builder.build(files)
    except SystemExit:
        return Problem("The command line is not valid", part.declaration.path, "unreadable", where=name)
    except MovedError as error:
        return Problem(str(error), part.declaration.path, "unreadable", hint=error.hint, where=name)
    except BaseException as error:  # users' code
        from hotconf.system.exceptions import propagates  # imported here: only needed once users' code raises

        if propagates(error):
            raise
        text = f"The sources of {name} cannot be read: {type(error).__name__}"
        return Problem(text, part.declaration.path, "unreadable", where=name)


def _call(source: Source, asked: Asking | None, kind: str, path: KeyPath) -> tuple[dict[str, Any], list[Problem]]:
    """What a source says, and what is wrong with the rest of it."""
    try:
        said: object = source()
    except SystemExit:
        return {}, [Problem("The command line is not valid", path, "unreadable", where=kind)]
    except BaseException as error:  # a source may be users' code
        from hotconf.system.exceptions import propagates  # imported here: only needed once users' code raises

        if propagates(error):
            raise
        if asked is not None and isinstance(error, ValueError | RecursionError):
            return asked.salvaged()
        return {}, [Problem(f"Cannot be read: {type(error).__name__}", path, "unreadable", where=kind)]
    if not isinstance(said, dict) or any(type(key) is not str for key in said):
        return {}, [Problem("It does not give a table with strings as keys", path, "unreadable", where=kind)]
    if is_too_deep(said):
        wrong = Problem("Nested too deeply", path, "syntax", where=kind)
        return ({}, [wrong]) if asked is None else asked.salvaged()
    return said, []


def _table(
    part: Declaration,
    kind: str,
    said: dict[str, Any],
    problems: tuple[Problem, ...],
    asked: Asking | None,
    source: Source,
    *,
    under: bool,
) -> LayerTable:
    secret = isinstance(source, SecretsSettingsSource) or (asked is not None and asked.foreign)
    table = nested(part.path, said)
    if asked is None:
        return LayerTable(kind, table, problems=problems, under=under, plain=False)
    asked.table = said
    meant = Meant(part, source, asked) if isinstance(source, EnvSettingsSource) and not secret else None
    return LayerTable(
        asked.name,
        table,
        origins=Lazily(lambda: asked.found.origins),
        texts=Lazily(lambda: asked.found.texts),
        hints=Lazily(lambda: _hints(asked, meant)),
        problems=problems,
        secret=secret,
        under=under,
        plain=False,
    )


def _hints(asked: Asking, meant: Meant | None) -> dict[KeyPath, str]:
    """What to say of the values that are wrong, and of unknown keys."""
    services = {path: OF_SERVICE for path, text in asked.found.texts.items() if ADDRESS.fullmatch(text)}
    return services if meant is None else meant.hints | services


def _laid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` over `under`, as pydantic-settings merges them."""
    if not over or not under:
        return over or under
    both = under.copy()
    for key, value in over.items():
        below = both.get(key)
        both[key] = _laid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both


def _without_hidden(said: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`said` without the values that tables of stronger sources replace.

    pydantic-settings merges the strongest sources first: such a value does not hide the table of a third one.
    """
    kept = {}
    for key, value in said.items():
        stronger = over.get(key)
        if isinstance(stronger, dict):
            if not isinstance(value, dict):
                continue
            value = _without_hidden(value, stronger)
        kept[key] = value
    return kept
