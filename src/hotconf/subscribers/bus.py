"""`Bus`: the subscribers of one watcher. To publish is to append to their queues: none delays another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from hotconf.arguments import function, too_late
from hotconf.config.walk import value_at
from hotconf.errors import UsageError
from hotconf.events import FileChanged, Notice, ReloadSuccess
from hotconf.keypath import KeyPath, key_path
from hotconf.subscribers.callbacks import Callback, ChangeCallback, EventCallback
from hotconf.subscribers.delivery import Delivery
from hotconf.subscribers.path_index import PathIndex
from hotconf.subscribers.stats import Failures
from hotconf.subscribers.streams import LONGEST_S, Arrival, EventStream, Subscription
from hotconf.system import fork, threads

if TYPE_CHECKING:
    import asyncio
    import threading

    from hotconf.events import ConfigReloadEvent, Ending
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot
    from hotconf.subscribers.publications import Beginner, Source

T = TypeVar("T")
R = TypeVar("R")

BURST: Final = 200
"""How many events are queued at once. The rest of a large burst follows later, so that readers keep up."""
_REST_S: Final = 0.002
"""How often to check whether a burst is queued."""
LOCK_S: Final = 0.002
"""How long to wait for the lock. It is held for microseconds, unless a signal handler interrupts its holder."""

Key: TypeAlias = str | KeyPath
"""A dotted key, or a key path."""
Selector: TypeAlias = Key | Callable[[T], object]
"""Which value to follow: a dotted key, a key path, or a function of the config."""


class Bus(fork.ForkAware, Generic[T]):
    """A listener with event streams, callbacks for events, and callbacks for changes of values ("followers")."""

    def __init__(self, name: str, schema: Schema[T] | None = None) -> None:
        """`name` is part of the name of the delivery thread; keys to follow are those of `schema`."""
        self.schema = schema
        self._name = name
        # Reentrant: a signal handler or a finalizer may close a subscription while this very thread holds the lock.
        self.lock = threads.rlock()
        # Tuples are replaced, never changed: iterating is safe while others subscribe.
        self._callbacks: tuple[EventCallback[Any], ...] = ()
        self._followers: PathIndex[ChangeCallback[T]] = PathIndex()
        self._numbers = count(1)
        self._begin()
        fork.register(self)

    def _begin(self) -> None:
        """Of the time from a start to a close."""
        self.last: Ending | None = None
        """The latest ending."""
        self.snapshot: Snapshot[T] | None = None
        """What was published when the latest event was queued."""
        self._streams: tuple[EventStream, ...] = ()
        self.failures = Failures()
        """What callbacks raised."""
        self.delivery = Delivery(self._name, self.lock, self.failures)
        self._backlog: deque[tuple[ConfigReloadEvent | None, Snapshot[T] | None]] = deque()
        """Events that are not queued yet, in order: the driver waits for the lock at most `LOCK_S`."""
        self._allowed = BURST
        """How many events may be queued before the next `drain`."""
        self._published = Arrival()
        """Set, and replaced, whenever something is published, and when this is closed."""
        self._begun = self._closed = False
        self._early: list[Beginner] = []
        """What begins with the first snapshot."""

    def renewal(self) -> Callable[[], None]:
        """What to call after `close`, so that the callbacks that there are now wait for another start."""
        return partial(self._renew, self._callbacks, self._followers)

    def _renew(self, callbacks: tuple[EventCallback[Any], ...], followers: PathIndex[ChangeCallback[T]]) -> None:
        with self.lock:
            self._callbacks, self._followers = callbacks, followers
            for each in self.callbacks:
                if each.closed:
                    self.remove(each)
                each.renew()
            self._begin()

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock of its subscribers."""
        return ((fork.INNER, self.lock),)

    def abandon(self) -> None:
        """In a forked child: callbacks stay, streams end; the parent delivers what was waiting."""
        self.lock = threads.rlock()
        self._published.forget()
        streams, self._streams = self._streams, ()
        self._backlog.clear()
        for stream in streams:
            stream.abandon()
        self.delivery.abandon(self.lock)

    def revive(self) -> None:
        """In a forked child: followers that have not seen the newest value get it here, too."""
        with self.lock:
            self.delivery.put(self.last, tuple(each for each in self._followers.all() if each.due))

    # Event loops

    def enter_loop(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        """From now on callbacks may return awaitables: they are awaited in `loop`, which runs in this thread."""
        import hotconf.subscribers.coroutines  # noqa: F401 - imported here, and not by our thread, which may be forked
        from hotconf.system.loops import Home

        self.delivery.home = Home(loop, thread)

    def begin(self) -> None:
        """The watcher starts. Raises `UsageError` if a callback is a coroutine function, and no loop has entered."""
        for each in (*self._callbacks, *self._followers.all()):
            self._refuse_coroutine(each)
        self._begun = True

    def _refuse_coroutine(self, callback: Callback) -> None:
        if self.delivery.home is None and callback.needs_loop:
            raise UsageError(f"callback {callback.name} is a coroutine function: enter the watcher by `async with`")

    # Publishing, on the driver's thread

    def notify(self, notice: Notice) -> None:
        """Queue the event for all subscribers. Runs no users' code.

        Changes of values count from the first snapshot; that itself is one for those who want it.
        """
        if not self._closed:
            if notice.event is not None and not isinstance(notice.event, FileChanged):
                self.last = notice.event
            self._backlog.append((notice.event, notice.snapshot))
            self._queue_backlog()
        if notice.published is not None:
            self._wake()

    def _wake(self) -> None:
        published, self._published = self._published, Arrival()
        published.set()

    def drain(self) -> bool:
        """Queue at most `BURST` waiting events, unless a caller holds the lock. Returns whether none is left."""
        self._allowed = BURST
        if self._backlog:
            self._queue_backlog()
        return not self._backlog

    def _queue_backlog(self) -> None:
        # A signal handler that interrupted the holder of the lock may be waiting for this very thread.
        if not self._allowed or not self.lock.acquire(timeout=LOCK_S):
            return
        try:
            while self._backlog and self._allowed:
                # Removed only once it is queued, so that it is not lost if the thread dies.
                self._queue(*self._backlog[0])
                self._backlog.popleft()
                self._allowed -= 1
        except MemoryError:  # perhaps for a moment: `drain` tries again
            return
        finally:
            self.lock.release()

    def _queue(self, event: ConfigReloadEvent | None, snapshot: Snapshot[T] | None) -> None:
        callbacks: tuple[Callback, ...] = () if event is None else self._callbacks
        if followers := self._affected(event, snapshot):
            callbacks = tuple(sorted((*callbacks, *followers), key=attrgetter("number")))
        # What may fail came before: a retry repeats nothing.
        self.snapshot = snapshot
        if event is not None:
            for stream in self._streams:
                stream.put(event)
        self.delivery.put(event, callbacks)

    def _affected(self, event: ConfigReloadEvent | None, now: Snapshot[T] | None) -> set[ChangeCallback[T]]:
        """The followers whose value a commit may change; of the first snapshot those that want that, too."""
        before = self.snapshot
        if before is None and now is not None:
            for each in self._early:
                each.begin(now)
            self._early = []
        if now is None or (before and before.generation == now.generation):
            return set()
        if before is None:
            followers = {each for each in self._followers.all() if each.initial}
        elif isinstance(event, ReloadSuccess) and event.changes:
            followers = self._followers.affected([change.path for change in event.changes], now.config)
        else:
            followers = set(self._followers.all())
        for follower in followers:
            follower.mark_due(before)
        return followers

    # Subscribing, from any thread

    def subscribe(self) -> EventStream:
        """A stream of the events from now on."""
        stream = EventStream(self)
        with self._open("subscribe"):
            self._streams = (*self._streams, stream)
        return stream

    @contextmanager
    def _open(self, method: str) -> Iterator[None]:
        """Hold the lock, until which this stays open. Raises `UsageError` if it is closed."""
        with self.lock:
            if self._closed:
                raise too_late(method)
            yield

    def on_event(self, callback: Callable[[ConfigReloadEvent], R]) -> EventCallback[R]:
        """Call `callback(event)` for every event from now on."""
        subscription = EventCallback(self, next(self._numbers), _checked(callback, "event"))
        if self._begun:
            self._refuse_coroutine(subscription)
        with self._open("on_event"):
            self._callbacks = (*self._callbacks, subscription)
        return subscription

    def on_change(
        self, selector: Selector[T], callback: Callable[[Any, Any], object], *, initial: bool = False
    ) -> ChangeCallback[T]:
        """Call `callback(old, new)` when the selected value differs; with `initial` for the first one, too."""
        known = checked_selector(selector)
        path, select = ((), known) if callable(known) else (known, partial(value_at, path=known))
        subscription = ChangeCallback(
            self, next(self._numbers), path, select, _checked(callback, "old, new"), initial=initial
        )
        if self._begun:
            self._refuse_coroutine(subscription)
        with self._open("on_change"):
            self._followers.add(path, subscription.number, subscription)
            if initial and self.snapshot is not None:
                subscription.mark_due(None)
                self.delivery.put(None, (subscription,))
        return subscription

    # Waiting, in any thread or event loop

    @property
    def published(self) -> Arrival:
        """Set when the next configuration is published, or this is closed."""
        return self._published

    @property
    def life(self) -> object:
        """Stands for the time from a start to a close."""
        return self.delivery

    def ended(self, life: object) -> bool:
        """Whether that time is over: nothing more is published in it."""
        return self._closed or self.delivery is not life

    def begin_with(self, source: Source[T], beginner: Beginner, *, initial: bool) -> None:
        """Unless it is `initial`, give it what is published now; if nothing is, what will be first."""
        with self._open("changes"):
            if initial:
                return
            snapshot = source.snapshot or self.snapshot
            if snapshot is None:
                self._early.append(beginner)
            else:
                beginner.begin(snapshot)

    def flush(self, timeout_s: float | None) -> bool:
        """Wait until callbacks got everything that was published so far. Returns whether that was in time.

        The caller waited for the step that published it. Raises `UsageError` in a callback.
        """
        until = instant(timeout_s)
        while True:
            with self.lock:
                if self._closed or not self._backlog:
                    awaited = self.delivery.await_all()
                    break
            if time.monotonic() >= until:
                return False
            threads.pause(_REST_S)  # the driver queues the rest
        return self.delivery.finished(awaited, until)

    def wait_for(self, holds: Callable[[], object], timeout_s: float | None) -> bool:
        """Wait until `holds()` is true, which is called now and after each publication. Returns whether it was."""
        until, life = instant(timeout_s), self.life
        while True:
            published, ended = self._published, self.ended(life)
            if holds():
                return True
            left = until - time.monotonic()
            if ended or left <= 0:
                return False
            published.wait(min(left, LONGEST_S))

    @property
    def callbacks(self) -> tuple[Callback, ...]:
        """All that wait for something."""
        return (*self._callbacks, *self._followers.all())

    def remove(self, subscription: Subscription) -> None:
        """Forget `subscription`; the lock is held."""
        if isinstance(subscription, ChangeCallback):
            self._followers.remove(subscription.path, subscription.number)
        self._streams = tuple(each for each in self._streams if each is not subscription)
        self._callbacks = tuple(each for each in self._callbacks if each is not subscription)

    def close(self, timeout_s: float = 2.0) -> None:
        """Emit nothing more: streams end after what is waiting; callbacks that have not begun are dropped.

        Waits at most `timeout_s` for a running callback, and not at all if that callback is the caller.
        """
        with self.lock:
            self._closed = True
            self._wake()
            streams, self._streams = self._streams, ()
            self._callbacks = ()
            self._followers = PathIndex()
            for stream in streams:
                stream.end()
        self.delivery.close(timeout_s)


def instant(timeout_s: float | None) -> float:
    """When a wait that begins now ends, in seconds of the monotonic clock."""
    return float("inf") if timeout_s is None else time.monotonic() + timeout_s


def _checked(callback: Callable[..., R], call: str) -> Callable[..., R]:
    return function("callback", callback, call, coroutine=True)


_SECOND: Final = "; the callback comes second: on_change(selector, callback)"


def checked_selector(selector: object, hint: str = _SECOND) -> KeyPath | Callable[..., object]:
    """The key path that a selector names, or the function that it is. Raises `UsageError` if it is neither.

    `hint`: what to do if the function takes something else.
    """
    if callable(selector):
        return function("selector", selector, "config", hint=hint)
    return key_path("selector", selector, ", or a function of the config")
