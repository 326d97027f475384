"""The Linux observer: whatever way a file is changed, and whatever becomes of the way to it, it is noticed."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from doubles.inside import watches_of
from hotconf.sources.base import FileSet
from hotconf.sources.files import paths
from hotconf.system import linux
from hotconf.watch import inotify
from hotconf.watch.inotify import Event, Inotify
from hotconf.watch.inotify_observer import InotifyObserver
from hotconf.watch.observer import Arrival, Arrivals


class Owner:
    """Whose files they are; compared by identity."""


class Watched:
    """One owner's files, and what is noticed them."""

    def __init__(self, observer: InotifyObserver, main: Path, *patterns: str) -> None:
        self.observer = observer
        self.owner = Owner()
        self.main = main
        self.patterns = patterns
        self.arrivals: Arrivals = {}
        self.arm()

    def arm(self) -> bool:
        """Watch what the patterns mean now, as each load does; whether any of it is watched only now."""
        found = paths.expand(self.main, self.patterns)
        files = FileSet(found.members, self.patterns, found.folders)
        return self.observer.arm(self.owner, files)

    def noticed(self) -> list[str]:
        """The names of the files that were touched, and `?` if all are to be compared. As in the driver, what would
        have taken long is armed anew."""
        found = self.observer.read(nobody)
        for owner, changes in found.items():
            self.observer.rearm(owner, changes.stale)
        changes = found.get(self.owner)
        if changes is None:
            return []
        self.arrivals = changes.arrivals
        return sorted(path.name for path in changes.touched) + ["?"] * changes.compare

    @property
    def writing(self) -> bool:
        """As the latest event said."""
        return Arrival.WRITING in self.arrivals.values()

    @property
    def renamed(self) -> set[Path]:
        """As the latest event said."""
        return {path for path, arrival in self.arrivals.items() if arrival is Arrival.RENAMED}

    @property
    def complete(self) -> set[Path]:
        """As the latest event said."""
        return {path for path, arrival in self.arrivals.items() if arrival is not Arrival.WRITING}


def touched(observer: InotifyObserver) -> set[object]:
    """Whose files were touched."""
    return {owner for owner, changes in observer.read(nobody).items() if changes.touched}


def nobody(owner: object) -> bool:
    """Owners whose files may hang."""
    return False


@pytest.fixture
def observer():
    """An observer, which at the end has no watch that the kernel does not know, nor the other way round."""
    observer = InotifyObserver()
    yield observer
    observer.read(nobody)
    assert watches(observer) == len(watches_of(observer))
    observer.close()


@pytest.fixture
def root(tmp_path):
    """A directory that nobody else writes to, two levels below the test's own."""
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


def watches(observer: InotifyObserver) -> int:
    """How many watches the kernel has for the observer."""
    info = Path(f"/proc/self/fdinfo/{observer.descriptor}").read_text()
    return sum(line.startswith("inotify wd:") for line in info.splitlines())


def is_quiet(observer: InotifyObserver) -> bool:
    """Whether nothing woke the process."""
    return select.select([observer.descriptor], [], [], 0)[0] == []


def replace(path: Path, text: str) -> None:
    """Save as `sed -i`, `mv` and atomic writers do."""
    new = path.with_name("new~")
    new.write_text(text)
    new.rename(path)


def relink(link: Path, target: str) -> None:
    """Retarget a link as `ln -sfn` and Kubernetes do."""
    new = link.with_name("link~")
    new.symlink_to(target)
    new.rename(link)


# How programs save a file


def by_rename_and_create(path: Path) -> None:
    """As vim does: probe, move away, write anew, remove the backup."""
    for name in ("4913", ".config.toml.swp"):
        path.with_name(name).touch()
        path.with_name(name).unlink()
    path.rename(path.with_name("config.toml~"))
    path.write_text("a = 2\n")
    path.with_name("config.toml~").unlink()


def by_lock_and_rename(path: Path) -> None:
    """As emacs does at its first save."""
    path.with_name(".#config.toml").symlink_to("me@host.1")
    path.rename(path.with_name("config.toml~"))
    path.write_text("a = 2\n")
    path.with_name(".#config.toml").unlink()


def by_removal(path: Path) -> None:
    """As `install`, `git checkout` and `git stash` do."""
    path.unlink()
    path.write_text("a = 2\n")


def by_mapping(path: Path) -> None:
    """Through memory."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:1] = b"b"


SAVES = {
    "in place": lambda path: path.write_text("a = 2\n"),
    "appended": lambda path: path.open("a").write("b = 2\n"),
    "renamed into place": lambda path: replace(path, "a = 2\n"),
    "renamed and created": by_rename_and_create,
    "locked, renamed and created": by_lock_and_rename,
    "removed and created": by_removal,
    "mapped": by_mapping,
    "removed": Path.unlink,
    "moved away": lambda path: path.rename(path.with_name("gone")),
    "mode": lambda path: path.chmod(0o600),
    "times": lambda path: os.utime(path, ns=(1, 1)),
    "hard link put in its place": lambda path: (path.unlink(), os.link(path.with_name("other"), path)),
}


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.filterwarnings("ignore:unclosed file")
def test_every_way_to_save_is_noticed_and_so_is_the_next_save(watched, main, save):
    """By the name of the file alone; when it is over nobody writes; and whatever inode it is now, it is watched."""
    main.with_name("other").touch()
    save(main)
    assert "config.toml" in watched.noticed()
    assert not watched.writing
    main.write_text("a = 3\n")
    assert "config.toml" in watched.noticed()
    assert watched.noticed() == []


def test_truncating_by_name_is_noticed(watched, main):
    """It tells of no end: as far as anybody can tell it is being written."""
    os.truncate(main, 2)
    assert (watched.noticed(), watched.writing) == (["config.toml"], True)
    main.write_text("a = 3\n")
    assert (watched.noticed(), watched.writing) == (["config.toml"], False)


def test_reading_is_not_noticed(watched, main, observer):
    """Neither by us nor by others."""
    main.read_text()
    main.stat()
    os.close(os.open(main, os.O_RDONLY))
    assert is_quiet(observer)


def test_neighbours_are_not_noticed(watched, main, observer):
    """A busy log beside the file wakes nobody; what comes and goes beside it means nothing."""
    with main.with_name("debug.log").open("w") as log:
        assert watched.noticed() == []
        for _ in range(100):
            log.write("busy\n")
            log.flush()
        assert is_quiet(observer)
    main.with_name("config.toml~").touch()
    main.with_name("config.toml.d").mkdir()
    assert watched.noticed() == []


@pytest.mark.parametrize("name", [b"\xff.toml", b"new\nline.toml", b"x" * 255])
def test_any_name_that_the_file_system_allows(observer, root, name):
    """Beside the file it kills nobody, and it may be the file."""
    path = root / os.fsdecode(name)
    watched = Watched(observer, path)
    path.write_text("a = 1\n")
    assert watched.noticed() == [path.name]


# Who writes


def test_a_writer_is_known_while_it_writes(watched, main):
    """From its first write until it has closed the file."""
    with main.open("w") as file:
        assert watched.noticed() == ["config.toml"]  # emptied
        assert watched.writing
        file.write("a = ")
        file.flush()
        assert (watched.noticed(), watched.writing) == (["config.toml"], True)
    assert (watched.noticed(), watched.writing) == (["config.toml"], False)


def test_an_open_file_that_is_not_written_is_nobodys(watched, main):
    """Some programs keep files open for ever."""
    with main.open("r+"):
        assert (watched.noticed(), watched.writing) == ([], False)


@pytest.mark.parametrize(
    "act",
    [
        lambda path: replace(path, "a = 2"),
        Path.unlink,
        lambda path: path.rename(path.with_name("away")),
        lambda path: (path.unlink(), path.touch()),
    ],
    ids=["replaced", "removed", "moved away", "created anew"],
)
def test_what_becomes_of_the_name_ends_the_writing(watched, main, act):
    """Who goes on writing to the old file does not write to the configuration."""
    with main.open("a") as file:
        file.write("b = ")
        file.flush()
        watched.noticed()
        assert watched.writing
        act(main)
        assert "config.toml" in watched.noticed()
        assert not watched.writing
        file.write("more")
        file.flush()
        assert not watched.writing


@pytest.mark.parametrize(
    ("act", "renamed"),
    [
        (lambda path: replace(path, "a = 2"), True),
        (lambda path: path.write_text(""), False),
        (lambda path: (path.unlink(), path.write_text("")), False),
        (lambda path: (replace(path, "a = 2"), path.write_text("a")), False),
        (lambda path: (replace(path, "a = 2"), path.chmod(0o600)), True),
        (lambda path: (path.write_text(""), replace(path, "a = 2")), True),
        (lambda path: (replace(path, "a = 2"), path.unlink(), path.touch()), False),
    ],
    ids=[
        "renamed",
        "written",
        "made anew",
        "renamed, then written",
        "then its mode",
        "written, then renamed",
        "gone",
    ],
)
def test_what_was_renamed_into_place_is_known(watched, main, act, renamed):
    """Until something is written to it, or another comes under its name."""
    act(main)
    watched.noticed()
    assert watched.renamed == ({main} if renamed else set())


@pytest.mark.parametrize(
    ("act", "complete"),
    [
        (lambda path: replace(path, "a = 2"), True),
        (lambda path: path.write_text("a = 2"), True),
        (by_rename_and_create, True),
        (lambda path: (path.write_text("a = 2"), path.chmod(0o600)), True),
        (lambda path: (path.write_text("a = 2"), os.truncate(path, 0)), False),
        (lambda path: (path.write_text("a = 2"), path.unlink()), False),
        (lambda path: path.chmod(0o600), False),
        (lambda path: os.truncate(path, 0), False),
        (lambda path: path.unlink(), False),
        (lambda path: (path.unlink(), os.mknod(path)), False),
    ],
    ids=[
        "renamed",
        "written",
        "as vim",
        "then its mode",
        "then cut",
        "then removed",
        "its mode alone",
        "cut",
        "removed",
        "made, and not yet written",
    ],
)
def test_an_act_that_is_over_is_known(watched, main, act, complete):
    """A rename, or a writer that closed the file; and not what nobody has finished, or is not a change of content."""
    act(main)
    watched.noticed()
    watched.noticed()
    assert watched.complete == ({main} if complete else set())


@pytest.mark.parametrize("look", range(40))
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_act_that_comes_while_its_place_is_looked_at_is_known(watched, main, monkeypatch, look, before):
    """The file is moved away, and written anew at any moment of the search for the way to it."""
    looks = 0

    def at_the_moment(ask):
        def asked(path, **how):
            nonlocal looks
            looks += 1
            now = looks == look + 1
            if now and before:
                main.write_text("a = 2")
            try:
                return ask(path, **how)
            finally:
                if now and not before:
                    main.write_text("a = 2")

        return asked

    main.rename(main.with_name("config.toml~"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", at_the_moment(os.stat))
        patch.setattr(os, "lstat", at_the_moment(os.lstat))
        watched.noticed()
    if looks <= look:
        main.write_text("a = 2")
    watched.noticed()
    watched.noticed()
    assert watched.complete == {main}


def test_an_act_is_over_when_the_writer_closes_the_file(watched, main):
    """Neither while it has written a part, nor once more when the next one begins."""
    for _ in range(2):
        with main.open("a") as file:
            file.write("b = 1\n")
            file.flush()
            watched.noticed()
            assert watched.complete == set()
        watched.noticed()
        assert watched.complete == {main}


def test_a_writer_of_what_was_there_before_finishes_nothing(watched, main):
    """It closes the old file, and another one that is not finished has come under the name, all in one breath."""
    with main.open("a") as file:
        file.write("b = 1\n")
        main.unlink()
        new = main.open("x")
    watched.noticed()
    assert watched.complete == set()
    new.close()
    watched.noticed()
    assert watched.complete == {main}


def test_after_a_directory_was_replaced_nothing_is_known_to_be_over(watched, main, root):
    """Nor after an observer that lost its way."""
    main.write_text("a = 2")
    watched.noticed()
    assert watched.complete == {main}
    root.rename(root.with_name("aside"))
    watched.noticed()
    assert watched.complete == set()
    root.with_name("aside").rename(root)
    watched.noticed()
    main.write_text("a = 3")
    watched.noticed()
    assert watched.complete == {main}
    watched.observer.rearm(watched.owner)
    main.chmod(0o600)
    watched.noticed()
    assert watched.complete == set()


def test_a_link_that_was_swapped_was_renamed_into_place(observer, root):
    """As Kubernetes does it; and after the way to the files was lost nothing is known any more."""
    for name in ("old", "new"):
        (root / name).mkdir()
        (root / name / "config.toml").write_text("a = 1")
    (root / "..data").symlink_to("old")
    main = root / "config.toml"
    main.symlink_to("..data/config.toml")
    watched = Watched(observer, main)
    (root / "..data_tmp").symlink_to("new")
    (root / "..data_tmp").rename(root / "..data")
    assert watched.noticed() == ["config.toml"]
    assert watched.renamed == {main}
    observer.rearm(watched.owner)
    main.chmod(0o600)
    watched.noticed()
    assert watched.renamed == set()


def test_a_writer_of_another_owners_file_is_not_ours(observer, root, main):
    """Each waits for its own files only."""
    mine, other = Watched(observer, main), Watched(observer, root / "other.toml")
    with main.open("a") as file:
        file.write("x")
        file.flush()
        assert mine.noticed() == ["config.toml"]
        assert (mine.writing, other.noticed(), other.writing) == (True, [], False)


# The way to the file


def test_a_file_that_appears_is_noticed(observer, root):
    """Also when its directories do not exist yet: whatever is the first to be missing is waited for."""
    watched = Watched(observer, root / "a" / "b" / "config.toml")
    (root / "a").mkdir()
    assert watched.noticed() == ["?"]
    (root / "a" / "b").mkdir()
    assert watched.noticed() == ["?"]
    (root / "a" / "b" / "config.toml").touch()
    assert watched.noticed() == ["config.toml"]


def test_directories_that_appear_all_at_once(observer, root):
    """What was made before its directory was watched is found by comparing."""
    watched = Watched(observer, root / "a" / "b" / "config.toml")
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "config.toml").touch()
    assert watched.noticed() == ["?"]
    (root / "a" / "b" / "config.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]


def swap_directories(root: Path) -> None:
    """As a deployment does."""
    shutil.copytree(root, root.with_name("next"))
    root.rename(root.with_name("last"))
    root.with_name("next").rename(root)


def remove_and_recreate(root: Path) -> None:
    """As a clean checkout does."""
    shutil.rmtree(root)
    root.mkdir()
    (root / "config.toml").touch()


def move_the_parent(root: Path) -> None:
    """The same, one level up."""
    shutil.copytree(root.parent, root.parent.with_name("next"))
    root.parent.rename(root.parent.with_name("last"))
    root.parent.with_name("next").rename(root.parent)


@pytest.mark.parametrize("act", [swap_directories, remove_and_recreate, move_the_parent])
def test_a_directory_that_is_replaced(watched, main, root, act):
    """Noticed; and from then on the new one is noticed, and the old one is not."""
    old = main.open("a")
    act(root)
    assert watched.noticed() != []
    watched.noticed()
    with old:
        old.write("nobody's")
    assert watched.noticed() == []
    main.write_text("a = 2\n")
    assert watched.noticed() == ["config.toml"]


def test_a_directory_that_is_removed_and_comes_back_later(watched, main, root):
    """However often, and however long it is gone."""
    for _ in range(3):
        shutil.rmtree(root)
        assert watched.noticed() != []
        assert watched.noticed() == []
        root.mkdir()
        assert watched.noticed() == ["?"]
        main.touch()
        assert "config.toml" in watched.noticed()
        main.write_text("a = 2\n")
        assert "config.toml" in watched.noticed()


def test_directories_that_vanish_while_they_are_being_watched(observer, root, monkeypatch):
    """The way is found, and removed before it is watched: what is left of it is watched instead."""
    path = root / "a" / "b" / "c" / "config.toml"
    path.parent.parent.mkdir(parents=True)
    places, walks = paths.places, []

    def found_too_early(given):
        walks.append(given)
        for place in places(given):
            if len(walks) == 1:
                shutil.rmtree(root / "a")
            yield place

    monkeypatch.setattr(paths, "places", found_too_early)
    watched = Watched(observer, path)
    path.parent.mkdir(parents=True)
    assert watched.noticed() != []
    path.write_text("a = 1\n")
    assert watched.noticed() != []


def test_a_directory_that_is_moved_away_and_back(watched, main, root):
    """At the other place it is nobody's."""
    root.rename(root.with_name("away"))
    assert watched.noticed() != []
    (root.with_name("away") / "config.toml").write_text("x")
    assert watched.noticed() == []
    root.with_name("away").rename(root)
    assert watched.noticed() != []
    main.write_text("a = 2\n")
    assert watched.noticed() == ["config.toml"]


def test_a_way_that_changed_unnoticed_is_found_again(watched, main, root, tmp_path, observer):
    """Directories far up are not watched: what the reconcile finds leads to watching anew."""
    far = root.parents[1]
    moved = far.with_name(far.name + "-moved")
    far.rename(moved)
    try:
        assert watched.noticed() == []
        root.mkdir(parents=True)
        main.write_text("new")
        observer.rearm(watched.owner)
        main.write_text("newer")
        assert watched.noticed() == ["config.toml"]
        (moved / "home" / "etc" / "config.toml").write_text("old")
        assert watched.noticed() == []
    finally:
        shutil.rmtree(moved)


def test_a_file_in_the_place_of_a_directory(observer, root):
    """It may become one."""
    (root / "d").touch()
    watched = Watched(observer, root / "d" / "config.toml")
    (root / "d").unlink()
    (root / "d").mkdir()
    (root / "d" / "config.toml").touch()
    assert watched.noticed() != []
    (root / "d" / "config.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]


def test_a_file_in_the_place_of_a_directory_that_goes_while_it_is_looked_at(observer, root, monkeypatch):
    """A directory takes its place at that moment, with all that belongs there."""
    path, fresh = root / "a" / "b" / "c" / "config.toml", root / "fresh"
    (root / "a").touch()
    (fresh / "b" / "c").mkdir(parents=True)
    (fresh / "b" / "c" / "config.toml").touch()
    is_file = os.path.isfile

    def is_file_no_more(given):
        found = is_file(given)
        if found and os.fspath(given) == str(root / "a"):
            (root / "a").unlink()
            fresh.rename(root / "a")
        return found

    monkeypatch.setattr(os.path, "isfile", is_file_no_more)
    watched = Watched(observer, path)
    assert watched.noticed() != []
    path.write_text("x")
    assert watched.noticed() == ["config.toml"]


def test_a_glob_hears_only_names_that_it_could_match(root, main, observer):
    """Whoever writes other files beside the configuration does not wake it."""
    watched = Watched(observer, main, "*.toml")
    for _ in range(3):
        (root / "noise.txt").write_text("x")
    assert watched.noticed() == []
    (root / "more.toml").write_text("")
    assert "?" in watched.noticed()


def test_a_directory_in_the_place_of_the_file(watched, main, observer):
    """Its own files are written without waking anybody; when it goes away, that is noticed."""
    main.unlink()
    main.mkdir()
    assert "config.toml" in watched.noticed()
    with (main / "busy.log").open("w") as log:
        watched.noticed()
        log.write("x")
        log.flush()
        assert is_quiet(observer)
    (main / "busy.log").unlink()
    main.rmdir()
    main.touch()
    assert watched.noticed() == ["?"]  # whatever comes after a thing that is no file has to be looked at
    main.write_text("x")
    assert watched.noticed() == ["config.toml"]


def test_a_device_in_the_place_of_the_file(watched, main):
    """The whole system writes to `/dev/null`: that is nobody's change. When something else comes, it is noticed."""
    relink(main, os.devnull)
    assert "config.toml" in watched.noticed()
    Path(os.devnull).write_text("x")
    assert watched.noticed() == []
    relink(main, "other.toml")
    assert watched.noticed() == ["?"]
    main.with_name("other.toml").write_text("x")
    assert "config.toml" in watched.noticed()


# Links


def test_each_link_of_a_chain_is_noticed(observer, root):
    """Links to files and to directories, absolute and relative: all of them, and what they lead to."""
    for version in ("v1", "v2"):
        (root / "data" / version).mkdir(parents=True)
        (root / "data" / version / "real.toml").touch()
        (root / "data" / version / "also.toml").touch()
        (root / "data" / version / "file.toml").symlink_to("real.toml")
    (root / "data" / "now").symlink_to("v1")
    (root / "config.toml").symlink_to(root / "data" / "now" / "file.toml")
    watched = Watched(observer, root / "config.toml")
    (root / "data" / "v1" / "real.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]
    relink(root / "data" / "v1" / "file.toml", "also.toml")
    assert watched.noticed() == ["config.toml"]
    (root / "data" / "v1" / "also.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]
    relink(root / "data" / "now", "v2")
    assert watched.noticed() == ["config.toml"]
    (root / "data" / "v1" / "also.toml").write_text("y")
    assert watched.noticed() == []
    (root / "data" / "v2" / "real.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]
    relink(root / "config.toml", "plain.toml")
    assert watched.noticed() == ["config.toml"]
    (root / "plain.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]
    relink(root / "data" / "now", "v1")
    assert watched.noticed() == []


def test_a_config_map_is_noticed(observer, root):
    """Kubernetes touches no watched name but `..data`: each file that leads through it changed."""
    for version, text in (("..v1", "1"), ("..v2", "2")):
        (root / version).mkdir()
        (root / version / "config.toml").write_text(text)
        (root / version / "a.toml").write_text(text)
    (root / "..data").symlink_to("..v1")
    (root / "config.toml").symlink_to("..data/config.toml")
    (root / "a.toml").symlink_to("..data/a.toml")
    watched = Watched(observer, root / "config.toml", "a.toml")
    relink(root / "..data", "..v2")
    shutil.rmtree(root / "..v1")
    assert watched.noticed()[:2] == ["a.toml", "config.toml"]
    (root / "..v3").mkdir()
    relink(root / "..data", "..v3")
    assert watched.noticed()[:2] == ["a.toml", "config.toml"]


def test_a_link_that_is_removed_and_made_anew(observer, root):
    """As stow does."""
    (root / "dotfiles").mkdir()
    (root / "dotfiles" / "config.toml").touch()
    main = root / "config.toml"
    main.symlink_to("dotfiles/config.toml")
    watched = Watched(observer, main)
    main.unlink()
    assert watched.noticed() == ["config.toml"]
    main.symlink_to("dotfiles/config.toml")
    assert watched.noticed() == ["config.toml"]
    (root / "dotfiles" / "config.toml").write_text("x")
    assert watched.noticed() == ["config.toml"]


def test_a_dangling_link_waits_for_its_target(observer, root):
    """Wherever that is."""
    (root / "far").mkdir()
    (root / "config.toml").symlink_to("far/real.toml")
    watched = Watched(observer, root / "config.toml")
    (root / "far" / "real.toml").touch()
    assert watched.noticed() == ["config.toml"]


def test_a_loop_of_links_that_is_undone(observer, root):
    """A mistake that lasts for a while."""
    main = root / "config.toml"
    main.symlink_to("config.toml")
    watched = Watched(observer, main)
    main.unlink()
    main.touch()
    assert watched.noticed() == ["config.toml"]


def test_a_hard_link_is_noticed(watched, main, root):
    """The same file under another name, in another directory."""
    (root.parent / "elsewhere").mkdir()
    os.link(main, root.parent / "elsewhere" / "name")
    watched.noticed()
    (root.parent / "elsewhere" / "name").write_text("x")
    assert watched.noticed() == ["config.toml"]


@contextlib.contextmanager
def mounted(*arguments: object):
    """A mount for the time being; skips where that is not allowed."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root")
    if subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(arguments[-1])], check=True)


def test_a_bind_mounted_file_is_noticed_at_its_source(observer, root, main):
    """As containers get theirs: no name in their own directory changes."""
    source = root.parent / "source.toml"
    source.write_text("x")
    with mounted("--bind", source, main):
        watched = Watched(observer, main)
        source.write_text("y")
        assert watched.noticed() == ["config.toml"]
        observer.disarm(watched.owner)


def test_a_file_system_that_is_mounted_over_and_unmounted(watched, main, root, observer):
    """Mounting tells nobody; watching anew finds the file that is on the way now."""
    with mounted("-t", "tmpfs", "none", root):
        main.write_text("x")
        assert watched.noticed() == []
        observer.rearm(watched.owner)
        main.write_text("y")
        assert watched.noticed() == ["config.toml"]
    observer.read(nobody)
    observer.rearm(watched.owner)
    main.write_text("z")
    assert watched.noticed() == ["config.toml"]


# Folders of fragments


def test_a_new_fragment_is_noticed(observer, main, root):
    """In a directory by its ending; others mean nothing. A hidden one may be meant: the directory is compared."""
    (root / "conf.d").mkdir()
    watched = Watched(observer, main, "conf.d")
    for name in (".a.toml.swp", "a.toml~", "a.txt", "4913"):
        (root / "conf.d" / name).touch()
    assert watched.noticed() == []
    (root / "conf.d" / ".a.toml").touch()
    assert watched.noticed() == ["?"]
    (root / "conf.d" / "a.toml").touch()
    assert watched.noticed() == ["?"]
    assert watched.arm()
    (root / "conf.d" / "a.toml").write_text("x")
    assert "a.toml" in watched.noticed()
    (root / "conf.d" / "a.toml").unlink()
    assert watched.noticed() == ["a.toml", "?"]


def test_a_new_match_of_a_glob_is_noticed(observer, main, root):
    """Whatever its ending."""
    (root / "conf.d").mkdir()
    watched = Watched(observer, main, "conf.d/*.conf")
    (root / "conf.d" / "a.conf").touch()
    assert watched.noticed() == ["?"]


def test_a_folder_that_appears_later(observer, main, root):
    """Listed as a directory it is a file to wait for at first; either way its fragments are noticed from then on."""
    watched = Watched(observer, main, "conf.d")
    assert watched.noticed() == []
    (root / "conf.d").mkdir()
    assert watched.noticed() == ["conf.d"]
    assert watched.arm()
    (root / "conf.d" / "a.toml").touch()
    assert watched.noticed() == ["?"]


def test_a_folder_of_a_glob_that_appears_later(observer, main, root):
    """It is no file of the set: that it appears is a reason to compare, not a change."""
    watched = Watched(observer, main, "conf.d/*.toml")
    (root / "conf.d").mkdir()
    (root / "conf.d" / "a.toml").touch()
    assert watched.noticed() == ["?"]
    assert watched.arm()
    shutil.rmtree(root / "conf.d")
    assert watched.noticed() == ["a.toml", "?"]
    (root / "conf.d").mkdir()
    assert watched.noticed() == ["?"]


def test_a_folder_behind_a_link(observer, main, root):
    """A release that is swapped by one link, with all its fragments."""
    for version in ("v1", "v2"):
        (root / version).mkdir()
    (root / "conf.d").symlink_to("v1")
    watched = Watched(observer, main, "conf.d")
    (root / "v1" / "a.toml").touch()
    assert watched.noticed() == ["?"]
    relink(root / "conf.d", "v2")
    assert watched.noticed() == ["?"]
    (root / "v2" / "a.toml").touch()
    assert watched.noticed() == ["?"]


def test_a_neighbour_in_a_folder_that_writes_wakes_nobody(observer, main, root):
    """Also where the folder was waited for as a file."""
    watched = Watched(observer, main, "conf.d")
    (root / "conf.d").mkdir()
    with (root / "conf.d" / "busy.log").open("w") as log:
        watched.noticed()
        watched.arm()
        watched.noticed()
        log.write("x")
        log.flush()
        assert is_quiet(observer)


def test_a_thousand_fragments(observer, main, root):
    """One watch each and a few for their directory; the one that is saved is noticed; all are given back."""
    folder = root / "conf.d"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number:04}.toml").touch()
    watched = Watched(observer, main, "conf.d")
    assert 1001 <= watches(observer) <= 1006
    (folder / "0500.toml").write_text("x")
    assert "0500.toml" in watched.noticed()
    assert not watched.arm()
    swap_directories(folder)
    assert watched.noticed()[-1] == "?"
    (folder / "0999.toml").write_text("x")
    assert "0999.toml" in watched.noticed()
    observer.disarm(watched.owner)
    assert watches(observer) == 0


# Several owners


def test_owners_share_directories_and_files(observer, root, main):
    """Each hears of its own; when one leaves, the others go on."""
    one, two = Watched(observer, main), Watched(observer, main)
    other = Watched(observer, root / "other.toml")
    count = watches(observer)
    main.write_text("x")
    assert touched(observer) == {one.owner, two.owner}
    observer.disarm(one.owner)
    assert watches(observer) == count
    main.write_text("y")
    assert touched(observer) == {two.owner}
    (root / "other.toml").touch()
    assert touched(observer) == {other.owner}
    observer.disarm(two.owner)
    observer.disarm(other.owner)
    assert watches(observer) == 0


def test_two_names_of_one_file(observer, root, main):
    """Links and hard links to one file: each owner hears of it under its own name."""
    os.link(main, root / "hard.toml")
    (root / "soft.toml").symlink_to("config.toml")
    owners = [Watched(observer, root / name) for name in ("config.toml", "hard.toml", "soft.toml")]
    main.write_text("x")
    found = observer.read(nobody)
    assert [list(found[each.owner].touched) for each in owners] == [[each.main] for each in owners]


def test_arming_again_gives_back_what_is_not_needed(observer, main, root):
    """Files that are not listed any more are not watched any more."""
    (root / "far").mkdir()
    (root / "far" / "a.toml").touch()
    watched = Watched(observer, main, "far/a.toml", "far")
    before = watches(observer)
    watched.patterns = ()
    assert not watched.arm()
    assert watches(observer) < before
    (root / "far" / "a.toml").write_text("x")
    assert watched.noticed() == []


def test_arming_tells_what_is_watched_only_now(observer, main, root):
    """Whoever arms compares these, and no others, with what was read before."""
    watched = Watched(observer, main)
    assert not watched.arm()
    watched.patterns = ("a.toml",)
    assert watched.arm()
    observer.disarm(watched.owner)
    assert watched.arm()


def test_no_watch_is_left_behind(watched, main, root, observer):
    """After whatever happened to the file, its directory and its links."""
    for act in (swap_directories, remove_and_recreate, move_the_parent):
        act(root)
        watched.noticed()
    for number in range(20):
        relink(main, f"target{number % 3}")
        watched.noticed()
        replace(main, "x")
        watched.noticed()
    assert watches(observer) <= 4
    observer.disarm(watched.owner)
    assert watches(observer) == 0


# Overflow, limits and the kernel's side


def test_an_overflow_means_look_at_everything(observer, main, root, monkeypatch):
    """Events were lost, of whom is not said: every owner compares, whatever was being written is touched."""
    one, two = Watched(observer, main), Watched(observer, root / "other.toml")
    with main.open("a") as file:
        file.write("x")
        file.flush()
        observer.read(nobody)
        with monkeypatch.context() as patch:
            patch.setattr(Inotify, "read", lambda self: [Event(-1, inotify.Q_OVERFLOW, "")])
            found = observer.read(nobody)
    assert {owner: (list(changes.touched), changes.compare) for owner, changes in found.items()} == {
        one.owner: ([main], True),
        two.owner: ([], True),
    }
    assert found[one.owner].arrivals == {}
    observer.read(nobody)
    main.write_text("y")
    assert one.noticed() == ["config.toml"]


def test_a_real_overflow(watched, main, root):
    """More events than the kernel keeps; meanwhile the file was replaced, and nothing tells of it."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip("the queue is too long to be filled in a test")
    for number in range(limit // 2 + 10):
        name = root / str(number)
        name.touch()
        name.unlink()
    replace(main, "new")
    assert watched.noticed() == ["?"]
    main.write_text("newer")
    assert watched.noticed() == ["config.toml"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.ENOSPC, "the limit of inotify watches is reached (fs.inotify.max_user_watches)"),
        (errno.ENOMEM, "Cannot allocate memory: {}"),
        (errno.ENOSYS, "Function not implemented: {}"),
        (errno.EPERM, "Operation not permitted: {}"),
        (errno.EINTR, "Interrupted system call: {}"),
    ],
)
def test_a_watch_that_is_refused_is_told_and_tried_again(observer, main, monkeypatch, code, told):
    """Trouble lasts until everything is watched, not only until the next load. It names the call."""

    def refuse(*_):
        raise OSError(code, f"inotify_add_watch: {os.strerror(code)}")

    with monkeypatch.context() as patch:
        patch.setattr(linux, "inotify_add_watch", refuse)
        watched = Watched(observer, main)
        assert observer.trouble(watched.owner) == "inotify_add_watch: " + told.format(main)
        assert not watched.arm()
        assert observer.trouble(watched.owner) is not None
    assert not watched.arm()
    assert observer.trouble(watched.owner) is None
    main.write_text("x")
    assert watched.noticed() == ["config.toml"]


def test_trouble_of_one_file_is_not_forgotten_over_the_others(observer, main, root, monkeypatch):
    """A second load, which watches nothing new, changes nothing about the first fragment."""
    real = Inotify.add

    def refuse(self, path, mask):
        if path.endswith("a.toml"):
            raise OSError(errno.ENOSPC, "full", path)
        return real(self, path, mask)

    (root / "a.toml").touch()
    monkeypatch.setattr(Inotify, "add", refuse)
    watched, other = Watched(observer, main, "a.toml"), Watched(observer, main)
    assert not watched.arm()
    assert observer.trouble(watched.owner) is not None
    assert observer.trouble(other.owner) is None
    observer.disarm(watched.owner)
    assert observer.trouble(watched.owner) is None


def test_trouble_lasts_while_the_way_is_watched_anew(observer, main, monkeypatch):
    """Whoever asks in the midst of that, from another thread, is not told that all is well."""
    owners: list[object] = []
    told: list[str | None] = []

    def refuse(self, path, mask):
        told.extend(observer.trouble(owner) for owner in owners)
        raise OSError(errno.ENOSPC, "full", path)

    monkeypatch.setattr(Inotify, "add", refuse)
    watched = Watched(observer, main)
    watched.arm()
    owners.append(watched.owner)
    observer.rearm(watched.owner)
    assert told
    assert None not in told


def test_a_directory_that_may_not_be_watched_is_told(observer, main, root, monkeypatch):
    """Changes in it are found by looking only."""
    real = Inotify.add

    def refuse(self, path, mask):
        if path == os.fspath(root):
            raise OSError(errno.EACCES, "no", path)
        return real(self, path, mask)

    monkeypatch.setattr(Inotify, "add", refuse)
    watched = Watched(observer, main)
    assert observer.trouble(watched.owner) == f"no: {root}"


def test_events_for_watches_that_are_gone_mean_nothing(watched, main, observer):
    """What was on the way when the last owner left."""
    main.write_text("x")
    observer.disarm(watched.owner)
    assert watched.noticed() == []
    assert watches(observer) == 0


# The kernel's words


def test_all_events_are_read_at_once(root):
    """However many buffers they fill, names and all."""
    kernel = Inotify()
    wd = kernel.add(os.fspath(root), inotify.CREATE)
    names = [f"{number:0250}" for number in range(1000)]
    for name in names:
        (root / name).touch()
    assert kernel.read() == [Event(wd, inotify.CREATE, name) for name in names]
    assert kernel.read() == []
    kernel.close()


def test_what_cannot_be_watched_raises(root):
    """With the error number and the path; a file where only directories are wanted as well."""
    kernel = Inotify()
    with pytest.raises(FileNotFoundError) as missing:
        kernel.add(os.fspath(root / "missing"), inotify.CREATE)
    assert missing.value.filename == os.fspath(root / "missing")
    (root / "file").touch()
    with pytest.raises(NotADirectoryError):
        kernel.add(os.fspath(root / "file"), inotify.CREATE | inotify.ONLYDIR)
    kernel.close()
    with pytest.raises(OSError, match="the program closed a descriptor"):
        kernel.add(os.fspath(root), inotify.CREATE)


def test_closing_and_removing_twice_is_no_error(root):
    """The kernel may have dropped a watch before."""
    kernel = Inotify()
    wd = kernel.add(os.fspath(root), inotify.CREATE)
    kernel.remove(wd)
    kernel.remove(wd)
    assert [event.mask for event in kernel.read()] == [inotify.IGNORED]
    kernel.close()
    kernel.close()
    kernel.remove(wd)


def test_children_do_not_inherit_it():
    """A program that is executed gets no descriptor of ours."""
    kernel = Inotify()
    assert not os.get_inheritable(kernel.descriptor)
    assert not os.get_blocking(kernel.descriptor)
    kernel.close()
