"""`flush`, `wait_for` and `get`: tests and scripts wait for what they mean, and not for a time."""

from __future__ import annotations

import os
import threading
import time

import pytest

from hotconf import HotReloadWatcher, ReloadSuccess, UsageError
from waiting import wait_until
from watcher.watched import BROKEN, FAR, App, port, save


def test_reload_and_flush(path, watch):
    """What a callback does about a reload is done when `flush()` returns, each time."""
    watcher, _ = watch(path, debounce_ms=FAR)
    ports = []
    watcher.on_change("server.port", lambda old, new: (time.sleep(0.001), ports.append(new)))
    for number in range(9000, 9050):
        path.write_text(port(number))
        watcher.reload()
        assert watcher.flush(timeout_s=60)
        assert ports[-1] == number


def test_flush_sees_what_readers_see(path, watch):
    """Whoever has read the new value, and flushes, finds that callbacks had it, too."""
    watcher, _ = watch(path, debounce_ms=0)
    ports = []
    watcher.on_change("server.port", lambda old, new: ports.append(new))
    for number in range(9000, 9030):
        save(path, port(number))
        while watcher.config.server.port != number:
            pass
        assert watcher.flush(60)
        assert ports[-1] == number


def test_wait_for(path, watch):
    """True as soon as the predicate is, of the configuration of now or of a later one."""
    watcher, _ = watch(path, debounce_ms=0)
    assert watcher.wait_for(lambda config: config.server.port == 8000, 0)
    assert not watcher.wait_for(lambda config: config.server.port == 9000, 0.01)
    thread = threading.Thread(target=save, args=(path, port(9000)))
    thread.start()
    assert watcher.wait_for(lambda config: config.server.port == 9000)
    thread.join(60)
    with pytest.raises(ZeroDivisionError):
        watcher.wait_for(lambda config: 1 // 0, 1)

    async def later(config):
        return False

    with pytest.raises(UsageError, match="has to return its result"):
        watcher.wait_for(lambda config: later(config), 1)


def test_wait_for_the_first_configuration(tmp_path, watch):
    """While there is none the predicate is not called."""
    path = tmp_path / "config.toml"
    watcher, _ = watch(path, require=False, debounce_ms=0)
    assert not watcher.wait_for(bool, 0.01)
    path.write_text(port(9000))
    assert watcher.wait_for(lambda config: config.server.port == 9000, 60)


def test_wait_for_works_in_a_callback(path, watch):
    """It waits for no callback."""
    watcher, _ = watch(path, debounce_ms=0)
    waited = []

    @watcher.on_change("server.port")
    def further(old: object, new: object) -> None:
        if new == 9000:
            save(path, port(9001))
            waited.append(watcher.wait_for(lambda config: config.server.port == 9001, 60))

    save(path, port(9000))
    wait_until(lambda: waited)
    assert waited == [True]


def test_closing_ends_waits(path):
    """At once: what is waited for never comes."""
    watcher = HotReloadWatcher(path, App)
    watcher.start()
    ended = []
    threads = [
        threading.Thread(target=lambda: ended.append(watcher.wait_for(lambda config: False))),
        threading.Thread(target=lambda: ended.append(watcher.wait_for(lambda config: False, 60))),
    ]
    for each in threads:
        each.start()
    time.sleep(0.01)  # most often they wait by then; otherwise they come too late, and get the same answer
    watcher.close()
    for each in threads:
        each.join(60)
    assert ended == [False, False]
    assert watcher.wait_for(lambda config: config.server.port == 8000)
    assert watcher.flush()


@pytest.mark.parametrize("method", ["flush", "wait_for"])
def test_refused_in_a_check(path, method):
    """Which the wait would wait for."""
    refused = []

    def check(config: App) -> tuple[()]:
        try:
            watcher.flush() if method == "flush" else watcher.wait_for(bool)
        except UsageError as error:
            refused.append(str(error))
        return ()

    watcher = HotReloadWatcher(path, App, checks=[check])
    with watcher:
        assert f"{method}() cannot be called from a check" in refused[0]


def test_events_one_by_one(path, watch):
    """`get` waits for the next event, and says if there is none in time."""
    watcher, _ = watch(path, debounce_ms=0)
    with watcher.subscribe() as stream:
        with pytest.raises(TimeoutError):
            stream.get(0.01)
        save(path, port(9000))
        assert stream.get(60).path == path
        assert isinstance(stream.get(timeout_s=60), ReloadSuccess)
        save(path, BROKEN)
        assert stream.get(60).path == path
        assert "config.toml:" in stream.get(60).error
    with pytest.raises(UsageError):
        stream.get(60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_flush_in_a_child_of_a_fork(path, watch):
    """It waits for the child's own callbacks; what the parent had to deliver is the parent's."""
    watcher, _ = watch(path, debounce_ms=FAR)
    ports, entered, go_on = [], threading.Event(), threading.Event()

    @watcher.on_change("server.port")
    def follow(old: object, new: object) -> None:
        if not entered.is_set():
            entered.set()
            go_on.wait(60)
        ports.append(new)

    path.write_text(port(9000))
    watcher.reload()
    assert entered.wait(60)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            path.write_text(port(9001))
            watcher.reload()
            status = 0 if watcher.flush(60) and ports[-1] == 9001 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    watcher.reload()
    assert watcher.flush(60)
    assert ports[-1] == 9001
