"""Start and close: no thread and no descriptor is left, whenever it is done."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
import time
import weakref
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from hotconf import Env, HotReloadWatcher, Problem, Profile, SecretsDir, UsageError
from hotconf.integrations.logging import configure
from hotconf.runtime import reloader
from waiting import wait_until
from watcher.watched import CHANGED, App, Gate, Seen, ours, port

CYCLES = 100
PATIENCE_S = 2.0
"""As long as `close()` says that it waits."""


def descriptors() -> dict[str, str]:
    """The open descriptors of this process."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found[descriptor.name] = str(descriptor.readlink())
        except FileNotFoundError:  # the one that the directory was listed through
            continue
    return found


def stuck_on(gate: Gate, number: int = 9000):
    """A check that gets stuck on this port."""
    return lambda config: gate(config) if config.server.port == number else []


# Nothing remains


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_a_hundred_lives(path, observer):
    """Started, reloaded and closed a hundred times: no thread and no descriptor is left."""

    def live() -> None:
        with HotReloadWatcher(path, App, debounce_ms=0, observer=observer) as watcher, watcher.subscribe():
            watcher.on_event(lambda event: None)
            watcher.reload()

    live()
    before = descriptors()
    for _ in range(CYCLES):
        live()
    assert ours() == []
    assert descriptors() == before


def test_failed_starts_leave_nothing(tmp_path):
    """A start that raises gives everything back."""
    path = tmp_path / "config.toml"
    before = descriptors()
    for _ in range(20):
        with pytest.raises(Exception, match="does not exist"):
            HotReloadWatcher(path, App).start()
    assert ours() == []
    assert descriptors() == before


def test_a_dropped_watcher_that_was_never_started(path):
    """It is garbage like anything else."""
    watcher = HotReloadWatcher(path, App)
    ghost = weakref.ref(watcher)
    del watcher
    gc.collect()
    assert ghost() is None


def test_a_closed_watcher_is_not_kept(path):
    """Nothing of hotconf's holds on to a watcher that was closed."""
    watcher = HotReloadWatcher(path, App, debounce_ms=0)
    with watcher:
        watcher.on_event(print)
        watcher.reload()
    ghost = weakref.ref(watcher)
    del watcher
    gc.collect()
    assert ghost() is None


class Settings(BaseSettings):
    """Its sources are layers."""

    model_config = SettingsConfigDict(env_prefix="APP_", extra="ignore", frozen=True)

    port: int = 8000


@pytest.mark.parametrize("model", [App, Settings])
def test_nothing_of_a_closed_watcher_is_kept(path, model, tmp_path):
    """Neither what is known of its model, which the watcher made for itself, nor anything of its layers."""

    def kept() -> Counter[str]:
        gc.collect()
        kinds = (type(each) for each in gc.get_objects())
        return Counter(kind.__qualname__ for kind in kinds if kind.__module__.startswith("hotconf."))

    def live() -> None:
        (tmp_path / "secrets").mkdir(exist_ok=True)
        layers = [Profile(env="APP_PROFILE"), SecretsDir(tmp_path / "secrets"), Env("APP_"), {}]
        watcher = HotReloadWatcher(path, model, debounce_ms=0, layers=layers, state_dir=tmp_path / "states")
        with watcher, watcher.override({}):
            watcher.reload(revalidate=True)

    counts = []
    for _ in range(4):
        for _ in range(5):
            live()
        counts.append(kept())  # of the last life or two something may still be on its way
    steps = list(pairwise(counts))
    assert [kind for kind in counts[-1] if all(after[kind] - before[kind] >= 5 for before, after in steps)] == []


def test_one_thread_for_many(tmp_path):
    """Twenty watchers are driven by one thread, and share one loader."""
    watchers = []
    for n in range(20):
        path = tmp_path / f"{n}.toml"
        path.write_text(port(8000))
        watchers.append(HotReloadWatcher(path, App, debounce_ms=0))
        watchers[-1].start()
    assert ours() == ["hotconf-driver"]
    for watcher in watchers:
        watcher.path.write_text(port(9000))
    wait_until(lambda: all(watcher.config.server.port == 9000 for watcher in watchers))
    assert sorted(ours()) == ["hotconf-driver", "hotconf-loader"]
    for watcher in watchers:
        watcher.close()


def test_threads_come_with_what_needs_them(path):
    """Watching alone is one thread; loads and callbacks bring theirs."""
    with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
        assert ours() == ["hotconf-driver"]
        seen = Seen(watcher)
        path.write_text(port(9000))
        seen.ending()
        assert sorted(ours()) == ["hotconf callbacks config.toml", "hotconf-driver", "hotconf-loader"]


def test_watchers_with_different_observers(path, watch):
    """However each of them wants to hear of changes, they live side by side, and all of them hear."""
    pairs = [watch(path, observer=observer, reconcile_s=0.2) for observer in ("auto", "inotify", "watchdog", "poll")]
    native = [watch(path, observer=observer, reconcile_s=3600.0) for observer in ("auto", "inotify", "auto")]
    for number in (9000, 9001):
        path.write_text(port(number))
        wait_until(lambda number=number: all(w.config.server.port == number for w, _ in [*pairs, *native]))
    for watcher, _ in [*pairs, *native]:
        watcher.close()


def test_two_watchers_on_one_file(path, watch):
    """Each has its own window, its own events, its own life."""
    (one, seen_one), (two, seen_two) = watch(path), watch(path)
    path.write_text(port(9000))
    seen_one.exactly(CHANGED, "ReloadSuccess 2")
    seen_two.exactly(CHANGED, "ReloadSuccess 2")
    one.close()
    path.write_text(port(9001))
    seen_two.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert (one.config.server.port, two.config.server.port) == (9000, 9001)
    two.close()


def test_starting_from_many_threads(tmp_path):
    """Watchers started and closed by several threads at once."""
    path = tmp_path / "config.toml"
    path.write_text(port(8000))
    errors = []

    def live() -> None:
        try:
            for _ in range(20):
                with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
                    watcher.reload()
        except Exception as error:  # noqa: BLE001 - raised where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


# Close


def test_after_close(path, watch, calm):
    """The config stays readable; nothing is told any more; what needs a running watcher is refused."""
    watcher, seen = watch(path)
    stream = watcher.subscribe()
    watcher.close()
    path.write_text(port(9000))
    calm()
    assert seen.events == []
    assert list(stream) == []
    assert watcher.config.server.port == 8000
    assert watcher.generation == 1
    assert watcher.watching == ()
    assert watcher.has_drift()
    with watcher.busy("late"):
        pass
    for late in (watcher.reload, watcher.start):
        with pytest.raises(UsageError):
            late()


LATE = {
    "subscribe": lambda watcher: watcher.subscribe(),
    "on_event": lambda watcher: watcher.on_event(print),
    "on_event, a decorator": lambda watcher: watcher.on_event()(print),
    "on_change": lambda watcher: watcher.on_change("server.port", print),
    "on_change, initial": lambda watcher: watcher.on_change("server.port", print, initial=True),
    "on_change, a decorator": lambda watcher: watcher.on_change("server.port")(print),
    "changes": lambda watcher: watcher.changes("server.port"),
    "changes, initial": lambda watcher: watcher.changes("server.port", initial=True),
    "changed": lambda watcher: asyncio.run(watcher.changed()),
    "resource": lambda watcher: watcher.resource("server.port")(str),
    "override": lambda watcher: watcher.override({"server.port": 1}).__enter__(),
    "reload_on": lambda watcher: watcher.reload_on(signal.SIGHUP),
    "logging": lambda watcher: configure(watcher, lambda _: {}),
}


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("late", LATE)
def test_a_closed_watcher_takes_no_registration(path, late, started):
    """Whatever is registered with it would never be called: that is said, in one sentence."""
    watcher = HotReloadWatcher(path, App)
    if started:
        watcher.start()
    watcher.close()
    with pytest.raises(UsageError, match=r"(this|the) watcher is closed: "):
        LATE[late](watcher)
    assert not watcher._bus.callbacks


def test_closed_before_it_was_started(path):
    """Over before it began."""
    watcher = HotReloadWatcher(path, App)
    watcher.close()
    with pytest.raises(UsageError):
        watcher.start()


def test_closed_twice_and_by_several(path, watch):
    """Idempotent, from any thread."""
    watcher, _ = watch(path)
    threads = [threading.Thread(target=watcher.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    watcher.close()
    wait_until(lambda: not ours())


def test_closed_by_a_callback(path, watch):
    """A callback may close its watcher; it is the last one to be called."""
    watcher, seen = watch(path)
    closed = threading.Event()

    def stop(event: object) -> None:
        watcher.close()
        closed.set()

    watcher.on_event(stop)
    path.write_text(port(9000))
    assert closed.wait(60)
    assert seen.lines == [CHANGED]


def test_a_check_cannot_close(path, watch):
    """It is part of what would be closed: its error is the problem of that load, and the watcher goes on."""

    def stop(config: App) -> list[Problem]:
        if config.server.port == 9000:
            watcher.close()
        return []

    watcher, seen = watch(path, checks=[stop])
    path.write_text(port(9000))
    assert "close() cannot be called from a check" in seen.ending().error
    path.write_text(port(9001))
    wait_until(lambda: watcher.config.server.port == 9001)


def test_closed_during_a_load(path, watch, gate, monkeypatch):
    """A check that is stuck: close waits a little for it, and then returns; the load comes to nothing."""
    monkeypatch.setattr(reloader, "CLOSE_S", 0.3)
    watcher, seen = watch(path, checks=[stuck_on(gate)])
    path.write_text(port(9000))
    assert gate.entered.wait(60)
    watcher.close()
    assert not gate.done.is_set()
    gate.released.set()
    assert gate.done.wait(60)
    wait_until(lambda: not ours())
    assert watcher.config.server.port == 8000
    assert [line for line in seen.lines if line != CHANGED] == []


def test_closed_while_reload_waits(path, watch, gate):
    """Who waits in `reload()` is told that there is nothing to wait for any more."""
    watcher, _ = watch(path, checks=[stuck_on(gate)], debounce_ms=60_000)
    errors = []

    def reload() -> None:
        try:
            watcher.reload()
        except UsageError as error:
            errors.append(error)

    path.write_text(port(9000))
    waiting = threading.Thread(target=reload)
    waiting.start()
    assert gate.entered.wait(60)
    closing = threading.Thread(target=watcher.close)
    closing.start()
    waiting.join(60)
    assert [str(error) for error in errors] == ["the watcher was closed while reload() waited"]
    gate.released.set()
    closing.join(60)


def test_closed_during_a_callback(path, watch, gate):
    """A callback that is stuck: close waits at most two seconds for it."""
    watcher, _ = watch(path)
    watcher.on_event(gate)
    path.write_text(port(9000))
    assert gate.entered.wait(60)
    began = time.monotonic()
    watcher.close()
    assert time.monotonic() - began > PATIENCE_S * 0.9
    assert not gate.done.is_set()
    wait_until(lambda: ours() == ["hotconf callbacks config.toml"])  # the log's thread may be ending


def test_close_waits_for_a_callback(path, watch, gate):
    """A callback that comes to its end in time has ended when close returns."""
    watcher, _ = watch(path)
    watcher.on_event(gate)
    path.write_text(port(9000))
    assert gate.entered.wait(60)
    closing = threading.Thread(target=watcher.close)
    closing.start()
    wait_until(lambda: not watcher.watching)
    assert closing.is_alive()
    gate.released.set()
    closing.join(60)
    assert gate.done.is_set()
    assert ours() == []


def test_closed_in_an_open_round(path, watch, calm, caplog):
    """The window is running: it ends without an outcome, and the log says so."""
    watcher, seen = watch(path, debounce_ms=200)
    path.write_text(port(9000))
    wait_until(lambda: seen.lines == [CHANGED])
    with caplog.at_level(logging.INFO, "hotconf"):
        watcher.close()
    calm(300)
    assert seen.lines == [CHANGED]
    assert watcher.config.server.port == 8000
    assert "Closed with an open round" in caplog.text


def test_closed_while_something_is_pending(path, watch, caplog):
    """A deferred reload is dropped, and the log says so; releasing later does nothing."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        with caplog.at_level(logging.INFO, "hotconf"):
            watcher.close()
    assert watcher.config.server.port == 8000
    assert watcher.pending is None
    assert "Closed with a pending reload" in caplog.text


def test_closed_in_every_phase(path, calm):
    """Closed at any moment after a save: no error, nothing left, nothing told afterwards."""
    told = []
    for n in range(60):
        watcher = HotReloadWatcher(path, App, debounce_ms=3)
        seen = Seen(watcher)
        watcher.start()
        path.write_text(port(9000 + n))
        moment = time.monotonic_ns() + n * 200_000
        while time.monotonic_ns() < moment:
            pass
        watcher.close()
        told.append((seen, len(seen.events)))
        assert ours() == []
    calm()
    assert all(len(seen.events) == count for seen, count in told)
