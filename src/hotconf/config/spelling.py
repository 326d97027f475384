"""`respell`: one spelling for the keys that name one field, the first that the model accepts.

A field may have several aliases, and be written with `-` where the model has `_`, if the schema says so. Without one
spelling for all layers, a weak layer's could beat a strong one's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge, related
from hotconf.config.shape import Shape, shape_of
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema

L = TypeVar("L", Document, LayerTable)

STAMP: Final = "$schema"


def respell(layer: L, schema: Schema[Any]) -> L | tuple[Problem, ...]:
    """`layer` in the first spelling of each key, or a problem for each key that it has in two.

    Null where the model takes only a table becomes an empty one: a block whose lines are comments. The same object if
    nothing changes. Keys of free tables are data and stay as they are.
    """
    shape = shape_of(schema)
    nulls = _has_nulls(layer)
    if not (nulls or schema.kebab or shape.aliased):
        return layer
    reading = _Reading(kebab=schema.kebab, nulls=nulls)
    table = reading.table(layer.table, shape, (), ())
    if reading.clashes:
        return _problems(layer, reading.clashes)
    if not reading.changed:
        return layer
    return replace(layer, table=table, spelled={**layer.spelled, **reading.spelled})


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


class _Reading:
    """One walk over a layer. `written` is a path as in the layer, `path` the same in the first spelling."""

    def __init__(self, *, kebab: bool, nulls: bool) -> None:
        self.spelled: dict[KeyPath, str] = {}
        self.clashes: list[tuple[KeyPath, str]] = []
        """The path of each second spelling, as written, and the first one."""
        self.changed = False
        self._kebab = kebab
        self._nulls = nulls

    def table(self, given: dict[str, Any], shape: Shape, written: KeyPath, path: KeyPath) -> dict[str, Any]:
        shape = shape.narrowed(given)
        first: dict[str, str] = {}
        table = {}
        for key, value in given.items():
            name = _name(key, shape, kebab=self._kebab)
            if name in first:
                self.clashes.append(((*written, key), first[name]))
                continue
            first[name] = key
            if name != key:
                self.spelled[(*path, name)] = key
                self.changed = True
            table[name] = self._value(value, shape, name, (*written, key), (*path, name))
        return table

    def _value(self, value: Any, around: Shape, key: str | int, written: KeyPath, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return self.table(value, around.child(key), written, path)
        if isinstance(value, list):
            inside = around.child(key)
            return [self._value(item, inside, n, (*written, n), (*path, n)) for n, item in enumerate(value)]
        if value is None and self._nulls and around.child(key).only_tables:
            self.changed = True
            return {}
        return value


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
