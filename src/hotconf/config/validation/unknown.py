"""`unknown_keys`: the keys of a table that no field of the model takes, and that are therefore without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from hotconf.config.shape import Shape
from hotconf.keypath import KeyPath

MAX_WORDS: Final = 1000
"""How many keys of tables that take any are compared with the fields of the model."""

MAX_COMPARED: Final = 10_000
"""How many pairs of such a key and a field are compared."""

_CONTAINERS: Final = (dict, list)
_NEVER_UNKNOWN: Final = (None, "forbid")
"""What becomes of keys that no field has, where they are just data or the model's own complaint."""


class Budget:
    """How many more words, and pairs of words, may be compared."""

    def __init__(self, words: int, pairs: int) -> None:
        self._words, self._pairs = words, pairs

    def afford(self, others: int) -> bool:
        """Whether one more word may be compared with this many `others`; if so, they count."""
        if not self._words or self._pairs < others:
            return False
        self._words -= 1
        self._pairs -= others
        return True


def unknown_keys(table: dict[str, Any], shape: Shape) -> Iterator[tuple[KeyPath, Shape]]:
    """The path of each, in the order of `table`, with the shape of the table around it.

    A key that the model forbids is not among them: the model itself complains of it. Where the model keeps other
    keys, or a function of its own may use them, only what looks like a misspelt field counts.
    """
    left = Budget(MAX_WORDS, MAX_COMPARED)
    todo: list[tuple[KeyPath, Any, Shape]] = [((), table, shape)]
    while todo:
        path, value, around = todo.pop()
        around = around.narrowed(value)
        if around.keyless:
            continue
        unknown: set[str] = set()
        if isinstance(value, dict) and around.extras not in _NEVER_UNKNOWN and not value.keys() <= around.keys.keys():
            for key in value:
                if key not in around.keys and _is_unknown(key, value, around, path, left):
                    unknown.add(key)
                    yield (*path, key), around
        todo += reversed(_below(path, value, around, unknown))


def _is_unknown(key: str, table: Mapping[str, Any], around: Shape, path: KeyPath, left: Budget) -> bool:
    """Whether a key that no field has is without effect, or surely meant to be a field's."""
    item, extras = table[key], around.extras
    if extras == "ignore" or (not path and extras == "allow" and _is_astray(key, item, around)):
        return True
    if extras == "allow" and isinstance(item, _CONTAINERS):
        return False
    return left.afford(len(around.keys)) and _looks_misspelt(key, table, around)


def _below(path: KeyPath, value: Any, around: Shape, unknown: set[str]) -> list[tuple[KeyPath, Any, Shape]]:
    """What in `value` may hold unknown keys, but for what is unknown itself."""
    if isinstance(value, list):
        items = zip(count(), value, around.items())
        return [((*path, n), item, shape) for n, item, shape in items if item and isinstance(item, _CONTAINERS)]
    inner = around.branches
    if inner is not None and inner.isdisjoint(value):
        return []
    return [
        ((*path, key), item, around.child(key))
        for key, item in value.items()
        if item and (inner is None or key in inner) and isinstance(item, _CONTAINERS) and key not in unknown
    ]


def _is_astray(key: str, item: object, top: Shape) -> bool:
    """Is it no table, and does the key belong to one?"""
    tables = isinstance(item, dict) or (isinstance(item, list) and any(isinstance(each, dict) for each in item))
    return not tables and key in top.homes


def _looks_misspelt(key: str, table: Mapping[str, Any], around: Shape) -> bool:
    from hotconf.config.suggest import suggest

    return suggest(key, (known for known in around.keys if known not in table)) is not None
