"""Details: one event with all of its changes or problems, or one value of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from hotconf.report.cells import wrapped
from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view import stream
from hotconf.tui.view.configuration import is_default, origin_of
from hotconf.tui.view.rows import Row, Span

if TYPE_CHECKING:
    from hotconf.tui.view.stream import Entry


class Details(Sheet[None]):
    """What has a place in a file."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "app.edit", "Edit", tooltip="open your editor")]


class EventDetails(Details):
    """One event."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self._entry = entry

    def heading(self) -> str:
        """When it was."""
        return f"Event at {self._entry.event.at.astimezone():%H:%M:%S}"

    def rows(self, width: int) -> tuple[Row, ...]:
        """What happened, and everything below it."""
        symbol, tone = stream.symbol(self._entry)
        text = "".join(span.text for span in stream.headline(self._entry))
        head = tuple(
            Row(
                ("head", number),
                (Span(f"{symbol} " if not number else "  ", tone), Span(line, "strong")),
                place=stream.place(self._entry),
                copy=stream.plain(self._entry),
            )
            for number, line in enumerate(wrapped(text, width - 4))
        )
        below = stream.body(self._entry, width - 4)
        return (*head, Row(("gap",), ()), *below) if below else head


class ValueDetails(Details):
    """One value."""

    def __init__(self, row: Row, whole: str) -> None:
        super().__init__()
        self._row, self._whole = row, whole

    def heading(self) -> str:
        """What it is."""
        return "Value"

    def rows(self, width: int) -> tuple[Row, ...]:
        """Its key, its value, and where it was written."""
        row = self._row
        texts = wrapped(self._whole, width - 4)
        where = "a default, in no file" if is_default(row) else origin_of(row).partition(", over ")[0]
        if row.place is not None:
            where = str(row.place)
        if where:
            texts += ["", *wrapped(f"Origin: {where}", width - 4)]
        for place in row.over:
            texts += wrapped(f"Overrides: {place}", width - 4)
        return tuple(
            Row(("line", number), (Span(text),), place=row.place, copy=self._whole)
            for number, text in enumerate(texts)
        )
