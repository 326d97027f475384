"""The one thread of the process: wait, step, perform, for all watchers. It runs no users' code, and reads a file only
to be sure of one that was young when it was loaded.

The driver owns the observers, the timer and the loader's thread. It starts with the first watcher and ends with the
last.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from hotconf.core.protocol import Due
from hotconf.errors import UsageError
from hotconf.runtime import fork, log
from hotconf.runtime.fork import FORK_S
from hotconf.runtime.loader import Loader
from hotconf.runtime.looks import NEVER, Looks
from hotconf.runtime.observe import Observer, ObserverName, Owner, Poll, choose, preferred, reason
from hotconf.runtime.wait import ThreadWaiter, best_waiter

R = TypeVar("R")

_AGAIN_NS: Final = 1_000_000_000
"""Descriptors that are lost again so soon are not made anew at once: that would be to spin."""
_FAULT: Final = "Internal error in the driver"


class Driver:
    """See the module."""

    def __init__(self) -> None:
        self.loader = Loader()
        self.claims = 0
        """Watchers that use it or are about to; guarded by the module's lock."""
        self._waiter = best_waiter()
        self._lost_at = 0
        self._actions: deque[Callable[[], None]] = deque()
        self._observers: dict[str, Observer] = {}
        self._owners: dict[Owner, Observer] = {}
        self._wanted: dict[Owner, ObserverName] = {}
        self._looks = Looks(self._owners, self._look)
        self._timed: set[Owner] = set()
        """Those who may have a deadline: others are not asked, there may be hundreds."""
        self._ending = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="hotconf-driver", daemon=True)
        fork.enrol(self)
        try:
            self._thread.start()
        except RuntimeError:
            fork.forget(self)
            self._waiter.close()
            raise

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """See `Member.locks`."""
        return ((fork.LAST, self.loader.lock),)

    def abandon(self) -> None:
        """See `Member.abandon`: its thread is not here; the child's watchers get a driver of their own."""
        self._ending = self._ended = True
        self.loader.abandon()
        for observer in self._observers.values():
            observer.abandon()
        self._waiter.close()
        self._owners.clear()
        self._timed.clear()
        fork.forget(self)

    def revive(self) -> None:
        """See `Member.revive`: not this one."""

    # From any thread

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the driver's thread, soon."""
        self._actions.append(action)
        self._waiter.wake()

    def call(self, action: Callable[[], R]) -> R:
        """Run `action` on the driver's thread, wait for it, and return or raise what it does.

        Raises `UsageError` if the thread has ended: the last watcher was closed meanwhile.
        """
        if threading.current_thread() is self._thread:
            return action()
        outcome: list[R] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append(action())
            except BaseException as error:  # noqa: BLE001 - raised again where it belongs
                errors.append(error)
            finally:
                done.set()

        self.post(run)
        if self._ended:
            with suppress(ValueError):  # it runs, or has run
                self._actions.remove(run)
                raise UsageError("this watcher is closed")
        while not done.wait(FORK_S):
            if self._ended and not self._thread.is_alive():  # a signal handler forked, and this is the child
                raise UsageError("this watcher was forked off meanwhile")
        if errors:
            raise errors[0]
        return outcome[0]

    def expect(self, owner: Owner) -> None:
        """`owner` may have a deadline now."""
        self._timed.add(owner)

    def wake(self) -> None:
        """Have the deadlines looked at again."""
        if threading.current_thread() is not self._thread:
            self._waiter.wake()

    def finish(self) -> None:
        """End the thread, after what is posted, and give back its descriptors."""
        self.post(self._end)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def failed(self) -> bool:
        """Whether it has ended although nobody asked it to."""
        return self._ended and not self._ending

    @property
    def owners(self) -> tuple[Owner, ...]:
        """The watchers that have joined."""
        return tuple(self._owners)

    # On the driver's thread

    def join(self, owner: Owner, name: ObserverName) -> Observer:
        """Take `owner` in, with the observer that it wants. Raises `UsageError` if that cannot be had."""
        observer = self._observers.get(preferred(name)) or self._choose(name)
        self._owners[owner] = observer
        self._wanted[owner] = name
        self._looks.add(owner, time.monotonic_ns())
        return observer

    def _choose(self, name: ObserverName) -> Observer:
        observer = choose(name, self.wake)
        try:
            if observer.descriptor is not None:
                self._waiter.watch(observer.descriptor)
        except OSError as error:
            observer.close()
            if name != "auto":
                raise UsageError(f'observer="{name}" cannot be had: {reason(error)}; use "auto" or "poll"') from error
            observer = Poll(f"{observer.name} cannot be had: {reason(error)}", stopgap=True)
        self._observers[_key(observer)] = observer
        return observer

    def look_closely(self, owner: Owner) -> None:
        """Its files are others than before, or are not watched any more: leave nothing out of the next look."""
        if owner in self._owners:
            self._looks.add(owner, time.monotonic_ns())

    def leave(self, owner: Owner) -> None:
        """Forget `owner` and what is watched for it."""
        observer = self._owners.pop(owner, None)
        self._wanted.pop(owner, None)
        self._looks.drop(owner)
        if observer is not None:
            observer.disarm(owner)

    def _end(self) -> None:
        self._ending = True

    def _run(self) -> None:
        try:
            while not self._ending:
                self._wait()
                self._turn(time.monotonic_ns())
        except Exception:  # noqa: BLE001 - a fault of ours, or of the system's
            log.fault("watch", "The driver has failed: its watchers hear of nothing any more")
        for observer in self._observers.values():
            _guarded(observer.close)
        self._ended = True  # whoever posts from now on sees it; what was posted before is done now
        self._act()
        self._waiter.close()

    def _wait(self) -> None:
        deadline = self._deadline()
        try:
            self._waiter.wait(deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, another one may work
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Descriptors are lost: the program has closed them, or the kernel refuses a call. Poll, and make them anew.

        At once, if that helped the last time; otherwise the next look tries again.
        """
        if not isinstance(error, OSError):
            log.fault("watch", _FAULT)
        now = time.monotonic_ns()
        soon, self._lost_at = now - self._lost_at < _AGAIN_NS, now
        self._waiter.close()
        self._waiter = ThreadWaiter(reason(error)) if soon else best_waiter()
        lost = [each for each in self._observers.values() if _has_descriptor(each)]
        for observer in lost:
            del self._observers[_key(observer)]
            _guarded(observer.close)
        self._observers["stopgap"] = poll = Poll(reason(error), stopgap=True)
        for owner in [owner for owner, observer in self._owners.items() if observer in lost]:
            self._owners[owner] = poll
            _guarded(partial(owner.observe, poll))
            if not soon:
                _guarded(partial(self._mend, owner))
            _guarded(partial(_compare, owner, now, 0))

    def _turn(self, now: int) -> None:
        # What the kernel has to tell comes before the clock: it may be a change of what is about to be published. To
        # ask it does not give up the interpreter's lock, so that between the last look and a commit nothing can come.
        self._hear_all(now)
        if self._actions:
            self._act()
            self._hear_all(now)
        now = time.monotonic_ns()
        for owner in list(self._timed):
            due = self._due(owner)
            if due is not None and due <= now:
                _guarded(partial(owner.feed, Due(now)))
        if self._looks.next <= now:
            self._looks.look(now)

    def _look(self, owner: Owner) -> None:
        """Compare all its files, and mend what may be mended."""
        observer = self._owners[owner]
        if not observer.native or observer.trouble(owner) is not None:
            _guarded(partial(self._mend, owner))
        changed = owner.differing() if owner.watching else ()
        if changed:
            self._reconcile(owner, changed)

    def _act(self) -> None:
        while self._actions:
            _guarded(self._actions.popleft())

    def _hear_all(self, now: int) -> None:
        for observer in list(self._observers.values()):
            _guarded(partial(self._hear, observer, now))

    def _hear(self, observer: Observer, woke: int) -> None:
        try:
            heard = observer.heard()
        except Exception as error:
            if not _has_descriptor(observer):
                raise
            self._lose(error)  # it may have lost events
            return
        for owner, stale in heard.stale.items():
            if owner in self._owners:
                _guarded(partial(observer.renew, owner, stale))
                heard.suspects.add(owner)  # what happened before it was armed, nobody tells
        now = time.monotonic_ns()
        for owner, paths in heard.touched.items():
            if owner in self._owners:
                _guarded(partial(owner.heard, tuple(paths), heard.at, now - woke))
        for owner in heard.suspects:
            if owner in self._owners:
                _guarded(partial(_compare, owner, heard.at, now - woke))

    def _mend(self, owner: Owner) -> None:
        """What could not be had may be had by now: descriptors, an observer, a watch that was refused."""
        observer = self._owners[owner]
        if not owner.watching:
            return
        if isinstance(observer, Poll):
            if not observer.stopgap:
                return
            # Whoever wakes the old one just now has posted or moved something before: it is looked at next.
            if isinstance(self._waiter, ThreadWaiter):
                self._waiter = best_waiter()
            # Whoever insisted on inotify was refused at the start; now polling is better than nothing.
            name: ObserverName = "auto" if self._wanted[owner] == "inotify" else self._wanted[owner]
            better = self._observers.get(preferred(name)) or self._choose(name)
            if better is observer or better.trouble(owner) == observer.trouble(owner):
                return
            observer = self._owners[owner] = better
        owner.observe(observer)

    def _reconcile(self, owner: Owner, changed: tuple[Path, ...]) -> None:
        # Nobody told of it: perhaps what is watched is not any more what leads to the files.
        _guarded(partial(self._owners[owner].rearm, owner))
        owner.heard(changed, time.monotonic_ns(), 0, sure=False)

    def _deadline(self) -> int | None:
        """When to wake; None for no limit."""
        if self._actions:
            return 0
        first = self._looks.wakes()
        for owner in list(self._timed):
            due = self._due(owner)
            if due is not None:
                first = min(first, due)
        return None if first == NEVER else first

    def _due(self, owner: Owner) -> int | None:
        """Its deadline; if it has none it is forgotten, before that is looked at: it may be given one just now."""
        self._timed.discard(owner)
        due = owner.deadline if owner in self._owners else None
        if due is not None:
            self._timed.add(owner)
        return due


def _key(observer: Observer) -> str:
    return "stopgap" if isinstance(observer, Poll) and observer.stopgap else observer.name


def _has_descriptor(observer: Observer) -> bool:
    try:
        return observer.descriptor is not None
    except OSError:  # it is gone
        return True


def _compare(owner: Owner, now: int, detect_ns: int) -> None:
    changed = owner.differing()
    if changed:
        owner.heard(changed, now, detect_ns)


def _guarded(work: Callable[[], object]) -> None:
    """Whatever goes wrong for one watcher, the others go on; it is a fault of ours, and is told as one."""
    try:
        work()
    except Exception:  # noqa: BLE001 - a fault of ours
        log.fault("watch", _FAULT)


# One a process

_lock = threading.RLock()
_shared: Driver | None = None


def claim() -> Driver:
    """The driver of this process, started if there is none. Give it back with `release`.

    One a process, because inotify instances are scarce: 128 a user.
    """
    global _shared
    with _lock:
        if _shared is None or _shared.failed:
            fork.enrol(_member)
            _shared = Driver()
            atexit.register(_close_all, _shared)
        _shared.claims += 1
        return _shared


def release(driver: Driver, timeout_s: float) -> None:
    """One watcher less; after the last one the driver's thread and the loader's have ended, unless they are busy for
    longer than `timeout_s`.
    """
    global _shared
    with _lock:
        driver.claims -= 1
        last = driver.claims == 0
        if last and _shared is driver:
            _shared = None
            atexit.unregister(_close_all)  # before the next driver registers
    if last:
        driver.loader.stop(timeout_s)
        driver.finish()


def _close_all(driver: Driver) -> None:
    for owner in driver.owners:
        owner.close()


class _Shared:
    """What is one a process, in a fork: the parent's is not the child's."""

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        return ((fork.SHARED, _lock),)

    def abandon(self) -> None:
        global _lock, _shared
        _lock = threading.RLock()
        _shared = None
        atexit.unregister(_close_all)

    def revive(self) -> None:
        """The first watcher that claims a driver starts it."""


_member: Final = _Shared()
