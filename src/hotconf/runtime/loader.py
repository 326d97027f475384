"""The thread that runs loads: one a process, for all watchers, one load after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from hotconf.engine.candidate import Invalid, Unstable, Valid
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.runtime.load import judge
from hotconf.snapshot import SourceFile
from hotconf.sources.base import FileSet, LoadResult, Options
from hotconf.sources.files import reading
from hotconf.system import threads
from hotconf.system.exceptions import loading, propagates
from hotconf.system.worker import Worker

T = TypeVar("T")

HUNG_NS: Final = 5_000_000_000
"""A load that takes longer is reported."""


def guarded(work: Callable[[], LoadResult[T]], known: FileSet) -> LoadResult[T]:
    """Run a load so that `in_load()` is true, and nothing that it raises ends a thread of ours.

    Exceptions of the program, in whose thread the first load runs, propagate: see `exceptions`.
    """
    here = threads.greenlet_ident()
    try:
        loading.add(here)  # in here: a signal handler may raise right after it
        result = work()
    except BaseException as error:
        if propagates(error):
            raise
        path = known.members[0].path
        # What the system refused it may grant at the next poll: a descriptor or memory, also for importing our
        # modules.
        refused = isinstance(error, OSError) and error.errno in reading.PASSING
        if not refused:
            log.fault("reload", "The load of %s failed", path)
        passing = refused or isinstance(error, MemoryError)
        return LoadResult(Invalid((_problem(error, path),)), known.looked_at(settled=not passing))
    finally:
        loading.discard(here)
    return result


def judged(options: Options[T], files: tuple[SourceFile, ...], at: datetime) -> Valid[T] | Invalid:
    """What a load would bring back today if the files were as they were kept, read `at` that time."""
    nothing = FileSet.of(options.path)
    candidate = guarded(lambda: LoadResult(judge(options, files, at), nothing), nothing).candidate
    if isinstance(candidate, Unstable):
        raise AssertionError("what is not read cannot be unstable")
    return candidate


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
    """The thread that runs loads, one after the other. A slow one does not delay other watchers."""

    def __init__(self) -> None:
        super().__init__("hotconf-loader", log.thread, _describe, stays=True, parallel=True, hung_ns=HUNG_NS)


def _describe(job: Callable[[], None], seconds: int) -> str:
    path = log.shown(job.path) if isinstance(job, LoadJob) else "some files"
    return f"the load of {path} has not returned for {seconds} s: a validator or check may hang"
