"""`hotconf run` in a pseudo-terminal that is its own: what it writes, and what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from waiting import wait_until

_HOTCONF: Final = [sys.executable, "-c", "from hotconf.cli import main; main()"]


class Tty:
    """The app, as the leader of a session with a controlling terminal."""

    def __init__(self, *arguments: object, home: Path, columns: int = 80, **environment: str) -> None:
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (24, columns))
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [*_HOTCONF, *map(str, arguments)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=home,
            env={**os.environ, "CODE_HOME": str(home), "TERM": "xterm-256color", "HOTCONF_LOG": "", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self._slave >= 0:
            os.close(self._slave)
        self._reader.join()
        os.close(self._master)

    def shows(self, text: str) -> None:
        """Wait until it has written `text`."""
        try:
            wait_until(lambda: text.encode() in self.shown)
        except AssertionError:
            raise AssertionError(f"no {text!r} in {self.shown[-3000:]!r}") from None

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._master, keys.encode())

    def status(self) -> int:
        """Wait until it has ended; its exit status."""
        return self.process.wait(20)

    @property
    def restored(self) -> bool:
        """Is the terminal as it was: its modes, the screen, the cursor, the mouse?"""
        wait_until(lambda: b"\x1b[?1049l" in self.shown and b"\x1b[?25h" in self.shown)
        return self._modes() == self.before and self.shown.rfind(b"\x1b[?1000l") > self.shown.rfind(b"\x1b[?1000h")

    def _modes(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._master, 65536)
            except OSError:  # EIO: nobody has the terminal any more
                return
            if not part:
                return
            self.shown += part
