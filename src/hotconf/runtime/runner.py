"""One watcher at work: steps its machine and performs what the machine asks for.

The machine is stepped under the watcher's lock: by the driver for changes, timers and loads, by the caller's own
thread for `busy`, `reload` and `close`. So entering `busy` is a guarantee and not a message, and what was pending is
published when the release returns.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.changes import Change
from hotconf.core import machine
from hotconf.core.debounce import MILLISECOND
from hotconf.core.machine import (
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
from hotconf.runtime import driver, log
from hotconf.runtime.bus import Bus
from hotconf.runtime.driver import Driver
from hotconf.runtime.known import Known
from hotconf.runtime.load import drifted, load
from hotconf.runtime.loader import guarded, inside
from hotconf.runtime.observe import Observer, ObserverName
from hotconf.runtime.recorder import Recorder, timings
from hotconf.runtime.source import FileSet, Result, Source
from hotconf.runtime.tickets import Ticket, Tickets
from hotconf.snapshot import Snapshot

if TYPE_CHECKING:
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
    ) -> None:
        self.source = source
        self.reconcile_ns = reconcile_ns
        self.settings = source.pins.over(settings_of(source.schema, {}))
        """In force now."""
        self.snapshot: Snapshot[T] | None = None
        self._bus = bus
        self._install = install
        self._wanted = observer
        self._state = State(self.settings.debounce_ms * MILLISECOND, enabled=self.settings.enabled)
        # Reentrant, and inputs are queued: a signal handler may call `reload(wait=False)` in the midst of a step.
        self._lock = threading.RLock()
        self._inbox: deque[Input] = deque()
        self._stepping = False
        self._pid = os.getpid()
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
        self._detect_ns = 0
        self._deferred_at: datetime | None = None
        self._ended: tuple[object, Ending | None] = (None, None)
        """The latest ending, as the machine made it and as it was emitted."""
        self._told_trouble: str | None = None

    # For the watcher, from any thread

    def start(self, *, require: bool) -> None:
        """Watch, then load, in this thread. Raises `ConfigError` if that fails and a config is required."""
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
        if event is None:
            raise UsageError("the watcher was closed while it was started")
        if isinstance(event, ReloadFailed) and require:
            self.close()
            raise ConfigError(event.problems)
        log.window(self.settings.debounce_ms)

    def hold(self, reason: str) -> None:
        """Something is busy until `release`; from here on nothing is committed."""
        self.feed(Hold(time.monotonic_ns(), reason))

    def release(self, reason: str) -> None:
        """It is no longer busy; what was pending is published when this returns, unless a round is open."""
        self.feed(Release(time.monotonic_ns(), reason))

    def reload(self, *, wait: bool, force: bool) -> Ending | None:
        """See `HotReloadWatcher.reload`."""
        if inside():
            raise UsageError(
                "reload() cannot be called from a check, a validator or describe: they are part of a load"
            )
        if self._driver is None or self._closed or self.orphaned:
            raise UsageError("this watcher is not running: reload() works between start() and close()")
        ticket = self._ask(force=force)
        if not wait:
            return None
        event = ticket.wait()
        if event is None:
            raise UsageError("the watcher was closed while reload() waited")
        return event

    def close(self) -> None:
        """See `HotReloadWatcher.close`."""
        if self.orphaned:  # and its lock may be held by a thread that is not here
            return
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
            driver.release(self._driver, _left_s(until))

    def has_drift(self) -> bool:
        """See `HotReloadWatcher.has_drift`."""
        return drifted(self.source, self.snapshot, self.files)

    @property
    def files(self) -> FileSet:
        """What the last load saw."""
        return self._known.files

    @property
    def orphaned(self) -> bool:
        """Whether this is a child forked off the process that made the watcher: its threads are not here."""
        return os.getpid() != self._pid

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
            return self._recorder.stats("none", "not started")
        return self._recorder.stats(observer.name, observer.trouble(self))

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
        return self._state.phase is machine.Phase.READY

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
        self.feed(Touched(now, paths, writing=observer.writing(self), sure=sure))

    def differing(self) -> tuple[Path, ...]:
        """Files that differ from what the last load saw; those whose change is known already are left out."""
        return self._known.differing()

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
            self._run_where_users_code_runs(partial(log.observing, self.source.path, observer.name, trouble))
        changed = self._known.since(new)
        if changed:
            self.heard(changed, time.monotonic_ns(), 0)

    def _set_native(self, native: bool) -> None:
        with self._lock:
            self._state = self._state._replace(native=native)

    def _loaded(self, number: int, result: Result[T], cost_ns: int) -> None:
        again = self._known.done(result.files)
        try:
            self._arm()
            if again and (changed := self.differing()):
                self.heard(changed, time.monotonic_ns(), 0, sure=False)
        finally:
            self.feed(Loaded(time.monotonic_ns(), number, result.candidate, cost_ns))

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
            job()
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
        job = partial(self._load, effect.job, known, touched, self.snapshot)
        self._run_where_users_code_runs(job)

    def _run_where_users_code_runs(self, work: Callable[[], None]) -> None:
        """On the loader's thread, or during start in the thread that called it; never on the driver's."""
        with self._lock:
            if self._inline is not None:
                self._inline.append(work)
                return
        self._runs().loader.submit(work)

    def _load(self, number: int, known: FileSet, touched: frozenset[Path], published: Snapshot[T] | None) -> None:
        if self._closed:
            return
        with self._loading:
            began = time.monotonic_ns()
            result = guarded(partial(load, self.source, published, known, touched), known)
            cost = time.monotonic_ns() - began
        deliver = partial(self._loaded, number, result, cost)
        if self._inline is not None:
            self._runs().call(deliver)
        else:
            self._runs().post(deliver)

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
        if self.orphaned:
            return
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
                moved = machine.deadline(self._state) != before
            del retired
            if moved and self._driver is not None:
                self._driver.wake()
            if not self._inbox:
                return

    def _step(self, given: Input) -> None:
        self._state, effects = machine.step(self._state, given)
        for effect in effects:
            self._perform(effect)

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
            self._install(self.snapshot)

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
        self._recorder.ending(event)
        named, self._named = tuple(self._named), []
        # Logging may run handlers of the application.
        self._run_where_users_code_runs(partial(log.ended, named, self.settings.debounce_ms, event))

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
