"""The one thread of the process: wait, step, perform, for all watchers. It runs no users' code, and reads a file only
to be sure of one that was young when it was loaded.

The driver owns the observers, the timer and the loader's thread. It starts with the first watcher and ends with the
last. Python's signal handlers never run on it. So it alone steps the machines, and opens and closes descriptors;
callers append requests, wake it and wait. It takes no lock that an interrupted caller may hold.
"""

from __future__ import annotations

import atexit
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.engine.protocol import Due
from hotconf.errors import UsageError
from hotconf.logs import log, records
from hotconf.runtime.background import Background
from hotconf.runtime.loader import Loader
from hotconf.runtime.supervision import SECOND, Supervision
from hotconf.runtime.wait import ThreadWaiter, Waiter, best_waiter
from hotconf.system import fork, threads
from hotconf.system.descriptors import refusal
from hotconf.system.fork import FORK_CHECK_S
from hotconf.watch.observer import Observer, ObserverName, Owner, Poll, choose, preferred
from hotconf.watch.reconcile import NEVER, Reconcile

if TYPE_CHECKING:
    import threading

R = TypeVar("R")

_AGAIN_NS: Final = 1_000_000_000
"""Descriptors lost again so soon are not recreated at once: that would spin."""
_LEAST_S: Final = 0.1
"""How long to wait for a thread, whatever others have taken: enough for an idle one."""
_END_S: Final = 0.5
"""How long the exit waits for threads to end by an exception, after their time to end by themselves."""
_FAULT: Final = "Internal error in the driver"


class Driver:
    """See the module."""

    def __init__(self) -> None:
        self.loader = Loader()
        self._loaders: dict[object, Loader] = {None: self.loader}
        self._background = Background(self.post)
        self.claims: set[object] = set()
        """Who uses it, or is about to; guarded by the module's lock."""
        self._waiter: Waiter | None = None
        """None until its thread has made it."""
        self._lost_at = 0
        self._actions: deque[Callable[[], object]] = deque()
        self._observers: dict[str, Observer] = {}
        self._owners: dict[Owner, Observer] = {}
        self._wanted: dict[Owner, ObserverName] = {}
        self._looks = Reconcile(self._owners, self._look)
        self._timed: set[Owner] = set()
        """Those who may have a deadline: others are not asked, there may be hundreds."""
        self._doing: Callable[[], object] | None = None
        self._redone: Callable[[], object] | None = None
        """The action under way when the thread failed: it is retried once."""
        self._supervision = Supervision()
        self._begun = self._ending = self._ended = False
        self._thread = threads.Thread(self._run, "hotconf-driver")

    def begin(self) -> None:
        """Start its thread, unless that was done. Raises `RuntimeError` if the system refuses one."""
        if self._begun:
            return
        fork.register(self)
        try:
            self._begun = True
            self._thread.start()
        except BaseException:
            self._begun = self._thread.alive
            raise

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """As `Member.locks`."""
        return ()

    def abandon(self) -> None:
        """See `Member.abandon`: its thread is not here; the child's watchers get a driver of their own."""
        self._ending = self._ended = True
        for loader in self._loaders.values():
            loader.abandon()
        for observer in self._observers.values():
            observer.abandon()
        if self._waiter is not None:
            self._waiter.close()
        self._owners.clear()
        self._timed.clear()
        fork.unregister(self)

    def revive(self) -> None:
        """See `Member.revive`: not this one."""

    # From any thread

    @property
    def here(self) -> bool:
        """Whether this is its thread."""
        return self._thread.here

    @property
    def alive(self) -> bool:
        """Whether its thread is alive, in this process."""
        return self._thread.alive

    def loader_for(self, key: object) -> Loader:
        """The thread for the loads of one network mount, which may hang, or of one watcher of many files; of None,
        for all others.
        """
        return self._loaders.get(key) or self._loaders.setdefault(key, Loader())

    @property
    def loaders(self) -> tuple[Loader, ...]:
        """The threads for loads."""
        return tuple(self._loaders.values())

    def silent(self, owner: Owner) -> str | None:
        """The mount with files of `owner` that does not answer."""
        return self._background.trouble(owner)

    @property
    def trouble(self) -> str | None:
        """Why the driver does nothing; None if all is well."""
        if self.dead:
            return f"the thread hotconf-driver cannot be started: {self._thread.error or 'it died'}"
        return self._supervision.trouble

    @property
    def stuck(self) -> bool:
        """Whether one turn has taken so long that no caller should wait for it."""
        return self._supervision.stuck_ns > 2 * SECOND

    @property
    def dead(self) -> bool:
        """Whether its thread died unasked."""
        return self._begun and not self.over and not self._thread.alive

    def post(self, action: Callable[[], object]) -> None:
        """Run `action` on the driver's thread, soon."""
        self._actions.append(action)
        self.wake()
        self.check()

    def check(self) -> None:
        """Start another one if the thread died."""
        if self.dead:
            revive(self)

    def run(self, action: Callable[[], object], timeout_s: float | None = None) -> bool:
        """Run `action` on the driver's thread, and wait for it. False if it did not run: the thread is gone, or was
        too slow.
        """
        if not self.here:
            return self._run_there(_Call(partial(_guarded, action)), timeout_s)
        _guarded(action)
        return True

    def call(self, action: Callable[[], R]) -> R:
        """Run `action` on the driver's thread, wait for it, and return or raise what it does.

        Raises `UsageError` if it was not run, because the thread has ended: the last watcher was closed meanwhile.
        """
        if self.here:
            return action()
        call = _Call(action)
        if not self._run_there(call):
            raise UsageError("this watcher is closed, or was forked off meanwhile")
        return call.result()

    def _run_there(self, call: _Call[R], timeout_s: float | None = None) -> bool:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        self.post(call)
        if self._ended:
            with suppress(ValueError):  # it runs, or has run
                self._actions.remove(call)
                return False
        while not call.done.wait(self._slice_s(until)):
            if not self.alive or (until is not None and time.monotonic() >= until):
                return call.done.is_set()  # it has ended, or a signal handler forked, and this is the child
        return True

    def _slice_s(self, until: float | None) -> float:
        if not self.alive:
            return 0
        return FORK_CHECK_S if until is None else max(0.0, min(FORK_CHECK_S, until - time.monotonic()))

    def expect(self, owner: Owner) -> None:
        """`owner` may have a deadline now."""
        self._timed.add(owner)

    def wake(self) -> None:
        """Have the driver run what was posted, and check its deadlines again."""
        waiter = self._waiter
        if waiter is not None and not self.here:
            waiter.wake()

    def finish(self, timeout_s: float) -> None:
        """End the thread, after what is posted; it closes its descriptors. Idempotent."""
        self.post(self._end)
        if not self.here:
            self._thread.join(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """End all of its threads, except those that wait for a mount that does not answer."""
        until = time.monotonic() + timeout_s
        for loader in tuple(self._loaders.values()):
            loader.stop(max(0.0, until - time.monotonic()))
        self.finish(max(_LEAST_S, until - time.monotonic()))
        self._background.stop(max(_LEAST_S, until - time.monotonic()))

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._ending or self._ended

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
                self._waits().watch(observer.descriptor)
        except OSError as error:
            observer.close()
            if name != "auto":
                raise UsageError(
                    f'observer="{name}" cannot be had: {refusal(error)}; use "auto" or "poll"'
                ) from error
            observer = Poll(f"{observer.name} cannot be had: {refusal(error)}", stopgap=True)
        except BaseException:
            observer.close()
            raise
        observer.away = self._background.away
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
        if (loader := self._loaders.pop(owner, None)) is not None:
            loader.stop(0)
        if observer is not None:
            self._background.last(owner, partial(observer.disarm, owner))

    def in_background(self, owner: Owner, work: Callable[[], R], then: Callable[[R | None], object]) -> None:
        """Do `owner`'s work, which may take long, here or elsewhere; run `then` here afterwards."""
        self._background.run(owner, work, then)

    def _end(self) -> None:
        self._ending = True

    def _run(self) -> None:
        while not self._ending:
            self._go_on(self._wait)
            self._go_on(lambda: self._turn(time.monotonic_ns()))
        for observer in self._observers.values():
            self._go_on(observer.close)
        self._ended = True
        self._act()  # a later caller sees that the thread is gone
        if self._waiter is not None:
            self._waiter.close()

    def _go_on(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a fault of ours, or of the system's
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        doing, self._doing = self._doing, None
        if doing is not None and doing not in (self._redone, self._recover):
            self._redone = doing
            self._actions.appendleft(doing)
        self._actions.appendleft(self._recover)
        self._supervision.failed(error)

    def _recover(self) -> None:
        for owner in self.owners:
            _guarded(owner.recover)

    def take_over(self, dead: Driver) -> None:
        """Replace one whose thread died: take over its watchers, and what was posted to it."""
        self.loader, self._loaders, self.claims = dead.loader, dead._loaders, dead.claims
        for observer in dead._observers.values():
            self._actions.append(observer.close)
        if dead._waiter is not None:
            self._actions.append(dead._waiter.close)
        self._actions.extend(each for each in (dead._doing, *dead._actions) if each is not None)

    def over_to(self, driver: Driver) -> None:
        """It is dead, and `driver` has taken over."""
        self._ending = self._ended = True
        fork.unregister(self)
        for owner in self.owners:
            owner.resume(driver)

    def _waits(self) -> Waiter:
        if self._waiter is None:
            self._waiter = best_waiter()
        return self._waiter

    def _wait(self) -> None:
        waiter = self._waits()
        deadline = self._deadline()
        self._supervision.asleep()
        try:
            waiter.wait(deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, another one may work
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Descriptors are lost: the program has closed them, or the kernel refuses a call. Poll, and recreate them:
        at once, if that helped the last time; otherwise at the next poll.
        """
        if not isinstance(error, OSError):
            log.fault("watch", _FAULT)
        now = time.monotonic_ns()
        soon, self._lost_at = now - self._lost_at < _AGAIN_NS, now
        self._waits().close()
        self._waiter = ThreadWaiter(refusal(error)) if soon else best_waiter()
        lost = [each for each in self._observers.values() if _has_descriptor(each)]
        for observer in lost:
            del self._observers[_key(observer)]
            _guarded(observer.close)
        self._observers["stopgap"] = poll = Poll(refusal(error), stopgap=True)
        for owner in [owner for owner, observer in self._owners.items() if observer in lost]:
            self._owners[owner] = poll
            _guarded(partial(owner.observe, poll))
            if not soon:
                _guarded(partial(self._mend, owner))
            _guarded(partial(owner.compare, partial(_heard, owner, now, 0)))

    def _turn(self, now: int) -> None:
        # What the kernel has to tell comes before the clock: it may be a change of what is about to be published. To
        # ask it does not give up the interpreter's lock, so that between the last look and a commit nothing can come.
        self._supervision.awake(now)
        self._hear_all(now)
        if self._actions:
            self._act()
            self._hear_all(now)
        now = time.monotonic_ns()
        if self._supervision.due <= now:
            self._supervision.look_after(self.loaders, self.owners)
        for owner in list(self._timed):
            due = self._due(owner)
            if due is not None and due <= now:
                _guarded(partial(owner.feed, Due(now)))
        self._background.report(now)
        if self._looks.next <= now:
            self._looks.look(now)

    def _look(self, owner: Owner) -> None:
        """Compare all its files, and mend what may be mended."""
        observer = self._owners[owner]
        if not observer.native or observer.trouble(owner) is not None:
            _guarded(partial(self._mend, owner))
        if owner.watching and not self._background.resting(owner):
            owner.compare(partial(self._reconcile, owner))

    def _act(self) -> None:
        self._supervision.stir()
        while self._actions:
            action = self._doing = self._actions[0]
            self._actions.popleft()
            _guarded(action)
            self._doing = None

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
                self.in_background(owner, partial(observer.renew, owner, stale), _nothing)
                heard.suspects.add(owner)  # no event tells what happened before it was armed
        now = time.monotonic_ns()
        for owner, paths in heard.touched.items():
            if owner in self._owners:
                _guarded(partial(owner.heard, tuple(paths), heard.at, now - woke))
        for owner in heard.suspects:
            if owner in self._owners:
                _guarded(partial(owner.compare, partial(_heard, owner, heard.at, now - woke)))

    def _mend(self, owner: Owner) -> None:
        """What could not be had may be had by now: descriptors, an observer, a watch that was refused."""
        observer = self._owners[owner]
        if not owner.watching:
            return
        if isinstance(observer, Poll):
            if not observer.stopgap:
                return
            # Callers post before they wake it: if one wakes the old waiter now, its post is read next.
            if isinstance(self._waiter, ThreadWaiter):
                self._waiter = best_waiter()
            # If inotify was required, the start refused; now polling is better than nothing.
            name: ObserverName = "auto" if self._wanted[owner] == "inotify" else self._wanted[owner]
            better = self._observers.get(preferred(name)) or self._choose(name)
            if better is observer or better.trouble(owner) == observer.trouble(owner):
                return
            observer = self._owners[owner] = better
        owner.observe(observer)

    def _reconcile(self, owner: Owner, changed: tuple[Path, ...]) -> None:
        if not changed or owner not in self._owners:
            return
        # Nobody told of it: perhaps what is watched is not any more what leads to the files.
        self.in_background(owner, partial(self._owners[owner].rearm, owner), _nothing)
        owner.heard(changed, time.monotonic_ns(), 0, sure=False)
        if self._background.busy(owner):  # no event tells what changes before everything is watched again
            owner.compare(partial(_heard, owner, time.monotonic_ns(), 0))

    def _deadline(self) -> int | None:
        """When to wake; None for no limit."""
        if self._actions:
            return 0
        first = min(self._looks.wakes(), self._background.next, self._supervision.due)
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


class _Call(Generic[R]):
    """An action with a waiting caller."""

    __slots__ = ("_action", "_error", "_outcome", "done")

    def __init__(self, action: Callable[[], R]) -> None:
        self._action = action
        self._outcome: list[R] = []
        self._error: BaseException | None = None
        self.done = threads.Event()

    def __call__(self) -> None:
        try:
            self._outcome.append(self._action())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller
            self._error = error
        finally:
            self.done.set()

    def result(self) -> R:
        """What the action returned, or raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._outcome[0]


def _key(observer: Observer) -> str:
    return "stopgap" if isinstance(observer, Poll) and observer.stopgap else observer.name


def _has_descriptor(observer: Observer) -> bool:
    try:
        return observer.descriptor is not None
    except OSError:  # it is gone
        return True


def _heard(owner: Owner, now: int, detect_ns: int, changed: tuple[Path, ...]) -> None:
    if changed:
        owner.heard(changed, now, detect_ns)


def _nothing(_: object) -> None:
    """What follows."""


def _guarded(work: Callable[[], object]) -> None:
    """Log an exception as a fault of ours, so that one watcher does not stop the others.

    A lack of memory is raised instead: it is a failure of the thread, which then recovers all watchers.
    """
    try:
        work()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a fault of ours
        log.fault("watch", _FAULT)


class _Shared:
    """The driver of this process. One, because inotify instances are scarce: 128 a user."""

    __slots__ = ("__weakref__", "_registered", "driver", "lock")

    def __init__(self) -> None:
        self.lock = threads.rlock()
        """For callers among themselves: no thread waits for another while it holds it."""
        self.driver: Driver | None = None
        self._registered = False

    def claim(self, who: object) -> Driver:
        """The driver, started if there is none. Always `release` it, even if this raises."""
        with self.lock:
            if self.driver is None or self.driver.over:
                self.driver = self._new()
            used = self.driver
            used.claims.add(who)
            used.begin()
            return used

    def replace(self, dead: Driver) -> None:
        """Replace a driver whose thread died. A failure is logged, and retried."""
        with self.lock:
            if not dead.dead or self.driver is not dead:
                return
            log.thread("the thread hotconf-driver died, and another is started", dead._thread.error)
            driver = Driver()
            try:
                driver.take_over(dead)
                driver.begin()
            except (RuntimeError, MemoryError) as error:
                fork.unregister(driver)
                log.thread("the thread hotconf-driver cannot be started", error)
                return
            self.driver = driver
            dead.over_to(driver)
            atexit.unregister(_close_all)
            atexit.register(_close_all, driver)

    def _new(self) -> Driver:
        fork.register(self)
        driver = Driver()
        if not self._registered:
            self._registered = True
            atexit.register(_end_threads)  # the first registered is the last to run
        atexit.register(_close_all, driver)
        return driver

    def release(self, who: object, used: Driver | None, timeout_s: float) -> None:
        """`who` needs no driver any more. After the last one the driver's thread and the loader's have ended, unless
        they are busy for longer than `timeout_s`. May be repeated; `used` is None if `claim` raised.
        """
        with self.lock:
            mine = self.driver if used is None else used
            if mine is None:
                return
            mine.claims.discard(who)
            if mine.claims:
                return
            if self.driver is mine:
                self.driver = None
                atexit.unregister(_close_all)  # before the next driver registers
        mine.stop(timeout_s)

    # Forks: the child needs its own

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """As `Member.locks`."""
        return ((fork.SHARED, self.lock),)

    def abandon(self) -> None:
        """As `Member.abandon`."""
        self.lock = threads.rlock()
        self.driver = None
        atexit.unregister(_close_all)

    def revive(self) -> None:
        """Nothing to do: the first watcher that claims a driver starts it."""


def _end_threads() -> None:
    """At exit, after all watchers were closed: end what they did not wait for any longer."""
    threads.end_all(_END_S)


def _close_all(driver: Driver) -> None:
    for owner in driver.owners:
        owner.close()
    records.finish()  # what is first logged here would register too late for the exit


_shared: Final = _Shared()
claim: Final = _shared.claim
release: Final = _shared.release
revive: Final = _shared.replace
