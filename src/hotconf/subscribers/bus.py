"""`Bus`: the subscribers of one watcher. Publishing is queue appends; whoever is slow or raises holds up nobody."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar, overload
from weakref import WeakSet

from hotconf.arguments import function
from hotconf.events import FileChanged, ReloadSuccess
from hotconf.keypath import KeyPath, key_path
from hotconf.listener import Notice
from hotconf.subscribers.callbacks import (
    Callback,
    ChangeCallback,
    Delivery,
    EventCallback,
    FunctionCallback,
    PathCallback,
    log_warning,
)
from hotconf.subscribers.path_index import PathIndex
from hotconf.subscribers.streams import EventStream, Subscription
from hotconf.system import fork, threads
from hotconf.system.memory import retried

if TYPE_CHECKING:
    import threading

    from hotconf.events import ConfigReloadEvent, Ending
    from hotconf.snapshot import Snapshot

T = TypeVar("T")

_MOMENT_S: Final = 0.002
"""The lock is held for microseconds, except by an interrupted caller."""

OnEvent: TypeAlias = Callable[["ConfigReloadEvent"], object]
"""A callback for events."""
OnChange: TypeAlias = Callable[[object, object], object]
"""A callback for `(old, new)`."""
Selector: TypeAlias = str | KeyPath | Callable[[T], object]
"""Which value to follow: a TOML dotted key, a key path, or a function of the config."""


class Bus(fork.ForkAware, Generic[T]):
    """The subscriptions of one watcher: event streams, callbacks and followers of values."""

    def __init__(self, name: str) -> None:
        """`name` is told in the name of the delivery thread."""
        # Reentrant: a signal handler or a finalizer may close a subscription while this very thread holds the lock.
        self.lock = threads.rlock()
        self.last: Ending | None = None
        """The latest ending."""
        self.snapshot: Snapshot[T] | None = None
        """What is published now, as far as the bus was told."""
        # Replaced, never changed: whoever iterates one of these is safe from those who subscribe meanwhile.
        self._streams: tuple[EventStream, ...] = ()
        self._listeners: tuple[tuple[int, EventCallback | FunctionCallback[T]], ...] = ()
        """Those that have to be asked at each event, with their places in the order of subscription."""
        self._followers: PathIndex[PathCallback[T]] = PathIndex()
        self._numbers = count(1)
        self._given: WeakSet[EventStream] = WeakSet()
        """All streams that somebody still has, those that have ended, too."""
        self._delivery = Delivery(name, self.lock)
        self._outbox: deque[Callable[[], None]] = deque()
        """What the driver emits, in order: it waits for the lock no longer than `_MOMENT_S`."""
        self.allowance = sys.maxsize
        """How many more events may be queued now. A burst that touches thousands of files is queued in parts."""
        self._draining = False
        self._closed = False
        fork.register(self)

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """Its own."""
        return ((fork.INNER, self.lock),)

    def abandon(self) -> None:
        """Callbacks are kept, streams end, and nothing that was waiting is told twice."""
        self.lock = threads.rlock()
        self._streams = ()
        self._outbox.clear()
        for stream in list(self._given):
            stream.abandon()
        self._delivery.abandon(self.lock)

    def revive(self) -> None:
        """Who follows a value and was not told of the newest is told here, too."""
        with self.lock:
            generation = 0 if self.snapshot is None else self.snapshot.generation
            asked = [
                each for _, each in self._listeners if isinstance(each, FunctionCallback) and each.wants(generation)
            ]
            behind = [each for each in self._followers.everyone() if each.behind]
            if self.last is not None:
                self._delivery.put(self.last, (*asked, *behind))

    # Telling

    def notify(self, notice: Notice) -> None:
        """Queue the event for all subscribers. Runs no users' code."""
        self.publish(notice.event, notice.snapshot)

    def publish(self, event: ConfigReloadEvent | None, snapshot: Snapshot[T] | None) -> None:
        """Queue `event` for all subscribers; `snapshot` is what is published now.

        The first snapshot is the baseline of changes, unless a success announces it.
        """
        if not self._closed:
            if event is not None and not isinstance(event, FileChanged):
                self.last = event
            self._outbox.append(partial(self._publish, event, snapshot))
            self.drain()

    @property
    def behind(self) -> bool:
        """Whether an event has not been queued yet."""
        return bool(self._outbox)

    def drain(self) -> bool:
        """Queue the remaining events, as many as allowed, unless a caller holds the lock; whether none are left.

        A signal handler that interrupted that caller may be waiting for this very thread.
        """
        if self._draining:  # an exception ended the last one, perhaps before it released the lock
            with suppress(RuntimeError):
                self.lock.release()
        self._draining = True
        locked = True
        while locked and self._outbox and self.allowance > 0:
            locked = False
            try:
                locked = self.lock.acquire(timeout=_MOMENT_S)
                while locked and self._outbox and self.allowance > 0:
                    self._queue_first()
                    self.allowance -= 1
            finally:
                if locked:
                    self.lock.release()
        self._draining = False
        return not self._outbox

    def _queue_first(self) -> None:
        """The event stays first until it is queued, so that neither a lack of memory nor a dead thread loses it."""
        try:
            retried(self._outbox[0])
        except MemoryError:
            raise
        except Exception:
            self._outbox.popleft()
            raise
        self._outbox.popleft()

    def _publish(self, event: ConfigReloadEvent | None, snapshot: Snapshot[T] | None) -> None:
        if self._closed:
            return
        if self.snapshot is None and snapshot is not None and not isinstance(event, ReloadSuccess):
            self.snapshot = snapshot
            for _, listener in self._listeners:
                if isinstance(listener, FunctionCallback):
                    listener.rebase(snapshot)
        if event is None:
            return
        generation = 0 if snapshot is None else snapshot.generation
        told: list[tuple[int, Callback]] = [each for each in self._listeners if each[1].wants(generation)]
        concerned = self._concerned(event, snapshot)
        if concerned:
            told = sorted([*told, *concerned.items()], key=_number)
        listeners = tuple(listener for _, listener in told)
        # Whatever may fail came first: a second try repeats nothing.
        self.snapshot = snapshot
        for stream in self._streams:
            stream.offer(event)
        self._delivery.put(event, listeners)

    def subscribe(self) -> EventStream:
        """A stream of the events from now on."""
        stream = EventStream(self)
        with self.lock:
            self._given.add(stream)
            if self._closed:
                stream.end()
            else:
                self._streams = (*self._streams, stream)
        return stream

    @overload
    def on_event(self, callback: OnEvent) -> EventCallback: ...
    @overload
    def on_event(self, callback: None = None) -> Callable[[OnEvent], EventCallback]: ...
    def on_event(self, callback: OnEvent | None = None) -> EventCallback | Callable[[OnEvent], EventCallback]:
        """Call `callback(event)` for every event from now on; without a callback, a decorator that does so."""
        if callback is None:
            return self.on_event
        listener = EventCallback(self, _checked(callback))
        with self.lock:
            if not self._closed:
                self._listeners = (*self._listeners, (next(self._numbers), listener))
        return listener

    @overload
    def on_change(self, selector: Selector[T], callback: OnChange) -> ChangeCallback[T]: ...
    @overload
    def on_change(self, selector: Selector[T], callback: None = None) -> Callable[[OnChange], ChangeCallback[T]]: ...
    def on_change(
        self, selector: Selector[T], callback: OnChange | None = None
    ) -> ChangeCallback[T] | Callable[[OnChange], ChangeCallback[T]]:
        """Call `callback(old, new)` when the selected value differs; without a callback, a decorator that does so."""
        if callable(selector):
            follow = partial(self._follow_function, function("selector", selector, "a function"))
        else:
            follow = partial(self._follow_path, path_of(selector))
        return follow if callback is None else follow(callback)

    def remove(self, subscription: Subscription) -> None:
        """Forget `subscription`; the lock is held."""
        self._streams = tuple(each for each in self._streams if each is not subscription)
        if isinstance(subscription, PathCallback):
            self._followers.remove(subscription.path, subscription.number)
        else:
            self._listeners = tuple(each for each in self._listeners if each[1] is not subscription)

    def warn(self, text: str) -> None:
        """Log `text`."""
        log_warning(text)

    def close(self, timeout_s: float = 2.0) -> None:
        """Emit nothing more: streams end after what is waiting, callbacks that have not begun are dropped.

        Waits at most `timeout_s` for a callback that is running, and not at all when that callback is the caller.
        """
        with self.lock:
            self._closed = True
            streams, self._streams = self._streams, ()
            self._listeners = ()
            self._followers = PathIndex()
            for stream in streams:
                stream.end()
        self._delivery.close(timeout_s)

    @property
    def trouble(self) -> str | None:
        """Why callbacks are not called; None if all is well."""
        return self._delivery.trouble

    def supervise(self) -> bool:
        """Repair the thread of callbacks if it failed; whether it has something to do."""
        return self._delivery.supervise()

    def _concerned(self, event: ConfigReloadEvent, now: Snapshot[T] | None) -> dict[int, PathCallback[T]]:
        """The followers of key paths that a commit may concern: only of those the value is looked up."""
        before = self.snapshot
        if now is None or (before is not None and before.generation == now.generation):
            return {}
        changes = event.changes if isinstance(event, ReloadSuccess) and before is not None else ()
        if changes:
            affected = self._followers.affected((change.path for change in changes), now.config)
        else:  # the first config, of which nobody says what is new
            affected = self._followers.everyone()
        concerned = {follower.number: follower for follower in affected}
        for follower in concerned.values():
            follower.fall_behind(before)
        return concerned

    def _follow_path(self, path: KeyPath, callback: OnChange) -> ChangeCallback[T]:
        listener = PathCallback(self, path, _checked(callback), next(self._numbers))
        with self.lock:
            if not self._closed:
                self._followers.add(path, listener.number, listener)
        return listener

    def _follow_function(self, select: Callable[[T], object], callback: OnChange) -> ChangeCallback[T]:
        listener = FunctionCallback(self, select, _checked(callback))
        with self.lock:
            listener.rebase(self.snapshot)
            if not self._closed:
                self._listeners = (*self._listeners, (next(self._numbers), listener))
        return listener


def _checked(callback: Callable[..., object]) -> Callable[..., object]:
    instead = "; in async code iterate: async for event in subscribe()"
    return function("callback", callback, "a function", instead=instead)


def _number(numbered: tuple[int, Callback]) -> int:
    return numbered[0]


def path_of(selector: object) -> KeyPath:
    """The key path that a selector names. Raises `UsageError` if it names none."""
    return key_path("selector", selector, ", or a function of the config")
