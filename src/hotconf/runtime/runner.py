"""One watcher at work: steps its machine and performs what the machine asks for.

The machine is stepped under the watcher's lock: by the driver for changes, timers and loads, by the caller's own
thread for `busy`, `reload` and `close`. So entering `busy` is a guarantee and not a message, and what was pending is
published when the release returns.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.changes import Change
from hotconf.core import machine
from hotconf.core.candidate import Good
from hotconf.core.debounce import MILLISECOND
from hotconf.core.protocol import (
    Answer,
    Close,
    Effect,
    Emit,
    Hold,
    Input,
    Load,
    Loaded,
    Look,
    Looked,
    Phase,
    Publish,
    Refresh,
    Release,
    Reload,
    State,
    Touched,
    Watching,
)
from hotconf.core.shape import settings_of
from hotconf.errors import ConfigError, UsageError
from hotconf.events import (
    ConfigReloadEvent,
    Ending,
    FileChanged,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    Timings,
)
from hotconf.runtime import driver, fork, log
from hotconf.runtime.bus import Bus
from hotconf.runtime.driver import Driver
from hotconf.runtime.files import Read
from hotconf.runtime.holds import Holds
from hotconf.runtime.known import Known
from hotconf.runtime.load import drifted, load
from hotconf.runtime.loader import guarded, inside
from hotconf.runtime.observe import ASKED_FOR, Observer, ObserverName
from hotconf.runtime.recorder import Recorder, timings
from hotconf.runtime.source import FileSet, Result, Source
from hotconf.runtime.tickets import Ticket, Tickets
from hotconf.snapshot import Snapshot

if TYPE_CHECKING:
    from hotconf.runtime.keeper import Keeper, Recalled
    from hotconf.runtime.stats import Stats

T = TypeVar("T")
E = TypeVar("E", bound=ConfigReloadEvent)

PATIENCE_S: Final = 2.0
"""So long `close()` waits for users' code that is running."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A reload that waits for something busy."""

    reasons: tuple[str, ...]
    since: datetime
    """UTC; when the first reload since the last outcome was deferred."""
    changes: tuple[Change, ...]


class Runner(Generic[T]):
    """See the module. `install` is called with each new snapshot, and must make it visible to readers."""

    def __init__(
        self,
        source: Source[T],
        bus: Bus[T],
        install: Callable[[Snapshot[T]], None],
        *,
        observer: ObserverName,
        reconcile_ns: int,
        keeper: Keeper[T] | None = None,
    ) -> None:
        self.source = source
        self.reconcile_ns = reconcile_ns
        self.settings = source.pins.over(settings_of(source.schema, {}))
        """In force now."""
        self.snapshot: Snapshot[T] | None = None
        self._bus = bus
        self._install = install
        self._keeper = keeper
        self._to_keep: tuple[Snapshot[T], tuple[str, ...]] | None = None
        """What this step published, and what changed with it."""
        self._wanted = observer
        window_ns, eager = self.settings.debounce_ms * MILLISECOND, self.settings.mode == "eager"
        self._state = State(window_ns, enabled=self.settings.enabled, eager=eager)
        # Reentrant, and inputs are queued: a signal handler may call `reload(wait=False)` in the midst of a step.
        self._lock = threading.RLock()
        self._inbox: deque[Input] = deque()
        self._stepping = False
        self._holds = Holds()
        self._driver: Driver | None = None
        self._observer: Observer | None = None
        self._closed = False
        self._inline: deque[Callable[[], None]] | None = None
        self._known = Known(source)
        self._tickets = Tickets()
        self._named: list[Path] = []
        self._loading = threading.Lock()
        self._recorder = Recorder()
        self._timings = Timings()
        self._eagerly = False
        """This step ended a round before its window did."""
        self._detect_ns = 0
        self._deferred_at: datetime | None = None
        self._ended: tuple[object, Ending | None] = (None, None)
        """The latest ending, as the machine made it and as it was emitted."""
        self._told_trouble: str | None = None
        self._forked = False
        """A signal handler forked in the midst of a step, and this is the child."""
        fork.enrol(self)

    # For the watcher, from any thread

    def start(self, *, require: bool) -> None:
        """Watch, then load, in this thread. Raises `ConfigError` if that fails and a config is required."""
        if self._keeper is not None:
            self._keeper.check()
        with self._lock:
            if self._driver is not None or self._closed:
                raise UsageError("a watcher can be started once; make a new one")
            self._driver = driver.claim()
            self._inline = deque()
        log.initialized(self.source.path)
        try:
            self._driver.call(self._join)
            event = self._first_load()
        except BaseException:
            self.close()
            raise
        recalled = self._keeper.take() if self._keeper is not None else None
        if event is None:
            raise UsageError("the watcher was closed while it was started")
        if isinstance(event, ReloadFailed):
            self._start_failed(event, recalled, require=require)
        log.window(self.settings.debounce_ms)

    def _start_failed(self, event: ReloadFailed, recalled: Recalled[T] | None, *, require: bool) -> None:
        if recalled is not None:
            log.degraded(self.source.path, recalled.number, recalled.good.loaded_at, event.error)
        elif require:
            self.close()
            raise ConfigError(event.problems)

    def hold(self, reason: str) -> None:
        """Something is busy until `release`; from here on nothing is committed."""
        self._holds.add(reason)
        self.feed(Hold(time.monotonic_ns(), reason))

    def release(self, reason: str) -> None:
        """It is no longer busy; what was pending is published when this returns, unless a round is open."""
        self._holds.drop(reason)
        self.feed(Release(time.monotonic_ns(), reason))

    def reload(self, *, wait: bool, force: bool) -> Ending | None:
        """See `HotReloadWatcher.reload`."""
        if inside():
            raise UsageError(
                "reload() cannot be called from a check, a validator or describe: they are part of a load"
            )
        if self._driver is None or self._closed:
            raise UsageError("this watcher is not running: reload() works between start() and close()")
        ticket = self._ask(force=force)
        if not wait:
            return None
        event = ticket.wait()
        if event is None and not self._closed:  # a signal handler forked, and this is the child
            return self.reload(wait=True, force=force)
        if event is None:
            raise UsageError("the watcher was closed while reload() waited")
        return event

    def close(self) -> None:
        """See `HotReloadWatcher.close`."""
        with self._lock:
            first = not self._closed
            self._closed = True
        if not first:
            return
        state = self._state
        if state.round is not None or state.pending is not None:
            log.abandoned(self.source.path, "an open round" if state.round else "a pending reload")
        self.feed(Close(time.monotonic_ns()))
        until = time.monotonic() + PATIENCE_S
        self._bus.close(PATIENCE_S)
        if self._driver is not None:
            self._driver.call(partial(self._driver.leave, self))
            self._await_load(_left_s(until))
        if self._keeper is not None:
            self._keeper.close(_left_s(until))
        if self._driver is not None:
            driver.release(self._driver, _left_s(until))

    def has_drift(self) -> bool:
        """See `HotReloadWatcher.has_drift`."""
        return drifted(self.source, self.snapshot, self.files)

    @property
    def files(self) -> FileSet:
        """What the last load saw."""
        return self._known.files

    @property
    def shrank(self) -> tuple[Path, ...]:
        """See `HotReloadWatcher.shrank`."""
        round_ = self._state.round
        return round_.shrank if round_ is not None else ()

    @property
    def pending(self) -> Pending | None:
        """What waits for something busy."""
        waiting, since = self._state.pending, self._deferred_at
        if waiting is None or since is None:
            return None
        return Pending(self._state.reasons, since, waiting.good.changes)

    def stats(self) -> Stats:
        """Counts and timings."""
        observer = self._observer
        if observer is None:
            found = self._recorder.stats("none", "not started")
        else:
            found = self._recorder.stats(observer.name, observer.trouble(self))
        if self._keeper is None:
            return found
        return replace(found, degraded=self._state.degraded, state_trouble=self._keeper.trouble)

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """See `Member.locks`."""
        return ((fork.OUTER, self._lock), (fork.INNER, self._known.lock), (fork.INNER, self._holds.lock))

    def abandon(self) -> None:
        """See `Member.abandon`."""
        self._lock = threading.RLock()
        self._loading = threading.Lock()
        self._known.abandon()
        self._tickets.abandon()

    def revive(self) -> None:
        """See `Member.revive`: watch on, if this was watching; what the parent had begun is begun anew."""
        self._forked = self._stepping
        if self._forked:
            return  # when the step is over, which goes on in the child
        running = self._driver is not None and self._inline is None and not self._closed
        holds, dropped = self._holds.abandon()
        self._state, lost = machine.forked(self._state, holds)
        self._inbox.clear()
        self._named.clear()
        self._driver = self._observer = self._inline = self._deferred_at = None
        if not running:
            return
        try:
            self._driver = driver.claim()
        except (OSError, RuntimeError):
            log.fault("watch", "Not watched in this child of a fork: %s", self.source.path)
            return
        if dropped:
            self._run_where_users_code_runs(partial(log.dropped, self.source.path, dropped))
        self._driver.post(partial(self._rejoin, lost))

    def _rejoin(self, lost: tuple[Path, ...] | None) -> None:
        try:
            self._observer = self._runs().join(self, self._wanted)
        except UsageError:  # that observer cannot be had any more: any is better than none
            self._observer = self._runs().join(self, "auto")
        self._arm()
        if lost is not None:
            self.heard(lost or (self.source.path,), time.monotonic_ns(), 0)

    # For the driver, on its thread

    def _join(self) -> None:
        if self._closed:  # and has left: nobody would leave again
            raise UsageError("the watcher was closed while it was started")
        self._observer = self._runs().join(self, self._wanted)
        self._arm()

    @property
    def deadline(self) -> int | None:
        """When the machine wants a `Due`."""
        return machine.deadline(self._state)

    @property
    def ready(self) -> bool:
        """Whether a candidate waits for its window to end, and for nothing else."""
        return self._state.phase is Phase.READY

    @property
    def watching(self) -> bool:
        """Whether the files are watched: not while hot reload is off."""
        return self._state.enabled and not self._closed

    def heard(self, paths: tuple[Path, ...], now: int, detect_ns: int, *, sure: bool = True) -> None:
        """These files changed."""
        observer = self._observer
        if not self.watching or observer is None:
            return
        self._known.touch(paths)
        self._detect_ns = detect_ns
        writing, placed, finished = observer.writing(self), observer.placed(self), observer.finished(self)
        self.feed(Touched(now, paths, writing=writing, sure=sure, placed=placed, finished=finished))

    def differing(self) -> tuple[Path, ...]:
        """Files that differ from what the last load saw; those whose change is known already are left out."""
        return self._known.differing()

    def observe(self, observer: Observer) -> None:
        """Be watched with `observer` from now on, or try once more with the one in use."""
        self._observer = observer
        self._arm()

    def _arm(self) -> None:
        """Watch the files of the last load. What changed between that and now is heard here."""
        observer = self._observer
        if observer is None or not self.watching:
            return
        new = observer.arm(self, self.files)
        trouble = observer.trouble(self)
        self._set_native(observer.native and trouble is None)
        if trouble != self._told_trouble:
            self._told_trouble = trouble
            told = partial(log.observing, self.source.path, observer.name, trouble, asked=trouble == ASKED_FOR)
            self._run_where_users_code_runs(told)
        changed = self._known.since(new)
        if changed:
            self.heard(changed, time.monotonic_ns(), 0)

    def _set_native(self, native: bool) -> None:
        with self._lock:
            self._state = self._state._replace(native=native)

    def _loaded(self, number: int, result: Result[T], cost_ns: int, last_good: Good[T] | None) -> None:
        job = self._state.job
        if job is None or job.number != number:
            return  # closed, or begun before a fork
        again = self._known.done(result.files)
        try:
            self._arm()
            if again and (changed := self.differing()):
                self.heard(changed, time.monotonic_ns(), 0, sure=False)
        finally:
            self.feed(Loaded(time.monotonic_ns(), number, result.candidate, cost_ns, last_good))

    def _look(self) -> None:
        changed = self.differing()
        if changed:
            self.heard(changed, time.monotonic_ns(), 0, sure=False)
        self.feed(Looked(time.monotonic_ns()))

    def _watch(self, on: bool) -> None:
        if on:
            self._arm()
        elif self._observer is not None:
            self._observer.disarm(self)

    # Loads

    def _first_load(self) -> Ending | None:
        """The loads at start run here: no thread is needed for a configuration that never changes."""
        # By force: a hold that began before the start puts off changes, and the first config is none.
        ticket = self._ask(force=True, silent=True)
        while (job := self._next_inline()) is not None:
            try:
                job()
            except OSError:  # to log is to import `logging`, and there may be no descriptor for that
                log.fault("watch", "Internal error while %s was loaded first", self.source.path)
        if self.snapshot is not None:
            self._bus.seen(self.snapshot)
        return ticket.event

    def _next_inline(self) -> Callable[[], None] | None:
        with self._lock:
            if self._inline:
                return self._inline.popleft()
            self._inline = None
            return None

    def _submit(self, effect: Load) -> None:
        known, touched = self._known.begin(afresh=effect.afresh)
        job = partial(self._load, effect.job, known, touched, self.snapshot, self._known.before)
        self._run_where_users_code_runs(job)

    def _run_where_users_code_runs(self, work: Callable[[], None]) -> None:
        """On the loader's thread, or during start in the thread that called it; never on the driver's."""
        with self._lock:
            if self._inline is not None:
                self._inline.append(work)
                return
        self._runs().loader.submit(work)

    def _load(
        self,
        number: int,
        known: FileSet,
        touched: frozenset[Path],
        published: Snapshot[T] | None,
        before: Mapping[Path, Read],
    ) -> None:
        if self._closed:
            return
        with self._loading:
            began = time.monotonic_ns()
            result = guarded(partial(load, self.source, published, known, touched, before), known)
            cost = time.monotonic_ns() - began
            last_good = self._recall(result)
        deliver = partial(self._loaded, number, result, cost, last_good)
        if self._inline is not None:
            self._runs().call(deliver)
        else:
            self._runs().post(deliver)

    def _recall(self, result: Result[T]) -> Good[T] | None:
        """What to run on if the load at start fails."""
        if self._keeper is None or self._inline is None or self.snapshot is not None:
            return None
        return None if isinstance(result.candidate, Good) else self._keeper.recall()

    def _await_load(self, timeout_s: float) -> None:
        """Wait for a load of ours that is under way; it may be in users' code."""
        if not inside() and self._loading.acquire(timeout=timeout_s):
            self._loading.release()

    def _runs(self) -> Driver:
        if self._driver is None:
            raise UsageError("this watcher is not running")
        return self._driver

    # Stepping

    def feed(self, given: Input) -> None:
        """Give the machine an input, and perform what follows."""
        self._inbox.append(given)
        while True:
            # Even if another thread takes the input: when this returns it has been dealt with.
            with self._lock:
                if self._stepping:
                    return
                self._stepping = True
                before = machine.deadline(self._state)
                retired = self.snapshot  # outlives the step, so that what it frees is not in the way of the commit
                try:
                    while self._inbox:
                        self._step(self._inbox.popleft())
                finally:
                    self._stepping = False
                    if self._forked:
                        self.revive()
                moved = machine.deadline(self._state) != before
            del retired
            if moved and self._driver is not None:
                self._driver.wake()
            if not self._inbox:
                return

    def _step(self, given: Input) -> None:
        was_degraded, settle_until = self._state.degraded, self._state.settle_until
        self._state, effects = machine.step(self._state, given)
        self._eagerly = self._state.settle_until != settle_until
        for effect in effects:
            self._perform(effect)
        if self._keeper is not None and self._to_keep is not None:
            self._keeper.keep(*self._to_keep)
            self._to_keep = None
        if was_degraded and not self._state.degraded:
            self._run_where_users_code_runs(partial(log.recovered, self.source.path))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Publish():
                self._publish(effect)
            case Emit():
                self._emit(effect)
            case Load():
                self._submit(effect)
            case Look():
                self._runs().post(self._look)
            case Refresh(good=good):
                self._refresh(good.digest, effect)
            case Answer():
                self._answer(effect.tickets, effect.event)
            case Watching():
                self._runs().post(partial(self._watch, effect.on))

    def _publish(self, effect: Publish) -> None:
        good = effect.good
        snapshot: Snapshot[T] = Snapshot(
            good.config, effect.generation, good.digest, good.loaded_at, good.files, good.origins, good.warnings
        )
        began = time.monotonic_ns()
        self._install(snapshot)
        done = time.monotonic_ns()
        self.snapshot = snapshot
        self.settings = good.settings
        self._timings = timings(good.costs, effect.round, began, done, self._detect_ns)
        if effect.recalled:
            self._bus.seen(snapshot)
        else:
            self._to_keep = snapshot, good.summary

    def _refresh(self, digest: str, effect: Refresh) -> None:
        if self.snapshot is not None:
            good = effect.good
            self.snapshot = replace(
                self.snapshot,
                digest=digest,
                loaded_at=good.loaded_at,
                files=good.files,
                origins=good.origins,
                warnings=good.warnings,
            )
            self.settings = good.settings
            self._install(self.snapshot)
            self._to_keep = self.snapshot, (good.unchanged or "",)

    def _emit(self, effect: Emit) -> None:
        event = self._stamped(effect.event)
        self._bus.publish(event, self.snapshot)
        if isinstance(event, FileChanged):
            self._named.append(event.path)
            return
        if not isinstance(event, ReloadDeferred):
            self._deferred_at = None
        elif self._deferred_at is None:
            self._deferred_at = event.at
        self._ended = (effect.event, event)
        self._known.ended()
        self._recorder.ending(event)
        named, self._named = tuple(self._named), []
        # Logging may run handlers of the application.
        told = partial(log.ended, named, self.settings.debounce_ms, event, eagerly=self._eagerly)
        self._run_where_users_code_runs(told)

    def _stamped(self, event: E) -> E:
        if isinstance(event, ReloadSuccess):
            return replace(event, at=datetime.now(UTC), timings=self._timings)
        return replace(event, at=datetime.now(UTC))

    def _ask(self, *, force: bool = False, silent: bool = False) -> Ticket:
        ticket = self._tickets.draw()
        self.feed(Reload(time.monotonic_ns(), ticket.number, force=force, silent=silent))
        return ticket

    def _answer(self, numbers: tuple[int, ...], event: Ending | None) -> None:
        if event is not None:
            told, stamped = self._ended
            event = stamped if told is event else self._stamped(event)
        self._tickets.answer(numbers, event)


def _left_s(until: float) -> float:
    """What is left of the patience; enough, in any case, for threads that have nothing to do."""
    return max(0.1, until - time.monotonic())
