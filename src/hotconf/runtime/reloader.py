"""One watcher at work: feeds its machine, and performs what the machine asks for.

Only the driver's thread steps the machine, under the stepping lock. Entering `busy` adds a hold, then acquires and
releases that lock: earlier steps have ended, later ones see the hold. `reload`, `close` and the release of a hold let
the driver do the work, and wait; if a signal handler raises meanwhile, only the wait ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.engine import machine, protocol
from hotconf.engine.debounce import MILLISECOND
from hotconf.errors import UsageError
from hotconf.events import Ending, Pending, ReloadFailed
from hotconf.listener import Listener
from hotconf.logs import log, records
from hotconf.problems import ConfigError
from hotconf.runtime import process
from hotconf.runtime.background import may_block
from hotconf.runtime.driver import Driver
from hotconf.runtime.holds import Hold, Holds
from hotconf.runtime.load import drifted
from hotconf.runtime.loads import Finished, Loads
from hotconf.runtime.notifier import Notifier
from hotconf.runtime.observation import Observation
from hotconf.runtime.publisher import Publisher
from hotconf.runtime.rounds import Request, Rounds, paths_of
from hotconf.runtime.waiters import Waiter
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.mounts import around
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.stats import Meter
from hotconf.system import fork, green, threads
from hotconf.system.budget import MOMENT_S, close_budget
from hotconf.system.exceptions import in_load
from hotconf.watch.observer import Arrivals, Observer, ObserverName

if TYPE_CHECKING:
    import threading

    from hotconf.history.writer import HistoryWriter
    from hotconf.settings import HotReloadSettings
    from hotconf.subscribers.stats import Stats

T = TypeVar("T")

CLOSE_S: Final = 2.0
"""How long `close()` waits for users' code that is running."""
_REST_NS: Final = 5_000_000
"""When events could not be queued at once, the rest follows after so long: meanwhile callbacks can catch up."""
_AGAIN_NS: Final = 1_000_000_000
"""How often to check whether a hold has ended silently: a signal handler may raise before its end is announced."""


class Reloader(fork.ForkAware, Generic[T]):
    """See the module. `install` is called with each new snapshot, and must make it visible to readers."""

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
        self.reconcile_ns = reconcile_ns
        self.cache = Cache(options)
        self.publisher = Publisher(options, self.cache, install)
        self._bus = bus
        self._history = history
        self._meter = Meter()
        kept: tuple[Listener, ...] = () if history is None else (history,)
        self._notifier = Notifier(self.publisher, (self._meter, bus, log.RoundLog(options.path), *kept, *listeners))
        window_ns, eager = self.settings.debounce_ms * MILLISECOND, self.settings.mode == "eager"
        state = protocol.State(window_ns, group=attrgetter("parent"), enabled=self.settings.enabled, eager=eager)
        self._rounds = Rounds(options.path, state, self.cache, self.publisher, self._notifier)
        self._loads = Loads(options, self.cache, self.publisher, history)
        self._observation = Observation(self, options, observer, self.cache)
        self._driver: Driver | None = None
        self._unstarted = [True]
        """A list, because only one caller can pop it."""
        self._closed = False
        self._lost: tuple[tuple[Path, ...] | None, tuple[str, ...]] | None = None
        """In a forked child that does not watch yet: the files to touch, and the holds that were dropped."""
        self._watched_late = False
        """The files may have been loaded before they were watched."""
        self._comparison = 0
        """The number of the latest comparison that the machine asked for."""
        self._check_at = 0
        """When to check whether what is pending, or not yet queued, still has to wait."""
        fork.register(self)

    # For the watcher, from any thread

    @property
    def snapshot(self) -> Snapshot[T] | None:
        """What is published now."""
        return self.publisher.snapshot

    @property
    def settings(self) -> HotReloadSettings:
        """In force now."""
        return self.publisher.settings

    @property
    def files(self) -> FileSet:
        """What the last load saw."""
        return self.cache.files

    @property
    def shrank(self) -> tuple[Path, ...]:
        """As `HotReloadWatcher.shrank`."""
        round_ = self._rounds.state.round
        return () if round_ is None else paths_of(round_.shrank)

    @property
    def gone(self) -> tuple[Path, ...]:
        """As `HotReloadWatcher.gone`."""
        round_ = self._rounds.state.round
        return () if round_ is None else paths_of(round_.gone)

    @property
    def holds(self) -> Holds:
        """What is busy."""
        return self._rounds.holds

    @property
    def pending(self) -> Pending | None:
        """What waits for something busy."""
        return self._notifier.pending(self._rounds.state, self.holds.reasons)

    @property
    def waiting_calls(self) -> int:
        """How many calls of `reload()` wait."""
        return len(self._notifier.waiters)

    def has_drift(self) -> bool:
        """As `HotReloadWatcher.has_drift`."""
        return drifted(self.options, self.snapshot, self.files)

    def stats(self) -> Stats:
        """Counts and timings."""
        name, trouble = self._observation.status
        used = None if self._closed else self._check()
        if used is None and self._lost is not None:
            trouble = "the thread hotconf-driver cannot be started in this child of a fork"
        if used is not None:
            loads = [loader.trouble for loader in used.loaders]
            more = (used.trouble, *loads, self._bus.trouble, records.trouble())
            trouble = "; ".join(each for each in (trouble, *more) if each is not None) or None
        return self._meter.stats(name, trouble)._replace(
            last_trouble=self._observation.last_trouble,
            state_trouble=self._history.trouble if self._history is not None else None,
            listener_failures=self._notifier.failures,
        )

    def start(self, *, require: bool) -> None:
        """Watch, then load, in this thread. Raises `ConfigError` if that fails and a config is required."""
        _not_in_a_load("start")
        try:
            if self._closed:
                raise IndexError
            self._unstarted.pop()
        except IndexError:
            raise UsageError("a watcher can be started once; make a new one") from None
        try:
            event = self._start(require=require)
            if event is None:
                raise UsageError("the watcher was closed while it was started")
            if isinstance(event, ReloadFailed) and self.snapshot is None and require:
                raise ConfigError((*event.problems, *(self._history.no_last_good if self._history else ())))
            log.debug("reload", "Debounce window: %dms", self.settings.debounce_ms)
        except BaseException:
            self.close()
            raise

    def _start(self, *, require: bool) -> Ending | None:
        """The loads at start run here: no thread is needed for a configuration that never changes."""
        self._notifier.required = require
        if self._history is not None:
            self.publisher.baseline = self._history.baseline()
        self.cache.files = self.cache.files._replace(mounts=around(self.options.path))
        self._loads.collect()
        green.enter(self)
        self._driver = driver = process.claim(self)
        log.debug("reload", "HotReloadWatcher initialized")
        log.debug("reload", "Watching: %s", self.options.path)
        driver.call(partial(self._join, driver))
        # By force: a hold that began before the start puts off changes, and the first config is none.
        waiter = Waiter()
        driver.call(partial(self._ask, waiter, force=True, silent=True))
        self._loads.run(driver)
        return waiter.event

    def reload(self, *, wait: bool, force: bool) -> Ending | None:
        """As `HotReloadWatcher.reload`."""
        _not_in_a_load("reload")
        used = self._check()
        if used is None or self._closed:
            raise UsageError("this watcher is not running: reload() works between start() and close()")
        if wait and used.here:
            raise UsageError("reload() cannot wait here: this is the thread that would do it; use wait=False")
        waiter = Waiter()
        used.post(partial(self._ask, waiter, force=force))
        event = waiter.wait(used) if wait else None
        if event is not None or not wait:
            return event
        if self._closed:
            raise UsageError("the watcher was closed while reload() waited")
        if self._driver is used:
            raise UsageError("the thread that watches has died")
        return self.reload(wait=True, force=force)  # a signal handler forked, and this is the child

    def barrier(self) -> None:
        """Return once every earlier step has ended; later ones see the current holds."""
        self._check()
        with self._rounds.lock:
            pass

    def released(self, hold: Hold | None) -> None:  # noqa: ARG002 - whichever it was
        """A hold has ended; on return what was pending is published, unless a round is open. Never raises."""
        if self._rounds.state.pending is not None and not self.holds.reasons and self._driver is not None:
            self._driver.run(self._release)

    async def released_async(self, hold: Hold | None) -> None:
        """As `released`, for `async with`."""
        self.released(hold)

    def close(self) -> None:
        """As `HotReloadWatcher.close`. The next call does what an exception left undone."""
        first = not self._closed
        self._closed = self._loads.closed = True
        state, used = self._rounds.state, self._check()
        if first and (state.round is not None or state.pending is not None):
            what = "an open round" if state.round else "a pending reload"
            log.info("reload", "Closed with %s: %s", what, self.options.path)
        if used is not None and used.here:
            used.post(self._shut)  # by a finalizer, perhaps during a step
            return
        if used is None or (not used.run(self._shut, MOMENT_S if used.stuck else CLOSE_S) and not used.alive):
            self.feed(protocol.Close(time.monotonic_ns()))
        close_budget.wait(self._bus.close)
        close_budget.wait(self._loads.await_end)
        if self._history is not None:
            close_budget.wait(self._history.close)
        green.leave(self)
        close_budget.wait(partial(process.release, self, used))

    def _shut(self) -> None:
        """Emit nothing more, and watch nothing."""
        self.feed(protocol.Close(time.monotonic_ns()))
        if self._driver is not None:
            self._driver.leave(self)

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """Its own."""
        return ((fork.OUTER, self._rounds.lock),)

    def abandon(self) -> None:
        """Trust nothing that was seen before the fork."""
        self._rounds.lock = threads.rlock()
        self.cache.distrust()
        self._loads.abandon()
        self._notifier.waiters.abandon()

    def revive(self) -> None:
        """Watch on in the child, if this was watching; what the parent had begun is begun anew.

        Not in a child that a validator or check forked: the load that was under way would run there, and fork again.
        It watches as soon as it calls this watcher.
        """
        running = self._driver is not None and not self._loads.starting and not self._closed
        dropped, lost = self.holds.abandon(), self._rounds.reset()
        self._loads.forget()
        self._notifier.abandon()
        self._driver = self._observation.observer = None
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
            self._unstarted.append(True)

    def _watch_again(self) -> None:
        self._driver = driver = process.claim(self)
        self._unstarted.clear()
        if self._lost is not None:
            lost, self._lost = self._lost, None
            driver.post(partial(self._rejoin, driver, *lost))

    def _check(self) -> Driver | None:
        """The driver, after restarting what died, or what this forked child could not start."""
        if self._driver is not None:
            self._driver.check()
        elif self._lost is not None and not self._closed:
            with suppress(OSError, RuntimeError):  # reported before
                self._watch_again()
        return self._driver

    def _rejoin(self, driver: Driver, lost: tuple[Path, ...] | None, dropped: tuple[str, ...]) -> None:
        if dropped:
            text = "In this child of a fork, reloads of %s do not wait for what other threads were busy with: %s"
            log.warning("reload", text, self.options.path, ", ".join(dropped))
        self._observation.rejoin(driver)
        self._arm(partial(self._touch_lost, lost))

    def _touch_lost(self, lost: tuple[Path, ...] | None) -> None:
        if lost is not None:
            self.touch(lost or (self.options.path,), time.monotonic_ns())

    # When threads fail

    def supervise(self) -> bool:
        """As `Owner.supervise`."""
        keeping = self._history is not None and self._history.supervise()
        return self._bus.supervise() or keeping

    def recover(self) -> None:
        """Compare the files, and request a new reload for waiting callers."""
        self._rounds.reset()
        self.touch((self.options.path,), time.monotonic_ns())
        for number in self._notifier.waiters.numbers:
            self.feed(protocol.Reload(time.monotonic_ns(), number, force=False, silent=False))

    # For the driver, on its thread

    @property
    def deadline(self) -> int | None:
        """When the machine wants a `Due`, or when to check what is pending or not queued."""
        state = self._rounds.state
        if self._bus.behind or (state.pending is not None and state.round is None):
            return self._check_at
        return machine.deadline(state)

    @property
    def watching(self) -> bool:
        """Whether the files are watched: not while hot reload is off."""
        return self._rounds.state.enabled and not self._closed

    def touch(
        self,
        paths: tuple[Path, ...],
        now: int,
        detect_ns: int = 0,
        *,
        arrivals: Arrivals | None = None,
        polled: bool = False,
    ) -> None:
        """These files changed, as `Owner.touch` says."""
        if self.watching and self._observation.observer is not None:
            self._rounds.detect_ns = detect_ns
            self.feed(self._observation.touched(now, paths, arrivals, polled=polled))

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare the files with what the last load saw; `then` gets those whose change is not known yet."""
        self._observation.compare(then)

    def observe(self, observer: Observer) -> None:
        """Be watched with `observer` from now on, or try once more with the one in use."""
        self._observation.use(observer)
        self._arm(_nothing)

    def feed(self, given: protocol.Input) -> None:
        """Give the machine an input, and do what it asks for."""
        self._perform(self._rounds.feed(given, native=self._observation.native))
        if not self._bus.drain():
            self._check_at = time.monotonic_ns() + _REST_NS

    def _release(self) -> None:
        self._perform(self._rounds.release())

    def _perform(self, requests: list[Request]) -> None:
        if self._rounds.state.pending is not None:
            self._check_at = time.monotonic_ns() + _AGAIN_NS
        driver = self._driver
        if driver is None:
            return
        driver.expect(self)
        for request in requests:
            try:
                self._begin(request, driver)
            except Exception:  # noqa: BLE001 - a fault of ours
                log.fault("watch", "Internal error in a reload of %s", self.options.path)
                self._rounds.crash()

    def _begin(self, request: Request, driver: Driver) -> None:
        match request:
            case protocol.Load():
                # The thread of all watchers, unless its loads may take long, or hang.
                loader = driver.loader_for(self.files.mounts.remote or (self if may_block(self) else None))
                self._loads.begin(request, driver, loader, self._loaded)
            case protocol.Verify():
                driver.post(self._verify)
            case protocol.Watching():
                driver.post(partial(self._watch, request.on))

    def _join(self, driver: Driver) -> None:
        if self._closed:  # and has left: nobody would leave again
            raise UsageError("the watcher was closed while it was started")
        self._observation.join(driver)
        self._watched_late = may_block(self)
        self._arm(_nothing)

    def _ask(self, waiter: Waiter, *, force: bool, silent: bool = False) -> None:
        number = self._notifier.waiters.add(waiter)
        self.feed(protocol.Reload(time.monotonic_ns(), number, force=force, silent=silent))

    def _arm(self, then: Callable[[], object]) -> None:
        """Watch the files of the last load, then continue. Changes in between are noticed here."""
        if self.watching:
            self._observation.arm(partial(self._armed, then))
        else:
            then()

    def _armed(self, then: Callable[[], object], changed: tuple[Path, ...]) -> None:
        if changed:
            self.touch(changed, time.monotonic_ns())
        then()

    def _loaded(self, load: Finished) -> None:
        """A load is back. Before the machine gets it, its files are watched."""
        if not self._rounds.awaits(load.number):
            load.done()
            return
        again = self.cache.done(load.result.files) or self._watched_late
        self._watched_late = False
        feed = partial(self._feed_loaded, load)
        try:
            self._arm(partial(self.compare, feed) if again else partial(feed, ()))
        except Exception:
            if self._rounds.awaits(load.number):
                feed(())  # or the machine would wait for this load forever
            raise

    def _feed_loaded(self, load: Finished, changed: tuple[Path, ...]) -> None:
        try:
            self._found(changed)
        finally:
            now, candidate = time.monotonic_ns(), load.result.candidate
            self.feed(protocol.Loaded(now, load.number, candidate, load.cost_ns, load.last_good))
            load.done()

    def _verify(self) -> None:
        self._comparison += 1
        self.compare(partial(self._verified, self._comparison))

    def _verified(self, number: int, changed: tuple[Path, ...]) -> None:
        self._found(changed)
        if number == self._comparison:  # an earlier one does not show what happened before this request
            self.feed(protocol.Verified(time.monotonic_ns()))

    def _found(self, changed: tuple[Path, ...]) -> None:
        """A comparison found these: more may have changed without an event."""
        if changed:
            self.touch(changed, time.monotonic_ns(), polled=True)

    def _watch(self, on: bool) -> None:
        if on:
            self._arm(_nothing)
        else:
            self._observation.disarm()


def _nothing() -> None:
    """What follows."""


def _not_in_a_load(method: str) -> None:
    if in_load():
        raise UsageError(f"{method}() cannot be called from a check, validator or describe: they are part of a load")
