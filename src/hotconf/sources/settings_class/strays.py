"""`Strays`: variables of the environment that have the prefix of a class, and that none of the classes uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_settings import EnvSettingsSource

from hotconf.config.declared import Declaration
from hotconf.config.decoding.decode import decode
from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.shape import shape_of
from hotconf.schema import Schema
from hotconf.sources.settings_class.asking import Asking


class Strays:
    """What was found at the last load. It is sought anew when the names have changed."""

    def __init__(self) -> None:
        self._sources: list[tuple[Declaration, EnvSettingsSource, Asking]] = []
        self._names: object = None
        self._tables: tuple[LayerTable, ...] = ()

    def add(self, part: Declaration, source: EnvSettingsSource, asked: Asking) -> None:
        """A source of this load."""
        self._sources.append((part, source, asked))

    def tables(self) -> tuple[LayerTable, ...]:
        """Empty tables with the problems of the sources that were added since the last call."""
        sources, self._sources = self._sources, []
        names = [sorted(_prefixed(source)) for _, source, _ in sources]
        if names != self._names:
            self._names = names
            self._tables = tuple(_sought(sources)) if any(names) else ()
        return self._tables


def _prefixed(source: EnvSettingsSource) -> list[str]:
    begin = _prefix(source)
    return [name for name in source.env_vars if name.startswith(begin)] if begin else []


def _prefix(source: EnvSettingsSource) -> str:
    return source.env_prefix if source.case_sensitive else source.env_prefix.lower()


def _sought(sources: list[tuple[Declaration, EnvSettingsSource, Asking]]) -> Iterator[LayerTable]:
    for part, source, asked in sources:
        begin = _prefix(source)
        unused = asked.unused(begin) if begin else []
        for _, _, other in sources:
            used = other.uses(unused) if unused and other is not asked else ()
            unused = [item for item in unused if item.key not in used]
        if unused:
            schema: Schema[Any] = Schema(part.settings)
            # As they are written: that decides the case of what is suggested.
            found = {item.origin.where[1 + len(begin) :]: (item.text or "", item.origin) for item in unused}
            texts = TextTable(
                asked.name, found, source.env_prefix, source.env_nested_delimiter, bool(source.case_sensitive)
            )
            problems = decode(texts, shape_of(schema)).problems
            yield LayerTable(asked.name, {}, problems=tuple(each for each in problems if each.severity == "warning"))
