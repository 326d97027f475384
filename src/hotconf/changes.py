"""`Change`: one value that differs between two configurations, fit to be shown: secrets are already masked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import islice, zip_longest
from typing import Final, final

from hotconf.keypath import KeyPath, dotted
from hotconf.text import printable, quoted, shortened

MASK: Final = "********"
"""Stands in place of a secret, whatever its length."""

_VALUE_LIMIT = 60
_SHOWN_DEPTH = 3
_DEEPEST = 100


@final
class Missing(Enum):
    """The type of `MISSING`, so that type checkers can tell it apart."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        """Short, as it is printed in changes."""
        return "MISSING"

    def __bool__(self) -> bool:
        """Absent values are false, so that `old or default` reads well."""
        return False


MISSING: Final = Missing.MISSING
"""Stands for a value that is not there at all, which is not the same as None."""


@final
class Cut(str):
    """The type of `CUT`, which distinguishes it from an ellipsis in a file."""

    __slots__ = ()


CUT: Final = Cut("…")
"""Stands for a table or an array that is too deep or too large to be shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """The value at `path` was `old` and is `new`; `MISSING` where it was absent. Secrets are masked in both."""

    path: KeyPath
    old: object
    new: object

    @property
    def dotted(self) -> str:
        """`path` as people write it."""
        return dotted(self.path)

    @property
    def cut(self) -> bool:
        """Is a table or an array in `old` or `new` left out, with an ellipsis in its place?"""
        return holds_cut(self.old) or holds_cut(self.new)

    @property
    def secret(self) -> bool:
        """Is something masked in `old` or `new`, which may look the same because of that?"""
        return any(MASK in _whole(value) for value in (self.old, self.new))

    def __str__(self) -> str:
        """`server.port: 8000 → 9000`, on one line, long values shortened, but never to the same."""
        return described(self)


def described(change: Change, most: int | None = _VALUE_LIMIT) -> str:
    """`change` as its `str`, with each value cut to that many characters; None: whole values."""
    name = change.dotted or "value"
    old, new = contrasted(change.old, change.new, most)
    if old == new:
        return f"{name}: changed ({'secret' if MASK in _whole(change.new) else 'in a part not shown'})"
    return f"{name}: {old} → {new}"


def holds_cut(value: object, depth: int = _DEEPEST) -> bool:
    """Is `CUT` somewhere in `value`, or is it so deep that it will be cut when it is shown?"""
    if not isinstance(value, Mapping | list):
        return isinstance(value, Cut)
    inner = value.values() if isinstance(value, Mapping) else value
    return not depth or any(holds_cut(item, depth - 1) for item in inner)


def shown(value: object, most: int = _VALUE_LIMIT) -> str:
    """`value` as TOML would spell it, `none` if absent, on one printable line of at most that many characters."""
    return shortened(printable(_spelled(value, _SHOWN_DEPTH, most=most + 1)), most)


def contrasted(old: object, new: object, most: int | None = _VALUE_LIMIT) -> tuple[str, str]:
    """Both as `shown`, or whole; where they would look the same, around the first difference, or `[…, "x", …]` of
    arrays.

    The same only if nothing that may be shown differs.
    """
    if most is None:
        return _whole(old), _whole(new)
    texts = shown(old, most), shown(new, most)
    if texts[0] != texts[1]:
        return texts
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        pairs = enumerate(zip_longest(map(_whole, old), map(_whole, new), fillvalue=""))
        differing = next(((at, pair) for at, pair in pairs if pair[0] != pair[1]), None)
        return texts if differing is None else _around(*differing, (len(old), len(new)), most)
    return _windows(_whole(old), _whole(new), most)


def _around(at: int, items: tuple[str, str], lengths: tuple[int, int], most: int) -> tuple[str, str]:
    """Two arrays of `lengths` whose first difference are the `items` at the index `at`; empty where there is none."""
    head = ["…"] if at else []
    cut = _windows(*items, most - len("[…, , …]"))
    before, after = (
        "[" + ", ".join([*head, *([item] if item else []), *(["…"] if length > at + 1 else [])]) + "]"
        for item, length in zip(cut, lengths, strict=True)
    )
    return before, after


def _windows(old: str, new: str, room: int) -> tuple[str, str]:
    """Two texts in `room` characters each, around their first difference."""
    shorter = min(len(old), len(new))
    at = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    far = at > room * 2 // 3 and max(len(old), len(new)) > room
    start, lead = (at - room // 3, "…") if far else (0, "")
    return shortened(lead + old[start:], room), shortened(lead + new[start:], room)


def _whole(value: object) -> str:
    return printable(_spelled(value, _DEEPEST, most=None))


def _spelled(value: object, depth: int, most: int | None) -> str:
    """`most`: how many characters and items are enough."""
    if value is None or value is MISSING:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return _spelled(value.value, depth, most)
    if isinstance(value, str):
        return str(value) if value == MASK or isinstance(value, Cut) else quoted(value[:most])
    if isinstance(value, float):
        return "nan" if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return _table(value, depth, most)
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray):
        items = (_spelled(item, depth - 1, most) for item in islice(value, most))
        return "[" + ", ".join(items) + "]" if depth else "[…]"
    return str(value)


def _table(value: Mapping[object, object], depth: int, most: int | None) -> str:
    if not depth:
        return "{…}"
    items = (
        f"{dotted((str(key),))} = {_spelled(item, depth - 1, most)}" for key, item in islice(value.items(), most)
    )
    return "{" + ", ".join(items) + "}"
