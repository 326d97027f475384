"""`Delivery`: the one thread of a watcher that runs callbacks.

Rule 1: callbacks run one at a time, the events in order, for each event in the order of subscription. A follower of
a value always gets the newest, so it may be ahead of those before it when commits follow each other closely.
Rule 2: whatever a callback raises is logged and counted with its name, and the next one runs. One that takes long is
logged, too.
Rule 3: once the delivery is closed, no further callback begins.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from hotconf.errors import UsageError
from hotconf.logs.records import ERROR, WARNING, emit
from hotconf.subscribers.callbacks import Callback, discard, guarded
from hotconf.subscribers.streams import CAPACITY, LONGEST_S
from hotconf.system import green, threads
from hotconf.system.worker import Worker
from hotconf.text import printable

if TYPE_CHECKING:
    import threading

    from hotconf.events import ConfigReloadEvent
    from hotconf.subscribers.coroutines import AsyncCall
    from hotconf.subscribers.stats import Failures
    from hotconf.system.loops import Home


SLOW_NS: Final = 5_000_000_000
"""A callback that takes longer is reported."""
_IN_LOOP: Final = "flush() would wait for a coroutine of this very event loop: await asyncio.to_thread(watcher.flush)"
_NO_LOOP: Final = "it returned an awaitable, and no event loop has entered the watcher: use `async with`"


class Awaited:
    """Somebody waits until `count` events were delivered."""

    __slots__ = ("count", "delivered", "ended", "in_loop", "refused")

    def __init__(self, count: int, *, delivered: bool, in_loop: bool) -> None:
        self.count = count
        self.delivered = delivered
        self.in_loop = in_loop
        """Whether it waits in the thread of the event loop that entered the watcher."""
        self.refused = False
        """Whether it would wait for a coroutine of that loop."""
        self.ended = threads.Event()
        """Set when they were, and when they never will be."""


class Delivery:
    """A queue of events with their callbacks, and its thread. `lock` guards it."""

    def __init__(self, name: str, lock: threading.RLock, failures: Failures) -> None:
        self._lock = lock
        self._failures = failures
        label = f"hotconf callbacks {printable(name)}"
        self.worker = Worker(label, self._report, self._describe, stays=True, hung_ns=SLOW_NS)
        self._queue: deque[tuple[ConfigReloadEvent | None, tuple[Callback, ...]]] = deque()
        self._current: tuple[ConfigReloadEvent | None, deque[Callback]] | None = None
        """The event being delivered, and the callbacks that are left: a failed thread resumes there."""
        self._overflowing = False
        self._closed = False
        self.home: Home | None = None
        """The event loop in which coroutines run."""
        self._call: AsyncCall | None = None
        """What it runs there."""
        self._running: Callback | None = None
        self._where: tuple[int, int] | None = None
        """The thread, or greenlet, that is running callbacks."""
        self._forks = 0
        self._queued = self._done = 0
        """How many events were queued, and how many of them were delivered or dropped."""
        self._awaited: list[Awaited] = []

    def abandon(self, lock: threading.RLock) -> None:
        """In a forked child: the thread and what it had to deliver are the parent's."""
        self._lock = lock
        self.worker.abandon()
        self._queue.clear()
        self._overflowing = False
        self._running = self._where = self._current = self._call = self.home = None
        self._forks += 1
        self._queued = self._done = 0
        self._wake_all()

    def put(self, event: ConfigReloadEvent | None, callbacks: tuple[Callback, ...]) -> None:
        """Queue `event` for `callbacks`; drop the oldest if the queue is full. The caller holds the lock."""
        if not callbacks:
            return
        if len(self._queue) == CAPACITY:
            _, losing = self._queue.popleft()
            for each in losing:
                each.drop()
            # A follower must get the newest value, whichever event comes with it.
            callbacks = tuple(sorted({*losing, *callbacks}, key=attrgetter("number")))
            self._done += 1
            for awaited in self._awaited:
                awaited.count = self._queued + 1
            if not self._overflowing:
                self._overflowing = True
                emit(
                    "reload",
                    WARNING,
                    "callbacks are too slow: %d events are waiting, the oldest are dropped",
                    CAPACITY,
                )
        self._queue.append((event, callbacks))
        self._queued += 1
        self.worker.submit(self._deliver)

    def close(self, timeout_s: float) -> None:
        """Begin no more callbacks, and wait for the running one, unless that is the caller."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._wake_all()
        call = self._call
        inside = self._where == threads.greenlet_ident() or (call is not None and call.is_here)
        if self.worker.stop(0 if inside else timeout_s) or inside:
            return
        running = self._running
        if running is not None:
            emit("reload", WARNING, "%s was still running when its watcher was closed", running.name)
        if (call := self._call) is not None:
            call.leave()

    # Waiting, in any thread

    def await_all(self) -> Awaited:
        """What was queued so far, for `finished`. Raises `UsageError` in a callback. The caller holds the lock."""
        if self._where == threads.greenlet_ident():
            raise UsageError("flush() cannot be called from a callback: it would wait for that very callback")
        in_loop = self.home is not None and self.home.is_here
        awaited = Awaited(self._queued, delivered=self._done >= self._queued, in_loop=in_loop)
        if in_loop and self._call is not None and not awaited.delivered:
            raise UsageError(_IN_LOOP)
        if not awaited.delivered and not self._closed:
            self._awaited.append(awaited)
        else:
            awaited.ended.set()
        return awaited

    def finished(self, awaited: Awaited, until: float) -> bool:
        """Wait until it was delivered, `until` then (monotonic seconds) at most. Returns whether it was."""
        while not awaited.ended.wait(min(until - time.monotonic(), LONGEST_S)):
            if time.monotonic() >= until:
                with self._lock:
                    self._awaited = [each for each in self._awaited if each is not awaited]
                break
        if awaited.refused:
            raise UsageError(_IN_LOOP)
        return awaited.delivered

    def _wake_all(self) -> None:
        for awaited in self._awaited:
            awaited.ended.set()
        self._awaited = []

    def _describe(self, _: object, seconds: int) -> str:
        running = self._running
        return f"{running.name if running else 'a callback'} has not returned for {seconds} s"

    def _report(self, text: str, error: BaseException | None) -> None:
        emit("reload", WARNING if error is None else ERROR, "%s", text, error=error)

    # On its thread

    def _deliver(self) -> None:
        with self._lock:
            if self._current is None:
                if not self._queue:
                    return
                event, callbacks = self._queue[0]
                self._current = event, deque(callbacks)
                self._queue.popleft()
                self._overflowing = self._overflowing and bool(self._queue)
            event, left = self._current
        green.run(partial(self._run, event, left, self._forks))
        if not left:
            self._finish()

    def _finish(self) -> None:
        """The current event was delivered."""
        with self._lock:
            self._current = None
            if self._closed:  # perhaps callbacks were left out
                return
            self._done += 1
            while self._awaited and self._awaited[0].count <= self._done:
                awaited = self._awaited.pop(0)
                awaited.delivered = True
                awaited.ended.set()

    def _run(self, event: ConfigReloadEvent | None, left: deque[Callback], forks: int) -> None:
        self._where = threads.greenlet_ident()
        while left:
            with self._lock:
                if self._closed or self._forks != forks:  # a callback forked, and this is the child
                    left.clear()
                    break
                callback = self._running = left.popleft()
            if not callback.closed:
                self.worker.next_part()
                began = time.monotonic_ns()
                guarded(callback.name, partial(self._deliver_to, callback), event, self._failures, otherwise=None)
                if self._forks == forks and (taken := time.monotonic_ns() - began) > SLOW_NS:
                    emit("reload", WARNING, "%s took %d s", callback.name, taken // 1_000_000_000)
        if self._forks == forks:
            self._running = self._where = None

    def _deliver_to(self, callback: Callback, event: ConfigReloadEvent | None) -> None:
        result = callback.deliver(event)
        if hasattr(type(result), "__await__"):
            self._await(result)

    def _await(self, result: Any) -> None:
        """What a callback returned is part of it: the next one waits."""
        if (home := self.home) is None:
            discard(result)
            raise UsageError(_NO_LOOP)
        from hotconf.subscribers.coroutines import AsyncCall  # imported before, when the loop entered

        call = AsyncCall(result, home)
        with self._lock:
            self._call = call
            for awaited in self._awaited:
                if awaited.in_loop:
                    awaited.refused = True
                    awaited.ended.set()
        try:
            call.run()
        finally:
            self._call = None
