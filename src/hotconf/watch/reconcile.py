"""When the files of each watcher are compared with what was read. Nearly always nothing differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from hotconf.logs import log
from hotconf.watch.crowd import Crowd
from hotconf.watch.observer import Observer, Owner

NEVER: Final = 1 << 63
_REST: Final = 50
"""After a look that took n of processor time none for n times this: a big tree is looked at less often."""
_CHEAP_NS: Final = 100_000
"""A look that took less is not worth the system call that tells its processor time."""
_TURN_NS: Final = 5_000_000
"""So long it is looked until what happened is heard; beside a busy thread one call to the system may take that."""


class Reconcile:
    """See the module; for one thread. `closely` looks at all files of a watcher, and sees to what differs.

    Who is told of every change, and has only regular files to which no link leads, is looked at in a crowd later,
    until something differs or the files are others.
    """

    __slots__ = ("_at", "_closely", "_crowds", "_in", "_observers", "_used", "next")

    def __init__(self, observers: Mapping[Owner, Observer], closely: Callable[[Owner], None]) -> None:
        self._observers = observers
        """Of those who have joined."""
        self._closely = closely
        self._at: dict[Owner, int] = {}
        """When those are looked at who are in no crowd."""
        self._crowds: list[Crowd] = []
        self._in: dict[Owner, Crowd] = {}
        self._used = 0
        """Processor time of the thread, when it was last asked for."""
        self.next = NEVER
        """None is due before this."""

    def add(self, owner: Owner, now: int) -> None:
        """Look at its files closely at the next tick: they are new, or may be others than before."""
        self.drop(owner)
        self._at[owner] = at = _tick(owner.reconcile_ns, now)
        self.next = min(self.next, at)

    def drop(self, owner: Owner) -> None:
        """Look at its files no more."""
        self._at.pop(owner, None)
        crowd = self._in.pop(owner, None)
        if crowd is not None:
            crowd.drop(owner)
            if not crowd.owners:
                self._crowds.remove(crowd)

    def wakes(self) -> int:
        """When to wake for the next look: not for those who do not watch."""
        first = min([crowd.at for crowd in self._crowds], default=NEVER)
        for at in sorted(set(self._at.values())):
            if at < first and any(owner.watching for owner, its in self._at.items() if its == at):
                return at
        return first

    def look(self, now: int) -> None:
        """Look for those whose turn it is; if that takes long, for some of them: then `next` is due at once."""
        until = time.monotonic_ns() + _TURN_NS
        for crowd in [crowd for crowd in self._crowds if crowd.at <= now]:
            self._look_at_all(crowd, now, until)
        due = [owner for owner, at in self._at.items() if at <= now]
        if due:
            self._used = time.thread_time_ns()
        for owner in sorted(due, key=self._at.__getitem__):  # who has waited longest comes first, if only some do
            if owner in self._at:
                self._look_at(owner, now)
            if time.monotonic_ns() >= until:
                break
        self.next = min([*self._at.values(), *[crowd.at for crowd in self._crowds]], default=NEVER)

    def _look_at_all(self, crowd: Crowd, now: int, until: int) -> None:
        # Trouble of anyone may be that of some in the crowd.
        differing, done = (crowd.owners, True) if crowd.observer.troubled else crowd.look(until)
        if done:
            crowd.at = _tick(crowd.period, now)
        for owner in differing:
            self.drop(owner)
            self._at[owner] = now

    def _look_at(self, owner: Owner, now: int) -> None:
        began, rest = time.monotonic_ns(), 0
        try:
            self._closely(owner)
        except Exception:  # noqa: BLE001 - whatever goes wrong for one watcher, the others go on
            log.fault("watch", "Internal error in the driver")
        cheap = time.monotonic_ns() - began < _CHEAP_NS
        if not cheap:
            used, self._used = self._used, time.thread_time_ns()
            rest = _REST * (self._used - used)
        if owner not in self._observers:
            return
        self._at[owner] = _tick(owner.reconcile_ns, now + rest)
        observer = self._observers[owner]
        files = owner.cache.plain if cheap and owner.watching else ()
        if files and observer.native and not observer.troubled:
            del self._at[owner]
            self._join(owner, observer, now).add(owner, files)

    def _join(self, owner: Owner, observer: Observer, now: int) -> Crowd:
        period = owner.reconcile_ns
        for crowd in self._crowds:
            if crowd.observer is observer and crowd.period == period:
                break
        else:
            crowd = Crowd(observer, period, _tick(period, now))
            self._crowds.append(crowd)
        self._in[owner] = crowd
        return crowd


def _tick(period: int, now: int) -> int:
    """When files are looked at next. On a common grid: many watchers wake the process no more often than one."""
    return (now // period + 1) * period
