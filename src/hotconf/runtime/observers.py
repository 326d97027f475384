"""The observers of all watchers, and the wait of the driver's thread: for a deadline, a wake-up, or their events.

Watchers that want the same observer share it. If a descriptor is lost, because the program closed it or the kernel
refuses a call, watchers are polled until a new observer is available.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from hotconf.errors import UsageError
from hotconf.logs import log
from hotconf.runtime.driven import Driven
from hotconf.runtime.supervision import FAULT, isolated
from hotconf.system.descriptors import refusal
from hotconf.system.wait import ThreadWaiter, Waiter, best_waiter
from hotconf.watch.background import Background
from hotconf.watch.choice import choose, preferred
from hotconf.watch.observer import Changes, Observer, ObserverName, Owner
from hotconf.watch.poll import Poll

_AGAIN_NS: Final = 1_000_000_000
"""Descriptors that are lost again this soon are not recreated at once: that would spin."""
_HOUR_NS: Final = 3_600_000_000_000
_STOPGAP: Final = "stopgap"


class Observers:
    """The observers of all watchers, and the wait for their events. Any thread may call `wake`."""

    __slots__ = ("_background", "_fileless", "_lost_at", "_named", "_waiter", "_wake", "_wanted", "of")

    def __init__(self, background: Background, wake: Callable[[], None]) -> None:
        self.of: dict[Driven, Observer] = {}
        """The observer of each watcher."""
        self._background = background
        self._wake = wake
        self._wanted: dict[Driven, ObserverName] = {}
        self._named: dict[str, Observer] = {}
        self._waiter: Waiter = ThreadWaiter("not begun")
        self._fileless = ThreadWaiter("there is nothing to watch", _HOUR_NS)
        self._lost_at = 0

    def begin(self) -> None:
        """On the driver's thread: wait with what the system has."""
        self._waiter = best_waiter()

    def wait(self, deadline: int, *, files: bool) -> None:
        """Wait until the deadline, an event or a wake-up. Without `files` no descriptor matters, nor its loss, so
        that nothing needs to be looked at from time to time.
        """
        try:
            (self._waiter if files else self._fileless).wait(deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, another one may work
            self._lose(error)

    def wake(self) -> None:
        """End the wait."""
        self._waiter.wake()
        self._fileless.wake()

    def join(self, owner: Driven, name: ObserverName) -> Observer:
        """Give `owner` the observer of this name. Raises `UsageError` if that is not available."""
        observer = self._named.get(preferred(name)) or self._choose(name)
        self.of[owner] = observer
        self._wanted[owner] = name
        return observer

    def leave(self, owner: Driven) -> None:
        """Watch nothing for `owner` any more."""
        observer = self.of.pop(owner, None)
        self._wanted.pop(owner, None)
        if observer is not None:
            self._background.last(owner, partial(observer.disarm, owner))

    def close(self) -> None:
        """Close all: the driver's thread ends."""
        for observer in self._named.values():
            isolated(observer.close)

    def close_waiter(self) -> None:
        """Close the descriptors of the wait; in a forked child, the copies of them."""
        self._waiter.close()

    def abandon(self) -> None:
        """In a forked child: nothing is watched here."""
        for observer in self._named.values():
            observer.abandon()
        self.close_waiter()
        self.of.clear()

    def _choose(self, name: ObserverName) -> Observer:
        observer = choose(name, self._wake)
        try:
            if observer.descriptor is not None:
                self._waiter.watch(observer.descriptor)
        except OSError as error:
            observer.close()
            if name != "auto":
                raise UsageError(
                    f'observer="{name}" is unavailable: {refusal(error)}; use "auto" or "poll"'
                ) from error
            observer = Poll(f"{observer.name} is unavailable: {refusal(error)}", stopgap=True)
        except BaseException:
            observer.close()
            raise
        self._named[_key(observer)] = observer
        return observer

    # Changes

    def report(self, woke: int) -> None:
        """Report to each watcher what its observer noticed."""
        for observer in list(self._named.values()):
            try:
                found = observer.read(self._background.elsewhere)
            except Exception as error:  # noqa: BLE001 - the other observers are read all the same
                isolated(partial(self._failed, observer, error))
                continue
            if found:
                isolated(partial(self._pass_on, observer, found, woke))

    def _failed(self, observer: Observer, error: Exception) -> None:
        if not _has_descriptor(observer):
            raise error
        self._lose(error)  # it may have lost events

    def _pass_on(self, observer: Observer, found: dict[Owner, Changes], woke: int) -> None:
        now = time.monotonic_ns()
        for owner, changes in found.items():
            if owner not in self.of:
                continue
            if changes.stale:
                self._background.run(owner, partial(observer.rearm, owner, changes.stale), _ignored)
            if changes.touched:
                touched = tuple(changes.touched)
                isolated(partial(owner.touch, touched, changes.at, now - woke, arrivals=changes.arrivals))
            if changes.compare or changes.stale:  # events before the rearming were missed
                isolated(partial(owner.compare, partial(_changed, owner, changes.at, now - woke)))

    def reconcile(self, owner: Driven) -> None:
        """Compare all its files, and retry what was refused: a descriptor, an observer, a watch."""
        observer = self.of[owner]
        if not observer.notifies or observer.trouble(owner) is not None:
            isolated(partial(self._retry, owner))
        if not self._background.resting(owner):
            owner.compare(partial(self._reconciled, owner))

    def _reconciled(self, owner: Driven, changed: tuple[Path, ...]) -> None:
        if not changed or owner not in self.of:
            return
        # No event reported it: perhaps what is watched no longer leads to the files.
        self._background.run(owner, partial(self.of[owner].rearm, owner), _ignored)
        owner.touch(changed, time.monotonic_ns(), polled=True)
        if self._background.busy(owner):  # events are missed until everything is watched again
            owner.compare(partial(_changed, owner, time.monotonic_ns(), 0))

    # Descriptors that were lost or refused

    def _lose(self, error: Exception) -> None:
        """Poll, and recreate the descriptors: at once, unless they were lost just before; then at the next poll."""
        if not isinstance(error, OSError):
            log.fault("watch", FAULT)
        now = time.monotonic_ns()
        soon, self._lost_at = now - self._lost_at < _AGAIN_NS, now
        self._waiter.close()
        self._waiter = ThreadWaiter(refusal(error)) if soon else best_waiter()
        lost = [each for each in self._named.values() if _has_descriptor(each)]
        for observer in lost:
            del self._named[_key(observer)]
            isolated(observer.close)
        self._named[_STOPGAP] = poll = Poll(refusal(error), stopgap=True)
        for owner in [owner for owner, observer in self.of.items() if observer in lost]:
            self.of[owner] = poll
            isolated(partial(owner.observe, poll))
            if not soon:
                isolated(partial(self._retry, owner))
            isolated(partial(owner.compare, partial(_changed, owner, now, 0)))

    def _retry(self, owner: Driven) -> None:
        observer = self.of[owner]
        if isinstance(observer, Poll):
            if not observer.stopgap:
                return
            # A caller posts before it wakes: if it wakes the old waiter now, its action is run next all the same.
            if isinstance(self._waiter, ThreadWaiter):
                self._waiter = best_waiter()
            # If inotify was required, the start checked that; now polling is better than nothing.
            name: ObserverName = "auto" if self._wanted[owner] == "inotify" else self._wanted[owner]
            better = self._named.get(preferred(name)) or self._choose(name)
            if better is observer or better.trouble(owner) == observer.trouble(owner):
                return
            observer = self.of[owner] = better
        owner.observe(observer)


def _key(observer: Observer) -> str:
    return _STOPGAP if isinstance(observer, Poll) and observer.stopgap else observer.name


def _has_descriptor(observer: Observer) -> bool:
    try:
        return observer.descriptor is not None
    except OSError:  # it is gone
        return True


def _changed(owner: Owner, now: int, detect_ns: int, changed: tuple[Path, ...]) -> None:
    if changed:
        owner.touch(changed, now, detect_ns)


def _ignored(_: object) -> None:
    """The result of work in the background."""
