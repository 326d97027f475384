"""The configuration on the main screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from textual.binding import Binding, BindingType

from hotconf.report.cells import wrapped
from hotconf.text import source_name
from hotconf.tui.view import configuration, details, stream, tree
from hotconf.tui.view.rows import Row, Span
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hotconf.snapshot import Snapshot
    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.details import Description
    from hotconf.tui.view.tree import Only
    from hotconf.tui.view.view import View
    from hotconf.tui.widgets.details import Rows

    Describe: TypeAlias = Callable[[Snapshot[Any] | None, Item], Description | None]


class ConfigurationPanel(RowList):
    """The active configuration as a tree; while there is none, why."""

    SEARCHED: Final = "a key or a value"
    """What one may look for."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "only('set')", "Only set", show=False, tooltip="only what is set, or everything again"),
        Binding(
            "m",
            "only('changed')",
            "Only changed",
            show=False,
            tooltip="only what changed last, or everything again",
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="configuration", classes="panel")
        self._view: View | None = None
        self._query = ""
        self._only: Only = ""
        self._left = (0, 0)
        """The cursor and the first line on the screen before the search."""
        self._found = 0
        """Where the search put the cursor."""

    def show(self, view: View) -> None:
        """Show the configuration of `view`."""
        before, self._view = self._view, view
        grown = before is None or before.facts.items is not view.facts.items
        if grown or (before is not None and before.last is not view.last):
            self.rebuild()
        if grown and not self._query and not self.moved:
            self._see_changed()

    def search(self, query: str) -> None:
        """Show only what `query` is found in, from the first match on.

        If it is empty, everything: as it was before the search, unless the reader has gone to another match.
        """
        before, self._query = self._query, query
        if query and not before:
            self._left = (self.cursor, self.scroll_offset.y)
        stays = not before or self.cursor != self._found
        self.rebuild()
        if query:
            self._found = self.cursor = next(iter(self.matches), 0)
        elif not stays:
            cursor, top = self._left
            self.cursor = min(cursor, max(len(self.rows) - 1, 0))
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self._see_cursor()
        self._rename()

    def action_only(self, only: Only) -> None:
        """Show only what is set, or what changed; all, if that is what is shown."""
        self._only = "" if self._only == only else only
        self.rebuild()
        self._see_cursor()

    def clear(self) -> None:
        """Show everything again."""
        self._only = ""
        self.search("")

    @property
    def query_text(self) -> str:
        """What is searched for."""
        return self._query

    def rebuild(self) -> None:
        """As for all lists; the title says what is shown."""
        super().rebuild()
        self._rename()

    def watch_cursor(self, before: int, after: int) -> None:
        """Say at which match it is."""
        super().watch_cursor(before, after)
        if self._query:
            self._rename()

    def detailed(self, describe: Describe) -> tuple[object, Rows]:
        """What the row under the cursor is about, and all of it as lines."""
        row, view = self.row, self._view
        if row is not None and view is not None:
            items = view.facts.items
            if row.key[-1] == tree.DEFAULTS:
                around = configuration.find(items, row.key[:-1])
                folded = tree.defaults(items if around is None else around.children)
                return row.key, lambda room: details.of_defaults(folded, room)
            item = configuration.find(items, row.key)
            if item is not None:
                known = describe(view.facts.snapshot, item)
                return row.key, lambda room: details.of_value(item, known, room)
        return None, lambda room: ()  # noqa: ARG005

    @property
    def item(self) -> Item | None:
        """The value or the table under the cursor."""
        return (
            None
            if self.row is None or self._view is None
            else configuration.find(self._view.facts.items, self.row.key)
        )

    def rows_for(self, width: int) -> tuple[Row, ...]:
        """The tree, or what stands in its place."""
        if self._view is None or not self._view.facts.started:
            return ()
        if self._view.facts.snapshot is None:
            return _without_configuration(self._view, width)
        found = tree.rows(self._view.facts.items, self.toggled, self._query, self._only)
        if not found:
            return (Row(("none",), (Span(self._without(), "muted"),)),)
        return found

    def copied(self) -> str:
        """A value as it could be written in a file, all of it."""
        if self._view is None or self.row is None:
            return super().copied()
        return configuration.whole(self._view.facts.items, self.row.key) or super().copied()

    def _see_changed(self) -> None:
        """Put the cursor on the first value that the last reload changed."""
        changed = next((row for row in self.rows if row.expanded is None and tree.is_marked(row)), None)
        if changed is not None:
            self.show_key(changed.key)

    def _without(self) -> str:
        if self._query:
            return f"Nothing is called {self._query} (Esc shows everything)"
        return _NOTHING[self._only]

    def _rename(self) -> None:
        generation = self._view.facts.generation if self._view is not None else 0
        parts = ["Configuration", *([f"generation {generation}"] if generation else [])]
        parts += [f"only {self._only}"] if self._only else []
        if self._query:
            found = self.matches
            at = f"{found.index(self.cursor) + 1} of " if self.cursor in found else ""
            parts.append(f"{at}{len(found)} {'match' if len(found) == 1 else 'matches'}")
        self.border_title = " · ".join(parts)
        self.border_subtitle = self._hint()

    def _hint(self) -> str:
        """What the reader may do now."""
        if self._query:
            return "n N next, previous · Esc shows everything"
        if self._only:
            return "Esc shows everything"
        changed = 0 if self._view is None else sum(map(_changed, self._view.facts.items))
        return f"{tree.MARK} {changed} changed · m shows only these" if changed else ""


_NOTHING: Final[dict[Only, str]] = {
    "": "The configuration is empty",
    "set": "Nothing is set: all are defaults (Esc shows them)",
    "changed": "The last reload changed nothing (Esc shows everything)",
}


def _changed(item: Item) -> int:
    """How many values the last reload changed."""
    return int(item.mark == "changed") if item.value is not None else sum(map(_changed, item.children))


_OF_FILE: Final = "Fix the file and save it, and it goes live. e opens your editor at the line."
_OF_SOURCE: Final = "The first valid document that is published, or can be read again, goes live."


def _without_configuration(view: View, width: int) -> tuple[Row, ...]:
    failed = next((entry for entry in reversed(view.entries) if entry.event is view.failed), None)
    head = Row(("none",), (Span("No valid configuration yet", "bad"),))
    hints = wrapped(_OF_SOURCE if source_name(view.facts.path) else _OF_FILE, width - 2)
    tail = [Row(("hint", number), (Span(text, "muted"),)) for number, text in enumerate(hints)]
    gap = Row(("gap",), ())
    problems = tuple(stream.problem_rows(failed, width - 4, 1)) if failed is not None else ()
    return (head, *problems, gap, *tail)
