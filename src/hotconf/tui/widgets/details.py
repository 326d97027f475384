"""The details on the main screen, of what is under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from hotconf.tui.view.rows import Row

Rows: TypeAlias = Callable[[int], tuple["Row", ...]]
"""The lines for that many columns."""


class DetailsPanel(RowList):
    """Shows what it is given; from the top, unless it is about the same as before."""

    def __init__(self) -> None:
        super().__init__(id="details", classes="panel")
        self._subject: object = None
        self._made: Rows = _nothing
        self.border_title = "Details"

    def show(self, title: str, subject: object, rows: Rows) -> None:
        """Show `rows` about `subject`."""
        same, self._subject, self._made = subject == self._subject, subject, rows
        self.border_title = title
        self.rebuild()
        if not same:
            self.cursor = 0
            self.scroll_home(animate=False, force=True, immediate=True)

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """What it was given."""
        return self._made(width)


def _nothing(width: int) -> tuple[Row, ...]:  # noqa: ARG001 (as any other)
    return ()
