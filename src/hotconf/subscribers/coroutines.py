"""`AsyncCall`: what a callback returned is awaited, in the event loop that entered the watcher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from hotconf.errors import UsageError
from hotconf.subscribers.callbacks import discard
from hotconf.system import threads
from hotconf.system.loops import Home, post

_CHECK_S: Final = 0.05
"""How often to check whether the loop has ended."""


class AsyncCall:
    """An awaitable, the task that awaits it, and the thread of callbacks, which waits for that."""

    __slots__ = ("_awaitable", "_ended", "_error", "_home", "_leaving", "_task")

    def __init__(self, awaitable: Awaitable[object], home: Home) -> None:
        self._awaitable = awaitable
        self._home = home
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._ended = threads.Event()
        self._leaving = False

    @property
    def is_here(self) -> bool:
        """Whether whoever waits for it in this thread waits for ever."""
        return self._home.is_here

    # On the thread of callbacks

    def run(self) -> None:
        """Wait for its end. Raises what it raised, `UsageError` if the loop has ended, nothing if it was left."""
        loop = self._home.loop
        if post(loop, self._begin):
            while not self._ended.wait(_CHECK_S):
                if loop.is_closed() or (self._leaving and not loop.is_running()):
                    break
        if self._leaving:
            return
        if not self._ended.is_set():
            if self._task is None:
                discard(self._awaitable)
            raise UsageError("it returned an awaitable, and its event loop has ended")
        if self._error is not None:
            raise self._error

    # On any thread

    def leave(self) -> None:
        """Cancel it: the watcher is closed, and has waited long enough."""
        self._leaving = True
        post(self._home.loop, self._cancel)

    # In the loop

    def _begin(self) -> None:
        try:
            self._task = self._home.loop.create_task(self._wait(), name="hotconf callback")
        except BaseException as error:
            self._error = error
            self._ended.set()
            raise
        self._task.add_done_callback(self._done)

    async def _wait(self) -> None:
        await self._awaitable

    def _done(self, task: asyncio.Task[None]) -> None:
        self._error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._ended.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
