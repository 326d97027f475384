"""Texts that name files: each knows the directory that it is relative to, whatever layer it comes from.

That of the main file is understood: a text that is in no table, such as a default, or that a validator of the user's
has made, has no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, TypeVar

from hotconf.config.coreschema import names_file
from hotconf.config.layers import LayerTable
from hotconf.config.shape import Shape
from hotconf.formats.base import Document

L = TypeVar("L", bound=Document | LayerTable)


class Located(str):
    """A text that names a file below `base`."""

    __slots__ = ("base",)

    base: str
    """A directory; empty for the working directory."""

    def __new__(cls, text: str, base: str = "") -> Self:
        """`text` itself, which knows its `base`."""
        made = super().__new__(cls, text)
        made.base = base
        return made


def located(layer: L, shape: Shape, base: str) -> L:
    """`layer`, in which each text that the model takes for the name of a file knows that it is relative to `base`.

    `shape`: that of the root. The same object if there is no such text.
    """
    table = _located(layer.table, shape, base) if shape.names_files else layer.table
    return layer if table is layer.table else replace(layer, table=table)


def _located(value: Any, shape: Shape | None, base: str) -> Any:
    """`shape`: what the model has there; None: what an alias leads through, in which any text may name a file."""
    # Recursion is safe: the parser bounds the depth of documents.
    if type(value) is str:
        return Located(value, base) if shape is None or any(names_file(leaf.node) for leaf in shape.leaves) else value
    if shape is not None and not (shape.names_files and isinstance(value, dict | list)):
        return value
    if isinstance(value, dict):
        inside = shape if shape is None else shape.narrowed(value)
        table = {key: _located(item, _below(inside, key), base) for key, item in value.items()}
        return table if any(table[key] is not value[key] for key in table) else value
    if isinstance(value, list):
        items = [_located(item, _below(shape, place), base) for place, item in enumerate(value)]
        return items if any(item is not other for item, other in zip(items, value, strict=True)) else value
    return value


def _below(shape: Shape | None, key: str | int) -> Shape | None:
    if shape is None or (key in shape.keys and key not in shape.whole_keys):
        return None
    return shape.child(key)
