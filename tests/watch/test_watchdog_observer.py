"""The observer for other systems, on the one that is at hand: its threads note names, and nothing else."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from watchdog.events import DirCreatedEvent
from watchdog.observers.api import BaseObserver

from doubles.inside import emitters_of, hear, watches_of
from hotconf.sources.base import FileSet
from hotconf.sources.files import paths
from hotconf.watch.observer import Changes
from hotconf.watch.watchdog_observer import WatchdogObserver
from waiting import wait_until


class Owner:
    """Whose files they are; told apart by identity."""


class Watched:
    """One owner's files, and what was noticed them so far."""

    def __init__(self, observer: WatchdogObserver, main: Path, *patterns: str) -> None:
        self.observer = observer
        self.owner = Owner()
        self.main = main
        self.patterns = patterns
        self.names: set[str] = set()
        self.arm()

    def arm(self) -> bool:
        """Watch what the patterns mean now; whether any of it is watched only now."""
        found = paths.expand(self.main, self.patterns)
        files = FileSet(found.members, self.patterns, found.folders)
        return self.observer.arm(self.owner, files)

    def hears(self, name: str) -> bool:
        """Wait until it has noticed `name`, or `?` for a reason to compare."""
        self.names = set()

        def noticed() -> bool:
            changes = self.observer.read(lambda owner: False).get(self.owner, Changes())
            self.names.update(path.name for path in changes.touched)
            self.names.update({"?"} if changes.compare else ())
            return name in self.names

        return wait_until(noticed)


@pytest.fixture
def woken():
    """Set when the observer wakes the driver."""
    return threading.Event()


@pytest.fixture
def observer(woken):
    """An observer, which at the end leaves no thread."""
    threads = set(threading.enumerate())
    observer = WatchdogObserver(woken.set)
    yield observer
    observer.close()
    assert set(threading.enumerate()) <= threads


@pytest.fixture
def root(tmp_path):
    """A directory below the test's own."""
    root = Path(os.path.realpath(tmp_path)) / "home" / "etc"
    root.mkdir(parents=True)
    return root


@pytest.fixture
def main(root):
    """The main file."""
    path = root / "config.toml"
    path.write_text("a = 1\n")
    return path


@pytest.fixture
def watched(observer, main):
    """The main file, watched."""
    return Watched(observer, main)


def replace(path: Path, text: str) -> None:
    """Save as atomic writers do."""
    new = path.with_name("new~")
    new.write_text(text)
    new.rename(path)


def test_saves_are_noticed_and_wake_the_driver(watched, main, woken):
    """In place, by renaming, by removing and creating; one after the other."""
    saves = (lambda: main.write_text("b"), lambda: replace(main, "c"), main.unlink, main.touch)
    for save in saves:
        woken.clear()
        save()
        assert woken.wait(60)
        assert watched.hears("config.toml")
        assert watched.names == {"config.toml"}


def test_reading_is_not_noticed(watched, main, root, woken):
    """A load must not be the reason for the next one."""
    main.read_text()
    (root / "last").touch()  # what comes after it has been noticed by then
    assert woken.wait(60)
    assert not watched.observer.read(lambda owner: False).get(watched.owner, Changes()).touched


def test_neighbours_mean_nothing(watched, main, root):
    """Their names are noticed and are nobody's."""
    (root / "other.toml").write_text("x")
    main.write_text("b")
    assert watched.hears("config.toml")
    assert watched.names == {"config.toml"}


def test_each_link_is_noticed(observer, root):
    """What a link leads to, and the link itself."""
    (root / "far").mkdir()
    for name in ("one.toml", "two.toml"):
        (root / "far" / name).touch()
    (root / "config.toml").symlink_to("far/one.toml")
    watched = Watched(observer, root / "config.toml")
    (root / "far" / "one.toml").write_text("x")
    assert watched.hears("config.toml")
    (root / "link~").symlink_to("far/two.toml")
    (root / "link~").rename(root / "config.toml")
    assert watched.hears("config.toml")
    (root / "far" / "two.toml").write_text("x")
    assert watched.hears("config.toml")


def test_a_directory_that_appears_and_one_that_is_made_anew(observer, root):
    """Its watch died quietly with the old one: a new one is made as soon as that is seen."""
    directory = root / "d"
    watched = Watched(observer, directory / "config.toml")
    for _ in range(2):
        directory.mkdir()
        assert watched.hears("?")

        def is_noticed() -> bool:
            (directory / "config.toml").write_text("x")
            changes = observer.read(lambda owner: False).get(watched.owner, Changes())
            return "config.toml" in {path.name for path in changes.touched}

        wait_until(is_noticed)
        shutil.rmtree(directory)
        assert watched.hears("config.toml")


def test_a_directory_that_was_made_anew_with_the_same_number(watched, observer, root):
    """File systems use numbers again: an event of the directory's own name is a reason to watch it anew."""
    (before,) = emitters_of(observer)
    hear(observer, DirCreatedEvent(os.fspath(root)))
    assert watched.hears("?")
    (after,) = emitters_of(observer)
    assert after is not before


def test_watching_anew_hears_what_a_dead_watch_does_not(watched, main, root, observer):
    """What the reconcile finds leads here."""
    root.rename(root.with_name("away"))
    shutil.copytree(root.with_name("away"), root)
    observer.rearm(watched.owner)
    main.write_text("x")
    assert watched.hears("config.toml")
    observer.rearm(Owner())


def test_new_fragments_are_a_reason_to_compare(observer, main, root):
    """Also in a folder behind a link."""
    (root / "real").mkdir()
    (root / "conf.d").symlink_to("real")
    watched = Watched(observer, main, "conf.d")
    (root / "real" / "a.toml").touch()
    assert watched.hears("?")
    assert watched.arm()
    (root / "real" / "a.toml").write_text("x")
    assert watched.hears("a.toml")


def test_arming_tells_what_is_watched_only_now(observer, main, root):
    """Files and folders."""
    (root / "conf.d").mkdir()
    watched = Watched(observer, main)
    watched.patterns = ("conf.d", "a.toml")
    assert watched.arm()
    assert not watched.arm()


def test_nobody_left_nothing_watched(observer, main, root):
    """Owners share directories; each gives back what is its own."""
    (root / "far").mkdir()
    one, two = Watched(observer, main), Watched(observer, root / "far" / "config.toml")
    observer.disarm(two.owner)
    assert watches_of(observer) == {os.fspath(root)}
    main.write_text("x")
    assert one.hears("config.toml")
    observer.disarm(one.owner)
    assert not watches_of(observer)
    assert not emitters_of(observer)


def test_trouble_lasts_until_everything_is_watched(observer, main, monkeypatch):
    """A directory that cannot be watched is tried again, and told until then."""

    def refuse(*_given, **_named):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(BaseObserver, "schedule", refuse)
        watched = Watched(observer, main)
        assert observer.trouble(watched.owner) == f"{main.parent} cannot be watched: No space left on device"
    watched.arm()
    assert observer.trouble(watched.owner) is None
    main.write_text("x")
    assert watched.hears("config.toml")


def test_names_that_are_not_utf8(observer, root):
    """They end no thread, and may be the file's."""
    watched = Watched(observer, root / os.fsdecode(b"\xff.toml"))
    (root / os.fsdecode(b"\xfe\n")).touch()
    watched.main.write_text("x")
    assert watched.hears(watched.main.name)
