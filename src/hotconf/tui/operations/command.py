"""An external command as the operation that reloads wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Final

from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_LINES: Final = 50
_LONGEST_LINE: Final = 500
_PATIENCE_S: Final = 2.0


class Command:
    """A shell command in a process group of its own; its last lines of output are kept."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)

    def start(self, ended: Callable[[int, tuple[str, ...]], object]) -> None:
        """Run it. `ended(status, last lines)` is called on another thread, also if it could not be started."""
        self._process = subprocess.Popen(  # noqa: S602 (the person's own command line)
            self.text,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,  # the terminal's Ctrl+C is for the app, which ends it
        )
        self._thread = threading.Thread(
            target=self._follow, args=(self._process, ended), name="hotconf command", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End it, and all that it started, and wait; nothing happens if it has ended."""
        if self._process is None or self._thread is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._send(self._process, number)
            self._thread.join(_PATIENCE_S)
            if not self._thread.is_alive():
                return

    def kill(self) -> None:
        """End it, and all that it started, and wait for nothing."""
        if self._process is not None:
            self._send(self._process, signal.SIGKILL)

    def _send(self, process: subprocess.Popen[str], number: int) -> None:
        if process.poll() is not None and not (self._thread and self._thread.is_alive()):
            return
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _follow(self, process: subprocess.Popen[str], ended: Callable[[int, tuple[str, ...]], object]) -> None:
        with process:
            self._read(process.stdout)
        ended(process.returncode, tuple(self._lines))

    def _read(self, output: IO[str] | None) -> None:
        for line in output or ():
            self._lines.append(shortened(printable(line.rstrip("\n")), _LONGEST_LINE))
