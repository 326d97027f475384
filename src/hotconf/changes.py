"""`Change`: one value that differs between two configurations, fit to be shown: secrets are already masked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final, final

from hotconf.keypath import KeyPath, dotted
from hotconf.text import printable, quoted, shortened

MASK: Final = "********"
"""Stands in place of a secret, whatever its length."""

_VALUE_LIMIT = 60


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

    def __str__(self) -> str:
        """`server.port: 8000 → 9000`, on one line, long values shortened."""
        name = self.dotted or "value"
        if self.old == MASK and self.new == MASK:
            return f"{name}: changed (secret)"
        return f"{name}: {shown(self.old)} → {shown(self.new)}"


def shown(value: object) -> str:
    """`value` as TOML would spell it, `none` if absent, on one printable line of at most 60 characters."""
    return shortened(printable(_spelled(value, depth=3)), _VALUE_LIMIT)


def _spelled(value: object, depth: int) -> str:
    if value is None or value is MISSING:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return _spelled(value.value, depth)
    if isinstance(value, str):
        return value if value == MASK else quoted(value[: _VALUE_LIMIT + 1])
    if isinstance(value, float):
        return "nan" if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return _table(value, depth)
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray):
        return (
            "[" + ", ".join(_spelled(item, depth - 1) for item in islice(value, _VALUE_LIMIT)) + "]"
            if depth
            else "[…]"
        )
    return str(value)


def _table(value: Mapping[object, object], depth: int) -> str:
    if not depth:
        return "{…}"
    items = (
        f"{dotted((str(key),))} = {_spelled(item, depth - 1)}" for key, item in islice(value.items(), _VALUE_LIMIT)
    )
    return "{" + ", ".join(items) + "}"
