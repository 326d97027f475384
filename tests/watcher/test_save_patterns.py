"""One save is one FileChanged and one outcome, however the file is saved and however changes are noticed."""

from __future__ import annotations

import mmap
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hotconf import HotReloadWatcher, ReloadSuccess
from hotconf.runtime import loads
from hotconf.sources.files import set_reader
from waiting import wait_until
from watcher.watched import CHANGED, port, save

SUCCESS = "ReloadSuccess 2"
OLD, NEW = port(8000), port(9000)
WINDOW_MS = 60
OBSERVERS = {
    # Nothing but events: the reconcile comes too late to help.
    "inotify": {"observer": "inotify", "reconcile_s": 3600.0},
    "watchdog": {"observer": "watchdog", "reconcile_s": 0.05},
    "poll": {"observer": "poll", "reconcile_s": 0.05},
}


@pytest.fixture(params=OBSERVERS)
def options(request):
    """Each way to hear of changes."""
    return {**OBSERVERS[request.param], "debounce_ms": WINDOW_MS}


# How the file may lie there before it is saved


def plain(root: Path) -> Path:
    """A file."""
    path = root / "config.toml"
    path.write_text(OLD)
    return path


def linked(root: Path) -> Path:
    """A link to a file in another directory, as dotfile managers make them."""
    (root / "dotfiles").mkdir()
    (root / "dotfiles" / "app.toml").write_text(OLD)
    (root / "dotfiles" / "other.toml").write_text(NEW)
    (root / "home").mkdir()
    path = root / "home" / "config.toml"
    path.symlink_to("../dotfiles/app.toml")
    return path


def config_map(root: Path) -> Path:
    """As Kubernetes mounts it: a link through `..data`, which is a link to a directory with a time stamp."""
    for name, text in (("..2024_01", OLD), ("..2024_02", NEW)):
        (root / name).mkdir()
        (root / name / "config.toml").write_text(text)
    (root / "..data").symlink_to("..2024_01")
    path = root / "config.toml"
    path.symlink_to("..data/config.toml")
    return path


def hard_linked(root: Path) -> Path:
    """The same inode under another name, elsewhere."""
    path = plain(root)
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "app.toml").hardlink_to(path)
    return path


def in_directories(root: Path) -> Path:
    """Two directories, of which one can take the place of the other."""
    for name, text in (("etc", OLD), ("etc.new", NEW)):
        (root / name).mkdir()
        (root / name / "config.toml").write_text(text)
    return root / "etc" / "config.toml"


# How it may be saved


def in_place(path: Path) -> None:
    """As `>`, `cp` and many editors do."""
    path.write_text(NEW)


def appended(path: Path) -> None:
    """In place, by a second piece: what stands there before is valid as well."""
    with path.open("a") as file:
        file.write("host = 'a'\n")


def renamed(path: Path) -> None:
    """As atomic writers, `sed -i` and `mv` do."""
    save(path, NEW)


def by_vim(path: Path) -> None:
    """A probe for permissions, the old file out of the way, a new one under its name, and the old one gone."""
    probe, backup = path.with_name("4913"), path.with_name("config.toml~")
    probe.touch()
    probe.unlink()
    path.rename(backup)
    path.write_text(NEW)
    backup.unlink()


def recreated(path: Path) -> None:
    """As `install` and `git checkout` do."""
    path.unlink()
    path.write_text(NEW)


def retargeted(path: Path) -> None:
    """As `ln -sfn` does."""
    beside = path.with_name("config.toml.lnk")
    beside.symlink_to("../dotfiles/other.toml")
    beside.replace(path)


def relinked(path: Path) -> None:
    """As stow does: the link is removed and made anew."""
    path.unlink()
    path.symlink_to("../dotfiles/other.toml")


def at_the_target(path: Path) -> None:
    """The file that the link leads to is written."""
    (path.parent.parent / "dotfiles" / "app.toml").write_text(NEW)


def target_renamed(path: Path) -> None:
    """Another file is renamed over the one that the link leads to."""
    target = path.parent.parent / "dotfiles" / "app.toml"
    target.with_name("other.toml").replace(target)


def data_swapped(path: Path) -> None:
    """The one rename that Kubernetes does; then the old directory goes."""
    beside = path.with_name("..data_tmp")
    beside.symlink_to("..2024_02")
    beside.replace(path.with_name("..data"))
    shutil.rmtree(path.with_name("..2024_01"))


def directory_replaced(path: Path) -> None:
    """The directory is renamed away, and another one to its name."""
    path.parent.rename(path.parent.with_name("etc.old"))
    path.parent.with_name("etc.new").rename(path.parent)


def directory_remade(path: Path) -> None:
    """The directory is removed with all that is in it, and made anew."""
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_text(NEW)


def at_the_other_name(path: Path) -> None:
    """Written under its other name, in another directory."""
    (path.parent / "elsewhere" / "app.toml").write_text(NEW)


def mapped(path: Path) -> None:
    """Through memory: the kernel tells of it when the map is closed."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = NEW.encode()
        memory.flush()


class Save(NamedTuple):
    """A way in which a file lies there and is saved."""

    lay: Callable[[Path], Path]
    do: Callable[[Path], None]


SAVES = [
    Save(plain, in_place),
    Save(plain, appended),
    Save(plain, renamed),
    Save(plain, by_vim),
    Save(plain, recreated),
    Save(plain, mapped),
    Save(linked, retargeted),
    Save(linked, relinked),
    Save(linked, at_the_target),
    Save(linked, target_renamed),
    Save(config_map, data_swapped),
    Save(in_directories, directory_replaced),
    Save(in_directories, directory_remade),
    Save(hard_linked, at_the_other_name),
]


@pytest.mark.parametrize("way", SAVES, ids=[way.do.__name__ for way in SAVES])
def test_one_save(tmp_path, watch, calm, options, way):
    """One FileChanged, which names the file as configured, one success, and the new content; twice over."""
    path = way.lay(tmp_path)
    watcher, seen = watch(path, **options)
    way.do(path)
    seen.exactly(CHANGED, SUCCESS)
    calm(90)
    seen.exactly(CHANGED, SUCCESS)
    assert watcher.snapshot.files[0].content == path.read_bytes()
    assert watcher.config.server.port == (8000 if way.do is appended else 9000)
    path.write_text(port(9001))
    seen.exactly(CHANGED, SUCCESS, CHANGED, "ReloadSuccess 3")


def test_the_mode_is_changed(tmp_path, watch, calm, options):
    """`chmod` may make a file readable, so it counts as a change, in which no value differs."""
    path = plain(tmp_path)
    watcher, seen = watch(path, **options)
    path.chmod(0o600)
    seen.exactly(CHANGED, "ReloadUnchanged")
    calm(90)
    seen.exactly(CHANGED, "ReloadUnchanged")
    assert watcher.generation == 1


def test_truncated_first(tmp_path, watch, calm, options):
    """A writer that empties the file, pauses for less than the window, and writes: nobody sees the empty file."""
    path = plain(tmp_path)
    watcher, seen = watch(path, **{**options, "debounce_ms": 1000})
    with path.open("w") as file:
        wait_until(lambda: seen.lines == [CHANGED])
        file.write(NEW)
    seen.exactly(CHANGED, SUCCESS)
    calm(90)
    seen.exactly(CHANGED, SUCCESS)
    assert watcher.config.server.port == 9000


# Fragments

FOLDER = "conf.d"
LISTS = {"listed": f"{FOLDER}/extra.toml", "directory": FOLDER, "glob": f"{FOLDER}/*.toml"}


@pytest.fixture(params=LISTS)
def fragment(request, tmp_path, options):
    """A fragment, and the options by which it is watched."""
    (tmp_path / FOLDER).mkdir()
    options["watch_paths"] = [LISTS[request.param]]
    return tmp_path / FOLDER / "extra.toml"


def test_a_fragment_appears(tmp_path, watch, calm, options, fragment):
    """It is named, and merged over the main file."""
    watcher, seen = watch(plain(tmp_path), **options)
    fragment.write_text(NEW)
    seen.exactly("FileChanged extra.toml", SUCCESS)
    calm(90)
    seen.exactly("FileChanged extra.toml", SUCCESS)
    assert watcher.config.server.port == 9000
    assert fragment in watcher.watching


def test_a_fragment_changes(tmp_path, watch, calm, options, fragment):
    """Only the fragment is named."""
    fragment.write_text(OLD)
    watcher, seen = watch(plain(tmp_path), **options)
    fragment.write_text(NEW)
    seen.exactly("FileChanged extra.toml", SUCCESS)
    calm(90)
    seen.exactly("FileChanged extra.toml", SUCCESS)
    assert watcher.config.server.port == 9000


def test_a_fragment_vanishes(tmp_path, watch, calm, options, fragment):
    """It is named, and its values stay in force: its entry has nothing left."""
    fragment.write_text(NEW)
    watcher, seen = watch(plain(tmp_path), **options)
    fragment.unlink()
    seen.exactly("FileChanged extra.toml", "ReloadFailed missing")
    calm(90)
    seen.exactly("FileChanged extra.toml", "ReloadFailed missing")
    assert watcher.config.server.port == 9000


def test_the_directory_of_fragments_appears(tmp_path, watch, options):
    """A directory that is listed before it exists is found when it is made."""
    watcher, seen = watch(plain(tmp_path), watch_paths=["late.d"], **options)
    (tmp_path / "late.d").mkdir()
    (tmp_path / "late.d" / "a.toml").write_text(NEW)
    wait_until(lambda: seen.lines[-1:] == [SUCCESS])
    assert watcher.config.server.port == 9000


# Around the start


@pytest.mark.parametrize("way", [in_place, renamed, recreated])
def test_saved_during_the_first_load(tmp_path, watch, options, monkeypatch, way):
    """A save after the first read and before `start()` returns is not lost."""
    path = plain(tmp_path)
    load = loads.load

    def load_then_save(*given, **named):
        result = load(*given, **named)
        monkeypatch.setattr(loads, "load", load)
        way(path)
        return result

    monkeypatch.setattr(loads, "load", load_then_save)
    watcher, _ = watch(path, **options)
    wait_until(lambda: watcher.config.server.port == 9000)


def test_a_fragment_saved_before_it_is_watched(tmp_path, watch, options, monkeypatch):
    """The first load finds out which fragments there are; one that changes before it is watched is not lost."""
    path = plain(tmp_path)
    extra = path.with_name("extra.toml")
    extra.write_text(OLD)
    path.write_text(OLD + "[hot_reload]\nwatch_paths = ['extra.toml']\n")
    load = loads.load

    def load_then_save(*given, **named):
        result = load(*given, **named)
        monkeypatch.setattr(loads, "load", load)
        renamed(extra)
        return result

    monkeypatch.setattr(loads, "load", load_then_save)
    watcher, _ = watch(path, **options)
    wait_until(lambda: watcher.config.server.port == 9000)


# Writers that do not stop


class SteadyWriter(threading.Thread):
    """Saves another port every few milliseconds until it is stopped."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.over = threading.Event()
        self.last = 0

    def run(self) -> None:
        while not self.over.wait(0.01):
            self.last = self.last % 9999 + 1
            save(self.path, port(self.last))

    def stop(self) -> None:
        self.over.set()
        self.join()


def test_a_steady_writer_starves_nobody(tmp_path, watch, options):
    """A writer that never pauses: reloads come by the ceiling, and its last content is the last outcome."""
    path = plain(tmp_path)
    watcher, seen = watch(path, **options)
    writer = SteadyWriter(path)
    writer.start()
    try:
        wait_until(lambda: watcher.generation >= 2)
    finally:
        writer.stop()
    wait_until(lambda: watcher.config.server.port == writer.last)
    wait_until(lambda: seen.lines[:2] == [CHANGED, SUCCESS])


@pytest.mark.parametrize("fragments", [0, 1])
def test_a_writer_that_is_quicker_than_a_load_starves_nobody(tmp_path, watch, monkeypatch, fragments):
    """Each of its files is whole: one that is renamed over while it is being parsed is published all the same."""
    path = plain(tmp_path)
    more = "\n[hot_reload]\nwatch_paths = ['more.toml']\n" if fragments else ""
    path.with_name("more.toml").write_text("[server]\nhost = 'more'\n")
    save(path, OLD + more)
    parse = set_reader.parse

    def slowly(data, where, **how):
        if where == path:
            beside = where.with_name("next.toml")
            beside.write_text(port(1 + time.monotonic_ns() % 9000) + more)
            beside.replace(where)
        return parse(data, where, **how)

    watcher, seen = watch(path, **OBSERVERS["inotify"], debounce_ms=WINDOW_MS)
    with monkeypatch.context() as patch:
        patch.setattr(set_reader, "parse", slowly)
        save(path, port(9500) + more)
        wait_until(lambda: watcher.generation >= 3)
        assert not any("Failed" in line for line in seen.lines)
    save(path, port(9999) + more)
    wait_until(lambda: watcher.config.server.port == 9999)


def test_a_writer_that_keeps_the_file_open(tmp_path, watch):
    """It has written and not closed: it has not finished, and the window does not end its save; the ceiling does."""
    path = plain(tmp_path)
    watcher, seen = watch(path, **OBSERVERS["inotify"], debounce_ms=WINDOW_MS)
    with path.open("r+") as file:
        file.write(NEW)
        file.flush()
        event = seen.exactly(CHANGED, SUCCESS)
    assert event.timings.settle >= 1000
    assert watcher.config.server.port == 9000


def test_the_ceiling_is_five_windows(tmp_path):
    """With a longer window the ceiling is later: five times it."""
    path = plain(tmp_path)
    watcher = HotReloadWatcher(path, dict, debounce_ms=300, **OBSERVERS["inotify"])
    stream = watcher.subscribe()
    with watcher, path.open("r+") as file:
        file.write(NEW)
        file.flush()
        event = next(event for event in stream if isinstance(event, ReloadSuccess))
    assert event.timings.settle >= 1500


def test_a_busy_neighbour(tmp_path, watch):
    """Files beside the config may change as they like: nothing is told of them."""
    path = plain(tmp_path)
    watcher, seen = watch(path, **OBSERVERS["inotify"], debounce_ms=WINDOW_MS)
    for name in ("debug.log", ".config.toml.swp", "config.toml~", "#config.toml#", "4913"):
        for _ in range(20):
            path.with_name(name).write_text("x")
        path.with_name(name).unlink()
    (tmp_path / os.fsdecode(b"\xff\xfe.toml")).write_text("x")
    path.write_text(NEW)
    seen.exactly(CHANGED, SUCCESS)
    assert watcher.config.server.port == 9000
