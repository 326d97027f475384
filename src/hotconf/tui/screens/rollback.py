"""The question before a rollback: what it writes, what happens then, and the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from hotconf.report.cells import wrapped
from hotconf.tui.screens.difference import WIDE
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import comparison
from hotconf.tui.view.rows import Row, Span, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.tui.past.states import Question


@dataclass(frozen=True, slots=True)
class Consent:
    """Yes, go back."""

    remove_appeared: bool


class AskRollback(Sheet["Consent | None"]):
    """Asks once, about the files as they were when it was opened; it is refused later if they have changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # No key that does something harmless on the screens below.
        Binding("R", "consent", "Roll back", tooltip="roll back"),
        Binding("x", "turn", "Remove/keep new files", tooltip="remove the fragments that appeared, or keep them"),
        Binding("n", "step(1)", "Next", tooltip="the next or the previous change"),
        Binding("N", "step(-1)", "Previous", tooltip="the next or the previous change"),
    ]

    def __init__(self, question: Question, then: str) -> None:
        """`then`: what happens once the files are written."""
        super().__init__()
        self._question = question
        self._then = then
        self._remove = False

    def heading(self) -> str:
        """The question."""
        return f"Roll back to {self._question.state.long_name}?"

    def rows(self, width: int) -> tuple[Row, ...]:
        """What is written, what happens then, and the difference."""
        room = width - 2
        said = [(line, tone) for text, tone in self._said() for line in wrapped(text, room)]
        top = [Row(("said", number), (Span(text, tone),)) for number, (text, tone) in enumerate(said)]
        shown = comparison.rows(self._files, room, as_unified=width < WIDE) if self._files else ()
        return (*top, Row(("gap",), ()), *shown)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """Files can be removed only where some appeared; without anything to write there is nothing to confirm."""
        if action == "turn":
            return bool(self._question.plan.appeared)
        return action not in ("consent", "step") or bool(self._files)

    def action_consent(self) -> None:
        """Yes."""
        self.dismiss(Consent(self._remove))

    def action_turn(self) -> None:
        """Remove the files that appeared, or keep them."""
        self._remove = not self._remove
        self.renew()

    def action_step(self, step: int) -> None:
        """The next change, or the one before."""
        self.query_one(SheetList).step(comparison.heads, step)

    @property
    def _files(self) -> tuple[comparison.File, ...]:
        return self._question.without_appeared if self._remove else self._question.files

    def _said(self) -> Iterator[tuple[str, Tone]]:
        for file in self._files:
            yield (f"Removes {file.name}", "warn") if file.gone else (f"Writes {file.name}: {file.what}", "strong")
        name = self._question.state.name
        stays = ", ".join(path.name for path in self._question.plan.appeared)
        if stays and not self._remove:
            nothing = "" if self._files else "Nothing is written. "
            yield f"{nothing}Keeps {stays}, which {name} did not have; press x to remove", "warn"
        if self._files:
            yield self._then, "plain"
