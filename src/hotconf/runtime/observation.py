"""How one watcher hears that its files changed: its observer, and what that watches for it."""

from __future__ import annotations

from pathlib import Path

from hotconf.engine.debounce import Touched
from hotconf.errors import UsageError
from hotconf.logs import log
from hotconf.runtime.driver import Driver
from hotconf.sources.files.cache import Cache
from hotconf.watch.observer import ASKED_FOR, Observer, ObserverName, Owner


class Observation:
    """See the module; used on the driver's thread."""

    __slots__ = (
        *("_driver", "_cache", "_owner", "_path", "_noted", "_told_trouble", "_wanted"),
        *("detect_ns", "last_trouble", "observer"),
    )

    def __init__(
        self,
        owner: Owner,
        path: Path,
        wanted: ObserverName,
        cache: Cache,
    ) -> None:
        self._owner = owner
        self._path = path
        self._wanted = wanted
        self._cache = cache
        self._told_trouble: str | None = None
        self._noted: set[str] = set()
        self.last_trouble: str | None = None
        """The latest one that is over."""
        self._driver: Driver | None = None
        self.observer: Observer | None = None
        """None before the start."""
        self.detect_ns = 0
        """How long the latest change took from the driver's waking to here."""

    def join(self, driver: Driver) -> None:
        """Be watched from now on. Raises `UsageError` if the observer that is wanted cannot be had."""
        self.observer = driver.join(self._owner, self._wanted)
        self._driver = driver

    def rejoin(self, driver: Driver) -> None:
        """In the child of a fork: if that observer cannot be had any more, any is better than none."""
        try:
            self.join(driver)
        except UsageError:
            self.observer = driver.join(self._owner, "auto")
            self._driver = driver

    def armed(self) -> bool:
        """Watch other files, or the same ones again. Whether the system reports every change."""
        observer = self.observer
        if observer is None:
            return False
        self._note()
        trouble = observer.trouble(self._owner)
        if trouble != self._told_trouble:
            if self._told_trouble not in (None, ASKED_FOR):
                self.last_trouble = self._told_trouble
            self._told_trouble = trouble
            log.observing(self._path, observer.name, trouble, asked=trouble == ASKED_FOR)
        return observer.native and trouble is None

    def _note(self) -> None:
        """Log once what will not be noticed."""
        for note in self._cache.files.mounts.notes:
            if note not in self._noted:
                self._noted.add(note)
                log.unnoticed(note)

    def touched(self, now: int, paths: tuple[Path, ...], detect_ns: int, *, sure: bool) -> Touched | None:
        """These files changed: what the machine has to know of it. None before the start."""
        observer, owner = self.observer, self._owner
        if observer is None:
            return None
        self._cache.touch(paths)
        self.detect_ns = detect_ns
        writing, placed, finished = observer.writing(owner), observer.placed(owner), observer.finished(owner)
        return Touched(now, paths, writing=writing, polled=not sure, placed=placed, finished=finished)

    @property
    def told(self) -> tuple[str, str | None]:
        """The observer's name, and why not every change is heard."""
        observer = self.observer
        if observer is None:
            return "none", "not started"
        silent = self._driver.silent(self._owner) if self._driver is not None else None
        notes = self._cache.files.mounts.notes
        return observer.name, silent or observer.trouble(self._owner) or (notes[0] if notes else None)
