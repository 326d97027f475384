"""What is told of a change, and what readers see then: the flows of success, failure and deferral."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from hotconf import (
    MISSING,
    Change,
    ConfigError,
    FileChanged,
    HotReloadSettings,
    HotReloadWatcher,
    NoConfigError,
    Problem,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Schema,
    UsageError,
)
from waiting import wait_until
from watcher.watched import WINDOW_MS, App, Seen, port, save

CHANGED = "FileChanged config.toml"
BROKEN = "[server\nport = 1\n"
FAR = 60_000
"""A window that does not end while a test runs."""


# Success


def test_a_save_is_announced_and_then_published(path, watch):
    """FileChanged first, then the window, then one ReloadSuccess; readers see the new config by then."""
    watcher, seen = watch(path)
    path.write_text(port(9000))
    event = seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000
    assert event == ReloadSuccess(
        2, (Change(("server", "port"), 8000, 9000),), ("server.port: 8000 → 9000",), at=event.at
    )
    assert event.timings.settle >= WINDOW_MS


def test_the_file_is_named_as_configured(path, watch, monkeypatch):
    """FileChanged names the path as it was given, absolute."""
    monkeypatch.chdir(path.parent)
    _, seen = watch("config.toml")
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert seen.events[0] == FileChanged(path, at=seen.events[0].at)


def test_events_are_stamped_in_order(path, watch):
    """`at` is the time of the event, in UTC, and never goes back."""
    before = datetime.now(UTC)
    _, seen = watch(path)
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    stamps = [before, *(event.at for event in seen.events), datetime.now(UTC)]
    assert stamps == sorted(stamps)
    assert all(stamp.tzinfo is UTC for stamp in stamps)


def test_the_change_is_visible_before_it_is_told(path):
    """Whoever is told of a generation finds at least that one when looking."""
    found = []
    watcher = HotReloadWatcher(path, App, debounce_ms=0)
    watcher.on_event(lambda event: found.append((event, watcher.generation, watcher.config.server.port)))
    with watcher:
        for number in range(9000, 9010):
            path.write_text(port(number))
            wait_until(lambda number=number: watcher.config.server.port == number)
        wait_until(lambda: sum(isinstance(event, ReloadSuccess) for event, _, _ in found) == 10)
    successes = [(event, generation) for event, generation, _ in found if isinstance(event, ReloadSuccess)]
    assert [event.generation for event, _ in successes] == list(range(2, 12))
    assert all(generation >= event.generation for event, generation in successes)


def test_a_save_that_changes_no_value_is_unchanged(path, watch):
    """A comment more: told as unchanged; config and generation stay, the snapshot takes the new bytes over."""
    watcher, seen = watch(path)
    config, snapshot = watcher.config, watcher.snapshot
    path.write_text(port(8000) + "# a comment\n")
    event = seen.exactly(CHANGED, "ReloadUnchanged")
    assert event == ReloadUnchanged("no value differs", at=event.at)
    assert watcher.config is config
    assert watcher.snapshot.config is config
    assert watcher.generation == 1
    assert watcher.snapshot.digest != snapshot.digest
    assert watcher.snapshot.files[0].content == path.read_bytes()


def test_the_same_bytes_again_are_unchanged(path, watch):
    """Saved without an edit: told once, as unchanged."""
    watcher, seen = watch(path)
    path.write_text(port(8000))
    event = seen.exactly(CHANGED, "ReloadUnchanged")
    assert event == ReloadUnchanged("the files are the same", at=event.at)
    assert watcher.generation == 1


def test_warnings_come_with_the_success(path, watch):
    """An unknown key does not fail the reload; it is told with it, with its place and the likely name."""
    _, seen = watch(path)
    path.write_text("[server]\nport = 9000\nhots = 'a'\n")
    event = seen.exactly(CHANGED, "ReloadSuccess 2")
    (warning,) = event.warnings
    assert (warning.severity, warning.line, warning.column, warning.hint) == ("warning", 3, 1, 'did you mean "host"?')


def test_saves_within_the_window_are_one_reload(path, watch):
    """Ten saves in quick succession: one FileChanged, one outcome, the last content."""
    watcher, seen = watch(path, debounce_ms=500)
    for number in range(9000, 9010):
        path.write_text(port(number))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9009


def test_a_window_of_nothing(path, watch):
    """`debounce_ms=0` as an argument: each save is published as soon as it is finished."""
    watcher, seen = watch(path, debounce_ms=0)
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


def test_own_lines_about_the_changes(path, watch):
    """`describe` writes the summary; one that raises is logged, and the generic lines stand in."""

    def describe(old: App, new: App, changes: object) -> list[str]:
        if new.server.port == 9001:
            raise RuntimeError("boom")
        return [f"port is {new.server.port}"]

    _, seen = watch(path, Schema(App, describe=describe))
    path.write_text(port(9000))
    assert seen.ending().summary == ("port is 9000",)
    path.write_text(port(9001))
    assert seen.ending(2).summary == ("server.port: 9000 → 9001",)


# Failure


def test_a_broken_save_is_announced_and_refused(path, watch, caplog):
    """FileChanged, then one ReloadFailed with reason and place; readers keep the very same snapshot."""
    watcher, seen = watch(path)
    snapshot = watcher.snapshot
    with caplog.at_level(logging.ERROR, "hotconf"):
        path.write_text(BROKEN)
        event = seen.exactly(CHANGED, "ReloadFailed syntax")
    assert event.error == "config.toml:1:8: Invalid TOML: missing closing bracket at line 1"
    assert event.problems[0].file == path
    assert watcher.snapshot is snapshot
    assert watcher.config is snapshot.config
    wait_until(lambda: any("missing closing bracket" in record.getMessage() for record in caplog.records))


def test_all_problems_are_told(path, watch):
    """Several faults: all in file order, the error is the first with a count of the others."""
    _, seen = watch(path)
    path.write_text("tags = 1\n[server]\nport = 'x'\nhost = 1\n")
    event = seen.exactly(CHANGED, "ReloadFailed schema")
    assert [problem.line for problem in event.problems] == [1, 3, 4]
    assert event.error == "config.toml:1:8: Type mismatch: tags expected array, got integer (+2 more)"


def test_a_check_refuses(path, watch):
    """A semantic problem keeps the old config, and stands at its line."""

    def no_low_ports(config: App) -> list[Problem]:
        return [Problem("port is privileged", path="server.port")] if config.server.port < 1024 else []

    watcher, seen = watch(path, checks=[no_low_ports])
    path.write_text(port(80))
    event = seen.exactly(CHANGED, "ReloadFailed semantic")
    assert event.error == "config.toml:2:8: port is privileged"
    assert watcher.config.server.port == 8000


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(1)])
def test_a_check_that_raises(path, watch, error):
    """Whatever a check raises is an internal failure; the next good save is published."""

    def check(config: App) -> list[Problem]:
        if config.server.port == 9000:
            raise error
        return []

    watcher, seen = watch(path, checks=[check])
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadFailed internal")
    path.write_text(port(9001))
    seen.exactly(CHANGED, "ReloadFailed internal", CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9001


def test_the_next_good_save_after_a_failure(path, watch):
    """A failure blocks nothing: good content is published, the old content again is unchanged."""
    watcher, seen = watch(path)
    path.write_text(BROKEN)
    seen.ending()
    path.write_text(port(8000))
    seen.ending(2)
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadFailed syntax", CHANGED, "ReloadUnchanged", CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


def test_the_file_vanishes_and_returns(path, watch):
    """A deleted file is a failure and not a set of defaults; what returns is published."""
    watcher, seen = watch(path)
    path.unlink()
    seen.exactly(CHANGED, "ReloadFailed missing")
    assert watcher.config.server.port == 8000
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadFailed missing", CHANGED, "ReloadSuccess 2")


# Deferral


def test_busy_puts_the_reload_off(path, watch):
    """Busy: the save is checked and told as deferred; it is published before the `with` is left."""
    watcher, seen = watch(path)
    with watcher.busy("quality gate"):
        path.write_text(port(9000))
        event = seen.exactly(CHANGED, "ReloadDeferred quality gate")
        assert event.reasons == ("quality gate",)
        assert event.summary == ("server.port: 8000 → 9000",)
        assert watcher.config.server.port == 8000
    assert watcher.config.server.port == 9000
    assert watcher.generation == 2
    seen.exactly(CHANGED, "ReloadDeferred quality gate", "ReloadSuccess 2")


def test_busy_does_not_hide_failures(path, watch):
    """Broken while busy: failed at once, and what was pending is dropped."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        path.write_text(BROKEN)
        seen.exactly(CHANGED, "ReloadDeferred agent", CHANGED, "ReloadFailed syntax")
        assert watcher.pending is None
    assert watcher.config.server.port == 8000


def test_back_to_the_old_content_while_busy(path, watch, calm):
    """Saved back while busy: unchanged, nothing is pending, nothing is published at the release."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        path.write_text(port(8000))
        seen.ending(2)
        assert watcher.pending is None
    calm()
    seen.exactly(CHANGED, "ReloadDeferred agent", CHANGED, "ReloadUnchanged")
    assert watcher.generation == 1


def test_only_the_newest_content_counts(path, watch):
    """Two saves while busy: one publication, of the second; its changes are against what readers saw."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        for count, number in enumerate((9000, 9001), start=1):
            path.write_text(port(number))
            seen.ending(count)
    event = seen.exactly(CHANGED, "ReloadDeferred agent", CHANGED, "ReloadDeferred agent", "ReloadSuccess 2")
    assert event.changes == (Change(("server", "port"), 8000, 9001),)


def test_reasons_overlap(path, watch):
    """Published when the last of several reasons ends, not before."""
    watcher, seen = watch(path)
    gate, agent = watcher.busy("gate"), watcher.busy("agent")
    gate.__enter__()
    agent.__enter__()
    path.write_text(port(9000))
    assert seen.exactly(CHANGED, "ReloadDeferred gate,agent").reasons == ("gate", "agent")
    gate.__exit__(None, None, None)
    assert watcher.config.server.port == 8000
    assert watcher.pending.reasons == ("agent",)
    agent.__exit__(None, None, None)
    assert watcher.config.server.port == 9000


def test_the_same_reason_is_counted(path, watch):
    """Three agents under one name: the last to finish releases."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        with watcher.busy("agent"):
            with watcher.busy("agent"):
                path.write_text(port(9000))
                assert seen.ending().reasons == ("agent",)
            assert watcher.config.server.port == 8000
        assert watcher.config.server.port == 8000
    assert watcher.config.server.port == 9000


def test_another_thread_may_release(path, watch):
    """A hold belongs to no thread."""
    watcher, seen = watch(path)
    hold = watcher.busy("agent")
    hold.__enter__()
    path.write_text(port(9000))
    seen.ending()
    thread = threading.Thread(target=hold.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert watcher.config.server.port == 9000


def test_busy_in_a_coroutine(path, watch):
    """`async with watcher.busy(...)` does the same."""
    watcher, seen = watch(path)

    async def work() -> None:
        async with watcher.busy("agent"):
            path.write_text(port(9000))
            await asyncio.to_thread(seen.ending)
            assert watcher.config.server.port == 8000
        assert watcher.config.server.port == 9000

    asyncio.run(work())


def test_an_error_while_busy_releases(path, watch):
    """What was pending is published although the work failed."""
    watcher, seen = watch(path)
    with pytest.raises(RuntimeError), watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        raise RuntimeError
    assert watcher.config.server.port == 9000


def test_released_while_the_window_runs(path, watch):
    """Saved shortly before the release: the end of that save's window decides, nothing is published early."""
    watcher, seen = watch(path, debounce_ms=300)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        path.write_text(port(9001))
        wait_until(lambda: len(seen.events) == 3)
    assert watcher.config.server.port in (8000, 9001)
    event = seen.exactly(CHANGED, "ReloadDeferred agent", CHANGED, "ReloadSuccess 2")
    assert event.changes == (Change(("server", "port"), 8000, 9001),)


def test_pending_says_what_waits(path, watch):
    """`pending`: the reasons, since when, and what would change; None before and after."""
    watcher, seen = watch(path)
    assert watcher.pending is None
    with watcher.busy("agent"):
        assert watcher.pending is None
        path.write_text(port(9000))
        first = seen.ending()
        assert watcher.pending.reasons == ("agent",)
        assert watcher.pending.since == first.at
        assert watcher.pending.changes == first.changes
        path.write_text(port(9001))
        seen.ending(2)
        assert watcher.pending.since == first.at
        assert watcher.pending.changes == (Change(("server", "port"), 8000, 9001),)
    assert watcher.pending is None


def test_busy_before_the_start(path):
    """A hold may begin before `start()`: the first config is published all the same, changes wait."""
    watcher = HotReloadWatcher(path, App, debounce_ms=WINDOW_MS)
    seen = Seen(watcher)
    with watcher.busy("boot"):
        watcher.start()
        try:
            assert watcher.config.server.port == 8000
            path.write_text(port(9000))
            seen.exactly(CHANGED, "ReloadDeferred boot")
            assert watcher.config.server.port == 8000
        finally:
            watcher.close()


def test_busy_needs_a_reason(path, watch):
    """People are told what their reload waits for, so there must be something to tell."""
    watcher, _ = watch(path)
    with pytest.raises(UsageError):
        watcher.busy("")


# Start


@pytest.mark.parametrize(
    ("content", "kind"), [(None, "missing"), (b"", "empty"), (b"[a", "syntax"), (b"tags = 1", "schema")]
)
def test_a_start_that_fails(tmp_path, content, kind):
    """`start()` raises ConfigError with every problem, leaves no config behind, and is over."""
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    watcher = HotReloadWatcher(path, App)
    with pytest.raises(ConfigError) as raised:
        watcher.start()
    assert [problem.kind for problem in raised.value.problems] == [kind]
    assert raised.value.problems[0].file == path
    assert "config.toml" in str(raised.value)
    with pytest.raises(UsageError):
        watcher.start()


@pytest.mark.parametrize(("content", "kind"), [(None, "missing"), ("[server", "syntax"), ("tags = 1", "schema")])
def test_a_start_that_need_not_succeed(tmp_path, watch, content, kind):
    """`require=False`: the failure is told, there is no config, and the first good save is generation 1."""
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_text(content)
    watcher, seen = watch(path, require=False)
    seen.exactly(f"ReloadFailed {kind}")
    assert watcher.generation == 0
    assert not hasattr(watcher, "config")
    assert not hasattr(watcher, "snapshot")
    with pytest.raises(AttributeError):
        _ = watcher.config
    with pytest.raises(NoConfigError):
        watcher.get_config()
    path.write_text(port(9000))
    event = seen.exactly(f"ReloadFailed {kind}", CHANGED, "ReloadSuccess 1")
    assert event.changes == ()
    assert watcher.get_config() is watcher.config
    assert watcher.generation == watcher.snapshot.generation == 1


def test_the_directory_appears_later(tmp_path, watch):
    """`require=False` in a directory that does not exist yet: it is found when it is made."""
    path = tmp_path / "etc" / "app" / "config.toml"
    watcher, seen = watch(path, require=False, reconcile_s=3600.0)
    seen.exactly("ReloadFailed missing")
    path.parent.mkdir(parents=True)
    path.write_text(port(9000))
    wait_until(lambda: watcher.generation == 1)
    assert watcher.config.server.port == 9000


def test_before_the_start(path):
    """No config yet: the attribute is absent, `get_config()` says what to do."""
    watcher = HotReloadWatcher(path, App)
    with pytest.raises(AttributeError):
        _ = watcher.config
    with pytest.raises(NoConfigError, match="start"):
        watcher.get_config()
    with pytest.raises(UsageError):
        watcher.reload()
    assert watcher.last is None
    assert watcher.pending is None
    assert watcher.stats.observer == "none"


def test_a_start_is_no_event(path, watch, calm):
    """The first load is returned, not told."""
    watcher, seen = watch(path)
    assert watcher.config.server.port == 8000
    assert watcher.last is None
    calm()
    assert seen.events == []


def test_started_once(path, watch):
    """A second `start()` is the caller's mistake, and does no harm."""
    watcher, _ = watch(path)
    with pytest.raises(UsageError):
        watcher.start()
    assert watcher.config.server.port == 8000


@pytest.mark.parametrize("schema", [App, TypeAdapter(App), Schema(App)])
def test_whatever_describes_a_configuration(path, watch, schema):
    """A model, a TypeAdapter or a Schema."""
    watcher, _ = watch(path, schema)
    assert watcher.config == App.model_validate({"server": {"port": 8000}})


@pytest.mark.parametrize(
    "options",
    [
        {"debounce_ms": -1},
        {"debounce_ms": 60_001},
        {"reconcile_s": 0},
        {"reconcile_s": float("nan")},
        {"max_bytes": 0},
        {"observer": "kqueue"},
    ],
)
def test_arguments_that_cannot_work(path, options):
    """Refused at once, by the constructor."""
    with pytest.raises(UsageError):
        HotReloadWatcher(path, App, **options)


def test_an_empty_file_may_be_allowed(path, watch):
    """`allow_empty=True`: an empty file means all defaults."""
    watcher, seen = watch(path, allow_empty=True)
    path.write_text("[server]\nport = 9000\n")
    seen.ending()
    path.write_text("")
    seen.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert watcher.config == App()


def test_home_is_expanded(path, monkeypatch):
    """`~` means the home directory."""
    monkeypatch.setenv("HOME", str(path.parent))
    with HotReloadWatcher("~/config.toml", App) as watcher:
        assert watcher.path == path
        assert watcher.watching == (path,)
    assert watcher.watching == ()


# Reload


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
            assert go_on.wait(10)
        return []

    watcher, _ = watch(path, checks=[slow], debounce_ms=FAR)
    path.write_text(port(9000))
    results: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.setdefault(n, watcher.reload()), daemon=True) for n in range(4)
    ]
    threads[0].start()
    assert entered.wait(10)
    path.write_text(port(9001))
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(watcher._runner._tickets) == 4)
    go_on.set()
    for thread in threads:
        thread.join(10)
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


# Being told


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
    """With no config at the start, the first value comes from MISSING."""
    path = tmp_path / "config.toml"
    watcher, _ = watch(path, require=False)
    followed = []
    watcher.on_change(lambda config: config.server.port, lambda old, new: followed.append((old, new)))
    path.write_text(port(9000))
    wait_until(lambda: followed)
    assert followed == [(MISSING, 9000)]


def test_decorators(path, watch):
    """`on_event` and `on_change` decorate functions; what they return can be closed."""
    watcher, seen = watch(path)
    events, ports = [], []

    @watcher.on_event()
    def note(event: object) -> None:
        events.append(event)

    @watcher.on_change("server.port")
    def follow(old: object, new: object) -> None:
        ports.append(new)

    path.write_text(port(9000))
    wait_until(lambda: ports and len(events) == 2)
    note.close()
    follow.close()
    path.write_text(port(9001))
    seen.ending(2)
    assert ports == [9000]
    assert len(events) == 2


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
    """Endings are counted by kind, phases measured for each success; which observer is in use is told."""
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
    """The debug log tells what was done, in order."""
    with caplog.at_level(logging.DEBUG, "hotconf"):
        _, seen = watch(path)
        path.write_text(port(9000))
        seen.ending()
        wait_until(lambda: any("event emitted" in record.getMessage() for record in caplog.records))
    lines = [record.getMessage() for record in caplog.records if record.name == "hotconf.reload"]
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


# Live settings


def settings(**values: object) -> str:
    """A `[hot_reload]` table."""
    lines = [f"{name} = {str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()]
    return "\n".join(["[hot_reload]", *lines, ""])


def test_the_window_follows_the_file(path, watch):
    """A new `debounce_ms` counts from the next change on."""
    path.write_text(settings(debounce_ms=100))
    watcher, seen = watch(path, debounce_ms=None)
    assert watcher.settings.debounce_ms == 100
    path.write_text(settings(debounce_ms=1500))
    assert 100 <= seen.ending().timings.settle < 1500
    assert watcher.settings.debounce_ms == 1500
    path.write_text(settings(debounce_ms=1500) + port(9000))
    assert seen.ending(2).timings.settle >= 1500


def test_a_window_out_of_its_limits(path, watch):
    """A file may not ask for less than 100 ms; the text says so."""
    watcher, _ = watch(path, debounce_ms=None)
    path.write_text(settings(debounce_ms=50))
    event = watcher.reload()
    assert event.error == "config.toml:2:15: Hot-reload debounce_ms=50 too low (minimum: 100ms)"


def test_watch_paths_follow_the_file(path, watch, calm):
    """A fragment counts with the very load that reads its name, is then watched, and no longer when it is struck."""
    extra = path.with_name("extra.toml")
    extra.write_text(port(9000))
    watcher, seen = watch(path)
    path.write_text(settings(watch_paths=["extra.toml"]) + port(8000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000
    assert watcher.watching == (path, extra)
    extra.write_text(port(9001))
    seen.exactly(CHANGED, "ReloadSuccess 2", "FileChanged extra.toml", "ReloadSuccess 3")
    path.write_text(port(8000))
    assert seen.ending(3).generation == 4
    assert watcher.watching == (path,)
    extra.write_text(port(9002))
    calm()
    assert len(seen.endings) == 3


def test_fragments_name_no_fragments(path, watch):
    """`watch_paths` in a fragment is a warning with its place, and is not followed."""
    extra = path.with_name("extra.toml")
    extra.write_text(settings(watch_paths=["more.toml"]))
    path.with_name("more.toml").write_text(port(9000))
    watcher, seen = watch(path, watch_paths=["extra.toml"])
    extra.write_text(settings(watch_paths=["more.toml"]) + port(9001))
    event = seen.exactly("FileChanged extra.toml", "ReloadSuccess 2")
    assert [(warning.file, warning.line) for warning in event.warnings] == [(extra, 2)]
    assert watcher.watching == (path, extra)


def test_a_listed_file_that_is_not_there(path, watch):
    """A warning, not a failure."""
    _, seen = watch(path, watch_paths=["absent.toml"])
    path.write_text(port(9000))
    event = seen.exactly(CHANGED, "ReloadSuccess 2")
    assert [(warning.kind, warning.severity) for warning in event.warnings] == [("missing", "warning")]


def test_a_watched_file_that_is_no_fragment(path, watch):
    """Another file is watched only: its change triggers a reload and is named."""
    note = path.with_name("notes.txt")
    note.write_text("a")
    _, seen = watch(path, watch_paths=["notes.txt"])
    note.write_text("b")
    seen.exactly("FileChanged notes.txt", "ReloadUnchanged")


def test_listing_the_main_file_is_harmless(path, watch):
    """`watch_paths = ["config.toml"]`: one FileChanged, one outcome."""
    watcher, seen = watch(path, watch_paths=["config.toml"])
    path.write_text(port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.watching == (path,)


def test_both_files_in_one_round(path, watch):
    """Two files saved within the window: one FileChanged each, one outcome of both."""
    extra = path.with_name("extra.toml")
    extra.write_text("tags = ['a']\n")
    watcher, seen = watch(path, watch_paths=["extra.toml"], debounce_ms=500)
    path.write_text(port(9000))
    extra.write_text("tags = ['b']\n")
    seen.exactly(CHANGED, "FileChanged extra.toml", "ReloadSuccess 2")
    assert (watcher.config.server.port, list(watcher.config.tags)) == (9000, ["b"])


def test_hot_reload_turned_off(path, watch, calm):
    """`enabled = false`: applied like any change, with a line that says so; then nothing is noticed any more."""
    watcher, seen = watch(path, reconcile_s=0.02)
    path.write_text(settings(enabled=False) + port(9000))
    event = seen.exactly(CHANGED, "ReloadSuccess 2")
    assert event.summary[-1] == "Hot reload is off: edits are no longer noticed"
    assert watcher.config.server.port == 9000
    assert not watcher.settings.enabled
    wait_until(lambda: watcher.watching == ())
    path.write_text(settings(enabled=False) + port(9001))
    calm()
    seen.exactly(CHANGED, "ReloadSuccess 2")


def test_reload_turns_it_on_again(path, watch, calm):
    """While it is off `reload()` still works; when it reads `enabled = true`, watching resumes."""
    path.write_text(settings(enabled=False))
    watcher, seen = watch(path)
    assert watcher.watching == ()
    path.write_text(settings(enabled=False) + port(9000))
    assert isinstance(watcher.reload(), ReloadSuccess)
    path.write_text(port(9001))
    calm()
    assert watcher.config.server.port == 9000
    watcher.reload()
    assert watcher.config.server.port == 9001
    assert watcher.watching == (path,)
    path.write_text(port(9002))
    seen.exactly("ReloadSuccess 2", "ReloadSuccess 3", CHANGED, "ReloadSuccess 4")


def test_an_argument_pins_its_setting(path, watch):
    """`debounce_ms` as an argument: the file's is checked, and does not count; the others follow the file."""
    path.write_text(settings(debounce_ms=60_000, watch_paths=["extra.toml"]))
    extra = path.with_name("extra.toml")
    extra.write_text(port(9000))
    watcher, seen = watch(path)
    assert watcher.settings == HotReloadSettings(debounce_ms=WINDOW_MS, watch_paths=("extra.toml",))
    extra.write_text(port(9001))
    seen.exactly("FileChanged extra.toml", "ReloadSuccess 2")


def test_settings_pin_all_three(path, watch):
    """`settings` as an argument: nothing in the file counts."""
    path.write_text(settings(enabled=False, debounce_ms=60_000, watch_paths=["extra.toml"]))
    path.with_name("extra.toml").write_text(port(9000))
    pinned = HotReloadSettings(debounce_ms=100)
    watcher, seen = watch(path, settings=pinned)
    assert watcher.settings == pinned
    assert watcher.watching == (path,)
    path.write_text(settings(enabled=False, debounce_ms=60_000) + port(9001))
    seen.exactly(CHANGED, "ReloadSuccess 2")


# Snapshots


def test_a_snapshot_says_what_it_was_made_of(path, watch):
    """Config, generation, time, and the very bytes of all files in their order."""
    extra = path.with_name("extra.toml")
    extra.write_text("tags = ['a']\n")
    before = datetime.now(UTC)
    watcher, _ = watch(path, watch_paths=["extra.toml"])
    snapshot = watcher.snapshot
    assert snapshot.config is watcher.config
    assert snapshot.generation == watcher.generation == 1
    assert before <= snapshot.loaded_at <= datetime.now(UTC)
    assert [(file.path, file.role, file.content) for file in snapshot.files] == [
        (path, "main", path.read_bytes()),
        (extra, "fragment", extra.read_bytes()),
    ]


def test_an_old_snapshot_stays_what_it_was(path, watch):
    """Whoever holds one keeps it whole."""
    watcher, seen = watch(path)
    snapshot = watcher.snapshot
    path.write_text(port(9000))
    seen.ending()
    assert (snapshot.generation, snapshot.config.server.port) == (1, 8000)
    assert watcher.snapshot.generation == 2
    assert watcher.snapshot.digest != snapshot.digest


def test_where_a_value_was_written(path, watch):
    """`origin` names file, line and column, of the fragment that won; None for a default."""
    extra = path.with_name("extra.toml")
    extra.write_text("\n\n[server]\nhost = 'example.org'\n")
    watcher, seen = watch(path, watch_paths=["extra.toml"])
    snapshot = watcher.snapshot
    origin = snapshot.origin("server.port")
    assert (origin.file, origin.line, origin.column) == (path, 2, 8)
    origin = snapshot.origin(("server", "host"))
    assert (origin.file, origin.line, origin.column) == (extra, 4, 8)
    assert snapshot.origin("tags") is None
    path.write_text("# moved down\n" + port(8000))
    seen.exactly(CHANGED, "ReloadUnchanged")
    assert watcher.snapshot.origin("server.port").line == 3


def test_what_readers_hold_cannot_be_changed(path, watch):
    """The config is immutable all the way down."""
    path.write_text("tags = ['a']\n")
    watcher, _ = watch(path)
    with pytest.raises(TypeError):
        watcher.config.tags.append("b")
    with pytest.raises(ValueError, match="frozen"):
        watcher.config.server.port = 1


def test_two_files_far_apart(tmp_path, watch):
    """A fragment may stand anywhere; its directory is watched as well."""
    path, extra = tmp_path / "a" / "config.toml", tmp_path / "b" / "extra.toml"
    for file in (path, extra):
        file.parent.mkdir()
        file.write_text(port(8000))
    watcher, seen = watch(path, watch_paths=[extra], reconcile_s=3600.0)
    extra.rename(tmp_path / "b" / "away.toml")
    extra.write_text(port(9000))
    seen.exactly("FileChanged extra.toml", "ReloadSuccess 2")
    assert watcher.snapshot.origin("server.port").file == extra
