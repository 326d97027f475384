"""Keeps each published state of one watcher on disk, and recalls the last good one when the files are broken.

Writing has a thread of its own, which is there only while there is something to write: neither the driver nor the
next load waits for the disk. Whatever goes wrong is logged, once until it is mended, and that is all.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from hotconf.config.excerpts import secret_keys
from hotconf.config.gone import NOTHING, Standing
from hotconf.engine.candidate import Invalid, Valid
from hotconf.errors import UsageError
from hotconf.events import ReloadFailed
from hotconf.history.record import Damage, Record
from hotconf.history.store import SUPPORTED, StateStore
from hotconf.listener import Notice
from hotconf.logs import log
from hotconf.problems import Problem, one_line
from hotconf.snapshot import SourceFile
from hotconf.sources.base import Options
from hotconf.system import fork, threads
from hotconf.system.worker import Worker

if TYPE_CHECKING:
    import threading

    from hotconf.snapshot import Snapshot

T = TypeVar("T")
R = TypeVar("R")

MOST_WAITING: Final = 16
"""So many states wait for a slow disk; the oldest of more are not kept."""
ANSWER_S: Final = 2.0
"""How long a start waits for the disk."""
SLOW_S: Final = 5.0
"""A disk that takes longer for one state is reported."""


Judge: TypeAlias = Callable[[tuple[SourceFile, ...], datetime], Valid[T] | Invalid]
"""What a load would bring back today if the files were as they were kept, read at that time."""


class Recalled(NamedTuple, Generic[T]):
    """The last good state."""

    number: int
    good: Valid[T]


class _Entry(NamedTuple):
    """A state to be kept."""

    files: tuple[SourceFile, ...]
    at: datetime
    summary: tuple[str, ...]

    def record(self, number: int, secret_keys: frozenset[str]) -> Record:
        return Record(number, self.at, self.files, self.summary, secret_keys)


class _Answering(StateStore):
    """Reads states at start, on the disk's thread: a hanging disk keeps no program from starting."""

    __slots__ = ("_asked", "_worker")

    def __init__(self, state_dir: Path, main: Path, worker: Worker) -> None:
        super().__init__(state_dir, main)
        self._worker = worker
        self._asked: threads.Event | None = None
        """Set once the last question is answered."""

    def check(self) -> None:
        self._ask(super().check)

    def numbers(self) -> tuple[int, ...]:
        return self._ask(super().numbers)

    def read(self, number: int) -> Record | Damage | None:
        return self._ask(partial(super().read, number))

    def _ask(self, question: Callable[[], R]) -> R:
        answers: list[R] = []
        errors: list[Exception] = []
        answered = threads.Event()

        def job() -> None:
            try:
                answers.append(question())
            except Exception as error:  # noqa: BLE001 - raised in the caller
                errors.append(error)
            finally:
                answered.set()

        if self._asked is None or self._asked.is_set():
            self._asked = answered
            self._worker.submit(job)
            if self._worker.refused is not None:
                self._worker.drain()  # there is no thread for it
            answered.wait(ANSWER_S)
        if errors:
            raise errors[0]
        if not answers:
            raise OSError(errno.ETIMEDOUT, "the disk does not answer")
        return answers[0]


class HistoryWriter(fork.ForkAware, Generic[T]):
    """See the module."""

    def __init__(self, state_dir: Path, options: Options[T], judge: Judge[T]) -> None:
        """`judge` says what a kept state would be today. Raises `UsageError` where states cannot be kept safely:
        other systems know neither owners nor `flock`.
        """
        if not SUPPORTED:
            raise UsageError("state_dir needs a POSIX system")
        self._trouble: str | None = None
        self._writing_since: float | None = None
        self.no_last_good: tuple[Problem, ...] = ()
        """Why a start that needs a state finds none, although some may exist."""
        self._recalled: Recalled[T] | None = None
        self._reported: set[str] = set()
        """What start has logged about kept states: it may come across the same twice."""
        self._options = options
        self._judge = judge
        self._states = StateStore(state_dir, options.path)
        self._state_dir = state_dir
        self._lock = threads.rlock()
        """For the driver and the thread that writes, on neither of which signal handlers run."""
        self._at_work = threads.rlock()
        """Held while files are open, so that no child of a fork has copies of them."""
        self._waiting: deque[_Entry] = deque()
        self._left_out = 0
        self._worker = Worker("hotconf state", self._report)
        self._found = _Answering(state_dir, options.path, self._worker)
        self._closed = False
        self._newest: tuple[SourceFile, ...] | None = None
        """The files of the newest state, if this process has written it."""
        fork.register(self)

    def check(self) -> None:
        """Report at once what prevents keeping states here, as far as is known; the start continues."""
        try:
            self._found.check()
        except (OSError, UsageError) as error:
            self._troubled(self._text(error), log.unkept)

    @property
    def trouble(self) -> str | None:
        """Why states are not kept; None if they are."""
        since = self._writing_since
        waited_s = 0.0 if since is None else time.monotonic() - since
        if waited_s > SLOW_S:
            return f"the disk has been busy with a state for {waited_s:.0f} s"
        return self._worker.trouble or self._trouble

    def notify(self, notice: Notice) -> None:
        """Have what was published written, soon; say so if it is what was recalled."""
        published = notice.published
        if published is None or notice.snapshot is None:
            return
        recalled, self._recalled = self._recalled, None
        if not published.recalled:
            self._keep(notice.snapshot, published.summary)
        elif recalled is not None and isinstance(notice.event, ReloadFailed):
            log.degraded(self._options.path, recalled.number, recalled.good.loaded_at, notice.event.error)

    # Recalling, at start

    def standing(self) -> Standing:
        """The state that decides which files are gone: the newest whole one, if one can be recalled."""
        try:
            return self._found.missed(lambda: self.recall() is not None, self._pass_over)
        except (OSError, UsageError) as error:
            self._unreadable(error)
            return NOTHING

    def recall(self) -> Valid[T] | None:
        """The newest state that is whole and still valid, checks included; None if there is none.

        It is watched, whatever it says itself: who runs on it waits for the next good save.
        """
        if self._recalled is None:
            try:
                self._recalled = self._search()
            except (OSError, UsageError) as error:
                self._unreadable(error)
        return None if self._recalled is None else self._recalled.good

    def _search(self) -> Recalled[T] | None:
        for number, found in self._found.newest_first():
            if isinstance(found, Damage):
                self._pass_over(number, found.text)
                continue
            candidate = self._judge(found.files, found.at)
            if isinstance(candidate, Valid):
                enabled = self._options.pins.enabled is not False
                settings = candidate.settings.model_copy(update={"enabled": enabled})
                return Recalled(number, candidate._replace(settings=settings))
            self._pass_over(number, f"is not valid any more: {one_line(candidate.errors)}")
        return None

    def _unreadable(self, error: OSError | UsageError) -> None:
        """Report why kept states cannot be read, unless `check` has reported that."""
        text = self._text(error)
        self._miss(text)
        if text != self._trouble and text not in self._reported:
            self._reported.add(text)
            log.unrecalled(self._options.path, text)

    def _pass_over(self, number: int, why: str) -> None:
        text = f"state {number} {why}"
        self._miss(text)
        if text not in self._reported:
            self._reported.add(text)
            log.passed_over(self._options.path, number, why)

    def _miss(self, why: str) -> None:
        if not self.no_last_good:
            self.no_last_good = (Problem(f"No state to start on: {why}", kind="unreadable", severity="warning"),)

    # Keeping

    def _keep(self, snapshot: Snapshot[Any], summary: tuple[str, ...]) -> None:
        """Queue it: the disk is never waited for."""
        with self._lock:
            if self._closed:
                return
            self._waiting.append(_Entry(snapshot.files, snapshot.loaded_at, summary))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._left_out += 1
                self._trouble = "the disk is slow: not every state is kept"
        self._worker.submit(self._keep_next)

    def close(self, timeout_s: float) -> None:
        """Keep what is waiting, as far as that takes no longer than `timeout_s`, and let another process write."""
        self._closed = True  # no lock: a signal handler may interrupt the caller, and the driver takes it
        self._worker.submit(self._let_go)
        if self._worker.stop(timeout_s):
            return
        if self._worker.refused is not None:
            self._worker.drain()  # no thread for it: better late than never
        else:  # it releases the lock once the disk answers
            log.unkept(self._options.path, f"the disk was not done after {timeout_s:g} s")

    def supervise(self) -> bool:
        """Repair the thread if it failed; whether there is something to do."""
        return self._worker.supervise()

    def _report(self, text: str, error: BaseException | None) -> None:
        log.unkept(self._options.path, text)
        if error is not None:
            log.thread(text, error)

    # On its thread

    def _keep_next(self) -> None:
        with self._lock:
            left_out, self._left_out = self._left_out, 0
            entry = self._waiting.popleft() if self._waiting else None
        if left_out:
            log.unkept(self._options.path, f"the disk is slow, {left_out} were left out")
        if entry is not None:
            self._keep_one(entry)

    def _let_go(self) -> None:
        self._states.release()

    def _keep_one(self, entry: _Entry) -> None:
        self._writing_since = time.monotonic()
        try:
            with self._at_work:
                kept = self._write(entry)
        except (OSError, UsageError) as error:
            self._troubled(self._text(error), log.unkept)
        except BaseException:  # noqa: BLE001 - a fault of ours, and the next state comes
            self._trouble = "an internal error, which is logged"
            log.fault("state", "Internal error while a state was kept")
        else:
            if not kept:
                self._troubled("another watcher keeps them", log.kept_elsewhere)
            elif self._trouble is not None:
                self._trouble = None
                log.kept_again(self._options.path)
        finally:
            self._writing_since = None

    def _write(self, entry: _Entry) -> bool:
        """Whether it is for us to keep it; then it is kept."""
        newest, self._newest = self._newest, None
        if not self._states.claim():
            return False
        if (newest or self._newest_on_disk()) != entry.files:
            self._states.write(partial(entry.record, secret_keys=secret_keys(self._options.schema)))
        self._newest = entry.files
        return True

    def _newest_on_disk(self) -> tuple[SourceFile, ...] | None:
        found = next(self._states.newest_first(), None)
        return found[1].files if found is not None and isinstance(found[1], Record) else None

    def _troubled(self, reason: str, tell: Callable[[Path, str], None]) -> None:
        if self._trouble != reason:
            self._trouble = reason
            tell(self._options.path, reason)

    def _text(self, error: OSError | UsageError) -> str:
        """Why, and where: a `UsageError` says both."""
        if isinstance(error, UsageError):
            return str(error)
        return f"{log.shown(self._state_dir)}: {error.strerror or error}"

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """Its own."""
        return ((fork.INNER, self._lock), (fork.INNER, self._at_work))

    def abandon(self) -> None:
        """The parent goes on writing; a state of the child is kept once the parent is gone."""
        self._lock, self._at_work = threads.rlock(), threads.rlock()
        self._worker.abandon()
        self._waiting.clear()
        self._newest = self._writing_since = None
        with suppress(OSError):
            self._states.release()
