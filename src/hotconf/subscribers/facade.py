"""`Following`: methods of a watcher for what subscribes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from hotconf import arguments
from hotconf.config.walk import value_at
from hotconf.errors import UsageError
from hotconf.subscribers.bus import Key, Selector, checked_selector, instant
from hotconf.system.exceptions import refuse_in_load

if TYPE_CHECKING:
    from hotconf.changes import Missing
    from hotconf.events import ConfigReloadEvent
    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Snapshot
    from hotconf.subscribers.bus import Bus
    from hotconf.subscribers.callbacks import EventCallback
    from hotconf.subscribers.decorators import ChangeDecorator, EventDecorator, KeyDecorator
    from hotconf.subscribers.publications import Publishing
    from hotconf.subscribers.streams import EventStream, Subscription

T = TypeVar("T")
V = TypeVar("V")
R = TypeVar("R")
F = TypeVar("F")


def _decorated(subscribe: Callable[[F], object], callback: F) -> F:
    subscribe(callback)
    return callback


class Following(Generic[T]):
    """A watcher: events, and changes of values."""

    __slots__ = ()

    if TYPE_CHECKING:
        _bus: Bus[T]

        @property
        def _reloader(self) -> Publishing[T]: ...

    def subscribe(self) -> EventStream:
        """The events from now on, as an iterator and an async iterator. Close it, or use it in a `with`.

        Iteration ends when the stream or the watcher is closed. A thread that iterates should be a daemon, or one of
        them must be closed before exit: Python joins other threads before exit handlers close the watcher.

        Raises `UsageError` when the watcher is closed.
        """
        return self._bus.subscribe()

    @overload
    def on_event(self, callback: Callable[[ConfigReloadEvent], R]) -> EventCallback[R]: ...
    @overload
    def on_event(self, callback: None = None) -> EventDecorator: ...
    def on_event(
        self, callback: Callable[[ConfigReloadEvent], Any] | None = None
    ) -> EventCallback[Any] | EventDecorator:
        """Call `callback(event)` for each event, in order, on the watcher's callback thread.

        Returns a handle to close, which can be called as the callback. `@watcher.on_event()` decorates a function,
        and leaves it as it is. A coroutine function runs in the event loop that entered the watcher.

        Raises `UsageError` when the watcher is closed.
        """
        return partial(_decorated, self._bus.on_event) if callback is None else self._bus.on_event(callback)

    @overload
    def on_change(
        self, selector: Callable[[T], V], callback: Callable[[V, V], object], *, initial: Literal[False] = False
    ) -> Subscription: ...
    @overload
    def on_change(
        self, selector: Callable[[T], V], callback: Callable[[V | Missing, V], object], *, initial: bool
    ) -> Subscription: ...
    @overload
    def on_change(
        self, selector: Key, callback: Callable[[Any, Any], object], *, initial: bool = False
    ) -> Subscription: ...
    @overload
    def on_change(
        self, selector: Callable[[T], V], callback: None = None, *, initial: Literal[False] = False
    ) -> ChangeDecorator[V, V]: ...
    @overload
    def on_change(
        self, selector: Callable[[T], V], callback: None = None, *, initial: bool
    ) -> ChangeDecorator[V | Missing, V]: ...
    @overload
    def on_change(self, selector: Key, callback: None = None, *, initial: bool = False) -> KeyDecorator: ...
    def on_change(
        self, selector: Selector[T], callback: Callable[[Any, Any], object] | None = None, *, initial: bool = False
    ) -> Subscription | ChangeDecorator[Any, Any] | KeyDecorator:
        """Call `callback(old, new)` when the selected value differs.

        Returns a handle to close. `@watcher.on_change("server.port")` decorates a function, and leaves it as it is. A
        coroutine function runs in the event loop that entered the watcher.

        `selector`: a dotted key (`"server.port"`), a tuple of keys, or a function of the config. A table means
        everything below it. `MISSING` stands for what is absent. A slow callback skips values: it gets the last one
        that it saw and the newest.

        `initial`: also call it with `(MISSING, value)` for the first configuration; if there is one already, at once.
        It is called after `start()` has returned, on the watcher's callback thread; `flush()` waits for that.

        Raises `UsageError` for a key that the model does not have, and when the watcher is closed.
        """
        arguments.flag("initial", initial)
        follow = partial(self._bus.on_change, self._known(selector), initial=initial)
        return partial(_decorated, follow) if callback is None else follow(callback)

    @overload
    def changes(
        self, selector: Callable[[T], V], *, initial: Literal[False] = False
    ) -> AsyncIterator[tuple[V, V]]: ...
    @overload
    def changes(self, selector: Callable[[T], V], *, initial: bool) -> AsyncIterator[tuple[V | Missing, V]]: ...
    @overload
    def changes(self, selector: Key, *, initial: bool = False) -> AsyncIterator[tuple[Any, Any]]: ...
    def changes(self, selector: Selector[T], *, initial: bool = False) -> AsyncIterator[tuple[Any, Any]]:
        """The changes of the selected value from now on: `async for old, new in watcher.changes("server.port")`.

        `selector` and `initial` are those of `on_change`. The selector runs in the reader's loop, and what it raises
        is raised there. A slow reader skips values: it gets the last one that it saw and the newest. It ends when the
        watcher is closed; until then it may be left at any time. A wait that is cancelled loses nothing.

        Raises `UsageError` for a key that the model does not have, when the watcher is closed already, and in loops
        that are not asyncio's.
        """
        from hotconf.subscribers.changes import Changes  # imported here: it imports asyncio

        arguments.flag("initial", initial)
        known = self._known(selector)
        select = known if callable(known) else partial(value_at, path=known)
        changes = Changes(self._reloader, self._bus, select, initial=initial)
        self._bus.begin_with(self._reloader, changes, initial=initial)
        return changes

    def changed(
        self, timeout_s: float | None = None, *, since: int | None = None
    ) -> Coroutine[Any, Any, Snapshot[T]]:
        """Wait for a generation above `since`, by default that of now, and return its snapshot.

        With `since=snapshot.generation` of the last one nothing is missed.

        Raises `TimeoutError`, and `UsageError` when the watcher is closed, and in loops that are not asyncio's.
        """
        from hotconf.subscribers.changes import newer  # imported here: it imports asyncio

        arguments.timeout(timeout_s)
        if since is not None:
            arguments.whole("since", since, 0)
        snapshot = self._reloader.snapshot
        now = 0 if snapshot is None else snapshot.generation
        return newer(self._reloader, self._bus, now if since is None else since, timeout_s)

    def _known(self, selector: Selector[T]) -> KeyPath | Callable[[T], object]:
        """The selector; a key as the model spells it. Raises `UsageError` if that has none."""
        known = checked_selector(selector)
        if callable(known) or self._bus.schema is None:
            return known
        from hotconf.config.spelling import selected  # imported here: most programs follow no value

        return selected(known, self._bus.schema)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until callbacks have run for everything that was published so far, and resources that were replaced
        are closed, unless they are leased. Returns whether that was in time.

        False also if the watcher was closed before that. Event streams are not waited for, and, in the thread of the
        event loop of async resources, neither is closing. Raises `UsageError` in a callback of this watcher, and in a
        check, validator or factory.
        """
        arguments.timeout(timeout_s)
        refuse_in_load("flush")
        until = instant(timeout_s)
        self._reloader.barrier()
        return self._bus.flush(timeout_s) and self._reloader.settle(until)

    def wait_for(self, predicate: Callable[[T], object], timeout_s: float | None = None) -> bool:
        """Wait until `predicate(config)` is true. Returns whether that was in time.

        It is called in this thread, with the configuration as it is now, and with each new one; if several follow
        each other quickly, perhaps only with the last. While there is none, it is waited for; once the watcher is
        closed, nothing is. Raises what `predicate` raises, and `UsageError` in a check, validator or factory.
        """
        arguments.timeout(timeout_s)
        arguments.function("predicate", predicate, "config")
        refuse_in_load("wait_for")

        def holds() -> object:
            snapshot = self._reloader.snapshot
            held = snapshot is not None and predicate(snapshot.config)
            if hasattr(held, "__await__"):
                if isinstance(held, Coroutine):
                    held.close()
                raise UsageError(f"predicate cannot be awaited: {predicate!r} has to return its result")
            return held

        return self._bus.wait_for(holds, timeout_s)
