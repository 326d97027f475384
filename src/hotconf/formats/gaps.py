"""`Gap`: what is left out of a text because it cannot be read, and which errors may follow from that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hotconf.keypath import KeyPath


class Gap(NamedTuple):
    """What of a text is left out, because it cannot be read."""

    begin: int
    end: int
    instead: str
    """What stands in its place: with as many line breaks, and as long where anything follows on its last line."""
    path: KeyPath | None = None
    """The value that is missing, or the table in which something is, without places in arrays; None: anywhere."""
    exact: bool = False
    """Whether it is that value, and not something in that table."""
    complete: bool = False
    """Whether nothing is missing at all: what stands there instead says the same."""
    certain: bool = True
    """Whether everything behind it means what it meant."""


def may_follow(gaps: Iterable[Gap], path: KeyPath, *, of_all: bool, by_user: bool) -> bool:
    """Whether an error at `path` may follow from what is missing: of a table with a gap in it, or of items that may
    have moved. `of_all`: of a value that is not there, or of all that is in a table or array. `by_user`: of a
    validator, which may look at values beside its own.
    """
    names = tuple(key for key in path if isinstance(key, str))
    return any(_concerns(gap, path, names, of_all=of_all, by_user=by_user) for gap in gaps)


def _concerns(gap: Gap, path: KeyPath, names: KeyPath, *, of_all: bool, by_user: bool) -> bool:
    if gap.path is None:
        return of_all or by_user or not names
    if gap.path[: len(names)] == names or (by_user and gap.path[: len(names) - 1] == names[:-1]):
        return True
    within = names[: len(gap.path)] == gap.path
    return within and (gap.exact or of_all or by_user or _is_item(path, len(gap.path)))


def _is_item(path: KeyPath, depth: int) -> bool:
    """Whether what the first `depth` names of `path` lead to is an array."""
    left = iter(path)
    for _ in range(depth):
        while not isinstance(next(left), str):
            pass
    return isinstance(next(left, ""), int)
