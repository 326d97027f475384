"""How much torture there is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

FULL: Final = os.environ.get("HOTCONF_TORTURE") == "full"
"""Everything, several times over; otherwise what fits beside the other tests."""
ROUNDS: Final = int(os.environ.get("HOTCONF_ROUNDS", "3"))
"""So often every scenario runs in full, each time with other dice."""

T = TypeVar("T")


def examples(all_of_them: int, bounded: int) -> int:
    """How many random examples: so many in full, otherwise as many as fit beside the other tests."""
    return all_of_them if FULL else bounded


def some(variants: Sequence[T], bounded: int) -> Sequence[T]:
    """All of them in full, otherwise so many."""
    return variants if FULL else variants[:bounded]


def thinned(all_of_them: Sequence[T], one_in: int, row: int) -> Sequence[T]:
    """All of them in full, otherwise one in so many: others in each row, so that none is left out of all rows."""
    return all_of_them if FULL else all_of_them[row % one_in :: one_in]
