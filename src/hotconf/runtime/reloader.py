"""One running watcher, as any thread may use it: start, reload, hold, override, close, fork.

Only the driver's thread steps the machine, and holds a lock during each step. Entering `busy` adds a hold, then
acquires and releases that lock: earlier steps have ended, later ones see the hold. `reload`, `close` and the release
of a hold have the driver do the work, and wait; if a signal handler raises meanwhile, only the wait ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.config.freeze import unfrozen
from hotconf.engine.candidate import Valid
from hotconf.errors import UsageError
from hotconf.events import Ending, Listener, Pending, ReloadFailed, ReloadUnchanged
from hotconf.logs import log
from hotconf.problems import ConfigError
from hotconf.runtime import process
from hotconf.runtime.cycle import Cycle
from hotconf.runtime.driver import Driver
from hotconf.runtime.holds import Hold, Holds
from hotconf.runtime.load import drifted
from hotconf.runtime.loads import load_once
from hotconf.runtime.notifier import Caller, Notifier
from hotconf.runtime.publisher import Publisher
from hotconf.runtime.rounds import paths_of
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.mounts import around
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.stats import Meter
from hotconf.system import fork, green, threads
from hotconf.system.budget import MOMENT_S, close_budget
from hotconf.system.exceptions import in_load
from hotconf.system.inert import INERT
from hotconf.watch.layers import LayerWatches
from hotconf.watch.observer import ObserverName

if TYPE_CHECKING:
    import threading

    from hotconf.history.writer import HistoryWriter
    from hotconf.runtime.sourced.link import SourceLink
    from hotconf.settings import HotReloadSettings

T = TypeVar("T")

CLOSE_S: Final = 2.0
"""How long `close()` waits for running users' code."""


class Reloader(fork.ForkAware, Generic[T]):
    """One running watcher. `install` makes each new snapshot visible to readers."""

    def __init__(
        self,
        options: Options[T],
        bus: Bus[T],
        install: Callable[[Snapshot[T]], None],
        *,
        observer: ObserverName,
        reconcile_ns: int,
        history: HistoryWriter[T] | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """`listeners` get each notice after the reloader's own."""
        self.options = options
        self.cache = Cache(options)
        self.publisher = Publisher(options, install)
        self.bus = bus
        self.history = history
        self.meter = Meter()
        kept: tuple[Listener, ...] = () if history is None else (history,)
        self.sourced: SourceLink | None = None
        if options.source is not None:
            from hotconf.runtime.sourced.link import SourceLink  # late: most programs have a file

            self.sourced = SourceLink(options.source, self.publisher, self.cache)
            kept = (*kept, self.sourced)
        story = log.RoundLog(options.path, self.cache.form_of)
        self.notifier = Notifier(self.publisher, (self.meter, bus, story, *kept, *listeners))
        self.cycle = Cycle(
            options,
            self.cache,
            self.publisher,
            self.notifier,
            bus,
            history,
            observer=observer,
            reconcile_ns=reconcile_ns,
        )
        if self.sourced is not None:
            self.sourced.attach(self.cycle)
        self._driver: Driver | None = None
        self.layers = LayerWatches(self.options.path)
        self.inert = INERT.applies()
        """A command only looks at the program: a start loads, and that is all."""
        self._started = threads.lock()
        """Held from the call of `start()` on; a child of a fork that could not watch gets a new one."""
        self._lost: tuple[tuple[Path, ...] | None, tuple[str, ...]] | None = None
        """In a forked child that does not watch yet: what `Cycle.rejoin` needs, and the holds that were dropped."""
        fork.register(self)

    # What there is

    @property
    def state_dir(self) -> Path | None:
        """Where its states are kept, if they are."""
        return None if self.history is None else self.history.state_dir

    @property
    def orphaned(self) -> bool:
        """Whether this is a forked child in which the watcher could not go on, so far."""
        return self._lost is not None

    @property
    def snapshot(self) -> Snapshot[T] | None:
        """What is published."""
        return self.publisher.snapshot

    @property
    def settings(self) -> HotReloadSettings:
        """In force now."""
        return self.publisher.settings

    @property
    def files(self) -> FileSet:
        """What the last load read."""
        return self.cache.files

    @property
    def watching(self) -> bool:
        """Whether the files are watched: not while hot reload is off."""
        return self.cycle.watching

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files that are watched, those that do not exist yet among them."""
        return self.files.watched if self.watching else ()

    @property
    def shrank(self) -> tuple[Path, ...]:
        """Files that may be half written: the open round waits for the rest."""
        round_ = self.cycle.rounds.state.round
        return () if round_ is None else paths_of(round_.shrank)

    @property
    def gone(self) -> tuple[Path, ...]:
        """Files of the published state that are gone: the open round waits for them."""
        round_ = self.cycle.rounds.state.round
        return () if round_ is None else paths_of(round_.gone)

    @property
    def holds(self) -> Holds:
        """The reasons for being busy."""
        return self.cycle.rounds.holds

    @property
    def pending(self) -> Pending | None:
        """The deferred reload, if there is one."""
        state = self.cycle.rounds.state
        return self.notifier.pending(state, state.reasons(self.holds.reasons))

    @property
    def soft(self) -> tuple[str, ...]:
        """What in the configuration is not frozen; nothing where a command only looks: it does not run."""
        return unfrozen(self.snapshot.config) if self.snapshot is not None and not self.inert else ()

    def has_drift(self) -> bool:
        """Whether the files differ from what is published, by their bytes."""
        return drifted(self.options, self.snapshot, self.files)

    # Life

    def start(self, *, require: bool) -> None:
        """Watch, then load in this thread. Raises `ConfigError` if the load fails and `require` is true."""
        self.cycle.refuse("start")
        if not self.inert:
            self.bus.begin()
        if self.cycle.closed or not self._started.acquire(blocking=False):
            raise UsageError("a watcher can be started once; make a new one")
        if self.inert:
            candidate = load_once(self.options, self.cache, self.publisher)
            if require and not isinstance(candidate, Valid):
                INERT.refused = self.options
                raise ConfigError(candidate.problems)
            self.bus.close(0)  # nobody waits for what never comes
            return
        try:
            event = self._start(require=require)
            if event is None:
                raise UsageError("the watcher was closed while it was started")
            if isinstance(event, ReloadFailed) and self.snapshot is None and require:
                cause = None if self.cycle.applying is None else self.cycle.applying.cause
                raise ConfigError(
                    (*event.problems, *(self.history.search_problems if self.history else ()))
                ) from cause
            log.debug("reload", "Debounce window: %dms", self.settings.debounce_ms)
        except BaseException:
            self.close()
            raise

    def _start(self, *, require: bool) -> Ending | None:
        """The loads at start run here: no thread is needed for a configuration that never changes."""
        self.notifier.required = require
        if self.history is not None:
            self.publisher.baseline = self.history.baseline()
        if not self.options.is_virtual:
            self.cache.files = self.cache.files._replace(mounts=around(self.options.path))
        self.cycle.loads.collect()
        green.enter(self)
        self._driver = driver = process.claim(self)
        log.debug("reload", "HotReloadWatcher initialized")
        log.debug("reload", "Watching: %s", self.options.path)
        driver.call(partial(self.cycle.join, driver))
        if self.sourced is not None:
            self.sourced.begin(driver)
        self.layers.begin(self.options.layers, self.layer_changed, require=require)
        # By force: a hold from before the start defers changes, and the first config is none.
        caller = Caller()
        driver.call(partial(self.cycle.request, caller, force=True, silent=True))
        self.cycle.loads.run(driver)
        return caller.wait(driver)  # for the resources

    def reload(self, *, wait: bool, force: bool, revalidate: bool = False) -> Ending | None:
        """Load the files now, without a window; with `wait` return the ending."""
        self.cycle.refuse("reload", waits=wait)
        if self.inert:
            return ReloadUnchanged("a command only looks at this program") if wait else None
        used = self.check()
        if used is None or self.cycle.closed:
            raise UsageError("this watcher is not running: reload() works between start() and close()")
        if wait and used.here:
            raise UsageError("reload() cannot wait here: this is the thread that would do it; use wait=False")
        caller = Caller()
        used.post(partial(self.cycle.request, caller, force=force, revalidate=revalidate))
        event = caller.wait(used) if wait else None
        if event is not None or not wait:
            return event
        self.unanswered("reload", used)
        return self.reload(wait=True, force=force, revalidate=revalidate)

    def unanswered(self, method: str, used: Driver) -> None:
        """A call got no answer. Raises why, unless a signal handler forked meanwhile: it can be repeated."""
        if self.cycle.closed:
            raise UsageError(f"the watcher was closed while {method}() waited")
        if self.is_served_by(used):
            raise UsageError("the thread that watches has died")

    def is_served_by(self, used: Driver) -> bool:
        """Whether that is its driver still: not in a child of a fork."""
        return self._driver is used

    def layer_changed(self) -> None:
        """The values of a layer changed: load as `reload(wait=False)` does. Called on any thread."""
        if self._driver is not None and self.settings.enabled:
            self.request()

    def request(self) -> None:
        """Load as `reload(wait=False)` does, if it runs, unless that was requested and has not begun. Signal-safe."""
        if (driver := None if self.cycle.closed else self.check()) is not None:
            self.layers.ask(driver.post, partial(self.cycle.request, Caller(), force=False))

    def barrier(self) -> None:
        """Return once every earlier step has ended; later ones see the current holds."""
        self.check()
        with self.cycle.rounds.lock:
            pass

    def settle(self, until: float) -> bool:
        """Wait until what was replaced is closed, unless it is leased. Returns whether that was in time."""
        applying = self.cycle.applying
        return applying is None or applying.blocked(closing=True) is not None or applying.keeper.settle(until)

    def released(self, hold: Hold | None) -> None:  # noqa: ARG002 - whichever it was
        """A hold has ended; on return what was pending is published, unless a round is open. Never raises."""
        if self.cycle.rounds.state.pending is not None and not self.holds.reasons and self._driver is not None:
            self._driver.run(self.cycle.release)

    async def released_async(self, hold: Hold | None) -> None:
        """A hold of `async with` has ended: publish what is pending."""
        self.released(hold)

    def close(self) -> None:
        """Stop, and end its threads. After an exception, another call does the rest."""
        if first := not self.cycle.closed:
            self.meter.stop()
        self.cycle.closed = self.cycle.loads.closed = True
        state, used = self.cycle.rounds.state, self.check()
        if first and (state.round is not None or state.pending is not None):
            what = "an open round" if state.round else "a pending reload"
            log.info("reload", "Closed with %s: %s", what, self.options.path)
        self.layers.end()
        if self.sourced is not None:
            self.sourced.end()
        leave = partial(self.cycle.leave, used)
        if used is not None and used.here:
            used.post(leave)  # by a finalizer, perhaps during a step
            return
        if used is None or (not used.run(leave, MOMENT_S if used.stuck else CLOSE_S) and not used.alive):
            self.cycle.leave(None)
        close_budget.wait(self.bus.close)
        close_budget.wait(self.cycle.loads.await_end)
        if self.cycle.applying is not None:
            close_budget.wait(self.cycle.applying.close)
        if self.history is not None:
            close_budget.wait(self.history.close)
        green.leave(self)
        close_budget.wait(partial(process.release, self, used))

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock that is held during its steps."""
        return ((fork.OUTER, self.cycle.rounds.lock),)

    def abandon(self) -> None:
        """In a forked child: trust nothing that was read before the fork."""
        self.cycle.rounds.lock = threads.rlock()
        self.cache.distrust()
        self.cycle.loads.abandon()
        self.notifier.callers.clear()

    def revive(self) -> None:
        """In a forked child: watch, if the parent did; restart what the parent had under way.

        Not if a validator or check forked: the load under way would run in the child, and fork again. Such a child
        watches as soon as it calls this watcher.
        """
        running = self._driver is not None and not self.cycle.loads.starting and not self.cycle.closed
        self.layers.forget()
        dropped, lost = self.holds.abandon(), self.cycle.abandon()
        self._driver = None
        if not running:
            return
        self._lost = lost, dropped
        try:
            if not in_load():
                self._watch_again()
        except (OSError, RuntimeError):
            log.fault("watch", "Not watched in this child of a fork: %s", self.options.path)
        if self._lost is not None:
            self._lost = lost or (), dropped  # by then anything may have changed
            self._started = threads.lock()

    def _watch_again(self) -> None:
        self._driver = driver = process.claim(self)
        self._started.acquire(blocking=False)
        if self._lost is not None:
            lost, self._lost = self._lost, None
            driver.post(partial(self._rejoin, driver, *lost))
        if self.sourced is not None:
            self.sourced.begin(driver)

    def _rejoin(self, driver: Driver, lost: tuple[Path, ...] | None, dropped: tuple[str, ...]) -> None:
        if dropped:
            text = "In this child of a fork, reloads of %s do not wait for what other threads were busy with: %s"
            log.warning("reload", text, self.options.path, ", ".join(dropped))
        self.cycle.rejoin(driver, lost)

    def check(self) -> Driver | None:
        """The driver, after restarting it if it died, or if this forked child could not start it."""
        if self._driver is not None:
            self._driver.check()
        elif self._lost is not None and not self.cycle.closed:
            with suppress(OSError, RuntimeError):  # reported before
                self._watch_again()
        return self._driver
