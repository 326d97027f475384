"""`Inbox`: hands over what other threads tell, in one message however much there is, so that the app keeps up."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.tui.facts import Told

CAPACITY: Final = 1000


class Inbox:
    """A bounded queue. `put` never waits for the app; the oldest news are lost first, and counted."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._news: deque[Told] = deque()
        self._rung = False
        self._closed = False
        self._lost = 0

    def put(self, told: Told) -> None:
        """Add `told`, and ring unless the app has been rung for already."""
        with self._lock:
            if self._closed:
                return
            if len(self._news) == CAPACITY:
                self._news.popleft()
                self._lost += 1
            self._news.append(told)
            ring, self._rung = not self._rung, True
            if ring:
                self._ring()

    def take(self) -> tuple[tuple[Told, ...], int]:
        """What came since the last time, oldest first, and how much of it was lost."""
        with self._lock:
            news, lost = tuple(self._news), self._lost
            self._news.clear()
            self._rung, self._lost = False, 0
            return news, lost

    def close(self) -> None:
        """Drop what comes from now on: the app is going away."""
        with self._lock:
            self._closed = True
            self._news.clear()
