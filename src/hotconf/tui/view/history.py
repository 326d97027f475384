"""The session's history: the generations that were active, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hotconf.snapshot import Snapshot

MOST_GENERATIONS: Final = 100
MOST_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class History:
    """Oldest first. The newest is always kept; one that was replaced too fast to be seen may be missing."""

    snapshots: tuple[Snapshot[Any], ...] = ()
    published: Mapping[int, datetime] = field(default_factory=dict)
    """When generations became active, where an event said so."""

    def with_(self, snapshot: Snapshot[Any] | None, at: datetime | None = None) -> History:
        """This history and `snapshot`, active since `at`, which stands in for one of the same generation."""
        if snapshot is None:
            return self
        known = bool(self.snapshots) and self.snapshots[-1] is snapshot
        if known and at is None:
            return self
        kept = [old for old in self.snapshots if old.generation < snapshot.generation]
        snapshots = self.snapshots if known else _bounded([*kept, snapshot])
        times = self.published if at is None else {**self.published, snapshot.generation: at}
        oldest = snapshots[0].generation
        return History(snapshots, {number: time for number, time in times.items() if number >= oldest})

    def since(self, snapshot: Snapshot[Any]) -> datetime:
        """When `snapshot` became active, if an event said so; else when it was loaded, moments before."""
        return self.published.get(snapshot.generation, snapshot.loaded_at)

    def find(self, generation: int) -> Snapshot[Any] | None:
        """The snapshot of that generation, if it is kept."""
        return next((snapshot for snapshot in self.snapshots if snapshot.generation == generation), None)

    def beside(self, generation: int, step: int) -> int:
        """The generation that is `step` places newer (or older) among those that are kept, or the last on the way."""
        numbers = [snapshot.generation for snapshot in self.snapshots]
        at = numbers.index(generation) + step
        return numbers[min(max(at, 0), len(numbers) - 1)]


def _bounded(snapshots: list[Snapshot[Any]]) -> tuple[Snapshot[Any], ...]:
    kept: list[Snapshot[Any]] = []
    size = 0
    for snapshot in reversed(snapshots[-MOST_GENERATIONS:]):
        size += sum(len(file.content) for file in snapshot.files)
        if kept and size > MOST_BYTES:
            break
        kept.append(snapshot)
    return tuple(reversed(kept))
