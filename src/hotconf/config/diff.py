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

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from itertools import chain, zip_longest
from pathlib import PurePath
from typing import Any, Final, TypeAlias

from hotconf.changes import MISSING, Change
from hotconf.config.frozen import FrozenList
from hotconf.config.redaction.masking import Masker
from hotconf.config.walk import Form, bare, entries, kind_of, reader_of, spelled
from hotconf.keypath import KeyPath
from hotconf.secrets.credentials import mask_credentials

Step: TypeAlias = str | int | None
"""A key, a position, or None for a step into a root model, which is none in the file."""
Pair: TypeAlias = tuple[Any, Any]
_Steps: TypeAlias = Iterator[tuple[Step, object, object]]

_ABSENT: Final = object()
_SIMPLE: Final = frozenset({str, int, bool})
"""Types whose `==` is sufficient."""
_SPELLED: Final = (float, complex, Decimal)
"""Types in which equal values may be written differently: 0.0 and -0.0, Decimal("1.0") and Decimal("1.00")."""
_ARRAYS: Final[frozenset[type]] = frozenset({tuple, list, FrozenList})


def equal(old: object, new: object) -> bool:
    """Is there no difference? The same answer as `not diff(old, new)`, and sooner."""
    # The pairs that were met, kept so that their ids stay theirs.
    seen: dict[tuple[int, int], Pair] = {}
    todo: list[Pair] = [(old, new)]
    while todo:
        pair = before, after = todo.pop()
        if before is after:
            continue
        cls = type(before)
        form, family = kind_of(cls)
        if cls is not type(after) and family is not kind_of(type(after)).family:
            return False
        if form == "leaf":
            if not _same(before, after):
                return False
        elif seen.setdefault((id(before), id(after)), pair) is pair:
            inner = _in_table(before, after) if form == "table" else _inside(form, before, after)
            if inner is None:
                return False
            todo += inner
    return True


def _inside(form: Form, old: Any, new: Any) -> list[Pair] | None:
    """The pairs to be compared in two containers of one kind; None if they differ already."""
    if form == "array":
        return _unlike(zip(old, new, strict=True)) if len(old) == len(new) else None
    if form == "set":
        return _matched(old, new)
    return [(old.root, new.root) if form == "wrapper" else (old.get_secret_value(), new.get_secret_value())]


def _in_table(old: Any, new: Any) -> list[Pair] | None:
    """As `_inside`, for tables, of which there are most. A plain value that differs ends it."""
    read = reader_of(type(old))
    before, after = read(old), (read if type(new) is type(old) else reader_of(type(new)))(new)
    if len(before) != len(after):
        return None
    found: list[Pair] = []
    for key, value in after.items():
        other = before.get(key, _ABSENT)
        if other is value:
            continue
        cls = type(value)
        if cls is not type(other):
            if other is _ABSENT:
                return None
        elif cls in _SIMPLE:
            if other == value:
                continue
            return None
        elif cls in _ARRAYS and _alike(other, value):
            continue
        found.append((other, value))
    return found


def _alike(old: Any, new: Any) -> bool:
    """Whether two arrays of one class hold the same plain values, found out without a step in Python for each.

    False says nothing.
    """
    kinds = list(map(type, new))
    return _SIMPLE.issuperset(kinds) and kinds == list(map(type, old)) and bool(old == new)


def _unlike(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that may differ: most of two configurations are plain values that are the same."""
    found = []
    for before, after in pairs:
        cls = type(before)
        if before is not after and not (cls in _SIMPLE and cls is type(after) and before == after):
            found.append((before, after))
    return found


class _NaN(Enum):
    NAN = "nan"


def _matched(old: Iterable[object], new: Iterable[object]) -> list[Pair] | None:
    """The items of two sets, each beside the one that is equal to it by `==`."""
    try:
        before = {_NaN.NAN if _is_nan(item) else item: item for item in old}
        after = {_NaN.NAN if _is_nan(item) else item: item for item in new}
        return [(before[key], item) for key, item in after.items()] if before.keys() == after.keys() else None
    except Exception:  # noqa: BLE001 - __hash__ and __eq__ may be the user's
        return None


def _same(old: object, new: object) -> bool:
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
    old: object, new: object, path: tuple[Step, ...], seen: dict[tuple[int, int], tuple[bool, Pair]]
) -> Iterator[tuple[KeyPath, object, object]]:
    """`seen`: whether the containers that were compared, or are being compared, differ inside."""
    pair, ids = (old, new), (id(old), id(new))
    if old is new or (len(path) == _SHALLOW and equal(old, new)):
        return
    steps = None if ids in seen else _steps(old, new)
    if steps is None:
        if seen[ids][0] if ids in seen else not equal(old, new):
            yield tuple(step for step in path if step is not None), old, new
        return
    differs = False
    seen[ids] = differs, pair
    for step, before, after in steps:
        for difference in _differences(before, after, (*path, step), seen):
            differs = True
            yield difference
    seen[ids] = differs, pair


def _steps(old: Any, new: Any) -> _Steps | None:
    """What to compare inside; None if a difference between the two is one change."""
    kind = kind_of(type(old))
    if kind.family is not kind_of(type(new)).family:
        return None
    if kind.form == "table":
        return _keys(old, new)
    if kind.form == "wrapper":
        return iter([(None, old.root, new.root)])
    if kind.form == "array" and all(_is_table(item) for item in chain(old, new)):
        return ((index, *pair) for index, pair in enumerate(zip_longest(old, new, fillvalue=MISSING)))
    return None


def _is_table(value: object) -> bool:
    return kind_of(type(bare(value))).form == "table"


def _keys(old: object, new: object) -> _Steps:
    before, after = entries(old), entries(new)
    for key, value in after.items():
        other = before.get(key, MISSING)
        cls = type(value)
        if other is value or (cls in _SIMPLE and cls is type(other) and other == value):
            continue
        yield spelled(key), other, value
    for key, value in before.items():
        if key not in after:
            yield spelled(key), value, MISSING
