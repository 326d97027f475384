"""`Notifier`: emits events to the listeners of one watcher, and answers callers of `reload()`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from math import inf
from pathlib import Path
from typing import Any, Final, TypeVar

from hotconf.config.layers import LayerTable
from hotconf.engine.protocol import Answer, Emit, State
from hotconf.events import Ending, FileChanged, Listener, Notice, Pending, ReloadDeferred, ReloadSuccess
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.runtime.driver import Driver
from hotconf.runtime.publisher import Publisher
from hotconf.sources.mapping import Overrides
from hotconf.system import threads
from hotconf.system.fork import FORK_CHECK_S

E = TypeVar("E", bound=Ending)

_NEVER: Final[tuple[object, Ending | None]] = (None, None)


class Caller:
    """A call of `reload()` or `start()` that waits for its ending."""

    __slots__ = ("_answered", "event")

    def __init__(self) -> None:
        self.event: Ending | None = None
        """The ending; None before that, or if there will be none."""
        self._answered = threads.Event()

    def wait(self, driver: Driver, timeout_s: float = inf) -> Ending | None:
        """Wait for the ending. None if there will be none: `driver` has died for good, or this is a forked child.

        Raises `TimeoutError` if there is none in time.
        """
        until = time.monotonic() + timeout_s
        while not self._answered.wait(max(0, min(FORK_CHECK_S, until - time.monotonic())) if driver.alive else 0):
            driver.check()
            if not driver.alive:
                break
            if time.monotonic() >= until:
                raise TimeoutError
            for loader in driver.loaders:
                loader.drain()  # there is no thread for it: do it here
        return self.event

    def answer(self, event: Ending | None) -> None:
        """Wake it."""
        self.event = event
        self._answered.set()


class Edit(Caller):
    """An override that is entered or left, and who waits for it."""

    __slots__ = ("problems", "table", "thread", "token")

    def __init__(self, token: object, table: LayerTable | None = None, thread: int = 0) -> None:
        """`token` stands for it, None for those that were dropped; `table` is what it says, None to leave it."""
        super().__init__()
        self.token = token
        self.table = table
        self.thread = thread
        self.problems: tuple[Problem, ...] = ()
        """Why it was not entered."""

    def changes(self, overrides: Overrides) -> bool:
        """Whether there is something to do."""
        return self.table is not None or self.token is None or self.token in overrides

    def tables(self, overrides: Overrides) -> tuple[LayerTable, ...]:
        """All overrides that count from then on."""
        return overrides.tables_with(self.token, self.table)

    def done(self, overrides: Overrides) -> None:
        """From now on it counts, or no longer."""
        if self.table is None:
            overrides.leave(self.token)
        else:
            overrides.enter(self.token, self.table, self.thread)


class Notifier:
    """Stamps events and passes them on, on the driver's thread."""

    def __init__(self, publisher: Publisher[Any], listeners: Iterable[Listener]) -> None:
        """`listeners` get each notice, in this order."""
        self._publisher = publisher
        self._listeners = tuple(listeners)
        self.callers: dict[int, Caller] = {}
        """Callers that wait, by number."""
        self._numbers = count(1)
        self.failures = 0
        """How often a listener raised."""
        self.retries = 0
        """How often a resource could not be created again, by which no round ended."""
        self.required = False
        """Whether `start()` raises if there is nothing to publish."""
        self._deferred_at: datetime | None = None
        self._stamped = _NEVER
        """The latest ending, as the machine made it and as it was emitted."""

    def emit(self, effect: Emit, *, degraded: bool) -> None:
        """Pass the ending to all listeners."""
        self._notify_ending(self._stamp(effect.event), eager=effect.eager, degraded=degraded)

    def changed(self, path: Path, *, degraded: bool) -> None:
        """Notify all listeners of the first change of this file in a round."""
        event = FileChanged(path, at=datetime.now(UTC))
        self._notify(Notice(event, self._publisher.snapshot, self._publisher.settings, degraded=degraded))

    def _notify_ending(self, event: Ending | None, *, eager: bool = False, degraded: bool = False) -> None:
        if not isinstance(event, ReloadDeferred):
            self._deferred_at = None
        elif self._deferred_at is None:
            self._deferred_at = event.at
        snapshot, settings = self._publisher.snapshot, self._publisher.settings
        published, self._publisher.unannounced = self._publisher.unannounced, None
        raised = snapshot is None and self.required
        self._notify(Notice(event, snapshot, settings, published, eager, degraded, raised))

    def _notify(self, notice: Notice) -> None:
        for listener in self._listeners:
            try:
                listener.notify(notice)
            except Exception:  # noqa: BLE001 - a fault of ours
                self.failures += 1
                log.fault("watch", "Internal error in %s", type(listener).__name__)

    def add(self, caller: Caller) -> int:
        """Add a caller. Returns the number by which the machine knows it."""
        number = next(self._numbers)
        self.callers[number] = caller
        return number

    def answer(self, effect: Answer) -> None:
        """Wake callers, with the same event object that listeners got, if it was emitted."""
        event = None if effect.event is None else self._stamp(effect.event)
        if self._publisher.unannounced is not None:
            self._notify_ending(None)
        try:
            self._answer(effect.callers, event)
        except MemoryError:  # often the failure has freed some
            self._answer(effect.callers, event)

    def _answer(self, numbers: Iterable[int], event: Ending | None) -> None:
        for number in numbers:
            if caller := self.callers.get(number):
                caller.answer(event)
            self.callers.pop(number, None)  # only now: an interrupted answer is repeated

    def _stamp(self, event: E) -> E:
        made, stamped = self._stamped
        if made is not event or not isinstance(stamped, type(event)):
            stamped = replace(event, at=datetime.now(UTC))
            published = self._publisher.unannounced
            if isinstance(stamped, ReloadSuccess) and published is not None:
                stamped = replace(stamped, timings=published.timings)
            self._stamped = event, stamped
        return stamped

    def pending(self, state: State, reasons: tuple[str, ...]) -> Pending | None:
        """The deferred reload, if there is one."""
        waiting = state.pending
        if waiting is None:
            return None
        return Pending(reasons, self._deferred_at or waiting.candidate.loaded_at, waiting.candidate.changes)

    def abandon(self) -> None:
        """In a forked child: callers and rounds are the parent's."""
        self.callers.clear()
        self._deferred_at = None
