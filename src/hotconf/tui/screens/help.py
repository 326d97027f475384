"""Help: all keys."""

from __future__ import annotations

from typing import Final

from hotconf.tui.keys import Everywhere, lines
from hotconf.tui.screens.details import Details
from hotconf.tui.screens.difference import Difference
from hotconf.tui.screens.fleet import FleetDifference, FleetScreen
from hotconf.tui.screens.generations import GenerationList
from hotconf.tui.screens.main import Main
from hotconf.tui.screens.problems import Problems
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view.rows import Row, Span
from hotconf.tui.widgets.bars import SearchBox
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.panels import ConfigurationPanel
from hotconf.tui.widgets.rowlist import RowList

SCOPES: Final[tuple[tuple[str, type], ...]] = (
    ("Main screen", Main),
    ("In a list", RowList),
    ("In the configuration", ConfigurationPanel),
    ("In the events", EventsPanel),
    ("While typing a search", SearchBox),
    ("On a sheet", Sheet),
    ("In the details", Details),
    ("In the problems", Problems),
    ("In the generations", GenerationList),
    ("In the differences", Difference),
    ("In the fleet", FleetScreen),
    ("In the differences of the fleet", FleetDifference),
    ("Before a rollback", AskRollback),
    ("Everywhere", Everywhere),
)
"""All that have keys, in the order of the help."""
_LEAST_KEYS: Final = 15


class Help(Sheet[None]):
    """Every key and what it does."""

    helped = False

    def heading(self) -> str:
        """The title."""
        return "Keys"

    def rows(self, width: int) -> tuple[Row, ...]:  # noqa: ARG002 (short enough for any)
        """Scope by scope."""
        found: list[Row] = []
        for title, kind in SCOPES:
            if found:
                found.append(Row(("gap", title), ()))
            found.append(Row(("title", title), (Span(title, "strong"),)))
            for keys, what in lines(kind):
                shown = " ".join(keys)
                spans = Span(f"  {shown:<{_LEAST_KEYS}}", "accent"), Span(f"  {what}")
                found.append(Row(("key", title, shown), spans, copy=f"{shown}  {what}"))
        return tuple(found)
