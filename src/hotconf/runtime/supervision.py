"""Who looks after our threads: the driver after all others, and whoever calls after the driver.

Rule 1: what failed goes on in the same thread; what died is started again, by the next call or within a second.
Rule 2: what cannot be started, or hangs, is told in `stats.trouble` when it is asked for, and once in the log.
Rule 3: after a fault of the driver every watcher compares its files and begins its rounds anew, and those who wait
for a reload are answered by a new one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from hotconf.runtime import log, records, threads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.runtime.loader import Loader

NEVER: Final = 1 << 62
SECOND: Final = 1_000_000_000
STUCK_NS: Final = 5 * SECOND
"""A driver that is at one turn for longer is reported; a turn takes milliseconds."""


class Ward(Protocol):
    """A watcher, as far as its threads need looking after."""

    def supervise(self) -> bool:
        """Put right what went wrong with its threads; whether there is something to do."""

    def recover(self) -> None:
        """On the driver's thread, which failed in the midst of something: begin anew what may be lost."""


class Supervision:
    """Of one driver's thread, and by it."""

    __slots__ = ("_failed_at", "_reported", "_turn_began", "due")

    def __init__(self) -> None:
        self.due = NEVER
        """When to look after the other threads; only after something was done is there something to look after."""
        self._turn_began = 0
        self._failed_at = 0
        self._reported = False

    def awake(self, now: int) -> None:
        """A turn of the driver begins."""
        self._turn_began = now

    def asleep(self) -> None:
        """It has ended."""
        self._turn_began = 0

    def stir(self) -> None:
        """Something was done, perhaps by another thread."""
        if self.due == NEVER:
            self.due = time.monotonic_ns() + SECOND

    def look_after(self, loaders: Iterable[Loader], wards: Iterable[Ward]) -> None:
        """See to it that all threads do what they should."""
        at_work = [
            *(loader.supervise() for loader in loaders),
            records.supervise(),
            *(ward.supervise() for ward in wards),
        ]
        self.due = time.monotonic_ns() + SECOND if any(at_work) else NEVER

    def failed(self, error: BaseException) -> None:
        """The driver's turn raised. It goes on; if that happens again and again, with pauses."""
        log.thread("the thread hotconf-driver failed, and goes on", error)
        now = time.monotonic_ns()
        soon, self._failed_at = now - self._failed_at < SECOND, now
        if soon:
            threads.original("time", "sleep")(1.0)

    @property
    def stuck_ns(self) -> int:
        """For how long the driver has been at its turn."""
        began = self._turn_began
        return time.monotonic_ns() - began if began else 0

    @property
    def trouble(self) -> str | None:
        """Whether the driver hangs: found out, and logged, by whoever asks."""
        stuck = self.stuck_ns
        if stuck < STUCK_NS:
            self._reported = False
            return None
        text = f"the thread hotconf-driver has been busy for {stuck // SECOND} s"
        if not self._reported:
            self._reported = True
            log.thread(text, None)
        return text
