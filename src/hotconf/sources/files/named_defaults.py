"""Defaults that name files: pydantic takes them as they are, so that nobody would read the file, or only once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from pydantic_core import PydanticUndefined

from hotconf.config.coreschema import Field, fields, names_file
from hotconf.config.shape import Shape, shape_of
from hotconf.config.walk import entries, kind_of
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath, dotted
from hotconf.schema import Schema
from hotconf.sources.files.watched_file import WatchedFile

_DEEPEST: Final = 32


def check_defaults(schema: Schema[Any]) -> None:
    """Raise `UsageError` for a default that is a path and stays one, or that holds a file which was read already."""
    for path, field, shape in _fields(shape_of(schema), (), set()):
        node = field.schema
        value = node.get("default", PydanticUndefined) if node["type"] == "default" else PydanticUndefined
        if value is PydanticUndefined:
            continue
        validated = node.get("validate_default", field.config.get("validate_default", False))
        if not validated and _is_path(value, shape):
            text = "the default is a path, and nobody reads it: give Field(default=…, validate_default=True)"
            raise UsageError(f"{dotted(path)}: {text}")
        if _holds_read(value):
            text = "the default holds a file that was read when it was made, and never again: give default_factory=…"
            raise UsageError(f"{dotted(path)}: {text}")


def _fields(shape: Shape, path: KeyPath, seen: set[Shape]) -> Iterator[tuple[KeyPath, Field, Shape]]:
    """The fields here and below in which a file may be named."""
    if shape in seen or not shape.names_files:
        return
    seen.add(shape)
    for leaf in shape.leaves:
        for field in fields(leaf):
            inside = shape.names[field.name]
            if inside.names_files:
                key = field.keys[0][0] if field.keys else field.name
                yield (*path, key), field, inside
                yield from _fields(inside, (*path, key), seen)
    for inside in shape.inner:
        yield from _fields(inside, (*path, "*"), seen)


def _is_path(value: object, shape: Shape, depth: int = _DEEPEST) -> bool:
    if isinstance(value, str | PurePath):
        others = [leaf for leaf in shape.leaves if not names_file(leaf.node)]
        return len(others) < len(shape.leaves) and not any(_takes(leaf.node, value) for leaf in others)
    if not depth:
        return False
    if isinstance(value, Mapping):
        return any(_is_path(item, shape.child(str(key)), depth - 1) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(_is_path(item, shape.child(place), depth - 1) for place, item in enumerate(value))
    return isinstance(value, set | frozenset) and any(_is_path(item, shape.child(0), depth - 1) for item in value)


def _takes(node: Mapping[str, Any], value: object) -> bool:
    return node["type"] in ("str", "any") or value in node.get("expected", ()) or value in node.get("members", ())


def _holds_read(value: Any, depth: int = _DEEPEST) -> bool:
    if isinstance(value, WatchedFile):
        return value.path.is_absolute()
    form = kind_of(type(value)).form
    if not depth or form not in ("table", "array", "set"):
        return False
    return any(_holds_read(item, depth - 1) for item in (entries(value).values() if form == "table" else value))
