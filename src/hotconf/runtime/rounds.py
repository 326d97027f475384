"""The reload machine of one watcher, and the effects that are performed at once: publish, emit, answer. Used on the
driver's thread only.

If a step or an effect raises, the round still has one ending, waiting callers get an answer, and the driver goes on:
a failed effect that the round depends on ends it as a failure, and no step is retried.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar, cast

from hotconf.engine import machine, protocol, recovery
from hotconf.engine.candidate import SourceId
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.runtime.holds import Holds
from hotconf.runtime.notifier import Notifier
from hotconf.runtime.publisher import Publisher
from hotconf.sources.files.cache import Cache
from hotconf.system import threads

T = TypeVar("T")

Request: TypeAlias = (
    protocol.Load
    | protocol.Verify
    | protocol.Watching
    | protocol.Prepare
    | protocol.Cancel
    | protocol.Discard
    | protocol.Judge
)
"""Effects that take time, or another thread."""
_FAULT: Final = "Internal error in a reload of %s"
_CRASHED: Final = "Internal error: the reload could not be carried out, the log says why"


def paths_of(sources: Iterable[SourceId]) -> tuple[Path, ...]:
    """The files with these ids, which are their paths."""
    return cast("tuple[Path, ...]", tuple(sources))


class Rounds(Generic[T]):
    """Steps the machine, and publishes, emits and answers. Returns the other effects to the caller."""

    __slots__ = ("_cache", "_notifier", "_path", "_publisher", "_requests", "detect_ns", "holds", "lock", "state")

    def __init__(self, path: Path, state: protocol.State, cache: Cache, publisher: Publisher[T], notifier: Notifier):
        self._path = path
        self._cache = cache
        self._publisher = publisher
        self._notifier = notifier
        self._requests: list[Request] = []
        self.state = state
        self.holds = Holds()
        self.lock = threads.rlock()
        """Held during each step."""
        self.detect_ns = 0
        """How long it took until the latest change was known."""

    def feed(self, given: protocol.Input, *, native: bool) -> list[Request]:
        """Give the machine an input. `native`: the kernel reports every change."""
        retired = self._publisher.snapshot  # outlives the step, so that freeing it does not delay the commit
        with self.lock:
            if self.state.polled == native:
                self.state = self.state._replace(polled=not native)
            self._step(given)
            if self.state.pending is not None and isinstance(self.state.phase, protocol.Idle):
                self._step(protocol.Release(time.monotonic_ns()))  # perhaps nothing is busy any more
            requests, self._requests = self._requests, []
        del retired
        return requests

    def awaits(self, number: int) -> bool:
        """Whether the machine waits for this load: not after a close, and not for a load from before a fork."""
        return self.state.loading == number

    def reset(self) -> tuple[Path, ...] | None:
        """In a forked child, or after a fault: drop rounds, loads and callers. Returns the files to touch; empty if
        they are unknown, None if nothing was lost.
        """
        self.state, lost = recovery.forked(self.state)
        return None if lost is None else paths_of(lost)

    def crash(self, state: protocol.State | None = None) -> None:
        """End the round, once; discard what was known about the files."""
        problem = Problem(_CRASHED, kind="internal", file=self._path)
        self.state, effects = recovery.crashed(state or self.state, problem, tuple(self._notifier.callers))
        if self._publisher.snapshot is not None:  # even if it raised after publishing
            self.state = self.state._replace(generation=self._publisher.snapshot.generation)
        self._cache.distrust()
        self._requests = [
            each
            for each in self._requests
            if isinstance(each, protocol.Watching | protocol.Cancel | protocol.Discard | protocol.Judge)
        ]
        self._perform_all(effects)

    def _step(self, given: protocol.Input) -> None:
        before = self.state
        failed: protocol.Effect | protocol.Input | None
        try:
            self.state, effects = machine.step(before, given, self.holds.reasons)
            failed = self._perform_all(effects) if effects else None
        except Exception:  # noqa: BLE001 - a fault of ours
            log.fault("watch", _FAULT, self._path)
            failed = given
        if failed is not None:
            self.crash(before if isinstance(failed, protocol.Publish | protocol.Refresh) else self.state)
        round_ = self.state.round
        if round_ is not None and round_.gone and not (before.round and before.round.gone_from):
            log.gone(self._path, paths_of(round_.gone))

    def _perform_all(self, effects: tuple[protocol.Effect, ...]) -> protocol.Effect | None:
        """Perform the effects until one raises that the round depends on. Returns that one."""
        for effect in effects:
            try:
                self._perform(effect)
            except Exception:  # noqa: BLE001 - a fault of ours
                log.fault("watch", _FAULT, self._path)
                if not isinstance(effect, protocol.Changed | protocol.Emit | protocol.Answer):
                    return effect
        return None

    def _perform(self, effect: protocol.Effect) -> None:
        match effect:
            case protocol.Publish():
                self._publisher.publish(effect, self.detect_ns)
            case protocol.Refresh():
                self._publisher.refresh(effect)
            case protocol.Emit(repeated=True):
                self._notifier.retries += 1
            case protocol.Emit():
                self._notifier.emit(effect, degraded=self.state.degraded)
                self._cache.ended()
            case protocol.Changed():
                (path,) = paths_of([effect.source])
                self._notifier.changed(path, degraded=self.state.degraded)
            case protocol.Answer():
                self._notifier.answer(effect)
            case _:
                self._requests.append(effect)
