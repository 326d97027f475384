"""`Rollback`: from the question to the files: read what is on the disk, show what would change, ask, write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.history.restore import Restoration
    from hotconf.snapshot import Snapshot
    from hotconf.tui.app import HotconfApp
    from hotconf.tui.screens.difference import Consent


class Rollback:
    """Takes the files back to an earlier generation, with the consent of the person at `app`."""

    def __init__(self, app: HotconfApp) -> None:
        self._app = app

    def ask(self, target: Snapshot[Any]) -> None:
        """Ask whether to go back to `target`, as soon as the files are read."""
        active = self._app.view.facts.snapshot
        if active is not None:
            self._app.aside(lambda: self._app.session.on_disk(active), partial(self._show, target, self._app.screen))

    def _show(self, target: Snapshot[Any], asked_on: object, on_disk: Snapshot[Any]) -> None:
        from hotconf.history.restore import plan
        from hotconf.tui.screens.difference import GoBack

        if self._app.screen is not asked_on:  # the person has gone on, or has asked twice
            return
        restoration = plan(target, on_disk)
        if not restoration.writes and not restoration.appeared:
            self._app.notify(f"The files are those of generation {target.generation} already")
            return
        sheet = GoBack(target, on_disk, restoration, self._app.session.secret_keys)
        self._app.push_screen(sheet, partial(self._answered, target.generation, restoration))

    def _answered(self, generation: int, restoration: Restoration, consent: Consent | None) -> None:
        if consent is not None:
            self._app.aside(partial(self._restore, restoration, consent), partial(self._done, generation))

    def _restore(self, restoration: Restoration, consent: Consent) -> tuple[Path, ...] | str:
        """The files that were written, or why none was."""
        try:
            return self._app.session.restore(restoration, remove_appeared=consent.remove_appeared)
        except UsageError as error:
            return str(error)
        except OSError as error:
            return f"{error.filename or 'a file'}: {error.strerror or error}"

    def _done(self, generation: int, files: tuple[Path, ...] | str) -> None:
        self._app.leave_sheets()
        if isinstance(files, str):
            self._app.note(f"Not rolled back: {files}", tone="bad")
            self._app.notify(f"Not rolled back: {files}", severity="error", timeout=10)
            return
        names = ", ".join(path.name for path in files)
        self._app.note(f"Rolled back to the files of generation {generation}", lines=(names,), tone="accent")
