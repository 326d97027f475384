"""How long a stop may take: one budget for the process, not for each watcher.

However many watchers are closed, one by one, together or at exit, and whatever hangs: all their closes together wait
for `BUDGET_S`, plus a moment each for idle threads. Overlapping waits spend it once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET_S: Final = 2.0
MOMENT_S: Final = 0.05
"""Enough for an idle thread to end; granted even if the budget is spent."""
RENEWED_S: Final = 10.0
"""After this long without a wait the budget is full again: the next close belongs to another stop."""


class TimeBudget:
    """The budget of one process."""

    __slots__ = ("_ended", "_running", "_spent_s")

    def __init__(self) -> None:
        self._spent_s = 0.0
        self._ended = 0.0
        """When the latest wait ended."""
        self._running: list[float] = []
        """When the current waits began."""

    def wait(self, work: Callable[[float], bool | None]) -> None:
        """Call `work` with the time that it may take."""
        began = time.monotonic()
        if not self._running:
            self._spent_s = max(0.0, self._spent_s - (began - self._ended) * BUDGET_S / RENEWED_S)
        self._running.append(began)
        try:
            work(max(BUDGET_S - self._spent_s, MOMENT_S))
        finally:
            before, self._ended = self._ended, time.monotonic()
            self._spent_s += self._ended - max(before, min(self._running))
            self._running.remove(began)


close_budget: Final = TimeBudget()
