"""A program in a terminal of its own: type to it, and wait for what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from waiting import wait_until

PATIENCE_S: Final = 60.0
"""For a program to show something, however slow the machine."""
_ROWS_AND_COLUMNS: Final = (24, 80)
_ENVIRONMENT: Final = {"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


class Terminal:
    """Runs `command` in `directory` in a pseudo-terminal, and kills it at the end if it is still there."""

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, _ROWS_AND_COLUMNS)
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env={**environment, **_ENVIRONMENT},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # emacs looks for /dev/tty
        )
        os.close(slave)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._master)

    def type(self, keys: str) -> None:
        """Press these keys; what the program shows in answer is awaited with `shows`."""
        self._shown = b""
        os.write(self._master, keys.encode())

    def shows(self, text: str) -> None:
        """Wait until it has shown `text` since the last keys."""
        try:
            wait_until(lambda: text.encode() in self._shown, PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"no {text!r} in {self._shown!r}") from None

    def ends(self) -> None:
        """Wait until it has ended, with success."""
        wait_until(lambda: self._process.poll() is not None, PATIENCE_S)
        assert self._process.returncode == 0, self._shown

    def _read(self) -> None:
        while True:
            try:
                shown = os.read(self._master, 4096)
            except OSError:  # EIO: the last program has left the terminal
                return
            if not shown:
                return
            self._shown += shown
