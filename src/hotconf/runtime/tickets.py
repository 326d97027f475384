"""Those who wait for a load that they asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from itertools import count

from hotconf.events import Ending
from hotconf.runtime.fork import FORK_S


class Ticket:
    """One call of `reload()`, or the load at start."""

    __slots__ = ("_done", "_pid", "event", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.event: Ending | None = None
        """How it ended; None while it has not, or if it never will."""
        self._done = threading.Event()
        self._pid = os.getpid()

    def wait(self) -> Ending | None:
        """Until it is answered, or this is the child of a fork, where nobody will."""
        while not self._done.wait(FORK_S) and os.getpid() == self._pid:
            pass
        return self.event

    def answer(self, event: Ending | None) -> None:
        """Wake who waits."""
        self.event = event
        self._done.set()


class Tickets:
    """All that are not answered."""

    __slots__ = ("_numbers", "_open")

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def abandon(self) -> None:
        """In the child of a fork: nobody waits here."""
        self._open.clear()

    def draw(self) -> Ticket:
        """A new one."""
        ticket = Ticket(next(self._numbers))
        self._open[ticket.number] = ticket
        return ticket

    def answer(self, numbers: Iterable[int], event: Ending | None) -> None:
        """Wake those who wait with these numbers."""
        for number in numbers:
            ticket = self._open.pop(number, None)
            if ticket is not None:
                ticket.answer(event)
