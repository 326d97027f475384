"""A queue of jobs and the native thread that runs them, in order, whatever happens to that thread.

Rule 1: a thread that could not be started, or died, is started at the next job, and by its supervisor.
Rule 2: a job under way when its thread died is rerun if allowed; a lost one is reported.
Rule 3: a job that does not return delays those behind it only while no other thread is available.
Rule 4: no thread waits for a lock here. If one finds the worker under repair, it leaves a mark, and the repairing
thread checks again: so a signal handler, or a fork, may come at any moment.
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
"""A thread that takes longer for one job is reported."""
AGAIN_S: Final = 1.0
"""A job that failed twice is retried after such a pause, so that nothing spins."""
OVERTAKE_NS: Final = 2_000_000_000
"""Jobs behind one that takes longer get another thread."""
MOST_HUNG: Final = 8
"""How many threads may be stuck; beyond that jobs have to wait."""


class Trouble(NamedTuple):
    """What is wrong with a worker."""

    text: str
    hung: bool = False


class _Shift:
    """One thread, and its job. Only that thread writes here."""

    __slots__ = ("began", "job", "retried", "thread")

    def __init__(self, run: Callable[[_Shift], None], name: str) -> None:
        self.thread = threads.Thread(lambda: run(self), name)
        self.job: Callable[[], None] | None = None
        self.began = 0
        """When the job began; 0 between jobs."""
        self.retried: Callable[[], None] | None = None
        """The job to run again."""


class Worker:
    """A queue and its thread, which ends when there is nothing to do, unless it `stays`.

    `again`: a job that raised, or whose thread died, is rerun until it succeeds. `overtakes`: jobs behind one that
    hangs get another thread. `tell` is called once for each thing that went wrong, and must not wait.
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
        """In a forked child: its threads and jobs are the parent's."""
        self._putting_right = threads.lock()
        self._due = False
        """A repair is needed, by the thread that is repairing now."""
        self._waker = threads.lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._news: deque[tuple[str, BaseException | None]] = deque()
        self._shift: _Shift | None = None
        self._hung: list[_Shift] = []
        """Threads that were overtaken."""
        self._reported = False
        self._wanted = self._stopped = False
        self.refused: str | None = None
        """Why its last start of a thread failed."""

    # From any thread

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those before it."""
        self._jobs.append(job)
        self._attend()

    def start(self) -> None:
        """Start the thread before there is work. A refusal is reported, and `supervise` tries again."""
        self._wanted = True
        self._attend()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after its current jobs, none of which is rerun; whether that was in time."""
        self._stopped = True
        self._attend()
        return self.join(timeout_s)

    def join(self, timeout_s: float) -> bool:
        """Wait until there is nothing to do and no thread; never for itself. Whether that was in time."""
        until = time.monotonic() + timeout_s
        while (shift := self._shift) is not None and not self.here:
            if not shift.thread.join(until - time.monotonic()):
                return False
            self._attend()  # it may have died
        return self._shift is None and not self._jobs

    def drain(self) -> None:
        """Run, in this thread, jobs that have no thread."""
        while self.refused is not None and self._jobs:
            with suppress(IndexError):
                self._jobs.popleft()()

    def supervise(self) -> bool:
        """Restart the thread if due, give waiting jobs another one, and report what hangs.

        Returns whether there is something to do, or to repair: then call it again.
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
        """Whether there is something to do, or to repair."""
        shift = self._shift
        return bool(self._jobs or self._hung or self.refused is not None or (shift is not None and shift.began))

    @property
    def here(self) -> bool:
        """Whether the caller is one of its threads."""
        shifts = (self._shift, *self._hung)
        return any(shift.thread.here for shift in shifts if shift is not None)

    @property
    def stuck_ns(self) -> int:
        """How long its job has taken so far; for several threads, the longest."""
        shifts = (self._shift, *self._hung)
        began = [shift.began for shift in shifts if shift is not None and shift.began and shift.thread.alive]
        return time.monotonic_ns() - min(began) if began else 0

    @property
    def trouble(self) -> Trouble | None:
        """Why its jobs are not done; None if all is well. Determined on each call, and so never late."""
        if self.refused is not None:
            return Trouble(f"the thread {self.name} cannot be started: {self.refused}")
        stuck = self.stuck_ns
        if stuck > HUNG_NS:
            return Trouble(f"the thread {self.name} has been at one job for {stuck // 1_000_000_000} s", hung=True)
        return None

    # Repair, by one thread at a time

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
        """The job under way was not finished: requeue it. Whether that happened before."""
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
            except BaseException as error:  # noqa: BLE001 - jobs guard themselves: a fault of ours
                repeated = self._shift is shift and self._give_back(shift)
                self._news.append((f"a job of the thread {self.name} failed", error))
            else:
                break
            self._attend()
            if repeated:
                threads.original("time", "sleep")(AGAIN_S)
        self._attend()  # a job may have arrived just now

    def _serve(self, shift: _Shift) -> None:
        waker = self._waker
        waker.acquire(blocking=False)
        while True:
            while self._shift is shift and self._jobs:
                self._do_one(shift)
            if self._shift is not shift:  # overtaken, or the job forked, and this is the child
                return
            shift.job, shift.began = None, 0
            if not self._stays or self._stopped:
                self._shift = None
                return
            waker.acquire()

    def _do_one(self, shift: _Shift) -> None:
        # A function of its own, so that no finished job is kept alive during the wait for the next.
        job = shift.job = self._jobs[0]
        shift.began = time.monotonic_ns()
        self._jobs.popleft()
        job()
        shift.job, shift.began = None, 0
        if job is shift.retried:
            shift.retried = None
