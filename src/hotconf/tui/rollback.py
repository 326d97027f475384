"""`Rollback`: from the question to the files: read what is on the disk, show what would change, ask, write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hotconf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import App

    from hotconf.history.restore import Restoration
    from hotconf.snapshot import Snapshot
    from hotconf.tui.screens.difference import Consent
    from hotconf.tui.session import Session
    from hotconf.tui.view.rows import Tone
    from hotconf.tui.view.view import View

Result = TypeVar("Result")


class Host(Protocol):
    """What a rollback needs of the app beyond what Textual gives it."""

    session: Session
    view: View

    def aside(self, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do `work` on another thread, then `then` with its result."""

    def leave_sheets(self) -> None:
        """Go back to the main screen."""

    def note(self, text: str, *, tone: Tone = ..., lines: tuple[str, ...] = ...) -> None:
        """Show a note among the events."""


class Rollback:
    """Takes the files back to an earlier generation, with the consent of the person at `app`."""

    def __init__(self, app: App[None], host: Host) -> None:
        self._app = app
        self._host = host

    def ask(self, target: Snapshot[Any]) -> None:
        """Ask whether to go back to `target`, as soon as the files are read."""
        active = self._host.view.facts.snapshot
        if active is not None:
            self._host.aside(
                lambda: self._host.session.on_disk(active), partial(self._show, target, self._app.screen)
            )

    def _show(self, target: Snapshot[Any], asked_on: object, on_disk: Snapshot[Any]) -> None:
        from hotconf.history.restore import plan
        from hotconf.tui.screens.difference import GoBack

        if self._app.screen is not asked_on:  # the person has gone on, or has asked twice
            return
        restoration = plan(target, on_disk)
        if not restoration.writes and not restoration.appeared:
            self._app.notify(f"The files are those of generation {target.generation} already")
            return
        sheet = GoBack(target, on_disk, restoration, self._host.session.secret_keys)
        self._app.push_screen(sheet, partial(self._answered, target.generation, restoration))

    def _answered(self, generation: int, restoration: Restoration, consent: Consent | None) -> None:
        if consent is not None:
            self._host.aside(partial(self._restore, restoration, consent), partial(self._done, generation))

    def _restore(self, restoration: Restoration, consent: Consent) -> tuple[Path, ...] | str:
        """The files that were written, or why none was."""
        try:
            return self._host.session.restore(restoration, remove_appeared=consent.remove_appeared)
        except UsageError as error:
            return str(error)
        except OSError as error:
            return f"{error.filename or 'a file'}: {error.strerror or error}"

    def _done(self, generation: int, files: tuple[Path, ...] | str) -> None:
        self._host.leave_sheets()
        if isinstance(files, str):
            self._host.note(f"Not rolled back: {files}", tone="bad")
            self._app.notify(f"Not rolled back: {files}", severity="error", timeout=10)
            return
        names = ", ".join(path.name for path in files)
        self._host.note(f"Rolled back to the files of generation {generation}", lines=(names,), tone="accent")
