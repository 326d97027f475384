"""`Actions`: what the app does when asked by a key, a click or the palette."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from textual.app import SuspendNotSupported, SystemCommand
from textual.css.query import NoMatches

from hotconf.text import shortened, source_name
from hotconf.tui import palette
from hotconf.tui.keys import Everywhere, label
from hotconf.tui.messages import Chosen, CommandEnded
from hotconf.tui.operations.running import REASONS, Operations
from hotconf.tui.outside.clipboard import TERMINAL, copy
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view.rows import Place, Tone
from hotconf.tui.view.stream import place_of
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.panels import ConfigurationPanel
from hotconf.tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.binding import Binding
    from textual.screen import Screen

    from hotconf.tui.clock import Clock
    from hotconf.tui.describing.descriptions import Descriptions
    from hotconf.tui.operations.command import Command
    from hotconf.tui.outside.editing import Editing
    from hotconf.tui.past.generations import Generations
    from hotconf.tui.past.rollback import Rollback
    from hotconf.tui.screens.main import Main
    from hotconf.tui.session import BusyKind, Session
    from hotconf.tui.view.history import History
    from hotconf.tui.view.view import View

Result = TypeVar("Result")

_LONGEST_SHOWN: Final = 60


class Actions(Everywhere):
    """The actions of `HotconfApp`, which has the state that they work on."""

    session: Session
    clock: Clock
    view: View
    history: History
    operations: Operations
    _command: Command | None
    _editing: Editing
    _generations: Generations
    _rollback: Rollback
    _main: Main
    _descriptions: Descriptions

    def note(self, text: str, *, tone: Tone = "plain", lines: tuple[str, ...] = ()) -> None:
        """Add a note of the app's own to the events."""
        raise NotImplementedError

    @property
    def top(self) -> Screen[Any] | None:
        """The screen that is shown; None while the app ends: it has none any more, and messages still come."""
        return self.screen_stack[-1] if self.screen_stack else None

    def on_key(self, event: events.Key) -> None:
        """What nobody has taken is looked up among the bindings after this, unless it was typed for the search."""
        if self.top is None or (self.top is self._main and self._main.typed_ahead(event)):
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
                return not isinstance(self.top, Sheet) or self.top.helped
            case "edit", _:
                return self._is_file()
            case "fleet", _:
                return self.session.fleet is not None
            case "generations" | "latency", _:
                return self.view.facts.started
        return True

    def action_start(self, kind: str) -> None:
        """Begin a rehearsal; reloads are queued until it is over."""
        self.operations.rehearse(_kind(kind), self._config, self.clock.seconds())
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

    def action_problems(self, step: int = 0) -> None:
        """What is wrong now; `step`: at the first of them (1) or the last (-1)."""
        from hotconf.tui.screens.problems import Problems

        self.push_screen(Problems(lambda: self.view, step))

    def action_difference(self) -> None:
        """How a generation differs from another."""
        from hotconf.tui.screens.difference import Difference

        self.push_screen(Difference(self._generations, self._rollback.ask, self.clock.now))

    def action_generations(self) -> None:
        """This session's generations and the states on disk."""
        from hotconf.tui.screens.generations import GenerationList

        self.push_screen(GenerationList(self._generations, self._rollback.ask, self.clock.now))

    def action_fleet(self) -> None:
        """Who runs what in the fleet."""
        from hotconf.tui.screens.fleet import FleetScreen

        source = self.session.fleet
        if source is not None:
            self.push_screen(FleetScreen(source, self.session.published, self.aside, self.clock.now))

    def on_chosen(self, message: Chosen) -> None:
        """Details of what is under the cursor."""
        from hotconf.tui.screens.details import EventDetails, ValueDetails

        main, shown = self._main, self.focused
        if self.top is not main or message.row.key[0] in ("none", "hint", "gap"):
            return
        if isinstance(shown, ConfigurationPanel) and message.row.expanded is not None:
            shown.action_turn()
        elif main.has_details and isinstance(shown, ConfigurationPanel | EventsPanel):
            main.focus_details()
        elif isinstance(shown, EventsPanel) and shown.entry is not None:
            self.push_screen(EventDetails(shown.entry))
        elif isinstance(shown, ConfigurationPanel) and shown.item is not None:
            snapshot, item = self.view.facts.snapshot, shown.item
            self.push_screen(ValueDetails(item, lambda: self._descriptions.of(snapshot, item)))

    def action_copy(self) -> None:
        """What is under the cursor, into the clipboard."""
        shown = self._list()
        text = shown.copied() if shown is not None else ""
        if text.strip():
            self.aside(lambda: copy(text, os.environ), partial(self._copied, text))

    def _copied(self, text: str, done: str | None) -> None:
        if done is None:
            if os.environ.get("TERM") == "linux":
                self.notify("Not copied: this terminal has no clipboard", severity="warning")
                return
            self.copy_to_clipboard(text)
            done = TERMINAL
        self.notify(f"{done}: {shortened(text.splitlines()[0], _LONGEST_SHOWN)}", timeout=2)

    def action_edit(self) -> None:
        """Open the editor at what is under the cursor, and come back."""
        trouble = self._editing.open(self._place())
        if trouble:
            self.notify(trouble, severity="warning")

    def _list(self) -> RowList | None:
        if isinstance(self.top, Sheet):
            return self.top.query_one(SheetList)
        focused = None if self.top is None else self.top.focused
        return focused if isinstance(focused, RowList) else None

    def _place(self) -> Place:
        shown = self._list()
        return (shown and shown.place) or self._trouble() or Place(self.view.facts.path)

    def _is_file(self) -> bool:
        """Is what is under the cursor in a file? A layer's may be, where the document is none."""
        try:
            return not source_name(self._place().file)
        except NoMatches:  # the list is not there yet, or no longer
            return False

    def _trouble(self) -> Place | None:
        """The place of the latest problem, if it still exists."""
        problems = self.view.failed.problems if self.view.failed is not None else ()
        return next(filter(None, map(place_of, problems)), None)

    def leave_sheets(self) -> None:
        """Back to the main screen."""
        while isinstance(self.top, Sheet):
            self.pop_screen()

    def aside(self, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do `work`, which reads or writes files, on a thread of its own, and then `then` with what it returns."""
        self.run_worker(lambda: self.call_later(then, work()), thread=True)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        return palette.commands(self, screen, self.operations, self._config)

    def get_key_display(self, binding: Binding) -> str:
        """As help and documentation write it."""
        return label(binding.key)

    def action_suspend_process(self) -> None:
        """Stop, with all of the job, as any program does at Ctrl+Z; `fg` comes back to the same screen."""
        with suppress(SuspendNotSupported), self.suspend():
            # By default action: who has no shell to go back to, as the only program of a terminal, is not stopped.
            # And Textual is not to start a second time: it would at a SIGCONT that arrives a moment late.
            default = {signal.SIGTSTP: signal.SIG_DFL, signal.SIGCONT: signal.SIG_IGN}
            before = {number: signal.signal(number, handler) for number, handler in default.items()}
            os.kill(0, signal.SIGTSTP)
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def _config(self) -> object:
        snapshot = self.view.facts.snapshot
        return snapshot.config if snapshot is not None else None


def _kind(text: str) -> BusyKind:
    for kind in REASONS:
        if kind == text:
            return kind
    raise AssertionError(text)
