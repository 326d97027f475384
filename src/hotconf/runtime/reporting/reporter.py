"""`Reporter`: writes the status of one watcher for other processes, and notices their requests to reload.

Rule 1: the driver's thread only compares what is known; the disk is for the thread that writes states.
Rule 2: a status is written when a round has ended; also when what is wrong or counted has changed, and when it is
gone or could not be written: that is looked at every two seconds. While nothing happens nothing is written.
Rule 3: the request file is watched as the files are, also while hot reload is off. The one that was there before the
start counts as carried out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hotconf.engine.protocol import Input
from hotconf.errors import UsageError
from hotconf.events import Ending
from hotconf.logs import log
from hotconf.runtime.driver import Driver
from hotconf.runtime.notifier import Caller
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.mounts import around
from hotconf.status import requests
from hotconf.status.folder import StatusFile
from hotconf.system import fork, threads
from hotconf.text import short_path
from hotconf.watch.observer import Arrivals, Observer, ObserverName

if TYPE_CHECKING:
    import threading
    from typing import Protocol

    class Seen(Protocol):
        """What is known of a watcher at one moment of the driver's thread."""

        def differs(self, before: Any) -> bool:
            """Whether there is something to write."""

    See: TypeAlias = Callable[[Seen | None], Seen | None]
    """What is known now, given what was before; None if nothing is yet."""
    Encode: TypeAlias = Callable[[Seen, datetime, int], bytes]
    """It as a status: since when this process watches, and the latest request that was carried out."""

_Found: TypeAlias = tuple[tuple[int, ...] | None, int, bool]
"""The stamp of the request file, a new request in it or 0, and whether the status file was removed."""

PERIOD_NS: Final = 2_000_000_000


class _Request(Caller):
    """A request that is carried out."""

    __slots__ = ("_done",)

    def __init__(self, done: Callable[[], object]) -> None:
        super().__init__()
        self._done = done

    def answer(self, event: Ending | None) -> None:
        """Report it."""
        super().answer(event)
        self._done()


class Reporter(fork.ForkAware):
    """For the driver a `Driven` of its own, whose only file is that of requests. Used on the driver's thread."""

    reconcile_ns = PERIOD_NS

    def __init__(
        self,
        options: Options[Any],
        state_dir: Path,
        observer: ObserverName,
        submit: Callable[[Callable[[], None]], None],
        reported: Callable[[], bool],
    ) -> None:
        """`submit` has a job done by the thread that writes states; `reported`: it has said that it cannot write."""
        self._main, self._state_dir, self._wanted = options.path, state_dir, observer
        self._path = options.path
        """Of the request file, once it is known."""
        self._submit, self._reported = submit, reported
        self.cache = Cache(options)
        self._see: See | None = None
        self._encode: Encode | None = None
        self._reload: Callable[[Caller], None] | None = None
        self._open = threads.rlock()
        """Held while files are open, so that no child of a fork has copies of them."""
        self._file = StatusFile(state_dir)
        self._writing = False
        """A write is due."""
        self._refused: str | None = None
        """Why it could not be written."""
        self._driver: Driver | None = None
        self._seen: Seen | None = None
        self._closed = False
        self._started = datetime.now(UTC)
        self._stamp: tuple[int, ...] | None = None
        """Of the request file, when it was read last."""
        self._asked = self._done = 0
        """The latest request, and the latest that was carried out."""
        fork.register(self)

    def attach(self, see: See, encode: Encode, reload: Callable[[Caller], None]) -> None:
        """What it reports, and what a request asks for."""
        self._see, self._encode, self._reload = see, encode, reload

    # Life

    def join(self, driver: Driver) -> None:
        """The watcher starts, or goes on in a forked child."""
        self._driver, self._started = driver, datetime.now(UTC)
        self._submit(partial(self._prepare, driver))

    def leave(self) -> None:
        """The watcher is closed: its status is removed."""
        driver, self._driver, self._closed = self._driver, None, True
        if driver is not None:
            driver.leave(self)
            self._submit(self._remove)

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock that is held while files are open."""
        return ((fork.INNER, self._open),)

    def abandon(self) -> None:
        """In a forked child: the status is the parent's."""
        self._open = threads.rlock()
        self._file.abandon()
        self._file = StatusFile(self._state_dir)
        self._driver = self._seen = self._stamp = None
        self._writing = False

    # What is reported

    def look(self) -> None:
        """Have the status written, if there is something new."""
        if self._see is None or self._driver is None:
            return
        now = self._see(self._seen)
        if now is not None and (self._seen is None or now.differs(self._seen)):
            self._seen = now
            self._write_soon()

    def _write_soon(self) -> None:
        if not self._writing and self._seen is not None:
            self._writing = True
            self._submit(self._write)

    def _write(self) -> None:
        """On the thread of states."""
        self._writing = False
        seen, encode = self._seen, self._encode
        if seen is None or encode is None or self._closed:
            return
        try:
            data = encode(seen, self._started, self._done)
            with self._open:
                self._file.write(data)
        except (OSError, UsageError) as error:
            self._fail(str(error) if isinstance(error, UsageError) else error.strerror or str(error))
        except Exception:  # noqa: BLE001 - a fault of ours
            log.fault("state", "Internal error while the status of %s was written", self._main)
        else:
            self._refused = None

    def _fail(self, why: str) -> None:
        if self._refused is None and not self._reported():
            text = "The status of %s is not written to %s: %s"
            log.warning("state", text, self._main, short_path(self._state_dir), why)
        self._refused = why

    def _remove(self) -> None:
        """On the thread of states, the last job."""
        try:
            with self._open:
                self._file.remove()
        except (OSError, UsageError):
            self._file.abandon()  # without its lock it counts for nobody

    # Requests

    def _prepare(self, driver: Driver) -> None:
        """On the thread of states: the mounts of the request file, and the request that is there already."""
        path = requests.path(self._state_dir, self._main)
        files, (stamp, at, _) = FileSet.of(path)._replace(mounts=around(path)), self._find(path, None)
        driver.post(partial(self._prepared, driver, files, stamp, at))

    def _prepared(self, driver: Driver, files: FileSet, stamp: tuple[int, ...] | None, at: int) -> None:
        if self._driver is not driver:
            return
        self.cache.files, self._path = files, files.members[0].path
        self._stamp, self._asked = stamp, max(self._asked, at)
        self._done = max(self._done, at)
        try:
            observer = driver.observers.join(self, self._wanted)
        except UsageError:
            observer = driver.observers.join(self, "auto")
        driver.reconcile.add(self, time.monotonic_ns())
        self.observe(observer)
        self.look()
        if at:
            self._write_soon()

    def _find(self, path: Path, stamp: tuple[int, ...] | None) -> _Found:
        """What is there now; the request is read if its file is another one than that of `stamp`."""
        lost = self._file.lost
        try:
            found = os.stat(path)
        except OSError:
            return None, 0, lost
        now = found.st_ino, found.st_mtime_ns, found.st_size
        return now, requests.latest(self._state_dir, self._main) if now != stamp else 0, lost

    def _check(self) -> None:
        if self._driver is not None:
            self._driver.background.run(self, partial(self._find, self._path, self._stamp), self._found)

    def _found(self, found: _Found | None) -> None:
        if found is None or self._driver is None:
            return
        self._stamp, at, lost = found
        if lost or self._refused is not None:
            self._write_soon()
        if at > self._asked and self._reload is not None:
            self._asked = at
            self._reload(_Request(partial(self._carried_out, at)))

    def _carried_out(self, at: int) -> None:
        self._done = max(self._done, at)
        self.look()
        self._write_soon()

    # For the driver

    def touch(
        self,
        paths: tuple[Path, ...],  # noqa: ARG002 - there is one
        now: int,  # noqa: ARG002
        detect_ns: int = 0,  # noqa: ARG002
        *,
        arrivals: Arrivals | None = None,  # noqa: ARG002
        polled: bool = False,  # noqa: ARG002
    ) -> None:
        """The request file changed."""
        self._check()

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Look for a request, and for what is new."""
        self._check()
        self.look()
        then(())

    def observe(self, observer: Observer) -> None:
        """Use `observer` from now on."""
        if self._driver is not None:
            self._driver.background.run(self, partial(observer.arm, self, self.cache.files), self._armed)

    def _armed(self, _: object) -> None:
        self._check()

    def feed(self, given: Input) -> None:
        """It has no machine."""

    def supervise(self) -> bool:
        """It has no thread."""
        return False

    def recover(self) -> None:
        """After the driver failed: look again."""
        self._check()
