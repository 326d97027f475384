"""Time for measuring: a part stops when its share is used, but never before it has what it needs at least."""

from __future__ import annotations

import time
from collections.abc import Iterator


class Budget:
    """So many seconds from now on, to be divided."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def share(self, part: float) -> Budget:
        """A part of the whole, from now on."""
        return Budget(self.seconds * part)

    def samples(self, least: int, most: int) -> Iterator[int]:
        """Count from 0 while there is time; at least `least` times, at most `most`."""
        for nth in range(most):
            if nth >= least and time.monotonic() >= self._end:
                return
            yield nth
