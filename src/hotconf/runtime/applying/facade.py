"""`Acting`: methods of a watcher what is made of its configuration, values that override it, event loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, get_args, overload

from hotconf import arguments
from hotconf.errors import NoConfigError, UsageError
from hotconf.events import ReloadFailed, ReloadUnchanged
from hotconf.problems import ConfigError
from hotconf.runtime.holds import Override
from hotconf.runtime.notifier import Caller
from hotconf.system import threads
from hotconf.system.exceptions import refuse_in_load
from hotconf.system.inert import INERT

if TYPE_CHECKING:
    from types import TracebackType

    from hotconf.events import Ending
    from hotconf.keypath import KeyPath
    from hotconf.resources.published import View
    from hotconf.resources.resource import DependentDecorator, Fork, Installed, Resource, ResourceDecorator
    from hotconf.runtime.applying.applying import Applying, Select
    from hotconf.runtime.reloader import Reloader
    from hotconf.system.handlers import SignalHandle

T = TypeVar("T")
S = TypeVar("S")
U = TypeVar("U")

Key: TypeAlias = "str | KeyPath"
MAX_TIMEOUT_S = 86_400


class Acting(Generic[T]):
    """A watcher: in event loops, its resources, views, overrides, signals."""

    __slots__ = ()

    if TYPE_CHECKING:
        _reloader: Reloader[T]

        def start(self, *, require: bool = True) -> None:
            """Of the watcher."""

        def close(self) -> None:
            """Of the watcher."""

        def reload(self, *, force: bool = False, revalidate: bool = False) -> Ending:
            """Of the watcher."""

    # In an event loop

    async def astart(self, *, require: bool = True) -> None:
        """`start()` for coroutines: async resources are made in this event loop, which goes on meanwhile.

        Raises `ConfigError` and `UsageError` as `start()` does. If the watcher is running, but the loop that it was
        started in has ended, or belongs to the parent of a fork, the async resources are made in this one.
        """
        if not self._reloader.cycle.enter_loop(running=self._reloader.check() is not None):
            close = self._reloader.close
            await threads.entered(partial(self.start, require=require), close, interrupt=close)
        elif (applying := self._reloader.cycle.applying) is not None:
            import asyncio

            await asyncio.to_thread(applying.published.make_in_loop)

    async def areload(self, *, force: bool = False, revalidate: bool = False) -> Ending:
        """`reload()` for coroutines: the event loop goes on meanwhile. To cancel it ends only the wait."""
        import asyncio

        return await asyncio.to_thread(self.reload, force=force, revalidate=revalidate)

    async def aclose(self) -> None:
        """`close()` for coroutines: async resources are closed in their event loop, which goes on meanwhile.

        It goes on if the task is cancelled.
        """
        import asyncio

        await asyncio.shield(asyncio.to_thread(self.close))

    async def __aenter__(self) -> Self:
        await self.astart()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def override(self, values: Mapping[Any, Any]) -> Override:
        """Inside the returned context manager `values` override all layers. For tests and operators.

        Keys are dotted (`"server.port"`), or tuples of keys; tables may be nested, and merge. Values are as the model
        takes them; `MISSING` removes what the layers have there. Contexts may overlap, and end in any order. Entering
        and leaving publish at once, also while something is busy. Leaving never raises: if the files are broken, or a
        resource cannot be made of them, the last good state without the override is published. Entered before
        `start()`, it counts from the start on. Works with `with` and `async with`.

        Entering raises `ConfigError` if what results is not valid, or the model has no such key, and nothing changes;
        `NoConfigError` after a start without a configuration; `UsageError` as `reload()` does.
        """
        from hotconf.runtime.applying.overriding import Overriding  # late: most programs override nothing

        return Override(Overriding(self._reloader), values)

    @overload
    def resource(
        self, selector: Callable[[T], S], *, uses: None = None, fork: Fork = "remake", timeout_s: float = 30.0
    ) -> ResourceDecorator[S]: ...
    @overload
    def resource(
        self, selector: Callable[[T], S], *, uses: Resource[U], fork: Fork = "remake", timeout_s: float = 30.0
    ) -> DependentDecorator[S, U]: ...
    @overload
    def resource(
        self, selector: Key, *, uses: None = None, fork: Fork = "remake", timeout_s: float = 30.0
    ) -> ResourceDecorator[Any]: ...
    @overload
    def resource(
        self, selector: Key, *, uses: Resource[U], fork: Fork = "remake", timeout_s: float = 30.0
    ) -> DependentDecorator[Any, U]: ...
    def resource(
        self, selector: Any, *, uses: Any = None, fork: Fork = "remake", timeout_s: float = 30.0
    ) -> ResourceDecorator[Any] | DependentDecorator[Any, Any]:
        """Register a resource, which is made from the configuration and changes with it. Decorates its factory.

            @watcher.resource("database")
            def pool(database: Database) -> Iterator[Pool]:
                pool = Pool(database.url)
                yield pool
                pool.close()

        A generator function closes what it yielded in the code after `yield`; what another function returns is never
        closed. Both may be async; then the watcher is entered by `async with`. It is called at `start()`, or at once
        if the watcher is running, and whenever the selected value differs: before the new configuration is published,
        and if it raises or takes longer than `timeout_s`, the reload has failed (`ReloadFailed.kind` is `apply`), the
        old configuration and the old object stay, and it is tried again after 1 s, 2 s, and so on up to 60 s. The old
        object is closed when no longer in use: `with pool.use() as connections:`; `pool.current` is without that.

        `selector`: as for `on_change`. `uses`: a resource that is made first and closed after it; its new object is
        the second argument. `fork`: in a forked child it is made again on first use, or with `keep` shared.

        Raises `UsageError` for a key that the model does not have, and for arguments that cannot work; the decorator,
        in a running watcher, what the function raises.
        """
        from hotconf.resources.resource import DependentDecorator, Fork, Resource, ResourceDecorator

        arguments.seconds("timeout_s", timeout_s, 0.001, MAX_TIMEOUT_S)
        if fork not in get_args(Fork):
            raise arguments.wrong("fork", fork, '"remake" or "keep"')
        if uses is not None and not isinstance(uses, Resource):
            raise arguments.wrong("uses", uses, "a resource of this watcher")
        register = partial(self._register, self._registering().selecting(selector), uses, fork, timeout_s)
        return ResourceDecorator(register) if uses is None else DependentDecorator(register)

    def rebuild(self, resource: Resource[Any]) -> None:
        """Make it again, and the resources that use it, although nothing changed: after rotating credentials, say.

        On return the new objects are published, as a generation of the same config, and `ReloadSuccess` without
        changes is emitted, also while something is busy; the old ones are closed when no longer in use. If it cannot
        be made, the old ones stay, nothing is emitted, and it is not tried again: that is up to the caller.

        Raises `ConfigError`, whose cause is what the function raised; `NoConfigError` after a start without a
        configuration; `UsageError` for a resource of another watcher, and as `reload()` does.
        """
        cycle = self._reloader.cycle
        cycle.refuse("rebuild")
        applying = cycle.applying
        if applying is None or resource not in applying.published.resources:
            raise arguments.wrong("resource", resource, "a resource of this watcher")
        driver = None if cycle.closed else self._reloader.check()
        if driver is None:
            raise UsageError("this watcher is not running: rebuild() works between start() and close()")
        if self._reloader.snapshot is None:
            raise NoConfigError("there is no configuration yet to create it from")
        if driver.here:
            raise UsageError("rebuild() cannot wait here: this is the thread that would do it")
        if applying.published.remade_on_use(resource):  # in a forked child: it has none yet
            _ = resource.current
            return
        event: Ending | None = ReloadUnchanged("")
        while isinstance(event, ReloadUnchanged):  # at first, and if an override that changes nothing came between
            caller = Caller()
            driver.post(partial(cycle.rebuild, resource, caller))
            event = caller.wait(driver)
        if isinstance(event, ReloadFailed):
            raise ConfigError(event.problems) from applying.cause
        if event is None:
            if self._reloader.is_served_by(driver) and driver.alive and not cycle.closed:
                raise UsageError(
                    "an override has ended, without which the configuration is invalid: nothing was recreated"
                )
            self._reloader.unanswered("rebuild", driver)
            raise UsageError("the process was forked while rebuild() waited")

    async def arebuild(self, resource: Resource[Any]) -> None:
        """`rebuild()` for coroutines: the event loop goes on meanwhile."""
        import asyncio

        await asyncio.to_thread(self.rebuild, resource)

    def reload_on(self, signum: int) -> SignalHandle:
        """Load the files whenever the process gets this signal, usually `signal.SIGHUP`: as `reload(wait=False)`.

        To be called in the main thread, after whatever else installs handlers. What handled the signal before is
        called, too. The handler itself does nothing but post: signals that come faster than the files can be loaded
        share a load. Calling it again does nothing more, or installs it again if it has been replaced. `close()`
        of the watcher, or of the handle that is returned, ends it: the signal is handled as it was before. The
        end of an application's lifespan does not: the next one starts the watcher again, which then handles the
        signal, too.

        Raises `UsageError` for what is no signal or cannot be handled, outside of the main thread, and when closed.
        """
        from hotconf.system import handlers  # late: most programs use no signals

        reloader = self._reloader
        if reloader.cycle.closed:
            raise arguments.too_late("reload_on")
        if INERT.applies():
            return handlers.never(self)
        handle = handlers.on_signal(signum, self, self._request)
        reloader.layers.also_end(handle.close, lasting=True)
        return handle

    def _request(self) -> None:
        self._reloader.request()  # of the life that it is in

    def pin(self) -> View[T]:
        """A context manager for one generation of everything: `with watcher.pin() as view: view.config, view[pool]`.

        Its resources are not closed while it is open.
        """
        return self._applying().published.pin()

    def _register(
        self,
        select: Select,
        uses: Resource[Any] | None,
        fork: Fork,
        timeout_s: float,
        factory: Callable[..., Any],
        installed: Installed | None = None,
    ) -> Resource[Any]:
        refuse_in_load("resource")
        return self._registering().register(select, uses, fork, timeout_s, factory, installed)

    def _registering(self) -> Applying[T]:
        if self._reloader.cycle.closed:
            raise arguments.too_late("resource")
        return self._applying()

    def _applying(self) -> Applying[T]:
        reloader, cycle = self._reloader, self._reloader.cycle
        if (applying := cycle.applying) is not None and applying.joined:
            return applying
        from hotconf.runtime.applying.applying import Applying  # late: most programs have no resources

        with cycle.rounds.lock:
            if (applying := cycle.applying) is None:
                applying = cycle.applying = Applying(reloader.options, reloader.publisher, cycle.feed)
                if cycle.loop is not None:
                    applying.keeper.enter(*cycle.loop)
        if (driver := reloader.check()) is not None and not applying.joined:
            driver.call(partial(applying.join, driver))
        return applying
