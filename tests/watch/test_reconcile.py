"""When files are looked at, and the look at those of many watchers at once: it misses nothing and starves nobody."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotconf.sources.files import reading
from hotconf.watch.crowd import Crowd
from hotconf.watch.reconcile import NEVER, Reconcile
from waiting import wait_until

PERIOD = 1_000
FAR_NS = 1 << 62
"""A look may take as long as it likes."""


class Owner:
    """A watcher of some regular files, who counts how often they are looked at closely."""

    def __init__(self, *paths: Path, period: int = PERIOD) -> None:
        self.reconcile_ns = period
        self.watching = True
        self.paths = paths
        self.cache = SimpleNamespace(plain=plain(*paths))
        self.looks = 0


def plain(*paths: Path) -> tuple[reading.Plain, ...]:
    """As they are now."""
    return tuple((os.fspath(path), reading.look(path).stamp.identity) for path in paths)


@pytest.fixture
def paths(tmp_path):
    """Five files."""
    paths = [tmp_path / str(nth) / "config.toml" for nth in range(5)]
    for path in paths:
        path.parent.mkdir()
        path.write_text("n = 1\n")
    return paths


@pytest.fixture
def observer():
    """One that hears everything."""
    return SimpleNamespace(native=True, troubled=False)


# In one go


@pytest.fixture
def owners(paths):
    """One for each file."""
    return [Owner(path) for path in paths]


@pytest.fixture
def crowd(observer, owners):
    """Of all of them."""
    crowd = Crowd(observer, PERIOD, 0)
    for owner in owners:
        crowd.add(owner, owner.cache.plain)
    return crowd


def test_nothing_differs(crowd):
    """As long as nothing happens to the files; and no more the second time."""
    assert [crowd.look(FAR_NS) for _ in range(3)] == [([], True)] * 3


def replace(path: Path) -> None:
    """By a file with the same content and time."""
    other = path.with_name("other")
    other.write_text("n = 1\n")
    kept = path.stat()
    os.utime(other, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    other.replace(path)


def restore_times(path: Path) -> None:
    """After writing as many bytes."""
    kept = path.stat()
    path.write_text("n = 2\n")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def replace_directory(path: Path) -> None:
    """And write to the same file in the new one."""
    path.parent.rename(path.parent.with_name("old"))
    path.parent.mkdir()
    os.link(path.parent.with_name("old") / path.name, path)
    path.write_text("n = 2\n")


def tick(path: Path) -> None:
    """Wait until what is changed now has another time than `path`: the clock of a file system ticks rarely."""
    probe = path.parent.with_name("probe")

    def ticked() -> bool:
        probe.touch()
        return probe.stat().st_ctime_ns > path.stat().st_ctime_ns

    wait_until(ticked)


CHANGES = {
    "written": lambda path: path.write_text("n = 22\n"),
    "written in the same length, its time set back": restore_times,
    "replaced by one like it": replace,
    "removed": Path.unlink,
    "its mode": lambda path: path.chmod(0o600),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a loop of links": lambda path: (path.unlink(), path.symlink_to(path)),
    "long ago": lambda path: os.utime(path, ns=(0, -1)),
    "its directory removed": lambda path: (path.unlink(), path.parent.rmdir()),
    "its directory replaced": replace_directory,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("nth", [0, 2, 4])
def test_whatever_becomes_of_a_file(crowd, owners, paths, nth, change):
    """It is told whose it is, and of no other."""
    tick(paths[nth])
    change(paths[nth])
    assert crowd.look(FAR_NS) == ([owners[nth]], True)


def test_one_of_several_files(observer, paths):
    """Who has several is told once."""
    one, two = Owner(*paths[:3]), Owner(*paths[3:])
    crowd = Crowd(observer, PERIOD, 0)
    crowd.add(one, one.cache.plain)
    crowd.add(two, two.cache.plain)
    for path in paths[1:3]:
        path.unlink()
    assert crowd.look(FAR_NS) == ([one], True)


def test_a_state_of_long_ago_is_one_like_any_other(observer, paths):
    """Times may be from before 1970."""
    os.utime(paths[0], ns=(-1, -1))
    owner = Owner(paths[0])
    crowd = Crowd(observer, PERIOD, 0)
    crowd.add(owner, owner.cache.plain)
    assert crowd.look(FAR_NS) == ([], True)


def test_a_look_without_time_goes_on_the_next_time(crowd, owners, paths):
    """One file at the least, so that it ends, even beside threads that never pause."""
    for path in paths[::2]:
        path.unlink()
    assert [crowd.look(0) for _ in paths] == [
        ([owners[0]], False),
        ([], False),
        ([owners[2]], False),
        ([], False),
        ([owners[4]], True),
    ]


def test_who_comes_and_goes_amid_a_look_does_not_begin_it_anew(crowd, owners, paths):
    """Or the last ones would never be looked at. Who is gone is not told, and who came was looked at just now."""
    paths[1].unlink()
    paths[4].unlink()
    newcomer = Owner(paths[3])
    assert crowd.look(0) == ([], False)
    crowd.drop(owners[1])
    crowd.add(newcomer, newcomer.cache.plain)
    assert [crowd.look(0) for _ in range(4)] == [([], False), ([], False), ([], False), ([owners[4]], True)]
    paths[3].unlink()
    assert set(crowd.look(FAR_NS)[0]) == {owners[3], owners[4], newcomer}


# In turn


class World:
    """`Reconcile` over some owners, all with the same observer."""

    def __init__(self, observer: Any) -> None:
        self.observer = observer
        self.observers: dict[Any, Any] = {}
        self.looks = Reconcile(self.observers, self._closely)
        self.cost_ns = 0

    def join(self, *owners: Owner, now: int = 0) -> None:
        for owner in owners:
            self.observers[owner] = self.observer
            self.looks.add(owner, now)

    def _closely(self, owner: Any) -> None:
        owner.looks += 1
        until = time.monotonic_ns() + self.cost_ns
        while time.monotonic_ns() < until:
            pass


@pytest.fixture
def world(observer):
    """Nobody is in it."""
    return World(observer)


def closely(owners) -> list[int]:
    """How often each was looked at closely."""
    return [owner.looks for owner in owners]


@pytest.fixture
def calm(monkeypatch):
    """A machine on which no look is dear."""
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", FAR_NS)
    monkeypatch.setattr("hotconf.watch.reconcile._TURN_NS", FAR_NS)


def test_who_was_looked_at_once_is_looked_at_in_the_crowd(world, owners, paths, calm):
    """Until something differs; and every time, at the common ticks."""
    world.join(*owners)
    assert world.looks.next == world.looks.wakes() == PERIOD
    world.looks.look(PERIOD)
    assert closely(owners) == [1] * 5
    for nth in range(2, 5):
        assert world.looks.next == world.looks.wakes() == nth * PERIOD
        world.looks.look(nth * PERIOD)
    assert closely(owners) == [1] * 5
    paths[3].unlink()
    world.looks.look(5 * PERIOD)
    assert closely(owners) == [1, 1, 1, 2, 1]


def test_other_files_are_looked_at_closely_first(world, owners, paths, calm):
    """A load has read what is not known here."""
    world.join(*owners)
    world.looks.look(PERIOD)
    paths[0].write_text("n = 22\n")
    owners[0].cache.plain = plain(paths[0])
    world.looks.add(owners[0], PERIOD + 1)
    for nth in (2, 3):
        world.looks.look(nth * PERIOD)
    assert closely(owners) == [2, 1, 1, 1, 1]


@pytest.mark.parametrize("why", ["links", "trouble", "deaf", "off"])
def test_who_needs_more_than_a_glance_is_looked_at_closely(world, owners, calm, why):
    """Every time: links lead there, watches are to be tried again, nobody tells, or hot reload may be on by then."""
    world.observer.troubled, world.observer.native = why == "trouble", why != "deaf"
    if why == "links":
        owners[0].cache.plain = ()
    owners[0].watching = why != "off"
    world.join(owners[0])
    for nth in (1, 2, 3):
        world.looks.look(nth * PERIOD)
    assert closely(owners[:1]) == [3]


def test_trouble_that_comes_later(world, owners, calm):
    """It may be anyone's: all are looked at closely until it is over."""
    world.join(*owners)
    for nth in range(1, 7):
        world.observer.troubled = nth in (3, 4)
        world.looks.look(nth * PERIOD)
    assert closely(owners) == [4] * 5  # once more when it is over


def test_who_does_not_watch_wakes_nobody(world, owners, calm):
    """Hot reload is off."""
    owners[0].watching = False
    world.join(owners[0])
    assert world.looks.wakes() == NEVER
    world.join(owners[1])
    assert world.looks.wakes() == PERIOD


def test_who_has_left_is_not_looked_at(world, owners, paths, calm):
    """From a crowd, or from outside; after the last one nothing is due."""
    world.join(*owners)
    world.looks.drop(owners[0])
    world.looks.look(PERIOD)
    for owner in owners:
        world.looks.drop(owner)
    paths[1].unlink()
    world.looks.look(2 * PERIOD)
    assert closely(owners) == [0, 1, 1, 1, 1]
    assert world.looks.next == world.looks.wakes() == NEVER


def test_each_as_often_as_it_wants(world, paths, calm):
    """Crowds are of those who are looked at equally often."""
    often, rarely = Owner(paths[0]), Owner(paths[1], period=3 * PERIOD)
    world.join(often, rarely)
    for nth in (1, 2, 3):
        world.looks.look(nth * PERIOD)
    paths[0].unlink()
    paths[1].unlink()
    for nth in (4, 5):
        world.looks.look(nth * PERIOD)
    assert (often.looks, rarely.looks) == (3, 1)
    world.looks.look(6 * PERIOD)
    assert (often.looks, rarely.looks) == (4, 2)


@pytest.mark.parametrize("dear", [False, True])
def test_a_look_that_takes_long_is_interrupted(world, owners, monkeypatch, dear):
    """What happened meanwhile is heard between two of them, and each has its turn."""
    monkeypatch.setattr("hotconf.watch.reconcile._TURN_NS", 0)
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", 0 if dear else FAR_NS)
    world.join(*owners)
    for looks in range(1, 6):
        assert world.looks.next <= PERIOD
        world.looks.look(PERIOD)
        assert sorted(closely(owners)) == [0] * (5 - looks) + [1] * looks
    assert world.looks.next > PERIOD


def test_a_crowd_that_takes_long_leaves_the_others_their_turn(world, owners, paths, calm, monkeypatch):
    """Even if it is due again at once."""
    world.join(*owners[:4])
    world.looks.look(PERIOD)
    owners[4].cache.plain = ()
    world.join(owners[4], now=PERIOD)
    monkeypatch.setattr("hotconf.watch.reconcile._TURN_NS", 0)
    for nth in range(2, 6):
        world.looks.look(nth * PERIOD)
    assert owners[4].looks == 4
    paths[3].unlink()
    for nth in range(6, 11):
        world.looks.look(nth * PERIOD)
    assert closely(owners[:4]) == [1, 1, 1, 2]


def test_dear_looks_are_rare_and_not_in_a_crowd(world, owners, monkeypatch):
    """What they cost is to be measured each time."""
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", 0)
    world.cost_ns = 1_000_000
    world.join(owners[0])
    world.looks.look(PERIOD)
    assert world.looks.next > PERIOD * 1_000
    world.looks.look(world.looks.next)
    assert closely(owners[:1]) == [2]


def test_a_look_that_fails_stops_no_other(world, owners, caplog, calm):
    """It is a fault of ours, and is told as one."""
    owners[0].looks = None
    world.join(*owners)
    world.looks.look(PERIOD)
    assert closely(owners[1:]) == [1] * 4
    assert "Internal error in the driver" in caplog.text
