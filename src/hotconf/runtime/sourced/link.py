"""`SourceLink`: what a source says to its watcher, and the verdicts that it hears: a listener of the notifier."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.errors import UsageError
from hotconf.events import FileChanged, Notice, ReloadDeferred, ReloadFailed, ReloadUnchanged
from hotconf.logs import log
from hotconf.runtime.sourced.offers import Offers
from hotconf.sources.source import REASON, Fetched, Source, Status, Verdict
from hotconf.status.health import refused
from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.runtime.cycle import Cycle
    from hotconf.runtime.driver import Driver
    from hotconf.runtime.publisher import Publisher
    from hotconf.snapshot import SourceFile
    from hotconf.sources.files.cache import Cache


class SourceLink:
    """Between one watcher and its source."""

    _cycle: Cycle[Any]
    _offers: Offers

    def __init__(self, source: Source, publisher: Publisher[Any], cache: Cache) -> None:
        self._source = source
        self._publisher = publisher
        self._cache = cache
        self._driver: Driver | None = None
        self._end: Callable[[], object] | None = None
        self._posted = False
        """A change was posted to the driver, which has not run it yet."""
        self._unwatched = False

    # Life

    def attach(self, cycle: Cycle[Any]) -> None:
        """That of the watcher; once, before the start."""
        self._cycle = cycle
        self._offers = Offers(cycle, self._tell)
        cycle.offered = self._offers.perform

    def begin(self, driver: Driver) -> None:
        """Have the source watched; in a forked child, again. Raises `UsageError` of the source."""
        self._driver, self._posted, self._end = driver, False, None
        self._offers.forget()
        try:
            self._end = self._source.watch(self)
        except UsageError:
            raise
        except Exception:  # noqa: BLE001 - it may be users' code
            self._unwatched = True
            log.fault("watch", "%s is not watched: only reload() reads it", self._source.path)

    def end(self) -> None:
        """Watch it no longer. Idempotent."""
        self._driver = None
        end, self._end = self._end, None
        try:
            if end is not None:
                end()
        except Exception:  # noqa: BLE001 - it may be users' code
            log.fault("watch", "%s cannot be closed", self._source.path)

    @property
    def trouble(self) -> str | None:
        """Why changes may not be noticed; None if all is well."""
        name = printable(self._source.name)
        if self._unwatched:
            return f"{name} is not watched"
        try:
            found = self._source.trouble
        except Exception as error:  # noqa: BLE001 - it may be users' code
            found = type(error).__name__
        return f"{name}: {self._safe(found)}" if found else None

    # What the source says, on any thread

    def changed(self) -> None:
        """It says something else: load it."""
        driver = self._driver
        if driver is None or self._posted:
            return
        try:
            self._posted = True
            driver.post(self._touch)
        except BaseException:  # of a signal handler: perhaps it was not posted
            self._posted = False
            raise

    def offer(self, fetched: Fetched, answer: Callable[[Verdict], object]) -> None:
        """Prepare it, and do not publish it."""
        self._post(partial(self._offers.open, fetched, answer))

    def commit(self, version: str) -> None:
        """Publish it as it was prepared."""
        self._post(partial(self._commit, version))

    def withdraw(self, version: str) -> None:
        """Discard it."""
        self._post(partial(self._offers.decide, version, commit=False))

    def _post(self, action: Callable[[], object]) -> None:
        if (driver := self._driver) is not None:
            driver.post(action)

    # On the driver's thread

    def _touch(self) -> None:
        self._posted = False  # first: the load may miss what changes from now on
        if self._cycle.rounds.state.loads:  # else the load at start is still to come, and reads it
            self._cycle.touch((), time.monotonic_ns())

    def _commit(self, version: str) -> None:
        if not self._offers.decide(version, commit=True):
            self._touch()

    def notify(self, notice: Notice) -> None:
        """The source hears how the round ended."""
        event = notice.event
        if isinstance(event, FileChanged):
            return
        served = notice.snapshot
        status: Status = "applied"
        version, reason = "" if served is None else version_of(served.files), ""
        if isinstance(event, ReloadUnchanged):
            status = "unchanged"
        elif isinstance(event, ReloadDeferred):
            pending = self._cycle.rounds.state.pending
            status, reason = "deferred", ", ".join(event.reasons)
            version = version if pending is None else version_of(pending.candidate.files)
        elif isinstance(event, ReloadFailed):
            status, version, reason = "refused", self._last_read(), refused(event)
        self._tell(self._source.ended, status, version, reason)

    def _tell(self, to: Callable[[Verdict], object], status: Status, version: str, reason: str) -> None:
        served = self._publisher.snapshot
        serving = "" if served is None else version_of(served.files)
        try:
            to(Verdict(status, version, serving, self._publisher.generation, self._safe(reason)))
        except Exception:  # noqa: BLE001 - it may be users' code
            log.fault("reload", "%s cannot note what became of a document", self._source.path)

    def _last_read(self) -> str:
        read = self._cache.files.reads.get(self._source.path)
        return "" if read is None or read.fetched is None else read.fetched.version

    def _safe(self, text: str) -> str:
        return self._publisher.secrets.scrubber()(shortened(printable(text), REASON), words=True)


def version_of(files: Iterable[SourceFile]) -> str:
    """That of the main document among them; empty if it is none of a source."""
    return next((file.version for file in files if file.role == "main"), "")
