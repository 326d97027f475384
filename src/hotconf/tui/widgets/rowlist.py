"""`RowList`: a list of rows with a cursor. It draws only the lines that are seen, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hotconf.report.cells import head, width
from hotconf.tui.messages import Chosen, Highlighted
from hotconf.tui.view.rows import Key, Place, Row, Span

if TYPE_CHECKING:
    from textual import events

_STEP: Final = 2
_FOLDED, _OPEN, _LEAF = "▸ ", "▾ ", "  "
_LEAST_LEFT: Final = 24


class RowList(ScrollView, can_focus=True):
    """Shows what `rows_for` says. Subclasses say it; each row keeps the cursor while it is there."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--plain",
        "rows--muted",
        "rows--strong",
        "rows--key",
        "rows--value",
        "rows--good",
        "rows--bad",
        "rows--warn",
        "rows--accent",
        "rows--match",
        "rows--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False, tooltip="a row up or down"),
        Binding("down,j", "move(1)", show=False, tooltip="a row up or down"),
        Binding("pageup", "page(-1)", show=False, tooltip="a page up or down"),
        Binding("pagedown", "page(1)", show=False, tooltip="a page up or down"),
        # Whoever presses it twice, out of habit, is there, too.
        Binding("home,g", "edge(False)", show=False, tooltip="the first or the last row"),
        Binding("end,G", "edge(True)", show=False, tooltip="the first or the last row"),
        Binding("left,h", "fold", show=False, tooltip="fold or unfold"),
        Binding("right,l", "unfold", show=False, tooltip="fold or unfold"),
        Binding("space", "turn", show=False, tooltip="fold or unfold"),
        Binding("plus", "turn_all(True)", show=False, key_display="+", tooltip="unfold or fold all"),
        Binding("minus", "turn_all(False)", show=False, key_display="-", tooltip="unfold or fold all"),
        Binding("enter", "choose", show=False, tooltip="details of a value or an event"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's)
        super().__init__(id=id, classes=classes)
        self._rows: tuple[Row, ...] = ()
        self._places: dict[Key, int] = {}
        self.toggled: dict[Key, bool] = {}
        """What the person opened (true) or folded."""
        self.moved = False
        """The reader has put the cursor somewhere, or folded or opened something."""
        self._highlighted: Key | None = None
        """The row under the cursor, as it was last said."""

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """The rows to show in `width` columns."""
        raise NotImplementedError

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as they are shown."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def place(self) -> Place | None:
        """Where the row under the cursor was written, or what it stands in."""
        if self.row is None:
            return None
        depth = self.row.depth + 1
        for row in reversed(self._rows[: self.cursor + 1]):
            if row.depth < depth:
                if row.place is not None:
                    return row.place
                depth = row.depth
        return None

    def copied(self) -> str:
        """What the row under the cursor puts into the clipboard."""
        return "" if self.row is None else self.row.copy or self.row.text

    def rebuild(self) -> None:
        """Ask for the rows anew; the cursor stays on its row, and what is on the screen stays where it is."""
        if not self.size.width:
            return
        before, anchor = self.row, self._anchor()
        self._rows = self.rows_for(self.scrollable_content_region.width)
        self._places = {row.key: index for index, row in enumerate(self._rows)}
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows))
        at = self.cursor if before is None else self._nearest(before.key)
        self.cursor = max(0, min(at, len(self._rows) - 1))
        if anchor is not None:
            key, y = anchor
            self.scroll_to(y=max(0, self._nearest(key) - y), animate=False, force=True, immediate=True)
        self.refresh()
        self._say_highlighted()

    def show_key(self, key: Key) -> None:
        """Put the cursor on the row with `key`, if it is there, without the reader's asking."""
        if key in self._places:
            self.cursor = self._places[key]
            self._see_cursor()

    def on_resize(self) -> None:
        """Lines are wrapped to the width."""
        self.rebuild()
        self._see_cursor()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; at an arrow it opens or folds, twice anywhere it does what Enter does."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y + self.scroll_offset.y
        if not 0 <= index < len(self._rows):
            return
        row = self._rows[index]
        self._go(index)
        if row.expanded is not None and (event.chain == 2 or offset.x <= row.depth * _STEP + 1):
            self.action_turn()
        elif event.chain == 2:
            self.action_choose()

    def watch_cursor(self, before: int, after: int) -> None:
        """Draw the two lines that look different now."""
        for index in (before, after):
            y = index - self.scroll_offset.y
            if 0 <= y < self.size.height:
                self.refresh(Region(0, y, self.size.width, 1))
        self._say_highlighted()

    def action_move(self, step: int) -> None:
        """One row up or down."""
        self._go(self.cursor + step)

    def action_page(self, step: int) -> None:
        """A screenful up or down."""
        self._go(self.cursor + step * max(1, self.size.height - 1))

    def action_edge(self, last: bool) -> None:
        """The first or the last row."""
        self._go(len(self._rows) - 1 if last else 0)

    def action_fold(self) -> None:
        """Fold what is open, else go to what it stands in."""
        row = self.row
        if row is None:
            return
        if row.expanded:
            self._toggle(row, opened=False)
        else:
            above = range(self.cursor - 1, -1, -1)
            self._go(next((index for index in above if self._rows[index].depth < row.depth), self.cursor))

    def action_unfold(self) -> None:
        """Open what is folded, else go into it."""
        row = self.row
        if row is not None and row.expanded is False:
            self._toggle(row, opened=True)
        elif row is not None and row.expanded:
            self._go(self.cursor + 1)

    def action_turn(self) -> None:
        """Open what is folded, fold what is open."""
        row = self.row
        if row is not None and row.expanded is not None:
            self._toggle(row, opened=not row.expanded)

    def action_turn_all(self, opened: bool) -> None:
        """Open everything, however deep, or fold everything."""
        done: set[Key] = set()  # what a search holds open does not fold
        while turned := {row.key for row in self._rows if row.expanded is (not opened)} - done:
            self.moved = True
            done |= turned
            self.toggled |= dict.fromkeys(turned, opened)
            self.rebuild()
        self._see_cursor()

    @property
    def matches(self) -> list[int]:
        """Which rows have something that was searched for."""
        return [index for index, row in enumerate(self._rows) if any(span.tone == "match" for span in row.spans)]

    def action_match(self, step: int) -> None:
        """Go to the next or the previous match, and from the last to the first."""
        found = self.matches
        if found and step > 0:
            self._go(next((index for index in found if index > self.cursor), found[0]))
        elif found:
            self._go(next((index for index in reversed(found) if index < self.cursor), found[-1]))

    def action_choose(self) -> None:
        """Say that the person wants to see more of this row."""
        if self.row is not None:
            self.post_message(Chosen(self.row, self.copied()))

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        index = y + self.scroll_offset.y
        columns = self.scrollable_content_region.width
        if index >= len(self._rows):
            return Strip.blank(columns, self.rich_style)
        row = self._rows[index]
        segments = self._segments(row, columns)
        if index == self.cursor and self.has_focus:
            segments = Segment.apply_style(segments, post_style=self._cursor_style())
        return Strip(segments, columns).apply_offsets(0, index)

    def _cursor_style(self) -> Style:
        return self.get_component_rich_style("rows--cursor", partial=True)

    def _segments(self, row: Row, columns: int) -> Iterable[Segment]:
        right = _width(row.right)
        arrow = _LEAF if row.expanded is None else _OPEN if row.expanded else _FOLDED
        left = (Span(" " * (row.depth * _STEP) + arrow, "muted"), *row.spans)
        if right and columns - right - 1 < min(_LEAST_LEFT, _width(left)):
            right = 0
        room = columns - (right + 1 if right else 0)
        for text, tone in _fitted(left, room):
            yield Segment(text, self._style(tone))
        if right:
            yield Segment(" ", self.rich_style)
            for span in row.right:
                yield Segment(span.text, self._style(span.tone))

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"rows--{tone}")

    def _toggle(self, row: Row, *, opened: bool) -> None:
        self.moved = True
        self.toggled[row.key] = opened
        self.rebuild()
        self._see_cursor()

    def _nearest(self, key: Key) -> int:
        """The row with `key`, or what it stood in."""
        for length in range(len(key), 0, -1):
            if key[:length] in self._places:
                return self._places[key[:length]]
        return self.cursor

    def _anchor(self) -> tuple[Key, int] | None:
        """The row that is to stay where it is on the screen, and the line: that of the cursor, if it is seen."""
        top = self.scroll_offset.y
        seen = self._rows[top : top + self.size.height]
        if not seen:
            return None
        y = self.cursor - top
        return (seen[y].key, y) if 0 <= y < len(seen) else (seen[0].key, 0)

    def _go(self, index: int) -> None:
        self.moved = True
        self.cursor = max(0, min(index, len(self._rows) - 1))
        self._see_cursor()

    def _say_highlighted(self) -> None:
        """The cursor is at another row, whether it moved or the rows did: its number may be the same."""
        key = None if self.row is None else self.row.key
        if key != self._highlighted:
            self._highlighted = key
            self.post_message(Highlighted())

    def _see_cursor(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True, immediate=True)


def _width(spans: Iterable[Span]) -> int:
    return sum(width(span.text) for span in spans)


def _fitted(spans: Iterable[Span], room: int) -> Iterable[tuple[str, str]]:
    """The spans in exactly `room` columns: cut with an ellipsis, or filled up."""
    spans = tuple(spans)
    if _width(spans) <= room:
        for span in spans:
            yield span.text, span.tone
            room -= width(span.text)
        yield " " * room, "plain"
        return
    room -= 1
    for span in spans:
        size = width(span.text)
        if size > room:
            part = head(span.text, room)
            yield part, span.tone
            yield "…" + " " * (room - width(part)), "muted"  # a wide character may leave a cell
            return
        yield span.text, span.tone
        room -= size
