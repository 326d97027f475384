"""`respell`: keys that name a field may be written with `-` where the model has `_`, if the schema says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

from hotconf.config.merge import merge, related
from hotconf.config.shape import Shape, shape_of
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema

_CONTAINERS: Final = (dict, list)


def respell(document: Document, schema: Schema[Any]) -> Document | tuple[Problem, ...]:
    """`document` with the keys that the model knows, or a problem for each key that it has in both spellings.

    The same object if nothing is spelled differently. Keys of free tables are data and stay as they are.
    """
    shape = shape_of(schema)
    if not schema.kebab or not _has_any(document.table, shape):
        return document
    reading = _Reading({}, [])
    table = reading.table(document.table, shape, (), ())
    if reading.clashes:
        return _problems(document, reading.clashes)
    return replace(document, table=table, spelled=reading.spelled) if reading.spelled else document


def _has_any(table: dict[str, Any], shape: Shape) -> bool:
    """Whether any key has to be spelled differently: hardly ever, and so found out without making anything."""
    todo: list[tuple[Any, Shape]] = [(table, shape)]
    while todo:
        value, here = todo.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if "-" in key and _name(key, here) != key:
                    return True
                if isinstance(inner, _CONTAINERS):
                    todo.append((inner, here.child(key)))
        else:
            todo += [(item, here.child(n)) for n, item in enumerate(value) if isinstance(item, _CONTAINERS)]
    return False


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

    def table(self, given: dict[str, Any], shape: Shape, written: KeyPath, path: KeyPath) -> dict[str, Any]:
        first: dict[str, str] = {}
        table = {}
        for key, value in given.items():
            name = _name(key, shape)
            if name in first:
                self.clashes.append(((*written, key), first[name]))
                continue
            first[name] = key
            if name != key:
                self.spelled[(*path, name)] = key
            if isinstance(value, dict | list):
                value = self._below(value, shape.child(name), (*written, key), (*path, name))
            table[name] = value
        return table

    def _below(self, value: Any, shape: Shape, written: KeyPath, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return self.table(value, shape, written, path)
        if isinstance(value, list):
            return [self._below(item, shape.child(n), (*written, n), (*path, n)) for n, item in enumerate(value)]
        return value


def _name(key: str, shape: Shape) -> str:
    if "-" not in key or shape.extras is None or key in shape.keys:
        return key
    name = key.replace("-", "_")
    return name if name in shape.keys else key


def _problems(document: Document, clashes: list[tuple[KeyPath, str]]) -> tuple[Problem, ...]:
    origins = merge((document,)).origins
    problems = []
    for path, first in clashes:
        message = f"Key given twice: {dotted(path)} is the same as {first}"
        problem = Problem(message, path, "schema", hint="keep one of the two")
        earlier = origins.locate((*path[:-1], first), at="key")
        if earlier is not None:
            problem = replace(problem, related=(related("first given", earlier),))
        problems.append(origins.placed(problem, at="key"))
    return tuple(problems)
