"""Problems: all that is wrong now, each with its place, its source line and how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.tui.messages import Chosen
    from hotconf.tui.view.rows import Row
    from hotconf.tui.view.view import View


class Problems(Sheet[None]):
    """The problems as they are now: `view` is asked each time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "app.edit", "Edit", tooltip="edit the file, at the problem"),
        Binding("n", "step(1)", "Next", tooltip="the next or the previous problem"),
        Binding("N", "step(-1)", "Previous", tooltip="the next or the previous problem"),
        Binding("]", "step(1)", show=False, tooltip="the next or the previous problem"),
        Binding("[", "step(-1)", show=False, tooltip="the next or the previous problem"),
    ]

    def __init__(self, view: Callable[[], View], step: int = 0) -> None:
        """Opens at the top; at the first or the last problem if `step` is 1 or -1."""
        super().__init__()
        self._view = view
        self._first_step = step

    def heading(self) -> str:
        """How many."""
        summary = problems.summary(problems.listed(self._view()))
        return f"Problems: {summary}" if summary else "Problems"

    def rows(self, width: int) -> tuple[Row, ...]:
        """Each with its source."""
        return problems.rows(self._view(), width - 2)

    def on_mount(self) -> None:
        """Show them, the cursor on one of them."""
        super().on_mount()
        if self._first_step:
            self.call_after_refresh(self.action_step, self._first_step)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """There is a next one only if there is one."""
        return action != "step" or bool(problems.listed(self._view()) or problems.elsewhere(self._view()).refusals)

    async def on_chosen(self, message: Chosen) -> None:
        """Enter edits, too."""
        message.stop()
        await self.run_action("app.edit")

    def action_step(self, step: int) -> None:
        """The next problem, or the previous one; the first comes after the last."""
        self.query_one(SheetList).step(problems.heads, step)
