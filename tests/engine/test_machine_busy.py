"""What defers a commit or has it verified: something busy, changes that are polled, hot reload off."""

from __future__ import annotations

import pytest

from engine.timed import (
    NEW,
    OFF,
    OTHER,
    POLLED,
    QUIET,
    SAME,
    STEADY,
    TURNS_OFF,
    WRONG,
    Case,
    Maker,
    hold,
    loaded,
    played,
    release,
    reload,
    touch,
    verified,
)
from hotconf.engine.machine import deadline, step
from hotconf.engine.protocol import Idle, PendingCandidate, Release, Verify, Verifying


def busy_save(*then: tuple[float, Maker]) -> list[tuple[float, Maker]]:
    """A save while the gate is busy, and what is given then."""
    return [(0, hold()), (0, touch()), (10, loaded(1, NEW)), *then]


BUSY = [
    Case(
        "deferred at the window's end, committed at the release",
        busy_save((500, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "pending for as long as it is busy",
        busy_save(),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate",
    ),
    Case(
        "the last of several reasons counts; they are named in the order in which they began",
        [
            (0, hold("gate")),
            (0, hold("agent")),
            (0, touch()),
            (10, loaded(1, NEW)),
            (500, release("gate")),
            (600, release("agent")),
        ],
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate,agent; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "holds are counted",
        [(0, hold()), *busy_save((500, release()), (501, release("other")), (600, release()))],
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "released before the window's end: nothing was put off",
        busy_save((299, release())),
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "busy from just before the window's end: deferred",
        [(0, touch()), (10, loaded(1, NEW)), (299, hold())],
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate",
    ),
    Case(
        "a newer pending one takes the place of the older; one success is for both",
        busy_save((400, touch()), (410, loaded(2, OTHER)), (900, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Changed config.toml; "
        "400 + P: Load 2; 700: ReloadDeferred gate; 900: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an invalid save fails at once and drops what was pending",
        busy_save((400, touch()), (410, loaded(2, WRONG)), (900, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Changed config.toml; "
        "400 + P: Load 2; 700: ReloadFailed syntax",
    ),
    Case(
        "a save of what is published is unchanged at once and drops what was pending",
        busy_save((400, touch()), (410, loaded(2, SAME)), (900, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Changed config.toml; "
        "400 + P: Load 2; 700: Refresh, ReloadUnchanged",
    ),
    Case(
        "released while a round is open: that round decides",
        busy_save((400, touch()), (410, loaded(2, OTHER)), (500, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Changed config.toml; "
        "400 + P: Load 2; 700: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "released while a reload is under way: that decides",
        busy_save((400, reload()), (405, release()), (410, loaded(2, WRONG))),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Load 2 afresh; "
        "410: ReloadFailed syntax, Answer 1: ReloadFailed syntax",
    ),
]

UNVERIFIED = [
    Case(
        "a change that was found by polling: verified before the commit",
        [(0, touch(polled=True)), (10, loaded(1, NEW)), (302, verified())],
        "0: Changed config.toml; P: Load 1; 300: Verify; 302: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "one change of several was found by polling",
        [(0, touch()), (10, loaded(1, NEW)), (100, touch(polled=True)), (110, loaded(2, NEW)), (402, verified())],
        "0: Changed config.toml; P: Load 1; 100 + P: Load 2; 400: Verify; 402: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "the first change of several was found by polling",
        [(0, touch(polled=True)), (10, loaded(1, NEW)), (100, touch()), (110, loaded(2, NEW)), (402, verified())],
        "0: Changed config.toml; P: Load 1; 100 + P: Load 2; 400: Verify; 402: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "verifying finds another change: the window begins anew",
        [
            (0, touch(polled=True)),
            (10, loaded(1, NEW)),
            (301, touch(polled=True)),
            (302, verified()),
            (310, loaded(2, OTHER)),
            (602, verified()),
        ],
        "0: Changed config.toml; P: Load 1; 300: Verify; 301 + P: Load 2; 601: Verify; "
        "602: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a load that was read after the window needs no verifying",
        [(0, touch(polled=True)), (450, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 450: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "polling: always verified",
        [(0, touch()), (10, loaded(1, NEW)), (301, verified())],
        "0: Changed config.toml; P: Load 1; 300: Verify; 301: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "polling: a writer that never rests does not put it off past the ceiling",
        [
            (10, loaded(1, NEW, 1000)),
            *((at, touch()) for at in STEADY),
            ("C + 20", loaded(2, NEW)),
        ],
        "0: Changed config.toml; P: Load 1; C: Load 2; C + 20: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "polling, busy: what is pending is verified before it is committed",
        busy_save((300, verified()), (500, release()), (501, verified())),
        "0: Changed config.toml; P: Load 1; 300: Verify, ReloadDeferred gate; 500: Verify; "
        "501: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "polling, released by one of two: not verified yet",
        [(0, hold("agent")), *busy_save((300, verified()), (500, release()))],
        "0: Changed config.toml; P: Load 1; 300: Verify, ReloadDeferred agent,gate",
        POLLED,
    ),
    Case(
        "polling, busy again meanwhile: still pending",
        busy_save(
            (300, verified()), (500, release()), (500, hold()), (501, verified()), (600, release()), (601, verified())
        ),
        "0: Changed config.toml; P: Load 1; 300: Verify, ReloadDeferred gate; 500: Verify; 600: Verify; "
        "601: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "polling, busy: verifying at the release finds a change, and that round decides",
        busy_save(
            (300, verified()),
            (500, release()),
            (501, touch()),
            (501, verified()),
            (510, loaded(2, SAME)),
            (802, verified()),
        ),
        "0: Changed config.toml; P: Load 1; 300: Verify, ReloadDeferred gate; 500: Verify; "
        "501: Changed config.toml; 501 + P: Load 2; 801: Verify; 802: Refresh, ReloadUnchanged",
        POLLED,
    ),
]

ENABLED = [
    Case(
        "turned off: applied, and then nothing is watched",
        [(0, touch()), (10, loaded(1, TURNS_OFF)), (400, touch())],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2, Watching off",
    ),
    Case(
        "turned off while busy: watched until it is committed",
        busy_save((400, touch()), (410, loaded(2, TURNS_OFF)), (800, release())),
        "0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: Changed config.toml; "
        "400 + P: Load 2; 700: ReloadDeferred gate; 800: Publish 2, ReloadSuccess 2, Watching off",
    ),
    Case(
        "turned off at the ceiling: what was touched meanwhile is dropped",
        [(0, touch(writing=True)), ("C + 5", touch()), ("C + 10", loaded(1, TURNS_OFF))],
        "0: Changed config.toml; C: Load 1; C + 10: Publish 2, ReloadSuccess 2, Watching off",
    ),
    Case(
        "a reload turns it on again",
        [(0, reload()), (5, loaded(1, NEW)), (100, touch()), (110, loaded(2, OTHER))],
        "0: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Watching on; "
        "100: Changed config.toml; 100 + P: Load 2; 400: Publish 3, ReloadSuccess 3",
        OFF,
    ),
    Case(
        "a reload that leaves it off",
        [(0, reload()), (5, loaded(1, TURNS_OFF)), (100, touch())],
        "0: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
        OFF,
    ),
    Case(
        "off: a touch that was under way still spoils a read",
        [(0, reload()), (2, touch()), (5, loaded(1, NEW)), (9, loaded(2, TURNS_OFF))],
        "0: Load 1 afresh; 5: Load 2 afresh; 9: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
        OFF,
    ),
    Case(
        "off: what is pending is read again at the release, because nothing reported changes",
        [(0, hold()), (1, reload()), (5, loaded(1, NEW)), (100, release()), (110, loaded(2, OTHER))],
        "1: Load 1 afresh; 5: ReloadDeferred gate, Answer 1: ReloadDeferred gate; 100: Load 2 afresh; "
        "110: Publish 2, ReloadSuccess 2, Watching on",
        OFF,
    ),
    Case(
        "off: what is read again at the release is touched meanwhile",
        [
            (0, hold()),
            (1, reload()),
            (5, loaded(1, NEW)),
            (100, release()),
            (105, touch()),
            (110, loaded(2, NEW)),
            (120, loaded(3, WRONG)),
        ],
        "1: Load 1 afresh; 5: ReloadDeferred gate, Answer 1: ReloadDeferred gate; 100: Load 2 afresh; "
        "110: Load 3 afresh; 120: ReloadFailed syntax",
        OFF,
    ),
]


CASES = [*BUSY, *UNVERIFIED, *ENABLED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """What is given at these instants has these effects at those, and the protocol comes to rest."""
    driver = played(case.state, case.given)
    assert driver.recorder.story == case.story
    assert isinstance(driver.state.phase, Idle)
    assert deadline(driver.state) is None


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
def test_what_is_pending_is_verified(before: bool, after: bool) -> None:
    """If some change went unreported, or may have, when it was deferred or since."""
    pending = PendingCandidate(NEW, polled=before)
    state, effects = step(QUIET._replace(pending=pending, polled=after), Release(0))
    assert (state.phase, effects) == (Verifying(None, NEW), (Verify(),))
