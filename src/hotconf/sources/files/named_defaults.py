"""Defaults that name files: pydantic takes them as they are, so that nobody would read the file, or only once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from hotconf.config.coreschema import Field, fields, names_file
from hotconf.config.shape import Shape, shape_of
from hotconf.config.walk import bare, entries, kind_of
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath, dotted
from hotconf.schema import Schema
from hotconf.sources.files.watched_file import WatchedFile

_DEEPEST: Final = 32


def check_defaults(schema: Schema[Any]) -> None:
    """Raise `UsageError` for a default that is a path and stays one, or that holds a file which was read already."""
    for path, field, shape in _fields(shape_of(schema), (), set()):
        node = field.schema
        if node["type"] != "default":
            continue
        validated = node.get("validate_default", field.config.get("validate_default", False))
        if not validated and _is_path(_default(node), shape):
            given = "default=" if "default" in node else "default_factory="
            text = f"the default is a path that is never read: give Field({given}…, validate_default=True)"
            raise UsageError(f"{dotted(path)}: {text}")
        if _holds_read(node.get("default")):
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


def _default(node: Mapping[str, Any]) -> object:
    """What the field is without a value. A function is called; what it raises, it raises in each load, too."""
    factory = node.get("default_factory")
    if factory is None or node.get("default_factory_takes_data"):
        return node.get("default")
    with suppress(Exception):
        return factory()
    return None


def _is_path(value: Any, shape: Shape, depth: int = _DEEPEST) -> bool:
    value = bare(value)
    if isinstance(value, str | PurePath):
        others = [leaf for leaf in shape.leaves if not names_file(leaf.node)]
        return len(others) < len(shape.leaves) and not any(_takes(leaf.node, value) for leaf in others)
    form = kind_of(type(value)).form
    if not depth or form not in ("table", "array", "set"):
        return False
    held = entries(value).items() if form == "table" else enumerate(value)
    return any(
        _is_path(item, shape.child(key if isinstance(key, int) else str(key)), depth - 1) for key, item in held
    )


def _takes(node: Mapping[str, Any], value: object) -> bool:
    return node["type"] in ("str", "any") or value in node.get("expected", ()) or value in node.get("members", ())


def _holds_read(value: Any, depth: int = _DEEPEST) -> bool:
    value = bare(value)
    if isinstance(value, WatchedFile):
        return value.path.is_absolute()
    form = kind_of(type(value)).form
    if not depth or form not in ("table", "array", "set"):
        return False
    return any(_holds_read(item, depth - 1) for item in (entries(value).values() if form == "table" else value))
