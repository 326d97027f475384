"""The schedule by which the files of each watcher are compared with what was read, to find changes without an event.

There is one for all watchers, of which there may be hundreds. Nearly always nothing differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from hotconf.logs import log
from hotconf.system.wait import NEVER
from hotconf.watch.observer import Owner

W = TypeVar("W", bound=Owner)

_REST: Final = 50
"""After a comparison that took n of CPU time, none for n times this: a big tree is compared less often."""
_CHEAP_NS: Final = 100_000
"""For a shorter comparison CPU time is not worth measuring: that takes a system call."""
_TURN_NS: Final = 5_000_000
"""How long to compare before events are read again; beside a busy thread one system call may take as long."""


class Reconcile(Generic[W]):
    """The schedule, used on one thread. `compare` compares all files of a watcher, and handles what differs."""

    __slots__ = ("_at", "_compare", "next")

    def __init__(self, compare: Callable[[W], None]) -> None:
        self._compare = compare
        self._at: dict[W, int] = {}
        """When each is compared next."""
        self.next = NEVER
        """The earliest of these."""

    def add(self, owner: W, now: int) -> None:
        """Compare the files of `owner` from the next tick on; if it has none any more, no longer."""
        if not owner.cache.files.has_files:
            self.drop(owner)
        elif owner not in self._at:
            self._at[owner] = at = _tick(owner.reconcile_ns, now)
            self.next = min(self.next, at)

    def drop(self, owner: W) -> None:
        """No longer compare its files."""
        self._at.pop(owner, None)
        self.next = min(self._at.values(), default=NEVER)

    def run(self, now: int) -> None:
        """Compare the files of all that are due. If that takes long, stop after some: then `next` is due at once."""
        at = self._at
        used, began = time.thread_time_ns(), time.monotonic_ns()
        until = began + _TURN_NS
        # The longest overdue first, in case time runs out.
        for owner in sorted([owner for owner, due in at.items() if due <= now], key=at.__getitem__):
            if began >= until:
                break
            if owner not in at:
                continue
            self._guarded(owner)
            ended, rest = time.monotonic_ns(), 0
            if ended - began >= _CHEAP_NS:
                before, used = used, time.thread_time_ns()
                rest = _REST * (used - before)
            began = ended
            if owner in at:
                at[owner] = _tick(owner.reconcile_ns, now + rest)
        self.next = min(at.values(), default=NEVER)

    def _guarded(self, owner: W) -> None:
        try:
            self._compare(owner)
        except Exception:  # noqa: BLE001 - whatever goes wrong for one watcher, the others go on
            log.fault("watch", "Internal error in the driver")


def _tick(period: int, now: int) -> int:
    """The next tick, on a common grid, so that many watchers wake the process no more often than one."""
    return (now // period + 1) * period
