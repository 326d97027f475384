"""The history of one watcher: keeps each published state on disk, and finds the last good one at start.

Rule 1: the driver and the next load never wait for the disk: it has a thread of its own while there is work for it.
Rule 2: a start waits for the disk no longer than `ANSWER_S`.
Rule 3: a failure is logged, once until it is over, and shows in `trouble`; it has no other effect.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.engine.candidate import Valid
from hotconf.errors import UsageError
from hotconf.events import Notice, ReloadFailed
from hotconf.history.last_good import Judge, Search
from hotconf.history.record import Damage, Record
from hotconf.history.store import SUPPORTED, StateStore
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.sources.base import Options
from hotconf.sources.files.missing import NO_BASELINE, Baseline
from hotconf.system import fork, threads
from hotconf.system.worker import Worker
from hotconf.text import local_time, short_path

if TYPE_CHECKING:
    import threading

T = TypeVar("T")
R = TypeVar("R")

MAX_WAITING: Final = 16
"""How many states may wait for a slow disk; the oldest of more are not kept."""
ANSWER_S: Final = 2.0
"""How long a start waits for the disk."""
ELSEWHERE: Final = "another watcher keeps them"
"""Why states are not kept, where nothing is wrong."""
_UNREAD: Final = frozenset(("missing", "unreadable"))
"""Kinds of failures that do not say that anything is wrong with the content."""
SLOW_NS: Final = 5_000_000_000
"""A disk that takes longer for one state is reported."""


class _StartStore(StateStore):
    """Reads states on the disk's thread, and waits no longer than `ANSWER_S`."""

    __slots__ = ("_answered", "_worker")

    def __init__(self, state_dir: Path, main: Path, worker: Worker) -> None:
        super().__init__(state_dir, main)
        self._worker = worker
        self._answered: threads.Event | None = None
        """Set once the last question is answered."""

    def check(self) -> None:
        self._ask(super().check)

    def numbers(self) -> tuple[int, ...]:
        return self._ask(super().numbers)

    def read(self, number: int) -> Record | Damage | None:
        return self._ask(partial(super().read, number))

    def _ask(self, question: Callable[[], R]) -> R:
        call = threads.Call(question)
        if self._answered is None or self._answered.is_set():
            self._answered = call.done
            self._worker.submit(call)
            self._worker.drain()  # if there is no thread for it
            call.done.wait(ANSWER_S)
        if not call.done.is_set():
            raise OSError(errno.ETIMEDOUT, "the disk does not respond")
        return call.result()


class HistoryWriter(fork.ForkAware, Generic[T]):
    """Writes each published state, on a thread of its own, and finds the last good one."""

    def __init__(self, state_dir: Path, options: Options[T], judge: Judge[T], *, writes: bool = True) -> None:
        """`judge` says what a kept state would be today. Without `writes`, the states are those of another program,
        and only read. Raises `UsageError` where states cannot be kept safely: other systems know neither owners nor
        `flock`.
        """
        if not SUPPORTED:
            raise UsageError("state_dir needs a POSIX system")
        if options.fileless:
            raise UsageError("state_dir keeps the states of files, and this watcher has none: give a path")
        self._options = options
        self.state_dir = state_dir
        self.writes = writes
        self._trouble: str | None = None
        self._closed = False
        self._store = StateStore(state_dir, options.path)
        self._open = threads.rlock()
        """Held while files are open, so that no child of a fork has copies of them."""
        self._waiting: deque[Record] = deque(maxlen=MAX_WAITING)
        self._worker = Worker("hotconf state", self._report, _describe, hung_ns=SLOW_NS)
        self._start_store = _StartStore(state_dir, options.path, self._worker)
        self._search = Search(self._start_store, judge, self._skipped)
        self._reported: set[str] = set()
        """What start has logged about kept states: it may come across the same twice."""
        self.search_problems: tuple[Problem, ...] = ()
        """What kept a start from finding the last good state: one problem at most."""
        fork.register(self)

    @property
    def trouble(self) -> str | None:
        """Why states are not kept; None if they are."""
        return self._worker.trouble or self._trouble

    @property
    def fails(self) -> bool:
        """Whether there is a reason other than that another watcher keeps them."""
        return self.trouble not in (None, ELSEWHERE)

    # At start

    def baseline(self) -> Baseline:
        """The state that decides which files are gone: the newest whole one, if there is a good one.

        Also reports what prevents keeping states here, as far as is known. The start goes on.
        """
        try:
            self._start_store.check()
        except (OSError, UsageError) as error:
            text = self._text(error)
            self._reported.add(text)
            self._troubled(text, self._warn)
        return self._asked(self._search.baseline) or NO_BASELINE

    def recall(self) -> Valid[T] | None:
        """The last good state; watched, whatever it says itself: who runs on it waits for the next good save."""
        found = self._asked(self._search.find)
        if found is None:
            return None
        enabled = self._options.pins.enabled is not False
        return found.valid._replace(settings=found.valid.settings.model_copy(update={"enabled": enabled}))

    def _asked(self, question: Callable[[], R]) -> R | None:
        try:
            return question()
        except (OSError, UsageError) as error:
            text = self._text(error)
            self._missed(text, "The last good state of %s cannot be read: %s", self._options.path, text)
            return None

    def _skipped(self, number: int, why: str) -> None:
        self._missed(f"state {number} {why}", "State %d of %s is not used: it %s", number, self._options.path, why)

    def _missed(self, why: str, text: str, *values: object) -> None:
        if not self.search_problems:
            self.search_problems = (Problem(f"No state to start from: {why}", kind="unreadable", severity="warning"),)
        if why not in self._reported:
            self._reported.add(why)
            log.warning("state", text, *values)

    # While it runs

    def notify(self, notice: Notice) -> None:
        """Have what was published written, soon; say so if it is what was recalled."""
        published, snapshot = notice.published, notice.snapshot
        if published is None or snapshot is None:
            return
        recalled, self._search.found = self._search.found, None
        if not published.recalled:
            summary = () if published.overridden else published.summary  # overrides are never kept
            self._keep(Record(0, snapshot.loaded_at, snapshot.files, summary))
        elif recalled is not None and isinstance(notice.event, ReloadFailed):
            text = "Degraded: %s %s; using its last good state, number %d of %s: %s"
            what = "cannot be read" if notice.event.kind in _UNREAD else "is invalid"
            at = local_time(recalled.valid.loaded_at)
            log.warning("state", text, self._options.path, what, recalled.number, at, notice.event.error)

    def _keep(self, record: Record) -> None:
        if self._closed or not self.writes:
            return
        if len(self._waiting) == MAX_WAITING:
            self._troubled("the disk is slow: not every state is kept", self._warn)
        self._waiting.append(record)
        self._worker.submit(self._keep_next)

    def run(self, job: Callable[[], None]) -> None:
        """Have `job`, which raises nothing, done by the thread that waits for the disk."""
        self._worker.submit(job)

    def close(self, timeout_s: float) -> None:
        """Keep what is waiting, as far as that takes no longer than `timeout_s`, and let another process write."""
        self._closed = True
        self._worker.submit(self._store.release)
        if self._worker.stop(timeout_s):
            return
        if self._worker.refused is not None:
            self._worker.drain()  # no thread for it: better late than never
        else:  # it releases the lock once the disk answers
            self._warn(f"the disk had not finished after {timeout_s:g} s")

    def supervise(self) -> bool:
        """Repair the thread if it failed; whether there is something to do."""
        return self._worker.supervise()

    def _report(self, text: str, error: BaseException | None) -> None:
        self._warn(text)
        if error is not None:
            log.thread(text, error)

    # On its thread

    def _keep_next(self) -> None:
        with suppress(IndexError):  # it was left out
            self._write(self._waiting.popleft())

    def _write(self, record: Record) -> None:
        try:
            with self._open:
                kept = self._claim_and_write(record)
        except (OSError, UsageError) as error:
            self._troubled(self._text(error), self._warn)
        except BaseException:  # noqa: BLE001 - a fault of ours, and the next state comes
            self._trouble = "an internal error, which is logged"
            log.fault("state", "Internal error while a state was kept")
        else:
            if not kept:
                text = "States of %s are only read here: %s"
                self._troubled(ELSEWHERE, partial(log.info, "state", text, self._options.path))
            elif self._trouble is not None:
                self._trouble = None
                log.info("state", "States of %s are kept again", self._options.path)

    def _claim_and_write(self, record: Record) -> bool:
        """Whether it is for us to keep it; then it is kept."""
        if not self._store.claim():
            return False
        _, newest = next(self._store.newest_first(), (0, None))
        if not isinstance(newest, Record) or _contents(newest) != _contents(record):
            self._store.write(replace(record, secret_keys=secret_keys(self._options.schema)))
        return True

    def _troubled(self, reason: str, report: Callable[[str], None]) -> None:
        if self._trouble != reason:
            self._trouble = reason
            report(reason)

    def _warn(self, reason: str) -> None:
        log.warning("state", "States of %s are not kept: %s", self._options.path, reason)

    def _text(self, error: OSError | UsageError) -> str:
        """Why, and where: a `UsageError` says both."""
        if isinstance(error, UsageError):
            return str(error)
        return f"{short_path(self.state_dir)}: {error.strerror or error}"

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock that is held while files are open, so that no child has copies of them."""
        return ((fork.INNER, self._open),)

    def abandon(self) -> None:
        """The parent goes on writing; a state of the child is kept once the parent is gone."""
        self._open = threads.rlock()
        self._worker.abandon()
        self._waiting.clear()
        with suppress(OSError):
            self._store.release()


def _contents(record: Record) -> list[tuple[Path, str, bytes, str | None]]:
    """What makes a state: not what a source calls it, which differs after each act in a fleet."""
    return [(file.path, file.role, file.content, file.format) for file in record.files]


def _describe(_: object, seconds: int) -> str:
    return f"the disk has been busy with a state for {seconds} s"
