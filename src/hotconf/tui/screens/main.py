"""The main screen: status, configuration, events, what is running, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen

from hotconf.tui.messages import Searched, SearchEnded
from hotconf.tui.widgets.bars import AlertBar, OperationBar, SearchBox, StatusBar
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.keybar import KeyBar
from hotconf.tui.widgets.panels import ConfigurationPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from hotconf.tui.operations.operation import Operation
    from hotconf.tui.view.status import Status
    from hotconf.tui.view.view import View


class Main(Screen[None]):
    """Shows the view; what the person asks for is the app's to do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "app.reload(True)", "Apply now", tooltip="apply a queued reload now, whatever is busy"),
        Binding("e", "app.edit", "Edit", tooltip="open your editor at this line, or at the problem"),
        Binding("/", "search", "Search", tooltip="search the configuration by key or value"),
        Binding("n", "match(1)", "Next", tooltip="the next or the previous match of the search"),
        Binding("N", "match(-1)", "Previous", show=False, tooltip="the next or the previous match of the search"),
        Binding("d", "app.difference", "Diff", tooltip="differences between generations, and rollback"),
        Binding("y", "app.copy", "Copy", tooltip="copy what is under the cursor"),
        Binding("r", "app.reload(False)", "Reload", tooltip="load the files now, without waiting for the window"),
        Binding("L", "app.latency", "Latency", tooltip="where the time of a reload goes"),
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
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 (Textual declares it)
    AUTO_FOCUS: ClassVar[str | None] = "#configuration"

    def __init__(self, ready: Callable[[], None]) -> None:
        """`ready` is called when there is something to show in, before the first frame."""
        super().__init__()
        self._ready = ready
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
            yield EventsPanel()
        yield SearchBox()
        yield OperationBar()
        yield KeyBar()

    def show(self, view: View) -> None:
        """Show what is the case now."""
        self.query_one(ConfigurationPanel).show(view)
        self.query_one(EventsPanel).show(view)

    def show_status(self, status: Status) -> None:
        """Show the status line, and what needs attention."""
        bar = self.query_one(StatusBar)
        bar.show(status)
        self.query_one(AlertBar).show((*status.alerts, *bar.overflow))

    @property
    def hides_events(self) -> bool:
        """Has the configuration the whole screen?"""
        return self.has_class("-zoom-configuration")

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
        panel = events if events.has_focus else self.query_one(ConfigurationPanel)
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
        """Back to both lists, with all that is in them."""
        self.remove_class("-zoom-events", "-zoom-configuration")
        box, panel = self.query_one(SearchBox), self._searched
        if panel is not None:
            self._searched = None
            box.value = ""
            box.display = False
            panel.search("")
            panel.focus()

    def action_zoom(self) -> None:
        """The list with the focus on the whole screen, or both again."""
        if self.has_class("-zoom-events") or self.has_class("-zoom-configuration"):
            self.remove_class("-zoom-events", "-zoom-configuration")
        else:
            self.add_class("-zoom-events" if self.query_one(EventsPanel).has_focus else "-zoom-configuration")
