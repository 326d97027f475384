"""Details as sheets, where there is no room for a pane of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view import details

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.details import Description
    from hotconf.tui.view.rows import Row
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
        return details.of_event(self._entry, width)


class ValueDetails(Details):
    """One value, as it was when the sheet was opened."""

    def __init__(self, item: Item, describe: Callable[[], Description | None]) -> None:
        """`describe` is asked until it knows."""
        super().__init__()
        self._item, self._describe = item, describe
        self._known: Description | None = None

    def heading(self) -> str:
        """What it is."""
        return "Value"

    def rows(self, width: int) -> tuple[Row, ...]:
        """Its key, its value, what it means and where it comes from."""
        self._known = self._known or self._describe()
        return details.of_value(self._item, self._known, width)
