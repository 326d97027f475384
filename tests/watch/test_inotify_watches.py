"""Arming and forgetting many files: linear work, in pieces, and nothing is lost while another thread does it."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from doubles.inside import watches_of
from hotconf.sources.base import FileSet
from hotconf.sources.files import paths
from hotconf.watch import inotify_observer
from hotconf.watch.inotify import Inotify
from hotconf.watch.inotify_observer import InotifyObserver
from hotconf.watch.inotify_watches import Walk


class Owner:
    """Whose files they are; compared by identity."""


@pytest.fixture
def observer():
    """An observer, closed at the end."""
    observer = InotifyObserver()
    yield observer
    observer.close()


@pytest.fixture
def root(tmp_path):
    """A directory without links on its way."""
    return Path(os.path.realpath(tmp_path))


def fragments(root: Path, count: int) -> FileSet:
    """A directory of so many fragments next to a main file."""
    (root / "conf.d").mkdir(parents=True)
    (root / "config.toml").touch()
    for number in range(count):
        (root / "conf.d" / f"{number}.toml").touch()
    return meant(root, "conf.d")


def meant(root: Path, *patterns: str) -> FileSet:
    """What the patterns stand for now."""
    found = paths.expand(root / "config.toml", patterns)
    return FileSet(found.members, patterns, found.folders)


def work(act: Callable[[], object]) -> int:
    """How many lines of Python that takes: a measure of time independent of the machine's load."""
    lines = 0

    def trace(frame: object, event: str, _: object) -> object:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return lines


def replaced(root: Path) -> None:
    """Another directory of the same files in the place of the one that is watched."""
    shutil.copytree(root / "conf.d", root / "new")
    (root / "conf.d").rename(root / "old")
    (root / "new").rename(root / "conf.d")


def nobody(owner: object) -> bool:
    """Owners whose files may hang."""
    return False


def rearmed(observer: InotifyObserver) -> None:
    """Read events, and rearm what they made stale."""
    for owner, changes in observer.read(nobody).items():
        observer.rearm(owner, changes.stale)


def costs(root: Path, count: int) -> dict[str, int]:
    """What each operation on so many fragments takes."""
    files, observer, owner = fragments(root, count), InotifyObserver(), Owner()
    found = {"arm": work(lambda: observer.arm(owner, files))}
    found["arm again"] = work(lambda: observer.arm(owner, files._replace(reads={})))
    found["rearm"] = work(lambda: observer.rearm(owner))
    replaced(root)
    found["directory replaced"] = work(lambda: rearmed(observer))
    shutil.rmtree(root / "conf.d")
    found["directory removed"] = work(lambda: rearmed(observer))
    found["read"] = work(lambda: observer.read(nobody))
    found["other files"] = work(lambda: observer.arm(owner, meant(root, "none.toml")))
    observer.arm(owner, fragments(root / "again", count))
    found["disarm"] = work(lambda: observer.disarm(owner))
    assert not watches_of(observer)
    observer.close()
    return found


def test_the_work_is_linear(root):
    """Twice as many fragments take twice the work, whatever happens to them."""
    few, many = costs(root / "few", 100), costs(root / "many", 200)
    assert {name: few[name] for name in few if many[name] > 2.3 * few[name] + 200} == {}


def test_what_is_armed_already_is_not_looked_at(observer, root):
    """A load that found the same files costs next to nothing, however many they are."""
    files, owner = fragments(root, 200), Owner()
    observer.arm(owner, files)
    assert work(lambda: observer.arm(owner, files._replace(reads={}))) < 100


def test_hearing_takes_a_bounded_time(observer, root):
    """Events for very many files are deferred: re-arming them is left to others."""
    owner, other = Owner(), Owner()
    observer.arm(owner, fragments(root, 500))
    observer.arm(other, fragments(root / "other", 1))
    replaced(root)
    (root / "other" / "config.toml").write_text("a = 1\n")
    taken: list[object] = []
    assert work(lambda: taken.append(observer.read(nobody))) < 10_000  # to rearm them takes 40 times that
    (found,) = taken
    assert len(found[owner].stale) > 500
    assert list(found[other].touched) == [root / "other" / "config.toml"]
    assert not found[other].stale


@pytest.mark.parametrize("count", [1, inotify_observer.FEW // 2, inotify_observer.FEW * 2])
def test_few_are_armed_at_once(observer, root, count):
    """Replacing a few files at a time is noticed without delay."""
    owner = Owner()
    observer.arm(owner, fragments(root, count))
    for number in range(count):
        (root / "new").write_text("a = 1\n")
        (root / "new").rename(root / "conf.d" / f"{number}.toml")
    changes = observer.read(nobody)[owner]
    assert len(changes.touched) == count
    assert bool(changes.stale) == (count > inotify_observer.FEW)


def test_files_that_may_hang_are_not_rearmed(observer, root):
    """Another thread does that."""
    owner = Owner()
    observer.arm(owner, fragments(root, 1))
    (root / "new").touch()
    (root / "new").rename(root / "conf.d" / "0.toml")
    assert list(observer.read(lambda each: each is owner)[owner].stale) == [root / "conf.d" / "0.toml"]


# On another thread


@pytest.mark.parametrize("act", ["write", "replace", "remove", "directory"])
@pytest.mark.parametrize("when", range(1, 6))
def test_what_is_noticed_while_a_file_is_armed_is_not_lost(observer, root, monkeypatch, act, when):
    """Events are read between adding a watch and recording it: then the way is walked again, and the watch
    survives.
    """
    fragments(root, 1)
    owner, path, calls = Owner(), root / "conf.d" / "0.toml", []
    real = Inotify.add

    def add(kernel: Inotify, name: str, mask: int) -> int:
        wd = real(kernel, name, mask)
        calls.append(name)
        if len(calls) == when:
            _act(root, act)
            observer.read(nobody)
        return wd

    monkeypatch.setattr(Inotify, "add", add)
    observer.arm(owner, meant(root, "conf.d/0.toml"))
    monkeypatch.undo()
    observer.read(nobody)
    assert _watches(observer) == watches_of(observer)
    path.parent.mkdir(exist_ok=True)
    path.write_text("a = 2\n")
    changes = observer.read(nobody)[owner]
    assert path in changes.touched or changes.compare


def _act(root: Path, act: str) -> None:
    path = root / "conf.d" / "0.toml"
    if act == "write":
        path.write_text("a = 1\n")
    elif act == "replace":
        (root / "new").touch()
        (root / "new").rename(path)
    elif act == "remove":
        path.unlink()
    else:
        shutil.rmtree(root / "conf.d")


def _watches(observer: InotifyObserver) -> set[int]:
    """The kernel's watches, as it reports them."""
    text = Path(f"/proc/self/fdinfo/{observer.descriptor}").read_text()
    lines = [line.split() for line in text.splitlines() if line.startswith("inotify")]
    return {int(line[1].removeprefix("wd:"), 16) for line in lines}


@pytest.mark.parametrize("seed", range(6))
def test_a_thread_that_arms_beside_events(observer, root, seed):
    """Files come and go while another thread arms them and this one reads events: in the end each is watched."""
    dice, owner, stop = random.Random(seed), Owner(), threading.Event()
    fragments(root, 20)
    failed: list[BaseException] = []

    def arm() -> None:
        try:
            while not stop.is_set():
                observer.arm(owner, meant(root, "conf.d"))
                observer.rearm(owner)
        except BaseException as error:  # noqa: BLE001 - asserted below
            failed.append(error)

    thread = threading.Thread(target=arm)
    thread.start()
    for _ in range(300):
        path = root / "conf.d" / f"{dice.randrange(25)}.toml"
        act = dice.randrange(4)
        if act == 0:
            path.unlink(missing_ok=True)
        elif act == 1:
            path.touch()
        elif act == 2:
            (root / "new").touch()
            (root / "new").rename(path)
        else:
            observer.read(nobody)
    stop.set()
    thread.join()
    assert not failed
    observer.read(nobody)
    files = meant(root, "conf.d")
    observer.arm(owner, files)
    observer.rearm(owner)
    observer.read(nobody)
    assert _watches(observer) == watches_of(observer)
    for member in files.members:
        member.path.write_text("a = 1\n")
    assert observer.read(nobody)[owner].touched.keys() >= {member.path for member in files.members}
    observer.disarm(owner)
    observer.read(nobody)
    assert not watches_of(observer)
    assert _watches(observer) == set()


def test_what_is_released_while_it_is_armed_leaves_no_watch(observer, root, monkeypatch):
    """A watcher that is closed while another thread arms its files."""
    files, owner = fragments(root, 3), Owner()
    real = Walk.go

    def go(walk: Walk) -> bool:
        whole = real(walk)
        observer.disarm(owner)
        return whole

    monkeypatch.setattr(Walk, "go", go)
    observer.arm(owner, files)
    observer.read(nobody)
    assert _watches(observer) == set()
    assert not watches_of(observer)
