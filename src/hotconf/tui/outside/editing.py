"""`Editing`: the terminal is lent to the person's editor, and taken back whatever becomes of that."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from hotconf.errors import UsageError
from hotconf.text import printable, source_name
from hotconf.tui.outside.editor import command, editor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App

    from hotconf.tui.view.rows import Place


class Editing:
    """Lends the terminal of `app` to one command at a time; the app stands still meanwhile."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False
        self.lent = False
        """Another program has the terminal, or is about to get it."""

    def open(self, place: Place) -> str:
        """Open the person's editor at `place` and wait until it ends; what went wrong, or nothing."""
        if name := source_name(place.file):
            return f"{printable(name)} is no file: F says how it is changed"
        try:
            line = command(editor(os.environ), place)
        except UsageError as error:
            return str(error)
        self.lent = True
        try:
            with self._app.suspend():
                return self._run(line)
        except SuspendNotSupported:
            return "there is no terminal to lend to an editor"
        finally:
            self.lent = False

    def end(self, *, force: bool = False) -> None:
        """End the command that has the terminal, for the app ends; may be called by a signal handler."""
        self._ending = True
        if (process := self._process) is not None:
            (process.kill if force else process.terminate)()

    def _run(self, line: Sequence[str]) -> str:
        # Nothing is raised in here, or the terminal would not be taken back.
        try:
            self._process = subprocess.Popen(line)  # noqa: S603 (the person's own)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            return f"{line[0]}: {reason}. Set VISUAL or EDITOR to the editor that you use."
        if self._ending:
            self._process.terminate()
        status = self._process.wait()
        self._process = None
        return f"{line[0]} ended with status {status}" if status else ""
