"""The effective configuration: every value that is in force, and where it was written; secrets masked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hotconf.changes import MISSING
from hotconf.config.redaction.masking import shown
from hotconf.config.suggest import did_you_mean
from hotconf.errors import UsageError
from hotconf.keypath import dotted
from hotconf.report import toml
from hotconf.report.ndjson import Json, plain
from hotconf.secrets.credentials import mask_credentials
from hotconf.snapshot import DEFAULT
from hotconf.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Origin, Snapshot


class Effective:
    """The values of `snapshot`, or of it only what stands at and below `key`.

    `written_only`: leave out what no layer sets. Raises `UsageError` if there is nothing at `key`.
    """

    __slots__ = ("_key", "_origins", "_table")

    def __init__(self, snapshot: Snapshot[Any], key: KeyPath = (), *, written_only: bool = False) -> None:
        whole = shown(snapshot.config, most=sys.maxsize)
        self._origins = _origins(snapshot)
        self._key = key
        found = _at(whole, key)
        self._table = self._written(key, found) if written_only else found
        if self._table is MISSING:
            raise UsageError(f"no file sets {dotted(key)}" if key else "no file sets anything")

    def as_toml(self) -> str:
        """A TOML document; a comment behind each value is its origin: `config.toml:14`, `default`, a layer."""
        table: object = self._table
        for part in reversed(self._key):
            table = [table] if isinstance(part, int) else {part: table}
        return toml.document(table if isinstance(table, Mapping) else {"value": table}, self._remark)

    def as_json(self) -> Json:
        """The same for programs: `value`, and by dotted key the `origins` of what files set in it."""
        origins: dict[str, Json] = {
            dotted(path): _origin(origin)
            for path in _leaves(self._key, self._table)
            if (origin := self._origins.get(path)) is not None
        }
        return {"key": dotted(self._key), "value": plain(self._table), "origins": origins}

    def _remark(self, path: KeyPath) -> str:
        # Of an array only one item may be shown, which then stands first in the document.
        origin = self._origins.get((*self._key, *path[len(self._key) :]), DEFAULT)
        return origin.where if origin.column is None else origin.where.removesuffix(f":{origin.column}")

    def _written(self, path: KeyPath, value: object) -> object:
        """`value` without what is only default; `MISSING` if nothing is left of it."""
        if isinstance(value, Mapping):
            found = {name: self._written((*path, name), item) for name, item in value.items()}
            kept = {name: item for name, item in found.items() if item is not MISSING}
            return kept if kept or path in self._origins or not path else MISSING
        if (tables := _tables(value)) and path in self._origins:
            return [self._written((*path, index), item) for index, item in enumerate(tables)]
        return value if path in self._origins else MISSING


def _tables(value: object) -> list[Mapping[str, object]]:
    """The items of an array of tables; none if `value` is no such array."""
    return value if isinstance(value, list) and all(isinstance(item, Mapping) for item in value) else []


def _origins(snapshot: Snapshot[Any]) -> Mapping[KeyPath, Origin]:
    """The origins by the paths under which values are shown, in which URLs are masked."""
    origins = snapshot.origins
    return {
        tuple(mask_credentials(part) if isinstance(part, str) else part for part in path): origin
        for path, origin in origins.items()
    }


def _origin(origin: Origin) -> Json:
    file = None if origin.file is None else str(origin.file)
    return {
        "layer": origin.layer,
        "where": origin.where,
        "file": file,
        "line": origin.line,
        "column": origin.column,
    }


def _leaves(path: KeyPath, value: object) -> Iterator[KeyPath]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves((*path, name), item)
    elif tables := _tables(value):
        for index, table in enumerate(tables):
            yield from _leaves((*path, index), table)
    else:
        yield path


def _at(table: object, key: KeyPath) -> object:
    value = table
    for depth, part in enumerate(key):
        inner = _under(value, part)
        if inner is MISSING:
            known = map(str, value) if isinstance(value, Mapping) else ()
            hint = did_you_mean(str(part), known)
            raise UsageError(f"there is no {quoted(dotted(key[: depth + 1]))}" + (f": {hint}" if hint else ""))
        value = inner
    return value


def _under(value: Any, part: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(part, MISSING)
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        return value[part]
    return MISSING
