"""When files are compared: nobody is forgotten, nobody starves the others, and big trees are compared rarely."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotconf.sources.base import FileSet
from hotconf.sources.files.paths import Member
from hotconf.system.wait import NEVER
from hotconf.watch.reconcile import Reconcile

PERIOD = 1_000
FAR_NS = 1 << 62
"""A comparison may take as long as it likes."""
SOME = FileSet.of(Path("/config.toml"))
NONE = FileSet((Member(Path("/(etcd)/shop/prod"), "virtual"),))
"""Of a watcher whose only source is no file."""


class Owner:
    """A watcher that counts how often its files are compared."""

    def __init__(self, period: int = PERIOD, files: FileSet = SOME) -> None:
        self.reconcile_ns = period
        self.cache: Any = SimpleNamespace(files=files)
        self.compared = 0


class World:
    """A schedule over some owners."""

    def __init__(self) -> None:
        self.schedule = Reconcile(self.compare)
        self.cost_ns = 0

    def join(self, *owners: Owner, now: int = 0) -> None:
        for owner in owners:
            self.schedule.add(owner, now)

    def run(self, until: int) -> int:
        """Let that time come; how often something was due."""
        count = 0
        while (now := self.schedule.next) <= until:
            self.schedule.run(now)
            count += 1
        return count

    def compare(self, owner: Any) -> None:
        owner.compared += 1
        until = time.monotonic_ns() + self.cost_ns
        while time.monotonic_ns() < until:
            pass


@pytest.fixture
def world():
    """Nobody is in it."""
    return World()


@pytest.fixture
def owners():
    """Five of them."""
    return [Owner() for _ in range(5)]


@pytest.fixture
def calm(monkeypatch):
    """A machine on which no comparison is dear."""
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", FAR_NS)
    monkeypatch.setattr("hotconf.watch.reconcile._TURN_NS", FAR_NS)


def compared(owners) -> list[int]:
    """How often the files of each were compared."""
    return [owner.compared for owner in owners]


def test_each_is_compared_at_every_common_tick(world, owners, calm):
    """Many watchers wake the process no more often than one."""
    for nth, owner in enumerate(owners):
        world.join(owner, now=nth)
    for nth in range(1, 4):
        assert world.schedule.next == nth * PERIOD
        world.schedule.run(nth * PERIOD)
        assert compared(owners) == [nth] * 5


def test_who_has_left_is_compared_no_more(world, owners, calm):
    """After the last one nothing is due."""
    world.join(*owners)
    world.schedule.drop(owners[0])
    world.schedule.run(PERIOD)
    for owner in owners:
        world.schedule.drop(owner)
    world.schedule.run(2 * PERIOD)
    assert compared(owners) == [0, 1, 1, 1, 1]
    assert world.schedule.next == NEVER


def test_who_leaves_during_a_comparison_is_compared_no_more(world, owners, calm):
    """A comparison may lead to anything, also to the end of another watcher."""
    world.join(*owners)
    world.schedule = Reconcile(lambda owner: world.schedule.drop(owners[4]) or world.compare(owner))
    world.join(*owners)
    world.schedule.run(PERIOD)
    world.schedule.run(2 * PERIOD)
    assert compared(owners) == [2, 2, 2, 2, 0]


def test_each_as_often_as_it_wants(world, calm):
    """Their periods may differ."""
    often, rarely = Owner(), Owner(3 * PERIOD)
    world.join(often, rarely)
    for nth in range(1, 7):
        world.schedule.run(nth * PERIOD)
    assert (often.compared, rarely.compared) == (6, 2)


def test_where_there_are_no_files_nothing_is_ever_due(world, calm):
    """Neither at the start nor later; those of others are compared as ever."""
    without, other = Owner(files=NONE), Owner()
    world.join(without)
    assert world.schedule.next == NEVER
    assert world.run(1_000 * PERIOD) == 0
    world.join(other)
    assert world.run(10 * PERIOD) == 10
    assert compared([without, other]) == [0, 10]


@pytest.mark.parametrize(
    "files",
    [
        NONE._replace(patterns=("/secrets/*",)),
        NONE._replace(folders=("/secrets",)),
        NONE._replace(members=(*NONE.members, Member(Path("/.env"), "layer"))),
        NONE._replace(members=(*NONE.members, Member(Path("/key.pem"), "named"))),
    ],
    ids=["patterns", "folders", "layer", "named"],
)
def test_files_that_come_later_are_compared_and_those_that_go_no_more(world, calm, files):
    """Each load says which there are; to say so again puts off no comparison."""
    owner = Owner(files=NONE)
    world.join(owner)
    owner.cache.files = files
    world.join(owner, now=10 * PERIOD)
    assert world.run(20 * PERIOD) == 10
    for now in range(20 * PERIOD + 1, 21 * PERIOD, 7):
        world.join(owner, now=now)
    assert world.run(21 * PERIOD) == 1
    owner.cache.files = NONE
    world.join(owner, now=21 * PERIOD)
    assert world.schedule.next == NEVER


@pytest.mark.parametrize("dear", [False, True])
def test_a_run_that_takes_long_is_interrupted(world, owners, monkeypatch, dear):
    """What happened meanwhile is read between two comparisons, and each has its turn."""
    monkeypatch.setattr("hotconf.watch.reconcile._TURN_NS", 1)
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", 0 if dear else FAR_NS)
    world.join(*owners)
    for runs in range(1, 6):
        assert world.schedule.next <= PERIOD
        world.schedule.run(PERIOD)
        assert sorted(compared(owners)) == [0] * (5 - runs) + [1] * runs
    assert world.schedule.next > PERIOD


def test_dear_comparisons_are_rare(world, owners, monkeypatch):
    """A big tree is compared less often."""
    monkeypatch.setattr("hotconf.watch.reconcile._CHEAP_NS", 0)
    world.cost_ns = 1_000_000
    world.join(owners[0])
    world.schedule.run(PERIOD)
    world.join(owners[0], now=PERIOD)  # as after each load
    assert world.schedule.next > PERIOD * 1_000
    world.schedule.run(world.schedule.next)
    assert compared(owners[:1]) == [2]


def test_a_comparison_that_fails_stops_no_other(world, owners, caplog, calm):
    """It is a fault of ours, and is logged as one."""
    owners[0].compared = None
    world.join(*owners)
    world.schedule.run(PERIOD)
    assert compared(owners[1:]) == [1] * 4
    assert "Internal error in the driver" in caplog.text
