"""A queue of jobs and the native thread that runs them, in order, whatever happens to that thread.

Rule 1: a thread that could not be started, or died, is started at the next job, and by its supervisor.
Rule 2: a job under way when its thread died is rerun if allowed; a lost one is reported.
Rule 3: where jobs may overtake, one that hangs delays the others by `OVERTAKE_NS`, however many hang: after that
each waiting job gets a thread of its own.
Rule 4: no thread waits for a lock here. If one finds the worker under repair, it leaves a mark, and the repairing
thread checks again: so a signal handler, or a fork, may come at any moment.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.system import signals, threads

if TYPE_CHECKING:
    from collections.abc import Callable

HUNG_NS: Final = 30_000_000_000
"""A thread that takes longer for one job is reported."""
AGAIN_S: Final = 1.0
"""A job that failed twice is retried after such a pause, so that nothing spins."""
OVERTAKE_NS: Final = 2_000_000_000
"""Jobs behind one that takes longer get threads of their own."""
MOST_OVERTAKEN: Final = 64
"""How many threads may be stuck; beyond that jobs have to wait."""


class Trouble(NamedTuple):
    """What is wrong with a worker."""

    text: str
    hung: bool = False


class _Shift:
    """One thread, and its job. Only that thread writes here."""

    __slots__ = ("began", "job", "reported", "retried", "thread")

    def __init__(self, run: Callable[[_Shift], None], name: str) -> None:
        self.thread = threads.Thread(lambda: run(self), name)
        self.job: Callable[[], None] | None = None
        self.began = 0
        """When the job began; 0 between jobs."""
        self.reported = False
        """That the job hangs."""
        self.retried: Callable[[], None] | None = None
        """The job to run again."""

    @property
    def stuck_ns(self) -> int:
        """How long its job has taken so far."""
        began = self.began
        return time.monotonic_ns() - began if began and self.thread.alive else 0


class Worker:
    """A queue and its thread, which ends when there is nothing to do, unless it `stays`.

    `again`: a job that raised, or whose thread died, is rerun until it succeeds. `overtakes`: jobs behind one that
    hangs get other threads. `lends`: its jobs run users' code. `tell` is called once for each thing that went wrong,
    and must not wait.
    """

    hung_ns: int | None = None
    """A job that takes longer is reported; None for `HUNG_NS`."""

    def __init__(
        self,
        name: str,
        tell: Callable[[str, BaseException | None], None],
        *,
        stays: bool = False,
        again: bool = False,
        overtakes: bool = False,
        lends: bool = False,
    ) -> None:
        self.name = name
        self._tell = tell
        self._stays, self._again, self._overtakes, self._lends = stays, again, overtakes, lends
        self.abandon()

    def abandon(self) -> None:
        """In a forked child: its threads and jobs are the parent's."""
        self._repairing: dict[None, object] = {}
        """The token of the thread that repairs. A lock would stay taken after an exception right after `acquire`."""
        self._due = False
        """A repair is needed, by the thread that is repairing now."""
        self._waker = threads.lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._news: deque[tuple[str, BaseException | None]] = deque()
        self._shift: _Shift | None = None
        self._hung: list[_Shift] = []
        """Threads that were overtaken."""
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
        for shift in self._stuck():
            if not shift.reported:
                shift.reported = True
                self._tell(self.hangs(shift.job, shift.stuck_ns), None)
        return self.at_work

    @property
    def at_work(self) -> bool:
        """Whether there is something to do, or to repair."""
        shift = self._shift
        return bool(self._jobs or self._hung or self.refused is not None or (shift is not None and shift.began))

    @property
    def here(self) -> bool:
        """Whether the caller is one of its threads."""
        return any(shift.thread.here for shift in self._shifts)

    @property
    def stuck_ns(self) -> int:
        """How long its job has taken so far; for several threads, the longest."""
        return max((shift.stuck_ns for shift in self._shifts), default=0)

    @property
    def trouble(self) -> Trouble | None:
        """Why its jobs are not done; None if all is well. Determined on each call, and so never late."""
        if self.refused is not None:
            return Trouble(f"the thread {self.name} cannot be started: {self.refused}")
        stuck = self._stuck()
        if not stuck:
            return None
        more = f", and {len(stuck) - 1} more" if len(stuck) > 1 else ""
        return Trouble(f"{self.hangs(stuck[0].job, stuck[0].stuck_ns)}{more}", hung=True)

    def hangs(self, job: Callable[[], None] | None, stuck_ns: int) -> str:  # noqa: ARG002 - for subclasses
        """How to report that this job has taken so long."""
        return f"the thread {self.name} has been at one job for {stuck_ns // 1_000_000_000} s"

    @property
    def _shifts(self) -> list[_Shift]:
        return [shift for shift in (self._shift, *self._hung) if shift is not None]

    def _stuck(self) -> list[_Shift]:
        """Those whose jobs hang, the longest first."""
        limit = HUNG_NS if self.hung_ns is None else self.hung_ns
        return sorted((shift for shift in self._shifts if shift.stuck_ns > limit), key=attrgetter("began"))

    # Repair, by one thread at a time

    def _attend(self) -> None:
        self._due = True
        token = object()
        try:
            while self._due and self._repairing.setdefault(None, token) is token:
                self._due = False
                self._put_right()
                del self._repairing[None]
        finally:
            if self._repairing.get(None) is token:
                del self._repairing[None]
        while self._news:
            with suppress(IndexError):  # another thread has it
                self._tell(*self._news.popleft())

    def _put_right(self) -> None:
        shift = self._shift
        for dead in [each for each in self._hung if not each.thread.alive]:
            self._hung.remove(dead)
            if dead.job is not None:
                self._bury(dead)
        if shift is not None and not shift.thread.alive:
            self._shift = None
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
        self._give_back(dead)
        self._news.append((f"the thread {self.name} died, and another is started", dead.thread.error))

    def _is_slow(self, shift: _Shift) -> bool:
        if not (self._overtakes and self._jobs and shift.began) or len(self._hung) >= MOST_OVERTAKEN:
            return False
        return bool(self._hung) or shift.stuck_ns > OVERTAKE_NS

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
        lost, shift.job, shift.began, shift.reported = shift.job, None, 0, False
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
                repeated = shift in self._shifts and self._give_back(shift)  # unless the job forked
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
            if not self._stays or self._stopped:
                self._shift = None
                return
            waker.acquire()

    def _do_one(self, shift: _Shift) -> None:
        # A function of its own, so that no finished job is kept alive during the wait for the next.
        shift.began = time.monotonic_ns()
        try:
            job = shift.job = self._jobs.popleft()
        except IndexError:  # the thread that overtook this one has it
            shift.began = 0
            return
        if self._hung and self._jobs:
            self._attend()
        self._run_job(job)
        shift.job, shift.began, shift.reported = None, 0, False
        if job is shift.retried:
            shift.retried = None

    def _run_job(self, job: Callable[[], None]) -> None:
        lent = self._lends and signals.lend()
        try:
            job()
        finally:
            if lent:
                signals.take_back()
