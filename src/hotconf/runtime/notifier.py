"""What one watcher tells: each event goes to its subscribers, an ending also to those who wait for it, to the counts
and to the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from hotconf.engine.protocol import Answer, Emit, State
from hotconf.events import (
    ConfigReloadEvent,
    Ending,
    FileChanged,
    Pending,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    Timings,
)
from hotconf.keypath import KeyPath
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.runtime.waiters import Waiters
from hotconf.snapshot import Snapshot
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.stats import Meter

T = TypeVar("T")
E = TypeVar("E", bound=ConfigReloadEvent)


_Warning: TypeAlias = tuple[Path | None, KeyPath, str]
"""What makes two warnings the same, although lines may have moved: the file, the key path and the message."""


class Notifier(Generic[T]):
    """See the module."""

    __slots__ = (
        "_bus",
        "_deferred_at",
        "_ended",
        "_named",
        "_path",
        "_warned",
        "eagerly",
        "meter",
        "recalled",
        "required",
        "timings",
        "waiters",
    )

    def __init__(self, bus: Bus[T], path: Path) -> None:
        self._bus = bus
        self._path = path
        self.required = False
        """`start()` raises what keeps it from publishing anything."""
        self.waiters = Waiters()
        self.meter = Meter()
        self.timings = Timings()
        """Of the latest commit."""
        self.recalled = False
        """This step published the last good state, because the load at start failed."""
        self.eagerly = False
        """This step ended a round before its window did."""
        self._named: list[Path] = []
        """The files of the open round."""
        self._deferred_at: datetime | None = None
        self._warned: frozenset[_Warning] = frozenset()
        """The warnings of the last outcome, all of them logged."""
        self._ended: tuple[object, Ending | None] = (None, None)
        """The latest ending, as the machine made it and as it was emitted."""

    def emit(self, effect: Emit, snapshot: Snapshot[T] | None, debounce_ms: int) -> None:
        """Tell everyone, while `snapshot` is published."""
        event = _stamped(effect.event, self.timings)
        self._bus.publish(event, snapshot)
        if isinstance(event, FileChanged):
            self._named.append(event.path)
            return
        if not isinstance(event, ReloadDeferred):
            self._deferred_at = None
        elif self._deferred_at is None:
            self._deferred_at = event.at
        self._ended = (effect.event, event)
        self.meter.ending(event)
        named, self._named = tuple(self._named), []
        first = snapshot is None or self.recalled
        raised = snapshot is None and self.required
        self.recalled = False
        log.ended(named, debounce_ms, event, eagerly=self.eagerly, first=first, raised=raised)
        if isinstance(event, ReloadFailed) and not raised:
            self._warn(event.problems, self._warned)

    def published(self, snapshot: Snapshot[T]) -> None:
        """Log the warnings about what is published now, unless they were there before."""
        self._warn(snapshot.warnings)

    def _warn(self, problems: Iterable[Problem], still: frozenset[_Warning] = frozenset()) -> None:
        """`still`: warnings that may apply to the files as before. What fails to load does not reveal all."""
        now = {_warning(each): each for each in problems if each.severity == "warning"}
        log.warned(self._path, [each for key, each in now.items() if key not in self._warned])
        self._warned = still | now.keys()

    def answer(self, effect: Answer) -> None:
        """Tell those who wait for a reload; with the very event that everyone got, if it was emitted."""
        event = effect.event
        if event is not None:
            told, stamped = self._ended
            event = stamped if told is event else _stamped(event, self.timings)
        try:
            self.waiters.answer(effect.tickets, event)
        except MemoryError:
            self.waiters.answer(effect.tickets, event)

    def pending(self, state: State, reasons: tuple[str, ...]) -> Pending | None:
        """What waits for something busy."""
        waiting = state.pending
        if waiting is None:
            return None
        return Pending(reasons, self._deferred_at or waiting.good.loaded_at, waiting.good.changes)

    def abandon(self) -> None:
        """In the child of a fork: nobody waits here, and the rounds were the parent's."""
        self.waiters.abandon()
        self._named.clear()
        self._deferred_at = None


def _warning(problem: Problem) -> _Warning:
    return problem.file, problem.path, problem.message


def _stamped(event: E, timings: Timings) -> E:
    if isinstance(event, FileChanged):
        return type(event)(event.path, at=datetime.now(UTC))  # quicker: there may be thousands
    if isinstance(event, ReloadSuccess):
        return replace(event, at=datetime.now(UTC), timings=timings)
    return replace(event, at=datetime.now(UTC))
