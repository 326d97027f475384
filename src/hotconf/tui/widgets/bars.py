"""The lines above and below the lists: the status, what is running, and the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from hotconf.report.cells import steady, tail, width
from hotconf.tui.messages import RoomChanged, Searched, SearchEnded
from hotconf.tui.operations.operation import spans
from hotconf.tui.view.rows import Span
from hotconf.tui.view.status import Alert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.style import Style
    from textual.geometry import Size

    from hotconf.tui.operations.operation import Operation
    from hotconf.tui.view.status import Status

_LEAST_FILE: Final = 16
TONES: Final = frozenset({"plain", "muted", "strong", "good", "bad", "warn", "accent"})


class StatusBar(Widget):
    """The file, its state and how it is watched; drawn only when one of them changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"bar--{tone}" for tone in TONES}

    def __init__(self) -> None:
        super().__init__(id="status")
        self._status: Status | None = None

    def show(self, status: Status) -> None:
        """Show `status`."""
        if self._status is None or status != self._status:
            self._status = status
            self.refresh()

    def on_resize(self) -> None:
        """Whether there is room for the message is known now."""
        self.post_message(RoomChanged())

    @property
    def status(self) -> Status | None:
        """What is shown."""
        return self._status

    @property
    def overflow(self) -> tuple[Alert, ...]:
        """The message, if there is no room for it here."""
        status = self._status
        if status is None or status.message is None or not self.size.width:  # not laid out yet: see `on_resize`
            return ()
        if width(status.message.text) <= self._room(status):
            return ()
        return (Alert(status.message.text, status.message.tone),)

    def render(self) -> Text:
        """What there is room for."""
        status = self._status
        if status is None:
            return Text()
        room = self._room(status)
        watch = (Span(text, "muted") for text in status.watch)
        shown = (status.message, *watch) if status.message is not None else watch
        right = next((span for span in shown if width(span.text) <= room), Span(""))
        gap = " " * max(0, room - width(right.text))
        text = _text(self, (*self._left(status), Span(gap), right))
        text.overflow = "ellipsis"
        return text

    def _room(self, status: Status) -> int:
        return self.size.width - sum(width(span.text) for span in self._left(status))

    def _left(self, status: Status) -> Iterable[Span]:
        state = [Span("  "), *(part for span in status.state for part in (span, Span("  ")))]
        shortest = width(status.watch[-1]) if status.watch else 0
        room = max(self.size.width - sum(width(span.text) for span in state) - shortest, _LEAST_FILE)
        name = status.file.text
        # The end of a path says more than its beginning.
        yield status.file if width(name) <= room else Span("…" + tail(name, room - 1), "strong")
        yield from state


class AlertBar(Widget):
    """What needs attention, a line each; not there at all when nothing does."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"bar--{tone}" for tone in TONES}

    def __init__(self) -> None:
        super().__init__(id="alerts")
        self._alerts: tuple[Alert, ...] = ()

    def show(self, alerts: tuple[Alert, ...]) -> None:
        """Show `alerts`."""
        if alerts != self._alerts:
            self._alerts = alerts
            self.display = bool(alerts)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 (Textual's)
        """A line each."""
        return len(self._alerts)

    def render(self) -> Text:
        """Each line is filled to the edge."""
        lines = Text(no_wrap=True, overflow="ellipsis")
        for number, alert in enumerate(self._alerts):
            text = Text(f" {steady(alert.text)} ", _style(self, alert.tone))
            text.truncate(max(self.size.width, 1), overflow="ellipsis", pad=True)
            lines.append("\n" if number else "").append_text(text)
        return lines


class OperationBar(Static):
    """What is running, a line each."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"bar--{tone}" for tone in TONES}

    def __init__(self) -> None:
        super().__init__(id="operations", markup=False)

    def show(self, operations: Sequence[Operation], now: float) -> None:
        """Show `operations` as they are at `now`."""
        self.display = bool(operations)
        lines = [_text(self, spans(operation, now, self.size.width or 80)) for operation in operations]
        self.update(Text("\n", no_wrap=True, overflow="ellipsis").join(lines))


class SearchBox(Input):
    """What to look for. Enter keeps what was found, Esc shows everything again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep what is found", tooltip="to the list, with what was found"),
        Binding("down", "keep", show=False, tooltip="to the list, with what was found"),
        Binding("escape", "leave", "Show all", tooltip="to the list, with all values"),
    ]

    def __init__(self) -> None:
        super().__init__(id="search", placeholder="a key or a value", compact=True)
        self.cursor_blink = False  # nothing is drawn while nothing happens

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed."""
        event.stop()
        self.post_message(Searched(self.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the list, with what was found."""
        event.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Back to the list, with what was found."""
        self.post_message(SearchEnded(keep=True))

    def action_leave(self) -> None:
        """Back to the list, with everything."""
        self.post_message(SearchEnded(keep=False))


def _text(widget: Widget, parts: Iterable[Span]) -> Text:
    text = Text(no_wrap=True)
    for span in parts:
        text.append(span.text, _style(widget, span.tone))
    return text


def _style(widget: Widget, tone: str) -> Style:
    return widget.get_component_rich_style(f"bar--{tone if tone in TONES else 'plain'}")
