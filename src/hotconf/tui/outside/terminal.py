"""The terminal, which may vanish at any moment, with a signal or without one, and in part.

Rule 1: the app looks itself whether its terminal has hung up: not every program gets a SIGHUP.
Rule 2: what is written to a terminal that is gone goes nowhere, and nothing comes from it; no thread waits for it.
Rule 3: once the app is to end, its process has a limited time, whatever its threads wait for. What is left of the
terminal gets its state back before.
"""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import App

GONE_S: Final = 5.0
"""How long the process may take to end when the terminal has gone."""
ASKED_S: Final = 20.0
"""As long if a signal asks for it: an editor may have to save."""
_ALARM_S: Final = 1.0
"""After that the kernel ends what no thread of Python ends any more."""
_OFTEN_S: Final = 0.5
"""How often to look."""
_STREAMS: Final = (0, 1, 2)
_RESTORED: Final = (
    *("\x1b[?1000l", "\x1b[?1003l", "\x1b[?1015l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[?1004l", "\x1b[<u"),
    *("\x1b[?7h", "\x1b[?1049l", "\x1b[?25h"),
)
"""What ends all that Textual begins: the mouse, pasting, focus, keys, no wrapping, another screen, no cursor."""


class Keys(XTermParser):
    """Textual's own, for which Esc and the letter after it are two keys, however fast they were typed: no key is on
    Alt here, for which most terminals send the same. Except `b` and `f`, by which some move from word to word.
    """

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if alt:
            yield events.Key("escape", "\x1b")
        yield from super()._sequence_to_key_events(sequence)


linux_driver.XTermParser = Keys  # type: ignore[attr-defined] # the driver cannot be told otherwise


class Lasting(linux_driver.LinuxDriver):
    """Textual's own, for which a terminal that is gone is one that shows nothing and on which nobody types."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        # Its thread must not end: what is written waits for it.
        self._file = _Sink(self._file)  # type: ignore[assignment]

    def run_input_thread(self) -> None:
        """Read until the end; a failure is that of a terminal that is gone."""
        with suppress(OSError):
            super().run_input_thread()


class _Sink:
    """A stream, as long as it takes anything."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        return int(self._stream.fileno())


class Watch:
    """While entered, `gone` is called once when the terminal hangs up, on another thread."""

    def __init__(self, gone: Callable[[], object], last: Callable[[], object]) -> None:
        """`last` is called before the process is ended by force: it ends what would be left, and must not wait."""
        self._gone = gone
        self._last = last
        self._until = math.inf
        """When the process has to have ended."""
        self._modes: dict[int, list[Any]] = {}
        """Of each stream that is a terminal."""
        self._told = -1

    def __enter__(self) -> Self:
        for number in _STREAMS:
            with suppress(termios.error):
                self._modes[number] = termios.tcgetattr(number)
        # Whoever started us may have blocked or ignored it.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        heard, self._told = os.pipe()
        threading.Thread(target=self._run, args=(heard,), name="hotconf terminal", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._until == math.inf:
            os.close(self._told)  # else it goes on until the process has ended

    def limit(self, seconds: float) -> None:
        """From now on the process has so long to end. Signal-safe; the shortest time counts."""
        until = time.monotonic() + seconds
        if until < self._until:
            self._until = until
            signal.setitimer(signal.ITIMER_REAL, seconds + _ALARM_S)
            os.write(self._told, b".")

    def _run(self, heard: int) -> None:
        poll, gone = select.poll(), False
        poll.register(heard, select.POLLIN)
        while (left := self._until - time.monotonic()) > 0:
            # To wait for the hang-up itself would be to wait for each key, too.
            if poll.poll(1000 * min(left, _OFTEN_S)) and not os.read(heard, 1):
                os.close(heard)
                return
            if not gone and any(map(is_gone, _STREAMS)):
                gone = True
                detach()
                self.limit(GONE_S)
                self._gone()
        self._end()

    def _end(self) -> None:
        """The last resort."""
        try:
            self._last()
            self._restore()
        finally:
            os._exit(1)

    def _restore(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])  # or a process in the background would be stopped
        for number, modes in self._modes.items():
            with suppress(termios.error, OSError):
                termios.tcsetattr(number, termios.TCSANOW, modes)
                # Opened anew, so as to wait for no terminal that takes nothing.
                again = os.open(os.ttyname(number), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
                if number == sys.__stderr__.fileno():  # type: ignore[union-attr]
                    os.write(again, "".join(_RESTORED).encode())
                os.close(again)


def is_gone(number: int) -> bool:
    """Whether this descriptor is that of a terminal which has hung up."""
    try:
        termios.tcgetattr(number)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)  # else it is something else's
    return False


def detach() -> None:
    """Let nothing come from terminals that are gone, and what is written to them go nowhere."""
    # The end of a file would be read again and again. Its other end stays open as long as the process.
    silent, _ = os.pipe()
    os.set_blocking(silent, False)  # who had begun to wait for the terminal reads this without waiting
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in _STREAMS:
        if is_gone(number):
            os.dup2(silent if number == 0 else nowhere, number)
    os.close(nowhere)
    os.close(silent)
