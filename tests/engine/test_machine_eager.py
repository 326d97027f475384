"""Eager mode: what arrives as one finished act is not kept waiting; everything else is, as ever."""

from __future__ import annotations

from typing import Final

import pytest

from doubles import Config
from engine.timed import (
    CONFIG,
    EAGER,
    EMPTY,
    HALF,
    MORE,
    NEW,
    SAME,
    STAYS_EAGER,
    TORN,
    TURNS_EAGER,
    TURNS_OFF,
    WRONG,
    Case,
    hold,
    loaded,
    played,
    release,
    reload,
    touch,
)
from hotconf.engine.candidate import Candidate
from hotconf.engine.debounce import MILLISECOND, Touched
from hotconf.engine.machine import PAUSE_NS, deadline, step
from hotconf.engine.protocol import Emit, Idle, Loaded, Release, State
from hotconf.engine.recovery import forked

POLLED_EAGER: Final = EAGER._replace(polled=True)
AT_ONCE: Final = "0: Changed config.toml, Load 1; 10: Publish 2, ReloadSuccess 2"

AT_ONCE_CASES = [
    Case("renamed into place", [(0, touch(renamed=True)), (10, loaded(1, NEW))], AT_ONCE),
    Case("closed by its writer", [(0, touch(closed=True)), (10, loaded(1, NEW))], AT_ONCE),
    Case(
        "not before the writer closes it, however long it writes",
        [(0, touch(writing=True)), (100, touch(writing=True)), (700, touch(closed=True)), (710, loaded(1, NEW))],
        "0: Changed config.toml; 700: Load 1; 710: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "made anew in several acts, the last of which is the close",
        [(0, touch()), (2, touch(writing=True)), (3, touch(closed=True)), (10, loaded(1, NEW))],
        "0: Changed config.toml; 3: Load 1; 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "its mode is set while it is loaded: what was read is not committed, what is read then is",
        [(0, touch(closed=True)), (1, touch(closed=True)), (2, loaded(1, NEW)), (10, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; 2 + R: Load 2; 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a read that was not stable is done again",
        [(0, touch(renamed=True)), (2, loaded(1, TORN)), (10, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; 2 + R: Load 2; 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "two files, both in one step",
        [(0, touch(CONFIG, MORE, renamed=True)), (10, loaded(1, NEW))],
        "0: Changed config.toml, Changed more.toml, Load 1; 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a shorter file that was renamed into place is believed",
        [(0, touch(renamed=True)), (10, loaded(1, HALF))],
        AT_ONCE,
    ),
    Case(
        "what was invalid is mended within the window",
        [(0, touch(renamed=True)), (10, loaded(1, WRONG)), (200, touch(renamed=True)), (210, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; 200: Load 2; 210: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "busy: deferred at once, committed at the release",
        [(0, hold()), (0, touch(renamed=True)), (10, loaded(1, NEW)), (90, release())],
        "0: Changed config.toml, Load 1; 10: ReloadDeferred gate; 90: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what turns hot reload off ends the watching at once",
        [(0, touch(renamed=True)), (10, loaded(1, TURNS_OFF))],
        "0: Changed config.toml, Load 1; 10: Publish 2, ReloadSuccess 2, Watching off",
    ),
]

SETTLES = [
    Case(
        "an invalid candidate waits for the window",
        [(0, touch(renamed=True)), (10, loaded(1, WRONG))],
        "0: Changed config.toml, Load 1; 300: ReloadFailed syntax",
    ),
    Case(
        "an equal one waits, too, so that a writer of two steps is notified once",
        [(0, touch(renamed=True)), (10, loaded(1, SAME))],
        "0: Changed config.toml, Load 1; 300: Refresh, ReloadUnchanged",
    ),
    Case(
        "a file that shrank and was not renamed into place waits, and a window more",
        [(0, touch(closed=True)), (10, loaded(1, HALF))],
        "0: Changed config.toml, Load 1; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nothing at all waits as long",
        [(0, touch(closed=True)), (10, loaded(1, EMPTY))],
        "0: Changed config.toml, Load 1; 600: ReloadFailed empty",
    ),
    Case(
        "its other half is the finished act",
        [(0, touch(closed=True)), (10, loaded(1, HALF)), (50, touch(closed=True)), (60, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; 50: Load 2; 60: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an act that is not over waits for the window",
        [(0, touch()), (10, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an act that was over is followed by one that is not",
        [(0, touch(renamed=True)), (1, touch()), (10, loaded(1, NEW)), (30, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; max(1 + P, 10 + R): Load 2; 301: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "one file is complete, the other is not",
        [(0, touch(MORE)), (1, touch(renamed=True)), (10, loaded(1, NEW))],
        "0: Changed more.toml; 1: Changed config.toml; 1 + P: Load 1; 301: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "one file is renamed into place while another is being written",
        [(0, touch(renamed=True, writing=True)), ("C", loaded(1, NEW))],
        "0: Changed config.toml; C: Load 1, Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by polling: nobody knows how it came",
        [(0, touch(renamed=True, polled=True)), (10, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 300: Verify",
    ),
    Case(
        "where not every change is reported nothing is eager",
        [(0, touch(renamed=True)), (10, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 300: Verify",
        POLLED_EAGER,
    ),
]


def saved_twice(second_ms: float, *, at_once: bool) -> Case:
    """A save, and another one so much later, where loads take 10 ms."""
    begins = "" if at_once else f"{second_ms:g} + P: Load 2; "
    ends = second_ms + (10 if at_once else 300)
    given = [
        (0, touch(renamed=True)),
        (10, loaded(1, TURNS_EAGER)),
        (second_ms, touch(renamed=True)),
        (second_ms + 10, loaded(2, STAYS_EAGER)),
    ]
    changed = f"Changed config.toml{', Load 2' if at_once else ''}"
    return Case(
        f"the second save comes after {second_ms:g} ms",
        given,
        "0: Changed config.toml, Load 1; 10: Publish 2, ReloadSuccess 2; "
        f"{second_ms:g}: {changed}; {begins}{ends:g}: Publish 3, ReloadSuccess 3",
    )


AGAIN = [
    saved_twice(20, at_once=False),
    saved_twice(309, at_once=False),
    saved_twice(310, at_once=True),
    saved_twice(5000, at_once=True),
    Case(
        "a round that settles goes on settling, however long it is drawn out",
        [
            (0, touch(renamed=True)),
            (10, loaded(1, TURNS_EAGER)),
            (200, touch(renamed=True)),
            (210, loaded(2, STAYS_EAGER)),
            (400, touch(renamed=True)),
            (410, loaded(3, STAYS_EAGER)),
        ],
        "0: Changed config.toml, Load 1; 10: Publish 2, ReloadSuccess 2; 200: Changed config.toml; "
        "200 + P: Load 2; 400 + P: Load 3; 700: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "deferred at once, and again within a window: that settles",
        [
            (0, hold()),
            (0, touch(renamed=True)),
            (10, loaded(1, TURNS_EAGER)),
            (100, touch(renamed=True)),
            (110, loaded(2, STAYS_EAGER)),
        ],
        "0: Changed config.toml, Load 1; 10: ReloadDeferred gate; 100: Changed config.toml; 100 + P: Load 2; "
        "400: ReloadDeferred gate",
    ),
    Case(
        "the file turns eager mode off, and by a settled change on again",
        [
            (0, touch(renamed=True)),
            (10, loaded(1, NEW)),
            (1000, touch(renamed=True)),
            (1010, loaded(2, TURNS_EAGER)),
            (2000, touch(renamed=True)),
            (2010, loaded(3, STAYS_EAGER)),
        ],
        "0: Changed config.toml, Load 1; 10: Publish 2, ReloadSuccess 2; 1000: Changed config.toml; "
        "1000 + P: Load 2; 1300: Publish 3, ReloadSuccess 3; 2000: Changed config.toml, Load 3; "
        "2010: Publish 4, ReloadSuccess 4",
    ),
    Case(
        "who asks while it is loaded gets a load of their own",
        [(0, touch(renamed=True)), (5, reload(1)), (10, loaded(1, NEW)), (20, loaded(2, NEW))],
        "0: Changed config.toml, Load 1; 10: Load 2 afresh; "
        "20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
]

CASES = [
    case if case.state is POLLED_EAGER else case._replace(state=EAGER) for case in (*AT_ONCE_CASES, *SETTLES, *AGAIN)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_eager(case: Case) -> None:
    """What is committed when, in eager mode."""
    assert played(case.state, case.given).recorder.story == case.story


def test_settling_is_the_default() -> None:
    """Without eager mode an act that is over waits for its window like any other."""
    driver = played(State(300 * MILLISECOND, generation=1), [(0, touch(renamed=True)), (10, loaded(1, NEW))])
    assert driver.recorder.story.endswith(": Load 1; 300: Publish 2, ReloadSuccess 2")


def test_a_load_at_start_turns_it_on() -> None:
    """What the first configuration says holds from the first change on."""
    given = [(0, reload(1, silent=True)), (5, loaded(1, TURNS_EAGER)), (400, touch(renamed=True))]
    driver = played(State(300 * MILLISECOND), [*given, (410, loaded(2, STAYS_EAGER))])
    assert driver.recorder.story.endswith("400: Changed config.toml, Load 2; 410: Publish 2, ReloadSuccess 2")


def test_a_child_of_a_fork_is_as_eager() -> None:
    """Its parent's mode holds, and so does its parent's last eager commit."""
    state = played(EAGER, [(0, touch(renamed=True)), (10, loaded(1, TURNS_EAGER))], until=20).state
    child, _ = forked(state)
    assert (child.eager, child.settle_until) == (True, 310 * MILLISECOND)


def test_what_becomes_busy_meanwhile_counts() -> None:
    """Nothing is committed while something is busy, even if it became so only while the file was loaded."""
    state = played(EAGER, [(0, touch(renamed=True))], until=1).state
    state, _ = step(state, Loaded(2 * MILLISECOND, 1, NEW, MILLISECOND), ("gate",))
    assert (state.phase, state.generation, state.pending is not None) == (Idle(), 1, True)
    state, _ = step(state, Release(3 * MILLISECOND))
    assert state.generation == 2


def test_an_eager_round_asks_for_its_load_at_once() -> None:
    """The deadline is the instant of the act, and not after the pause in which other acts might follow."""
    state, _ = step(EAGER, Touched(0, (CONFIG,), complete=frozenset({CONFIG})))
    assert deadline(state) == 0


def test_a_kernel_that_falls_silent_is_not_eager() -> None:
    """What was reported may not be all: the round pauses, and settles."""
    state, _ = step(EAGER, Touched(0, (CONFIG,), complete=frozenset({CONFIG})))
    assert deadline(state._replace(polled=True)) == PAUSE_NS


@pytest.mark.parametrize(("found", "eager"), [(NEW, True), (WRONG, False), (SAME, False)])
def test_an_ending_says_whether_it_is_eager(found: Candidate[Config], eager: bool) -> None:
    """Only one that comes before its window is over."""
    items = played(EAGER, [(0, touch(renamed=True)), (10, loaded(1, found))]).recorder.items
    assert [effect.eager for _, effect in items if isinstance(effect, Emit)] == [eager]
