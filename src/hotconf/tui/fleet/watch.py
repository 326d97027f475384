"""`FleetWatch`: the state of a fleet, followed on a thread of its own while its screen is open.

Rule 1: it only reads: it publishes nothing, and does not join the fleet.
Rule 2: failures are shown and retried; the last known state stays, with its time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hotconf.fleet import Fleet, FleetError
from hotconf.tui.fleet.rows import Fact

if TYPE_CHECKING:
    from hotconf.fleet import Published, Shown
    from hotconf.fleet.publishing.reading import State

_AGAIN_S: Final = 2.0
_ENTRIES: Final = 50


class FleetWatch:
    """Follows a fleet from `start` to `end`. `take` is for the app's thread, *slow* methods for others."""

    def __init__(self, opened: Callable[[], Fleet], now: Callable[[], datetime]) -> None:
        """`opened` makes a new `Fleet` each time, because each may be used by one thread only."""
        self._opened = opened
        self._now = now
        self._over = threading.Event()
        self._fleet: Fleet | None = None
        self._state: State | None = None
        self._trouble: str | None = None
        self._news = False
        self._fact = Fact()

    def start(self) -> None:
        """Begin to follow."""
        threading.Thread(target=self._run, name="hotconf fleet", daemon=True).start()

    def end(self) -> None:
        """Stop following. Does not block."""
        self._over.set()
        if self._fleet is not None:
            self._fleet.end()

    @property
    def fact(self) -> Fact:
        """The state as of the last `take`."""
        return self._fact

    def take(self) -> bool:
        """Update `fact`; returns whether it has changed."""
        if not self._news:
            return False
        self._news = False
        state, trouble = self._state, self._trouble
        status = self._fact.status if state is None else state.status
        lasting = trouble is not None and self._fact.trouble is not None
        at = self._fact.at if lasting else self._now()
        self._fact = Fact(status, at, trouble)
        return True

    def history(self) -> tuple[Published, ...] | str:
        """Slow. The history, newest first, or why it could not be read."""
        try:
            with self._opened() as fleet:
                return fleet.history(_ENTRIES)
        except FleetError as error:
            return str(error)

    def documents(self, old: str, new: str) -> tuple[Shown, Shown] | str:
        """Slow. Two documents, or why they could not be read. They may contain secrets."""
        try:
            with self._opened() as fleet:
                return fleet.show(old), fleet.show(new)
        except FleetError as error:
            return str(error)

    # The thread

    def _run(self) -> None:
        with closing(self._opened()) as fleet:
            self._fleet = fleet
            while not self._over.is_set():
                try:
                    for state in fleet.states(self._tell):
                        self._state = state
                        self._news = True
                        if self._over.is_set():
                            return
                except FleetError as error:
                    self._tell(str(error))
                self._over.wait(_AGAIN_S)

    def _tell(self, why: str | None) -> None:
        if why != self._trouble:
            self._trouble, self._news = why, True
