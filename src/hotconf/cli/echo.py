"""`echo`: the door through which the commands write. What stdout or stderr do with it never ends in a traceback."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click
from click.exceptions import Exit

from hotconf.cli.verdict import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

_CI: Final = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


class UnheardError(Exit):
    """stdout cannot be written to; exit status 2. It is silent from now on."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN)


def echo(text: str = "", *, err: bool = False, nl: bool = True, color: bool | None = None) -> None:
    """Write a line to stdout, or to stderr; lines that a CI system would take for commands are made harmless there.

    Raises `UnheardError` if stdout cannot be written to; the reason is said on stderr, unless nobody reads any more.
    """
    text = safe(text)
    if err:
        click.echo(text, err=True, nl=nl, color=color)
    else:
        _write(text, nl=nl, color=color)


def commands(text: str) -> None:
    """Write lines that are meant as commands of a CI system to stdout."""
    _write(text)


def safe(text: str) -> str:
    """`text`, as `echo` writes it."""
    if not any(map(os.environ.get, _CI)):
        return text
    from hotconf.report.workflow import inert  # elsewhere nobody pays for it

    return inert(text)


def _write(text: str, **how: Any) -> None:
    try:
        click.echo(text, **how)
    except OSError as error:
        silence(sys.stdout)
        if error.errno != errno.EPIPE:
            echo(f"Error: stdout cannot be written to: {error.strerror}", err=True)
        raise UnheardError from error


def silence(stream: TextIO) -> None:
    """Nothing is written to it any more: what is still buffered would raise when the interpreter ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def prepare() -> None:
    """Make stdout and stderr of this process fit for whoever reads them, or does not."""
    # Closed by whoever started this: then nobody wants to know, but what is asked for is done, and its status told.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the life of the process
    sys.stderr = _unheard(sys.stderr) if sys.stderr else Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show ✅ gets an escape instead of ending the watch.
        sys.stdout.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Whatever is still buffered is written, or dropped: that it cannot be is no matter for the exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)


def _unheard(stream: TextIO) -> TextIO:
    """stderr, but what cannot be written is dropped."""
    with suppress(OSError, ValueError):
        raw = _Unheard(stream)
        return TextIOWrapper(raw, stream.encoding, "backslashreplace", line_buffering=True, write_through=True)
    return stream


class _Unheard(FileIO):
    """A file that takes everything: who cannot be told is not told, and work goes on."""

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
