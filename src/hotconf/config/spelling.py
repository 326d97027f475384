"""`respell`: one spelling for the keys that name one field.

They may be written with `-` where the model has `_`, if the schema says so. A layer over the files may use another
alias than the files do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge, related
from hotconf.config.shape import Shape, shape_of
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.values import NamedTuple, replace

L = TypeVar("L", Document, LayerTable)

STAMP: Final = "$schema"


def respell(
    layer: L, schema: Schema[Any], below: Mapping[str, Any] = MappingProxyType({})
) -> L | tuple[Problem, ...]:
    """`layer` with the keys that the model knows, or a problem for each key that it has in two spellings.

    A key that `below`, the table of the weaker layers, spells in another way is spelled as it is there. The same
    object if nothing is spelled differently. Keys of free tables are data and stay as they are.
    """
    if not below and not schema.kebab:
        return layer
    reading = _Reading({}, [], schema.kebab)
    table = reading.table(layer.table, shape_of(schema), (), (), below)
    if reading.clashes:
        return _problems(layer, reading.clashes)
    return replace(layer, table=table, spelled=reading.spelled) if reading.spelled else layer


def without_stamp(document: Document, schema: Schema[Any]) -> Document:
    """`document` without the `$schema` at its root by which editors find its JSON Schema, if that is no field."""
    if STAMP not in document.table or STAMP in shape_of(schema).keys:
        return document
    return replace(document, table={key: value for key, value in document.table.items() if key != STAMP})


def respelled(path: KeyPath, schema: Schema[Any]) -> KeyPath:
    """`path` as the model spells it."""
    if not schema.kebab:
        return path
    shape, found = shape_of(schema), []
    for part in path:
        name = _name(part, shape) if isinstance(part, str) else part
        shape = shape.child(name)
        found.append(name)
    return tuple(found)


class _Reading(NamedTuple):
    """One walk over a document. `written` is a path as in the file, `path` the same in the model's spelling."""

    spelled: dict[KeyPath, str]
    clashes: list[tuple[KeyPath, str]]
    """The path of each second spelling, as written, and the first one."""
    kebab: bool

    def table(
        self, given: dict[str, Any], shape: Shape, written: KeyPath, path: KeyPath, weaker: object = None
    ) -> dict[str, Any]:
        below = weaker if isinstance(weaker, Mapping) else {}
        first: dict[str, str] = {}
        table = {}
        for key, value in given.items():
            name = _name(key, shape) if self.kebab and "-" in key else key
            if below:
                name = _as_below(name, shape, below)
            if name in first:
                self.clashes.append(((*written, key), first[name]))
                continue
            first[name] = key
            if name != key:
                self.spelled[(*path, name)] = key
            if isinstance(value, dict | list):
                value = self._below(value, shape.child(name), (*written, key), (*path, name), below.get(name))
            table[name] = value
        return table

    def _below(self, value: Any, shape: Shape, written: KeyPath, path: KeyPath, weaker: object = None) -> Any:
        if isinstance(value, dict):
            return self.table(value, shape, written, path, weaker)
        if isinstance(value, list):
            return [self._below(item, shape.child(n), (*written, n), (*path, n)) for n, item in enumerate(value)]
        return value


def _name(key: str, shape: Shape) -> str:
    if shape.extras is None or key in shape.keys:
        return key
    name = key.replace("-", "_")
    return name if name in shape.keys else key


def _as_below(key: str, shape: Shape, below: Mapping[str, Any]) -> str:
    field = shape.keys.get(key)
    if key in below or field is None:
        return key
    return next((other for other in below if shape.keys.get(other) == field), key)


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
