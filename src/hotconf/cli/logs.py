"""The log of the watching commands: chosen records to stderr, all of them to `debug.log`.

`HOTCONF_LOG=debug` shows everything on stderr, `HOTCONF_LOG=hotconf.reload=debug,hotconf.watch=info` a part; without
it only the observer's warnings are shown there, since a failed reload is already printed to stdout.
`HOTCONF_LOG=json`, alone or beside levels, or `HOTCONF_LOG_FORMAT=json`, makes each record one JSON object, on stderr
and in the file. The file lies in the configuration's directory (`$CODE_HOME`, else `~/.code`), which is not created
for it: 5 files of at most 1 MiB, readable by their owner only. One record is one line, whatever is in it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from textwrap import dedent
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.cli.contact import patiently
from hotconf.cli.echo import echo, safe
from hotconf.cli.logfile import LogFile
from hotconf.cli.places import home
from hotconf.errors import UsageError
from hotconf.logs import records
from hotconf.report.ndjson import rfc3339
from hotconf.system import threads
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
_FORMATS: Final = ("text", "json")
_FLUSHES: Final = 20
_CLOSE_S: Final = 1.0


class Log:
    """The log while it is kept, and a way to print to stderr in its format."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = Json() if as_json else None
        self._held: list[str] | None = None

    def say(self, text: str) -> None:
        """A warning that is always shown, on a line of its own; while it is `held`, later."""
        if self._held is not None:
            self._held.append(text)
            return
        record = logging.LogRecord(f"{_ROOT}.cli", logging.WARNING, "", 0, text, None, None)
        echo(printable(text) if self._json is None else self._json.format(record), err=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Print messages only after the block: meanwhile an app has the terminal."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for text in dict.fromkeys(held):
                self.say(text)


@contextmanager
def logs(*, stderr: bool = True) -> Iterator[Log]:
    """Keep the log while the block runs; what cannot be done about it is said on stderr and left out.

    `stderr`: show records there as well; not while an app has the terminal.
    """
    asked = _asked()
    log = Log(as_json=asked.as_json)
    for fault in asked.faults:
        log.say(fault)
    handlers = [*([_to_stderr(asked)] if stderr else []), *_to_file(asked, log)]
    with _installed(handlers), nullcontext() if stderr else log.held():
        yield log


@contextmanager
def _installed(handlers: Sequence[logging.Handler]) -> Iterator[None]:
    root = logging.getLogger(_ROOT)
    before = root.level, root.propagate
    root.propagate = False
    root.setLevel(min((handler.level for handler in handlers), default=logging.CRITICAL))
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        _flush()
        root.level, root.propagate = before
        for handler in handlers:
            root.removeHandler(handler)
        _close(handlers)


def _close(handlers: Sequence[logging.Handler]) -> None:
    """Close them, but do not wait for a file on a mount that does not answer: its thread ends with the process."""

    def close() -> None:
        for handler in handlers:
            handler.close()

    thread = threads.Thread(close, "hotconf log")
    try:
        thread.start()
    except RuntimeError:
        close()
    else:
        thread.join(_CLOSE_S)


def _flush() -> None:
    """Wait a moment for records on their way, but not for a blocking handler."""
    for _ in range(_FLUSHES):
        if records.flush():
            return


def parse(text: str) -> tuple[dict[str, int], list[str]]:
    """The level of each logger that `HOTCONF_LOG` names, and what is wrong with the items that were left out."""
    levels: dict[str, int] = {}
    faults: list[str] = []
    for item in _items(text):
        name, equals, level = (part.strip() for part in item.rpartition("="))
        logger = name if equals else _ROOT
        if logger != _ROOT and not logger.startswith(f"{_ROOT}."):
            faults.append(
                f"{item}: there is no logger {logger or 'without a name'}, only hotconf.reload and hotconf.watch"
            )
        elif level.lower() not in _LEVELS:
            faults.append(f"{item}: {level or 'nothing'} is not a level: use {', '.join(_LEVELS)}")
        else:
            levels[logger] = _LEVELS[level.lower()]
    return levels, faults


class OneLine(logging.Formatter):
    """Formats a record as one printable line: what is in a file must not be able to fake records or move a cursor."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The record, its traceback included, on one line."""
        return safe(printable(super().format(record)))


class Json(logging.Formatter):
    """Formats a record as one JSON object: `time`, `level`, `logger`, `message`, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """In plain ASCII, on one line."""
        # The library's own records have their traceback in the text, on indented lines.
        message, _, trace = record.getMessage().partition("\n")
        if record.exc_info and record.exc_info[0] is not None:
            trace = self.formatException(record.exc_info)
        line = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            **({"exception": dedent(trace)} if trace else {}),
        }
        return safe(json.dumps(line, ensure_ascii=True))


class _Asked(NamedTuple):
    """The settings in the environment."""

    levels: Mapping[str, int]
    as_json: bool
    faults: list[str]


def _asked() -> _Asked:
    items = _items(os.environ.get("HOTCONF_LOG", ""))
    formats = [item.lower() for item in items if item.lower() in _FORMATS]
    levels, faults = parse(",".join(item for item in items if item.lower() not in _FORMATS))
    faults = [f"HOTCONF_LOG: {fault}" for fault in faults]
    named = os.environ.get("HOTCONF_LOG_FORMAT", "").strip()
    if named.lower() in _FORMATS:
        formats.append(named.lower())
    elif named:
        faults.append(f"HOTCONF_LOG_FORMAT: {named} is not a format: use {' or '.join(_FORMATS)}")
    return _Asked(levels or _UNASKED, formats[-1:] == ["json"], faults)


def _items(text: str) -> list[str]:
    return [item for item in map(str.strip, text.split(",")) if item]


def _to_stderr(asked: _Asked) -> logging.Handler:
    handler = _Stderr(min(asked.levels.values()))
    handler.setFormatter(Json() if asked.as_json else OneLine("[%(levelname)s] %(message)s"))
    handler.addFilter(lambda record: record.levelno >= _level(record.name, asked.levels))
    return handler


def _level(name: str, levels: Mapping[str, int]) -> int:
    """The level that is set for the logger `name` or, if there is none, for the nearest one above it."""
    while name not in levels:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return _LEVELS["off"]
    return levels[name]


def _to_file(asked: _Asked, log: Log) -> list[logging.Handler]:
    try:
        directory = home()
    except UsageError:  # an explicit path needs no home directory
        return []
    handler = LogFile(directory / "debug.log", log.say, size=FILE_BYTES, files=FILES)
    handler.setFormatter(Json() if asked.as_json else _dated())
    try:
        patiently(directory.stat, directory, needed=False)
        patiently(handler.ready, directory, needed=False)
    except FileNotFoundError:
        return []
    except OSError as error:
        log.say(f"No log is kept: {directory}: {error.strerror}")
        return []
    return [handler]


def _dated() -> logging.Formatter:
    formatter = OneLine("%(asctime)s [%(levelname)s] %(name)s: %(message)s")
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    return formatter


class _Stderr(logging.Handler):
    """Writes where click does, so that it follows a redirected stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            echo(self.format(record), err=True)
        except OSError:
            self.handleError(record)
