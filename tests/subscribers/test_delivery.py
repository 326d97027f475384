"""How long callbacks may take before somebody hears of it."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from hotconf.events import Notice, ReloadUnchanged
from hotconf.logs import records
from hotconf.settings import HotReloadSettings
from hotconf.subscribers import delivery
from hotconf.subscribers.bus import Bus
from waiting import wait_until

NOTICE = Notice(ReloadUnchanged("same"), None, HotReloadSettings())
SECOND = 1_000_000_000


@pytest.fixture
def make():
    """Make a bus, closed at the end."""
    made = []

    def bus() -> Bus[object]:
        made.append(Bus("config.toml"))
        return made[-1]

    yield bus
    for each in made:
        each.close()


def test_a_callback_that_hangs_is_named_while_it_does(make, monkeypatch, caplog):
    """Once, as a warning; and in what is wrong with the thread."""
    monkeypatch.setattr(delivery, "SLOW_NS", 0)
    bus, release = make(), threading.Event()

    @bus.on_event
    def stuck(event: object) -> None:
        release.wait(60)

    bus.notify(NOTICE)
    wait_until(lambda: "stuck has not returned for 0 s" in str(bus.delivery.worker.trouble))
    bus.delivery.worker.supervise()
    bus.delivery.worker.supervise()
    wait_until(records.flush)
    release.set()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].endswith("stuck has not returned for 0 s")


def test_each_callback_is_measured_by_itself(make, monkeypatch, caplog):
    """However long all of them take together; who took too long is named, with the time."""
    now = [0]
    monkeypatch.setattr(delivery, "time", SimpleNamespace(monotonic_ns=lambda: now[0]))
    bus, done = make(), []

    def quick(event: object) -> None:
        now[0] += 4 * SECOND

    def slow(event: object) -> None:
        now[0] += 6 * SECOND

    for callback in (quick, quick, slow, quick, done.append):
        bus.on_event(callback)
    bus.notify(NOTICE)
    wait_until(lambda: done)
    wait_until(records.flush)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].endswith("slow took 6 s")
