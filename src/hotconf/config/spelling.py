"""`respell`: one spelling for the keys that name one field, the first that the model accepts.

A field may have several aliases, and be written with `-` where the model has `_`, if the schema says so. Without one
spelling for all layers, a weak layer's could beat a strong one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hotconf.changes import MISSING
from hotconf.config.layers import LayerTable, related
from hotconf.config.merge import merge
from hotconf.config.shape import Shape, shape_of
from hotconf.errors import UsageError
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema

if TYPE_CHECKING:
    from hotconf.config.ways import Home

L = TypeVar("L", bound=Document | LayerTable)

STAMP: Final = "$schema"


def respell(layer: L, schema: Schema[Any], whole: Mapping[str, Any] | None = None) -> L | tuple[Problem, ...]:
    """`layer` in the first spelling of each key, or a problem for each key that it has in two.

    `whole`: what all layers say. It may have the tags of unions whose members order the names of a field differently.

    Null where the model takes only a table becomes an empty one: a block whose lines are comments. The same object if
    nothing changes. Keys of free tables are data and stay as they are.
    """
    shape = shape_of(schema)
    nulls = _has_nulls(layer)
    if not (nulls or schema.kebab or shape.aliased):
        return layer
    reading = _Reading(kebab=schema.kebab, nulls=nulls)
    table = reading.table(layer.table, shape, (), (), whole)
    if reading.clashes:
        return _problems(layer, reading.clashes)
    changes: dict[str, Any] = {}
    if reading.changed:
        as_written = (layer if isinstance(layer, LayerTable) else LayerTable.of_file(layer)).as_written
        again = {path: as_written(there) for path, there in reading.spelled.items()}
        changes = {"table": table, "spelled": {**layer.spelled, **again}}
    if shape.forked and (removes := getattr(layer, "removes", None)):
        changes["removes"] = removes | _removed_with(removes, table, shape)
    return replace(layer, **changes) if changes else layer


def _has_nulls(layer: Document | LayerTable) -> bool:
    """Whether a null of its stands for a table."""
    return layer.plain if isinstance(layer, LayerTable) else layer.format.nulls


def without_stamp(document: Document, schema: Schema[Any]) -> Document:
    """`document` without the `$schema` at its root by which editors find its JSON Schema, if that is no field."""
    if STAMP not in document.table or STAMP in shape_of(schema).keys:
        return document
    return replace(document, table={key: value for key, value in document.table.items() if key != STAMP})


def respelled(path: KeyPath, schema: Schema[Any]) -> KeyPath:
    """`path` in the spelling of the layers."""
    shape, found = shape_of(schema), []
    for part in path:
        name = _name(part, shape, kebab=schema.kebab) if isinstance(part, str) else part
        shape = shape.child(name)
        found.append(name)
    return tuple(found)


def selected(path: KeyPath, schema: Schema[Any]) -> KeyPath:
    """`path` as the model spells it.

    Raises `UsageError` if a table on the way has fields only, and none of the name that `path` gives: the key of a
    field or its name in the model. Where the model leaves open what may stand there, anything may.
    """
    path = respelled(path, schema)
    shape = shape_of(schema)
    for depth, key in enumerate(path, start=1):
        keys = {name: key for key, name in shape.keys.items()} | {key: key for key in shape.keys}
        if isinstance(key, str) and key not in keys and shape.extras in ("forbid", "ignore"):
            from hotconf.config.suggest import did_you_mean  # only for this mistake

            hint = did_you_mean(key, keys)
            text = f"{dotted(path)} can never change: the model has no {dotted(path[:depth])}"
            raise UsageError(text if hint is None else f"{text}; {hint}")
        shape = shape.child(keys.get(key, key) if isinstance(key, str) else key)
    return path


class _Reading:
    """One walk over a layer. `written` is a path as in the layer, `path` the same in the first spelling."""

    def __init__(self, *, kebab: bool, nulls: bool) -> None:
        self.spelled: dict[KeyPath, KeyPath] = {}
        self.clashes: list[tuple[KeyPath, str]] = []
        """The path of each second spelling, as written, and the first one."""
        self.changed = False
        self._kebab = kebab
        self._nulls = nulls

    def table(
        self, given: dict[str, Any], shape: Shape, written: KeyPath, path: KeyPath, whole: object = None
    ) -> dict[str, Any]:
        known: Any = whole if isinstance(whole, dict) else {}
        shape = shape.narrowed(given if any(key in given for key in shape.discriminators) else known)
        first: dict[str, str] = {}
        table = {}
        for key, value in given.items():
            name = _name(key, shape, kebab=self._kebab)
            if name in first:
                self.clashes.append(((*written, key), first[name]))
                continue
            first[name] = key
            if name != key:
                self.spelled[(*path, name)] = (*written, key)
                self.changed = True
            table[name] = self._value(value, shape.child(name), (*written, key), (*path, name), known.get(name))
        if shape.forked:
            from hotconf.config.ways import homes_of  # late: few models have such fields

            for home in homes_of(shape):
                self._bring_home(home, table, lambda key: (*written, first.get(key, key)), path)
        return table

    def _value(self, value: Any, shape: Shape, written: KeyPath, path: KeyPath, whole: object = None) -> Any:
        if isinstance(value, dict):
            return self.table(value, shape, written, path, whole)
        if isinstance(value, list):
            return [self._value(item, shape.child(n), (*written, n), (*path, n)) for n, item in enumerate(value)]
        if value is None and self._nulls and shape.only_tables:
            self.changed = True
            return {}
        return value

    def _bring_home(
        self, home: Home, table: dict[str, Any], written: Callable[[str], KeyPath], path: KeyPath
    ) -> None:
        """Put what the model would read in `table` where the field stands in all layers."""
        from hotconf.config.ways import at

        way = next((way for way in home.ways if at(table, way) is not MISSING), home.path)
        value, here = at(table, way), table
        if way == home.path:
            return
        head, target = written(str(way[0])), (*path, *home.path)
        for length, key in enumerate(map(str, home.path[:-1]), 1):
            if key not in here:
                here[key] = {}
                self.spelled[(*path, *home.path[:length])] = head
            here = here[key]
            if type(here) is not dict:
                return  # the model would find nothing there
        self.spelled = {each: there for each, there in self.spelled.items() if each[: len(target)] != target}
        self.spelled[target] = (*head, *way[1:])
        here[str(home.path[-1])] = self._value(value, home.shape, self.spelled[target], target)
        self.changed = True


def _removed_with(removes: Iterable[KeyPath], table: dict[str, Any], shape: Shape) -> frozenset[KeyPath]:
    """What else a layer removes that removes a way of a field, or what it leads through."""
    from hotconf.config.ways import at, removed

    return frozenset(home for path in removes for home in removed(path, shape) if at(table, home) is MISSING)


def _name(key: str, shape: Shape, *, kebab: bool) -> str:
    if shape.extras is None:
        return key
    keys = shape.keys
    if kebab and "-" in key and key not in keys and (name := key.replace("-", "_")) in keys:
        key = name
    return shape.spellings.get(key, key)


def _problems(layer: Document | LayerTable, clashes: list[tuple[KeyPath, str]]) -> tuple[Problem, ...]:
    origins = merge((layer,)).origins
    problems = []
    for path, first in clashes:
        message = f"Key given twice: {dotted(path)} is the same as {first}"
        problem = Problem(message, path, "schema", hint="keep one of the two")
        earlier = origins.locate((*path[:-1], first), at="key")
        if earlier is not None:
            problem = replace(problem, related=(related("first given", earlier),))
        problems.append(origins.placed(problem, at="key"))
    return tuple(problems)
