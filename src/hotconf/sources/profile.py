"""`Profile`: tables and a file that count in one environment only, such as production.

`[profiles.NAME]` of each file counts, in the order of the files, and then the profile's own file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hotconf import arguments
from hotconf.config.layers import FILE, LayerTable
from hotconf.config.merge import merge
from hotconf.config.shape import shape_of
from hotconf.config.spelling import respell
from hotconf.errors import UsageError
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.sources.base import Choice, ProfileLayer
from hotconf.sources.files.glob import PROFILE, is_own, of_profiles
from hotconf.text import quoted

_NAME: Final = re.compile(PROFILE)
PROFILES: Final = "profiles"
"""The key of the tables."""


class Profile(ProfileLayer):
    """`[profiles.NAME]` in the files, and over it the file `config.NAME.toml` next to `config.toml`.

    It comes first among the layers. Both are files of the configuration: watched, and kept in `state_dir`.
    `config.schema.json`, which `hotconf schema --stamp` writes, is not a profile.
    """

    __slots__ = ("fixed",)

    name = "profile"
    paths = ()

    def __init__(self, name: str | None = None, *, env: str | None = None) -> None:
        """`name`: letters, digits, `_` and `-`. `env`: the environment variable that names the profile, read at each
        load; unset or empty means none.

        Raises `UsageError` unless one of the two is given.
        """
        if (name is None) == (env is None):
            raise UsageError("Profile takes a name, or env= with the variable that names it")
        given: Any = name if env is None else env  # which may be anything at all
        if not isinstance(given, str) or not (_NAME.fullmatch(given) if env is None else given and "=" not in given):
            expected = "letters, digits, _ and -" if env is None else "the name of a variable"
            raise arguments.wrong("name" if env is None else "env", given, expected)
        self.fixed = name
        self.env = env

    def __repr__(self) -> str:
        return f"Profile({self.fixed!r})" if self.env is None else f"Profile(env={self.env!r})"

    def choosing(self, name: str) -> Profile:
        """The same with that profile, whatever the variable says, which remains this layer's."""
        chosen = Profile(name)
        chosen.env = self.env
        return chosen

    def choice(self, main: Path) -> Choice | Problem:
        """Which one counts now, for this main file."""
        where = self.name if self.fixed is not None or self.env is None else f"${self.env}"
        name = self.fixed or os.environ.get(self.env or "") or None
        if name is None:
            return Choice(None, where)
        if not _NAME.fullmatch(name):
            text = f"{quoted(name[:60])} is not the name of a profile: use letters, digits, _ and - only"
            return Problem(text, kind="missing", where=where)
        file = main.with_name(f"{main.stem}.{name}{main.suffix}")
        return Choice(name, where, None if is_own(file.name) else file)

    def files(self, main: Path) -> re.Pattern[str]:
        """The paths that files of profiles have."""
        return of_profiles(main)

    def names(self, main: Path) -> tuple[str, ...]:
        """The profiles that have a file."""
        pattern, found = self.files(main), []
        with suppress(OSError):
            names = (name for name in os.listdir(main.parent) if not is_own(name))
            paths = (os.path.join(main.parent, name) for name in names)
            found = [match[1] for path in paths if (match := pattern.fullmatch(path)) and not os.path.isdir(path)]
        return tuple(sorted(found))

    def parse(self, files: Mapping[Path, bytes]) -> LayerTable:  # noqa: ARG002 - they are files of the configuration
        """Nothing more than these say."""
        return LayerTable(self.name, {})

    def lay(
        self, documents: Sequence[Document], choice: Choice, schema: Schema[Any]
    ) -> tuple[tuple[Document | LayerTable, ...], tuple[Problem, ...]]:
        """The files and tables to merge, weakest first, and what is wrong: if the profile is nowhere, for one."""
        common = [each for each in documents if each.path != choice.file]
        own = [each for each in documents if each.path == choice.file]
        tables, names = list[LayerTable](), set(choice.files)
        wrong: list[Problem] = []
        for document in common:
            given = document.table.get(PROFILES)
            wrong += _no_tables(document, given, choice.name, schema)
            if isinstance(given, dict):
                names.update(key for key, value in given.items() if isinstance(value, dict))
                if isinstance(found := given.get(choice.name or ""), dict):
                    table = respell(LayerTable(FILE, found, document, at=(PROFILES, choice.name or "")), schema)
                    tables += [table] if isinstance(table, LayerTable) else []
                    wrong += table if isinstance(table, tuple) else []
        if PROFILES not in shape_of(schema).keys:
            common = [_without(document) for document in common]
        if choice.name is not None and choice.name not in names and not own and not wrong:
            listed = f"there are {', '.join(sorted(names))}" if names else "there is none"
            text = f"There is no profile {quoted(choice.name)}: {listed}"
            from hotconf.config.suggest import did_you_mean  # only for this mistake

            file = f", or the file {choice.file.name}" if choice.file is not None else ""
            hint = did_you_mean(choice.name, sorted(names)) or f"write [{PROFILES}.{choice.name}]{file}"
            wrong.append(Problem(text, kind="missing", hint=hint, where=choice.where))
        return (*common, *tables, *own), tuple(wrong)

    def tables(self, documents: Iterable[Document]) -> Iterator[LayerTable]:
        """The tables of all profiles, whether they count or not."""
        for document in documents:
            given = document.table.get(PROFILES)
            for name, table in given.items() if isinstance(given, dict) else ():
                if isinstance(table, dict):
                    yield LayerTable(FILE, table, document, at=(PROFILES, name))


def _no_tables(document: Document, given: object, name: str | None, schema: Schema[Any]) -> Iterator[Problem]:
    """A problem where something else stands than profiles, or than the one that counts."""
    path: KeyPath = (PROFILES,)
    if isinstance(given, dict):
        path, given = (PROFILES, name or ""), given.get(name or "")
    elif name is None and PROFILES in shape_of(schema).keys:
        return
    if given is not None and not isinstance(given, dict):
        problem = Problem(
            f"{dotted(path)} is not a table", path, "schema", hint="write a table with what the profile sets"
        )
        yield merge([document]).origins.placed(problem)


def _without(document: Document) -> Document:
    if PROFILES not in document.table:
        return document
    return replace(document, table={key: value for key, value in document.table.items() if key != PROFILES})
