"""When has a burst of changes settled? Trailing edge, with a ceiling, so that no writer can put it off for ever."""

from __future__ import annotations

from typing import Final, NamedTuple

MILLISECOND: Final = 1_000_000
SHORTEST_CEILING_NS: Final = 1_000 * MILLISECOND


def ceiling_ns(window_ns: int) -> int:
    """How long a burst can be drawn out by further changes: five windows, but at least one second."""
    return max(5 * window_ns, SHORTEST_CEILING_NS)


class Debounce(NamedTuple):
    """One burst of changes. All instants are nanoseconds of one monotonic clock.

    Rule 1: it is due when nothing has changed for the window and no writer has a file open; for two windows if what
    was found there may be half of a new content.
    Rule 2: it is due at the ceiling, whatever happens.
    """

    window_ns: int
    first: int
    last: int
    held: bool = False
    """Some writer still has a file open: it has not finished, however long it pauses."""
    doubted: bool = False
    """What was found since the last change may be half of it."""

    @classmethod
    def opened(cls, now: int, window_ns: int, *, held: bool = False) -> Debounce:
        """A burst that begins with a change at `now`."""
        return cls(window_ns, now, now, held)

    def touch(self, now: int, *, held: bool) -> Debounce:
        """The burst with one more change."""
        return self._replace(last=max(now, self.last), held=held, doubted=False)

    def doubt(self) -> Debounce:
        """The burst, when what was found may be half of a new content: its writer gets a window more."""
        return self._replace(doubted=True)

    @property
    def ceiling(self) -> int:
        """The latest instant at which it is due."""
        return self.first + ceiling_ns(self.window_ns)

    @property
    def deadline(self) -> int:
        """The instant at which it is due if nothing more happens."""
        windows = 2 if self.doubted else 1
        return self.ceiling if self.held else min(self.last + windows * self.window_ns, self.ceiling)

    def due(self, now: int) -> bool:
        """Whether the burst has settled."""
        return now >= self.deadline
