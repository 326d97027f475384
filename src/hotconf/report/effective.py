"""The effective configuration: every value that is in force, and where it was written; secrets masked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from hotconf.changes import MISSING
from hotconf.config.redaction.masking import shown
from hotconf.config.suggest import did_you_mean
from hotconf.errors import UsageError
from hotconf.formats.registry import DEFAULT as DEFAULT_FORMAT
from hotconf.keypath import dotted
from hotconf.report.ndjson import Json, plain
from hotconf.report.writing import document
from hotconf.secrets.credentials import mask_credentials
from hotconf.snapshot import DEFAULT
from hotconf.text import path_name, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hotconf.formats.base import Format
    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Origin, Snapshot

_MOST: Final = 10_000
"""How many values are searched for one of a name."""


class Origins:
    """Where the values of `snapshot` come from, by the paths under which they are shown: URLs in keys are masked."""

    __slots__ = ("_paths", "_snapshot")

    def __init__(self, snapshot: Snapshot[Any]) -> None:
        self._snapshot = snapshot
        self._paths = real_paths(snapshot)

    def written(self, path: KeyPath) -> Origin | None:
        """What says the value at `path`; None if no layer does."""
        return self._snapshot.origins.get(self._paths[path]) if path in self._paths else None

    def of(self, path: KeyPath) -> Origin:
        """The same; of what no layer says, whether it is a default or computed."""
        return self.written(path) or self._snapshot.origin(path) or DEFAULT

    def over(self, path: KeyPath) -> tuple[Origin, ...]:
        """Where weaker layers say something else, the strongest first."""
        known = self._paths.get(path)
        return () if known is None else tuple(answer.origin for answer in self._snapshot.explain(known)[1:])


class Effective:
    """The values of `snapshot`, or of it only what stands at and below `key`.

    `written_only`: leave out what no layer sets. `restart`: whether a change at a path needs a restart. Raises
    `UsageError` if there is nothing at `key`.
    """

    __slots__ = ("_key", "_origins", "_restart", "_table")

    def __init__(
        self,
        snapshot: Snapshot[Any],
        key: KeyPath = (),
        *,
        written_only: bool = False,
        restart: Callable[[KeyPath], bool] | None = None,
    ) -> None:
        whole = shown(snapshot.config, snapshot.secret_paths(), most=sys.maxsize)
        self._origins = Origins(snapshot)
        self._restart = restart
        self._key = key
        found = value_of(whole, key)
        self._table = self._written(key, found) if written_only else found
        if self._table is MISSING:
            raise UsageError(f"no file sets {dotted(key)}" if key else "no file sets anything")

    def as_text(self, form: Format = DEFAULT_FORMAT) -> str:
        """A document; in TOML and YAML a comment behind each value is its origin, `config.toml:14`, `$APP_PORT`,
        `default`, and what that overrides: `$APP_PORT, over config.toml:14`.
        """
        table: object = self._table
        for part in reversed(self._key):
            table = [table] if isinstance(part, int) else {part: table}
        whole = table if isinstance(table, Mapping) else {"value": table}
        if form.name == "JSON":
            whole = {str(key): plain(item) for key, item in whole.items()}
        return document(form, whole, self._remark)

    def as_json(self) -> Json:
        """The same for programs: `value`, and by dotted key the `origins` of what files set in it."""
        origins: dict[str, Json] = {
            dotted(path): {**origin_json(origin), "over": [origin_json(each) for each in self._origins.over(path)]}
            for path, _ in leaves(self._key, self._table)
            if (origin := self._origins.written(path)) is not None
        }
        paths = [path for path, _ in leaves(self._key, self._table)]
        needed: list[Json] = [dotted(path) for path in paths if self._restart is not None and self._restart(path)]
        found = {"key": dotted(self._key), "value": plain(self._table), "origins": origins}
        return {**found, "restart_required": needed}

    def _remark(self, path: KeyPath) -> str:
        # Of an array only one item may be shown, which then stands first in the document.
        path = (*self._key, *path[len(self._key) :])
        over = ", ".join(each.line_only for each in self._origins.over(path))
        place = self._origins.of(path).line_only
        needs = ", restart required" if self._restart is not None and self._restart(path) else ""
        return f"{place}, over {over}{needs}" if over else f"{place}{needs}"

    def _written(self, path: KeyPath, value: object) -> object:
        """`value` without what is only default; `MISSING` if nothing is left of it."""
        if isinstance(value, Mapping):
            found = {name: self._written((*path, name), item) for name, item in value.items()}
            kept = {name: item for name, item in found.items() if item is not MISSING}
            return kept if kept or self._origins.written(path) or not path else MISSING
        if (tables := _tables(value)) and self._origins.written(path):
            return [self._written((*path, index), item) for index, item in enumerate(tables)]
        return value if self._origins.written(path) else MISSING


def _tables(value: object) -> list[Mapping[str, object]]:
    """The items of an array of tables; none if `value` is no such array."""
    return value if isinstance(value, list) and all(isinstance(item, Mapping) for item in value) else []


def real_paths(snapshot: Snapshot[Any]) -> Mapping[KeyPath, KeyPath]:
    """Of what layers set, by the paths under which values are shown, in which URLs are masked."""
    return {
        tuple(mask_credentials(part) if isinstance(part, str) else part for part in path): path
        for path in snapshot.origins
    }


def origin_json(origin: Origin) -> dict[str, Json]:
    """Every field of `origin`."""
    file = None if origin.file is None else path_name(origin.file)
    return {
        "layer": origin.layer,
        "where": origin.where,
        "file": file,
        "line": origin.line,
        "column": origin.column,
    }


def leaves(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, object]]:
    """What stands in `value`, which stands at `path`, and is no table and no array of tables."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves((*path, name), item)
    elif tables := _tables(value):
        for index, table in enumerate(tables):
            yield from leaves((*path, index), table)
    else:
        yield path, value


def value_of(table: object, key: KeyPath) -> object:
    """What stands at `key` in a masked `table`. Raises `UsageError` if there is nothing."""
    value = table
    for depth, part in enumerate(key):
        inner = _under(value, part)
        if inner is MISSING:
            hint = _meant(str(part), list(map(str, value)) if isinstance(value, Mapping) else [], table, depth)
            raise UsageError(f"there is no {quoted(dotted(key[: depth + 1]))}" + (f": {hint}" if hint else ""))
        value = inner
    return value


def _meant(part: str, known: list[str], table: object, depth: int) -> str | None:
    """The hint for a key that does not exist among the `known` ones: a similar one, or one of that name elsewhere."""
    from difflib import get_close_matches

    hint = did_you_mean(part, known)
    near = None if hint else next(iter(get_close_matches(part, known, 1, 0.7)), None)
    if hint or near:
        return hint or f"did you mean {quoted(str(near))}?"
    elsewhere = [] if depth else [path for path, _ in islice(leaves((), table), _MOST) if path[-1:] == (part,)]
    return f"did you mean {quoted(dotted(elsewhere[0]))}?" if len(elsewhere) == 1 else None


def _under(value: Any, part: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(part, MISSING)
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        return value[part]
    return MISSING
