"""`WatcherHandle`: changes the file of a watcher, and returns once everything was delivered."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.events import Ending
from hotconf.formats.registry import format_of
from hotconf.runtime.notifier import Caller
from hotconf.system.exceptions import refuse_in_load
from hotconf.testing.edits import edited, encoded, together
from hotconf.watch.observer import Observer

if TYPE_CHECKING:
    from typing import Self

    from hotconf.runtime.driver import Driver
    from hotconf.watcher import HotReloadWatcher

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S: Final = 10.0
"""How long a method waits by default."""


class Quiet(Observer):
    """Reports nothing, as if nothing happened: what does happen, a handle says."""

    __slots__ = ()

    name = "testing"
    notifies = True


class WatcherHandle(Generic[T]):
    """A watcher's file, for a test to change.

    Each method that changes it returns the ending of the reload once everything that was published has been
    delivered: all callbacks have returned, and resources that were replaced are closed, unless they are leased. It
    raises `TimeoutError` if that takes longer than `timeout_s`. A callback that raises is a `RuntimeWarning`. In
    async code use the methods that begin with `a`.

    It can be made of any watcher: `WatcherHandle(service.watcher)`.
    """

    def __init__(
        self,
        watcher: HotReloadWatcher[T],
        *,
        timeout_s: float = TIMEOUT_S,
        quiet: bool = False,
        cleanup: Callable[[], object] | None = None,
    ) -> None:
        """`quiet`: the watcher notices nothing but what this handle does. `cleanup` is called by `close()`, after the
        watcher is closed.
        """
        from hotconf.watcher import HotReloadWatcher

        if not isinstance(watcher, HotReloadWatcher):
            raise arguments.wrong("watcher", watcher, "a HotReloadWatcher")
        arguments.seconds("timeout_s", timeout_s, 0.001, 86_400)
        self.watcher: Final = watcher
        """What to give to the program under test."""
        self._timeout_s = timeout_s
        self._quiet = quiet
        self._cleanup = cleanup
        self._good: tuple[bytes, bytes] | None = None
        """What `break_` wrote, and what had been there."""
        self._failures = 0
        """How many failures of callbacks were reported."""

    def __repr__(self) -> str:
        """Never shows the configuration."""
        return f"WatcherHandle({self.watcher!r})"

    # Reading

    @property
    def config(self) -> T:
        """The current configuration."""
        return self.watcher.get_config()

    @property
    def path(self) -> Path:
        """The main file, absolute. A test may put other files next to it; `reload()` reads them."""
        return self.watcher.path

    # Changing

    def set(self, text: str | bytes) -> Ending:
        """Save `text` as the whole file, in one step."""
        return self._change("set", partial(encoded, "text", text))

    def edit(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Ending:
        """Set these keys, and keep the rest: `edit(n=3)`, `edit({"server.port": 1})`.

        Keys are those of the file, dotted or tuples; tables may be nested, and merge; `MISSING` removes a key.
        Comments stay if all keys are in the file already; otherwise the file is rewritten. After `break_()` the text
        before that is edited.

        Raises `UsageError` if the text cannot be read, for values that its format cannot express, and for
        what is no mapping.
        """
        return self._change("edit", lambda: self._edited(together(values, named)))

    def break_(self) -> Ending:
        """Save a text that cannot be read, as if an edit were half done: the reload fails."""

        def broken() -> bytes:
            before = self._before()
            self._good = before + b"\n[\n", before
            return self._good[0]

        return self._change("break_", broken)

    def reload(self) -> Ending:
        """Load the files as they are: after other files, or variables of the environment, have changed."""
        return self._change("reload", None)

    async def aset(self, text: str | bytes) -> Ending:
        """`set` for async code."""
        return await _in_thread(self.set, text)

    async def aedit(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Ending:
        """`edit` for async code."""
        return await _in_thread(self.edit, values, **named)

    async def abreak_(self) -> Ending:
        """`break_` for async code."""
        return await _in_thread(self.break_)

    async def areload(self) -> Ending:
        """`reload` for async code."""
        return await _in_thread(self.reload)

    # Life

    def start(self, *, require: bool = True) -> None:
        """Start the watcher, and wait until the first configuration was delivered."""
        self.watcher.start(require=require)
        self._started()

    def close(self) -> None:
        """Close the watcher, and remove its files if they are temporary. Idempotent."""
        self.watcher.close()
        cleanup, self._cleanup = self._cleanup, None
        if cleanup is not None:
            cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self.watcher.__aenter__()
        await _in_thread(self._started)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.watcher.__aexit__(kind, error, trace)
        self.close()

    # The work

    def _started(self) -> None:
        driver = self.watcher._reloader.check()
        if self._quiet and driver is not None:
            driver.call(partial(self.watcher._reloader.cycle.observe, Quiet()))
        self._deliver("start")

    def _before(self) -> bytes:
        """The text of the file, or, after `break_`, what was there before."""
        here = self.path.read_bytes() if self.path.exists() else b""
        return self._good[1] if self._good is not None and here == self._good[0] else here

    def _edited(self, values: dict[Any, Any]) -> bytes:
        return edited(self.path, format_of(self.path), self._before(), values)

    def _change(self, method: str, content: Callable[[], bytes] | None) -> Ending:
        refuse_in_load(method)
        if (asyncio := sys.modules.get("asyncio")) is not None and asyncio._get_running_loop() is not None:
            raise UsageError(f"{method}() would block the event loop: await handle.a{method}()")
        data = None if content is None else content()
        reloader = self.watcher._reloader
        driver = None if reloader.cycle.closed else reloader.check()
        if driver is None:
            raise UsageError(f"the watcher is not running: {method}() works between start() and close()")
        caller = Caller()
        driver.call(partial(self._request, driver, caller, data))
        try:
            ending = caller.wait(driver, self._timeout_s)
        except TimeoutError:
            raise self._late(method, "the reload has not ended: a validator, check or factory hangs") from None
        if ending is None:
            raise UsageError(f"the watcher was closed while {method}() waited")
        self._deliver(method)
        return ending

    def _request(self, driver: Driver, caller: Caller, data: bytes | None) -> None:
        """On the driver's thread, so that the watcher cannot begin to load between the save and the request: this is
        one round, with one ending.
        """
        cycle = self.watcher._reloader.cycle
        if data is not None:
            self._save(data)
            driver.observers.report(now := time.monotonic_ns())
            cycle.touch((self.path,), now)  # nothing new if an event has just said so
        cycle.request(caller, force=False)

    def _save(self, content: bytes) -> None:
        """In one act, also if the path is a link."""
        if self.watcher._reloader.options.is_virtual:
            raise UsageError("this watcher has no file: change its layers or its source, and call reload()")
        target = Path(os.path.realpath(self.path))
        beside = target.with_name(f".{target.name}.new")
        beside.write_bytes(content)
        beside.replace(target)

    def _deliver(self, method: str) -> None:
        if not self.watcher.flush(self._timeout_s):
            applying = self.watcher._reloader.cycle.applying
            task = None if applying is None else applying.keeper._task
            hangs = f"closing {task.entry.name}" if task is not None and task.closing else "a callback"
            raise self._late(method, f"{hangs} has not returned")
        stats, before = self.watcher.stats, self._failures
        self._failures = stats.callback_failures
        if self._failures > before and (failed := stats.last_callback_failure) is not None:
            warnings.warn(f"{failed.name} raised; the log has its traceback", RuntimeWarning, stacklevel=4)

    def _late(self, method: str, why: str) -> TimeoutError:
        trouble = self.watcher.stats.trouble
        return TimeoutError(f"{method}(): after {self._timeout_s:g} s {why}{f' ({trouble})' if trouble else ''}")


async def _in_thread(call: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
    import asyncio

    return await asyncio.to_thread(call, *given, **named)
