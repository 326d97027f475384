"""What the app learns: the watcher's events, each with the facts as they were then, and notes of its own doings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hotconf.events import ConfigReloadEvent, Pending

if TYPE_CHECKING:
    from hotconf.problems import Problem
    from hotconf.snapshot import Snapshot
    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.rows import Tone

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a watcher at one moment."""

    path: Path
    snapshot: Snapshot[Any] | None = None
    """The active configuration; None if there is none yet."""
    items: tuple[Item, ...] = ()
    """The snapshot as a tree, ready to be shown."""
    enabled: bool = True
    """Hot reload is on."""
    debounce_ms: int = 0
    watching: tuple[Path, ...] = ()
    pending: Pending | None = None
    observer: str = ""
    degraded: bool = False
    """The files were not good at start, and have not been since: the snapshot is the last good state."""
    started: bool = False
    of_program: bool = False
    """A program's own watcher was named: there may be resources, which are created by it alone."""
    excerpts: Excerpts = field(default=(), repr=False)
    """The source lines of each warning of the snapshot."""

    @property
    def generation(self) -> int:
        """0 if there is no configuration yet."""
        return 0 if self.snapshot is None else self.snapshot.generation


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the app did or saw by itself, shown among the events."""

    text: str
    at: datetime
    tone: Tone = "plain"
    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What is odd about what it found."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Processes that refuse the files as they are, for the same reasons."""

    processes: tuple[str, ...]
    """Their names: the process ids."""
    problems: tuple[str, ...]
    """With their places, without values."""


@dataclass(frozen=True, slots=True)
class Others:
    """The other processes of the configuration, as their status files say."""

    number: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def headline(self) -> str:
        """`refused by 1 of 3 processes (4242): config.toml:3:8: pool: …`; empty if none refuses."""
        names = [name for refusal in self.refusals for name in refusal.processes]
        if not names:
            return ""
        first = next((problem for refusal in self.refusals for problem in refusal.problems), "no reason is given")
        return f"refused by {len(names)} of {processes(self.number)} ({named(names)}): {first}"


NOBODY: Final = Others()


def named(names: Sequence[str]) -> str:
    """`4242, 4243`, as many as are read; and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def processes(number: int) -> str:
    """`1 process`, `2 processes`."""
    return f"{number} process{'' if number == 1 else 'es'}"


Happening: TypeAlias = ConfigReloadEvent | Note
"""What an entry of the event stream is about."""
Excerpts: TypeAlias = tuple[tuple[str, ...], ...]
"""For each problem of a failure the source lines, with a caret, as they were then."""


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that happened, and the facts with it; without an event only the facts are new."""

    facts: Facts
    event: Happening | None = None
    excerpts: Excerpts = field(default=(), repr=False)
