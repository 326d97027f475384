"""Real signals to `hotconf watch` at any moment of its life: what a supervisor sends, and what it gets back."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cli.test_watch_process import DEADLINE, HOTCONF
from hotconf.cli import follow
from torture.extent import FULL

ROUNDS = 40 if FULL else 3
SLOW = """
import time
from pydantic import BaseModel
from hotconf import Schema
class Model(BaseModel):
    model: str = ""
def slow(config):
    time.sleep(0.3)
    return []
SLOW = Schema(Model, checks=[slow])
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a valid file, and a model whose check takes its time."""
    (tmp_path / "config.toml").write_text('model = "a"\n')
    (tmp_path / "slow.py").write_text(SLOW)
    return tmp_path


def watch(home: Path, *options: str) -> subprocess.Popen[str]:
    """Start it."""
    return subprocess.Popen(
        [*HOTCONF, "watch", "--json", "--debounce-ms", "0", "--schema", "slow:SLOW", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**os.environ, "CODE_HOME": str(home), "HOTCONF_LOG": ""},
    )


def lines(text: str) -> list[dict[str, object]]:
    """Each is a whole object."""
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_at_any_moment(home: Path, number: signal.Signals) -> None:
    """Before it has started, while it loads, reloads, prints or waits: status 0, whole lines, nothing on stderr.

    Before its handlers are there, which no program can help, the signal ends it as it would any.
    """
    dice = random.Random(int(number))
    clean = 0
    for turn in range(ROUNDS):
        process = watch(home)
        try:
            if turn % 2:
                assert process.stdout is not None
                first = process.stdout.readline()
                (home / "config.toml").write_text(f'model = "{turn}"\n')
                if turn % 4 == 1:
                    process.send_signal(signal.SIGHUP)
                time.sleep(dice.uniform(0, 0.5))
            else:
                first = ""
                time.sleep(dice.uniform(0.3, 2.0))
            process.send_signal(number)
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
            process.wait()
        told = lines(first + out)
        assert process.returncode == 0 or (not told and process.returncode in (-number, 1)), (turn, err)
        if process.returncode == 0:
            clean += 1
            assert err == ""
    assert clean >= ROUNDS // 2


def test_asked_to_stop_amid_a_check_that_hangs(home: Path) -> None:
    """The first load runs in the main thread: it is interrupted."""
    (home / "slow.py").write_text(SLOW.replace("0.3", "600"))
    process = watch(home)
    try:
        until = time.monotonic() + DEADLINE
        while not catches(Path(f"/proc/{process.pid}/status"), signal.SIGTERM):
            assert time.monotonic() < until
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE)
        lines(out)
        assert (process.returncode, err) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_hung_up_while_it_starts(home: Path) -> None:
    """SIGHUP from the moment on at which the handlers are there: it watches on, and sees what is saved later."""
    for turn in range(ROUNDS):
        process = watch(home)
        try:
            assert process.stdout is not None
            handled = Path(f"/proc/{process.pid}/status")
            until = time.monotonic() + DEADLINE
            while not catches(handled, signal.SIGHUP):
                assert time.monotonic() < until
                time.sleep(0.001)
            for _ in range(turn % 5 + 1):
                process.send_signal(signal.SIGHUP)
            assert json.loads(process.stdout.readline())["event"] == "started"
            (home / "config.toml").write_text(f'model = "new {turn}"\n')
            while f'"new": "new {turn}"' not in process.stdout.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=DEADLINE)
            assert process.returncode == 0
        finally:
            process.kill()
            process.wait()


def test_hung_up_while_it_stops(home: Path) -> None:
    """SIGTERM, and SIGHUP right behind it, as systemd sends them with SendSIGHUP=yes: status 0 all the same."""
    for turn in range(ROUNDS):
        process = watch(home)
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "started"
            process.send_signal(signal.SIGTERM)
            for _ in range(turn % 5 + 1):
                time.sleep(0.005 * turn)
                process.send_signal(signal.SIGHUP)
            process.communicate(timeout=DEADLINE)
            assert process.returncode == 0
        finally:
            process.kill()
            process.wait()


def catches(status: Path, number: signal.Signals) -> bool:
    """Whether the process has a handler for that."""
    if not status.exists():
        pytest.skip("no /proc here")
    (mask,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_between_the_handlers(monkeypatch: pytest.MonkeyPatch, asked: int) -> None:
    """The signal arrives as soon as it has a handler: it stops the command, and no handler is left."""
    before, stops = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], []
    sent: list[int] = []

    def register(number: int, handler: Any) -> Any:
        replaced = register_really(number, handler)
        if number == asked and not sent:
            sent.append(number)
            signal.raise_signal(number)
        return replaced

    register_really = signal.signal
    monkeypatch.setattr(signal, "signal", register)
    with follow._signals(lambda: stops.append(asked), lambda: None) as told:
        assert told == stops == [asked]
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
