"""The generations of this session and the states that are kept on disk, as one list.

A state has the number by which `hotconf history`, `diff @N` and `rollback N` call it. A generation of this session
that is kept has that number, too; one that is not has its generation only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hotconf.history.record import Damage, Record
from hotconf.report.history import described
from hotconf.text import local_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotconf.snapshot import Snapshot, SourceFile
    from hotconf.tui.view.history import History

Id: TypeAlias = tuple[str, int]
"""Names an entry for as long as it is there: its generation, or else its number on disk."""

_MOMENTS: Final = timedelta(seconds=10)
"""Another process that keeps a state has read the same files within it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The states on disk, as they were found."""

    states: tuple[tuple[int, Record | Damage], ...] = field(default=(), repr=False)
    """The newest first."""
    foreign: Mapping[int, str] = field(default_factory=dict)
    """Why a state must not be shown: its secrets are not known."""
    invalid: Mapping[int, str] = field(default_factory=dict)
    """Why a state cannot be used, as far as that is known."""
    last_good: int | None = None
    """The newest that is valid today: a start on broken files would use it."""
    trouble: str = ""
    """Why none is kept, or can be read; empty if all is well."""


@dataclass(frozen=True, slots=True)
class State:
    """An entry of the list."""

    number: int | None = None
    """Of the state on disk."""
    generation: int | None = None
    """Of this session."""
    at: datetime | None = None
    """When it became active, or its files were read."""
    files: tuple[SourceFile, ...] = field(default=(), repr=False)
    what: str = ""
    """What changed, in one line."""
    details: tuple[str, ...] = ()
    """What changed, in full."""
    refused: str = ""
    """Why it cannot be used, as the end of a sentence about it."""
    hidden: bool = False
    """It cannot be shown either."""
    active: bool = False
    last_good: bool = False
    snapshot: Snapshot[Any] | None = field(default=None, repr=False)
    """As published in this session."""

    @property
    def id(self) -> Id:
        """Its name in the list."""
        return ("generation", self.generation) if self.generation is not None else ("state", self.number or 0)

    @property
    def name(self) -> str:
        """`@12`, as the commands call it, or `generation 3` if it is not kept."""
        return f"generation {self.generation}" if self.number is None else f"@{self.number}"

    @property
    def long_name(self) -> str:
        """`@12 generation 3`."""
        both = self.number is not None and self.generation is not None
        return f"@{self.number} generation {self.generation}" if both else self.name


def timeline(history: History, kept: Kept, active: Snapshot[Any] | None) -> tuple[State, ...]:
    """All of them, the oldest first."""
    described_as = {number: what for number, _, what in described(kept.states)}
    records = {number: found for number, found in reversed(kept.states) if isinstance(found, Record)}
    found: list[tuple[tuple[int, int], State]] = []
    taken = set()
    after = 0
    for snapshot in history.snapshots:
        number, older = _numbered(snapshot, records)
        after = max(after, older if number is None else number)
        if number is not None:
            taken.add(number)
        state = _of_session(snapshot, number, history, kept, active, described_as)
        found.append(((after, snapshot.generation), state))
    for number, each in kept.states:
        if number not in taken:
            found.append(((number, 0), _of_disk(number, each, kept, described_as[number])))
    return tuple(state for _, state in sorted(found, key=lambda entry: entry[0]))


def when(at: datetime | None, today: date) -> str:
    """`14:03:22` if that was `today`, else with its date; where the reader is."""
    if at is None:
        return ""
    local = at.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == today else local_time(at)


def _numbered(snapshot: Snapshot[Any], records: Mapping[int, Record]) -> tuple[int | None, int]:
    """The state that is `snapshot`, if it is kept, and the newest that is not younger."""
    older = 0
    for number, record in records.items():
        if record.at == snapshot.loaded_at and record.files == snapshot.files:
            return number, number
        if record.at <= snapshot.loaded_at:
            older = number
        elif record.at - snapshot.loaded_at < _MOMENTS and record.files == snapshot.files:
            return number, number
    if older and records[older].files == snapshot.files:
        return older, older
    return None, older


def _of_session(
    snapshot: Snapshot[Any],
    number: int | None,
    history: History,
    kept: Kept,
    active: Snapshot[Any] | None,
    described_as: Mapping[int, str],
) -> State:
    event = history.events.get(snapshot.generation)
    changes = () if event is None else event.changes
    summary = () if event is None else event.summary
    details = tuple(dict.fromkeys((*summary, *map(str, changes))))
    return State(
        number=number,
        generation=snapshot.generation,
        at=history.since(snapshot),
        files=snapshot.files,
        what=_headline(details) or ("" if number is None else described_as[number]) or "loaded at start",
        details=details,
        active=active is not None and snapshot.generation == active.generation,
        refused="" if number is None else kept.invalid.get(number, ""),
        last_good=number is not None and number == kept.last_good,
        snapshot=snapshot,
    )


def _of_disk(number: int, found: Record | Damage, kept: Kept, what: str) -> State:
    if isinstance(found, Damage):
        return State(number, what=what, refused=found.text, hidden=True)
    refused, hidden = kept.foreign.get(number) or kept.invalid.get(number, ""), number in kept.foreign
    good = number == kept.last_good
    return State(number, None, found.at, found.files, what, found.summary, refused, hidden, last_good=good)


def _headline(details: Sequence[str]) -> str:
    if not details:
        return ""
    return details[0] + (f" (+{len(details) - 1} more)" if len(details) > 1 else "")
