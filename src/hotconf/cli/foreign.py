"""What a program that is imported must not do to the process of the command: end or replace it, take its Ctrl-C, read
its input, or write its data a second time from a fork. And what is said while the import takes long.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TextIO

from hotconf.cli.echo import safe, silence, stdout
from hotconf.cli.refusal import Refusal
from hotconf.system import threads
from hotconf.text import printable

SILENT_S: Final = 3.0
"""How long an import may take before it is said what is waited for."""
_INTERRUPTED: Final = 130
_OVER: Final = b"\0"
_STDIN, _STDERR = 0, 2
_ENDINGS: Final = ("_exit", "execv", "execve")
_KEPT: Final = frozenset({signal.SIGINT, signal.SIGTERM})
"""Signals that stay the command's."""

leave: Final = os._exit
"""`os._exit`, whatever programs get instead."""
_select: Final = threads.original("select", "select")
_us: list[int] = []
"""The process of the command, once a program was imported."""


def is_fork() -> bool:
    """Whether this is a child that an imported program has forked."""
    return bool(_us) and os.getpid() != _us[0]


@contextmanager
def contained(doing: Callable[[], str]) -> Iterator[None]:
    """Within it code of the program runs, in the main thread of the command's own process. `doing` says what is being
    done, such as `importing app:watcher`, and, if that is known, at which line; any thread may call it.

    A fork of the program that leaves it ends. Ctrl-C ends the process, even if the program does not let go.
    """
    _keep_process()
    watching = _Watching(doing)
    real = signal.signal
    asked: dict[int, Any] = {}
    before = signal.getsignal(signal.SIGINT)
    theirs = before in (signal.SIG_IGN, None)  # in the background: then it is for nobody
    if not theirs:
        real(signal.SIGINT, lambda number, frame: watching.interrupt())  # noqa: ARG005

    def take(number: int, handler: Any) -> Any:
        if number not in _KEPT or is_fork():
            return real(number, handler)
        old = asked.get(number, signal.getsignal(number))
        asked[number] = handler
        return old

    signal.signal = take  # type: ignore[assignment]
    own = _file(stdout())
    status = 0
    try:
        with watching, _no_input():
            yield
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    finally:
        if is_fork():
            with suppress(Exception):
                sys.stdout.flush()
            leave(status)
        signal.signal = real
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if not theirs:
            real(signal.SIGINT, before)
        if _file(stdout()) != own:  # another file may have its number by now
            silence(stdout())
            raise Refusal(f"while {doing()}: the program closed the command's stdout")


def _file(stream: TextIO) -> tuple[int, int] | None:
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _keep_process() -> None:
    if _us:
        return
    _us.append(os.getpid())
    for name in _ENDINGS:
        if hasattr(os, name):
            setattr(os, name, partial(_ended, name, getattr(os, name)))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_mute)


def _ended(name: str, really: Callable[..., Any], *arguments: Any) -> None:
    """As if `sys.exit` had been called: what the program has no way to come back from would be the command's end."""
    if is_fork():
        really(*arguments)
    raise SystemExit(arguments[0] if name == "_exit" else f"os.{name}()")


def _mute() -> None:
    """In a fork: what the command writes is for the command to write, and Ctrl-C is not for the fork to report."""
    silence(stdout())
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _no_input() -> Iterator[None]:
    """Standard input is empty: what the command may read, or nobody types."""
    kept = None
    with suppress(OSError):
        kept = os.dup(_STDIN)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, _STDIN)
        os.close(nothing)
    try:
        yield
    finally:
        if kept is not None:
            with suppress(OSError):
                os.dup2(kept, _STDIN)
                os.close(kept)


class _Watching:
    """A thread that waits with the main thread. It hears of Ctrl-C even if that is in C code and runs no handler."""

    def __init__(self, doing: Callable[[], str]) -> None:
        self._doing = doing
        self._ending = threads.lock()
        self._wake, self._woken, self._earlier = -1, -1, -1

    def __enter__(self) -> None:
        with suppress(OSError, RuntimeError):  # no descriptor, or no room for a thread: then without
            self._woken, self._wake = os.pipe()
            os.set_blocking(self._wake, False)
            threads.Thread(self._wait, "hotconf import").start()
            self._earlier = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def __exit__(self, *_: object) -> None:
        if self._wake < 0 or is_fork():
            return
        signal.set_wakeup_fd(self._earlier)
        with suppress(OSError):
            os.write(self._wake, _OVER)
            os.close(self._wake)

    def interrupt(self) -> None:
        """End the process, with one line; once."""
        if is_fork():
            leave(_INTERRUPTED)
        if self._ending.acquire(blocking=False):
            _say(f"Interrupted while {self._doing()}")
            leave(_INTERRUPTED)

    def _wait(self) -> None:
        patience: float | None = SILENT_S
        while True:
            ready, _, _ = _select([self._woken], [], [], patience)
            if not ready:
                patience = None
                doing = self._doing()
                _say(f"{doing[0].upper()}{doing[1:]}. Ctrl+C to stop.")
                continue
            found = os.read(self._woken, 64)
            if not found or _OVER in found:
                os.close(self._woken)
                return
            if signal.SIGINT in found and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                self.interrupt()


def _say(text: str) -> None:
    """On stderr itself: the program has its hands on `sys.stderr`, and perhaps hangs while it holds its lock."""
    with suppress(OSError):
        os.write(_STDERR, safe(printable(text)).encode(sys.getdefaultencoding(), "backslashreplace") + b"\n")
