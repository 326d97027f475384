"""One watcher at work: steps its machine and performs what the machine asks for.

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
from typing import TYPE_CHECKING, Final, TypeVar

from hotconf.engine import machine, protocol
from hotconf.engine.candidate import Valid
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
from hotconf.runtime.loader import Loader
from hotconf.runtime.loads import Jobs
from hotconf.runtime.notifier import Notifier
from hotconf.runtime.observation import Observation
from hotconf.runtime.publisher import Publisher
from hotconf.runtime.stepping import Stepping, paths_of
from hotconf.runtime.waiters import Waiter
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet, LoadResult, Options
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.compare import Difference, examine, watch
from hotconf.sources.files.mounts import around
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.stats import Meter
from hotconf.system import fork, green, threads
from hotconf.system.budget import MOMENT_S, close_budget
from hotconf.system.exceptions import in_load
from hotconf.watch.observer import Observer, ObserverName

if TYPE_CHECKING:
    import threading

    from hotconf.history.writer import HistoryWriter
    from hotconf.logs.scrubbing import KnownSecrets
    from hotconf.subscribers.stats import Stats

T = TypeVar("T")

PATIENCE_S: Final = 2.0
"""So long `close()` waits for users' code that is running."""


class Reloader(Stepping[T], fork.ForkAware):
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
        self._bus = bus
        self._history = history
        self.cache = Cache(options)
        self._publisher = Publisher(options, self.cache, install)
        window_ns, eager = self.settings.debounce_ms * MILLISECOND, self.settings.mode == "eager"
        self._state = protocol.State(
            window_ns, group=attrgetter("parent"), enabled=self.settings.enabled, eager=eager
        )
        self._lock = threads.rlock()
        self.holds = Holds()
        self._unstarted = [True]
        self._lost: tuple[tuple[Path, ...], tuple[str, ...]] | None = None
        """In a forked child that cannot watch for lack of a thread: what to start again."""
        self._driver: Driver | None = None
        self._closed = False
        self._jobs = Jobs(options, self.cache, self._publisher, history, self._runs, self._loader, self._loaded)
        self._meter = Meter()
        kept: tuple[Listener, ...] = () if history is None else (history,)
        self._notifier = Notifier(self._publisher, (self._meter, bus, log.RoundLog(options.path), *kept, *listeners))
        self._unsure = False
        """The files may have been loaded before they were watched."""
        self._looks = 0
        """How many looks the machine has asked for."""
        self._look_after = 0
        self._observation = Observation(self, options.path, observer, self.cache)
        fork.register(self)

    # For the watcher, from any thread

    def start(self, *, require: bool) -> None:
        """Watch, then load, in this thread. Raises `ConfigError` if that fails and a config is required."""
        _not_in_a_load("start")
        if self._closed or not self._unstarted:
            raise UsageError("a watcher can be started once; make a new one")
        if self._history is not None:
            self._publisher.standing = self._history.standing()
        self._notifier.required = require
        try:
            self._begin()
            event = self._first_load()
            if event is None:
                raise UsageError("the watcher was closed while it was started")
            if isinstance(event, ReloadFailed) and self.snapshot is None and require:
                raise ConfigError((*event.problems, *(self._history.no_last_good if self._history else ())))
            log.window(self.settings.debounce_ms)
        except _StartedError:
            raise
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        try:
            self._unstarted.pop()
        except IndexError:
            raise _StartedError("a watcher can be started once; make a new one") from None
        self.cache.files = self.cache.files._replace(mounts=around(self.options.path))
        self._jobs.collect()
        green.enter(self)
        self._driver = process.claim(self)
        log.initialized(self.options.path)
        self._driver.call(self._join)

    def _first_load(self) -> Ending | None:
        """The loads at start run here: no thread is needed for a configuration that never changes."""
        # By force: a hold that began before the start puts off changes, and the first config is none.
        waiter = Waiter()
        self._runs().call(partial(self._ask, waiter, force=True, silent=True))
        self._jobs.run()
        return waiter.event

    def barrier(self) -> None:
        """Return once every earlier step has ended; later ones see the current holds."""
        self._check()
        with self._lock:
            pass

    def released(self, hold: Hold | None) -> None:  # noqa: ARG002 - whichever it was
        """A hold has ended; on return what was pending is published, unless a round is open. Never raises."""
        if self._state.pending is not None and not self.holds.reasons and self._driver is not None:
            self._driver.run(self._settle)

    async def released_async(self, hold: Hold | None) -> None:
        """As `released`, for `async with`."""
        self.released(hold)

    def reload(self, *, wait: bool, force: bool) -> Ending | None:
        """See `HotReloadWatcher.reload`."""
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

    def close(self) -> None:
        """As `HotReloadWatcher.close`. The next call does what an exception left undone."""
        first = not self._closed
        self._closed = self._jobs.closed = True
        state, used = self._state, self._check()
        if first and (state.round is not None or state.pending is not None):
            log.abandoned(self.options.path, "an open round" if state.round else "a pending reload")
        if used is not None and used.here:
            used.post(self._shut)  # by a finalizer, perhaps during a step
            return
        if used is None or not used.run(self._shut, MOMENT_S if used.stuck else PATIENCE_S):
            self._close_here(used)
        close_budget.wait(self._bus.close)
        close_budget.wait(self._jobs.await_load)
        if self._history is not None:
            close_budget.wait(self._history.close)
        green.leave(self)
        if not self._unstarted:
            close_budget.wait(partial(process.release, self, used))

    def _close_here(self, used: Driver | None) -> None:
        if used is None or not used.alive:
            self.feed(protocol.Close(time.monotonic_ns()))

    def _shut(self) -> None:
        """Emit nothing more, and watch nothing."""
        self.feed(protocol.Close(time.monotonic_ns()))
        if self._driver is not None:
            self._driver.leave(self)

    def has_drift(self) -> bool:
        """See `HotReloadWatcher.has_drift`."""
        return drifted(self.options, self.snapshot, self.files)

    @property
    def secrets(self) -> KnownSecrets:
        """Knows what is secret."""
        return self._publisher.secrets

    @property
    def files(self) -> FileSet:
        """What the last load saw."""
        return self.cache.files

    @property
    def shrank(self) -> tuple[Path, ...]:
        """See `HotReloadWatcher.shrank`."""
        round_ = self._state.round
        return paths_of(round_.shrank) if round_ is not None else ()

    @property
    def pending(self) -> Pending | None:
        """What waits for something busy."""
        return self._notifier.pending(self._state, self.holds.reasons)

    def stats(self) -> Stats:
        """Counts and timings."""
        name, trouble = self._observation.told
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

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """Its own."""
        return ((fork.OUTER, self._lock),)

    def abandon(self) -> None:
        """Trust nothing that was seen before the fork."""
        self._lock = threads.rlock()
        self.cache.distrust()
        self._jobs.abandon()
        self._notifier.waiters.abandon()

    def revive(self) -> None:
        """Watch on, if this was watching; what the parent had begun is begun anew.

        Not in a child that a validator or check forked.
        """
        running = self._driver is not None and not self._jobs.starting and not self._closed
        dropped = self.holds.abandon()
        self._state, forgotten = machine.forked(self._state)
        lost = None if forgotten is None else paths_of(forgotten)
        self._jobs.forget()
        self._notifier.abandon()
        self._driver = self._observation.observer = None
        if not running:
            return
        if in_load():  # a check forked: the load that was under way would run it here, and fork again
            self._unstarted.append(True)
            self._lost = lost or (), dropped  # until the child calls this watcher
            return
        try:
            self._driver = process.claim(self)
        except (OSError, RuntimeError):
            log.fault("watch", "Not watched in this child of a fork: %s", self.options.path)
            self._unstarted.append(True)
            self._lost = lost or (), dropped
            return
        self._driver.post(partial(self._rejoin, lost, dropped))

    def _check(self) -> Driver | None:
        """The driver, after restarting what died, or what this forked child could not start."""
        if self._driver is not None:
            self._driver.check()
        elif self._lost is not None and not self._closed:
            with suppress(OSError, RuntimeError):  # reported before
                self._driver = process.claim(self)
                self._unstarted.clear()
                lost, self._lost = self._lost, None
                self._driver.post(partial(self._rejoin, *lost))
        return self._driver

    def _rejoin(self, lost: tuple[Path, ...] | None, dropped: tuple[str, ...]) -> None:
        if dropped:
            log.dropped(self.options.path, dropped)
        self._observation.rejoin(self._runs())
        self._arm(partial(self._resume, lost))

    def _resume(self, lost: tuple[Path, ...] | None) -> None:
        if lost is not None:
            self.heard(lost or (self.options.path,), time.monotonic_ns(), 0)

    # When threads fail

    def supervise(self) -> bool:
        """As `Owner.supervise`."""
        keeping = self._history is not None and self._history.supervise()
        return self._bus.supervise() or keeping

    def recover(self) -> None:
        """Compare the files, and request a new reload for waiting callers."""
        self._state, _ = machine.forked(self._state)
        self.heard((self.options.path,), time.monotonic_ns(), 0)
        for number in self._notifier.waiters.numbers:
            self.feed(protocol.Reload(time.monotonic_ns(), number, force=False, silent=False))

    # For the driver, on its thread

    def _join(self) -> None:
        if self._closed:  # and has left: nobody would leave again
            raise UsageError("the watcher was closed while it was started")
        self._observation.join(self._runs())
        self._unsure = may_block(self)
        self._arm(_nothing)

    @property
    def deadline(self) -> int | None:
        """When the machine wants a `Due`, or when to check what is pending or not delivered."""
        if self._bus.behind:
            return self._look_after
        if self._state.pending is not None and self._state.round is None:
            return self._look_after
        return machine.deadline(self._state)

    @property
    def watching(self) -> bool:
        """Whether the files are watched: not while hot reload is off."""
        return self._state.enabled and not self._closed

    def heard(self, paths: tuple[Path, ...], now: int, detect_ns: int, *, sure: bool = True) -> None:
        """These files changed."""
        touched = self._observation.touched(now, paths, detect_ns, sure=sure) if self.watching else None
        if touched is not None:
            self.feed(touched)

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare the files with what the last load saw; `then` gets those whose change is not known yet."""
        observer = self._observation.observer
        if observer is None or (not may_block(self) and self.cache.unchanged()):
            then(())  # nearly always
            return
        asked = self.cache.ask()
        if asked is None:
            then(())
            return
        files, dirty = asked
        work = partial(examine, files, self.options, partial(observer.arm, self), dirty)
        self._runs().in_background(self, work, partial(self._compared, files, then))

    def _compared(self, asked: FileSet, then: Callable[[tuple[Path, ...]], object], found: Difference | None) -> None:
        changed = self.cache.answer(asked, found) if found is not None else ()
        if changed is None:
            self.compare(then)
            return
        if found is not None and found.expansion is not None:
            self._told_native()
        then(changed)

    def observe(self, observer: Observer) -> None:
        """Be watched with `observer` from now on, or try once more with the one in use."""
        self._observation.observer = observer
        self._arm(_nothing)

    def _arm(self, then: Callable[[], object]) -> None:
        """Watch the files of the last load, `then` continue. Changes in between are noticed here."""
        observer, files = self._observation.observer, self.cache.files
        if not self.watching or observer is None:
            then()
            return
        work = partial(watch, files, self.options, partial(observer.arm, self), self.cache.touched)
        self._runs().in_background(self, work, partial(self._armed, files, then))

    def _armed(self, asked: FileSet, then: Callable[[], object], found: Difference | None) -> None:
        self._told_native()
        changed = self.cache.answer(asked, found) if found is not None else ()
        if changed is None and found is not None:
            changed = found.changed  # another load has come back: it is no harm to load again
        if changed:
            self.heard(changed, time.monotonic_ns(), 0)
        then()

    def _told_native(self) -> None:
        native = self._observation.armed()
        with self._lock:
            self._state = self._state._replace(polled=not native)

    def _loaded(
        self,
        number: int,
        result: LoadResult[T],
        cost_ns: int,
        last_good: Valid[T] | None,
        done: Callable[[], object],
    ) -> None:
        """A load is back, and is `done` once the machine knows it: its files are watched first."""
        if self._state.loading != number:
            done()  # closed, or begun before a fork
            return
        again = self.cache.done(result.files) or self._unsure
        self._unsure = False
        tell = partial(self._tell_loaded, number, result, cost_ns, last_good, done)
        try:
            self._arm(partial(self.compare, tell) if again else partial(tell, ()))
        except Exception:
            if self._state.loading == number:
                tell(())  # or the machine would wait for this load forever
            raise

    def _tell_loaded(
        self,
        number: int,
        result: LoadResult[T],
        cost_ns: int,
        last_good: Valid[T] | None,
        done: Callable[[], object],
        changed: tuple[Path, ...],
    ) -> None:
        try:
            if changed:
                self.heard(changed, time.monotonic_ns(), 0, sure=False)
        finally:
            self.feed(protocol.Loaded(time.monotonic_ns(), number, result.candidate, cost_ns, last_good))
            done()

    @property
    def _owner(self) -> Reloader[T]:
        return self

    def _look(self) -> None:
        self._looks += 1
        self.compare(partial(self._looked, self._looks))

    def _looked(self, look: int, changed: tuple[Path, ...]) -> None:
        if changed:
            self.heard(changed, time.monotonic_ns(), 0, sure=False)
        if look == self._looks:  # an earlier one does not show what happened before this request
            self.feed(protocol.Verified(time.monotonic_ns()))

    def _watch(self, on: bool) -> None:
        observer = self._observation.observer
        if on:
            self._arm(_nothing)
        elif observer is not None:
            self._runs().in_background(self, partial(observer.disarm, self), _ignored)

    def _loader(self) -> Loader:
        """The thread for its loads: that of all watchers, unless they may take long, or hang."""
        mount = self.cache.files.mounts.remote
        return self._runs().loader_for(mount or (self if may_block(self) else None))

    def _runs(self) -> Driver:
        if self._driver is None:
            raise UsageError("this watcher is not running")
        return self._driver

    def _ask(self, waiter: Waiter, *, force: bool, silent: bool = False) -> None:
        number = self._notifier.waiters.add(waiter)
        self.feed(protocol.Reload(time.monotonic_ns(), number, force=force, silent=silent))


def _nothing() -> None:
    """What follows."""


class _StartedError(UsageError):
    """This watcher belongs to another call of `start()`."""


def _not_in_a_load(method: str) -> None:
    if in_load():
        raise UsageError(f"{method}() cannot be called from a check, validator or describe: they are part of a load")


def _ignored(_: object) -> None:
    """The result of work in the background."""
