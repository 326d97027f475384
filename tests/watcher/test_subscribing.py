"""Subscribing, statistics, and what else can be asked."""

from __future__ import annotations

import inspect
import logging
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, SecretStr

from hotconf import MISSING, FileChanged, HotReloadWatcher, ReloadSuccess, ReloadUnchanged, UsageError
from hotconf.speckit import SPECKIT
from waiting import wait_until
from watcher.watched import BROKEN, FAR, WINDOW_MS, App, port, save


def test_last_is_the_latest_ending(path, watch):
    """`last` follows every ending, FileChanged is none."""
    watcher, seen = watch(path)
    for count, text in enumerate((port(9000), BROKEN, port(9000)), start=1):
        path.write_text(text)
        event = seen.ending(count)
        assert watcher.last is event
    assert isinstance(watcher.last, ReloadUnchanged)


def test_subscribed_before_the_start(path):
    """Streams, callbacks and followers may be there before `start()`; the first config is their baseline."""
    watcher = HotReloadWatcher(path, App, debounce_ms=WINDOW_MS)
    stream = watcher.subscribe()
    followed = []
    watcher.on_change("server.port", lambda old, new: followed.append((old, new)))
    with watcher:
        path.write_text(port(9000))
        assert isinstance(next(stream), FileChanged)
        assert next(stream).generation == 2
        wait_until(lambda: followed)
    assert followed == [(8000, 9000)]
    assert list(stream) == []


def test_followed_from_nothing(tmp_path, watch):
    """With no config at the start, the first good save is the first value: for those who want it, from MISSING."""
    path = tmp_path / "config.toml"
    watcher, _ = watch(path, require=False)
    followed, others = [], []
    watcher.on_change(lambda config: config.server.port, lambda old, new: others.append((old, new)))
    watcher.on_change(lambda config: config.server.port, lambda old, new: followed.append((old, new)), initial=True)
    path.write_text(port(9000))
    wait_until(lambda: followed)
    assert watcher.flush(60)
    assert (followed, others) == ([(MISSING, 9000)], [])


def test_what_callbacks_raise_is_counted(path, watch, caplog):
    """Nothing else shows it in monitoring: how often, which was the last, and when; selectors count, too."""
    watcher, seen = watch(path)
    assert (watcher.stats.callback_failures, watcher.stats.last_callback_failure) == (0, None)
    began = datetime.now(UTC)
    taken = []

    @watcher.on_event
    def picky(event: object) -> None:
        if isinstance(event, ReloadSuccess):
            raise ValueError(watcher.config.server.port)

    @watcher.on_change(lambda config: 1 // 0)
    def unreached(old: object, new: object) -> None:
        taken.append(new)

    path.write_text(port(9000))
    assert seen.ending().generation == 2
    wait_until(lambda: watcher.stats.callback_failures == 3)  # the selector: of the old value, and of the new one
    failure = watcher.stats.last_callback_failure
    assert failure.name.endswith("unreached")
    assert failure.name.startswith("the selector of ")
    assert began <= failure.at <= datetime.now(UTC)
    assert taken == []
    path.write_text(port(9001))
    wait_until(lambda: watcher.stats.callback_failures == 5)
    assert isinstance(watcher.last, ReloadSuccess)


def test_the_log_of_a_callback_shows_no_secret(tmp_path, caplog):
    """What a callback raises may hold the password that it was called with."""

    class Login(BaseModel):
        password: SecretStr = SecretStr("")

    path = tmp_path / "config.toml"
    path.write_text('password = "hunter2222"\n')
    with HotReloadWatcher(path, Login, debounce_ms=WINDOW_MS) as watcher:

        @watcher.on_change("password")
        def connect(old: object, new: SecretStr) -> None:
            raise ConnectionRefusedError(f"refused {new.get_secret_value()}")

        path.write_text('password = "tomatoes77"\n')
        wait_until(lambda: watcher.stats.callback_failures == 1)
        assert watcher.stats.last_callback_failure.name.endswith(".connect")
        wait_until(lambda: "ConnectionRefusedError" in caplog.text)
    assert "refused" in caplog.text
    assert "tomatoes77" not in caplog.text


def test_decorators(path, watch):
    """Functions stay as they are. `@watcher.on_event` without parentheses is a call: its handle has the function's
    name and signature, can be called like it, and closed.
    """
    watcher, _ = watch(path, debounce_ms=FAR)
    events, ports = [], []

    @watcher.on_event
    def bare(event: object) -> str:
        """What it does."""
        events.append(event)
        return "called"

    assert bare("called") == "called"
    assert (bare.__name__, bare.__doc__, bare.__module__) == ("bare", "What it does.", __name__)
    assert bare.__qualname__ == "test_decorators.<locals>.bare"
    assert str(inspect.signature(bare)) == "(event: 'object') -> 'str'"
    bare.close()

    def note(event: object) -> None:
        events.append(event)

    def follow(old: object, new: object) -> None:
        ports.append(new)

    async def later(old: object, new: object) -> None:
        """In the event loop, if one enters."""

    assert watcher.on_event()(note) is note
    assert watcher.on_change("server.port")(follow) is follow
    with pytest.raises(UsageError, match="later is a coroutine function"):
        watcher.on_change("server.port")(later)
    path.write_text(port(9000))
    watcher.reload()
    assert watcher.flush(60)
    assert ports == [9000]
    assert events[0] == "called"
    assert isinstance(events[-1], ReloadSuccess)


def test_methods(path, watch):
    """Bound and static methods, and those of classes, are callbacks; a plain one says what is missing."""
    watcher, _ = watch(path, debounce_ms=FAR)
    seen = []

    class Service:
        def __init__(self) -> None:
            watcher.on_change("server.port")(self.follow)
            watcher.on_change("server.port")(self.of_class)

        def follow(self, old: object, new: object) -> None:
            seen.append(("method", new))

        @classmethod
        def of_class(cls, old: object, new: object) -> None:
            seen.append((cls.__name__, new))

        @staticmethod
        @watcher.on_change("server.port")
        def static(old: object, new: object) -> None:
            seen.append(("static", new))

        @watcher.on_change("server.port")
        @staticmethod
        def static_too(old: object, new: object) -> None:
            seen.append(("static too", new))

        with pytest.raises(UsageError, match=r"it is a method: give it bound, as self\.method"):

            @watcher.on_change("server.port")
            def unbound(self, old: object, new: object) -> None:
                """Nobody knows of which object."""

    service = Service()
    path.write_text(port(9000))
    watcher.reload()
    assert watcher.flush(60)
    assert seen == [("static", 9000), ("static too", 9000), ("method", 9000), ("Service", 9000)]
    service.static(1, 2)
    Service.static_too(1, 2)
    assert seen[4:] == [("static", 2), ("static too", 2)]


def test_only_what_is_followed(path, watch):
    """A follower of one key hears nothing of another."""
    watcher, seen = watch(path)
    hosts = []
    watcher.on_change("server.host", lambda old, new: hosts.append(new))
    path.write_text(port(9000))
    seen.ending()
    path.write_text("[server]\nport = 9000\nhost = 'example.org'\n")
    wait_until(lambda: hosts)
    assert hosts == ["example.org"]


def test_statistics(path, watch):
    """Endings are counted by kind, phases measured for each success; the observer in use is named."""
    watcher, seen = watch(path)
    for count, text in enumerate((port(9000), BROKEN, port(9000)), start=1):
        path.write_text(text)
        seen.ending(count)
    with watcher.busy("agent"):
        path.write_text(port(9001))
        seen.ending(4)
    seen.ending(5)
    stats = watcher.stats
    assert dict(stats.endings) == {"success": 2, "unchanged": 1, "failed": 1, "deferred": 1}
    assert stats.phases["settle"].count == 2
    assert stats.phases["settle"].max >= WINDOW_MS
    assert all(phase.p50 <= phase.p95 <= phase.p99 <= phase.max for phase in stats.phases.values())
    assert stats.observer in ("inotify", "watchdog", "poll")


def test_drift(path, watch):
    """`has_drift()`: do the files differ from what is published, window or not?"""
    watcher, _ = watch(path, debounce_ms=FAR)
    assert not watcher.has_drift()
    path.write_text(port(9000))
    assert watcher.has_drift()
    watcher.reload()
    assert not watcher.has_drift()
    path.write_text(BROKEN)
    watcher.reload()
    assert watcher.has_drift()
    path.unlink()
    assert watcher.has_drift()
    path.write_text(port(9000))
    assert not watcher.has_drift()


def test_the_story_of_a_round(path, watch, caplog):
    """The debug log says what was done, in order; one line at info level how it ended."""
    with caplog.at_level(logging.DEBUG, "hotconf"):
        _, seen = watch(path)
        path.write_text(port(9000))
        seen.ending()
        wait_until(lambda: any("reloaded" in record.getMessage() for record in caplog.records))
    records = [record for record in caplog.records if record.name == "hotconf.reload"]
    assert [record.getMessage() for record in records if record.levelno == logging.INFO] == [
        "config.toml: loaded, generation 1",
        "config.toml: reloaded, generation 2: server.port: 8000 → 9000",
    ]
    lines = [record.getMessage() for record in records if record.levelno == logging.DEBUG]
    assert lines == [
        "HotReloadWatcher initialized",
        f"Watching: {path}",
        f"Debounce window: {WINDOW_MS}ms",
        f"FileChanged event: {path}",
        f"Debouncing... (waiting {WINDOW_MS}ms)",
        "Debounce complete, attempting reload",
        "Parsing TOML: OK",
        "Validating config: OK",
        "Publishing snapshot...",
        "Snapshot published (<1ms)",
        "Config replaced",
        "ReloadSuccess event emitted",
    ]


def test_a_key_that_the_model_does_not_have_cannot_be_followed(path, watch):
    """It would be silent for ever: the slip raises at once."""
    watcher, _ = watch(path)
    with pytest.raises(UsageError, match='did you mean "port"'):
        watcher.on_change("server.prot", print)


def test_a_key_may_be_followed_as_the_file_spells_it(tmp_path, watch):
    """Where files may write `-` for `_`."""
    path = tmp_path / "config.toml"
    path.write_text("[hot-reload]\ndebounce-ms = 100\n")
    with HotReloadWatcher(path, SPECKIT) as watcher:
        received = []
        watcher.on_change("hot-reload.debounce-ms", lambda old, new: received.append((old, new)))
        save(path, "[hot-reload]\ndebounce-ms = 110\n")
        wait_until(lambda: received)
    assert received == [(100, 110)]
