"""What a watcher counts and measures."""

from __future__ import annotations

from dataclasses import fields

import pytest

from hotconf.events import ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Problem
from hotconf.snapshot import Timings
from hotconf.subscribers.stats import CAPACITY, Meter, PhaseStats

FAILED = ReloadFailed("bad", "syntax", (Problem("bad"),))


def success(**timings: float) -> ReloadSuccess:
    """A success with these timings."""
    return ReloadSuccess(1, (), (), timings=Timings(**timings))


def test_nothing_has_happened_yet():
    """Zeros, for every ending and every phase, and how changes are noticed."""
    stats = Meter().stats("inotify", None)
    assert stats.endings == {"success": 0, "unchanged": 0, "failed": 0, "deferred": 0}
    assert set(stats.phases) == {field.name for field in fields(Timings)}
    assert set(stats.phases.values()) == {PhaseStats(0, 0.0, 0.0, 0.0, 0.0)}
    assert (stats.observer, stats.trouble) == ("inotify", None)


def test_endings_are_counted_by_their_kind():
    """Each ending once."""
    meter = Meter()
    for event in (success(), FAILED, FAILED, ReloadUnchanged("same"), ReloadDeferred(("x",), (), ()), success()):
        meter.count(event)
    assert meter.stats("poll", "asked for").endings == {"success": 2, "unchanged": 1, "failed": 2, "deferred": 1}


def test_only_successes_are_measured():
    """What was not published took no time until it was."""
    meter = Meter()
    meter.count(FAILED)
    meter.count(success(read=2.0))
    assert meter.stats("poll", None).phases["read"] == PhaseStats(1, 2.0, 2.0, 2.0, 2.0, (2.0,))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, (1, 1, 1, 1)), (2, (1, 2, 2, 2)), (20, (10, 19, 20, 20)), (100, (50, 95, 99, 100))],
)
def test_percentiles_are_values_that_were_measured(count, expected):
    """By nearest rank, whatever the order."""
    meter = Meter()
    for value in reversed(range(1, count + 1)):
        meter.count(success(parse=value))
    phase = meter.stats("poll", None).phases["parse"]
    assert (phase.p50, phase.p95, phase.p99, phase.max) == expected


def test_only_the_latest_are_kept_but_all_are_counted():
    """Memory does not grow, and old outliers are forgotten."""
    meter = Meter()
    meter.count(success(swap=1000.0))
    for value in range(CAPACITY):
        meter.count(success(swap=float(value)))
    phase = meter.stats("poll", None).phases["swap"]
    assert (phase.count, phase.max) == (CAPACITY + 1, CAPACITY - 1.0)
    for _ in range(10 * CAPACITY):
        meter.count(success(swap=1.0))
    phase = meter.stats("poll", None).phases["swap"]
    assert (phase.max, len(phase.values)) == (1.0, CAPACITY)


@pytest.mark.parametrize("count", [1, 2, CAPACITY - 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY, 2 * CAPACITY + 7])
def test_the_values_that_are_kept_come_oldest_first(count):
    """A chart of them reads from left to right, however often the store has been filled."""
    meter = Meter()
    for value in range(count):
        meter.count(success(overhead=float(value)))
    values = meter.stats("poll", None).phases["overhead"].values
    assert values == tuple(float(value) for value in range(max(0, count - CAPACITY), count))


def test_a_picture_does_not_change():
    """Whoever holds one can compare it with the next."""
    meter = Meter()
    before = meter.stats("poll", None)
    meter.count(success(read=1.0))
    assert before.endings["success"] == before.phases["read"].count == 0


def test_a_phase_shows_its_figures_and_not_each_value():
    """There are hundreds of them."""
    meter = Meter()
    assert repr(meter.stats("poll", None).phases["read"]) == "PhaseStats(count=0, p50=0.0, p95=0.0, p99=0.0, max=0.0)"
