"""`InLoop`: an object that lives in an event loop. One task makes it, waits, and closes it.

Rule 1: the keeper's thread waits for the task, not longer than the resource allows; then it cancels it and goes on. A
task that makes something all the same closes it by itself.
Rule 2: if the loop ends, and so cancels the task, the object is lost: it is withdrawn, and closed in the loop once
its leases have ended, or after `LAST_S`.
Rule 3: what is raised for the program (Ctrl+C, `SystemExit`) propagates in its loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

from hotconf.errors import UsageError
from hotconf.resources.calls import NOTHING, TWICE, YIELDS_NOTHING, Outcome, trimmed
from hotconf.system import threads

LAST_S: Final = 2.0
"""How long the end of a loop waits for the leases of what is lost with it."""
_CHECK_S: Final = 0.05
"""How often to check whether the loop is closed."""
_ENDED: Final = "its event loop has ended"
_tasks: Final[WeakSet[asyncio.Task[None]]] = WeakSet()


def in_task() -> bool:
    """Whether the caller is such a task."""
    try:
        return asyncio.current_task() in _tasks
    except RuntimeError:  # no loop runs in this thread
        return False


class InLoop:
    """What an async generator yields, or a coroutine returns, which nobody closes."""

    grace_s = 10.0
    """How much longer than a resource allows its thread may be busy with it: it is the one who looks at the time."""

    def __init__(
        self,
        made: AsyncGenerator[Any, Any] | Coroutine[Any, Any, Any],
        loop: asyncio.AbstractEventLoop,
        limit_s: float,
        lost: Callable[[], object],
    ) -> None:
        """`lost` is called, in the loop, when the loop ends."""
        self._made, self._loop, self._limit_s, self._lost = made, loop, limit_s, lost
        self._undecided = [None]
        self._outcome = Outcome()
        self._said, self._over = threads.Event(), threads.Event()
        self._error: BaseException | None = None
        self._making = True
        self._task: asyncio.Task[None] | None = None
        self._wanted: asyncio.Event | None = None

    # On the keeper's thread

    def begin(self) -> Outcome:
        """Make it."""
        if not self._post(self._spawn):
            if isinstance(self._made, Coroutine):
                self._made.close()  # or Python says that it was never awaited
            self._set_over()
            return Outcome(error=UsageError(_ENDED))
        self._wait(self._said)
        if self._decide():
            ended = self._loop.is_closed()
            self.interrupt()
            text = f"it did not return within {self._limit_s:g} s"
            return Outcome(error=UsageError(_ENDED) if ended else TimeoutError(text))
        self._said.wait()
        return self._outcome

    def end(self) -> BaseException | None:
        """Close it."""
        if self._making or self._over.is_set():  # then the task ends by itself
            return self._error
        if self._post(self._want_end):
            self._wait(self._over)
        if self._over.is_set():
            return self._error
        if self._loop.is_closed():
            return UsageError(f"{_ENDED} before it was closed")
        self._post(self._stop)
        return TimeoutError(f"it did not return within {self._limit_s:g} s")

    # On any thread

    @property
    def over(self) -> bool:
        """Whether the task has ended."""
        return self._over.is_set()

    def interrupt(self) -> None:
        """Cancel its making."""
        self._post(self._stop_making)

    def _post(self, call: Callable[[], object]) -> bool:
        """Have the loop call it. Returns whether there is a loop."""
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            return False
        return True

    def _wait(self, event: threads.Event) -> None:
        until = time.monotonic() + self._limit_s
        while not event.wait(min(_CHECK_S, until - time.monotonic())):
            if self._loop.is_closed() or time.monotonic() >= until:
                return

    def _decide(self) -> bool:
        try:
            self._undecided.pop()
        except IndexError:
            return False
        return True

    # In the loop

    def _spawn(self) -> None:
        self._wanted = asyncio.Event()
        self._task = task = self._loop.create_task(self._live(), name="hotconf resource")
        _tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        _tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: what was raised for the program is raised by the loop
        if self._say(Outcome(error=asyncio.CancelledError())):  # cancelled before it began
            self._making = False
        self._set_over()

    def _set_over(self) -> None:
        self._lost = bool  # it knows what it uses
        self._over.set()

    def _stop_making(self) -> None:
        if self._making:
            self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _want_end(self) -> None:
        if self._wanted is not None:
            self._wanted.set()

    def _say(self, outcome: Outcome) -> bool:
        """Give the outcome to the keeper. Returns False if that no longer waits for it."""
        if not self._decide():
            return False
        self._outcome = outcome
        self._said.set()
        return True

    async def _live(self) -> None:
        try:
            value = await self._first()
        except BaseException as error:
            self._making = False
            self._say(Outcome(error=trimmed(error)))
            if _propagates(error):
                raise
            return
        self._making = False
        awaited = self._say(Outcome(value))
        if isinstance(self._made, AsyncGenerator):
            if awaited:
                await self._until_unwanted()
            await self._close(self._made)

    async def _first(self) -> Any:
        if isinstance(self._made, Coroutine):
            return await self._made
        value = await _next(self._made)
        if value is NOTHING:
            raise UsageError(YIELDS_NOTHING)
        return value

    async def _until_unwanted(self) -> None:
        if self._wanted is None:
            raise AssertionError("set before the task began")
        try:
            await self._wanted.wait()
        except asyncio.CancelledError:  # the loop ends
            self._lost()
            with suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), LAST_S)

    async def _close(self, made: AsyncGenerator[Any, Any]) -> None:
        try:
            if await _next(made) is not NOTHING:
                await made.aclose()
                raise UsageError(TWICE)
        except BaseException as error:
            self._error = trimmed(error)
            if _propagates(error):
                raise


async def _next(made: AsyncGenerator[Any, Any]) -> Any:
    try:
        return await anext(made)
    except StopAsyncIteration:  # `anext` with a default crashes Python 3.11 when it is cancelled
        return NOTHING


def _propagates(error: BaseException) -> bool:
    return not isinstance(error, Exception | asyncio.CancelledError)
