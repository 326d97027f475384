"""`VirtualClock`: time that passes only when a test lets it."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class VirtualClock:
    """A clock in whole nanoseconds, and what is to happen when; at one instant, in the order in which it was set."""

    __slots__ = ("_agenda", "_asked", "now")

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._asked = 0

    @property
    def next(self) -> int | None:
        """The instant of the next thing to happen; None if nothing will."""
        return self._agenda[0][0] if self._agenda else None

    def at(self, instant: int, action: Callable[[], None]) -> None:
        """Have `action` happen at `instant`; at once, when that has passed."""
        self._asked += 1
        heappush(self._agenda, (max(instant, self.now), self._asked, action))

    def happen(self) -> None:
        """Go on to the next thing to happen, and let it."""
        instant, _, action = heappop(self._agenda)
        self.now = instant
        action()

    def pass_to(self, instant: int) -> None:
        """Let time pass while nothing happens; never backwards."""
        self.now = max(self.now, instant)
