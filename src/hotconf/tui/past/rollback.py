"""`Rollback`: from the question to the files: read what is on the disk, show what would change, ask, write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from hotconf.errors import UsageError
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import App

    from hotconf.tui.operations.running import Operations
    from hotconf.tui.past.states import Question
    from hotconf.tui.past.timeline import State
    from hotconf.tui.screens.rollback import Consent
    from hotconf.tui.session import Session
    from hotconf.tui.view.rows import Tone
    from hotconf.tui.view.view import View

Result = TypeVar("Result")


class Host(Protocol):
    """What a rollback needs of the app beyond what Textual gives it."""

    session: Session
    view: View
    operations: Operations

    def aside(self, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do `work` on another thread, then `then` with its result."""

    def leave_sheets(self) -> None:
        """Go back to the main screen."""

    def note(self, text: str, *, tone: Tone = ..., lines: tuple[str, ...] = ...) -> None:
        """Show a note among the events."""


class Rollback:
    """Takes the files back to an earlier state, once the user has confirmed it."""

    def __init__(self, app: App[None], host: Host) -> None:
        self._app = app
        self._host = host

    def ask(self, target: State) -> None:
        """Ask whether to go back to `target`, as soon as the files are read."""
        question = partial(self._host.session.states.question, target)
        self._host.aside(question, partial(self._show, self._app.screen))

    def _show(self, asked_on: object, question: Question | str) -> None:
        from hotconf.tui.screens.rollback import AskRollback

        if self._app.screen is not asked_on:  # the user has gone on, or has asked twice
            return
        if isinstance(question, str):
            self._app.notify(question, severity="warning", timeout=10)
            return
        self._app.push_screen(AskRollback(question, self._then()), partial(self._answered, question))

    def _then(self) -> str:
        """What happens once the files are written."""
        if not self._host.view.facts.enabled:
            return "Hot reload is off: press r afterwards to reload."
        if self._host.operations.running:
            return "The watcher then reloads as after any save, once nothing is busy."
        return "The watcher then reloads, as after any save."

    def _answered(self, question: Question, consent: Consent | None) -> None:
        if consent is not None:
            self._host.aside(partial(self._restore, question, consent), partial(self._done, question.state))

    def _restore(self, question: Question, consent: Consent) -> tuple[Path, ...] | Exception:
        """The files that were written, or why none was."""
        try:
            return self._host.session.states.restore(question.plan, remove_appeared=consent.remove_appeared)
        except (UsageError, OSError) as error:
            return error

    def _done(self, state: State, files: tuple[Path, ...] | Exception) -> None:
        self._host.leave_sheets()
        if isinstance(files, Exception):
            reason, lines = _failure(state, files)
            self._host.note(f"Not rolled back to {state.name}: {reason}", tone="bad", lines=lines)
            self._app.notify(f"Not rolled back: {reason}", severity="error", timeout=10)
            return
        names = printable(", ".join(path.name for path in files))
        self._host.note(f"Rolled back to {state.long_name}", lines=(f"Files: {names}",), tone="accent")


def _failure(state: State, error: Exception) -> tuple[str, tuple[str, ...]]:
    """Why it failed, in one line, and what to do."""
    notes = tuple(map(printable, getattr(error, "__notes__", ())))
    again = "To try again: d, then b."
    if state.number is not None:
        again += f" Or, in a shell: hotconf rollback {state.number}"
    if not isinstance(error, OSError):
        return printable(str(error)), (again,)
    reason = error.strerror or str(error)
    reason = printable(f"{error.filename}: {reason}" if error.filename else reason)
    return reason, (*notes, again) if notes else ("All files are as before.", again)
