"""A signal handler raises, at every point of a watcher's methods where CPython may run one."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.inside import reloader_of
from prefork import MODULE, completed
from torture.extent import FULL
from waiting import wait_until
from watcher.watched import App, port

TESTS = Path(__file__).parent.parent
OPERATIONS = {
    "start": 0.001,
    "hold": 0.08,
    "hold async": 0.08,
    "pass": 0.08,
    "release": 0.03,
    "release async": 0.05,
    "reload": 0.05,
    "close": 0.03,
    "subscribe": 0.08,
    "next": 0.08,
    "fork": 0.05,
    "follow": 0.05,
}
"""Which share of their places is tried in a bounded run; all of them in full."""
AT_LEAST = {"start": 300, "release": 20, "reload": 20, "close": 50}
"""There are at least so many points, or the search is broken."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_exception_at_every_place(operation: str) -> None:
    """The next save is seen, `reload()` and `close()` return, and no hold, thread or descriptor is left."""
    share = 1.0 if FULL else OPERATIONS[operation]
    arguments = (operation, share, os.environ.get("HOTCONF_SEED", "1"))
    done = completed(MODULE.format("torture.points"), *arguments, cwd=TESTS, check=True, timeout=850)
    found = json.loads(done.stdout)
    assert found["broken"] == {}
    assert found["places"] >= AT_LEAST.get(operation, 5)
    assert found["tried"] == (found["places"] if share == 1 else max(1, round(share * found["places"])))


class Alarm(Exception):  # noqa: N818 - it is no error
    """As a program's own timeout."""


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("rounds", [2000 if FULL else 150])
def test_real_signals_at_any_moment(path: Path, watch: Callable[..., object], rounds: int) -> None:
    """A timer's signal, whose handler raises, at changing instants: nothing is lost, held or stuck afterwards."""
    watcher = watch(path)
    armed = [False]

    def handle(*_: object) -> None:
        if armed[0]:
            armed[0] = False
            raise Alarm

    before = signal.signal(signal.SIGALRM, handle)
    raised = 0
    try:
        for number in range(rounds):
            path.write_text(port(9000 + number % 1000))
            armed[0] = True
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + number * 37 % 900))
                with watcher.busy("x"):
                    watcher.reload()
            except Alarm:
                raised += 1
            finally:
                armed[0] = False
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert raised > rounds / 20
    path.write_text(port(12345))
    wait_until(lambda: watcher.config.server.port == 12345)
    assert watcher.pending is None
    assert not reloader_of(watcher).holds.reasons


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The main file."""
    main = tmp_path / "config.toml"
    main.write_text(port(8000))
    return main


@pytest.fixture
def watch():
    """Starts watchers, and closes them; then no thread is left."""
    from hotconf import HotReloadWatcher

    begun = []

    def begin(path: Path) -> HotReloadWatcher[App]:
        watcher = HotReloadWatcher(path, App, debounce_ms=0)
        watcher.start()
        begun.append(watcher)
        return watcher

    yield begin
    for watcher in begun:
        watcher.close()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("hotconf-")])
