"""`Preparer`: simulates one resource, made of all values, which takes time and may fail."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from doubles.contents import Config
from doubles.driver import VirtualDriver
from hotconf.engine.candidate import Valid
from hotconf.engine.protocol import Prepared
from hotconf.problems import Problem

Mood: TypeAlias = Literal["well", "refuses", "hangs"]
REFUSED = Problem("the database refused", kind="apply")
EXPIRED = Problem("the factory has not returned", kind="apply")


class Preparer:
    """Makes an object whenever a value differs; says what was made, and how often each was closed."""

    def __init__(self, driver: VirtualDriver) -> None:
        self.mood: Mood = "well"
        self.pace = 0
        """How long it takes."""
        self.timeout = 30_000_000_000
        self.closed: list[int] = []
        """How often each object was closed."""
        self.current: tuple[int, tuple[int, ...]] | None = None
        """The published object, and the values that it was made of."""
        self.under_way: int | None = None
        self.anew = False
        """The next one is made although the value is the same."""
        self._driver = driver

    def begin(self, number: int, candidate: Valid[Config]) -> None:
        """Prepare for `candidate`."""
        assert self.under_way is None, "one preparation at a time"
        value = candidate.config.values
        now = self._driver.clock.now
        if self.current is not None and self.current[1] == value and not self.anew:
            self._driver.give(Prepared(now, number, prepared=()))
            return
        self.under_way = number
        mood, takes = self.mood, self.timeout if self.mood == "hangs" else self.pace
        self._driver.clock.at(now + takes, lambda: self._done(number, value, mood))

    def cancel(self, number: int) -> None:
        """That is of no use any more."""
        if self.under_way == number:
            self.under_way = None

    def discard(self, prepared: Any) -> None:
        """It is never published."""
        if prepared:
            self._close(prepared)

    def publish(self, prepared: Any) -> None:
        """It is what readers see; what it replaces is closed."""
        if prepared:
            before, self.current = self.current, prepared
            if before is not None:
                self._close(before)

    def end(self) -> None:
        """The watcher was closed."""
        if self.current is not None:
            self._close(self.current)
            self.current = None

    def _close(self, made: tuple[int, tuple[int, ...]]) -> None:
        self.closed[made[0]] += 1

    def _done(self, number: int, value: tuple[int, ...], mood: Mood) -> None:
        now = self._driver.clock.now
        cancelled = self.under_way != number
        if mood == "well":
            made = (len(self.closed), value)
            self.closed.append(0)
            if cancelled:
                self._close(made)
        if cancelled:
            return
        self.under_way, self.anew = None, False
        problem = REFUSED if mood == "refuses" else EXPIRED
        outcome = {"prepared": made} if mood == "well" else {"problems": (problem,)}
        self._driver.give(Prepared(now, number, **outcome))
