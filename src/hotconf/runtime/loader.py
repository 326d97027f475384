"""The thread that runs loads: one a process, for all watchers, one load after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hotconf.core.candidate import Bad
from hotconf.problems import Problem
from hotconf.runtime import files, log, threads
from hotconf.runtime.callers import belongs_to_caller
from hotconf.runtime.source import FileSet, Result
from hotconf.runtime.worker import Worker

T = TypeVar("T")

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


class Loader(Worker):
    """The thread that runs loads, one after the other. Loads of other watchers overtake one that hangs."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("hotconf-loader", log.thread, stays=True, again=True, overtakes=True)
