"""Event loops of asyncio. Imported by those who use one, and by nobody else: asyncio takes tens of milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hotconf.errors import UsageError
from hotconf.system import threads


def running(what: str) -> asyncio.AbstractEventLoop:
    """The event loop in which the caller runs. Raises `UsageError` without one; `what` needs it."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(f"{what} needs a running event loop of asyncio or uvloop; trio's is not supported") from None


def post(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> bool:
    """Have the loop call it, from any thread. Returns whether the loop is still open."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return False
    return True


class Home:
    """The event loop that entered a watcher, and the thread that runs it."""

    __slots__ = ("_thread", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self.loop = loop
        self._thread = thread

    @property
    def is_here(self) -> bool:
        """Whether it runs in the calling thread, or would: who waits here for a task of it waits for ever."""
        running = asyncio._get_running_loop()
        if running is not None or self.loop.is_running() or self.loop.is_closed():
            return running is self.loop
        return self._thread == threads.ident()
