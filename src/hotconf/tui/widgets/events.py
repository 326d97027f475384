"""The events on the main screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotconf.tui.view import stream
from hotconf.tui.view.rows import Row, Span, counted
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from hotconf.tui.view.stream import Entry
    from hotconf.tui.view.view import View


class EventsPanel(RowList):
    """The event stream, newest first. It follows the newest until the cursor is moved away from it."""

    def __init__(self) -> None:
        super().__init__(id="events", classes="panel")
        self._entries: tuple[Entry, ...] = ()
        self._following = True
        self.border_title = "Events"

    def show(self, view: View) -> None:
        """Show the entries of `view`."""
        if view.entries is self._entries:
            return
        self._entries = view.entries
        lost = view.total - len(view.entries)
        self.border_title = f"Events · {counted(lost, 'older one')} dropped" if lost else "Events"
        self.rebuild()

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        if self.row is None or self.row.key[0] != "entry":
            return None
        return next((entry for entry in self._entries if entry.number == self.row.key[1]), None)

    def copied(self) -> str:
        """An event as its notification; of what is open below it the line."""
        entry = self.entry
        whole = entry is not None and self.row is not None and self.row.key == entry.key
        return stream.plain(entry) if entry is not None and whole else super().copied()

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """The entries, and what is open below them."""
        if not self._entries:
            return (Row(("none",), (Span("Nothing has happened yet: save the file, and see", "muted"),)),)
        self._toggled_of_kept()
        return stream.rows(self._entries, self.toggled, width)

    def rebuild(self) -> None:
        """As for all lists; while following, the cursor goes to the newest entry, and all of it is seen."""
        following = self._following
        super().rebuild()
        if following and self._entries:
            self.cursor = 0
            self.scroll_home(animate=False, force=True, immediate=True)

    def watch_cursor(self, before: int, after: int) -> None:
        """Follow again once the cursor is back at the newest entry."""
        super().watch_cursor(before, after)
        row = self.row
        self._following = row is None or not self._entries or row.key[:2] == self._entries[-1].key

    def _toggled_of_kept(self) -> None:
        oldest = self._entries[0].number
        for key in [key for key in self.toggled if isinstance(key[1], int) and key[1] < oldest]:
            del self.toggled[key]
