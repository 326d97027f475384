"""When files are compared: nobody is forgotten, nobody starves the others, and big trees are compared rarely."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hotconf.system.wait import NEVER
from hotconf.watch.reconcile import Reconcile

PERIOD = 1_000
FAR_NS = 1 << 62
"""A comparison may take as long as it likes."""


class Owner:
    """A watcher that counts how often its files are compared."""

    def __init__(self, period: int = PERIOD) -> None:
        self.reconcile_ns = period
        self.compared = 0


class World:
    """A schedule over some owners."""

    def __init__(self) -> None:
        self.schedule = Reconcile(self.compare)
        self.cost_ns = 0

    def join(self, *owners: Owner, now: int = 0) -> None:
        for owner in owners:
            self.schedule.add(owner, now)

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
