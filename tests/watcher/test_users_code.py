"""Users' code that is slow, stuck or raises: it is in nobody's way."""

from __future__ import annotations

import logging
import signal

import pytest

from hotconf import ReloadSuccess
from waiting import wait_until
from watcher.watched import CHANGED, Seen, port


def test_a_stuck_callback_holds_up_nobody(path, watch, gate):
    """Publishing and streams go on while a callback is stuck; it gets the rest in order when it is let go."""
    watcher, _ = watch(path, debounce_ms=0)
    told = []
    watcher.on_event(gate)
    watcher.on_event(told.append)
    stream = watcher.subscribe()
    for number in range(9000, 9005):
        path.write_text(port(number))
        wait_until(lambda number=number: watcher.config.server.port == number)
    assert gate.entered.is_set()
    assert not gate.done.is_set()
    assert told == []
    while not isinstance(event := next(stream), ReloadSuccess) or event.generation < 6:
        pass
    gate.released.set()
    wait_until(lambda: told and told[-1] == event)
    assert [event.generation for event in told if isinstance(event, ReloadSuccess)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(1), KeyboardInterrupt()])
def test_a_callback_that_raises(path, watch, caplog, error):
    """It is logged with its name; the others are told, and so is it the next time."""
    watcher, _ = watch(path)
    calls = []

    def unlucky(event: object) -> None:
        calls.append(event)
        raise error

    watcher.on_event(unlucky)
    later = Seen(watcher)
    path.write_text(port(9000))
    later.exactly(CHANGED, "ReloadSuccess 2")
    path.write_text(port(9001))
    later.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert len(calls) == 4
    assert "unlucky" in caplog.text


def test_a_callback_that_saves(path, watch, calm):
    """A callback that writes the file does not spin: its save is one more round, and then there is peace."""
    watcher, seen = watch(path)
    watcher.on_change("server.port", lambda old, new: path.write_text(port(9001)))
    path.write_text(port(9000))
    wait_until(lambda: watcher.config.server.port == 9001)
    calm()
    assert [line for line in seen.lines if line.startswith("ReloadSuccess")] == ["ReloadSuccess 2", "ReloadSuccess 3"]


def test_a_log_handler_that_raises(path, watch, monkeypatch):
    """An application's log handler is users' code too: it ends nothing."""

    class Unlucky(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no space left")

    handler = Unlucky()
    logger = logging.getLogger("hotconf")
    logger.addHandler(handler)
    try:
        watcher, seen = watch(path)
        for count, text in enumerate(("[broken", port(9000), "[broken", port(9001)), start=1):
            path.write_text(text)
            seen.ending(count)
        assert watcher.config.server.port == 9001
    finally:
        logger.removeHandler(handler)


def test_a_signal_handler_reloads(path, watch):
    """`reload(wait=False)` in a signal handler, as for SIGHUP, at any moment."""
    watcher, seen = watch(path, debounce_ms=60_000)
    previous = signal.signal(signal.SIGHUP, lambda *_: watcher.reload(wait=False))
    try:
        path.write_text(port(9000))
        signal.raise_signal(signal.SIGHUP)
        seen.ending()
        assert watcher.config.server.port == 9000
    finally:
        signal.signal(signal.SIGHUP, previous)
