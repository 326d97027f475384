"""The main screen: status, configuration, events, what is running, and the keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen

from hotconf.tui.messages import Searched, SearchEnded
from hotconf.tui.view import details
from hotconf.tui.widgets.bars import AlertBar, OperationBar, SearchBox, StatusBar
from hotconf.tui.widgets.details import DetailsPanel
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.keybar import KeyBar
from hotconf.tui.widgets.panels import ConfigurationPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from hotconf.tui.operations.operation import Operation
    from hotconf.tui.view.status import Status
    from hotconf.tui.view.view import View
    from hotconf.tui.widgets.panels import Describe
    from hotconf.tui.widgets.rowlist import RowList


class Main(Screen[None]):
    """Shows the view; what the person asks for is the app's to do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "app.reload(True)", "Apply now", tooltip="apply a queued reload now, whatever is busy"),
        Binding("e", "app.edit", "Edit", tooltip="open your editor at this line, or at the problem"),
        Binding("/", "search", "Search", tooltip="search the list with the focus"),
        Binding("n", "match(1)", "Next", tooltip="the next or the previous match of the search"),
        Binding("N", "match(-1)", "Previous", show=False, tooltip="the next or the previous match of the search"),
        Binding("d", "app.difference", "Diff", tooltip="differences between generations, and rollback"),
        Binding("y", "app.copy", "Copy", tooltip="copy what is under the cursor"),
        Binding("r", "app.reload(False)", "Reload", tooltip="load the files now, without waiting for the window"),
        Binding("L", "app.latency", "Latency", tooltip="where the time of a reload goes"),
        Binding("b", "app.generations", "Generations", tooltip="all generations, and the states on disk"),
        Binding("F", "app.fleet", "Fleet", tooltip="the fleet: who runs what, and what was published"),
        Binding("p", "app.problems", "Problems", tooltip="all problems and warnings"),
        Binding("]", "app.problems(1)", show=False, tooltip="the next or the previous problem"),
        Binding("[", "app.problems(-1)", show=False, tooltip="the next or the previous problem"),
        Binding("t", "app.change_theme", "Themes", tooltip="choose the colours"),
        Binding("z", "zoom", "Zoom", tooltip="one list on the whole screen, and back"),
        Binding("tab", "app.focus_next", show=False, tooltip="the other list"),
        Binding("shift+tab", "app.focus_previous", show=False, tooltip="the other list"),
        Binding("escape", "clear", show=False, tooltip="back to both lists, with all values"),
        Binding("?", "app.help", "Help", tooltip="all keys"),
        Binding("q", "app.quit", "Quit", tooltip="leave the app"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 (Textual declares it)
    AUTO_FOCUS: ClassVar[str | None] = "#configuration"

    def __init__(self, ready: Callable[[], None], describe: Describe) -> None:
        """`ready` is called when there is something to show in, before the first frame. `describe` says what is known
        of a value.
        """
        super().__init__()
        self._ready, self._describe = ready, describe
        self._detailed: RowList | None = None
        """The list that the details are about: that with the focus, or that had it last."""
        self._searched: ConfigurationPanel | EventsPanel | None = None
        """The list that is, or was last, searched."""

    def on_mount(self) -> None:
        """All widgets are there."""
        self._ready()

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield StatusBar()
        yield AlertBar()
        with Container(id="lists"):
            with Vertical(id="left"):
                yield ConfigurationPanel()
            with Vertical(id="right"):
                yield DetailsPanel()
                yield EventsPanel()
        yield SearchBox()
        yield OperationBar()
        yield KeyBar()

    def show(self, view: View) -> None:
        """Show what is the case now."""
        self.query_one(ConfigurationPanel).show(view)
        self.query_one(EventsPanel).show(view)
        wrong = view.failed is not None or view.warnings.now or view.others.refusals
        self.query_one(KeyBar).show("app.problems" if wrong else "")
        self.renew_details()

    @property
    def has_details(self) -> bool:
        """Is there room for the details of what is under the cursor?"""
        return self.has_class("-wide") and self._zoom in (None, _ZOOMS["details"])

    @property
    def _zoom(self) -> str | None:
        return next(filter(self.has_class, _ZOOMS.values()), None)

    def renew_details(self) -> None:
        """Show the details of what is under the cursor now."""
        if not self.has_details or not self.query(DetailsPanel):  # while the app ends, the widgets go one by one
            return
        panel, events = self.query_one(DetailsPanel), self.query_one(EventsPanel)
        entry = events.entry if self._detailed is events else None
        if entry is not None:
            title = f"Details · event at {entry.event.at.astimezone():%H:%M:%S}"
            panel.show(title, entry.key, partial(details.of_event, entry))
        else:
            panel.show("Details", *self.query_one(ConfigurationPanel).detailed(self._describe))

    def focus_details(self) -> None:
        """Go into the details, to read all of them; Esc goes back."""
        self.query_one(DetailsPanel).focus()

    def _leave_details(self) -> bool:
        left = isinstance(self.focused, DetailsPanel)
        if left:
            self.set_focus(self._detailed or self.query_one(ConfigurationPanel))
        return left

    @property
    def focus_chain(self) -> list[Widget]:
        """Tab goes between the two lists; Enter goes into the details."""
        return [widget for widget in super().focus_chain if not isinstance(widget, DetailsPanel)]

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The details are about the list with the focus."""
        if isinstance(event.widget, ConfigurationPanel | EventsPanel) and event.widget is not self._detailed:
            self._detailed = event.widget
            self.renew_details()

    def on_highlighted(self) -> None:
        """And about its row under the cursor."""
        self.renew_details()

    def on_resize(self) -> None:
        """There may be room for them now, or no more."""
        if not self.has_details:
            self._leave_details()  # before the focus goes to whatever stands next to them
        self.call_after_refresh(self.renew_details)

    def show_status(self, status: Status) -> None:
        """Show the status line, and what needs attention."""
        bar = self.query_one(StatusBar)
        bar.show(status)
        self.query_one(AlertBar).show((*status.alerts, *bar.overflow))

    @property
    def hides_events(self) -> bool:
        """Has another list the whole screen?"""
        return self._zoom not in (None, _ZOOMS["events"])

    def show_operations(self, operations: Sequence[Operation], now: float) -> None:
        """Show what is running."""
        self.query_one(OperationBar).show(operations, now)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """While the search is typed, its keys are characters like any other."""
        if action == "match":
            return self._searched is not None and not isinstance(self.focused, SearchBox)
        return action != "search" or not isinstance(self.focused, SearchBox)

    def action_search(self) -> None:
        """Look for something in the list with the focus."""
        events = self.query_one(EventsPanel)
        panel = events if self._detailed is events else self.query_one(ConfigurationPanel)
        if self._searched not in (None, panel):
            self.action_clear()
        if panel is not events:
            self.remove_class("-zoom-events")
        self._searched = panel
        box = self.query_one(SearchBox)
        box.placeholder = panel.SEARCHED
        box.display = True
        self.set_focus(box)  # at once: the next key may be waiting already

    def action_match(self, step: int) -> None:
        """Go to the next or the previous match."""
        if self._searched is not None:
            self._searched.action_match(step)

    def typed_ahead(self, event: events.Key) -> bool:
        """Take a key that was typed before the search box had the focus; it is for it all the same."""
        box = self.query_one(SearchBox)
        if self.focused is not box or event.character is None or not event.is_printable:
            return False
        box.insert_text_at_cursor(event.character)
        return True

    def on_searched(self, message: Searched) -> None:
        """Show what was found."""
        if self._searched is not None:
            self._searched.search(message.text)

    def on_search_ended(self, message: SearchEnded) -> None:
        """Back to the list."""
        if message.keep and self.query_one(SearchBox).value and self._searched is not None:
            self._searched.focus()
        else:
            self.action_clear()

    def action_clear(self) -> None:
        """Back from the details to their list; else to both lists, with all that is in them."""
        self.remove_class(*_ZOOMS.values())
        if self._leave_details():
            return
        box, panel = self.query_one(SearchBox), self._searched
        if panel is not None:
            self._searched = None
            box.value = ""
            box.display = False
            panel.search("")
            panel.focus()
        self.query_one(ConfigurationPanel).clear()
        self.renew_details()

    def action_zoom(self) -> None:
        """The list with the focus on the whole screen, or all again."""
        zoomed = self._zoom
        zoom = next((zoom for name, zoom in _ZOOMS.items() if self.query_one(f"#{name}").has_focus), None)
        self.remove_class(*_ZOOMS.values())
        if not zoomed:
            self.add_class(zoom or _ZOOMS["configuration"])
        self.renew_details()


_ZOOMS: Final = {name: f"-zoom-{name}" for name in ("configuration", "details", "events")}
"""The class of the screen by which one list is on all of it."""
