"""Those who wait for a load that they asked for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from hotconf.events import Ending
from hotconf.runtime.driver import Driver
from hotconf.system import threads
from hotconf.system.fork import FORK_CHECK_S


class Waiter:
    """One call of `reload()`, or the load at start."""

    __slots__ = ("_done", "event")

    def __init__(self) -> None:
        self.event: Ending | None = None
        """How it ended; None while it has not, or if it never will."""
        self._done = threads.Event()

    def wait(self, driver: Driver) -> Ending | None:
        """Wait for the answer. None if there will be none: `driver` has died for good, or this is a forked child."""
        while not self._done.wait(FORK_CHECK_S if driver.alive else 0):
            driver.check()
            if not driver.alive:
                break
            for loader in driver.loaders:
                loader.drain()  # no other thread is available: this one does it
        return self.event

    def answer(self, event: Ending | None) -> None:
        """Wake who waits."""
        self.event = event
        self._done.set()


class Waiters:
    """All unanswered ones. Used by the driver's thread only."""

    __slots__ = ("_numbers", "_open")

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, Waiter] = {}

    def __len__(self) -> int:
        return len(self._open)

    def abandon(self) -> None:
        """In the child of a fork: nobody waits here."""
        self._open.clear()

    def add(self, waiter: Waiter) -> int:
        """Its number, under which it is answered."""
        number = next(self._numbers)
        self._open[number] = waiter
        return number

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all waiting calls."""
        return tuple(self._open)

    def answer(self, numbers: Iterable[int], event: Ending | None) -> None:
        """Wake those who wait with these numbers."""
        for number in numbers:
            waiter = self._open.get(number)
            if waiter is not None:
                waiter.answer(event)
            self._open.pop(number, None)  # not earlier: an interrupted answer is given again
