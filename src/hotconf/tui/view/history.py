"""The session's history: the generations that were active, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

    from hotconf.events import ReloadSuccess
    from hotconf.snapshot import Snapshot

MOST_GENERATIONS: Final = 100
MOST_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class History:
    """Oldest first. The newest is always kept; one that was replaced too fast to be seen may be missing."""

    snapshots: tuple[Snapshot[Any], ...] = ()
    events: Mapping[int, ReloadSuccess] = field(default_factory=dict)
    """What said that a generation became active, where anything did."""

    def with_(self, snapshot: Snapshot[Any] | None, event: ReloadSuccess | None = None) -> History:
        """This history and `snapshot`, published with `event`; it stands in for one of the same generation."""
        if snapshot is None:
            return self
        known = bool(self.snapshots) and self.snapshots[-1] is snapshot
        if known and event is None:
            return self
        kept = [old for old in self.snapshots if old.generation < snapshot.generation]
        snapshots = self.snapshots if known else _bounded([*kept, snapshot])
        events = self.events if event is None else {**self.events, snapshot.generation: event}
        oldest = snapshots[0].generation
        return History(snapshots, {number: each for number, each in events.items() if number >= oldest})

    def since(self, snapshot: Snapshot[Any]) -> datetime:
        """When `snapshot` became active, if an event said so; else when it was loaded, moments before."""
        event = self.events.get(snapshot.generation)
        return snapshot.loaded_at if event is None else event.at


def _bounded(snapshots: list[Snapshot[Any]]) -> tuple[Snapshot[Any], ...]:
    kept: list[Snapshot[Any]] = []
    size = 0
    for snapshot in reversed(snapshots[-MOST_GENERATIONS:]):
        size += sum(len(file.content) for file in snapshot.files)
        if kept and size > MOST_BYTES:
            break
        kept.append(snapshot)
    return tuple(reversed(kept))
