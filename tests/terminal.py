"""A program in a terminal of its own: type to it, and wait for what it shows."""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from waiting import wait_until

PATIENCE_S: Final = 60.0
"""For a program to show something, however slow the machine."""
_ENVIRONMENT: Final = {"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


class Terminal:
    """Runs `command` in `directory` in a pseudo-terminal, and kills it at the end if it is still there."""

    def __init__(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], *, columns: int = 80
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(24, columns)
        self.before = self.modes
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = self._start(
            command, cwd=directory, env={**_ENVIRONMENT, **environment}, start_new_session=True, **streams
        )
        os.close(slave)
        self.shown = b""
        """All that was ever shown."""
        self._typed_at = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    @property
    def modes(self) -> list[Any]:
        """How the terminal treats what is typed."""
        return termios.tcgetattr(self._master)

    def resize(self, rows: int, columns: int) -> None:
        """Make the terminal of another size."""
        termios.tcsetwinsize(self._master, (rows, columns))

    def type(self, keys: str) -> None:
        """Press these keys; what the program shows in answer is awaited with `shows`."""
        self._typed_at = len(self.shown)
        os.write(self._master, keys.encode())

    @property
    def answer(self) -> bytes:
        """What was shown since the last keys."""
        return self.shown[self._typed_at :]

    def shows(self, text: str) -> None:
        """Wait until it has shown `text` since the last keys."""
        try:
            wait_until(lambda: text.encode() in self.shown[self._typed_at :], PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"no {text!r} in {self.shown[self._typed_at :][-3000:]!r}") from None

    def status(self) -> int:
        """Wait until it has ended, and all that it showed was read; its exit status."""
        wait_until(lambda: self.process.poll() is not None, PATIENCE_S)
        wait_until(lambda: not self._reader.is_alive(), PATIENCE_S)
        return self.process.returncode

    def ends(self) -> None:
        """Wait until it has ended, with success."""
        assert self.status() == 0, self.shown

    def _start(self, command: Sequence[str], **given: Any) -> subprocess.Popen[Any]:
        take = functools.partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0)  # emacs looks for /dev/tty
        return subprocess.Popen(command, preexec_fn=take, **given)

    def _read(self) -> None:
        while True:
            try:
                shown = os.read(self._master, 65536)
            except OSError:  # EIO: the last program has left the terminal
                return
            if not shown:
                return
            self.shown += shown
