"""When has a burst of changes settled? Trailing edge, with a ceiling, so that no writer can put it off for ever."""

from __future__ import annotations

from typing import Final, NamedTuple

MILLISECOND: Final = 1_000_000
SHORTEST_CEILING_NS: Final = 1_000 * MILLISECOND
MOST_CEILINGS: Final = 3
"""A burst with files gone is extended up to so many ceilings, while their directories keep changing."""


def ceiling_ns(window_ns: int) -> int:
    """How long a burst can be drawn out by further changes: five windows, but at least one second."""
    return max(5 * window_ns, SHORTEST_CEILING_NS)


class Debounce(NamedTuple):
    """One burst of changes. All instants are nanoseconds of one monotonic clock.

    Rule 1: it is due when nothing has changed for the window and no writer has a file open; for two windows if the
    content found may be half of a new one; at the ceiling if files of the published state are gone.
    Rule 2: it is due at the ceiling in any case.
    Rule 3: if files were gone, the ceiling is one ceiling after the last change in their directories, at most three
    after the first change.
    """

    window_ns: int
    first: int
    last: int
    held: bool = False
    """Some writer still has a file open: it has not finished, however long it pauses."""
    doubted: bool = False
    """What was found since the last change may be half of it."""
    lacking: bool = False
    """Files of the published state were found gone since the last change."""
    stirred: int | None = None
    """The last change in the directories of files that were found gone during this burst; None if none were."""

    @classmethod
    def opened(cls, now: int, window_ns: int, *, held: bool = False) -> Debounce:
        """A burst that begins with a change at `now`."""
        return cls(window_ns, now, now, held)

    def touch(self, now: int, *, held: bool, near: bool = False) -> Debounce:
        """The burst with one more change; `near`: in a directory with files found gone."""
        stirred = max(now, self.stirred) if near and self.stirred is not None else self.stirred
        return self._replace(last=max(now, self.last), held=held, doubted=False, lacking=False, stirred=stirred)

    def doubt(self) -> Debounce:
        """The burst, when what was found may be half of a new content: its writer gets a window more."""
        return self._replace(doubted=True)

    def lack(self, stirred: int) -> Debounce:
        """The burst with files gone whose directories last changed at `stirred`."""
        last = stirred if self.stirred is None else max(stirred, self.stirred)
        return self._replace(lacking=True, stirred=last)

    @property
    def ceiling(self) -> int:
        """The latest instant at which it is due."""
        usual = ceiling_ns(self.window_ns)
        if self.stirred is None:
            return self.first + usual
        return min(max(self.stirred, self.first) + usual, self.first + MOST_CEILINGS * usual)

    @property
    def deadline(self) -> int:
        """The instant at which it is due if nothing more happens."""
        if self.held or self.lacking:
            return self.ceiling
        windows = 2 if self.doubted else 1
        return min(self.last + windows * self.window_ns, self.ceiling)

    def due(self, now: int) -> bool:
        """Whether the burst has settled."""
        return now >= self.deadline
