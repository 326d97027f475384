"""What the app is busy with: rehearsals that it walks through, and a command that runs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hotconf.report import cells
from hotconf.tui.view.rows import Span

if TYPE_CHECKING:
    from hotconf.tui.operations.rehearsals import Step

_FULL: Final = "━"
_EMPTY: Final = "─"
_WIDEST_BAR: Final = 40
_NARROWEST_BAR: Final = 6


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that reloads wait for. Times are of a monotonic clock, in seconds."""

    reason: str
    """As reloads that wait for it name it."""
    began: float
    steps: tuple[Step, ...] = ()
    """Of a rehearsal; empty for a command, which ends when it ends."""

    @property
    def seconds(self) -> float:
        """How long it takes unless it is finished earlier; 0 if that is not known."""
        return sum(step.seconds for step in self.steps)

    def over(self, now: float) -> bool:
        """Has a rehearsal come to its end?"""
        return bool(self.steps) and now - self.began >= self.seconds

    def label(self, now: float) -> str:
        """The step that it is at."""
        left = now - self.began
        for step in self.steps:
            if left < step.seconds:
                return step.label
            left -= step.seconds
        return self.steps[-1].label if self.steps else ""


def spans(operation: Operation, now: float, width: int) -> tuple[Span, ...]:
    """One line of `width` for an operation under way: its name, its step, a bar and the time left."""
    elapsed = max(0.0, now - operation.began)
    name = (Span(" ▸ ", "warn"), Span(operation.reason, "strong"))
    if not operation.steps:
        return (*name, Span(f"  running for {elapsed:.0f} s", "muted"), Span("  reloads wait", "muted"))
    left = max(0.0, operation.seconds - elapsed)
    end = f" {left:4.1f} s "
    room = width - sum(cells.width(span.text) for span in name) - cells.width(end)
    step = cells.cut(cells.steady(f" rehearsal · {operation.label(now)}"), max(room - 1, 1)) + " "
    room -= cells.width(step)
    bar = _bar(elapsed / operation.seconds, min(room, _WIDEST_BAR)) if room >= _NARROWEST_BAR else ()
    return (*name, Span(step, "muted"), *bar, Span(end, "muted"))


def _bar(share: float, room: int) -> Sequence[Span]:
    full = round(min(share, 1.0) * room)
    return Span(_FULL * full, "warn"), Span(_EMPTY * (room - full), "muted")
