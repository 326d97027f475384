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


def some(variants: Sequence[T], bounded: int) -> Sequence[T]:
    """All of them in full, otherwise so many."""
    return variants if FULL else variants[:bounded]
