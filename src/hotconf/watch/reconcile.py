"""When the files of each watcher are compared with what was read: changes that no event reported are found then.

The one schedule of polls, for all watchers. Nearly always nothing differs, and there may be hundreds of them.
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
"""After a comparison that took n of processor time none for n times this: a big tree is compared less often."""
_CHEAP_NS: Final = 100_000
"""A shorter comparison is not worth the system call that measures its processor time."""
_TURN_NS: Final = 5_000_000
"""How long to compare before events are read again; beside a busy thread one call to the system may take that."""


class Reconcile(Generic[W]):
    """The schedule; for one thread. `compare` compares all files of a watcher, and sees to what differs."""

    __slots__ = ("_at", "_compare", "next")

    def __init__(self, compare: Callable[[W], None]) -> None:
        self._compare = compare
        self._at: dict[W, int] = {}
        """When the files of each are compared next."""
        self.next = NEVER
        """None is due before this."""

    def add(self, owner: W, now: int) -> None:
        """Compare the files of `owner` from the next tick on."""
        self._at[owner] = at = _tick(owner.reconcile_ns, now)
        self.next = min(self.next, at)

    def drop(self, owner: W) -> None:
        """Compare its files no more."""
        self._at.pop(owner, None)
        self.next = min(self._at.values(), default=NEVER)

    def run(self, now: int) -> None:
        """Compare for those whose turn it is; if that takes long, for some of them: then `next` is due at once."""
        at = self._at
        used, began = time.thread_time_ns(), time.monotonic_ns()
        until = began + _TURN_NS
        # Who has waited longest comes first, if only some do.
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
    """When files are compared next. On a common grid: many watchers wake the process no more often than one."""
    return (now // period + 1) * period
