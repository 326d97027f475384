"""`hotconf run` in a terminal that it controls: what it writes, and what it leaves behind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from prefork import Program
from terminal import Terminal

_HOTCONF: Final = (
    "import fcntl, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # so that Ctrl+C and the hang-up reach it
    "from hotconf.cli import main\n"
    "main()\n"
)


class Tty(Terminal):
    """The app, as the leader of a session with a controlling terminal."""

    def __init__(self, *arguments: object, home: Path, columns: int = 80, **environment: str) -> None:
        own = {"CODE_HOME": str(home), "XDG_STATE_HOME": str(home), "TERM": "xterm-256color", "HOTCONF_LOG": ""}
        super().__init__([*map(str, arguments)], home, {**os.environ, **own, **environment}, columns=columns)

    def _start(self, command: Sequence[str], **given: Any) -> Program:
        return Program(_HOTCONF, *command, **given)

    @property
    def restored(self) -> bool:
        """When it has ended: is the terminal as it was, its modes, the screen, the cursor, the mouse?"""
        assert self.process.poll() is not None
        return self.modes == self.before and all(
            self.shown.rfind(off) >= self.shown.rfind(on)
            for on, off in (
                (b"\x1b[?1049h", b"\x1b[?1049l"),
                (b"\x1b[?25l", b"\x1b[?25h"),
                (b"\x1b[?1000h", b"\x1b[?1000l"),
            )
        )
