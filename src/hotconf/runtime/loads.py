"""The loads of one watcher. They run on a loader's thread; those of `start()` run in the thread that called it, so
that a configuration that never changes needs no loader.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.engine.protocol import Load, Publish
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.runtime.driver import Driver
from hotconf.runtime.load import bare_of, load, load_kept, overlaid
from hotconf.runtime.notifier import Edit
from hotconf.runtime.publisher import Publisher
from hotconf.snapshot import Snapshot, SourceFile
from hotconf.sources.base import FileSet, LoadResult, Options
from hotconf.sources.files import reading
from hotconf.sources.files.cache import Cache
from hotconf.system import threads
from hotconf.system.descriptors import cause
from hotconf.system.exceptions import in_load, loading, propagates
from hotconf.system.worker import Worker
from hotconf.text import short_path

if TYPE_CHECKING:
    from hotconf.history.writer import HistoryWriter
    from hotconf.sources.source import Fetched

T = TypeVar("T")

_CHECK_S: Final = 0.1
"""How often to check whether the thread that is waited for is still there."""


def _unawaited() -> None:
    """Nobody waits for the end of this load."""


class Finished(NamedTuple):
    """A load that is back."""

    number: int
    result: LoadResult[Any]
    cost_ns: int
    last_good: Valid[Any] | None
    """The last good state, if the load at start failed."""
    done: Callable[[], object] = _unawaited
    """Called once the machine knows it."""


class Laid:
    """What is published, with other overrides laid over it."""

    __slots__ = ("candidate", "fallback", "outdated", "published")

    def __init__(
        self,
        published: Snapshot[Any] | None,
        candidate: Candidate[Any] | None,
        fallback: Valid[Any] | None,
        *,
        outdated: bool,
    ) -> None:
        """`candidate`: None if nothing is published. `fallback`: what to publish if resources refuse it. `outdated`:
        whether it is made of other layers than those that are published.
        """
        self.published, self.candidate, self.fallback, self.outdated = published, candidate, fallback, outdated


class _LoadJob:
    """One load; as text, the name of its file."""

    __slots__ = ("_path", "_run")

    def __init__(self, path: Path, run: Callable[[], None]) -> None:
        self._path = path
        self._run = run

    def __call__(self) -> None:
        self._run()

    def __str__(self) -> str:
        return short_path(self._path)


class Loads(Generic[T]):
    """The loads of one watcher. Used on the driver's thread, except where noted."""

    __slots__ = ("_cache", "_history", "_inline", "_options", "_publisher", "_under_way", "closed")

    def __init__(
        self, options: Options[T], cache: Cache, publisher: Publisher[T], history: HistoryWriter[T] | None
    ) -> None:
        self._options = options
        self._cache = cache
        self._publisher = publisher
        self._history = history
        self._under_way = threads.rlock()
        """Held while a load runs."""
        self._inline: deque[Callable[[], None]] | None = None
        """The loads of `start()`, while it runs. Only the driver appends, and decides when there are no more."""
        self.closed = False
        """Whether no further load begins."""

    # In the thread that calls `start()`

    @property
    def starting(self) -> bool:
        """Whether loads run in the thread that calls `start()`."""
        return self._inline is not None

    def collect(self) -> None:
        """From now on loads wait for `run`."""
        self._inline = deque()

    def run(self, driver: Driver) -> None:
        """Run the waiting loads in this thread until none is left; later ones run on the loader's."""
        while self._inline or not driver.call(self._end_start):
            while self._inline:
                self._inline.popleft()()

    def _end_start(self) -> bool:
        if self._inline:
            return False
        self._inline = None
        return True

    # At any time

    def begin(
        self,
        request: Load,
        driver: Driver,
        loader: Worker,
        then: Callable[[Finished], object],
        *,
        offered: Fetched | None = None,
    ) -> None:
        """Load on the thread of `loader`; `then` continues on the driver's thread.

        `offered`: what counts in the place of what the source says. Of such a load the cache knows nothing.
        """
        options, publisher = self._options, self._publisher
        if offered is None:
            known, touched = self._cache.begin(afresh=request.afresh)
        else:
            from hotconf.sources.virtual import offering  # late: only for sources that offer

            options, known, touched = offering(options, offered), self._cache.files, self._cache.touched
        published, secrets = publisher.snapshot, publisher.secrets.published
        given = options, published, known, touched, self._cache.before, secrets, publisher.baseline
        work = partial(load, *given, publisher.good, revalidate=request.revalidate)
        self._submit(partial(self._run, request.number, work, known, driver, then), loader)

    def overlay(self, edit: Edit, driver: Driver, loader: Worker, then: Callable[[Laid], object]) -> None:
        """Lay other overrides over what is published, on the thread of `loader`; then as `begin`."""
        self._submit(partial(self._run_overlay, edit, driver, then), loader)

    def _submit(self, run: Callable[[], None], loader: Worker) -> None:
        job = _LoadJob(self._options.path, run)
        if self._inline is not None:
            self._inline.append(job)
        else:
            loader.submit(job)

    def _run_overlay(self, edit: Edit, driver: Driver, then: Callable[[Laid], object]) -> None:
        if self.closed:
            return
        publisher, known = self._publisher, self._cache.files
        published, good = publisher.snapshot, publisher.good
        candidate: Candidate[T] | None = None
        fallback: Candidate[T] | None = None
        outdated = True
        if published is not None and good is not None:
            given = published, publisher.secrets.published, edit.tables(self._options.overrides)
            lay = partial(overlaid, self._options, good, *given, leaving=edit.table is None)
            with self._under_way:
                candidate = isolated_load(lambda: LoadResult(lay(), known), known).candidate
                applied = publisher.applied
                if edit.table is None and applied is not None and applied is not bare_of(good):
                    again = partial(overlaid, self._options, applied, *given, leaving=True)
                    fallback = isolated_load(lambda: LoadResult(again(), known), known).candidate
            if edit.table is not None:
                from hotconf.sources.override import entered  # late: only programs with overrides need it

                candidate = entered(candidate, edit.table)
            if isinstance(candidate, Valid):
                outdated = candidate.made_of.with_overrides(()).digest != good.made_of.with_overrides(()).digest
            elif isinstance(candidate, Invalid):
                publisher.secrets.load(candidate.secrets)
        valid = fallback if isinstance(fallback, Valid) and fallback.unchanged is None else None
        driver.post(partial(then, Laid(published, candidate, valid, outdated=outdated)))

    def _run(
        self,
        number: int,
        work: Callable[[], LoadResult[T]],
        known: FileSet,
        driver: Driver,
        then: Callable[[Finished], object],
    ) -> None:
        if self.closed:
            return
        with self._under_way:
            began = time.monotonic_ns()
            result = isolated_load(work, known)
            cost = time.monotonic_ns() - began
            if isinstance(result.candidate, Invalid):
                self._publisher.secrets.load(result.candidate.secrets)
            last_good = self._recall(result)
        if not self.starting:
            driver.post(partial(then, Finished(number, result, cost, last_good)))
            return
        done = threads.Event()
        driver.call(partial(then, Finished(number, result, cost, last_good, done.set)))
        while not done.wait(_CHECK_S) and driver.alive and not self.closed:
            pass  # the files are many, or on a network

    def _recall(self, result: LoadResult[T]) -> Valid[T] | None:
        if self._history is None or not self.starting or self._publisher.snapshot is not None:
            return None
        return None if isinstance(result.candidate, Valid) else self._history.recall()

    def await_end(self, timeout_s: float) -> None:
        """Wait for the running load, which may be in users' code. May be called on any thread."""
        if in_load():
            return
        try:
            if not threads.acquire(self._under_way, timeout_s):
                text = (
                    "A load of %s was still running when its watcher was closed: a layer, validator or check may hang"
                )
                log.warning("reload", text, self._options.path)
        finally:
            with suppress(RuntimeError):  # not acquired
                self._under_way.release()

    # In the child of a fork

    def abandon(self) -> None:
        """No load is under way."""
        self._under_way = threads.rlock()

    def forget(self) -> None:
        """In a forked child: waiting loads are the parent's."""
        self._inline = None


def isolated_load(work: Callable[[], LoadResult[T]], known: FileSet) -> LoadResult[T]:
    """Run a load with `in_load()` true, so that no exception ends a thread of ours.

    Exceptions that belong to the program, in whose thread the first load runs, propagate.
    """
    here = threads.greenlet_ident()
    try:
        loading.add(here)  # in here: a signal handler may raise right after it
        result = work()
    except BaseException as error:
        if propagates(error):
            raise
        path, error = known.members[0].path, cause(error)
        # Descriptors or memory may be available at the next poll, also for importing our modules.
        refused = isinstance(error, OSError) and error.errno in reading.PASSING
        if not refused:
            log.fault("reload", "The load of %s failed", path)
        passing = refused or isinstance(error, MemoryError)
        return LoadResult(Invalid((_problem(error, path),)), known.restamped(settled=not passing))
    finally:
        loading.discard(here)
    return result


def load_once(options: Options[T], cache: Cache, publisher: Publisher[T]) -> Candidate[T]:
    """Load, and publish what is valid; nothing follows it."""
    result = isolated_load(partial(load, options), cache.files)
    cache.files = result.files
    if isinstance(result.candidate, Valid):
        publisher.publish(Publish(result.candidate, 1, None), 0)
    return result.candidate


def judged(options: Options[T], files: tuple[SourceFile, ...], at: datetime) -> Valid[T] | Invalid:
    """What a load would return if the files were as they were kept, read `at` that time."""
    nothing = options.unread
    candidate = isolated_load(lambda: load_kept(options, files, at), nothing).candidate
    if isinstance(candidate, Unstable):
        raise AssertionError("what is not read cannot be unstable")
    return candidate


def _problem(error: BaseException, path: Path) -> Problem:
    if isinstance(error, OSError):
        return Problem(f"Cannot read the file: {error.strerror or error}", kind="unreadable", file=path)
    return Problem(f"Internal error: {type(error).__name__}", kind="internal", file=path)
