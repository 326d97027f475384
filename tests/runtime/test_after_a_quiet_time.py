"""Work that begins after a quiet time, without an action from another thread, is supervised all the same."""

from __future__ import annotations

import threading

import pytest

from hotconf import HotReloadWatcher
from hotconf.runtime import process
from hotconf.system.wait import NEVER
from waiting import wait_until

WINDOWS_MS = (0, 50)


@pytest.fixture
def hanging():
    """While it is cleared, checks and callbacks hang."""
    event = threading.Event()
    event.set()
    yield event
    event.set()


@pytest.fixture(params=WINDOWS_MS, ids="window {} ms".format)
def start(request, tmp_path):
    """Start a watcher of a file of its own, without polling."""
    watchers: list[HotReloadWatcher[dict]] = []

    def start(check) -> HotReloadWatcher[dict]:
        path = tmp_path / f"{len(watchers)}.toml"
        path.write_text("n = 1")
        watcher = HotReloadWatcher(path, dict, checks=[check], debounce_ms=request.param, reconcile_s=3600)
        watchers.append(watcher)
        watcher.start()
        return watcher

    yield start
    for watcher in watchers:
        watcher.close()


def rest() -> None:
    """Wait until the driver sees no reason to look after the other threads."""
    driver = process._process.driver
    assert driver is not None
    wait_until(lambda: driver._supervision.due == NEVER)


def test_a_load_that_hangs_delays_no_other(start, hanging):
    """However many events come meanwhile, or none."""
    loading = threading.Event()

    def check(config):
        if config["n"] == 2:
            loading.set()
            hanging.wait()
        return ()

    first, second = start(check), start(lambda _: ())
    rest()
    hanging.clear()
    first.path.write_text("n = 2")
    assert loading.wait(60)
    second.path.write_text("n = 2")
    wait_until(lambda: second.config["n"] == 2)


@pytest.mark.parametrize("what", ["load", "callback"])
def test_what_hangs_is_logged(start, hanging, what, caplog, monkeypatch):
    """However long the watcher was idle before."""
    monkeypatch.setattr("hotconf.system.worker.HUNG_NS", 0)
    first = start(lambda config: (what == "load" and config["n"] == 2 and hanging.wait(), ())[1])
    for loader in process._process.driver.loaders:
        monkeypatch.setattr(loader, "_hung_ns", 0)
    if what == "callback":
        first.on_change("n", lambda old, new: hanging.wait())
    rest()
    hanging.clear()
    first.path.write_text("n = 2")
    wait_until(lambda: any("has not returned for" in line for line in caplog.messages))
