"""The one thread that serves all watchers of the process: wait, step, perform. It runs no users' code, and reads no
file but to verify one that had changed just before it was loaded.

The driver starts with the first watcher and ends with the last. Python's signal handlers never run on it; therefore
it alone steps the machines, and opens and closes descriptors. Callers post actions, wake it, and wait. It takes no
lock that an interrupted caller may hold.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from hotconf.engine.protocol import Due
from hotconf.errors import UsageError
from hotconf.logs import log
from hotconf.runtime.driven import Driven
from hotconf.runtime.observers import Observers
from hotconf.runtime.supervision import SECOND, Supervision, isolated
from hotconf.system import fork, threads
from hotconf.system.fork import FORK_CHECK_S
from hotconf.system.wait import NEVER
from hotconf.system.worker import Worker
from hotconf.watch.background import Background
from hotconf.watch.reconcile import Reconcile

if TYPE_CHECKING:
    import threading

R = TypeVar("R")

HUNG_NS: Final = 5_000_000_000
"""A load that takes longer is reported as hanging."""

_NAME: Final = "hotconf-driver"
_LEAST_S: Final = 0.1
"""The least time to wait for a thread, however long others took: enough for an idle one."""


class Driver(fork.ForkAware):
    """The thread that steps all machines, with what it waits for."""

    def __init__(self) -> None:
        self._loaders: dict[object, Worker] = {None: new_loader()}
        self.background = Background(self.post)
        self.observers = Observers(self.background, self.wake)
        self.reconcile = Reconcile(self.observers.reconcile)
        self._supervision = Supervision()
        self._due: dict[Driven, int] = {}
        """When each machine wants a `Due`."""
        self._actions: deque[Callable[[], object]] = deque()
        self._doing: Callable[[], object] | None = None
        self._redone: Callable[[], object] | None = None
        """The action that was under way when the thread failed, and is retried once."""
        self._lock = threads.rlock()
        """Held while the thread is started."""
        self._begun = self._ending = self._ended = False
        self._thread = threads.Thread(self._run, _NAME)

    def begin(self) -> None:
        """Start its thread, once. Raises `RuntimeError` if the system refuses one."""
        with self._lock:
            if not self._thread.alive and not self._begun:
                fork.register(self)
                self._thread.start()
            self._begun = True

    def check(self) -> None:
        """Start another thread if it died. If the system refuses one, that is logged, and the next call retries."""
        if not self.dead:
            return
        with self._lock:
            if not self.dead:
                return
            self._begun = False  # a signal handler that calls this now does nothing
            dead, self._thread = self._thread, threads.Thread(self._run_again, _NAME)
            log.thread(f"the thread {_NAME} died and is replaced", dead.error)
            try:
                self._thread.start()
            except (RuntimeError, MemoryError) as error:
                log.thread(f"the thread {_NAME} cannot be started", error)
                self._thread = dead
            finally:
                self._begun = True

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock under which its thread is started."""
        return ((fork.SHARED, self._lock),)

    def abandon(self) -> None:
        """In a forked child: its thread is not here; the child's watchers get a driver of their own."""
        self._ending = self._ended = True
        self._lock = threads.rlock()
        for loader in self._loaders.values():
            loader.abandon()
        self.observers.abandon()
        self._due.clear()
        fork.unregister(self)

    # From any thread

    @property
    def here(self) -> bool:
        """Whether this is its thread."""
        return self._thread.here

    @property
    def alive(self) -> bool:
        """Whether its thread is alive, in this process."""
        return self._thread.alive

    @property
    def dead(self) -> bool:
        """Whether its thread died."""
        return self._begun and not self.over and not self._thread.alive

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._ending or self._ended

    @property
    def owners(self) -> tuple[Driven, ...]:
        """The watchers that have joined."""
        return tuple(self.observers.of)

    @property
    def loaders(self) -> tuple[Worker, ...]:
        """The threads for loads."""
        return tuple(self._loaders.values())

    def loader_for(self, key: object) -> Worker:
        """The thread for loads from a network mount (`key`), which may hang, or of a watcher of many files; for None,
        the one for all others.
        """
        return self._loaders.get(key) or self._loaders.setdefault(key, new_loader())

    @property
    def trouble(self) -> str | None:
        """Why the driver does nothing; None if all is well."""
        if self.dead:
            return f"the thread {_NAME} cannot be started: {self._thread.error or 'it died'}"
        return self._supervision.trouble

    @property
    def stuck(self) -> bool:
        """Whether one turn has taken so long that no caller should wait for it."""
        return self._supervision.stuck_ns > 2 * SECOND

    def post(self, action: Callable[[], object]) -> None:
        """Run `action` on the driver's thread, soon."""
        self._actions.append(action)
        self.wake()
        self.check()

    def run(self, action: Callable[[], object], timeout_s: float | None = None) -> bool:
        """Run `action` on the driver's thread, and wait for it. Returns False if it did not run, because the thread
        is gone or too slow.
        """
        if not self.here:
            return self._run_there(threads.Call(partial(isolated, action)), timeout_s)
        isolated(action)
        return True

    def call(self, action: Callable[[], R]) -> R:
        """Run `action` on the driver's thread, wait for it, and return or raise what it does.

        Raises `UsageError` if it did not run, because the thread ended when the last watcher was closed.
        """
        if self.here:
            return action()
        call = threads.Call(action)
        if not self._run_there(call):
            raise UsageError("this watcher is closed, or was forked meanwhile")
        return call.result()

    def _run_there(self, call: threads.Call[R], timeout_s: float | None = None) -> bool:
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        self.post(call)
        if self._ended:
            with suppress(ValueError):  # it runs, or has run
                self._actions.remove(call)
                return False
        while not call.done.wait(max(0.0, min(FORK_CHECK_S, until - time.monotonic())) if self.alive else 0):
            self.check()
            if not self.alive or time.monotonic() >= until:
                return call.done.is_set()  # it has ended, or a signal handler forked, and this is the child
        return True

    def expect(self, owner: Driven, deadline: int | None) -> None:
        """Feed the machine of `owner` a `Due` at `deadline`; None for never. Called after each step, which may have
        begun work on another thread.
        """
        self._supervision.stir()
        if deadline is None or owner not in self.observers.of:
            self._due.pop(owner, None)
        else:
            self._due[owner] = deadline

    def wake(self) -> None:
        """Make the driver run what was posted, and check its deadlines again."""
        if not self.here:
            self.observers.wake()

    def finish(self, timeout_s: float) -> None:
        """End the thread after the posted actions; it closes its descriptors. Idempotent."""
        self.post(self._end)
        if not self.here:
            self._thread.join(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """End all its threads, except those that wait for a mount that does not answer."""
        until = time.monotonic() + timeout_s
        for loader in self.loaders:
            loader.stop(max(0.0, until - time.monotonic()))
        self.finish(max(_LEAST_S, until - time.monotonic()))
        self.background.stop(max(_LEAST_S, until - time.monotonic()))

    # On the driver's thread

    def leave(self, owner: Driven) -> None:
        """Forget `owner` and what is watched for it."""
        self.reconcile.drop(owner)
        if (loader := self._loaders.pop(owner, None)) is not None:
            loader.stop(0)
        self.observers.leave(owner)
        self._due.pop(owner, None)

    def _end(self) -> None:
        self._ending = True

    def _run_again(self) -> None:
        self._go_on(self._requeue)
        self._serve()

    def _run(self) -> None:
        self._go_on(self.observers.begin)
        self._serve()

    def _serve(self) -> None:
        while not self._ending:
            for work in (self._wait, self.turn):
                try:
                    work()
                except BaseException as error:  # noqa: BLE001 - a fault of ours, or of the system's
                    self._failed(error)
        self._go_on(self.observers.close)
        self._ended = True
        self._act()  # a later caller sees that the thread is gone
        self.observers.close_waiter()

    def _go_on(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - as above
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._requeue()
        self._supervision.failed(error)

    def _requeue(self) -> None:
        """Recover all watchers, then retry the action that was under way, once."""
        doing = self._doing
        if doing is not None and doing not in (self._redone, self._recover):
            self._redone = doing
            self._actions.appendleft(doing)
        self._doing = None
        self._actions.appendleft(self._recover)

    def _recover(self) -> None:
        for owner in self.owners:
            isolated(owner.recover)

    def _wait(self) -> None:
        self._supervision.turn_began = 0
        self.observers.wait(self._deadline(), files=self.reconcile.next != NEVER)

    def turn(self) -> None:
        """Report what changed, run what was posted, and feed the machines that are due."""
        # Events before the clock: one may be a change of what is about to be published. Reading them does not release
        # the GIL, so none can arrive between the last read and a commit.
        now = self._supervision.turn_began = time.monotonic_ns()
        self.observers.report(now)
        if self._actions:
            self._act()
            self.observers.report(now)
        now = time.monotonic_ns()
        if self._supervision.due <= now:
            self._supervision.check(self.loaders, self.owners)
        for owner, due in list(self._due.items()):
            if due <= now:
                isolated(partial(owner.feed, Due(now)))
        if self.background.workers:
            self.background.report(now)
        if self.reconcile.next <= now:
            self.reconcile.run(now)

    def _act(self) -> None:
        self._supervision.stir()
        while self._actions:
            action = self._doing = self._actions[0]
            self._actions.popleft()
            isolated(action)
            self._doing = None

    def _deadline(self) -> int:
        """When to wake."""
        if self._actions:
            return 0
        silent = self.background.next if self.background.workers else NEVER
        return min((self.reconcile.next, silent, self._supervision.due, *list(self._due.values())))


def new_loader() -> Worker:
    """A thread that runs loads, one after the other; a slow load does not delay the others."""
    return Worker("hotconf-loader", log.thread, _describe, stays=True, parallel=True, hung_ns=HUNG_NS)


def _describe(load: Callable[[], None], seconds: int) -> str:
    return f"the load of {load} has not returned for {seconds} s: a layer, validator or check may hang"
