"""Eager mode on real files: a save in one step is visible while its window still runs.

The window is a minute, the look at the files comes every hour: what is seen was told by the kernel, and did not wait.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotconf import HotReloadSettings, ReloadFailed, ReloadSuccess
from realtools import need, nobodys, workplace
from terminal import Terminal
from waiting import wait_until
from watcher.test_half_files import HALF, NEW, WHOLE
from watcher.watched import BROKEN, CHANGED, FAR, port, save

NEVER_S = 3600.0
EAGER = HotReloadSettings(mode="eager", debounce_ms=FAR)
SETTLE = HotReloadSettings(debounce_ms=FAR)


@pytest.fixture
def eager(path, watch):
    """The file, watched eagerly, with a window that does not end."""
    return watch(path, settings=EAGER, reconcile_s=NEVER_S)


def by_rename(path: Path, text: str) -> None:
    """As `mv` does it."""
    new = path.with_name("new.toml~")
    new.write_text(text)
    subprocess.run(["mv", new, path], check=True)


def in_place(path: Path, text: str) -> None:
    """Truncated and written."""
    path.write_text(text)


def in_pieces(path: Path, text: str) -> None:
    """By one writer who pauses between its lines, each of them a write."""
    with path.open("w") as file:
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()


def as_vim(path: Path, text: str) -> None:
    """Moved away, made anew, its mode set, the backup removed."""
    backup = path.with_name("config.toml~")
    path.rename(backup)
    path.write_text(text)
    path.chmod(0o640)
    backup.unlink()


def by_copy(path: Path, text: str) -> None:
    """Another program writes it."""
    new = path.with_name("other")
    new.write_text(text)
    subprocess.run(["cp", new, path], check=True)


SAVES = [by_rename, in_place, in_pieces, as_vim, by_copy]


@pytest.mark.parametrize("act", SAVES, ids=lambda act: act.__name__)
def test_a_save_in_one_act_is_not_kept_waiting(path, eager, act: Callable[[Path, str], None]):
    """However it is saved, it is published while its window still runs."""
    watcher, seen = eager
    act(path, port(9000))
    ending = seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000
    assert isinstance(ending, ReloadSuccess)
    assert ending.timings.settle < FAR


@pytest.mark.parametrize("act", SAVES, ids=lambda act: act.__name__)
def test_settling_keeps_it_waiting(path, watch, calm, act: Callable[[Path, str], None]):
    """The same saves, without eager mode: what else is saved and settles meanwhile is seen first."""
    watcher, seen = watch(path, settings=SETTLE, reconcile_s=NEVER_S)
    act(path, port(9000))
    wait_until(lambda: seen.events)
    calm()
    assert seen.lines == [CHANGED]
    assert watcher.config.server.port == 8000


def test_the_file_itself_turns_it_on(path, watch):
    """`[hot_reload] mode = "eager"` is followed live; the save that turns it on is one of the mode before."""
    watcher, seen = watch(path, settings=None, reconcile_s=NEVER_S)
    save(path, '[hot_reload]\nmode = "eager"\ndebounce_ms = 60000\n')
    wait_until(lambda: seen.events)
    watcher.reload()
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.settings.mode == "eager"
    save(path, port(9000))  # which says nothing of it: from then on it settles
    seen.ending(2)
    assert seen.lines[2:] == [CHANGED, "ReloadSuccess 3"]
    assert watcher.settings.mode == "settle"


def test_a_second_save_within_the_window_settles(path, eager, calm):
    """The first is published at once, the next one waits for its window; `reload()` does not."""
    watcher, seen = eager
    save(path, port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    save(path, port(9001))
    wait_until(lambda: len(seen.events) == 3)
    calm()
    assert seen.lines == [CHANGED, "ReloadSuccess 2", CHANGED]
    assert watcher.config.server.port == 9000
    watcher.reload()
    assert watcher.config.server.port == 9001


def test_an_invalid_save_waits_and_is_mended_at_once(path, eager, calm):
    """A failure is told when the window is over; what mends it is not kept waiting."""
    watcher, seen = eager
    save(path, BROKEN)
    wait_until(lambda: seen.events)
    calm()
    assert seen.lines == [CHANGED]
    save(path, port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


def test_an_invalid_save_fails_when_its_window_is_over(path, watch):
    """As in the other mode."""
    _, seen = watch(path, settings=HotReloadSettings(mode="eager", debounce_ms=100), reconcile_s=NEVER_S)
    save(path, BROKEN)
    ending = seen.ending()
    assert isinstance(ending, ReloadFailed)


def test_an_equal_save_waits(path, eager, calm):
    """A writer of two steps, the first of which changes nothing, is told once."""
    watcher, seen = eager
    save(path, f"# a remark\n{port(8000)}")
    wait_until(lambda: seen.events)
    calm()
    assert seen.lines == [CHANGED]
    assert watcher.generation == 1


def test_busy_defers_at_once(path, eager):
    """The deferral is told while the window still runs, and the release publishes."""
    watcher, seen = eager
    with watcher.busy("agent"):
        save(path, port(9000))
        seen.exactly(CHANGED, "ReloadDeferred agent")
        assert watcher.config.server.port == 8000
    assert watcher.config.server.port == 9000


def test_a_file_that_shrank_waits_for_its_other_half(path, watch, calm):
    """Half of the file, written and closed, is valid; it is not published, and the whole is, at once."""
    path.write_text(WHOLE)
    watcher, seen = watch(path, settings=EAGER, reconcile_s=NEVER_S)
    path.write_text(HALF)
    wait_until(lambda: watcher.shrank == (path,))
    calm()
    assert seen.lines == [CHANGED]
    path.write_text(NEW)
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.host == "y"


def test_a_writer_that_has_not_closed_the_file(path, eager, calm):
    """What is written so far is valid, but the act is not over; the close ends it."""
    watcher, seen = eager
    with path.open("w") as file:
        file.write(port(9000))
        file.flush()
        wait_until(lambda: seen.events)
        calm()
        assert seen.lines == [CHANGED]
        assert watcher.config.server.port == 8000
        file.write("host = 'x'\n")
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert (watcher.config.server.port, watcher.config.server.host) == (9000, "x")


def test_fragments_that_are_renamed_one_after_the_other(path, watch, calm):
    """The first is published, with all files as they are then; what follows settles: such writers have two steps."""
    more = path.with_name("more.toml")
    more.write_text("tags = ['old']\n")
    settings = HotReloadSettings(mode="eager", debounce_ms=FAR, watch_paths=("more.toml",))
    watcher, seen = watch(path, settings=settings, reconcile_s=NEVER_S)
    save(path, port(9000))
    seen.exactly(CHANGED, "ReloadSuccess 2")
    save(more, "tags = ['new']\n")
    wait_until(lambda: len(seen.events) == 3)
    calm()
    assert (watcher.config.server.port, watcher.config.tags) == (9000, ["old"])
    watcher.reload()
    assert (watcher.config.server.port, watcher.config.tags) == (9000, ["new"])


def test_a_link_that_is_swapped(path, watch):
    """As Kubernetes does it: one rename, and all that it leads to is new."""
    for name, number in (("old", 8000), ("new", 9000)):
        (path.parent / name).mkdir()
        (path.parent / name / "config.toml").write_text(port(number))
    path.unlink()
    (path.parent / "..data").symlink_to("old")
    path.symlink_to("..data/config.toml")
    watcher, seen = watch(path, settings=EAGER, reconcile_s=NEVER_S)
    (path.parent / "..data_tmp").symlink_to("new")
    (path.parent / "..data_tmp").rename(path.parent / "..data")
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


@pytest.mark.parametrize("observer", ["poll", "watchdog"])
def test_where_the_kernel_does_not_tell_it_settles(path, watch, calm, observer):
    """Without inotify nobody says that an act is over: eager mode is settle mode there."""
    if observer == "watchdog":
        pytest.importorskip("watchdog")
    watcher, seen = watch(path, settings=EAGER, observer=observer, reconcile_s=0.02)
    save(path, port(9000))
    wait_until(lambda: seen.events)
    calm()
    assert seen.lines == [CHANGED]
    assert watcher.config.server.port == 8000


# With a real editor


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that looks like a home directory to an editor."""
    with workplace("eager-") as directory:
        yield directory


@pytest.mark.real_tool
@pytest.mark.parametrize("backup", ["yes", "no", "auto"])
def test_vim(home, watch, backup):
    """`:w` is visible while its window still runs, unless the machine is so slow that it is not seen as one act.

    Then it is visible at the window's end, and the next save shows it; no save is without an effect.
    """
    window_ms = 3000
    path = home / "config.toml"
    path.write_text(port(8000))
    settings = HotReloadSettings(mode="eager", debounce_ms=window_ms)
    _, seen = watch(path, settings=settings, reconcile_s=NEVER_S)
    command = [need("vim"), "--clean", "-c", f"set backupcopy={backup}", "config.toml"]
    with Terminal(command, home, nobodys(home)) as vim:
        vim.shows("8000")
        for saves in range(1, 6):
            vim.type(f":%s/{7999 + saves}/{8000 + saves}/\r:w\r")
            wait_until(lambda saves=saves: f"ReloadSuccess {1 + saves}" in seen.lines)
            published = [event for event in seen.events if isinstance(event, ReloadSuccess)]
            if published[-1].timings.settle < window_ms:
                break
        else:
            pytest.fail("no save was eager")
        assert seen.lines[:2] == [CHANGED, "ReloadSuccess 2"]
        vim.type(":q\r")
        vim.ends()
