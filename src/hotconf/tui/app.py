"""`HotconfApp`: updates change the view, the screens show it, and what the person asks for is done."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from textual.css.query import NoMatches

from hotconf.events import ReloadSuccess
from hotconf.tui.actions import Actions
from hotconf.tui.clock import Clock
from hotconf.tui.colours.coloured import Coloured
from hotconf.tui.describing.descriptions import Descriptions
from hotconf.tui.inbox import Inbox
from hotconf.tui.messages import CommandEnded, Highlighted, RoomChanged, StartFailed, UpdatesArrived
from hotconf.tui.operations.running import Operations
from hotconf.tui.outside.editing import Editing
from hotconf.tui.past.generations import Generations
from hotconf.tui.past.rollback import Rollback
from hotconf.tui.screens.details import ValueDetails
from hotconf.tui.screens.main import Main
from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view import status, view
from hotconf.tui.view.facts import Facts, Note, Others, Update
from hotconf.tui.view.history import History
from hotconf.tui.view.message import Message, of_ending
from hotconf.tui.view.rows import Span, Tone

if TYPE_CHECKING:
    from textual import events
    from textual.geometry import Size
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from hotconf.tui.colours.themes import Choice
    from hotconf.tui.operations.command import Command
    from hotconf.tui.session import Session

Result = TypeVar("Result")

_TICK_S: Final = 0.1
_PAUSE_S: Final = 0.05
"""Updates that come faster than this are shown together."""
_LOOK_S: Final = 2.0
_SEVERITIES: Final[dict[SeverityLevel, Tone]] = {"information": "accent", "warning": "warn", "error": "bad"}


class HotconfApp(Coloured, Actions):
    """The terminal app. `session` is started when the first frame is up; the caller closes it."""

    TITLE = "hotconf"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        session: Session,
        *,
        command: Command | None = None,
        theme: str | None = None,
        choice: Choice | None = None,
        welcome: str = "",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(theme, choice)
        self.session = session
        self.clock = clock or Clock()
        self.view = view.View(Facts(session.path))
        self.history = History()
        self.operations = Operations(session)
        self._editing = Editing(self)
        self._generations = Generations(self)
        self._rollback = Rollback(self, self)
        self._command = command
        self._welcome = welcome
        self._to_end = False
        self._loop_to_end: asyncio.AbstractEventLoop | None = None
        self._descriptions = Descriptions(session, self.aside, self._described)
        self._main = Main(self._show, self._descriptions.of)
        self._inbox = Inbox(lambda: self.post_message(UpdatesArrived()))
        self._updated_at = 0.0
        self._asking = False
        """The other processes are being looked at."""
        self._message: Message | None = None
        self._home = _home()
        self._sized: Size | None = None

    # Life

    def get_default_screen(self) -> Screen[None]:
        """The main screen lies below all others."""
        return self._main

    def on_mount(self) -> None:
        """Draw first, watch then: the first frame waits for no file."""
        self._loop_to_end = asyncio.get_running_loop()
        if not self.is_headless:
            self._follow_signals(self._loop_to_end)
        # Whoever stopped it, the terminal is empty when it continues.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        if self._to_end:
            self.exit()
            return
        self._ticking = self.set_interval(_TICK_S, self._tick, pause=True)
        self._looking = self.set_interval(_LOOK_S, self._look, pause=True)
        self.call_after_refresh(self._start)

    def _follow_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be stopped as at Ctrl+Z; Textual's own handlers would start it twice at a SIGCONT without a SIGTSTP."""

        def handler(do: Callable[[], object]) -> Callable[[int, object], None]:
            def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the signature of handlers)
                with suppress(RuntimeError):  # the loop has ended already
                    loop.call_soon_threadsafe(do)

            return handle

        signal.signal(signal.SIGTSTP, handler(self.action_suspend_process))
        signal.signal(signal.SIGCONT, handler(lambda: self.refresh(layout=True)))

    def on_resize(self, event: events.Resize) -> None:
        """Draw all again if the size is the same: it was another in between, and the terminal has cut what it had."""
        if event.size == self._sized:
            self.refresh(layout=True)
        self._sized = event.size

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

    def abandon(self) -> None:
        """End by force what would be left behind; the process ends now. Any thread may call it."""
        self._editing.end(force=True)
        if self._command is not None:
            self._command.kill()

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
        self._apply(updates, lost)

    def _apply(self, updates: Iterable[Update], lost: int = 0) -> None:
        before, updates = self.view, tuple(updates)
        for update in updates:
            success = update.event if isinstance(update.event, ReloadSuccess) else None
            self.history = self.history.with_(update.facts.snapshot, success)
        self.view = view.updated(before, updates, lost)
        endings = view.new_endings(before, self.view)
        self._changed()
        said = of_ending(endings) if isinstance(self.top, Sheet) or self._main.hides_events else None
        if said is not None:
            self._say(said)
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
        if self.top is not None:
            self.top.refresh_bindings()
        settling = self.view.touched is not None
        _run(self._ticking, running=settling or bool(self.operations.running))
        _run(self._looking, running=self.view.facts.started)

    def _show(self) -> None:
        with suppress(NoMatches):  # while the app ends, the widgets go one by one
            self._main.show(self.view)
        self._show_passing()

    def _described(self) -> None:
        """More is known of a value."""
        with suppress(NoMatches):
            self._main.renew_details()
        for screen in self.screen_stack:
            if isinstance(screen, ValueDetails):
                screen.renew()

    def _show_passing(self) -> None:
        """What changes with time alone."""
        waits = self.session.waits()
        shown = status.status(self.view, self.clock.now(), self._home, waits=waits)
        if self._message is not None:
            shown = replace(shown, message=Span(self._message.text, self._message.tone))
        with suppress(NoMatches):
            self._main.show_status(shown)
            for screen in self.screen_stack:
                if isinstance(screen, Sheet):
                    screen.show_status(shown)
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

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002 (what is in files is text, never markup)
    ) -> None:
        """Instead of Textual's toasts: a message in the status line, where it covers nothing."""
        text = " ".join(" · ".join(filter(None, (title, *message.splitlines()))).split())
        self._say(Message(text, _SEVERITIES[severity], timeout or self.NOTIFICATION_TIMEOUT))

    def clear_notifications(self) -> None:
        """Take the message away."""
        self._message = None
        self._show_passing()

    def _say(self, message: Message) -> None:
        self._message = message
        self.set_timer(message.seconds, partial(self._forget, message))
        self._show_passing()

    def _forget(self, message: Message) -> None:
        if self._message is message:
            self.clear_notifications()

    def on_highlighted(self, message: Highlighted) -> None:
        """Other keys may work on another row."""
        message.stop()

    def on_room_changed(self, message: RoomChanged) -> None:
        """A message may fit into the status line now, or no more."""
        message.stop()
        self._show_passing()

    def _look(self) -> None:
        """See what no event reports."""
        troubles = self.session.troubles()
        if troubles != self.view.troubles:
            self.view = replace(self.view, troubles=troubles)
            self._changed()
        if not self._asking:  # a mount that hangs keeps one thread
            self._asking = True
            self.aside(self.session.others, self._others_seen)
        if self.view.facts.snapshot is not None and not self.view.facts.enabled:
            self.aside(self.session.has_drift, self._drift_seen)

    def _others_seen(self, others: Others) -> None:
        """Say when other processes begin to refuse what is active here, and when they no longer do."""
        self._asking = False
        before, self.view = self.view.others, replace(self.view, others=others)
        if others == before:
            return
        if (text := others.headline) and self.view.failed is None and others.refusals != before.refusals:
            lines = tuple(problem for refusal in others.refusals for problem in refusal.problems)
            self.note(f"{text[0].upper()}{text[1:]}", tone="bad", lines=lines[1:])
        self._changed()

    def _drift_seen(self, drift: bool) -> None:
        """Say so, while hot reload is off and nothing else will."""
        if drift != self.view.drift:
            self.view = replace(self.view, drift=drift)
            self._changed()


def _run(timer: Any, *, running: bool) -> None:
    if running:
        timer.resume()
    else:
        timer.pause()


def _home() -> Path | None:
    with suppress(RuntimeError):
        return Path.home()
    return None
