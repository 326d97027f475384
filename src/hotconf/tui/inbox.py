"""`Inbox`: hands updates from other threads to the app, all that wait in one message, so that the app keeps up."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.tui.view.facts import Update

CAPACITY: Final = 1000


class Inbox:
    """A bounded queue. `put` never waits for the app; the oldest updates are lost first, and counted."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._updates: deque[Update] = deque()
        self._rung = False
        self._closed = False
        self._lost = 0

    def put(self, update: Update) -> None:
        """Add `update`, and ring unless the app has been rung for already."""
        with self._lock:
            if self._closed:
                return
            if len(self._updates) == CAPACITY:
                self._updates.popleft()
                self._lost += 1
            self._updates.append(update)
            ring, self._rung = not self._rung, True
            if ring:
                self._ring()

    def take(self) -> tuple[tuple[Update, ...], int]:
        """What came since the last time, oldest first, and how much of it was lost."""
        with self._lock:
            updates, lost = tuple(self._updates), self._lost
            self._updates.clear()
            self._rung, self._lost = False, 0
            return updates, lost

    def close(self) -> None:
        """Drop what comes from now on: the app is going away."""
        with self._lock:
            self._closed = True
            self._updates.clear()
