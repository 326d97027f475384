"""The events, and `Listener`, which gets them in a `Notice`.

Every round of changes opens with `FileChanged` and has exactly one ending: one of the others. Subscribers' queues,
statistics, log and history are listeners. A new one is a class with `notify`, and a line in `runtime.reloader`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from hotconf.changes import Change
from hotconf.problems import Kind, Problem
from hotconf.snapshot import Timings

if TYPE_CHECKING:
    from hotconf.settings import HotReloadSettings  # not at run time: programs that only log load no pydantic
    from hotconf.snapshot import Snapshot

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
    pending_restart: tuple[Change, ...] = ()
    """What the files say that takes effect only after a restart."""
    at: datetime = field(default=NOT_STAMPED, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReloadUnchanged:
    """The files were saved, and nothing differs: the config is the same object as before."""

    reason: str
    warnings: tuple[Problem, ...] = ()
    """What is odd about the files: a misspelt key is a likely reason why a save changes nothing."""
    pending_restart: tuple[Change, ...] = ()
    """What the files say, and takes effect only after a restart."""
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


def problems_of(event: ConfigReloadEvent) -> tuple[Problem, ...] | None:
    """What an outcome says about the files: the problems of a failure, else warnings; None if it is no outcome."""
    match event:
        case ReloadFailed(problems=problems):
            return problems
        case ReloadSuccess(warnings=warnings) | ReloadUnchanged(warnings=warnings):
            return warnings
    return None


class Publication(NamedTuple):
    """How the snapshot of a notice came to be published."""

    summary: tuple[str, ...]
    """What changed, or why nothing did, as lines for people."""
    timings: Timings = Timings()
    recalled: bool = False
    """It is the last good state, because the load at start failed."""
    overridden: bool = False
    """Overrides count in it, or did before: the summary may show what they say."""


class Notice(NamedTuple):
    """An event, and all that listeners may want to know with it."""

    event: ConfigReloadEvent | None
    """None for the first configuration: `start()` returns instead."""
    snapshot: Snapshot[Any] | None
    """What readers see now."""
    settings: HotReloadSettings
    """In force now."""
    published: Publication | None = None
    """Readers have seen `snapshot` since this notice only; it may be the same config, read from other files."""
    eager: bool = False
    """The round ended before its window did."""
    degraded: bool = False
    """What is published was recalled at start, and the files have not been good since."""
    raised: bool = False
    """The event is a failure that `start()` raises."""

    @property
    def first(self) -> bool:
        """Whether no good load came before."""
        return self.snapshot is None or (self.published is not None and self.published.recalled)


class Listener(Protocol):
    """Gets the notices of one watcher, in order."""

    def notify(self, notice: Notice) -> None:
        """Take note, quickly: it runs on the driver's thread, before those who wait for `reload()` get their answer.

        If it raises, that is logged and counted, and the other listeners get the notice all the same.
        """
