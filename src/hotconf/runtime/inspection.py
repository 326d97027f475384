"""Inspecting files for people: the problems of a configuration, and the texts to show them in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hotconf.core.candidate import NOTHING, Standing
from hotconf.core.redact import secrets_in
from hotconf.problems import Problem
from hotconf.runtime.load import load, problems_of
from hotconf.runtime.source import DEFAULT_MAX_BYTES, FileSet, Source
from hotconf.schema import Schema


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one load found."""

    problems: tuple[Problem, ...]
    """Errors and warnings, in file order; the files absolute."""
    files: FileSet = field(repr=False)

    def text(self, path: Path) -> str:
        """The text of the file at `path` as it was inspected; empty if it was not read."""
        return self.files.text(path)

    def secrets(self, keys: Collection[str]) -> frozenset[str]:
        """The secrets in the files that are TOML; `keys` are those that only the model knows to be secret."""
        tables = [document.table for document in self.files.documents.values()]
        kept = {"secret": [value for table in tables for value in _values(table, keys)]}
        return frozenset[str]().union(*map(secrets_in, (*tables, kept)))


def _values(value: object, keys: Collection[str]) -> Iterator[object]:
    """What stands under one of `keys`, wherever that is in `value`; it is no deeper than the parser lets it be."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in keys:
                yield inner
            else:
                yield from _values(inner, keys)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, keys)


def inspect(
    path: Path,
    schema: Schema[Any],
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    standing: Standing = NOTHING,
) -> Inspection:
    """Look at `path`, which is absolute, and its fragments as a watcher would; starts no thread.

    `instead`: bytes that count in place of what files hold, or of files that are not there. `standing`: the state
    that decides which files are gone.
    """
    large = [given for given, data in instead.items() if len(data) > DEFAULT_MAX_BYTES]
    if large:
        from hotconf.runtime.files import too_large

        return Inspection(tuple(too_large(given, DEFAULT_MAX_BYTES) for given in large), FileSet.of(path))
    result = load(Source(path, schema), standing=standing, instead=instead)
    return Inspection(problems_of(result.candidate), result.files)
