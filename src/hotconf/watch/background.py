"""Work on a watcher's files that may take long, or hang: to compare, watch and check them. It is done at once if the
files are few and local, otherwise on another thread.

Rule 1: the driver's thread never touches a file on a network or FUSE mount, nor more than `MANY` at a time.
Rule 2: the tasks of one watcher run one after the other, in the order requested.
Rule 3: there is one thread for each such mount, and one for each watcher of many files, while there is work for it.
Rule 4: a mount that does not answer is reported after `SILENT_NS`; it delays only the watchers with files on it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from hotconf.logs import log
from hotconf.system.wait import NEVER
from hotconf.system.worker import Worker
from hotconf.watch.observer import Owner

R = TypeVar("R")

MANY: Final = 100
SILENT_NS: Final = 5_000_000_000
_REST: Final = 50
"""After work that took n of CPU time, no poll for n times this."""


class _Task:
    """Some work, and what follows on the driver's thread with its result; None if it failed."""

    __slots__ = ("began", "dropped", "key", "reported", "then", "work")

    def __init__(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        self.work = work
        self.then = then
        self.key: object = None
        """Selects the thread: the mount, or the owner of many files."""
        self.began = 0
        self.dropped = False
        self.reported = False
        """It was logged that its mount does not answer."""


class Background:
    """The tasks of one driver; `post` runs a function on its thread."""

    __slots__ = ("_elsewhere", "_post", "_queues", "_rests", "workers")

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._queues: dict[Owner, deque[_Task]] = {}
        """The first task of each queue is under way."""
        self._elsewhere: set[Owner] = set()
        """Owners whose latest task ran on another thread: to unwatch their files may be slow, too."""
        self._rests: dict[Owner, int] = {}
        """When to poll those again whose work took long."""
        self.workers: dict[object, Worker] = {}
        """By mount, or owner of many files, while there is work for them."""

    def run(self, owner: Owner, work: Callable[[], R], then: Callable[[R | None], object]) -> None:
        """Run `work`, then `then` with its result; both at once if the files are few and local."""
        task = _Task(work, then)
        queue = self._queues.get(owner)
        if queue is not None:
            queue.append(task)
        elif self.elsewhere(owner):
            self._queues[owner] = deque([task])
            self._begin(owner, task)
        else:
            then(_attempt(task))

    def last(self, owner: Owner, work: Callable[[], object]) -> None:
        """Run a last task for `owner`, which leaves."""
        for task in self._queues.pop(owner, ()):
            task.dropped = True
        self._rests.pop(owner, None)
        final = _Task(work, _ignored)
        if self.elsewhere(owner):
            self._elsewhere.discard(owner)
            self._submit(owner, partial(_attempt, final))
            self.workers.pop(owner, None)
        else:
            _attempt(final)

    def elsewhere(self, owner: Owner) -> bool:
        """Whether another thread handles its files."""
        return owner in self._queues or owner in self._elsewhere or may_block(owner)

    def busy(self, owner: Owner) -> bool:
        """Whether something is under way for it."""
        return owner in self._queues

    def resting(self, owner: Owner) -> bool:
        """Whether not to poll its files now, because that is under way or took long just now."""
        return owner in self._queues or time.monotonic_ns() < self._rests.get(owner, 0)

    def trouble(self, owner: Owner) -> str | None:
        """Which mount does not answer. May be called on any thread."""
        for task in tuple(self._queues.get(owner, ())):
            worker = self.workers.get(task.key)
            if worker is not None and worker.refused is not None:
                return worker.trouble
            return f"{task.key} does not answer" if task.reported else None
        return None

    @property
    def next(self) -> int:
        """When `report` has something to do."""
        return min((task.began + SILENT_NS for task in self._unanswered()), default=NEVER)

    def report(self, now: int) -> None:
        """Report mounts that have not answered for `SILENT_NS`; restart threads that died or could not be started."""
        for worker in tuple(self.workers.values()):
            worker.supervise()
        silent = [task for task in self._unanswered() if now >= task.began + SILENT_NS]
        for task in silent:
            task.reported = True
        for mount in dict.fromkeys(task.key for task in silent):
            text = "%s has not answered for 5 s: changes on it are not seen until it does"
            log.warning("watch", text, str(mount))

    def stop(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for tasks that are under way; abandon those that hang."""
        until = time.monotonic() + timeout_s
        for worker in list(self.workers.values()):
            worker.stop(max(0.0, until - time.monotonic()))

    def _unanswered(self) -> list[_Task]:
        """Tasks under way on mounts, without those that are reported already."""
        tasks = [queue[0] for queue in self._queues.values()]
        return [task for task in tasks if isinstance(task.key, str) and not task.reported]

    def _begin(self, owner: Owner, task: _Task) -> None:
        (self._elsewhere.add if may_block(owner) else self._elsewhere.discard)(owner)
        task.key, task.began = _key(owner), time.monotonic_ns()
        self._submit(owner, partial(self._do, owner, task))

    def _submit(self, owner: Owner, job: Callable[[], None]) -> None:
        key = _key(owner)
        if key not in self.workers:
            self.workers[key] = Worker("hotconf-files", log.thread)
        worker = self.workers[key]
        worker.submit(job)
        if worker.refused is not None and not isinstance(key, str):
            worker.drain()  # no thread for it: better here than never

    def _do(self, owner: Owner, task: _Task) -> None:
        if task.dropped:
            return
        began = time.thread_time_ns()
        found = _attempt(task)
        self._post(partial(self._done, owner, task, found, time.thread_time_ns() - began))

    def _done(self, owner: Owner, task: _Task, found: Any, used: int) -> None:
        if task.dropped:
            return
        if task.reported:
            log.info("watch", "%s answers again", str(task.key))
        self._rests[owner] = time.monotonic_ns() + _REST * used
        queue = self._queues[owner]
        queue.popleft()
        if queue:
            self._begin(owner, queue[0])
        else:
            del self._queues[owner]
            if not isinstance(task.key, str):
                self.workers.pop(task.key, None)
        task.then(found)


def may_block(owner: Owner) -> bool:
    """Whether its files are many, or on a mount that may hang."""
    known = owner.cache.files
    return known.mounts.remote is not None or len(known.members) + len(known.folders) > MANY


def _key(owner: Owner) -> object:
    return owner.cache.files.mounts.remote or owner


def _attempt(task: _Task) -> Any:
    try:
        return task.work()
    except Exception:  # noqa: BLE001 - whatever goes wrong for one watcher, the others continue
        if not task.dropped:
            log.fault("watch", "Internal error while files were compared")
        return None


def _ignored(_: object) -> None:
    """Nothing follows the last task."""
