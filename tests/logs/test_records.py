"""Log records reach the handlers in order, and nothing waits for a handler."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from textwrap import dedent

import pytest

from hotconf import HotReloadWatcher, ReloadFailed, ReloadSuccess
from hotconf.logs import records, scrubbing
from hotconf.logs.records import CAPACITY, DEBUG, ERROR, INFO, WARNING, emit
from hotconf.system import worker
from waiting import wait_until
from watcher.watched import port, save

LONG_S = 30


class Blocking(logging.Handler):
    """A handler that blocks while its gate is shut."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        assert self.gate.wait(LONG_S)
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        """What it took."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """Such a handler, on the program's own logger; its gate is opened in the end."""
    handler, logger = Blocking(), logging.getLogger("hotconf")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    handler.gate.set()
    wait_until(lambda: records.flush() and not records.at_work())
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_records_come_in_order_and_say_when(blocking):
    """Each with the instant at which it was logged, its level and its logger, however late the handler takes it."""
    before = time.time()
    emit("reload", INFO, "%d", -1)
    assert blocking.entered.wait(LONG_S)
    for number in range(100):
        emit("watch", WARNING, "%d", number)
    after = time.time()
    blocking.gate.set()
    wait_until(lambda: len(blocking.records) == 101)
    assert blocking.lines == [str(number) for number in range(-1, 100)]
    assert all(before <= record.created <= after for record in blocking.records)
    assert [record.msecs for record in blocking.records] == [record.created % 1 * 1000 for record in blocking.records]
    assert {record.name for record in blocking.records[1:]} == {"hotconf.watch"}
    assert {record.levelno for record in blocking.records[1:]} == {logging.WARNING}


def test_what_is_dropped_is_counted_and_told(blocking):
    """A bounded number waits; when it flows again, the log says how many are missing."""
    emit("reload", INFO, "first")
    assert blocking.entered.wait(LONG_S)
    for number in range(CAPACITY + 7):
        emit("reload", INFO, "%d", number)
    blocking.gate.set()
    wait_until(lambda: len(blocking.records) == CAPACITY + 2)
    assert blocking.lines[-2:] == [
        str(CAPACITY - 1),
        "7 log records were dropped: a handler of the log did not take them in time",
    ]
    emit("reload", INFO, "again")
    wait_until(lambda: blocking.lines[-1] == "again")


def test_records_wait_while_what_scrubs_them_cannot_be_had(blocking, monkeypatch):
    """No descriptor is left to import it: a line of our own says so, once, and all come in the end, in order."""
    blocking.gate.set()
    refusals = iter([OSError(errno.EMFILE, os.strerror(errno.EMFILE)), MemoryError()])
    lines = scrubbing.lines

    def refuse(*given):
        if (error := next(refusals, None)) is not None:
            raise error
        return lines(*given)

    monkeypatch.setattr(scrubbing, "lines", refuse)
    for number in range(3):
        emit("watch", WARNING, "%d", number)
    wait_until(lambda: not records.supervise())
    first, *others = blocking.lines
    assert first == "Log records wait until they can be shown without secrets: Too many open files"
    assert others == ["0", "1", "2"]


def test_a_record_that_can_never_be_made_holds_up_no_other(blocking, monkeypatch):
    """A fault of ours, or a package that was removed under the program: a line of our own stands in its place."""
    blocking.gate.set()
    lines = scrubbing.lines

    def refuse(text, *given):
        if text == "0":
            raise ImportError("cannot import name")
        return lines(text, *given)

    monkeypatch.setattr(scrubbing, "lines", refuse)
    for number in range(3):
        emit("watch", WARNING, "%d", number)
    wait_until(lambda: records.flush() and not records.at_work())
    assert blocking.lines == ["A log record cannot be shown: ImportError", "1", "2"]


def test_no_reload_and_no_close_waits_for_a_handler(tmp_path, blocking):
    """With everything logged and a blocking handler, two watchers fail, recover, defer and are closed."""
    paths = [tmp_path / name for name in ("a.toml", "b.toml")]
    for path in paths:
        path.write_text(port(1))
    watchers = [HotReloadWatcher(path, dict, debounce_ms=0) for path in paths]
    for watcher in watchers:
        watcher.start()
    assert blocking.entered.wait(LONG_S)
    for number, (path, watcher) in enumerate(zip(paths, watchers, strict=True), 2):
        save(path, "not = ")
        wait_until(lambda watcher=watcher: isinstance(watcher.last, ReloadFailed))
        save(path, port(number))
        wait_until(lambda watcher=watcher: isinstance(watcher.last, ReloadSuccess))
        with watcher.busy("test"):
            save(path, port(number + 10))
            watcher.reload()
        assert watcher.config["server"]["port"] == number + 10
        watcher.close()
    assert not blocking.records
    blocking.gate.set()
    wait_until(lambda: "ReloadFailed event emitted" in blocking.lines)


def test_a_handler_that_does_not_return_is_trouble(monkeypatch, blocking):
    """It cannot be logged; `stats` shows it."""
    monkeypatch.setattr(worker, "HUNG_NS", 0)
    assert records.trouble() is None
    emit("reload", INFO, "first")
    assert blocking.entered.wait(LONG_S)
    wait_until(lambda: "a log handler has not returned for" in str(records.trouble()))
    blocking.gate.set()
    wait_until(lambda: records.trouble() is None)


class Raising(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise SystemExit(record.getMessage())


def test_a_handler_that_raises_stops_nothing(blocking):
    """Not even with what ends programs."""
    blocking.gate.set()
    raising = Raising()
    logging.getLogger("hotconf.reload").addHandler(raising)
    try:
        emit("reload", ERROR, "one")
        emit("watch", ERROR, "two")
        wait_until(lambda: "two" in blocking.lines)
    finally:
        logging.getLogger("hotconf.reload").removeHandler(raising)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.CRITICAL])
def test_only_enabled_records_are_handed_over(level):
    """The level of the nearest logger decides, as `logging` has it; so does `logging.disable`."""
    logger = logging.getLogger("hotconf.watch")
    logger.setLevel(level)
    try:
        for each in (DEBUG, INFO, WARNING, ERROR):
            assert records.enabled("watch", each) == logger.isEnabledFor(each)
        logging.disable(logging.CRITICAL)
        assert not records.enabled("watch", logging.CRITICAL)
    finally:
        logging.disable(logging.NOTSET)
        logger.setLevel(logging.NOTSET)
    assert records.enabled("never-heard-of", WARNING) == logging.getLogger().isEnabledFor(WARNING)


AT_EXIT = """
    import logging, sys, threading
    from hotconf import HotReloadWatcher
    open("config.toml", "w").write("a = 1")
    {handler}
    watcher = HotReloadWatcher("config.toml", dict, debounce_ms=0)
    watcher.start()
    open("config.toml", "w").write("a = ")
    watcher.reload()
    print("end", flush=True)
"""
HANDLERS = {
    "none": "",
    "a handler that never returns": """
class Hung(logging.Handler):
    def emit(self, record): threading.Event().wait()
logging.basicConfig(level=logging.DEBUG, handlers=[Hung()])
""",
    "a full stderr": """
import os
os.set_blocking(2, False)
try:
    while True: os.write(2, bytes(4096))
except BlockingIOError: pass
os.set_blocking(2, True)
logging.basicConfig(level=logging.DEBUG)
""",
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_exit_does_not_wait_for_a_handler(tmp_path, handler):
    """One that never returns, or a pipe without a reader, costs a moment; otherwise all records are there."""
    program = dedent(AT_EXIT).replace("{handler}", HANDLERS[handler])
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    try:
        assert process.wait(LONG_S) == 0
        assert process.stdout.read() == b"end\n"
        if handler == "none":
            assert b"Config reload failed: config.toml:1" in os.read(read, 65536)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(read)
