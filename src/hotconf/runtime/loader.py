"""The thread that runs loads: one a process, for all watchers, one load after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from hotconf.core.candidate import Bad
from hotconf.problems import Problem
from hotconf.runtime import log
from hotconf.runtime.source import FileSet, Result

try:
    from _queue import SimpleQueue  # what `queue` takes it from; the rest of that module is a tenth of a megabyte
except ImportError:
    from queue import SimpleQueue

T = TypeVar("T")

_here = threading.local()


def inside() -> bool:
    """Whether this thread is in the middle of a load, that is in a user's validator, check or `describe`."""
    return getattr(_here, "loading", False)


def guarded(work: Callable[[], Result[T]], known: FileSet) -> Result[T]:
    """Run a load so that `inside()` is known, and nothing that it raises ends the thread."""
    _here.loading = True
    try:
        return work()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # the load at start, which runs in the thread of the caller
        path = known.members[0].path
        log.fault("reload", "The load of %s failed", path)
        problem = Problem(f"Internal error: {type(error).__name__}", kind="internal", file=path)
        return Result(Bad((problem,)), known.looked_at())
    finally:
        _here.loading = False


class Loader:
    """The thread that runs loads, one after the other. Started by the first, so that watching alone needs none.

    `post` runs what it is given on one thread, the driver's: that alone starts ours, so that there is only one.
    """

    __slots__ = ("_jobs", "_post", "_thread")

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._post = post
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those before it. From any thread, and from signal handlers."""
        self._jobs.put(job)
        if self._thread is None:
            self._post(self._start)

    def stop(self, timeout_s: float) -> None:
        """End the thread after the jobs it has; wait at most so long for it. What was posted has been done."""
        if self._thread is not None:
            self._jobs.put(None)
            if self._thread is not threading.current_thread():
                self._thread.join(timeout_s)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hotconf-loader", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no more threads: the next job tries again
                self._thread = None
                raise

    def _run(self) -> None:
        pid = os.getpid()
        while (
            os.getpid() == pid and (job := self._jobs.get()) is not None
        ):  # a check may fork, and its child come back
            try:
                job()
            except BaseException:  # noqa: BLE001 - logging runs handlers of the application, and the next load comes
                log.fault("watch", "Internal error in the loader")
            del job  # it holds a snapshot, and the next one may be days away
