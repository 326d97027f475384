"""What differs between two configurations, by key path. Equality is an empty difference.

Rule 1: scalars are equal if they are of one type and `==` says True; NaN equals NaN. What `==` ignores counts: the
sign of zero, the digits of a Decimal, the UTC offset of a time, the case of a Windows path, the text or number of a
str, bytes or int whose class has a `==` of its own. A `==` that raises, or returns anything else, means unequal.
Rule 2: dicts are equal whatever their class and order; lists whatever their class; a set is equal to a frozenset.
        Everything else has to be of one class: a list is not a tuple, a model not another model.
Rule 3: a value is equal to itself.
Rule 4: cycles end: two of them are equal if no walk can tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from itertools import chain, zip_longest
from pathlib import PurePath
from typing import Any, Final, TypeAlias

from hotconf.changes import MISSING, Change
from hotconf.config.frozen import FrozenList
from hotconf.config.redaction.masking import Masker
from hotconf.config.walk import Key, bare, entries, kind_of, spelled
from hotconf.keypath import KeyPath
from hotconf.secrets.credentials import mask_credentials

_Part: TypeAlias = tuple[Key | int | None, Any, Any]
"""A key, a position, or None for what has none in the file; and what stands there before and after."""

_SIMPLE: Final = frozenset({str, int, bool})
"""Types whose `==` is sufficient."""
_SPELLED: Final = (float, complex, Decimal)
"""Types in which equal values may be written differently: 0.0 and -0.0, Decimal("1.0") and Decimal("1.00")."""
_ARRAYS: Final[frozenset[type]] = frozenset({tuple, list, FrozenList})


def equal(old: object, new: object) -> bool:
    """Is there no difference? The same answer as `not diff(old, new)`, and sooner."""
    # The pairs that were met, kept so that their ids stay theirs.
    seen: dict[tuple[int, int], _Part] = {}
    todo: list[_Part] = [(None, old, new)]
    while todo:
        part = _, before, after = todo.pop()
        if before is after:
            continue
        inside = _inside(before, after)
        if inside is None:
            if not _same(before, after):
                return False
        elif seen.setdefault((id(before), id(after)), part) is part:
            todo += inside
    return True


def _inside(old: Any, new: Any) -> list[_Part] | None:
    """What may differ in two containers of one kind, in order; None if they are not such."""
    form, family = kind_of(type(old))
    if form == "leaf" or family is not kind_of(type(new)).family:
        return None
    if form == "table":
        return _in_tables(entries(old), entries(new))
    if form == "array":
        pairs = () if type(old) is type(new) and _alike(old, new) else zip_longest(old, new, fillvalue=MISSING)
        return [(index, *pair) for index, pair in enumerate(pairs) if not _plainly_same(*pair)]
    if form == "set":
        return _matched(old, new)
    return [
        (None, old.root, new.root) if form == "wrapper" else (None, old.get_secret_value(), new.get_secret_value())
    ]


def _in_tables(old: Mapping[Key, object], new: Mapping[Key, object]) -> list[_Part]:
    found: list[_Part] = []
    for key, value in new.items():
        other = old.get(key, MISSING)
        if other is not value:
            cls = type(value)
            alike = cls is type(other) and (
                other == value if cls in _SIMPLE else cls in _ARRAYS and _alike(other, value)
            )
            if not alike:
                found.append((key, other, value))
    if old.keys() != new.keys():
        found += [(key, value, MISSING) for key, value in old.items() if key not in new]
    return found


def _alike(old: Any, new: Any) -> bool:
    """Whether two arrays hold the same plain values, found out without a step in Python for each.

    False says nothing.
    """
    kinds = list(map(type, new))
    return _SIMPLE.issuperset(kinds) and kinds == list(map(type, old)) and bool(old == new)


def _plainly_same(old: object, new: object) -> bool:
    """Whether two values are plain and the same, as most in two configurations are."""
    cls = type(new)
    return old is new or (cls in _SIMPLE and cls is type(old) and old == new)


class _NaN(Enum):
    NAN = "nan"


def _matched(old: Iterable[object], new: Iterable[object]) -> list[_Part] | None:
    """The items of two sets, each beside the one that is equal to it by `==`; None if one has none."""
    try:
        before = {_NaN.NAN if _is_nan(item) else item: item for item in old}
        after = {_NaN.NAN if _is_nan(item) else item: item for item in new}
        same = before.keys() == after.keys()
        return [(None, before[key], item) for key, item in after.items()] if same else None
    except Exception:  # noqa: BLE001 - __hash__ and __eq__ may be the user's
        return None


def _same(old: object, new: object) -> bool:
    """Rule 1, for two values of which nothing can be compared inside."""
    if type(old) is not type(new) or kind_of(type(old)).form != "leaf":
        return False
    try:
        if isinstance(old, _SPELLED) and repr(old) == repr(new):
            return True
        if (old == new) is True and not isinstance(old, _SPELLED):
            return _reads_alike(old, new)
        return _is_nan(old) and _is_nan(new)
    except Exception:  # noqa: BLE001 - __eq__ may be the user's
        return False


def _reads_alike(old: Any, new: Any) -> bool:
    """Whether two values of one class, whose `==` says True, are written alike: it may ignore what readers see."""
    if isinstance(old, datetime | time):
        return bool(old.isoformat() == new.isoformat())
    if isinstance(old, PurePath | range):
        return str(old) == str(new)
    base = next((base for base in (str, bytes, int) if isinstance(old, base)), None)
    return base is None or base.__eq__(old, new)


def _is_nan(value: object) -> bool:
    return isinstance(value, float | Decimal) and value != value


def diff(old: object, new: object) -> tuple[Change, ...]:
    """What differs, secrets masked, in the order of `new`; what was removed comes last in its table.

    A table or value that was added or removed is one change, with `MISSING` on the other side. Arrays of tables are
    compared item by item, and an item too many is one change; any other array is one change, whole, as is what is of
    another class than before. What stands in several places is compared in depth at the first only.
    """
    mask = Masker()
    return tuple(
        Change(_shown(path), mask(path, before), mask(path, after))
        for path, before, after in _differences(old, new, (), {})
    )


def _shown(path: KeyPath) -> KeyPath:
    return tuple(mask_credentials(key) if isinstance(key, str) else key for key in path)


_SHALLOW: Final = 2
"""The level at which whole tables are compared first: most of a configuration stays as it is, and that is soon seen.
Above it are the root and its tables, of which some do differ, and would be compared twice."""


def _differences(
    old: object, new: object, path: KeyPath, seen: dict[tuple[int, int], tuple[bool, object, object]]
) -> Iterator[tuple[KeyPath, object, object]]:
    """`seen`: whether the containers that were compared, or are being compared, differ inside."""
    ids = id(old), id(new)
    if old is new or (len(path) == _SHALLOW and equal(old, new)):
        return
    steps = None if ids in seen else _steps(old, new)
    if steps is None:
        if seen[ids][0] if ids in seen else not equal(old, new):
            yield path, old, new
        return
    differs = False
    seen[ids] = differs, old, new  # kept, so that their ids stay theirs
    for step, before, after in steps:
        below = path if step is None else (*path, step if isinstance(step, int) else spelled(step))
        for difference in _differences(before, after, below, seen):
            differs = True
            yield difference
    seen[ids] = differs, old, new


def _steps(old: Any, new: Any) -> list[_Part] | None:
    """What to compare inside; None if a difference between the two is one change."""
    inside, form = _inside(old, new), kind_of(type(old)).form
    if inside is None or form in ("table", "wrapper"):
        return inside
    return inside if form == "array" and all(map(_is_table, chain(old, new))) else None


def _is_table(value: object) -> bool:
    return kind_of(type(bare(value))).form == "table"
