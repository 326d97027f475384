"""`View`: all that the app shows, as a value. Updates go in with `updated`; what to show is read off.

Pure: no clock, no watcher, no Textual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hotconf.events import Ending, FileChanged, ReloadFailed
from hotconf.tui.view.facts import Facts, Note, Update
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
    drift: bool = False
    """The files are known to differ from what is published."""

    @property
    def endings(self) -> int:
        """How many endings are among the entries."""
        return sum(entry.ends for entry in self.entries)


def updated(view: View, updates: Iterable[Update]) -> View:
    """`view` after `updates`, in the order in which they happened."""
    added: list[Entry] = []
    for update in updates:
        if update.event is not None:
            preserved = update.facts.snapshot is not None
            added.append(Entry(view.total + len(added), update.event, update.excerpts, preserved))
            view = _stepped(view, update)
        view = replace(view, facts=update.facts)
    entries = (*view.entries, *added)[-MOST_ENTRIES:] if added else view.entries
    return replace(view, entries=entries, total=view.total + len(added))


def new_endings(before: View, after: View) -> Sequence[Entry]:
    """The endings that came between the two."""
    return [entry for entry in after.entries if entry.number >= before.total and entry.ends]


def _stepped(view: View, update: Update) -> View:
    event = update.event
    if event is None or isinstance(event, Note):
        return view
    if isinstance(event, FileChanged):
        return replace(view, touched=event.at)
    failed = event if isinstance(event, ReloadFailed) else None
    return replace(view, last=event, failed=failed, touched=None, drift=False)
