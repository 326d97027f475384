"""`Clock`: the time, to be shown or waited for."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The clock of the machine. A test has one of its own, so that what it waits for does not pass by unseen."""

    def now(self) -> datetime:
        """The time of day, as events are stamped."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Seconds since some moment; they never go back."""
        return time.monotonic()
