"""Supervision of our threads: the driver supervises all others, and callers supervise the driver.

Rule 1: after a failure the same thread goes on; a dead thread is restarted, by the next call or within a second.
Rule 2: a thread that cannot be started, or hangs, shows in `stats.trouble`, and once in the log.
Rule 3: after a fault of the driver every watcher compares its files and restarts its rounds; waiting calls of
`reload` are answered by a new reload.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hotconf.logs import log, records
from hotconf.system import threads
from hotconf.system.wait import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hotconf.runtime.driven import Driven
    from hotconf.system.worker import Worker

SECOND: Final = 1_000_000_000
STUCK_NS: Final = 5 * SECOND
"""A driver whose turn takes longer is reported; a turn takes milliseconds."""
FAULT: Final = "Internal error in the driver"


def isolated(work: Callable[[], object]) -> None:
    """Run `work`; log an exception as a fault of ours, so that one watcher does not stop the others.

    `MemoryError` propagates: it is a failure of the thread, which then recovers all watchers.
    """
    try:
        work()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a fault of ours
        log.fault("watch", FAULT)


class Supervision:
    """Supervision by one driver's thread."""

    __slots__ = ("_failed_at", "_reported", "due", "turn_began")

    def __init__(self) -> None:
        self.due = NEVER
        """When to check the other threads, which is needed only while they may have work."""
        self.turn_began = 0
        """When the driver's turn began; 0 between turns."""
        self._failed_at = 0
        self._reported = False

    def stir(self) -> None:
        """Another thread may have work."""
        if self.due == NEVER:
            self.due = time.monotonic_ns() + SECOND

    def check(self, loaders: Iterable[Worker], owners: Iterable[Driven]) -> None:
        """Check all threads, and repair them."""
        at_work = [
            *(loader.supervise() for loader in loaders),
            *(owner.supervise() for owner in owners),
            records.supervise(),  # last: a thread that had no more work may just have logged something
        ]
        self.due = time.monotonic_ns() + SECOND if any(at_work) else NEVER

    def failed(self, error: BaseException) -> None:
        """The driver's turn raised. It goes on, after a pause if that happens repeatedly."""
        log.thread("the thread hotconf-driver failed and was resumed", error)
        now = time.monotonic_ns()
        soon, self._failed_at = now - self._failed_at < SECOND, now
        if soon:
            threads.original("time", "sleep")(1.0)

    @property
    def stuck_ns(self) -> int:
        """How long the driver's turn has taken so far."""
        began = self.turn_began
        return time.monotonic_ns() - began if began else 0

    @property
    def trouble(self) -> str | None:
        """Why the driver does nothing, checked and logged by the calling thread."""
        stuck = self.stuck_ns
        if stuck < STUCK_NS:
            self._reported = False
            return None
        text = f"the thread hotconf-driver has been busy for {stuck // SECOND} s"
        if not self._reported:
            self._reported = True
            log.thread(text, None)
        return text
