"""A queue of jobs and the native thread that runs them, in order, whatever happens to that thread.

Rule 1: a thread that could not be started, or died, is started at the next job, and by whoever supervises it.
Rule 2: a job that was under way when its thread died is run again if it may be; what is lost is told.
Rule 3: a job that does not return holds up what waits behind it only while there is no other thread for that.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.runtime import threads

if TYPE_CHECKING:
    from collections.abc import Callable

HUNG_NS: Final = 30_000_000_000
"""Who is at one job for longer is reported."""
AGAIN_S: Final = 1.0
"""A job that failed twice is tried again after such a pause, so that nothing spins."""
OVERTAKE_NS: Final = 2_000_000_000
"""Jobs that wait behind one that takes longer get another thread."""
MOST_HUNG: Final = 8
"""So many threads may be stuck; then what waits has to wait."""


class Trouble(NamedTuple):
    """What is wrong with a worker."""

    text: str
    hung: bool = False


class Worker:
    """See the module. Its thread ends when there is nothing to do, unless it `stays`.

    `again`: a job that raised, or whose thread died, is run again until it is done. `overtakes`: what waits behind a
    job that hangs gets another thread. `tell` is called with what went wrong, once each time, and must not wait.
    """

    __slots__ = (
        "_again", "_began", "_hung", "_job", "_jobs", "_news", "_overtakes", "_reported", "_retried", "_stays",
        "_stopped", "_tell", "_thread", "_waker", "lock", "name", "refused",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        tell: Callable[[str, BaseException | None], None],
        *,
        stays: bool = False,
        again: bool = False,
        overtakes: bool = False,
    ) -> None:
        self.name = name
        self.refused: str | None = None
        """Why its thread could not be started the last time."""
        self._tell = tell
        self._news: deque[tuple[str, BaseException | None]] = deque()
        self._stays, self._again, self._overtakes = stays, again, overtakes
        self._renew()

    def _renew(self) -> None:
        self.lock = threads.rlock()
        """Held for moments only; taken before a fork."""
        self._waker = threads.lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._job: Callable[[], None] | None = None
        self._retried: Callable[[], None] | None = None
        """The job that is run again."""
        self._began = 0
        """When the job that is under way was begun; 0 if none is."""
        self._thread: threads.Thread | None = None
        self._hung: list[tuple[threads.Thread, int]] = []
        """Threads that were overtaken, and when their jobs began."""
        self._reported = False
        self._stopped = False
        self._news.clear()
        self.refused = None

    def abandon(self) -> None:
        """In the child of a fork: its thread and its jobs are the parent's."""
        self._renew()

    # From any thread

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those before it."""
        with self.lock:
            self._jobs.append(job)
            self._ensure()
        self._announce()

    def start(self) -> None:
        """Have the thread before there is work. A refusal is told, and tried again by `supervise`."""
        with self.lock:
            self._ensure(idle=True)
        self._announce()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the jobs it has, none of which is run again; whether that was in time."""
        with self.lock:
            self._stopped = True
            self._ensure()
        self._announce()
        return self.join(timeout_s)

    def join(self, timeout_s: float) -> bool:
        """Wait until there is nothing to do and no thread; never for itself. Whether that came in time."""
        until = time.monotonic() + timeout_s
        while (thread := self._thread) is not None and not self.here:
            if not thread.join(until - time.monotonic()):
                return False
            with self.lock:
                self._ensure()  # it died
        return self._thread is None and not self._jobs

    def drain(self) -> None:
        """Do, in this thread, what no thread could be had for."""
        while True:
            with self.lock:
                if self._thread is not None or not self._jobs:
                    return
                job = self._jobs.popleft()
            job()

    @property
    def at_work(self) -> bool:
        """Whether there is something to do, or to put right."""
        return bool(self._jobs or self._began or self._hung or self.refused is not None)

    @property
    def here(self) -> bool:
        """Whether one of its threads is the one that asks."""
        return any(thread.here for thread in (self._thread, *(thread for thread, _ in list(self._hung))) if thread)

    @property
    def stuck_ns(self) -> int:
        """For how long it has been at its job; of several threads, the one that has been for longest."""
        hung = (since for thread, since in list(self._hung) if thread.alive)
        began = min((since for since in (self._began, *hung) if since), default=0)
        return time.monotonic_ns() - began if began else 0

    @property
    def trouble(self) -> Trouble | None:
        """Why its jobs are not done; None if all is well. It is found out when it is asked, and so never late."""
        if self.refused is not None:
            return Trouble(f"the thread {self.name} cannot be started: {self.refused}")
        stuck = self.stuck_ns
        if stuck > HUNG_NS:
            return Trouble(f"the thread {self.name} has been at one job for {stuck // 1_000_000_000} s", hung=True)
        return None

    def supervise(self) -> None:
        """Start the thread again if that is due, give what waits another one, and tell of what hangs."""
        with self.lock:
            self._hung = [(thread, since) for thread, since in self._hung if thread.alive]
            self._ensure()
            if self._overtakes and self._jobs and self._began and time.monotonic_ns() - self._began > OVERTAKE_NS:
                self._overtake()
            trouble = self.trouble
            hung = trouble is not None and trouble.hung
            if trouble is not None and hung and not self._reported:
                self._news.append((trouble.text, None))
            self._reported = hung
        self._announce()

    # With the lock held

    def _ensure(self, *, idle: bool = False) -> None:
        if self._thread is not None and not self._thread.alive:
            self._bury(self._thread)
        if self._thread is not None:
            self._wake()
        elif self._jobs or (idle and not self._stopped):
            self._begin()

    def _bury(self, dead: threads.Thread) -> None:
        self._thread = None
        self._give_back()
        self._news.append((f"the thread {self.name} died, and another is started", dead.error))

    def _begin(self) -> None:
        thread = self._thread = threads.Thread(self._run, self.name)
        told, self.refused = self.refused, None
        try:
            thread.start()
        except (RuntimeError, MemoryError, OSError) as error:
            self._thread, self.refused = None, str(error) or type(error).__name__
            if told is None:
                self._news.append((f"the thread {self.name} cannot be started: {self.refused}", None))

    def _overtake(self) -> None:
        if self._thread is None or len(self._hung) >= MOST_HUNG:
            return
        self._hung.append((self._thread, self._began))
        self._thread, self._job, self._began = None, None, 0
        self._begin()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # awake
            self._waker.release()

    def _give_back(self) -> bool:
        """The job that was under way was not done: it comes again. Whether that happened before."""
        lost, self._job, self._began = self._job, None, 0
        if lost is None or not self._again or self._stopped:
            return False
        before, self._retried = self._retried, lost
        if before is lost:
            self._jobs.append(lost)  # others first
        else:
            self._jobs.appendleft(lost)
        return before is lost

    # With no lock held: it may be another worker that tells, and its lock is taken before ours at a fork

    def _announce(self) -> None:
        while self._news:
            with suppress(IndexError):  # another thread has it
                self._tell(*self._news.popleft())

    # On its thread

    def _run(self) -> None:
        while True:
            try:
                self._serve()
            except BaseException as error:  # noqa: BLE001 - jobs guard themselves: a fault of ours, and work goes on
                with self.lock:
                    repeated = self._mine and self._give_back()
                    self._news.append((f"a job of the thread {self.name} failed", error))
            else:
                return
            self._announce()
            if repeated:
                threads.original("time", "sleep")(AGAIN_S)

    def _serve(self) -> None:
        waker = self._waker
        waker.acquire(blocking=False)
        while True:
            while (job := self._next()) is not None:
                job()
                del job  # it may hold a snapshot, and the next one may be days away
                self._done()
            if not self._goes_on():
                return
            waker.acquire()

    @property
    def _mine(self) -> bool:
        return self._thread is not None and self._thread.here

    def _next(self) -> Callable[[], None] | None:
        with self.lock:
            if not self._mine or not self._jobs:
                return None
            self._job = self._jobs.popleft()
            self._began = time.monotonic_ns()
            return self._job

    def _done(self) -> None:
        with self.lock:
            if self._mine:
                self._job, self._retried, self._began = None, None, 0

    def _goes_on(self) -> bool:
        with self.lock:
            if not self._mine:  # overtaken, or this is the child of a job that forked
                return False
            self._job, self._began = None, 0
            if self._jobs or (self._stays and not self._stopped):
                return True
            self._thread = None
            return False
