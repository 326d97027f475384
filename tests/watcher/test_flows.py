"""What is told of a change, and what readers see then: the flows of success, failure and deferral."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import UTC, datetime

import pytest

from hotconf import Change, FileChanged, HotReloadWatcher, Problem, ReloadSuccess, ReloadUnchanged, Schema, UsageError
from waiting import wait_until
from watcher.watched import BROKEN, CHANGED, WINDOW_MS, App, Seen, port

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


def test_warnings_come_with_a_save_that_changes_nothing(path, watch):
    """A misspelt key is why it changed nothing: the likely name is told."""
    _, seen = watch(path)
    path.write_text(port(8000) + "hots = 'a'\n")
    event = seen.exactly(CHANGED, "ReloadUnchanged")
    (warning,) = event.warnings
    assert (warning.severity, warning.line, warning.column, warning.hint) == ("warning", 3, 1, 'did you mean "host"?')


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
    with caplog.at_level(logging.WARNING, "hotconf"):
        path.write_text(BROKEN)
        event = seen.exactly(CHANGED, "ReloadFailed syntax")
    assert event.error == "config.toml:1:1: Invalid TOML: missing closing bracket at line 1"
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
