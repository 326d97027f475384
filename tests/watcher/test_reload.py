"""`reload()`: the files as they are now, without the window."""

from __future__ import annotations

import threading

import pytest

from doubles.inside import reloader_of
from hotconf import (
    HotReloadWatcher,
    Problem,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Schema,
    UsageError,
)
from waiting import wait_until
from watcher.watched import BROKEN, CHANGED, FAR, App, port, save


def test_reload_publishes_without_the_window(path, watch):
    """`reload()` returns the success, which is told once and without a FileChanged of its own."""
    watcher, seen = watch(path, debounce_ms=FAR)
    path.write_text(port(9000))
    event = watcher.reload()
    assert isinstance(event, ReloadSuccess)
    assert watcher.config.server.port == 9000
    wait_until(lambda: event in seen.events)
    assert [line for line in seen.lines if line != CHANGED] == ["ReloadSuccess 2"]


def test_reload_of_the_same_files(path, watch):
    """Nothing to do: unchanged, and told."""
    watcher, seen = watch(path)
    event = watcher.reload()
    assert isinstance(event, ReloadUnchanged)
    assert seen.exactly("ReloadUnchanged") is event


def test_reload_of_a_broken_file(path, watch):
    """Failed: returned and told, not raised."""
    watcher, seen = watch(path, debounce_ms=FAR)
    path.write_text(BROKEN)
    event = watcher.reload()
    assert isinstance(event, ReloadFailed)
    assert watcher.config.server.port == 8000
    wait_until(lambda: event in seen.events)


def test_reload_while_busy(path, watch):
    """Deferred, and returned at once; published after the release."""
    watcher, _ = watch(path)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        event = watcher.reload()
        assert isinstance(event, ReloadDeferred)
        assert event.reasons == ("agent",)
        assert watcher.config.server.port == 8000
    wait_until(lambda: watcher.config.server.port == 9000)


def test_reload_by_force(path, watch):
    """`force` publishes although something is busy; nothing is left for the release."""
    watcher, seen = watch(path, debounce_ms=FAR)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        watcher.reload()
        assert isinstance(watcher.reload(force=True), ReloadSuccess)
        assert watcher.config.server.port == 9000
        assert watcher.pending is None
    assert seen.ending(2).generation == watcher.generation == 2
    assert len(seen.endings) == 2


def test_reload_without_waiting(path, watch):
    """`wait=False` returns None at once; the outcome is told."""
    watcher, seen = watch(path, debounce_ms=FAR)
    path.write_text(port(9000))
    assert watcher.reload(wait=False) is None
    assert seen.ending().generation == 2


def test_reload_absorbs_the_open_round(path, watch, calm):
    """Saved, then reloaded within the window: one ending, and the window brings no second one."""
    watcher, seen = watch(path, debounce_ms=200)
    save(path, port(9000))
    wait_until(lambda: seen.lines == [CHANGED])
    watcher.reload()
    calm(400)
    seen.exactly(CHANGED, "ReloadSuccess 2")


def test_reload_from_a_callback(path, watch):
    """A callback may reload: it gets the event, and nothing locks up."""
    watcher, seen = watch(path)
    results = []
    watcher.on_change("server.port", lambda old, new: results.append(watcher.reload()))
    path.write_text(port(9000))
    wait_until(lambda: results)
    assert isinstance(results[0], ReloadUnchanged)
    seen.exactly(CHANGED, "ReloadSuccess 2", "ReloadUnchanged")


@pytest.mark.parametrize("where", ["check", "describe"])
def test_reload_from_within_a_load(path, watch, where):
    """A check or `describe` that reloads would wait for itself: UsageError."""
    raised = []

    def try_it(*_: object) -> list[str]:
        if holder:
            with pytest.raises(UsageError, match="part of a load"):
                holder[0].reload()
            raised.append(where)
        return []

    schema = Schema(App, checks=[try_it]) if where == "check" else Schema(App, describe=try_it)
    holder: list[HotReloadWatcher[App]] = []
    watcher, seen = watch(path, schema)
    holder.append(watcher)
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert raised


def test_callers_of_reload_share_a_load(path, watch):
    """A load that began before the call is not used; those who wait for the same one get the same event."""
    entered, go_on = threading.Event(), threading.Event()
    loaded = []

    def slow(config: App) -> list[Problem]:
        loaded.append(config.server.port)
        if config.server.port == 9000:
            entered.set()
            assert go_on.wait(60)
        return []

    watcher, _ = watch(path, checks=[slow], debounce_ms=FAR)
    path.write_text(port(9000))
    results: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.setdefault(n, watcher.reload()), daemon=True) for n in range(4)
    ]
    threads[0].start()
    assert entered.wait(60)
    path.write_text(port(9001))
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(reloader_of(watcher).notifier.callers) == 4)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert watcher.config.server.port == 9001
    assert isinstance(results[1], ReloadSuccess)
    assert results[1] is results[2] is results[3]
    assert loaded.count(9001) == 1


def test_reload_sees_every_write_before_it(path, watch):
    """Whatever was written before the call is in what it returns, a hundred times in a row."""
    watcher, _ = watch(path, debounce_ms=0)
    for number in range(9000, 9100):
        path.write_text(port(number))
        watcher.reload()
        assert watcher.config.server.port == number
