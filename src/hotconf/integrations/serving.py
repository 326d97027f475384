"""What the integrations with web frameworks share: the watcher's life, and one generation for each request.

Rule 1: a watcher that is already running is left running. One that an application started is closed by the last
application that uses it, and can be started again: each `with TestClient(app)` does so.
Rule 2: the scope of a request holds the generation that was pinned first, for everything in that request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from hotconf import arguments
from hotconf.errors import NoConfigError, UsageError
from hotconf.resources.published import View
from hotconf.system import threads
from hotconf.watcher import HotReloadWatcher

if TYPE_CHECKING:
    from hotconf.resources.published import Generation

T = TypeVar("T")

UNAVAILABLE: Final = "there is no configuration yet"
_PAUSE_S: Final = 0.01


def checked(watcher: HotReloadWatcher[T]) -> HotReloadWatcher[T]:
    """`watcher`, if it is one. Raises `UsageError` otherwise."""
    if not isinstance(watcher, HotReloadWatcher):
        raise arguments.wrong("watcher", watcher, "a HotReloadWatcher")
    return watcher


def running(watcher: HotReloadWatcher[Any]) -> bool:
    """Whether it is started, and not closed."""
    reloader = watcher._reloader
    return reloader.check() is not None and not reloader.cycle.closed


# Life


class _Uses:
    """The applications that use a watcher."""

    __slots__ = ("count", "lock", "ours")

    def __init__(self) -> None:
        self.count = 0
        self.ours = False
        """Whether one of them started it."""
        self.lock = threads.lock()
        """Held while an application starts or closes the watcher."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One application at a time, across event loops."""
        import asyncio

        while not self.lock.acquire(blocking=False):
            await asyncio.sleep(_PAUSE_S)
        try:
            yield
        finally:
            self.lock.release()


_uses: Final[WeakKeyDictionary[HotReloadWatcher[Any], _Uses]] = WeakKeyDictionary()


@asynccontextmanager
async def served(watcher: HotReloadWatcher[Any], *, require: bool = True) -> AsyncIterator[None]:
    """Run the watcher while an application uses it, in this event loop."""
    uses = _uses.setdefault(watcher, _Uses())
    async with uses.turn():
        if not running(watcher):
            await _start(watcher, require=require)
            uses.ours = True
        else:
            await _enter_anew(watcher)
        uses.count += 1
    try:
        yield
    finally:
        async with uses.turn():
            uses.count -= 1
            if uses.ours and not uses.count:
                uses.ours = False
                renew = watcher._renewal()
                with watcher._reloader.layers.sparing():
                    await watcher.aclose()
                    renew()


async def _start(watcher: HotReloadWatcher[Any], *, require: bool) -> None:
    renew, was_closed = watcher._renewal(), watcher._reloader.cycle.closed
    with watcher._reloader.layers.sparing():
        try:
            await watcher.astart(require=require)
        except Exception:
            if watcher._reloader.cycle.closed and not was_closed:  # by the failure: allow a retry
                renew()
            raise


async def _enter_anew(watcher: HotReloadWatcher[Any]) -> None:
    """Use a running watcher, which may be of another loop, or from before a fork: create its resources here."""
    import asyncio

    if watcher._reloader.cycle.loop_lost:
        await watcher.astart()
    with suppress(NoConfigError):
        await asyncio.to_thread(held, watcher)


# Requests


def place(watcher: HotReloadWatcher[Any]) -> str:
    """The key in a request's scope of its generation of this watcher."""
    return f"hotconf.{id(watcher):x}"


def held(watcher: HotReloadWatcher[Any]) -> Generation:
    """The published generation. Its resources stay open while it is referenced.

    Raises `NoConfigError` after a start without a configuration, `UsageError` if the watcher is not running.
    """
    try:
        applying = watcher._reloader.cycle.applying
        if applying is None or not applying.joined:
            applying = watcher._applying()
        return applying.published.complete()
    except NoConfigError:
        if running(watcher):
            raise
        raise UsageError(
            f"the watcher of {watcher.path.name} is not running: start() it, or have the server run the lifespan"
            " of the application (a test client does so in `with TestClient(app) as client:`)"
        ) from None


def view_of(watcher: HotReloadWatcher[T], generation: Generation) -> View[T]:
    """A view of that generation."""
    return View(watcher._applying().published, generation)
