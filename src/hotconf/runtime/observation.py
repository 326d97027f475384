"""How one watcher learns that its files changed: its observer, and comparisons."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from hotconf.engine.debounce import Touched
from hotconf.errors import UsageError
from hotconf.logs import log
from hotconf.runtime.driven import Driven
from hotconf.runtime.driver import Driver
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.compare import Difference, examine, watch
from hotconf.watch.background import may_block
from hotconf.watch.observer import ASKED_FOR, UNKNOWN, Arrival, Arrivals, Observer, ObserverName

Then: TypeAlias = Callable[[tuple[Path, ...]], object]
"""Called with the files that changed, at once or later, on the driver's thread."""


class Observation:
    """Watches and compares the files of one watcher, on the driver's thread."""

    __slots__ = (
        *("_arrivals", "_cache", "_driver", "_noted", "_owner", "_options", "_trouble"),
        *("last_trouble", "native", "observer", "wanted", "troubled_at"),
    )

    def __init__(self, owner: Driven, options: Options[Any], wanted: ObserverName, cache: Cache) -> None:
        """`owner` identifies this watcher to observers and driver."""
        self._owner = owner
        self._options = options
        self.wanted: ObserverName = wanted
        """The observer that was asked for."""
        self._cache = cache
        self._trouble: str | None = None
        self._noted: set[str] = set()
        self._arrivals: Arrivals = UNKNOWN
        """Of the latest event, without those of files that changed since."""
        self._driver: Driver | None = None
        self.last_trouble: str | None = None
        """The latest trouble that has ended."""
        self.troubled_at: datetime | None = None
        """UTC; since when the observer has had its trouble."""
        self.observer: Observer | None = None
        """None before the start."""
        self.native = True
        """Whether the kernel reports every change."""

    def join(self, driver: Driver) -> None:
        """Get an observer. Raises `UsageError` if the requested one is not available."""
        self.use(driver.observers.join(self._owner, self.wanted))
        self._driver = driver

    def rejoin(self, driver: Driver) -> None:
        """In a forked child: if the requested observer is no longer available, take any."""
        try:
            self.join(driver)
        except UsageError:
            self.use(driver.observers.join(self._owner, "auto"))
            self._driver = driver

    def arm(self, then: Then) -> None:
        """Watch the files of the last load, and compare them now and then, if there are any; call `then` with those
        that changed in between.
        """
        observer, driver, files = self.observer, self._driver, self._cache.files
        if observer is None or driver is None:
            then(())
            return
        driver.reconcile.add(self._owner, time.monotonic_ns())
        work = partial(watch, files, self._options, partial(observer.arm, self._owner), self._cache.touched)
        driver.background.run(self._owner, work, partial(self._armed, files, then))

    def _armed(self, asked: FileSet, then: Then, found: Difference | None) -> None:
        self._note_state()
        changed = self._cache.answer(asked, found) if found is not None else ()
        if changed is None and found is not None:
            changed = found.changed  # another load has come back: to load again does no harm
        then(changed or ())

    def disarm(self) -> None:
        """Watch and compare nothing."""
        if self.observer is not None and self._driver is not None:
            self._driver.reconcile.drop(self._owner)
            disarm = partial(self.observer.disarm, self._owner)
            self._driver.background.run(self._owner, disarm, _ignored)

    def compare(self, then: Then) -> None:
        """Compare the files with what the last load read; call `then` with those whose change is not known yet."""
        observer, driver = self.observer, self._driver
        if observer is None or driver is None or (not may_block(self._owner) and self._cache.unchanged()):
            then(())  # nearly always
            return
        asked = self._cache.ask()
        if asked is None:
            then(())
            return
        files, dirty = asked
        work = partial(examine, files, self._options, partial(observer.arm, self._owner), dirty)
        driver.background.run(self._owner, work, partial(self._compared, files, then))

    def _compared(self, asked: FileSet, then: Then, found: Difference | None) -> None:
        changed = self._cache.answer(asked, found) if found is not None else ()
        if changed is None:
            self.compare(then)
            return
        if found is not None and found.expansion is not None:
            self._note_state()
        then(changed)

    def _note_state(self) -> None:
        """After files were watched: record, and log, which changes will not be noticed."""
        observer = self.observer
        if observer is None:
            return
        for note in self._cache.files.mounts.notes:
            if note not in self._noted:
                self._noted.add(note)
                log.warning("watch", "%s", note)
        trouble = self._missed(observer)
        if trouble != self._trouble:
            if self._trouble not in (None, ASKED_FOR):
                self.last_trouble = self._trouble
            self._trouble = trouble
            self.troubled_at = None if trouble is None else datetime.now(UTC)
            log.observing(self._options.path, observer.name, trouble, asked=trouble == ASKED_FOR)
        self.native = observer.notifies and trouble is None

    def use(self, observer: Observer) -> None:
        """Use this observer from now on."""
        self.observer = observer
        self._arrivals = UNKNOWN

    def touched(self, now: int, paths: tuple[Path, ...], arrivals: Arrivals | None, *, polled: bool) -> Touched:
        """These files changed: the input for the machine."""
        paths = self._options.files_in(paths)
        self._cache.touch(paths)
        if arrivals is None:
            arrivals = {path: how for path, how in self._arrivals.items() if path not in paths}
        self._arrivals = arrivals
        renamed = frozenset(path for path, how in arrivals.items() if how is Arrival.RENAMED)
        complete = frozenset(path for path, how in arrivals.items() if how is not Arrival.WRITING)
        writing = Arrival.WRITING in arrivals.values()
        return Touched(now, paths, writing=writing, polled=polled, renamed=renamed, complete=complete)

    @property
    def status(self) -> tuple[str, str | None]:
        """The observer's name, and why it does not notice every change."""
        observer = self.observer
        if observer is None:
            return "none", "not started"
        silent = self._driver.background.trouble(self._owner) if self._driver is not None else None
        notes = self._cache.files.mounts.notes
        return observer.name, silent or self._missed(observer) or (notes[0] if notes else None)

    def _missed(self, observer: Observer) -> str | None:
        """Why it does not notice every change; where there are no files, there is nothing to notice."""
        return observer.trouble(self._owner) if self._cache.files.has_files else None


def _ignored(_: object) -> None:
    """The result of work in the background."""
