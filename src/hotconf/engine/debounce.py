"""When has a burst of changes settled? Trailing edge, with a ceiling, so that no writer can put it off for ever."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final, NamedTuple, TypeAlias

from hotconf.engine.candidate import Invalid, SourceId, Valid

MILLISECOND: Final = 1_000_000
CEILING_WINDOWS: Final = 5
SHORTEST_CEILING_NS: Final = 1_000 * MILLISECOND
MOST_CEILINGS: Final = 3
"""How many ceilings a burst with sources gone may last, while their groups keep changing."""

Grouping: TypeAlias = Callable[[SourceId], Hashable]
"""Which sources disappear and come back together: those with an equal result. A file's is its directory."""


def ceiling_ns(window_ns: int) -> int:
    """How long a burst can be drawn out by further changes: five windows, but at least one second."""
    return max(CEILING_WINDOWS * window_ns, SHORTEST_CEILING_NS)


class Touched(NamedTuple):
    """Sources changed, or may have."""

    now: int
    sources: tuple[SourceId, ...]
    """Empty if no file did, but a source whose every change is a finished act."""
    writing: bool = False
    """Some writer has one of the watched sources open and has not finished."""
    polled: bool = False
    """Found by polling: there may be changes that nothing reported."""
    renamed: frozenset[SourceId] = frozenset()
    """All sources that were renamed into place and not written to since."""
    complete: frozenset[SourceId] = frozenset()
    """All sources whose content is complete: renamed into place, or closed by their last writer."""


class Round(NamedTuple):
    """A burst of changes. All instants are nanoseconds of one monotonic clock.

    Rule 1: it has settled when nothing has changed for the window and no writer has a source open; for two windows if
    the content found may be half of a new one; at the ceiling if sources of the published state are gone.
    Rule 2: it has settled at the ceiling in any case.
    Rule 3: if sources were gone, the ceiling is one ceiling after the last change in their groups, at most three
    after the first change.
    """

    window_ns: int
    first: int
    last: int
    last_beside_gone: int
    """The last change in the groups of sources that were found gone; the first change if none were."""
    changed: Mapping[SourceId, int]
    """All sources that changed, each with its last change."""
    writing: bool
    """As the last touch said; so are `renamed` and `complete`."""
    polled: bool
    """Some change was found by polling."""
    renamed: frozenset[SourceId]
    complete: frozenset[SourceId]
    shrank: tuple[SourceId, ...] = ()
    """Sources found to be possibly half written since the last change."""
    gone: tuple[SourceId, ...] = ()
    """Sources found gone since the last change: they may come back."""
    gone_from: frozenset[Hashable] = frozenset()
    """The groups of all sources that were found gone during this round."""

    @classmethod
    def opened(cls, touch: Touched, window_ns: int, *, polled: bool) -> Round:
        """A burst that begins with this change."""
        now, sources, writing, by_poll, renamed, complete = touch
        changed = dict.fromkeys(sources, now)
        return cls(window_ns, now, now, now, changed, writing, polled or by_poll, renamed, complete)

    def touch(self, touch: Touched, group: Grouping) -> Round:
        """The burst with one more change."""
        now, sources, writing, polled, renamed, complete = touch
        beside = bool(self.gone_from) and not self.gone_from.isdisjoint(map(group, sources))
        last = max(now, self.last)
        return self._replace(
            last=last,
            last_beside_gone=max(now, self.last_beside_gone) if beside else self.last_beside_gone,
            changed={**self.changed, **dict.fromkeys(sources, last)},
            writing=writing,
            polled=self.polled or polled,
            renamed=renamed,
            complete=complete,
            shrank=(),
            gone=(),
        )

    def followed(self, later: Round, group: Grouping) -> Round:
        """The burst with all changes of a later one."""
        last = Touched(later.last, tuple(later.changed), later.writing, later.polled, later.renamed, later.complete)
        return self.touch(last, group)

    def read(self, found: Valid[object] | Invalid, group: Grouping) -> Round:
        """The burst after a load that began since its last change."""
        shrank = tuple(source for source in found.shrank if source not in self.renamed)
        if not found.gone:
            return self._replace(shrank=shrank)
        gone_from = self.gone_from.union(map(group, found.gone))
        beside = (at for source, at in self.changed.items() if group(source) in gone_from)
        last_beside_gone = max(beside, default=self.first)
        return self._replace(shrank=shrank, gone=found.gone, gone_from=gone_from, last_beside_gone=last_beside_gone)

    @property
    def ceiling(self) -> int:
        """The latest instant at which it has settled."""
        usual = ceiling_ns(self.window_ns)
        return min(self.last_beside_gone + usual, self.first + MOST_CEILINGS * usual)

    @property
    def deadline(self) -> int:
        """The instant at which it has settled if nothing more happens."""
        if self.writing or self.gone:
            return self.ceiling
        windows = 2 if self.shrank else 1
        return min(self.last + windows * self.window_ns, self.ceiling)
