"""`Keeper`: the thread of a watcher that makes resources and closes them.

Rule 1: what a factory made is published or closed, and closed once: after the last lease, and after what uses it.
Rule 2: preparations come first. What is to be closed waits for them; what was registered last is closed first.
Rule 3: users' code that does not return in time is left alone with its thread, and another one goes on; what it makes
later is closed there. Nothing is made while `MOST_STUCK` threads are left alone.
Rule 4: the thread may die at any line: another one goes on where it was. What is alive is in `_entries`, and the
truth about each object is in its generator, so that nothing is lost and nothing is closed twice.
"""

from __future__ import annotations

import math
import time
from _queue import SimpleQueue
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from hotconf.errors import UsageError
from hotconf.resources import reports
from hotconf.resources.calls import UNCHANGED, in_factory
from hotconf.resources.entry import Entry, Task, drop, keep_for_ever, make
from hotconf.resources.handle import Handle
from hotconf.resources.preparation import Made, Preparation, Refused, Then, Wanted
from hotconf.resources.sleep import sleep
from hotconf.system import signals, threads
from hotconf.system.worker import Worker
from hotconf.text import printable

if TYPE_CHECKING:
    import asyncio

    from hotconf.resources.resource import Resource
    from hotconf.system.loops import Home

MOST_STUCK: Final = 3
"""Threads left alone with users' code that does not return; then nothing is made until one of them does."""
OVERDUE_NS: Final = 60_000_000_000
"""A lease that lasts longer after its object was replaced is reported."""
_NEVER_NS: Final = 1 << 62
_SHARE: Final = 0.2
"""What takes longer than this share of the time that `close` has keeps the others waiting no longer."""
_CHECK_S: Final = 1.0
_PAUSE_S: Final = 0.01


class _LeftAlone(BaseException):
    def __init__(self, task: Task, error: BaseException | None = None) -> None:
        self.task, self.error = task, error


class Keeper:
    """Makes resources and closes them, on a thread that starts with the first work.

    `unstuck` is called, on the thread itself, when users' code returns after its thread was left alone with it.
    """

    def __init__(self, name: str, *, unstuck: Callable[[], object] = lambda: None) -> None:
        self._name = f"hotconf resources {printable(name)}"
        self._unstuck = unstuck
        self._serials = count()
        self.close_failures = 0
        """How often closing raised, or did not return in time."""
        self._closed = False
        self.home: Home | None = None
        """Where async ones live."""
        self.withdraw: Callable[[Entry], list[Handle[Any]]] = lambda entry: []  # noqa: ARG005
        """Called on the thread when an event loop ends: what lived there is not current any more, and retired."""
        self._begin()

    def _begin(self) -> None:
        self._worker = self._new_worker()
        self._queue: SimpleQueue[object] = SimpleQueue()
        """Wakes the thread; what is in it says nothing more."""
        self._serving = False
        self._preparations: deque[Preparation] = deque()
        """The first one is at work."""
        self._retiring: deque[list[Handle[Any]]] = deque()
        self._overdue: deque[Entry] = deque()
        self._lost: deque[Entry] = deque()
        """What lived in a loop that ends."""
        self._barriers: deque[threads.Event] = deque()
        self._entries: dict[Entry, None] = {}
        self._task: Task | None = None
        self._stuck: dict[Task, None] = {}

    def _new_worker(self) -> Worker:
        return Worker(self._name, reports.thread, hung_ns=_NEVER_NS)

    # From any thread

    def enter(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        """From now on async resources are made in `loop`, which runs in this thread. To be called there, or later."""
        import hotconf.resources.inloop  # noqa: F401 - imported here, and not by our thread, which may be forked
        from hotconf.system.loops import Home

        self.home = Home(loop, thread)

    @property
    def alive(self) -> list[Resource[Any]]:
        """Those of which an object is alive, or being made."""
        return [entry.resource for entry in list(self._entries)]

    def prepare(self, wanted: Sequence[Wanted] | Callable[[], Sequence[Wanted]], then: Then) -> Preparation:
        """Make all of `wanted`, which are in order of registration, or none; then call `then` with how that ended.

        `then` is called once, on the keeper's thread; before this returns if nothing can be made now. What another
        one `uses` is the one of the same preparation, otherwise the one that is published. A function as `wanted` is
        called in its turn, on the keeper's thread.
        """
        preparation = Preparation(wanted, then)
        stuck = list(self._stuck)
        if self._closed:
            then(Refused(None, UsageError("the watcher is closed")))
            return preparation
        if len(stuck) >= MOST_STUCK:
            then(Refused(None, TimeoutError("; ".join(task.text for task in stuck))))
            return preparation
        self._preparations.append(preparation)
        self._wake()
        if self._worker.refused is not None:
            preparation.cancelled = True
            then(Refused(None, RuntimeError(self._worker.trouble or "no thread")))
        return preparation

    def cancel(self, preparation: Preparation) -> None:
        """Its outcome is not wanted: `then` is not called, unless that is under way, and what it makes is closed.

        What `then` has been given is still to be discarded.
        """
        preparation.cancelled = True
        task = self._task
        if task is not None and not task.closing and self._preparations and self._preparations[0] is preparation:
            task.interrupt()
        self._wake()

    def discard(self, made: Made) -> None:
        """Close what was prepared and not published, the last first."""
        self.retire(list(made.take().values()))

    def retire(self, handles: list[Handle[Any]]) -> None:
        """Close what was replaced, each object once its last lease has ended; without leases, the last first.

        `handles` are in order of registration. It takes the list over, and empties it: keep no other references.
        """
        if handles:
            self._retiring.append(handles)
            self._wake()

    def close(self, handles: list[Handle[Any]], timeout_s: float) -> bool:
        """Close everything that is not leased, within `timeout_s`; what is leased is closed when its lease ends.

        `handles` are those that were published, as for `retire`. Returns whether everything is closed; what is not is
        logged. May be repeated.
        """
        self._closed = True
        for preparation in list(self._preparations):
            self.cancel(preparation)
        done = threads.Event()
        self._retiring.append(handles)
        self._barriers.append(done)
        self._wake()
        in_time = not (self._worker.here or in_factory()) and self._finish(done, timeout_s)
        left = list(self._entries)
        reports.left(left, [*self._stuck, self._task], in_time=in_time)
        return not left

    def _finish(self, done: threads.Event, timeout_s: float) -> bool:
        """Wait for everything; what takes its time is left alone, so that the others are closed meanwhile."""
        until = time.monotonic() + timeout_s
        before: Task | None = None
        while (left := until - time.monotonic()) > 0:
            if done.wait(min(left, timeout_s * _SHARE)):
                if not self._stuck:
                    return True
                threads.pause(min(left, _PAUSE_S))
            task, before = before, self._task
            if task is not None and task is self._task and len(self._stuck) < MOST_STUCK:
                self._leave_alone(task, failed=False)
        return False

    def abandon(self) -> None:
        """In a forked child: objects and threads are the parent's. None is closed here, however its leases end."""
        for entry in self._entries:
            keep_for_ever(entry)
        self.home = None
        self._begin()

    # Supervision, on any thread but its own

    def supervise(self, now: int) -> bool:
        """Leave users' code alone that takes too long, and repair threads. Returns whether to call it again.

        `now` is `time.monotonic_ns()`; to be called about once a second.
        """
        for worker in (self._worker, *(task.worker for task in list(self._stuck))):
            worker.supervise()
        task = self._task
        if task is not None and task.late and len(self._stuck) < MOST_STUCK:
            self._leave_alone(task)
        waiting = [entry for entry in list(self._entries) if entry.retired_ns and not entry.reported]
        for entry in waiting:
            if now - entry.retired_ns > OVERDUE_NS:
                entry.reported = True
                self._overdue.append(entry)
                self._wake()
        return self.at_work or not all(entry.reported for entry in waiting)

    def settle(self, until: float) -> bool:
        """Wait until what was replaced, and is not leased, is closed: `until` then at most (monotonic seconds)."""
        if not self._retiring and not any(entry.tether and entry.dead for entry in list(self._entries)):
            return not any(task.closing for task in list(self._stuck))
        done = threads.Event()
        self._barriers.append(done)
        self._wake()
        return self.wait(done, until) and not any(task.closing for task in list(self._stuck))

    def wait(self, done: threads.Event, until: float = math.inf) -> bool:
        """Wait for the keeper, however long that takes. Returns False if `until` or closing prevents it."""
        while not done.wait(max(0.0, min(_CHECK_S, until - time.monotonic()))):
            if self._closed or time.monotonic() >= until:
                return done.is_set()
            self.supervise(time.monotonic_ns())
        return True

    @property
    def at_work(self) -> bool:
        """Whether something is being made or closed, or cannot be."""
        refused = self._worker.refused is not None
        return bool(refused or self._task or self._stuck or self._preparations or self._retiring or self._barriers)

    @property
    def trouble(self) -> str | None:
        """What does not return, or why nothing can be done; None if all is well. Determined on each call."""
        task = self._task
        late = [task] if task is not None and task.late else []
        return "; ".join(filter(None, (*(each.text for each in (*self._stuck, *late)), self._worker.trouble))) or None

    def _leave_alone(self, task: Task, *, failed: bool = True) -> None:
        self._stuck[task] = None
        task.entry.left, task.reported = True, failed
        if not task.decide():  # it has returned just now
            task.entry.left = False
            del self._stuck[task]
            self._wake()
            return
        if failed:
            reports.left_alone(task)
        if task.closing:
            self.close_failures += failed
        elif self._preparations:
            text = f"it did not return within {task.limit_s:g} s"
            self._preparations[0].outcome = Refused(task.entry.resource, TimeoutError(text))
        self._task = None
        self._worker = self._new_worker()
        self._serving = False
        self._wake()

    def _wake(self) -> None:
        if not self._serving:
            self._serving = True
            worker = self._worker
            worker.submit(partial(self._serve, worker))
        elif self._worker.refused is not None:
            self._worker.supervise()  # perhaps its thread can be had now
        self._queue.put(None)

    # On its thread

    def _serve(self, worker: Worker) -> None:
        signals.block()
        try:
            self._recover(worker)
            while self._worker is worker:
                if self._step(worker):
                    continue
                if not self._closed or self._entries:
                    sleep(self._queue, closed=self._closed)
                    continue
                self._serving = False
                if not self._step(worker):  # something may have come just now
                    return
                self._serving = True
        except _LeftAlone as left:
            self._returned(left.task, left.error)

    def _recover(self, worker: Worker) -> None:
        """If a thread died during a call, and this one goes on: what was being made is closed."""
        for stuck in list(self._stuck):
            if stuck.worker is worker:
                raise _LeftAlone(stuck)
        task = self._task
        if task is not None and task.worker is worker:
            task.decide()
            self._task = None
            if not task.closing and self._preparations:
                died = RuntimeError("the thread that made it died")
                self._preparations[0].outcome = Refused(task.entry.resource, died)

    def _step(self, worker: Worker) -> bool:
        """Do what comes next. Returns whether there was anything."""
        if self._preparations:
            self._prepare(worker, self._preparations[0])
            return True
        while self._lost:
            self._retiring.append(self.withdraw(self._lost.popleft()))
        while self._retiring:
            drop(self._retiring[0])
            self._retiring.popleft()
        dead = max(filter(attrgetter("dead"), list(self._entries)), key=attrgetter("order"), default=None)
        if dead is not None:
            self._end(worker, dead)
            return True
        while self._overdue:
            reports.overdue(self._overdue.popleft())
        while self._barriers:
            self._barriers.popleft().set()
        return False

    def _prepare(self, worker: Worker, preparation: Preparation) -> None:
        if preparation.outcome is None and not preparation.cancelled:
            wanted = preparation.next()
            if wanted is not None:
                self._make(worker, preparation, wanted)
                return
            preparation.outcome = preparation.made
        if preparation.cancelled or isinstance(preparation.outcome, Refused):
            self._retiring.append(list(preparation.made.take().values()))
        if preparation.outcome is not None and not preparation.cancelled:
            preparation.then(preparation.outcome)
        self._preparations.popleft()

    def _make(self, worker: Worker, preparation: Preparation, wanted: Wanted) -> None:
        resource, uses = wanted.resource, wanted.resource.recipe.uses
        entry = Entry(resource, next(self._serials), preparation.dependency(resource))
        if uses is not None and entry.needs is None:
            preparation.outcome = Refused(resource, UsageError(f"{uses.recipe.name}, which it uses, was not made"))
            return
        task = Task(worker, entry, closing=False)
        self._entries[entry] = None
        self._task = task
        outcome = make(entry, wanted.value, None if self.home is None else self.home.loop, self._lose)
        if not task.decide():
            raise _LeftAlone(task, outcome.error)
        if outcome.error is not None:
            preparation.outcome = Refused(resource, outcome.error)
        elif outcome.value is UNCHANGED:
            self._over(entry)
        else:
            handle = Handle(outcome.value, entry)
            entry.tether = ref(handle, self._queue.put)
            preparation.made.add(resource, handle)
        preparation.decided += 1
        self._task = None

    def _lose(self, entry: Entry) -> None:
        """In a loop that ends."""
        entry.lost = True
        self._lost.append(entry)
        self._wake()

    def _end(self, worker: Worker, entry: Entry) -> None:
        task = Task(worker, entry, closing=True)
        self._task = task
        error = None if entry.life is None else entry.life.end()
        if not task.decide():
            raise _LeftAlone(task, error)
        self._over(entry)
        self._task = None
        if error is not None:
            self.close_failures += 1
            reports.close_failed(entry, error)

    def _over(self, entry: Entry) -> None:
        self._entries.pop(entry, None)
        if entry.life is None or entry.life.over:  # otherwise a task, which holds the entry, is closing by itself
            entry.needs = None  # an exception of users' code keeps its callers' frames, and so the entry

    def _returned(self, task: Task, error: BaseException | None) -> None:
        """Users' code returned, or raised `error`, after its thread was left alone. What it made is closed here."""
        entry = task.entry
        if task not in self._stuck:  # this is the child of a fork
            return
        ended = None if task.closing or entry.life is None else entry.life.end()
        failed, error = (error, None) if task.closing else (ended, error)
        if failed is not None:
            self.close_failures += not (task.closing and task.reported)  # or it is counted already
            reports.close_failed(entry, failed)
        self._over(entry)
        self._stuck.pop(task, None)
        reports.returned(task, error)
        self._unstuck()
        self._wake()
