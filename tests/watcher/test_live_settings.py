"""How a configuration says that it wants to be watched, followed while it is."""

from __future__ import annotations

from hotconf import HotReloadSettings, ReloadSuccess
from waiting import wait_until
from watcher.watched import CHANGED, WINDOW_MS, port


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
    assert event.summary[-1] == "Hot reload is off: edits are not noticed until a restart"
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
