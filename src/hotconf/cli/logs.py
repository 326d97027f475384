"""The log of the watching commands: chosen records to stderr, all of them to `debug.log`.

`HOTCONF_LOG=debug` shows everything on stderr, `HOTCONF_LOG=hotconf.reload=debug,hotconf.watch=info` a part; without
it only the observer's warnings are shown there, since a failed reload is told on stdout already. The file lies in the
configuration's directory (`$CODE_HOME`, else `~/.code`), which is not created for it: 5 files of at most 1 MiB,
readable by their owner only. One record is one line, whatever is in it.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from io import FileIO, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hotconf.cli.places import home
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_BYTES: Final = 1 << 20
FILES: Final = 5

_ROOT: Final = "hotconf"
_UNASKED: Final = {"hotconf.watch": logging.WARNING}
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}


@contextmanager
def logs(*, stderr: bool = True) -> Iterator[None]:
    """Keep the log while the block runs; what cannot be done about it is said on stderr and left out.

    `stderr`: show records there as well; not while an app has the terminal.
    """
    root = logging.getLogger(_ROOT)
    before = root.level, root.propagate
    shown = _to_stderr(_wanted())
    handlers = [*([shown] if stderr else []), *_to_file(home() / "debug.log")]
    root.propagate = False
    root.setLevel(min((handler.level for handler in handlers), default=logging.CRITICAL))
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.level, root.propagate = before
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def parse(text: str) -> tuple[dict[str, int], list[str]]:
    """The level of each logger that `HOTCONF_LOG` names, and what is wrong with the items that were left out."""
    levels: dict[str, int] = {}
    faults: list[str] = []
    for item in filter(None, map(str.strip, text.split(","))):
        name, equals, level = (part.strip() for part in item.rpartition("="))
        logger = name if equals else _ROOT
        if logger != _ROOT and not logger.startswith(f"{_ROOT}."):
            faults.append(
                f"{item}: there is no logger {logger or 'without a name'}, only hotconf.reload and hotconf.watch"
            )
        elif level.lower() not in _LEVELS:
            faults.append(f"{item}: {level or 'nothing'} is no level, only {', '.join(_LEVELS)}")
        else:
            levels[logger] = _LEVELS[level.lower()]
    return levels, faults


class OneLine(logging.Formatter):
    """Formats a record as one printable line: what is in a file must not be able to fake records or move a cursor."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The record, its traceback included, on one line."""
        return printable(super().format(record))


def _wanted() -> Mapping[str, int]:
    text = os.environ.get("HOTCONF_LOG", "")
    levels, faults = parse(text)
    for fault in faults:
        click.echo(printable(f"HOTCONF_LOG: {fault}"), err=True)
    return levels or _UNASKED


def _to_stderr(levels: Mapping[str, int]) -> logging.Handler:
    handler = _Stderr(min(levels.values()))
    handler.setFormatter(OneLine("[%(levelname)s] %(message)s"))
    handler.addFilter(lambda record: record.levelno >= _level(record.name, levels))
    return handler


def _level(name: str, levels: Mapping[str, int]) -> int:
    """The level that is set for the logger `name` or, if there is none, for the nearest one above it."""
    while name not in levels:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return _LEVELS["off"]
    return levels[name]


def _to_file(path: Path) -> list[logging.Handler]:
    if not path.parent.is_dir():
        return []
    try:
        handler = _PrivateFile(path, maxBytes=FILE_BYTES, backupCount=FILES - 1)
    except OSError as error:
        click.echo(printable(f"No log is kept: {error}"), err=True)
        return []
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(_dated())
    return [handler]


def _dated() -> logging.Formatter:
    formatter = OneLine("%(asctime)s [%(levelname)s] %(name)s: %(message)s")
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    return formatter


class _Stderr(logging.Handler):
    """Writes where click does, so that it follows whoever redirects stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(self.format(record), err=True)
        except OSError:
            self.handleError(record)


class _PrivateFile(RotatingFileHandler):
    """A rotating file that only its owner can read, from its first byte on."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        Path(self.baseFilename).chmod(0o600)  # one that was there already may be open to others
        return TextIOWrapper(FileIO(descriptor, "a"), encoding="utf-8", errors="backslashreplace", write_through=True)
