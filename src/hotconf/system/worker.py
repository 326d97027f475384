"""A queue of jobs and the native thread that runs them in order, restarted if it dies.

Rule 1: a thread that died, or could not be started, is started by the next job or by the supervisor.
Rule 2: a job that raised, or whose thread died, is reported and rerun, until it succeeds or the worker is stopped.
Rule 3: if `parallel`, slow jobs delay the others by `SLOW_NS` at most, however many are slow: then each waiting job
gets a thread of its own.
Rule 4: no thread waits for a lock here, so that a signal handler or a fork may come at any moment. A thread that
finds the worker under repair sets a mark, and the repairing thread checks again.
Rule 5: any job may run users' code, so the thread blocks the signals that the main thread blocks.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from hotconf.system import signals, threads

if TYPE_CHECKING:
    from collections.abc import Callable

HUNG_NS: Final = 30_000_000_000
"""A job that takes longer is reported as hanging."""
RETRY_S: Final = 1.0
"""The pause before a job that failed twice is retried, so that nothing spins."""
SLOW_NS: Final = 2_000_000_000
"""Jobs behind one that takes longer get threads of their own."""
MAX_SLOW: Final = 64
"""The most threads with slow jobs; beyond that jobs wait."""


class _Runner:
    """One thread, and its job. Only that thread writes here."""

    __slots__ = ("began", "exiting", "failed", "job", "reported", "thread")

    def __init__(self, run: Callable[[_Runner], None], name: str) -> None:
        self.thread = threads.Thread(lambda: run(self), name)
        self.job: Callable[[], None] | None = None
        self.began = 0
        """When the job began; 0 between jobs."""
        self.reported = False
        """Whether it was reported that the job hangs."""
        self.failed: Callable[[], None] | None = None
        """The job that failed last."""
        self.exiting = False
        """It was ended because the process ends; its job is left to another one, if there is time."""

    @property
    def busy_ns(self) -> int:
        """How long its job has taken so far."""
        began = self.began
        return time.monotonic_ns() - began if began and self.thread.alive else 0


class Worker:
    """A queue and its thread, which ends when there is nothing to do, unless it `stays`.

    `report` is called once for each failure, and must not wait. `describe` describes a job that hangs, given the job
    and the seconds that it has taken.
    """

    def __init__(
        self,
        name: str,
        report: Callable[[str, BaseException | None], None],
        describe: Callable[[Callable[[], None], int], str] | None = None,
        *,
        stays: bool = False,
        parallel: bool = False,
        hung_ns: int | None = None,
    ) -> None:
        self.name = name
        self._report = report
        self._describe = describe
        self._stays, self._parallel, self._hung_ns = stays, parallel, hung_ns
        self.abandon()

    def abandon(self) -> None:
        """In a forked child: its threads and jobs are the parent's."""
        self._repairing: dict[None, object] = {}
        """A token while a thread repairs. A lock would stay taken after an exception right after `acquire`."""
        self._due = False
        """The repairing thread has to repair once more."""
        self._waker = threads.lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._current: _Runner | None = None
        self._slow: list[_Runner] = []
        """Threads with slow jobs, whose waiting jobs the current thread has taken over."""
        self._stopped = False
        self.refused: str | None = None
        """Why the last start of a thread failed."""

    # From any thread

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those before it."""
        self._jobs.append(job)
        self._repair()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after its current jobs, none of which is rerun. Returns whether that was in time."""
        self._stopped = True
        return self.join(timeout_s)

    def join(self, timeout_s: float) -> bool:
        """Wait until there is nothing to do and no thread but the caller. Returns whether that was in time."""
        until = time.monotonic() + timeout_s
        self._repair()  # its thread may have been refused, and can be had now
        while (current := self._current) is not None and not self.here:
            if not current.thread.join(until - time.monotonic()):
                return False
            self._repair()  # it may have died
        return self._current is None and not self._jobs

    def drain(self) -> None:
        """Run jobs that have no thread in this one."""
        while self.refused is not None and self._jobs:
            with suppress(IndexError):
                self._jobs.popleft()()

    def supervise(self) -> bool:
        """Repair the thread, and report jobs that hang. Returns whether to call it again."""
        self._repair()
        for runner in self._hung:
            if not runner.reported:
                runner.reported = True
                self._report(self._hang(runner), None)
        return self.at_work

    @property
    def at_work(self) -> bool:
        """Whether there is something to do, or to repair."""
        current = self._current
        return bool(self._jobs or self._slow or self.refused is not None or (current is not None and current.began))

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._jobs)

    @property
    def here(self) -> bool:
        """Whether the caller is one of its threads."""
        return any(runner.thread.here for runner in self._runners)

    @property
    def busy_ns(self) -> int:
        """How long its job has taken so far; of several threads, the longest time."""
        return max((runner.busy_ns for runner in self._runners), default=0)

    @property
    def trouble(self) -> str | None:
        """Why its jobs are not done; None if all is well. Determined on each call, so always current."""
        if self.refused is not None:
            return f"the thread {self.name} cannot be started: {self.refused}"
        hung = self._hung
        more = f", and {len(hung) - 1} more" if len(hung) > 1 else ""
        return f"{self._hang(hung[0])}{more}" if hung else None

    @property
    def _runners(self) -> list[_Runner]:
        return [runner for runner in (self._current, *self._slow) if runner is not None]

    @property
    def _hung(self) -> list[_Runner]:
        """The threads whose jobs hang, the longest first."""
        limit = HUNG_NS if self._hung_ns is None else self._hung_ns
        return sorted((runner for runner in self._runners if runner.busy_ns > limit), key=attrgetter("began"))

    def _hang(self, runner: _Runner) -> str:
        job, seconds = runner.job, runner.busy_ns // 1_000_000_000
        if self._describe is None or job is None:
            return f"the thread {self.name} has been running one job for {seconds} s"
        return self._describe(job, seconds)

    def next_part(self) -> None:
        """Its job, in any thread, begins its next part: how long it takes counts from here."""
        current = self._current
        if current is not None and current.began:
            current.began, current.reported = time.monotonic_ns(), False

    # Repair, by one thread at a time

    def _repair(self) -> None:
        self._due = True
        token = object()
        try:
            while self._due and self._repairing.setdefault(None, token) is token:
                self._due = False
                self._repair_once()
                del self._repairing[None]
        finally:
            if self._repairing.get(None) is token:
                del self._repairing[None]

    def _repair_once(self) -> None:
        for dead in [each for each in self._slow if not each.thread.alive]:
            self._slow.remove(dead)
            if dead.job is not None:
                self._died(dead)
        current = self._current
        if current is not None and not current.thread.alive:
            self._current = None
            self._died(current)
        elif current is not None and self._is_slow(current):
            self._slow.append(current)
            self._current = None
        if self._current is not None:
            with suppress(RuntimeError):  # it is awake
                self._waker.release()
        elif self._jobs:
            self._begin()

    def _died(self, dead: _Runner) -> None:
        self._requeue(dead)
        if not dead.exiting:
            self._report(f"the thread {self.name} died and is replaced", dead.thread.error)

    def _is_slow(self, runner: _Runner) -> bool:
        if not (self._parallel and self._jobs and runner.began) or len(self._slow) >= MAX_SLOW:
            return False
        return bool(self._slow) or runner.busy_ns > SLOW_NS

    def _begin(self) -> None:
        self._current = runner = _Runner(self._run, self.name)
        try:
            runner.thread.start()
        except (RuntimeError, MemoryError, OSError) as error:
            self._current = None
            before, self.refused = self.refused, str(error) or type(error).__name__
            if before is None:
                self._report(f"the thread {self.name} cannot be started: {self.refused}", None)
        else:
            self.refused = None

    def _requeue(self, runner: _Runner) -> bool:
        """Its job was not finished: queue it again. Returns whether it failed before; then other jobs come first."""
        job, runner.job, runner.began, runner.reported = runner.job, None, 0, False
        if job is None or self._stopped:
            return False
        before, runner.failed = runner.failed, job
        (self._jobs.append if job is before else self._jobs.appendleft)(job)
        return job is before

    # On its thread

    def _run(self, me: _Runner) -> None:
        while True:
            try:
                self._serve(me)
                break
            except threads.ExitingError:  # of the process: nothing failed
                me.exiting = True
                return
            except BaseException as error:  # noqa: BLE001 - jobs guard themselves: a fault of ours
                again = me in self._runners and self._requeue(me)  # unless the job forked
                self._report(f"a job of the thread {self.name} failed", error)
            self._repair()
            if again:
                threads.original("time", "sleep")(RETRY_S)
        self._repair()  # a job may have arrived just now

    def _serve(self, me: _Runner) -> None:
        waker = self._waker
        waker.acquire(blocking=False)
        while True:
            while self._current is me and self._jobs:
                self._do_one(me)
            if self._current is not me:  # it was slow, or the job forked, and this is the child
                return
            if not self._stays or self._stopped:
                self._current = None
                return
            waker.acquire()

    def _do_one(self, me: _Runner) -> None:
        # A function of its own, so that a finished job is not kept alive during the wait for the next.
        me.began = time.monotonic_ns()
        try:
            job = me.job = self._jobs.popleft()
        except IndexError:  # the thread that replaced this one has it
            me.began = 0
            return
        if self._slow and self._jobs:
            self._repair()
        signals.run(job)
        me.job, me.began, me.reported = None, 0, False
        if job is me.failed:
            me.failed = None
