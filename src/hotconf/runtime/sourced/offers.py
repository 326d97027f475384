"""`Offers`: the documents that a source offers to one watcher, on the driver's thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hotconf.engine.protocol import Decide, Judge, Load, Loaded, Offer
from hotconf.events import ReloadFailed
from hotconf.sources.source import Fetched, Status, Verdict
from hotconf.status.health import refused

if TYPE_CHECKING:
    from hotconf.runtime.cycle import Cycle
    from hotconf.runtime.driver import Driver
    from hotconf.runtime.loads import Finished
    from hotconf.sources.base import FileSet
    from hotconf.system.worker import Worker

Answer: TypeAlias = Callable[[Verdict], object]
Tell: TypeAlias = Callable[[Answer, Status, str, str], None]
"""Gives a source an answer: its status, the version and the reason."""


class _Open:
    """An offer that is not decided."""

    __slots__ = ("answer", "fetched", "files", "number")

    def __init__(self, number: int, fetched: Fetched, answer: Answer) -> None:
        self.number, self.fetched, self.answer = number, fetched, answer
        self.files: FileSet | None = None
        """What it was loaded with."""


class Offers:
    """One at a time."""

    def __init__(self, cycle: Cycle[Any], tell: Tell) -> None:
        self._cycle = cycle
        self._tell = tell
        self._number = 0
        self._open: _Open | None = None

    def open(self, fetched: Fetched, answer: Answer) -> None:
        """Have it loaded and prepared."""
        self._number += 1
        self._open = _Open(self._number, fetched, answer)
        self._cycle.feed(Offer(time.monotonic_ns(), self._number))

    def decide(self, version: str, *, commit: bool) -> bool:
        """Commit it, or withdraw it. Returns whether it was ready, and is committed."""
        found, state = self._open, self._cycle.rounds.state
        if found is None or found.fetched.version != version:
            return False
        offered, self._open = state.offer, None
        commit = commit and offered is not None and offered.candidate is not None
        files = found.files if commit and offered is not None and offered.load == state.loads else None
        if files is not None:
            self._cycle.cache.files = files
        self._cycle.feed(Decide(time.monotonic_ns(), found.number, commit=commit))
        if files is not None and self._cycle.watching:
            self._cycle.observation.arm(self._armed)
        return commit

    def perform(self, request: Load | Judge, driver: Driver, loader: Worker) -> None:
        """Load it, or pass on what it is worth."""
        found = self._open
        if isinstance(request, Judge):
            self._judged(request)
        elif found is not None:
            self._cycle.loads.begin(request, driver, loader, self._loaded, offered=found.fetched)

    def forget(self) -> None:
        """In a forked child: it is the parent's."""
        self._open = None

    def _loaded(self, load: Finished) -> None:
        if self._cycle.rounds.awaits(load.number):
            if self._open is not None:
                self._open.files = load.result.files
            self._cycle.feed(Loaded(time.monotonic_ns(), load.number, load.result.candidate, load.cost_ns))
        load.done()

    def _judged(self, judged: Judge) -> None:
        found = self._open
        if found is None or found.number != judged.number:
            return
        reason = judged.reason
        if judged.problems:
            reason = refused(ReloadFailed("", judged.problems[0].kind, judged.problems))
        if judged.verdict != "ready":
            self._open = None
        self._tell(found.answer, judged.verdict, found.fetched.version, reason)

    def _armed(self, changed: tuple[Path, ...]) -> None:
        if changed:
            self._cycle.touch(changed, time.monotonic_ns())
