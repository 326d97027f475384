"""The configuration on the main screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hotconf.report.cells import wrapped
from hotconf.tui.view import configuration, stream
from hotconf.tui.view.configuration import is_marked
from hotconf.tui.view.rows import Row, Span
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from hotconf.tui.view.view import View


class ConfigurationPanel(RowList):
    """The active configuration as a tree; while there is none, why."""

    SEARCHED: Final = "a key or a value"
    """What one may look for."""

    def __init__(self) -> None:
        super().__init__(id="configuration", classes="panel")
        self._view: View | None = None
        self._query = ""
        self.border_title = "Configuration"

    def show(self, view: View) -> None:
        """Show the configuration of `view`."""
        before, self._view = self._view, view
        grown = before is None or before.facts.items is not view.facts.items
        if grown or (before is not None and before.last is not view.last):
            self._rename()
            self.rebuild()
        if grown and not self._query and not self.moved:
            self._see_changed()

    def search(self, query: str) -> None:
        """Show only what `query` is found in; all, if it is empty."""
        self._query = query
        self.rebuild()
        self.action_edge(False)

    @property
    def query_text(self) -> str:
        """What is searched for."""
        return self._query

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """The tree, or what stands in its place."""
        if self._view is None or not self._view.facts.started:
            return ()
        if self._view.facts.snapshot is None:
            return _without_configuration(self._view, width)
        found = configuration.rows(self._view.facts.items, self.toggled, self._query)
        if not found:
            text = f"Nothing is called {self._query}" if self._query else "The configuration is empty"
            return (Row(("none",), (Span(text, "muted"),)),)
        return found

    def copied(self) -> str:
        """A value as it could be written in a file, all of it."""
        if self._view is None or self.row is None:
            return super().copied()
        return configuration.whole(self._view.facts.items, self.row.key) or super().copied()

    def _see_changed(self) -> None:
        """Put the cursor on the first value that the last reload changed."""
        changed = next((row for row in self.rows if row.expanded is None and is_marked(row)), None)
        if changed is not None:
            self.show_key(changed.key)

    def _rename(self) -> None:
        generation = self._view.facts.generation if self._view is not None else 0
        self.border_title = f"Configuration · generation {generation}" if generation else "Configuration"


def _without_configuration(view: View, width: int) -> tuple[Row, ...]:
    failed = next((entry for entry in reversed(view.entries) if entry.event is view.failed), None)
    head = Row(("none",), (Span("No valid configuration yet", "bad"),))
    hints = wrapped("Mend the file and save it, and it goes live. e opens your editor at the line.", width - 2)
    tail = [Row(("hint", number), (Span(text, "muted"),)) for number, text in enumerate(hints)]
    gap = Row(("gap",), ())
    problems = tuple(stream.problem_rows(failed, width - 4, 1)) if failed is not None else ()
    return (head, *problems, gap, *tail)
