"""Latency: how long reloads take, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view import latency

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.subscribers.stats import Stats
    from hotconf.tui.view.rows import Row


class Latency(Sheet[None]):
    """What the watcher measured, as it is now."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        super().__init__()
        self._stats = stats

    def heading(self) -> str:
        """The title."""
        return "Latency"

    def rows(self, width: int) -> tuple[Row, ...]:
        """Counts, histogram and bars."""
        return latency.rows(self._stats(), width - 2)
