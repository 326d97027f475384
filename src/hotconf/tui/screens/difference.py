"""Differences between two generations or kept states."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from hotconf.tui.past.timeline import when
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import comparison
from hotconf.tui.view.rows import Row, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hotconf.tui.past.generations import Generations
    from hotconf.tui.past.timeline import Id, State
    from hotconf.tui.view.comparison import File

WIDE: Final = 100
"""The least width at which two sides are shown side by side."""
READ_S: Final = 1.0
"""How often the disk is looked at while a sheet shows what is on it."""
_MOST_KEPT: Final = 16


class Difference(Sheet[None]):
    """How one state became another. The list of states is asked each time: it grows while this is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "turn", "Unified/sides", tooltip="unified, or side by side"),
        Binding("n", "step(1)", "Next", tooltip="the next or the previous change"),
        Binding("N", "step(-1)", "Previous", tooltip="the next or the previous change"),
        Binding("[", "old(-1)", "Older", tooltip="choose the older generation"),
        Binding("]", "old(1)", "Newer", tooltip="choose the older generation"),
        Binding("{", "new(-1)", show=False, tooltip="choose the newer generation"),
        Binding("}", "new(1)", show=False, tooltip="choose the newer generation"),
        Binding("b", "back_to", "Roll back", tooltip="roll back to the older one; you are asked first"),
        Binding("e", "app.edit", "Edit", tooltip="open your editor"),
    ]

    def __init__(
        self,
        generations: Generations,
        ask: Callable[[State], None],
        now: Callable[[], datetime],
        pair: tuple[Id, Id] | None = None,
    ) -> None:
        """`pair`: which two, the older first; the newest and the one before it unless given. `ask` asks whether to
        roll back.
        """
        super().__init__()
        self._generations = generations
        self._ask = ask
        self._now = now
        self._old: Id | None
        self._new: Id | None
        self._old, self._new = pair or (None, None)
        self._unified: bool | None = None
        self._width = 0
        self._compared: dict[object, tuple[File, ...] | str | None] = {}
        """By what was compared; None while that takes its time."""

    def on_mount(self) -> None:
        """Look at the disk, now and then."""
        super().on_mount()
        self._generations.read(self.renew)
        self.set_interval(READ_S, partial(self._generations.read, self.renew))

    def heading(self) -> str:
        """Which two, and when they became active."""
        pair = self._pair()
        return "Difference" if pair is None else f"{self._named(pair[0])} → {self._named(pair[1])}"

    def rows(self, width: int) -> tuple[Row, ...]:
        """The difference."""
        self._width = width
        pair = self._pair()
        if pair is None:
            return _said("There is only one generation so far. The next one is compared here.")
        files = self._files(*pair)
        if files is None:
            return _said("Comparing…")
        if isinstance(files, str):
            return _said(files)
        return comparison.rows(files, width - 2, as_unified=self._is_unified())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """Without two of them there is nothing to do."""
        return self._pair() is not None or action not in ("turn", "step", "old", "new")

    def action_old(self, step: int) -> None:
        """Another one on the left."""
        if (pair := self._pair()) is not None:
            self._old = self._beside(pair[0], step)
            self.renew()

    def action_new(self, step: int) -> None:
        """Another one on the right."""
        if (pair := self._pair()) is not None:
            self._new = self._beside(pair[1], step)
            self.renew()

    def action_turn(self) -> None:
        """Side by side or unified."""
        self._unified = not self._is_unified()
        self.renew()

    def action_step(self, step: int) -> None:
        """The next change, or the one before; the first comes after the last."""
        self.query_one(SheetList).step(comparison.heads, step)

    def action_back_to(self) -> None:
        """Ask whether to go back to the one on the left, or the only one."""
        pair = self._pair()
        self._ask(self._generations.states[0] if pair is None else pair[0])

    def _is_unified(self) -> bool:
        return self._width < WIDE if self._unified is None else self._unified

    def _named(self, state: State) -> str:
        return f"{state.long_name} ({when(state.at, self._now().astimezone().date())})"

    def _pair(self) -> tuple[State, State] | None:
        """The two, which stay the same while others come."""
        states = self._generations.states
        by_id = {state.id: state for state in states}
        if len(states) < 2:
            return None
        if self._new is None:
            self._new = next((state.id for state in reversed(states) if state.active), states[-1].id)
        new = by_id.get(self._new, states[-1])
        if self._old is None or self._old not in by_id:
            self._old = states[max(states.index(new) - 1, 0)].id
        return by_id[self._old], new

    def _beside(self, state: State, step: int) -> Id:
        states = self._generations.states
        return states[min(max(states.index(state) + step, 0), len(states) - 1)].id

    def _files(self, old: State, new: State) -> tuple[File, ...] | str | None:
        key = _content(old), _content(new)
        if key not in self._compared:
            while len(self._compared) >= _MOST_KEPT:
                del self._compared[next(iter(self._compared))]
            self._compared[key] = None
            self._generations.compare(old, new, partial(self._was_compared, key))
        return self._compared[key]

    def _was_compared(self, key: object, files: tuple[File, ...] | str) -> None:
        self._compared[key] = files
        if self.is_attached:
            self.renew()


def _content(state: State) -> object:
    """What tells its content from that of others."""
    return state.id, None if state.snapshot is None else state.snapshot.digest, state.hidden


def _said(text: str) -> tuple[Row, ...]:
    return (Row(("said",), (Span(text, "muted"),)),)
