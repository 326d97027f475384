"""`unknown_keys`: the keys of a table that no field of the model takes, and that are therefore without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hotconf.core.shape import Shape
from hotconf.keypath import KeyPath

MAX_LOOKS: Final = 1000
"""So many keys of a table that takes any are compared with the fields of the model."""

_CONTAINERS: Final = (dict, list)
_NEVER_UNKNOWN: Final = (None, "forbid")
"""What becomes of keys that no field has, where they are just data or the model's own complaint."""


def unknown_keys(table: dict[str, Any], shape: Shape) -> Iterator[tuple[KeyPath, Shape]]:
    """The path of each, in the order of `table`, with the shape of the table around it.

    A key that the model forbids is not among them: the model itself complains of it. Where the model keeps other
    keys, or a function of its own may use them, only what looks like a misspelt field counts.
    """
    looks = MAX_LOOKS
    todo: list[tuple[KeyPath, Any, Shape]] = [((), table, shape)]
    while todo:
        path, value, around = todo.pop()
        around = around.narrowed(value)
        if around.free:
            continue
        below: list[tuple[KeyPath, Any, Shape]] = []
        if isinstance(value, dict):
            keys, extras = around.keys, around.extras
            for key, item in value.items():
                inner = isinstance(item, _CONTAINERS)
                if key not in keys and extras not in _NEVER_UNKNOWN:
                    certain = extras == "ignore" or (not path and extras == "allow" and _is_astray(key, item, around))
                    if not certain and looks and not (inner and extras == "allow"):
                        looks -= 1
                        certain = _looks_misspelt(key, value, around)
                    if certain:
                        yield (*path, key), around
                        continue
                if inner:
                    below.append(((*path, key), item, around.child(key)))
        else:
            below.extend(
                ((*path, index), item, around.child(index))
                for index, item in enumerate(value)
                if isinstance(item, _CONTAINERS)
            )
        todo += reversed(below)


def _is_astray(key: str, item: object, top: Shape) -> bool:
    """Is it no table, and does the key belong to one?"""
    tables = isinstance(item, dict) or (isinstance(item, list) and any(isinstance(each, dict) for each in item))
    return not tables and key in top.homes


def _looks_misspelt(key: str, table: Mapping[str, Any], around: Shape) -> bool:
    from hotconf.core.suggest import suggest

    return suggest(key, (known for known in around.keys if known not in table)) is not None
