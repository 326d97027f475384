"""`Subscription`, a handle to close, `EventStream`, which can be iterated, too, and `Arrival`, by which they wait."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.logs.records import WARNING, emit
from hotconf.system import threads

if TYPE_CHECKING:
    import asyncio
    import threading
    from typing import Self

    from hotconf.events import ConfigReloadEvent, Ending

CAPACITY: Final = 1024
"""How many events may wait for one subscriber; one more drops the oldest."""

LONGEST_S: Final = 1.0
"""The longest wait. CPython runs the handler of a signal that arrives just before a wait only after it: a long wait
would delay Ctrl+C, or a SIGTERM handler that closes the stream."""


class Arrival(threads.Event):
    """An event that coroutines can wait for, too, in any number of loops. Set once."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        super().__init__()
        self._futures: list[asyncio.Future[None]] = []

    def set(self) -> None:
        """Wake all waiters. Idempotent; never waits."""
        super().set()
        futures, self._futures = self._futures, []
        if futures:
            from hotconf.system.loops import post  # imported before, by those who wait

            for loop in {future.get_loop() for future in futures}:
                post(loop, partial(_resume, [each for each in futures if each.get_loop() is loop]))

    def forget(self) -> None:
        """In a forked child: coroutines that wait are the parent's."""
        self._futures = []

    async def awaited(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in `loop`, the running one, until it is set."""
        future = loop.create_future()
        self._futures.append(future)
        try:
            if not self._set:  # asked again: those who set it may have missed the future
                await future
        finally:
            if future in self._futures:
                self._futures.remove(future)


class Hub(Protocol):
    """The bus, as a subscription sees it."""

    lock: threading.RLock
    """Guards the queues of all subscribers. Held for a few instructions, never while users' code runs."""

    @property
    def last(self) -> Ending | None:
        """The latest ending."""

    def remove(self, subscription: Subscription) -> None:
        """Forget `subscription`. The caller holds the lock."""


class Subscription:
    """A handle on a subscription: close it, or leave its `with` block, to end it."""

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
        """How many events were dropped: the oldest, whenever more than 1,024 were waiting."""
        return self._dropped

    @property
    def last(self) -> Ending | None:
        """The latest ending of the watcher, whether this stream has delivered it or not; None before the first."""
        return self._hub.last

    def close(self) -> None:
        """End it at once. Idempotent; any thread may call it. Does not wait for a running callback."""
        self._closed = True
        with self._hub.lock:
            self._hub.remove(self)
            self.end()

    def end(self) -> None:
        """Deliver nothing more. The caller, `close` or the closing watcher, holds the lock."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventStream(Subscription):
    """The events from the subscription on: `for event in stream` or `async for event in stream`.

    When the watcher closes, it ends after the waiting events; its own `close()` ends it at once. Both wake its
    readers. It belongs to the first event loop that iterates it; in another one it raises `UsageError`.
    """

    __slots__ = ("_arrived", "_ended", "_loop", "_overflowing", "_queue")

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._queue: deque[ConfigReloadEvent] = deque()
        self._arrived = Arrival()
        """Set, and replaced, when an event arrives or the stream ends."""
        self._ended = False
        self._overflowing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, event: ConfigReloadEvent) -> None:
        """Queue `event`, drop the oldest if the queue is full, and wake the reader. The caller holds the lock."""
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
        """End after the waiting events; at once if this was closed. The caller holds the lock."""
        self._ended = True
        if self._closed:
            self._queue.clear()
        self._wake()

    def abandon(self) -> None:
        """In a forked child: end without the waiting events, and without waking the parent's event loop."""
        self._ended = True
        self._queue.clear()
        self._arrived.forget()
        self._loop = None
        self._wake()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ConfigReloadEvent:
        """Wait for the next event. Raises `StopIteration` at the end."""
        event = self._next(float("inf"))
        if event is None:
            raise StopIteration
        return event

    def get(self, timeout_s: float | None = None) -> ConfigReloadEvent:
        """Wait for the next event. Raises `TimeoutError` if there is none in time, `UsageError` at the end."""
        arguments.timeout(timeout_s)
        event = self._next(float("inf") if timeout_s is None else time.monotonic() + timeout_s)
        if event is None:
            raise UsageError("there are no more events: the stream or its watcher was closed")
        return event

    def _next(self, until: float) -> ConfigReloadEvent | None:
        """The next event, None at the end. Raises `TimeoutError` if there is none until then (monotonic seconds)."""
        while True:
            with self._hub.lock:
                event = self._take() if self._queue else None
                ended, arrived = self._ended, self._arrived  # no call may be the last instruction under the lock
            if event is not None or ended:
                return event
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no event arrived in time")
            arrived.wait(min(left, LONGEST_S))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConfigReloadEvent:
        """Wait for the next event. Raises `StopAsyncIteration` at the end. A cancelled wait loses no event."""
        loop = self._bind()
        while True:
            with self._hub.lock:
                if self._queue:
                    return self._take()
                if self._ended:
                    raise StopAsyncIteration
                arrived = self._arrived
            await arrived.awaited(loop)

    def _take(self) -> ConfigReloadEvent:
        event = self._queue.popleft()
        self._overflowing = self._overflowing and bool(self._queue)
        return event

    def _bind(self) -> asyncio.AbstractEventLoop:
        from hotconf.system.loops import running  # imported here: it imports asyncio, which is loaded by now

        loop = running("async for")
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise UsageError("this subscription belongs to another event loop; call subscribe() again in this one")
        return loop

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, Arrival()
        arrived.set()


def _resume(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
