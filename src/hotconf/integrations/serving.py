"""A watcher that applications serve from: who starts it closes it, and a request has one generation of it.

Rule 1: a watcher that runs already is used as it is. One that an application started is closed by the last of those
that began meanwhile, and can be started again then: each `with TestClient(app)` does.
Rule 2: the scope of a request holds the generation that was pinned first, for all who ask later.
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
    """The argument. Raises `UsageError` if it is none."""
    if not isinstance(watcher, HotReloadWatcher):
        raise arguments.wrong("watcher", watcher, "a HotReloadWatcher")
    return watcher


def running(watcher: HotReloadWatcher[Any]) -> bool:
    """Whether it was started, and is not closed."""
    reloader = watcher._reloader
    return reloader.check() is not None and not reloader.cycle.closed


# Life


class _Uses:
    """The applications that run within a watcher."""

    __slots__ = ("count", "lock", "ours")

    def __init__(self) -> None:
        self.count = 0
        self.ours = False
        """Whether one of them started it."""
        self.lock = threads.lock()
        """Held while one of them starts or closes it."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One after the other, in whatever event loops they are."""
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
    """An application runs within it, in this event loop."""
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
            if watcher._reloader.cycle.closed and not was_closed:  # by the failure: it may be tried again
                renew()
            raise


async def _enter_anew(watcher: HotReloadWatcher[Any]) -> None:
    """It runs already: perhaps in another loop, or since before a fork. What is absent is made before requests."""
    import asyncio

    if watcher._reloader.cycle.loop_lost:
        await watcher.astart()
    with suppress(NoConfigError):
        await asyncio.to_thread(held, watcher)


# Requests


def place(watcher: HotReloadWatcher[Any]) -> str:
    """Where the scope of a request holds its generation of this watcher."""
    return f"hotconf.{id(watcher):x}"


def held(watcher: HotReloadWatcher[Any]) -> Generation:
    """What is published. While there is a reference to it, what was made of it is not closed.

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
    """A view of what is held."""
    return View(watcher._applying().published, generation)
