"""Generations: those of this session and the states on disk, to be compared and restored."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from hotconf.tui.screens.difference import READ_S, Difference
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import listing
from hotconf.tui.view.rows import Row, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hotconf.tui.messages import Chosen
    from hotconf.tui.past.generations import Generations
    from hotconf.tui.past.timeline import Id, State


class GenerationList(Sheet[None]):
    """All of them, the newest first; it follows the reloads and the disk."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "compare", "Diff", tooltip="compare it with the active one, or the two that are marked"),
        Binding("m", "mark", "Mark", tooltip="mark it to be compared, or unmark it"),
        Binding("b", "back_to", "Roll back", tooltip="roll back to it; you are asked first"),
    ]

    def __init__(self, generations: Generations, ask: Callable[[State], None], now: Callable[[], datetime]) -> None:
        """`ask` asks whether to roll back."""
        super().__init__()
        self._generations = generations
        self._ask = ask
        self._now = now
        self._marked: tuple[Id, ...] = ()

    def on_mount(self) -> None:
        """Look at the disk, now and then."""
        super().on_mount()
        self._generations.read(self.renew)
        self.set_interval(READ_S, partial(self._generations.read, self.renew))

    def heading(self) -> str:
        """How many."""
        states = self._generations.states
        session = sum(state.generation is not None for state in states)
        kept = sum(state.number is not None for state in states)
        return f"Generations: {session} of this session, {kept} kept on disk"

    def rows(self, width: int) -> tuple[Row, ...]:
        """A line each; what is open with all that changed."""
        states = self._generations.states
        if not states:
            return (Row(("none",), (Span("There is no valid configuration yet.", "muted"),)),)
        toggled = self.query_one(SheetList).toggled
        today = self._now().astimezone().date()
        trouble = self._generations.trouble
        return listing.rows(states, toggled, self._marked, width - 2, today=today, trouble=trouble)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """What there are enough of."""
        least = {"compare": 2, "mark": 2, "back_to": 1}.get(action, 0)
        return len(self._generations.states) >= least

    def on_chosen(self, message: Chosen) -> None:
        """Enter shows what changed."""
        message.stop()
        self.query_one(SheetList).action_turn()

    def action_mark(self) -> None:
        """Mark it, or unmark it; two at most, the latest."""
        state = self._state()
        if state is not None:
            others = tuple(each for each in self._marked if each != state.id)
            self._marked = others if state.id in self._marked else (*others, state.id)[-2:]
            self.renew()

    def action_compare(self) -> None:
        """The two that are marked; else this one and the one that is marked, or the active one."""
        pair = self._pair()
        if pair is not None:
            self.app.push_screen(Difference(self._generations, self._ask, self._now, pair))

    def action_back_to(self) -> None:
        """Ask whether to go back to it."""
        state = self._state()
        if state is not None:
            self._ask(state)

    def _pair(self) -> tuple[Id, Id] | None:
        """Which two are compared, the older first; the active one with the one before it."""
        states, here = [state.id for state in self._generations.states], self._state()
        marked = [each for each in self._marked if each in states]
        if len(marked) < 2:
            if here is None:
                return None
            other = next((each for each in marked if each != here.id), None) or self._active()
            if other is None or other == here.id:
                other = states[max(states.index(here.id) - 1, 0)]
            marked = [other, here.id]
        older, newer = sorted(marked, key=states.index)
        return older, newer

    def _active(self) -> Id | None:
        return next((state.id for state in self._generations.states if state.active), None)

    def _state(self) -> State | None:
        """The one under the cursor, or the next below."""
        shown = self.query_one(SheetList)
        states: dict[object, State] = {state.id: state for state in self._generations.states}
        below = (states.get(row.key[:2]) for row in shown.rows[shown.cursor :])
        return next(filter(None, below), None)
