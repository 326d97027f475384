"""The steps of one watcher's machine, and their effects. On the driver's thread only.

Whatever raises in a step or an effect, the round has one ending, waiting callers get an answer, and the driver goes
on: an effect that the round depends on ends it as a failure, and no step is retried.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from hotconf.engine import machine, protocol
from hotconf.engine.candidate import SourceId
from hotconf.logs import log
from hotconf.problems import Problem

if TYPE_CHECKING:
    import threading

    from hotconf.runtime.driver import Driver
    from hotconf.runtime.holds import Holds
    from hotconf.runtime.loads import Jobs
    from hotconf.runtime.notifier import Notifier
    from hotconf.runtime.observation import Observation
    from hotconf.runtime.publisher import Publisher
    from hotconf.settings import HotReloadSettings
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import Options
    from hotconf.sources.files.cache import Cache
    from hotconf.subscribers.bus import Bus
    from hotconf.watch.observer import Owner

T = TypeVar("T")

_AGAIN_NS: Final = 1_000_000_000
"""How often to check whether a hold has ended silently: a signal handler may raise before its end is announced."""
_REST_NS: Final = 5_000_000
"""After so long the others are: meanwhile callbacks can catch up."""
_FAULT: Final = "Internal error in a reload of %s"
_CRASHED: Final = "Internal error: the reload could not be carried out, the log says why"


def paths_of(sources: Iterable[SourceId]) -> tuple[Path, ...]:
    """The files with these ids, which are their paths."""
    return cast("tuple[Path, ...]", tuple(sources))


class Stepping(Generic[T]):
    """The part of a `Reloader` that steps its machine."""

    options: Options[T]
    holds: Holds
    cache: Cache
    _bus: Bus[T]
    _driver: Driver | None
    _observation: Observation
    _jobs: Jobs[T]
    _lock: threading.RLock
    _look_after: int
    """When to check whether what is pending, or not yet delivered, still has to wait."""
    _publisher: Publisher[T]
    _state: protocol.State
    _notifier: Notifier

    @property
    def snapshot(self) -> Snapshot[T] | None:
        """What is published now."""
        return self._publisher.snapshot

    @property
    def settings(self) -> HotReloadSettings:
        """In force now."""
        return self._publisher.settings

    @property
    def gone(self) -> tuple[Path, ...]:
        """As `HotReloadWatcher.gone`."""
        round_ = self._state.round
        return paths_of(round_.gone) if round_ is not None else ()

    @property
    def _owner(self) -> Owner:
        """This watcher, as the driver knows it."""
        raise NotImplementedError

    def _look(self) -> None:
        raise NotImplementedError

    def _watch(self, on: bool) -> None:
        raise NotImplementedError

    def _runs(self) -> Driver:
        raise NotImplementedError

    def feed(self, given: protocol.Input) -> None:
        """Give the machine an input, and perform the effects."""
        retired = self.snapshot  # outlives the step, so that freeing it does not delay the commit
        with self._lock:
            self._step(given)
            self._settle()
        if not self._bus.drain():
            self._look_after = time.monotonic_ns() + _REST_NS
        del retired

    def _settle(self) -> None:
        """Publish what is pending if nothing is busy any more."""
        if self._state.pending is None:
            return
        self._look_after = time.monotonic_ns() + _AGAIN_NS
        if isinstance(self._state.phase, protocol.Idle) and not self.holds.reasons:
            with self._lock:
                self._step(protocol.Release(time.monotonic_ns()))

    def _step(self, given: protocol.Input) -> None:
        before = self._state
        failed: protocol.Effect | protocol.Input | None
        try:
            self._state, effects = machine.step(before, given, self.holds.reasons)
            if self._driver is not None:
                self._driver.expect(self._owner)
            failed = self._perform_all(effects)
        except Exception:  # noqa: BLE001 - a fault of ours
            log.fault("watch", _FAULT, self.options.path)
            failed = given
        if failed is not None:
            self._crash(before if isinstance(failed, protocol.Publish | protocol.Refresh) else self._state)
        self._after(before)

    def _perform_all(self, effects: tuple[protocol.Effect, ...]) -> protocol.Effect | None:
        """Perform all effects up to one that raises and that the round depends on; returns that error."""
        for effect in effects:
            try:
                self._perform(effect)
            except Exception:  # noqa: BLE001 - a fault of ours
                log.fault("watch", _FAULT, self.options.path)
                if not isinstance(effect, protocol.Changed | protocol.Emit | protocol.Answer):
                    return effect
        return None

    def _crash(self, state: protocol.State) -> None:
        """End the round, once; discard what was known about the files."""
        problem = Problem(_CRASHED, kind="internal", file=self.options.path)
        self._state, effects = machine.crashed(state, problem, self._notifier.waiters.numbers)
        if self.snapshot is not None:  # even if it raised after publishing
            self._state = self._state._replace(generation=self.snapshot.generation)
        self.cache.distrust()
        self._perform_all(effects)

    def _after(self, before: protocol.State) -> None:
        if self.gone and not (before.round and before.round.gone_from):
            log.missed(self.options.path, self.gone)

    def _perform(self, effect: protocol.Effect) -> None:
        match effect:
            case protocol.Publish():
                self._publisher.publish(effect, self._observation.detect_ns)
            case protocol.Emit():
                self._notifier.emit(effect, degraded=self._state.degraded)
                self.cache.ended()
            case protocol.Changed():
                (path,) = paths_of([effect.source])
                self._notifier.changed(path, degraded=self._state.degraded)
            case protocol.Load():
                self._jobs.load(effect)
            case protocol.Verify():
                self._runs().post(self._look)
            case protocol.Refresh():
                self._publisher.refresh(effect)
            case protocol.Answer():
                self._notifier.answer(effect)
            case protocol.Watching():
                self._runs().post(partial(self._watch, effect.on))
