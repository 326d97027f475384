"""`Strays`: variables of the environment that have the prefix of a class, and that none of the classes uses.

`Meant`: which name was meant by one that the class does use, but has no field for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic_settings import EnvSettingsSource

from hotconf.compat import cached
from hotconf.config.declared import Declaration
from hotconf.config.decoding.decode import decode
from hotconf.config.decoding.names import all_names
from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.shape import shape_of
from hotconf.config.suggest import suggest
from hotconf.config.validation.unknown import MAX_COMPARED, Budget
from hotconf.keypath import KeyPath
from hotconf.schema import Schema
from hotconf.snapshot import Origin
from hotconf.sources.settings_class.asking import Asking

_MAX_HINTS: Final = 20
"""Names without the prefix for which all names are searched."""


class Meant:
    """Hints for the unknown keys that a source of variables gives."""

    def __init__(self, part: Declaration, source: EnvSettingsSource, asked: Asking) -> None:
        self._part = part
        self._source = source
        self._asked = asked

    @cached
    def hints(self) -> dict[KeyPath, str]:
        """By the path of each key."""
        source = self._source
        begin = _prefix(source)
        texts: dict[str, tuple[str, Origin]] = {}
        beside: dict[str, Origin] = {}
        paths: dict[str, KeyPath] = {}
        for path, item in self._asked.named():
            # The names stand in for the places: they say which problem is about which.
            origin, name = Origin(item.name, item.name), item.name
            paths[item.name] = path
            if not (name if source.case_sensitive else name.lower()).startswith(begin):
                beside[name] = origin
            elif name[len(begin) :]:
                texts[name[len(begin) :]] = item.text or "", origin
        given = TextTable(
            self._asked.name,
            texts,
            source.env_prefix,
            source.env_nested_delimiter,
            bool(source.case_sensitive),
            own=True,
            beside=beside if begin else {},
        )
        shape = shape_of(Schema(self._part.settings))
        found = {each.where: each.hint for each in decode(given, shape).problems if each.hint}
        left, known = Budget(_MAX_HINTS, MAX_COMPARED), [f"{begin}{name}" for name in all_names(shape, given)]
        for name in beside.keys() - found.keys():
            near = suggest(name, known) if left.afford(len(known)) else None
            if near is not None:
                found[name] = f"did you mean {near.upper() if name.isupper() else near}?"
        return {paths[name]: hint for name, hint in found.items() if name in paths}


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
