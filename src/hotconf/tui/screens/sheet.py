"""`Sheet`: a titled list that lies over the main screen until Esc."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from hotconf.report.cells import steady
from hotconf.tui.view.rows import Row
from hotconf.tui.widgets.bars import AlertBar, StatusBar
from hotconf.tui.widgets.keybar import KeyBar
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from hotconf.tui.view.status import Status

Answer = TypeVar("Answer")


class Sheet(ModalScreen[Answer]):
    """Rows over the main screen. Subclasses say `rows` and `heading`; `renew` shows them anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="back to what is below"),
        Binding("q", "back", show=False, tooltip="back to what is below"),
        Binding("y", "app.copy", "Copy", tooltip="copy what is under the cursor"),
        Binding("?", "app.help", "Help", tooltip="all keys"),
    ]

    helped: ClassVar[bool] = True
    """There is help for its keys."""

    def rows(self, width: int) -> tuple[Row, ...]:
        """What is on the sheet."""
        raise NotImplementedError

    def heading(self) -> str:
        """What is above it."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The status, the list in a frame, and the keys."""
        yield StatusBar()
        yield AlertBar()
        with Vertical(id="frame"):
            yield SheetList()
        yield KeyBar()

    def on_mount(self) -> None:
        """Show it, with the status of the main screen."""
        for bar in self.app.screen_stack[0].query(StatusBar):
            if bar.status is not None:
                self.show_status(bar.status)
        self.renew()

    def show_status(self, status: Status) -> None:
        """Show the status line, and below it a message that it has no room for."""
        for bar, alerts in zip(self.query(StatusBar), self.query(AlertBar), strict=True):
            bar.show(status)
            alerts.show(bar.overflow)

    def renew(self) -> None:
        """Show what there is now."""
        for frame in self.query("#frame"):
            # As content, for a string would be read as markup.
            frame.border_title = Content(steady(self.heading()))
        for shown in self.query(SheetList):
            shown.rebuild()
        self.refresh_bindings()

    def action_back(self) -> None:
        """To what is below."""
        self.dismiss()


class SheetList(RowList):
    """The list on a sheet."""

    def step(self, heads: Callable[[tuple[Row, ...]], Sequence[int]], step: int) -> None:
        """To the next of `heads`, which finds rows, or to the one before; the first comes after the last."""
        found = heads(self.rows)
        ahead = [index for index in found if (index - self.cursor) * step > 0]
        if found:
            self.show_key(self.rows[(ahead or found)[0 if step > 0 else -1]].key)

    def rebuild(self) -> None:
        """Where it was not moved from its top, what is new there is seen."""
        resting = not (self.moved or self.cursor or self.scroll_offset.y)
        super().rebuild()
        if resting:
            self.cursor = 0
            self.scroll_home(animate=False, force=True, immediate=True)

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """What the sheet says."""
        sheet = self.screen
        return sheet.rows(width) if isinstance(sheet, Sheet) else ()
