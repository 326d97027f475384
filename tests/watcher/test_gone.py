"""Files of the configuration that disappear: their values stay in force, or are dropped with a warning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotconf import HotReloadSettings, HotReloadWatcher, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.events import FileChanged
from waiting import wait_until
from watcher.watched import FAR, App, Seen, save

CEILING_MS = 1000
"""Of the small window that the tests have."""
LIMIT = "[server]\nport = 9000\n"
OTHER = 'tags = ["other"]\n'

ENTRIES = {"directory": "conf.d", "glob": "conf.d/*.toml", "listed": "conf.d/limit.toml", "deep": "**/*.toml"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A main file that lists a directory, and a limit in there."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/limit.toml").write_text(LIMIT)
    listing(tmp_path, "conf.d")
    return tmp_path


@pytest.fixture
def both(root: Path) -> Path:
    """The same with one more drop-in."""
    (root / "conf.d/other.toml").write_text(OTHER)
    return root


def listing(root: Path, *entries: str, more: str = "") -> None:
    """Save a main file that lists these."""
    save(root / "config.toml", f"[hot_reload]\nwatch_paths = {list(entries)}\n{more}")


def begin(root: Path, watch: Callable[..., Any], **options: Any) -> tuple[HotReloadWatcher[App], Seen]:
    """Watch it; the limit is in force."""
    watcher, seen = watch(root / "config.toml", **options)
    assert watcher.config.server.port == 9000
    return watcher, seen


def refused(seen: Seen, number: int = 1) -> ReloadFailed:
    """The ending of that number: something is missing, at an entry of the main file."""
    event = seen.ending(number)
    assert isinstance(event, ReloadFailed), event
    assert event.kind == "missing"
    error = next(problem for problem in event.problems if problem.severity == "error")
    assert error.file is not None
    assert (error.file.name, error.line) == ("config.toml", 2)
    return event


def settle_ms(event: object) -> float:
    """How long the round of a success took."""
    assert isinstance(event, ReloadSuccess), event
    return event.timings.settle


# Lost


def moved_away(root: Path) -> None:
    """mv conf.d conf.away"""
    (root / "conf.d").rename(root / "conf.away")


def removed(root: Path) -> None:
    """rm -r conf.d"""
    shutil.rmtree(root / "conf.d")


def emptied(root: Path) -> None:
    """rm conf.d/*"""
    for path in (root / "conf.d").iterdir():
        path.unlink()


def disabled(root: Path) -> None:
    """mv conf.d/limit.toml conf.d/limit.toml.off"""
    (root / "conf.d/limit.toml").rename(root / "conf.d/limit.toml.off")


def elsewhere(root: Path) -> None:
    """mv conf.d/limit.toml ."""
    (root / "conf.d/limit.toml").rename(root / "limit.txt")


def a_file_instead(root: Path) -> None:
    """A regular file takes the place of the directory."""
    removed(root)
    (root / "conf.d").write_text("")


def a_dangling_link(root: Path) -> None:
    """The directory becomes a dangling symlink."""
    moved_away(root)
    (root / "conf.d").symlink_to("nowhere")


def a_dangling_file(root: Path) -> None:
    """The fragment becomes a dangling symlink."""
    (root / "conf.d/limit.toml").unlink()
    (root / "conf.d/limit.toml").symlink_to("nowhere.toml")


WAYS = (moved_away, removed, emptied, disabled, elsewhere, a_file_instead, a_dangling_link, a_dangling_file)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_lost_stays_in_force(root, watch, way, entry):
    """Nothing is left of an entry: refused at its line, the old configuration stays; what comes back is unchanged."""
    if way in (moved_away, a_dangling_link) and entry == ENTRIES["deep"]:
        pytest.skip("it covers the new place, too: test_a_file_that_moves_to_another_directory")
    listing(root, entry)
    watcher, seen = begin(root, watch)
    before = watcher.config
    way(root)
    event = refused(seen)
    assert "restore it" in str(event.problems[0].hint)
    assert watcher.config is before
    assert watcher.has_drift()
    for name in ("conf.d", "conf.away"):
        shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink(missing_ok=True)
    (root / "conf.d").mkdir()
    (root / "conf.d/limit.toml").write_text(LIMIT)
    assert isinstance(seen.ending(2), ReloadUnchanged)
    assert watcher.config is before


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_however_it_is_noticed(root, watch, observer):
    """By inotify, watchdog or polling: a lost entry is refused."""
    watcher, seen = begin(root, watch, observer=observer, reconcile_s=0.1)
    moved_away(root)
    refused(seen)
    assert watcher.config.server.port == 9000


def test_a_listed_file_is_lost_beside_others(both, watch):
    """A file that is listed by name is lost, whatever else is there."""
    listing(both, "conf.d/other.toml", "conf.d/limit.toml")
    watcher, seen = begin(both, watch)
    (both / "conf.d/limit.toml").unlink()
    assert refused(seen).problems[0].message == 'watch_paths: "conf.d/limit.toml" is gone'
    assert watcher.config.server.port == 9000


def test_a_file_that_moves_to_another_directory(root, watch):
    """It is gone from its old place; an entry that covers the new one gives it from there, with a warning."""
    listing(root, "**/*.toml")
    _watcher, seen = begin(root, watch)
    moved_away(root)
    event = seen.ending()
    assert isinstance(event, ReloadUnchanged), event
    assert [warning.message for warning in event.warnings] == ["The file is gone, and with it server.port"]


def test_after_a_failure_the_published_state_decides(root, watch):
    """However often something else is saved meanwhile: the limit still counts as gone."""
    watcher, seen = begin(root, watch)
    emptied(root)
    refused(seen)
    listing(root, "conf.d", more="\ntags = 1")
    assert isinstance(seen.ending(2), ReloadFailed)
    listing(root, "conf.d", more='\n[server]\nhost = "new"\n')
    refused(seen, 3)
    assert watcher.config.server.port == 9000
    (root / "conf.d/limit.toml").write_text(LIMIT)
    assert isinstance(seen.ending(4), ReloadSuccess)
    assert (watcher.config.server.host, watcher.config.server.port) == ("new", 9000)


# Fewer


def test_a_drop_in_fewer(both, watch):
    """Where others are left: applied at the ceiling, with a warning that names the file and its keys."""
    watcher, seen = begin(both, watch)
    (both / "conf.d/limit.toml").unlink()
    event = seen.ending()
    assert settle_ms(event) >= CEILING_MS
    (warning,) = event.warnings
    assert (warning.kind, warning.file) == ("missing", both / "conf.d/limit.toml")
    assert warning.message == "The file is gone, and with it server.port"
    assert watcher.warnings == (warning,)
    assert watcher.config.server.port == 8000
    save(both / "conf.d/other.toml", 'tags = ["again"]\n')
    again = seen.ending(2)
    assert isinstance(again, ReloadSuccess)
    assert again.warnings == (), "told once"


def test_a_drop_in_that_is_renamed_is_not_gone(both, watch):
    """The same bytes under another name in the directory: no wait, no warning."""
    watcher, seen = begin(both, watch)
    (both / "conf.d/limit.toml").rename(both / "conf.d/zzz.toml")
    event = seen.ending()
    assert isinstance(event, ReloadUnchanged)
    assert event.warnings == ()
    assert [file.path.name for file in watcher.snapshot.files] == ["config.toml", "other.toml", "zzz.toml"]


def test_a_listed_file_that_is_renamed_with_its_entry(root, watch):
    """The entry is edited, too, in two saves within the window: nothing is gone."""
    listing(root, "conf.d/limit.toml")
    _watcher, seen = begin(root, watch, debounce_ms=400)
    (root / "conf.d/limit.toml").rename(root / "conf.d/caps.toml")
    listing(root, "conf.d/caps.toml")
    event = seen.ending()
    assert isinstance(event, ReloadSuccess)
    assert [change.path for change in event.changes] == [("hot_reload", "watch_paths")]
    assert event.warnings == ()


def test_what_is_waited_for_is_known(both, watch, caplog):
    """While the round waits, `watcher.gone` and a warning in the log name the files, once; then no more."""
    watcher, seen = begin(both, watch, debounce_ms=400)
    (both / "conf.d/limit.toml").unlink()
    wait_until(lambda: watcher.gone == (both / "conf.d/limit.toml",))
    save(both / "conf.d/other.toml", 'tags = ["again"]\n')
    seen.ending()
    assert watcher.gone == ()
    named = f"Waiting for files of {both / 'config.toml'} that are gone: {both / 'conf.d/limit.toml'}"
    warning = "Config warning: limit.toml: The file is gone, and with it server.port"
    wait_until(lambda: caplog.messages == [named, warning])


# On purpose


@pytest.mark.parametrize("order", ["entry first", "file first", "file long before"])
def test_the_entry_is_removed(root, watch, order):
    """A file that no entry covers any more was removed on purpose, in the same save or after a failure."""
    watcher, seen = begin(root, watch, debounce_ms=50 if order == "file long before" else 400)
    if order == "entry first":
        listing(root)
    removed(root)
    if order == "file long before":
        refused(seen)
    if order != "entry first":
        listing(root)
    event = seen.ending(2 if order == "file long before" else 1)
    assert isinstance(event, ReloadSuccess)
    assert event.warnings == ()
    assert watcher.config.server.port == 8000


@pytest.mark.parametrize("entry", ["conf.d/*.toml", "./conf.d", "conf.d/limit.toml", "**"])
def test_the_entry_is_spelled_otherwise(root, watch, entry):
    """An entry that covers the file in other words still covers it: it is lost."""
    watcher, seen = begin(root, watch, debounce_ms=400)
    emptied(root)  # what is gone is waited for: the other save comes in time
    listing(root, entry)
    refused(seen)
    assert watcher.config.server.port == 9000


def test_another_entry_does_not_excuse_it(root, watch):
    """One more directory is listed in the save in which the first one goes."""
    watcher, seen = begin(root, watch, debounce_ms=400)
    (root / "more.d").mkdir()
    (root / "more.d/limit.toml").write_text(LIMIT)
    removed(root)
    listing(root, "conf.d", "more.d")
    refused(seen)
    assert watcher.snapshot.files[-1].path == root / "conf.d/limit.toml"


def test_a_file_that_was_never_there_is_only_warned_of(root, watch):
    """An absent listed file is a warning, at start and whenever it is listed again."""
    listing(root, "conf.d", "later.toml")
    watcher, seen = begin(root, watch)
    assert [(warning.kind, warning.file) for warning in watcher.warnings] == [("missing", root / "later.toml")]
    listing(root, "conf.d", "later.toml", "never.toml", more='[server]\nhost = "new"\n')
    event = seen.ending()
    assert isinstance(event, ReloadSuccess)
    assert [warning.file.name for warning in event.warnings] == ["later.toml", "never.toml"]


def test_pinned_entries(root, watch):
    """Entries given by the program are reported at the main file; only the program can remove them."""
    listing(root)
    watcher, seen = begin(root, watch, watch_paths=["conf.d"])
    removed(root)
    event = seen.ending()
    assert isinstance(event, ReloadFailed)
    assert (event.kind, event.problems[0].place) == ("missing", "config.toml")
    assert watcher.config.server.port == 9000


# Without waiting


def test_reload_is_refused_at_once(root, watch):
    """`reload()` comes to the same verdict, and waits for nothing."""
    watcher, _ = begin(root, watch, debounce_ms=FAR)
    removed(root)
    event = watcher.reload()
    assert isinstance(event, ReloadFailed)
    assert event.kind == "missing"
    assert watcher.config.server.port == 9000


def test_reload_of_fewer(both, watch):
    """Likewise where some are left."""
    watcher, _ = begin(both, watch, debounce_ms=FAR)
    (both / "conf.d/limit.toml").unlink()
    event = watcher.reload()
    assert isinstance(event, ReloadSuccess)
    assert [warning.message for warning in event.warnings] == ["The file is gone, and with it server.port"]


def test_while_hot_reload_is_off(root, watch):
    """Files that disappeared meanwhile count as gone when `reload()` finds it turned on again, or still off."""
    watcher, _seen = begin(root, watch)
    save(root / "config.toml", "[hot_reload]\nenabled = false\nwatch_paths = ['conf.d']\n")
    wait_until(lambda: not watcher.settings.enabled)
    removed(root)
    assert isinstance(watcher.reload(), ReloadFailed)
    listing(root, "conf.d")
    assert isinstance(watcher.reload(), ReloadFailed)
    assert watcher.config.server.port == 9000
    listing(root)
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert watcher.settings.enabled


def test_hot_reload_is_turned_off_by_what_lacks_a_fragment(root, watch):
    """A save that turns it off is refused like any other."""
    watcher, seen = begin(root, watch, debounce_ms=400)
    removed(root)
    save(root / "config.toml", "[hot_reload]\nwatch_paths = ['conf.d']\nenabled = false\n")
    refused(seen)
    assert watcher.settings.enabled


# Busy, eager


def test_busy(both, watch):
    """Fewer drop-ins are deferred with their warnings; a lost entry drops what is pending."""
    watcher, seen = begin(both, watch)
    with watcher.busy("gate"):
        (both / "conf.d/limit.toml").unlink()
        wait_until(lambda: watcher.pending)
        assert watcher.config.server.port == 9000
        (both / "conf.d/other.toml").unlink()
        assert isinstance(seen.ending(2), ReloadFailed)
        assert watcher.pending is None
    assert watcher.config.server.port == 9000
    with watcher.busy("gate"):
        (both / "conf.d/other.toml").write_text('tags = ["new"]\n')
        wait_until(lambda: watcher.pending)
    event = seen.ending(4)
    assert isinstance(event, ReloadSuccess)
    assert [warning.file.name for warning in event.warnings] == ["limit.toml"]


def test_eager_mode_waits_too(both, watch):
    """A finished act elsewhere does not end the wait, nor begin without it."""
    settings = HotReloadSettings(debounce_ms=100, mode="eager", watch_paths=("conf.d",))
    _watcher, seen = begin(both, watch, settings=settings)
    save(both / "config.toml", "[server]\nhost = 1\n")
    (both / "conf.d/limit.toml").unlink()
    assert isinstance(seen.ending(), ReloadFailed)
    save(both / "config.toml", '[server]\nhost = "new"\n')
    assert settle_ms(seen.ending(2)) >= CEILING_MS


# At start


def kept(root: Path, watch: Callable[..., Any]) -> dict[str, Any]:
    """A state is kept of an earlier run; the options of the next one."""
    options = {"state_dir": root / "states"}
    watcher, _ = begin(root, watch, **options)
    watcher.close()
    return options


def test_a_start_on_what_lacks_all(root, watch):
    """Compared with the newest kept state: it is in force, and the start says why."""
    options = kept(root, watch)
    removed(root)
    watcher, _seen = watch(root / "config.toml", **options)
    assert watcher.stats.degraded
    assert watcher.config.server.port == 9000
    assert watcher.last.kind == "missing"
    (root / "conf.d").mkdir()
    (root / "conf.d/limit.toml").write_text(LIMIT)
    wait_until(lambda: not watcher.stats.degraded)
    assert watcher.config.server.port == 9000


def test_a_start_on_fewer(both, watch):
    """Likewise, but what is left is applied, with warnings, and without waiting."""
    options = kept(both, watch)
    (both / "conf.d/limit.toml").unlink()
    watcher, _ = watch(both / "config.toml", **options)
    assert not watcher.stats.degraded
    assert watcher.config.server.port == 8000
    assert [warning.message for warning in watcher.warnings] == ["The file is gone, and with it server.port"]


def test_a_start_after_the_entry_was_removed(root, watch):
    """On purpose: nothing counts as gone."""
    options = kept(root, watch)
    removed(root)
    listing(root)
    watcher, _ = watch(root / "config.toml", **options)
    assert not watcher.stats.degraded
    assert watcher.config.server.port == 8000
    assert watcher.warnings == ()


def test_a_start_without_a_kept_state(root, watch):
    """Nothing shows what is gone: each absent listed file is a warning."""
    listing(root, "conf.d/limit.toml", "conf.d")
    removed(root)
    watcher, _ = watch(root / "config.toml", state_dir=root / "states")
    assert [(warning.kind, warning.severity) for warning in watcher.warnings] == [("missing", "warning")] * 2
    assert watcher.config.server.port == 8000


def test_a_start_on_a_kept_state_that_is_of_no_use(root, watch):
    """A state that the model of today refuses does not keep a valid configuration from starting."""
    options = kept(root, watch)
    removed(root)

    class Strict(App):
        must: int

    listing(root, "conf.d", more="")
    save(root / "config.toml", "must = 1\n" + (root / "config.toml").read_text())
    watcher, _ = watch(root / "config.toml", Strict, **options)
    assert not watcher.stats.degraded
    assert [warning.kind for warning in watcher.warnings] == ["missing"]


def test_a_start_from_a_damaged_state_looks_at_the_one_before(root, watch):
    """The newest whole state counts."""
    options = kept(root, watch)
    newest = max((root / "states").glob("*/*.state"))
    newest.with_name("00000099.state").write_bytes(b"damaged")
    newest.with_name("00000099.state").chmod(0o600)
    removed(root)
    watcher, _ = watch(root / "config.toml", **options)
    assert watcher.stats.degraded


# Forks, several watchers


def test_a_second_watcher_decides_for_itself(root, watch):
    """A file never published here does not count as gone here."""
    first, seen = begin(root, watch)
    removed(root)
    refused(seen)
    second, _ = watch(root / "config.toml")
    assert second.config.server.port == 8000
    assert first.config.server.port == 9000


def test_each_file_is_named_once(both, watch):
    """A round that waits emits one FileChanged a file, and one ending."""
    _, seen = begin(both, watch)
    for path in (both / "conf.d").iterdir():
        path.unlink()
    refused(seen)
    changed = [event.path.name for event in seen.events if isinstance(event, FileChanged)]
    assert sorted(changed) == ["limit.toml", "other.toml"]
    assert len(seen.endings) == 1
