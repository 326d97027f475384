"""The session's history: the generations that were active, bounded in number and in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hotconf.snapshot import Snapshot

MOST_GENERATIONS: Final = 100
MOST_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class History:
    """Oldest first. The newest is always kept; one that was replaced too fast to be seen may be missing."""

    snapshots: tuple[Snapshot[Any], ...] = ()

    def with_(self, snapshot: Snapshot[Any] | None) -> History:
        """This history and `snapshot`, which stands in for one of the same generation."""
        if snapshot is None or (self.snapshots and self.snapshots[-1] is snapshot):
            return self
        kept = [old for old in self.snapshots if old.generation < snapshot.generation]
        return History(_bounded([*kept, snapshot]))

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
