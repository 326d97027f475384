"""The events on the main screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, get_args

from textual.binding import Binding, BindingType

from hotconf.report.cells import wrapped
from hotconf.text import short_path, source_name
from hotconf.tui.view import stream
from hotconf.tui.view.facts import Note
from hotconf.tui.view.rows import Key, Row, Span, counted
from hotconf.tui.view.stream import Which
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.tui.view.stream import Entry
    from hotconf.tui.view.view import View

_WHICH: Final[tuple[Which, ...]] = get_args(Which)
_INTRODUCTION: Final = (
    "This is your configuration as it is in force, live.{}",
    "Save {} and watch: each save is listed here, with what it changed, or why it was refused.",
    "e opens it in your editor, ? shows all keys.",
)
"""On the first screen, until something is saved."""
_OF_SOURCE: Final = (
    "{} is published elsewhere: each document is listed here, with what it changed, or why it was refused.",
    "? shows all keys.",
)
"""The same of a source that is no file."""
_OF_PROGRAM: Final = " It is what a start of the program would give; resources are not created here."
_NONE_KEPT: Final = {
    "endings": "No reload has ended yet",
    "failures and warnings": "No failure and no warning so far",
}


class EventsPanel(RowList):
    """The event stream, newest first. It follows the newest while the cursor and the view are at the top, and stands
    still otherwise.
    """

    SEARCHED: Final = "what an event says"
    """What one may look for."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sift", "Filter", tooltip="show all events, endings only, or failures and warnings only"),
    ]

    def __init__(self) -> None:
        super().__init__(id="events", classes="panel")
        self._entries: tuple[Entry, ...] = ()
        self._kept: tuple[Entry, ...] = ()
        self._which: Which = "all"
        self._query = ""
        self._opened: Key | None = None
        self._path: Path | None = None
        self._of_program = False
        self._lost = 0
        self.border_title = "Events"

    def show(self, view: View) -> None:
        """Show the entries of `view`."""
        shown = self._entries, self._path, self._of_program
        if view.entries is shown[0] and (view.facts.path, view.facts.of_program) == shown[1:]:
            return
        self._entries, self._path = view.entries, view.facts.path
        self._of_program = view.facts.of_program
        self._lost = view.total - len(view.entries)
        self.rebuild()

    def search(self, query: str) -> None:
        """Show only the events that say `query`; all, if it is empty."""
        self._query = query
        self.rebuild()
        if query:
            self.action_edge(False)

    @property
    def query_text(self) -> str:
        """What is searched for."""
        return self._query

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
            return self._introduction(width)
        self._toggled_of_kept()
        if not self._kept:
            said = f"No event says {self._query}" if self._query else f"{_NONE_KEPT[self._which]} (s shows others)"
            return (Row(("none",), (Span(said, "muted"),)),)
        rows = stream.rows(self._kept, self.toggled, width, opened=self._opened, query=self._query)
        new = all(isinstance(entry.event, Note) for entry in self._entries)
        return (*rows, Row(("gap",), ()), *self._introduction(width)) if new else rows

    def _introduction(self, width: int) -> tuple[Row, ...]:
        name = "the file" if self._path is None else short_path(self._path)
        source = self._path is not None and source_name(self._path)
        here, save, keys = (_INTRODUCTION[0], *_OF_SOURCE) if source else _INTRODUCTION
        texts = here.format(_OF_PROGRAM if self._of_program else ""), save.format(name), keys
        lines = [line for text in texts for line in wrapped(text, width - 3)]
        return tuple(Row(("hint", number), (Span(line, "muted"),)) for number, line in enumerate(lines))

    def rebuild(self) -> None:
        """At the top, go to the newest entry and open it; elsewhere leave everything where it is on the screen."""
        top, following = self.scroll_offset.y, self._follows()
        anchor = self.rows[top].key if top < len(self.rows) else None
        self._kept = stream.kept(self._entries, self._which, self._query)
        if following or self._opened not in [entry.key for entry in self._kept]:
            self._opened = stream.opened_by_itself(self._kept)
        super().rebuild()
        if following:
            self.cursor = 0
            self.scroll_home(animate=False, force=True, immediate=True)
        elif anchor is not None and (moved := self._index_of(anchor)) is not None:
            self.scroll_to(y=moved, animate=False, force=True, immediate=True)
        self._rename()

    def watch_cursor(self, before: int, after: int) -> None:
        """Back at the top the newest entry is open again."""
        super().watch_cursor(before, after)
        if before and not after and self._opened != stream.opened_by_itself(self._kept):
            self.call_later(self.rebuild)
        if self._query:
            self._rename()

    def action_sift(self) -> None:
        """Show others of the events."""
        self._which = _WHICH[(_WHICH.index(self._which) + 1) % len(_WHICH)]
        self.rebuild()
        self._see_cursor()

    def _follows(self) -> bool:
        return not self.cursor and not self.scroll_offset.y

    def _index_of(self, key: Key) -> int | None:
        return next((index for index, row in enumerate(self.rows) if row.key == key), None)

    def _rename(self) -> None:
        parts = ["Events"]
        if self._which != "all":
            parts.append(self._which)
        if self._query:
            found = self.matches
            at = f"{found.index(self.cursor) + 1} of " if self.cursor in found else ""
            parts.append(f"{at}{len(found)} {'match' if len(found) == 1 else 'matches'}")
        if self._lost:
            parts.append(f"{counted(self._lost, 'older one')} dropped")
        self.border_title = " · ".join(parts)

    def _toggled_of_kept(self) -> None:
        oldest = self._entries[0].number
        for key in [key for key in self.toggled if isinstance(key[1], int) and key[1] < oldest]:
            del self.toggled[key]
