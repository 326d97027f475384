"""Going on where memory ran out for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


def retried(work: Callable[[], R]) -> R:
    """Do `work`, and once more if memory ran out: often the first try has made room by giving up.

    For what must not be left half done. `work` must be able to begin anew.
    """
    try:
        return work()
    except MemoryError:
        return work()
