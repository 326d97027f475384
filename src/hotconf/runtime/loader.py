"""The thread that runs loads: one a process, for all watchers, one load after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from hotconf.core.candidate import Bad
from hotconf.problems import Problem
from hotconf.runtime import files, log, threads
from hotconf.runtime.callers import belongs_to_caller
from hotconf.runtime.source import FileSet, Result
from hotconf.runtime.worker import Worker

T = TypeVar("T")

HUNG_NS: Final = 5_000_000_000
"""A load that takes longer is reported."""

_loading: set[tuple[int, int]] = set()
"""Where a load is under way: threads, and greenlets in them."""


def inside() -> bool:
    """Whether this thread, or greenlet, is in the middle of a load, that is in a validator, check or `describe`."""
    return threads.place() in _loading


def guarded(work: Callable[[], Result[T]], known: FileSet) -> Result[T]:
    """Run a load so that `inside()` is true, and nothing that it raises ends a thread of ours.

    Exceptions of the program, in whose thread the first load runs, propagate: see `callers`.
    """
    here = threads.place()
    try:
        _loading.add(here)  # in here: a signal handler may raise right after it
        result = work()
    except BaseException as error:
        if belongs_to_caller(error):
            raise
        path = known.members[0].path
        # What the system refused it may grant at the next poll: a descriptor or memory, also for importing our
        # modules.
        refused = isinstance(error, OSError) and error.errno in files.PASSING
        if not refused:
            log.fault("reload", "The load of %s failed", path)
        passing = refused or isinstance(error, MemoryError)
        return Result(Bad((_problem(error, path),)), known.looked_at(settled=not passing))
    finally:
        _loading.discard(here)
    return result


def _problem(error: BaseException, path: Path) -> Problem:
    if isinstance(error, OSError):
        return Problem(f"Cannot read the file: {error.strerror or error}", kind="unreadable", file=path)
    return Problem(f"Internal error: {type(error).__name__}", kind="internal", file=path)


class LoadJob:
    """One load, as a job."""

    __slots__ = ("_run", "path")

    def __init__(self, path: Path, run: Callable[[], None]) -> None:
        self.path = path
        self._run = run

    def __call__(self) -> None:
        """Run it."""
        self._run()


class Loader(Worker):
    """The thread that runs loads, one after the other. Loads of other watchers overtake one that hangs."""

    __slots__ = ()

    hung_ns = HUNG_NS

    def __init__(self) -> None:
        super().__init__("hotconf-loader", log.thread, stays=True, again=True, overtakes=True, lends=True)

    def hangs(self, job: Callable[[], None] | None, stuck_ns: int) -> str:
        """Name the files: their watcher alone is held up."""
        if not isinstance(job, LoadJob):
            return super().hangs(job, stuck_ns)
        path, seconds = log.shown(job.path), stuck_ns // 1_000_000_000
        return f"the load of {path} has not returned for {seconds} s: a validator or check may hang"
