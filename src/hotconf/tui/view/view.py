"""`View`: all that the app shows, as a value. Updates go in with `updated`; what to show is read off.

Pure: no clock, no watcher, no Textual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hotconf.events import Ending, FileChanged, ReloadFailed, ReloadUnchanged, problems_of
from hotconf.problems import NO_WARNINGS, Warnings
from hotconf.tui.view.facts import NOBODY, Facts, Note, Others, Update
from hotconf.tui.view.stream import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ENTRIES: Final = 500
"""How many of the latest entries of the event stream are kept."""


@dataclass(frozen=True, slots=True)
class View:
    """The state of the app."""

    facts: Facts
    entries: tuple[Entry, ...] = ()
    total: int = 0
    """How many entries there ever were."""
    last: Ending | None = None
    """The latest ending."""
    failed: ReloadFailed | None = None
    """The latest failure, until a good load."""
    touched: datetime | None = None
    """When the files changed last, while that has not ended."""
    recovered: bool = False
    """The latest ending is Unchanged, and ended a failure."""
    warnings: Warnings = NO_WARNINGS
    """Those in force, and what the latest outcome changed about them."""
    drift: bool = False
    """The files are known to differ from what is published."""
    troubles: tuple[str, ...] = ()
    """Why not all is noticed, or kept, as it should be."""
    others: Others = NOBODY
    """The other processes of the configuration."""
    lost: int = 0
    """How many events came too fast to be shown, until an ending is shown."""

    @property
    def endings(self) -> int:
        """How many endings are among the entries."""
        return sum(entry.ends for entry in self.entries)


def updated(view: View, updates: Iterable[Update], lost: int = 0) -> View:
    """`view` after `updates`, in the order in which they happened; `lost` others came before them."""
    added: list[Entry] = []
    for update in updates:
        event, facts = update.event, update.facts
        view = _stepped(view, update)
        if event is not None:
            preserved, warned = facts.snapshot is not None, not isinstance(event, ReloadFailed)
            excerpts = update.excerpts or (facts.excerpts if warned else ())
            recovered = view.recovered and event is view.last
            added.append(Entry(view.total + len(added), event, excerpts, preserved, recovered, view.warnings))
        view = replace(view, facts=facts)
    entries = (*view.entries, *added)[-MOST_ENTRIES:] if added else view.entries
    lost = view.lost + lost if lost or not any(entry.ends for entry in added) else 0
    return replace(view, entries=entries, total=view.total + len(added), lost=lost)


def new_endings(before: View, after: View) -> Sequence[Entry]:
    """The endings that came between the two."""
    return [entry for entry in after.entries if entry.number >= before.total and entry.ends]


def _stepped(view: View, update: Update) -> View:
    event, snapshot = update.event, update.facts.snapshot
    if isinstance(event, FileChanged):
        return replace(view, touched=event.at)
    if event is None or isinstance(event, Note):
        # Whose ending has not been shown, if it has one: that of the load at start has not.
        if snapshot is None or snapshot is view.facts.snapshot:
            return view
        return replace(view, warnings=view.warnings.after(snapshot.warnings))
    failed = event if isinstance(event, ReloadFailed) else None
    recovered = isinstance(event, ReloadUnchanged) and (view.failed is not None or view.facts.degraded)
    found = problems_of(event)
    warnings = view.warnings if found is None else view.warnings.after(found, failed=failed is not None)
    return replace(view, last=event, failed=failed, recovered=recovered, warnings=warnings, touched=None, drift=False)
