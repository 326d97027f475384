"""A queue of jobs and the native thread that runs them, in order, whatever happens to that thread.

Rule 1: a thread that could not be started, or died, is started at the next job, and by whoever supervises it.
Rule 2: a job that was under way when its thread died is run again if it may be; what is lost is told.
Rule 3: a job that does not return holds up what waits behind it only while there is no other thread for that.
Rule 4: nobody waits for a lock here. Who finds the worker being put right leaves a mark, and whoever is at it looks
again: so a signal handler, or a fork, may come at any moment.
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


class _Shift:
    """One thread, and what it is at. Only that thread writes here."""

    __slots__ = ("began", "job", "retried", "thread")

    def __init__(self, run: Callable[[_Shift], None], name: str) -> None:
        self.thread = threads.Thread(lambda: run(self), name)
        self.job: Callable[[], None] | None = None
        self.began = 0
        """When the job was begun; 0 between jobs."""
        self.retried: Callable[[], None] | None = None
        """The job that is run again."""


class Worker:
    """See the module. Its thread ends when there is nothing to do, unless it `stays`.

    `again`: a job that raised, or whose thread died, is run again until it is done. `overtakes`: what waits behind a
    job that hangs gets another thread. `tell` is called with what went wrong, once each time, and must not wait.
    """

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
        self._tell = tell
        self._stays, self._again, self._overtakes = stays, again, overtakes
        self.abandon()

    def abandon(self) -> None:
        """In the child of a fork: its threads and its jobs are the parent's."""
        self._putting_right = threads.lock()
        self._due = False
        """Something is to be put right, by whoever is at it."""
        self._waker = threads.lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._news: deque[tuple[str, BaseException | None]] = deque()
        self._shift: _Shift | None = None
        self._hung: list[_Shift] = []
        """Threads that were overtaken."""
        self._reported = False
        self._wanted = self._stopped = False
        self.refused: str | None = None
        """Why its thread could not be started the last time."""

    # From any thread

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those before it."""
        self._jobs.append(job)
        self._attend()

    def start(self) -> None:
        """Have the thread before there is work. A refusal is told, and tried again by `supervise`."""
        self._wanted = True
        self._attend()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the jobs it has, none of which is run again; whether that was in time."""
        self._stopped = True
        self._attend()
        return self.join(timeout_s)

    def join(self, timeout_s: float) -> bool:
        """Wait until there is nothing to do and no thread; never for itself. Whether that came in time."""
        until = time.monotonic() + timeout_s
        while (shift := self._shift) is not None and not self.here:
            if not shift.thread.join(until - time.monotonic()):
                return False
            self._attend()  # it may have died
        return self._shift is None and not self._jobs

    def drain(self) -> None:
        """Do, in this thread, what no thread could be had for."""
        while self.refused is not None and self._jobs:
            with suppress(IndexError):
                self._jobs.popleft()()

    def supervise(self) -> bool:
        """Start the thread again if that is due, give what waits another one, and tell of what hangs.

        Whether there is something to do, or to put right: then it wants to be supervised again.
        """
        self._attend()
        trouble = self.trouble
        hung = trouble is not None and trouble.hung
        if trouble is not None and hung and not self._reported:
            self._tell(trouble.text, None)
        self._reported = hung
        return self.at_work

    @property
    def at_work(self) -> bool:
        """Whether there is something to do, or to put right."""
        shift = self._shift
        return bool(self._jobs or self._hung or self.refused is not None or (shift is not None and shift.began))

    @property
    def here(self) -> bool:
        """Whether one of its threads is the one that asks."""
        shifts = (self._shift, *self._hung)
        return any(shift.thread.here for shift in shifts if shift is not None)

    @property
    def stuck_ns(self) -> int:
        """For how long it has been at its job; of several threads, the one that has been for longest."""
        shifts = (self._shift, *self._hung)
        began = [shift.began for shift in shifts if shift is not None and shift.began and shift.thread.alive]
        return time.monotonic_ns() - min(began) if began else 0

    @property
    def trouble(self) -> Trouble | None:
        """Why its jobs are not done; None if all is well. It is found out when it is asked, and so never late."""
        if self.refused is not None:
            return Trouble(f"the thread {self.name} cannot be started: {self.refused}")
        stuck = self.stuck_ns
        if stuck > HUNG_NS:
            return Trouble(f"the thread {self.name} has been at one job for {stuck // 1_000_000_000} s", hung=True)
        return None

    # Putting right, by one thread at a time

    def _attend(self) -> None:
        self._due = True
        while self._due and self._putting_right.acquire(blocking=False):
            try:
                self._due = False
                self._put_right()
            finally:
                self._putting_right.release()
        while self._news:
            with suppress(IndexError):  # another thread has it
                self._tell(*self._news.popleft())

    def _put_right(self) -> None:
        shift = self._shift
        self._hung = [each for each in self._hung if each.thread.alive]
        if shift is not None and not shift.thread.alive:
            self._bury(shift)
        elif shift is not None and self._is_slow(shift):
            self._hung.append(shift)
            self._shift = None
        if self._shift is not None:
            with suppress(RuntimeError):  # it is awake
                self._waker.release()
        elif self._jobs or (self._wanted and not self._stopped):
            self._begin()

    def _bury(self, dead: _Shift) -> None:
        self._shift = None
        self._give_back(dead)
        self._news.append((f"the thread {self.name} died, and another is started", dead.thread.error))

    def _is_slow(self, shift: _Shift) -> bool:
        began = shift.began
        waited = self._overtakes and self._jobs and began and time.monotonic_ns() - began > OVERTAKE_NS
        return bool(waited) and len(self._hung) < MOST_HUNG

    def _begin(self) -> None:
        shift = _Shift(self._run, self.name)
        self._shift = shift
        try:
            shift.thread.start()
        except (RuntimeError, MemoryError, OSError) as error:
            self._shift = None
            told, self.refused = self.refused, str(error) or type(error).__name__
            if told is None:
                self._news.append((f"the thread {self.name} cannot be started: {self.refused}", None))
        else:
            self.refused = None

    def _give_back(self, shift: _Shift) -> bool:
        """The job that was under way was not done: it comes again. Whether that happened before."""
        lost, shift.job, shift.began = shift.job, None, 0
        if lost is None or not self._again or self._stopped:
            return False
        repeated = lost is shift.retried
        shift.retried = lost
        if repeated:
            self._jobs.append(lost)  # others first
        else:
            self._jobs.appendleft(lost)
        return repeated

    # On its thread

    def _run(self, shift: _Shift) -> None:
        while True:
            try:
                self._serve(shift)
            except BaseException as error:  # noqa: BLE001 - jobs guard themselves: a fault of ours, and work goes on
                repeated = self._shift is shift and self._give_back(shift)
                self._news.append((f"a job of the thread {self.name} failed", error))
            else:
                break
            self._attend()
            if repeated:
                threads.original("time", "sleep")(AGAIN_S)
        self._attend()  # a job may have come just now

    def _serve(self, shift: _Shift) -> None:
        waker = self._waker
        waker.acquire(blocking=False)
        while True:
            while self._shift is shift and self._jobs:
                self._do_one(shift)
            if self._shift is not shift:  # overtaken, or this is the child of a job that forked
                return
            shift.job, shift.began = None, 0
            if not self._stays or self._stopped:
                self._shift = None
                return
            waker.acquire()

    def _do_one(self, shift: _Shift) -> None:
        # A function of its own, so that no job is kept alive while the next one is waited for.
        job = shift.job = self._jobs[0]
        shift.began = time.monotonic_ns()
        self._jobs.popleft()
        job()
        shift.job, shift.began = None, 0
        if job is shift.retried:
            shift.retried = None
