"""`unknown_keys`: the keys of a table that no field of the model takes, and that are therefore without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hotconf.core.shape import Shape
from hotconf.core.suggest import suggest
from hotconf.keypath import KeyPath

MAX_LOOKS: Final = 1000
"""So many keys of a table that takes any are compared with the fields of the model."""


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
        below = []
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            here = (*path, key)
            certain = _is_unknown(key, item, around)
            if certain is None and looks:
                looks -= 1
                certain = _looks_misspelt(str(key), value, around)
            if certain:
                yield here, around
            elif isinstance(item, dict | list):
                below.append((here, item, around.child(key)))
        todo.extend(reversed(below))


def _is_unknown(key: str | int, item: object, around: Shape) -> bool | None:
    """Whether no field takes `key`; None if that depends on whether it looks like one."""
    if isinstance(key, int) or key in around.keys or around.extras in (None, "forbid"):
        return False
    if around.extras == "ignore":
        return True
    return False if around.extras == "allow" and isinstance(item, dict | list) else None


def _looks_misspelt(key: str, table: Mapping[str, Any], around: Shape) -> bool:
    return suggest(key, (known for known in around.keys if known not in table)) is not None
