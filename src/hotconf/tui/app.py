"""`HotconfApp`: updates change the view, the screens show it, and what the person asks for is done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from hotconf.events import ReloadSuccess
from hotconf.text import shortened
from hotconf.tui import palette
from hotconf.tui.clock import Clock
from hotconf.tui.editing import Editing
from hotconf.tui.inbox import Inbox
from hotconf.tui.messages import Chosen, CommandEnded, Highlighted, StartFailed, UpdatesArrived
from hotconf.tui.operations.running import REASONS, Operations
from hotconf.tui.rollback import Rollback
from hotconf.tui.screens.main import Main
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import status, view
from hotconf.tui.view.facts import Facts, Note, Update
from hotconf.tui.view.history import History
from hotconf.tui.view.rows import Place, Tone
from hotconf.tui.view.stream import place_of
from hotconf.tui.view.toasts import Toast, toast
from hotconf.tui.widgets.panels import EventsPanel
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from textual import events
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from hotconf.tui.operations.command import Command
    from hotconf.tui.session import BusyKind, Session

Result = TypeVar("Result")

_THEME: Final = "nord"
_PLAIN_THEME: Final = "ansi-dark"
_TICK_S: Final = 0.1
_PAUSE_S: Final = 0.05
"""Updates that come faster than this are shown together."""
_DRIFT_S: Final = 2.0
_LONGEST_SHOWN: Final = 60


class HotconfApp(App[None]):
    """The terminal app. `session` is started when the first frame is up; the caller closes it."""

    TITLE = "hotconf"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        *,
        command: Command | None = None,
        theme: str | None = None,
        welcome: str = "",
        clock: Clock | None = None,
    ) -> None:
        # Without colours the terminal's own are used, so that nothing has to be removed but the colour.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.theme = theme or (_PLAIN_THEME if self.no_color else _THEME)
        self.session = session
        self.clock = clock or Clock()
        self.view = view.View(Facts(session.path))
        self.history = History()
        self.operations = Operations(session)
        self._editing = Editing(self)
        self._rollback = Rollback(self, self)
        self._command = command
        self._welcome = welcome
        self._to_end = False
        self._loop_to_end: asyncio.AbstractEventLoop | None = None
        self._main = Main(self._show)
        self._inbox = Inbox(lambda: self.post_message(UpdatesArrived()))
        self._updated_at = 0.0
        self._toast: Toast | None = None
        self._home = _home()

    # Life

    def get_default_screen(self) -> Screen[None]:
        """The main screen lies below all others."""
        return self._main

    def on_mount(self) -> None:
        """Draw first, watch then: the first frame waits for no file."""
        self._loop_to_end = asyncio.get_running_loop()
        if self._to_end:
            self.exit()
            return
        self._ticking = self.set_interval(_TICK_S, self._tick, pause=True)
        self._looking = self.set_interval(_DRIFT_S, self._look_for_drift, pause=True)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        if self._welcome:
            self.note(self._welcome, tone="accent")
            self.notify(self._welcome)
        self.session.start(self._inbox.put, lambda error: self.post_message(StartFailed(error)))

    def _run_command(self, command: Command) -> None:
        self.operations.run(command.text, self.clock.seconds())
        command.start(lambda code, lines: self.post_message(CommandEnded(code, lines)))
        self._changed()

    def end(self, *, interrupt: bool = False) -> None:
        """End soon; for signal handlers. An `interrupt` while an editor has the terminal is meant for that."""
        if interrupt and self._editing.lent:
            return
        self._to_end = True
        self._editing.end()
        if self._loop_to_end is not None:
            with suppress(RuntimeError):  # the loop has ended already
                # Only this wakes it up from its sleep.
                self._loop_to_end.call_soon_threadsafe(self.exit)

    def on_unmount(self) -> None:
        """From here on nothing is handed over."""
        self._inbox.close()

    def on_start_failed(self, message: StartFailed) -> None:
        """End with the error: there is nothing to show."""
        raise message.error

    @property
    def failure(self) -> Exception | None:
        """What ended it, if that was not the person."""
        return self._exception

    def _fatal_error(self) -> None:
        """End; the caller raises the error: Textual would show variables, and secrets among them."""
        self._close_messages_no_wait()

    # What is reported

    def on_updates_arrived(self) -> None:
        """Show all updates in the inbox: at once, or after a short pause if some came just now."""
        wait = self._updated_at + _PAUSE_S - self.clock.seconds()
        if wait > 0:
            self.set_timer(wait, self._take)
        else:
            self._take()

    def _take(self) -> None:
        if not self.screen_stack:  # the app is ending
            return
        self._updated_at = self.clock.seconds()
        updates, lost = self._inbox.take()
        if lost:
            self.note(f"{lost} events came too fast to be shown", tone="warn")
        self._apply(updates)

    def _apply(self, updates: Iterable[Update]) -> None:
        before, updates = self.view, tuple(updates)
        for update in updates:
            at = update.event.at if isinstance(update.event, ReloadSuccess) else None
            self.history = self.history.with_(update.facts.snapshot, at)
        self.view = view.updated(before, updates)
        endings = view.new_endings(before, self.view)
        # The first failure of a start is on the whole screen already.
        if endings and not (self.view.facts.snapshot is None and self.view.endings == 1):
            self._pop_up(toast(endings, self._toast, self.clock.seconds()))
        self._changed()
        if self._command is not None and self.view.facts.started and not before.facts.started:
            self._run_command(self._command)

    def note(self, text: str, *, tone: Tone = "plain", lines: tuple[str, ...] = ()) -> None:
        """Add a note of the app's own to the events."""
        self._apply([Update(self.view.facts, Note(text, self.clock.now(), tone, lines))])

    # Showing

    def _changed(self) -> None:
        self._show()
        for screen in self.screen_stack:
            if isinstance(screen, Sheet):
                screen.renew()
        self.screen.refresh_bindings()
        settling = self.view.touched is not None
        _run(self._ticking, running=settling or bool(self.operations.running))
        facts = self.view.facts
        _run(self._looking, running=facts.started and facts.snapshot is not None and not facts.enabled)

    def _show(self) -> None:
        with suppress(NoMatches):  # while the app ends, the widgets go one by one
            self._main.show(self.view)
        self._show_passing()

    def _show_passing(self) -> None:
        """What changes with time alone."""
        waits = self.session.waits()
        shown = status.status(self.view, self.clock.now(), self.operations.keys, self._home, waits=waits)
        with suppress(NoMatches):
            self._main.show_status(shown)
            self._main.show_operations(self.operations.running, self.clock.seconds())

    def _tick(self) -> None:
        over = self.operations.finish_over(self.clock.seconds())
        for reason in over:
            self.note(f"Rehearsal over: {reason}", tone="muted")
        if over:
            self._changed()
        elif self._window_over() and not self.operations.running:
            self._ticking.pause()  # the window is over; an event says what follows
        self._show_passing()

    def _window_over(self) -> bool:
        return status.remaining_s(self.view, self.clock.now()) == 0 and self.session.waits() is None

    def _pop_up(self, new: Toast | None) -> None:
        if new is None:
            return
        self._toast = new
        self.clear_notifications()
        self.notify(new.text, title=new.title, severity=new.severity, timeout=new.seconds)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002 (what is in files is text, never markup)
    ) -> None:
        """As Textual's, but what is shown is always text, never markup."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def on_highlighted(self, message: Highlighted) -> None:
        """Other keys may work on another row."""
        message.stop()

    # What the person asks for

    def on_key(self, event: events.Key) -> None:
        """What nobody has taken is looked up among the bindings after this, unless it was typed for the search."""
        if self.screen is self._main and self._main.typed_ahead(event):
            event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys work now."""
        match action, parameters:
            case "start", (str(kind),):
                return self.view.facts.started and REASONS[_kind(kind)] not in self.operations
            case "finish", (str(kind),):
                return REASONS[_kind(kind)] in self.operations
            case "reload", (force,):
                return self.view.facts.started and (not force or self.view.facts.pending is not None)
            case "difference", _:
                return bool(self.history.snapshots)
            case "help", _:
                return not isinstance(self.screen, Sheet) or self.screen.helped
            case "latency", _:
                return self.view.facts.started
        return True

    def action_start(self, kind: str) -> None:
        """Begin a rehearsal; reloads are queued until it is over."""
        facts = self.view.facts
        config = facts.snapshot.config if facts.snapshot is not None else None
        self.operations.rehearse(_kind(kind), config, self.clock.seconds())
        self.note(f"Rehearsal: {REASONS[_kind(kind)]}, reloads wait", tone="muted")

    def action_finish(self, kind: str) -> None:
        """End a rehearsal; what waited for it alone is applied."""
        self.operations.finish(REASONS[_kind(kind)])
        self.note(f"Rehearsal finished: {REASONS[_kind(kind)]}", tone="muted")

    def on_command_ended(self, message: CommandEnded) -> None:
        """Reloads wait for the external command no longer."""
        text = self._command.text if self._command is not None else ""
        self.operations.finish(text)
        tone: Tone = "muted" if message.status == 0 else "warn"
        self.note(f"{text}: ended with status {message.status}", tone=tone, lines=message.lines)

    def action_reload(self, force: bool) -> None:
        """Load the files now; `force` applies what is queued although something is busy."""
        self.session.reload(force=force)

    def action_search(self) -> None:
        """Look for something in the configuration."""
        self._main.action_search()

    def action_help(self) -> None:
        """All keys."""
        from hotconf.tui.screens.help import Help

        self.push_screen(Help())

    def action_latency(self) -> None:
        """Where the time goes."""
        from hotconf.tui.screens.latency import Latency

        self.push_screen(Latency(self.session.stats))

    def action_difference(self) -> None:
        """How a generation differs from another."""
        from hotconf.tui.screens.difference import Difference

        self.push_screen(Difference(lambda: self.history, self._rollback.ask, self.session.secret_keys))

    def on_chosen(self, message: Chosen) -> None:
        """Details of what is under the cursor."""
        from hotconf.tui.screens.details import EventDetails, ValueDetails

        if self.screen is not self._main or message.row.key[0] in ("none", "hint", "gap"):
            return
        events = self._main.query_one(EventsPanel)
        if events.has_focus and events.entry is not None:
            self.push_screen(EventDetails(events.entry))
        elif message.row.expanded is not None:
            self._main.focused.action_turn() if isinstance(self._main.focused, RowList) else None
        else:
            self.push_screen(ValueDetails(message.row, message.whole))

    def action_copy(self) -> None:
        """What is under the cursor, into the clipboard."""
        shown = self._list()
        text = shown.copied() if shown is not None else ""
        if text.strip():
            self.copy_to_clipboard(text)
            self.notify(f"Copied: {shortened(text.splitlines()[0], _LONGEST_SHOWN)}", timeout=2)

    def action_edit(self) -> None:
        """Open the editor at what is under the cursor, and come back."""
        trouble = self._editing.open(self._place())
        if trouble:
            self.notify(trouble, severity="warning")

    def _list(self) -> RowList | None:
        if isinstance(self.screen, Sheet):
            return self.screen.query_one(SheetList)
        return self.focused if isinstance(self.focused, RowList) else None

    def _place(self) -> Place:
        shown = self._list()
        return (shown and shown.place) or self._trouble() or Place(self.view.facts.path)

    def _trouble(self) -> Place | None:
        """The place of the latest problem, if it still exists."""
        problems = self.view.failed.problems if self.view.failed is not None else ()
        return next(filter(None, map(place_of, problems)), None)

    def leave_sheets(self) -> None:
        """Back to the main screen."""
        while isinstance(self.screen, Sheet):
            self.pop_screen()

    def aside(self, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do `work`, which reads or writes files, on a thread of its own, and then `then` with what it returns."""
        self.run_worker(lambda: self.call_later(then, work()), thread=True)

    def _look_for_drift(self) -> None:
        self.aside(self.session.has_drift, self._drift_seen)

    def _drift_seen(self, drift: bool) -> None:
        """Say so, while hot reload is off and nothing else will."""
        if drift != self.view.drift:
            self.view = replace(self.view, drift=drift)
            self._changed()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 (Textual's)
        """What the palette offers."""
        return palette.commands(self, self.view, self.operations, has_history=bool(self.history.snapshots))


def _run(timer: Any, *, running: bool) -> None:
    if running:
        timer.resume()
    else:
        timer.pause()


def _kind(text: str) -> BusyKind:
    for kind in REASONS:
        if kind == text:
            return kind
    raise AssertionError(text)


def _home() -> Path | None:
    with suppress(RuntimeError):
        return Path.home()
    return None
