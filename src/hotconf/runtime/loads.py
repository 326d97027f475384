"""The jobs of one watcher: its loads, and whatever else may run users' code. They run on the loader's thread; during
the start in the thread that called it, so that a configuration that never changes needs no thread for them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.protocol import Load
from hotconf.logs import log
from hotconf.runtime.driver import Driver
from hotconf.runtime.load import load
from hotconf.runtime.loader import Loader, LoadJob, guarded
from hotconf.runtime.publisher import Publisher
from hotconf.sources.base import FileSet, LoadResult, Options
from hotconf.sources.files.cache import Cache
from hotconf.system import threads
from hotconf.system.exceptions import in_load

if TYPE_CHECKING:
    from hotconf.history.writer import HistoryWriter

T = TypeVar("T")

_PATIENCE_S: Final = 0.1
"""How often to check whether anything is left to wait for."""


class Jobs(Generic[T]):
    """See the module. `runs` gives the driver; `deliver` is called on its thread with what a load brought back."""

    __slots__ = (
        "_cache",
        "_deliver",
        "_history",
        "_inline",
        "_loader",
        "_loading",
        "_options",
        "_publisher",
        "_runs",
        "closed",
    )

    def __init__(
        self,
        options: Options[T],
        cache: Cache,
        publisher: Publisher[T],
        history: HistoryWriter[T] | None,
        runs: Callable[[], Driver],
        loader: Callable[[], Loader],
        deliver: Callable[[int, LoadResult[T], int, Valid[T] | None, Callable[[], object]], None],
    ) -> None:
        self._loader = loader
        self._options = options
        self._cache = cache
        self._publisher = publisher
        self._history = history
        self._runs = runs
        self._deliver = deliver
        self._loading = threads.rlock()
        """Held by the load that is under way."""
        self._inline: deque[Callable[[], None]] | None = None
        """Only the driver appends, and decides that no more come."""
        self.closed = False
        """No load begins any more."""

    # During the start

    @property
    def starting(self) -> bool:
        """Whether they run in the thread that called `start()`."""
        return self._inline is not None

    def collect(self) -> None:
        """From now on they wait for `run`."""
        self._inline = deque()

    def run(self) -> None:
        """Run those that wait, in this thread, until there is none; later ones run on the loader's."""
        while self._inline or not self._runs().call(self._are_done):
            while self._inline:
                self._inline.popleft()()

    def _are_done(self) -> bool:
        """On the driver's thread: whether there is none; then later ones run on the loader's thread."""
        if self._inline:
            return False
        self._inline = None
        return True

    # At any time

    def submit(self, job: Callable[[], None]) -> None:
        """Run it where users' code runs. Called on the driver's thread, which never runs users' code."""
        if self._inline is not None:
            self._inline.append(job)
        else:
            self._loader().submit(job)

    def load(self, effect: Load) -> None:
        """Have the files read."""
        known, touched = self._cache.begin(afresh=effect.afresh)
        publisher, before = self._publisher, self._cache.before
        published = publisher.snapshot, known, touched, before, publisher.secrets.published, publisher.standing
        job = partial(self._load, effect.number, partial(load, self._options, *published), known)
        self.submit(LoadJob(self._options.path, job))

    def _load(self, number: int, work: Callable[[], LoadResult[T]], known: FileSet) -> None:
        if self.closed:
            return
        with self._loading:
            began = time.monotonic_ns()
            result = guarded(work, known)
            cost = time.monotonic_ns() - began
            if isinstance(result.candidate, Invalid):
                self._publisher.secrets.load(result.candidate.secrets)
            last_good = self._recall(result)
        done = threads.Event()
        deliver = partial(self._deliver, number, result, cost, last_good, done.set)
        if self.starting:
            used = self._runs()
            used.call(deliver)
            while not done.wait(_PATIENCE_S) and used.alive and not self.closed:
                pass  # the files are many, or far away
        else:
            self._runs().post(deliver)

    def _recall(self, result: LoadResult[T]) -> Valid[T] | None:
        """What to run on if the load at start fails."""
        history = self._history
        if history is None or not self.starting or self._publisher.snapshot is not None:
            return None
        return None if isinstance(result.candidate, Valid) else history.recall()

    def await_load(self, timeout_s: float) -> None:
        """Wait for a load that is under way; it may be in users' code."""
        if in_load():
            return
        try:
            if not threads.acquire(self._loading, timeout_s):
                log.unfinished(self._options.path)
        finally:
            with suppress(RuntimeError):  # not acquired
                self._loading.release()

    # Forks

    def abandon(self) -> None:
        """In the child of a fork: no load is under way."""
        self._loading = threads.rlock()

    def forget(self) -> None:
        """In the child of a fork: what waited was the parent's."""
        self._inline = None
