"""Callbacks and the one thread of a watcher that runs them.

Rule 1: callbacks run one at a time, the events in order, for each event in the order of subscription. A follower of
a value always gets the newest, so that one may be ahead of those before it while commits follow hard on each other.
Rule 2: whatever a callback raises is logged with its name, and the next one runs.
Rule 3: once the delivery is closed no callback begins any more.
"""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from hotconf.changes import MISSING
from hotconf.config.walk import value_at
from hotconf.logs.records import ERROR, WARNING, emit
from hotconf.subscribers.streams import CAPACITY, Hub, Subscription
from hotconf.system import green, threads
from hotconf.system.exceptions import end_process
from hotconf.system.worker import Worker
from hotconf.text import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from hotconf.events import ConfigReloadEvent
    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Snapshot

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Callback(Subscription):
    """A subscription with a callback: what the delivery needs of it."""

    __slots__ = ("name",)

    name: str
    """Names the callback in the log."""

    def __init__(self, hub: Hub, callback: Callable[..., object]) -> None:
        super().__init__(hub)
        self.name = qualified_name(callback)

    def wants(self, generation: int) -> bool:  # noqa: ARG002 (whatever is published)
        """Is there something to tell it while `generation` is published?"""
        return True

    def tell(self, event: ConfigReloadEvent) -> None:
        """Run the callback, on the delivery thread; may raise anything."""
        raise NotImplementedError

    def miss(self) -> bool:
        """An event that it should have been told is lost; whether it has to be told the next one instead."""
        return False


class EventCallback(Callback):
    """A closable subscription whose callback gets every event. Calling it calls the callback."""

    __slots__ = ("_callback",)

    def __init__(self, hub: Hub, callback: Callable[[ConfigReloadEvent], object]) -> None:
        super().__init__(hub, callback)
        self._callback = callback

    def __call__(self, event: ConfigReloadEvent) -> object:
        """So that a decorated function stays a function."""
        return self._callback(event)

    def tell(self, event: ConfigReloadEvent) -> None:
        """Hand `event` over."""
        self._callback(event)

    def miss(self) -> bool:
        """Count it."""
        self._dropped += 1
        return False


class Published(Hub, Protocol[T_co]):
    """A bus, as far as the followers of values need it."""

    @property
    def snapshot(self) -> Snapshot[T_co] | None:
        """What is published now."""


class ChangeCallback(Callback, Generic[T]):
    """A closable subscription whose callback gets `(old, new)` of one selected value when it differs.

    Nothing is queued: a late callback gets the value that it last saw, and the newest. The first old value is
    that of the config which was published when it subscribed, `MISSING` if there was none.
    """

    __slots__ = ("_bus", "_callback", "_select")

    def __init__(
        self, bus: Published[T], select: Callable[[T], object], callback: Callable[[object, object], object]
    ) -> None:
        super().__init__(bus, callback)
        self._bus = bus
        self._select = select
        self._callback = callback

    def __call__(self, old: object, new: object) -> object:
        """So that a decorated function stays a function."""
        return self._callback(old, new)

    def _selected(self, config: T, otherwise: object) -> object:
        with guarded(f"the selector of {self.name}"):
            return self._select(config)
        return otherwise

    def _compare(self, old: object, new: object) -> None:
        if _differ(old, new):
            self._callback(old, new)


class PathCallback(ChangeCallback[T]):
    """One that follows a key path. It is told only of commits that may concern it, and keeps no value of its own."""

    __slots__ = ("_before", "_behind", "number", "path")

    def __init__(
        self,
        bus: Published[T],
        path: KeyPath,
        callback: Callable[[object, object], object],
        number: int,
    ) -> None:
        super().__init__(bus, partial(value_at, path=path), callback)
        self.path = path
        self.number = number
        """Its place in the order of subscription."""
        self._behind = False
        self._before: Snapshot[T] | None = None
        """What was published before the first commit that it has to be told of."""

    @property
    def behind(self) -> bool:
        """Whether there is something to tell it."""
        return self._behind

    def fall_behind(self, before: Snapshot[T] | None) -> None:
        """What followed `before` may concern it; the lock is held."""
        if not self._behind:
            self._behind, self._before = True, before

    def miss(self) -> bool:
        """It compares with the newest, whichever event comes with it."""
        return self._behind

    def tell(self, event: ConfigReloadEvent) -> None:  # noqa: ARG002 (the newest snapshot says it all)
        """Compare the newest value with the one before, and call if they differ."""
        with self._bus.lock:
            behind, before, newest = self._behind, self._before, self._bus.snapshot
            self._behind, self._before = False, None
        if behind and newest is not None:
            old = MISSING if before is None else self._selected(before.config, MISSING)
            self._compare(old, self._selected(newest.config, old))


class FunctionCallback(ChangeCallback[T]):
    """One that follows what a function of the config returns, which has to be called for each commit."""

    __slots__ = ("_baseline", "_generation", "_value")

    def __init__(
        self, bus: Published[T], select: Callable[[T], object], callback: Callable[[object, object], object]
    ) -> None:
        super().__init__(bus, select, callback)
        self._value: object = MISSING
        self._generation = 0
        self._baseline: Snapshot[T] | None = None

    def rebase(self, snapshot: Snapshot[T] | None) -> None:
        """Report changes against `snapshot` if nothing was seen before; the lock is held."""
        if snapshot is not None and self._generation == 0:
            self._generation = snapshot.generation
            self._baseline = snapshot

    def wants(self, generation: int) -> bool:
        """Only commits that it has not seen."""
        return generation > self._generation

    def tell(self, event: ConfigReloadEvent) -> None:  # noqa: ARG002 (the newest snapshot says it all)
        """Compare the newest value with the one last seen, and call if they differ."""
        newest = self._bus.snapshot
        if newest is None or not self.wants(newest.generation):
            return
        self._generation = newest.generation
        if self._baseline is not None:
            baseline, self._baseline = self._baseline, None
            self._value = self._selected(baseline.config, self._value)
        old, self._value = self._value, self._selected(newest.config, self._value)
        self._compare(old, self._value)


def _differ(old: object, new: object) -> bool:
    # Here and not above: most programs follow no value.
    from hotconf.config.diff import equal

    return not equal(old, new)


class Delivery:
    """The queue of what callbacks are to be told, and the thread that tells them. `lock` guards it."""

    def __init__(self, name: str, lock: threading.RLock) -> None:
        self._lock = lock
        self._worker = Worker(f"hotconf callbacks {printable(name)}", self._report, self._describe, stays=True)
        self._left: tuple[ConfigReloadEvent, deque[Callback]] | None = None
        """What is being delivered, and to whom it still has to be: if the thread fails, it resumes there."""
        self._queue: deque[tuple[ConfigReloadEvent, tuple[Callback, ...]]] = deque()
        self._overflowing = False
        self._closed = False
        self._running: Callback | None = None
        self._where: tuple[int, int] | None = None
        """The thread, or greenlet, that is running callbacks."""
        self._forks = 0

    def abandon(self, lock: threading.RLock) -> None:
        """In the child of a fork: the thread is not here, and what it had to tell it tells in the parent."""
        self._lock = lock
        self._worker.abandon()
        self._queue.clear()
        self._overflowing = False
        self._running = self._where = self._left = None
        self._forks += 1

    def put(self, event: ConfigReloadEvent, listeners: tuple[Callback, ...]) -> None:
        """Have `listeners` told of `event`; the lock is held."""
        if not listeners:
            return
        if len(self._queue) == CAPACITY:
            listeners = self._drop_oldest(listeners)
        self._queue.append((event, listeners))
        self._worker.submit(self._deliver)

    def close(self, timeout_s: float) -> None:
        """Begin no more callbacks, and wait for the one that is running unless this is it."""
        with self._lock:
            self._closed = True
            self._queue.clear()
        inside = self._where == threads.greenlet_ident()
        if self._worker.stop(0 if inside else timeout_s) or inside:
            return
        running = self._running
        if running is not None:
            log_warning(f"{running.name} was still running when its watcher was closed")

    @property
    def trouble(self) -> str | None:
        """Why callbacks are not called; None if all is well."""
        return self._worker.trouble

    def supervise(self) -> bool:
        """Repair the thread if it failed; whether there is something to do."""
        return self._worker.supervise()

    def _describe(self, _: object, seconds: int) -> str:
        running = self._running
        return f"{running.name if running else 'a callback'} has not returned for {seconds} s"

    def _report(self, text: str, error: BaseException | None) -> None:
        emit("reload", ERROR, "%s", text, error=error)

    def _drop_oldest(self, listeners: tuple[Callback, ...]) -> tuple[Callback, ...]:
        """`listeners`, with those who lose nothing but their place in the queue."""
        _, losing = self._queue.popleft()
        kept = [listener for listener in losing if listener.miss()]
        if not self._overflowing:
            self._overflowing = True
            log_warning(f"callbacks are too slow: {CAPACITY} events are waiting, the oldest are dropped")
        return tuple(dict.fromkeys((*kept, *listeners))) if kept else listeners

    # On its thread

    def _deliver(self) -> None:
        with self._lock:
            if self._left is None:
                if not self._queue:
                    return
                event, listeners = self._queue[0]
                self._left = event, deque(listeners)
                self._queue.popleft()
                self._overflowing = self._overflowing and bool(self._queue)
            event, left = self._left
        green.run(partial(self._tell, event, left, self._forks))
        if not left:
            self._left = None

    def _tell(self, event: ConfigReloadEvent, left: deque[Callback], forks: int) -> None:
        self._where = threads.greenlet_ident()
        while left:
            with self._lock:
                if self._closed or self._forks != forks:  # a callback forked, and this is the child
                    left.clear()
                    break
                listener = self._running = left.popleft()
            if not listener.closed:
                with guarded(listener.name):
                    listener.tell(event)
        if self._forks == forks:
            self._running = self._where = None


class guarded:  # noqa: N801 (reads as a statement: `with guarded(name)`)
    """Around users' code: whatever it raises is logged under `name` and goes no further."""

    __slots__ = ("_name", "_pid")

    def __init__(self, name: str) -> None:
        self._name = name
        self._pid = os.getpid()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, SystemExit) and os.getpid() != self._pid:
            end_process(error)
        if error is not None:
            emit("reload", ERROR, "%s raised %s", self._name, type(error).__name__, error=error)
        return True


def log_warning(text: str) -> None:
    """Log `text`."""
    emit("reload", WARNING, "%s", text)


def qualified_name(callback: Callable[..., object]) -> str:
    """`module.Class.method`, or the type of a callable object."""
    named = callback if hasattr(callback, "__qualname__") else type(callback)
    return ".".join(filter(None, (getattr(named, "__module__", None), named.__qualname__)))
