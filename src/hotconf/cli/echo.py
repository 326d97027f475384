"""`echo`: all output of the commands. No failure of stdout or stderr ends in a traceback."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import FileIO, TextIOWrapper
from typing import TYPE_CHECKING, Final, TextIO

import click
from click.exceptions import Exit

from hotconf.cli.verdict import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

_STDOUT: Final = 1
_STDERR: Final = 2
_lent: list[TextIO] = []
"""The command's own stdout, while `sys.stdout` is the program's."""
_CI: Final = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


class StdoutError(Exit):
    """stdout is not writable; exit status 2. Nothing more is written to it."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN)


def echo(text: str = "", *, err: bool = False, nl: bool = True, color: bool | None = None) -> None:
    """Write a line to stdout, or to stderr; escapes text that a CI system would take for commands.

    Raises `StdoutError` if stdout is not writable, with the reason on stderr unless the reader is gone.
    """
    text = safe(text)
    if err and color is None and sys.stderr.isatty():  # a sentence, and no picture
        from hotconf.cli.wrap import wrapped

        text = wrapped(text, sys.stderr)
    if err:
        click.echo(text, err=True, nl=nl, color=color)
    else:
        _write(text, nl=nl, color=color)


def commands(text: str) -> None:
    """Write lines to stdout that are intended as commands of a CI system."""
    _write(text)


def safe(text: str) -> str:
    """`text`, as `echo` writes it."""
    if not any(map(os.environ.get, _CI)):
        return text
    from hotconf.report.workflow import inert  # imported here: only CI pays for it

    return inert(text)


def _write(text: str, **how: Any) -> None:
    try:
        click.echo(text, file=stdout(), **how)
    except OSError as error:
        silence(stdout())
        if error.errno != errno.EPIPE:
            echo(f"Error: stdout cannot be written to: {error.strerror}", err=True)
        raise StdoutError from error


def stdout() -> TextIO:
    """Where the command writes its data."""
    return _lent[0] if _lent else sys.stdout


def lend_stdout() -> None:
    """From now on what others write to stdout, in Python or not, goes to stderr: it would spoil the data."""
    if _lent:
        return
    own, theirs = sys.stdout, sys.stderr
    with suppress(OSError, ValueError):  # ValueError: a stream in memory
        own.flush()
        number = os.dup(own.fileno())
        own = TextIOWrapper(FileIO(number, "w"), own.encoding, "backslashreplace", line_buffering=own.isatty())
        os.dup2(_STDERR, _STDOUT)
        # Not the command's own stream: who owns it may close it.
        theirs = _lenient(sys.stderr)
    _lent.append(own)
    sys.stdout = theirs


def return_stdout() -> None:
    """Undo that: the terminal app needs it, and what calls commands within its own process."""
    if _lent and (own := _lent.pop()) is not sys.stdout:
        with suppress(OSError, ValueError):
            own.flush()
            os.dup2(own.fileno(), _STDOUT)
        sys.stdout = own


def silence(stream: TextIO) -> None:
    """Discard its output: what is still buffered would raise when the interpreter exits."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def prepare() -> None:
    """Make stdout and stderr safe to write to, whatever their reader, or without one."""
    _reserve()
    # Closed by the parent process: drop the output, but do the work and return its status.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = _lenient(sys.stderr) if sys.stderr else _nowhere()
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show ✅ gets an escape; the watch goes on.
        sys.stdout.reconfigure(errors="backslashreplace")


def _reserve() -> None:
    """Occupy the numbers of closed standard streams: a file of ours would get them, and what C code writes there."""
    with suppress(OSError):  # a root without devices
        while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
            pass
        os.close(number)


def _nowhere() -> TextIO:
    return open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False)


def finish() -> None:
    """Write what is still buffered, or drop it: a failure does not affect the exit status."""
    try:
        stdout().flush()
    except OSError:
        silence(stdout())


def _lenient(stream: TextIO) -> TextIO:
    """stderr, dropping what cannot be written."""
    with suppress(OSError, ValueError):
        raw = _Lenient(stream)
        return TextIOWrapper(raw, stream.encoding, "backslashreplace", line_buffering=True, write_through=True)
    return stream


class _Lenient(FileIO):
    """A file that accepts everything: the output is lost, and work goes on."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream.fileno(), "w", closefd=False)
        self._stream = stream

    def isatty(self) -> bool:
        return self._stream.isatty()

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
        except OSError:
            return len(data)
        return len(data) if written is None else written
