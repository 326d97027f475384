"""Differences between two generations of the session, and the question before going back to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view import comparison
from hotconf.tui.view.rows import Row, Span, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.history.restore import Restoration
    from hotconf.snapshot import Snapshot
    from hotconf.tui.view.history import History

WIDE = 100
"""The least width at which two sides stand beside each other."""


class Difference(Sheet[None]):
    """How one generation became another. `history` is asked each time: it grows while this is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("[", "old(-1)", "Older", tooltip="choose the older generation"),
        Binding("]", "old(1)", "Newer", tooltip="choose the older generation"),
        Binding("{", "new(-1)", "Right older", show=False, tooltip="choose the newer generation"),
        Binding("}", "new(1)", "Right newer", show=False, tooltip="choose the newer generation"),
        Binding("u", "turn", "Unified/sides", tooltip="unified, or side by side"),
        Binding("b", "back_to", "Roll back", tooltip="roll back to the older one; you are asked first"),
        Binding("e", "app.edit", "Edit", tooltip="open your editor"),
    ]

    def __init__(
        self, history: Callable[[], History], ask: Callable[[Snapshot[Any]], None], secret_keys: frozenset[str]
    ) -> None:
        super().__init__()
        self._secret_keys = secret_keys
        self._history = history
        self._ask = ask
        newest = history().snapshots[-1].generation
        self._new = newest
        self._old = history().beside(newest, -1)
        self._unified: bool | None = None

    def heading(self) -> str:
        """Which two."""
        old, new = self._snapshots()
        return f"{self._named(old)} → {self._named(new)}"

    def rows(self, width: int) -> tuple[Row, ...]:
        """The difference."""
        old, new = self._snapshots()
        if len(self._history().snapshots) == 1:
            text = "There is one generation yet: save a change, and it is compared here"
            return (Row(("one",), (Span(text, "muted"),)),)
        return comparison.rows(old, new, width - 2, as_unified=self._is_unified(width), secret_keys=self._secret_keys)

    def action_old(self, step: int) -> None:
        """Another generation on the left."""
        self._old = self._history().beside(self._snapshots()[0].generation, step)
        self.renew()

    def action_new(self, step: int) -> None:
        """Another generation on the right."""
        self._new = self._history().beside(self._snapshots()[1].generation, step)
        self.renew()

    def action_turn(self) -> None:
        """Side by side or unified."""
        self._unified = not self._is_unified(self.size.width)
        self.renew()

    def action_back_to(self) -> None:
        """Ask whether to go back to the generation on the left."""
        self._ask(self._snapshots()[0])

    def _is_unified(self, width: int) -> bool:
        return width < WIDE if self._unified is None else self._unified

    def _named(self, snapshot: Snapshot[Any]) -> str:
        return f"generation {snapshot.generation} ({self._history().since(snapshot).astimezone():%H:%M:%S})"

    def _snapshots(self) -> tuple[Snapshot[Any], Snapshot[Any]]:
        """Those that were chosen, or the oldest where they are no longer kept."""
        history = self._history()
        oldest = history.snapshots[0]
        return history.find(self._old) or oldest, history.find(self._new) or oldest


@dataclass(frozen=True, slots=True)
class Consent:
    """Yes, go back."""

    remove_appeared: bool


class GoBack(Sheet["Consent | None"]):
    """Shows what going back would change of the files as they are now, and asks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # No key that does something harmless on the screens below.
        Binding("R", "consent", "Roll back", tooltip="roll back"),
        Binding("x", "turn", "Remove/keep new fragments", tooltip="remove the fragments that appeared, or keep them"),
    ]

    def __init__(
        self, target: Snapshot[Any], on_disk: Snapshot[Any], plan: Restoration, secret_keys: frozenset[str]
    ) -> None:
        super().__init__()
        self._target, self._on_disk, self._plan = target, on_disk, plan
        self._secret_keys = secret_keys
        self._remove = False

    def heading(self) -> str:
        """The question."""
        return f"Roll back to generation {self._target.generation}?"

    def rows(self, width: int) -> tuple[Row, ...]:
        """The files that are written, the fragments that stay, and the difference."""
        names = ", ".join(path.name for path, _ in self._plan.writes)
        written = (
            f"{counted(len(self._plan.writes), 'file')} will be written: {names}" if names else "No file is written"
        )
        found = [Row(("what",), (Span(written, "strong"),))]
        for number, path in enumerate(self._plan.appeared):
            what = "will be removed" if self._remove else "appeared since and stays"
            found.append(Row(("appeared", number), (Span(f"{path.name} {what}", "warn"),)))
        shown = comparison.rows(
            self._on_disk, self._target, width - 2, as_unified=width < WIDE, secret_keys=self._secret_keys
        )
        return (*found, Row(("gap",), ()), *shown)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """Fragments can be removed only where some appeared."""
        return action != "turn" or bool(self._plan.appeared)

    def action_consent(self) -> None:
        """Yes."""
        self.dismiss(Consent(self._remove))

    def action_turn(self) -> None:
        """Remove the fragments that appeared, or keep them."""
        self._remove = not self._remove
        self.renew()
