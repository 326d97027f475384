"""The events. Every round of changes opens with `FileChanged` and has exactly one ending: one of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from hotconf.changes import Change
from hotconf.problems import Kind, Problem
from hotconf.timings import Timings

NOT_STAMPED = datetime.fromtimestamp(0, UTC)
"""`at` of an event that has not been emitted."""


@dataclass(frozen=True, slots=True)
class FileChanged:
    """A change of a file was detected; nothing has been read yet. Once per file and round."""

    path: Path
    """The file as configured, absolute; never the target of a link."""
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReloadDeferred:
    """The files are valid and different, but something is busy: the reload waits for it."""

    reasons: tuple[str, ...]
    """What is busy, in the order in which it began."""
    changes: tuple[Change, ...]
    summary: tuple[str, ...]
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReloadSuccess:
    """A new configuration is published: readers see it already."""

    generation: int
    changes: tuple[Change, ...]
    """Against the configuration that was published before; empty for the first one."""
    summary: tuple[str, ...]
    """What changed, as lines for people."""
    timings: Timings = field(default=Timings(), compare=False)
    warnings: tuple[Problem, ...] = ()
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReloadUnchanged:
    """The files were saved, and nothing differs: the config is the same object as before."""

    reason: str
    warnings: tuple[Problem, ...] = ()
    """What is odd about the files: a misspelt key is a likely reason why a save changes nothing."""
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReloadFailed:
    """The files are not a valid configuration; the old one stays published."""

    error: str
    """The first problem on one line, with `(+N more)` when there are more."""
    kind: Kind
    problems: tuple[Problem, ...]
    """All of them, in file order."""
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class Pending:
    """A reload that waits for something busy."""

    reasons: tuple[str, ...]
    since: datetime
    """UTC; when the first reload since the last outcome was deferred."""
    changes: tuple[Change, ...]


Ending: TypeAlias = ReloadDeferred | ReloadSuccess | ReloadUnchanged | ReloadFailed
"""How a round ends."""
Outcome: TypeAlias = ReloadSuccess | ReloadUnchanged | ReloadFailed
"""An ending that is final: all but Deferred."""
ConfigReloadEvent: TypeAlias = FileChanged | Ending
"""Everything that a subscriber can get."""
