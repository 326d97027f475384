"""`Subscription`, a handle to close, and `EventStream`, one that can be iterated too."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from hotconf.errors import UsageError
from hotconf.logs.records import WARNING, emit
from hotconf.system import threads

if TYPE_CHECKING:
    import asyncio
    import threading
    from typing import Self

    from hotconf.events import ConfigReloadEvent, Ending

CAPACITY: Final = 1024
"""Events that wait for one subscriber; when one more comes, the oldest is dropped."""

_LONGEST_S: Final = 1.0
"""No wait is long: CPython runs the handler of a signal that comes just before a wait only when that ends, so that
Ctrl+C, or a SIGTERM that closes the stream, would be without effect for as long."""


class Hub(Protocol):
    """What a subscription needs of the bus."""

    lock: threading.RLock
    """Guards the queues of all subscribers; held for a few instructions at a time, never around users' code."""

    @property
    def last(self) -> Ending | None:
        """The latest ending."""

    def remove(self, subscription: Subscription) -> None:
        """Forget `subscription`; the lock is held."""


class Subscription:
    """A handle on something that a watcher delivers: close it, or leave its `with` block, to get no more."""

    __slots__ = ("__weakref__", "_closed", "_dropped", "_hub")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._closed = False
        self._dropped = 0

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closed

    @property
    def dropped(self) -> int:
        """How many events were lost because they waited too long: the oldest, once 1,024 were waiting."""
        return self._dropped

    @property
    def last(self) -> Ending | None:
        """The latest ending of the watcher, read or not; None before the first. Always current."""
        return self._hub.last

    def close(self) -> None:
        """End it at once, from any thread, as often as you like. A callback that is running is not waited for."""
        self._closed = True
        with self._hub.lock:
            self._hub.remove(self)
            self.end()

    def end(self) -> None:
        """Nothing more will come; the lock is held. Called by `close` and by the closing watcher."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventStream(Subscription):
    """The events from now on, one by one: `for event in stream` or `async for event in stream`.

    A closing watcher ends it after the events that are already waiting; its own `close()` ends it at once. Both
    wake its readers. It belongs to the first event loop that iterates it; a second one gets a `UsageError`.
    """

    __slots__ = ("_arrived", "_ended", "_loop", "_overflowing", "_queue", "_waiters")

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._queue: deque[ConfigReloadEvent] = deque()
        self._arrived = threads.Event()
        """Set, and replaced, when there is something to see."""
        self._ended = False
        self._overflowing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def put(self, event: ConfigReloadEvent) -> None:
        """Queue `event`, at the cost of the oldest if need be, and wake the reader; the lock is held."""
        if len(self._queue) == CAPACITY:
            self._queue.popleft()
            self._dropped += 1
            if not self._overflowing:
                self._overflowing = True
                text = "a subscription is not read: %d events are waiting, the oldest are dropped"
                emit("reload", WARNING, text, CAPACITY)
        self._queue.append(event)
        self._wake()

    def end(self) -> None:
        """Let the reader finish what is waiting, or nothing if it was closed, and then stop; the lock is held."""
        self._ended = True
        if self._closed:
            self._queue.clear()
        self._wake()

    def abandon(self) -> None:
        """In the child of a fork: end, without what was waiting, and without waking the parent's event loop."""
        self._ended = True
        self._queue.clear()
        self._waiters.clear()
        self._loop = None
        self._wake()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ConfigReloadEvent:
        """Wait for the next event; `StopIteration` when there will be none."""
        while True:
            with self._hub.lock:
                event = self._take() if self._queue else None
                ended, arrived = self._ended, self._arrived  # no call may be the last instruction under the lock
            if event is not None:
                return event
            if ended:
                raise StopIteration
            arrived.wait(_LONGEST_S)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConfigReloadEvent:
        """Wait for the next event; `StopAsyncIteration` when there will be none. A cancelled wait loses nothing."""
        loop = self._bind()
        while True:
            with self._hub.lock:
                if self._queue:
                    return self._take()
                if self._ended:
                    raise StopAsyncIteration
                waiter = loop.create_future()
                self._waiters.append(waiter)
            try:
                await waiter
            finally:
                with self._hub.lock, suppress(ValueError):
                    self._waiters.remove(waiter)

    def _take(self) -> ConfigReloadEvent:
        event = self._queue.popleft()
        self._overflowing = self._overflowing and bool(self._queue)
        return event

    def _bind(self) -> asyncio.AbstractEventLoop:
        # Here and not above: importing asyncio takes tens of milliseconds, and here it is loaded already.
        import asyncio

        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise UsageError("this subscription belongs to another event loop; call subscribe() again in this one")
        return loop

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, threads.Event()
        arrived.set()
        if self._waiters and self._loop is not None:
            waiters, self._waiters = self._waiters, []
            with suppress(RuntimeError):  # the loop was closed meanwhile, with all who waited in it
                self._loop.call_soon_threadsafe(_resume, waiters)


def _resume(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
