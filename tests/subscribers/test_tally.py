"""What is added up for monitoring."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

from hotconf.events import (
    Ending,
    Notice,
    Publication,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
)
from hotconf.problems import Kind, Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Timings
from hotconf.subscribers.stats import BOUNDS_S, Tally

AT = datetime(2030, 1, 1, tzinfo=UTC)


def notice(event: Ending | None, published: Publication | None = None) -> Notice:
    """A notice of `event`."""
    return Notice(event, None, HotReloadSettings(), published)


def failure(kind: Kind) -> ReloadFailed:
    """A failure of that kind."""
    return ReloadFailed("bad", kind, (Problem("bad", kind=kind),), at=AT)


def test_failures_count_by_their_kind():
    """Every kind is there from the beginning, so that a rate is known as soon as one happens."""
    tally = Tally()
    assert tally.failures == dict.fromkeys(get_args(Kind), 0)
    for kind in ("syntax", "schema", "syntax"):
        tally.notify(notice(failure(kind)))
    assert {kind: count for kind, count in tally.failures.items() if count} == {"syntax": 2, "schema": 1}


def test_the_latest_load_is_good_or_not():
    """An unchanged one is good; what is deferred decides nothing; a failure keeps the time of the last good one."""
    tally = Tally()
    assert (tally.successful, tally.succeeded_at) == (None, None)
    tally.notify(notice(failure("syntax")))
    assert (tally.successful, tally.succeeded_at) == (False, None)
    tally.notify(notice(ReloadDeferred(("x",), (), (), at=AT)))
    assert tally.successful is False
    tally.notify(notice(ReloadUnchanged("same", at=AT)))
    tally.notify(notice(ReloadDeferred(("x",), (), ())))
    assert (tally.successful, tally.succeeded_at) == (True, AT)
    tally.notify(notice(failure("apply")))
    assert (tally.successful, tally.succeeded_at) == (False, AT)


def test_the_first_configuration_is_a_good_load_unless_it_was_recalled():
    """The load at start is no event, but it was good; the last good state of before is not what the files say."""
    tally = Tally()
    tally.notify(notice(None, Publication((), recalled=True)))
    assert tally.successful is None
    tally.notify(notice(None, Publication(())))
    assert tally.successful is True
    assert tally.succeeded_at is not None


def test_durations_are_cumulative_histograms_of_successes():
    """Seconds, by phase; to apply is to make resources and to publish; a bound itself is inside its bucket."""
    tally = Tally()
    for timings in (Timings(read=1, parse=0.2, validate=60_000, prepare=40, swap=10), Timings(read=6)):
        tally.notify(notice(ReloadSuccess(2, (), (), timings, at=AT)))
    tally.notify(notice(failure("syntax")))
    durations = tally.durations
    assert list(durations) == ["read", "parse", "validate", "apply"]
    assert list(durations["read"].buckets) == [*map(str, BOUNDS_S), "+Inf"]
    assert list(durations["read"].buckets.values()) == [1, 1, *[2] * 9]
    assert list(durations["apply"].buckets.values()) == [1, 1, 1, *[2] * 8]
    assert list(durations["validate"].buckets.values()) == [*[1] * 10, 2]
    assert durations["read"].sum_s == 0.007
    assert durations["apply"].sum_s == 0.05
    assert json.loads(json.dumps(durations["read"].as_dict()))["buckets"]["+Inf"] == 2


def test_what_was_read_does_not_change():
    """Whoever holds it can compare it with the next."""
    tally = Tally()
    before = tally.failures, tally.durations
    tally.notify(notice(failure("syntax")))
    tally.notify(notice(ReloadSuccess(2, (), (), Timings(read=1), at=AT)))
    assert before[0]["syntax"] == before[1]["read"].buckets["+Inf"] == 0
