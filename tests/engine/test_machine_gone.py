"""Files of the published state that are gone: a round waits for them, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from engine.timed import (
    CONFIG,
    EAGER,
    MORE,
    NEW,
    NO_WINDOW,
    POLLED,
    QUIET,
    SAME,
    STAYS_EAGER,
    TORN,
    Case,
    hold,
    loaded,
    played,
    release,
    reload,
    touch,
    verified,
)
from hotconf.engine.candidate import Invalid
from hotconf.engine.debounce import MOST_CEILINGS
from hotconf.engine.machine import MAX_ATTEMPTS
from hotconf.engine.protocol import Loading
from hotconf.problems import Problem

GONE, OTHER = Path("/etc/app/conf.d/a.toml"), Path("/etc/app/conf.d/b.toml")
ELSEWHERE = Path("/etc/app/more.d/c.toml")
FEWER: Final = NEW._replace(gone=(GONE,))
LOST: Final = Invalid((Problem("Nothing is left", kind="missing", file=CONFIG),), gone=(GONE, OTHER))
FEWER_EAGER: Final = STAYS_EAGER._replace(gone=(GONE,))
OFTEN: Final = [f"{n} * C * 9 / 10" for n in range(1, MOST_CEILINGS + 1)]
"""Within a ceiling of each other, the last just before the latest ceiling."""

CASES = [
    Case(
        "one drop-in fewer: committed at the ceiling, by what was read in the first pause",
        [(0, touch(GONE)), (10, loaded(1, FEWER))],
        "0: Changed a.toml; P: Load 1; C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nothing is left: reported at the ceiling",
        [(0, touch(GONE, OTHER)), (10, loaded(1, LOST))],
        "0: Changed a.toml, Changed b.toml; P: Load 1; C: ReloadFailed missing",
    ),
    Case(
        "what comes back within the ceiling was never gone",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), (1000, touch(GONE)), (1010, loaded(2, SAME))],
        "0: Changed a.toml; P: Load 1; 1000 + P: Load 2; 1300: Refresh, ReloadUnchanged",
    ),
    Case(
        "as long as something happens in the directory, it is waited for a ceiling more",
        [
            (0, touch(GONE)),
            (10, loaded(1, FEWER)),
            ("C - 100", touch(OTHER)),
            ("C - 90", loaded(2, FEWER)),
        ],
        "0: Changed a.toml; P: Load 1; C - 100: Changed b.toml; C - 100 + P: Load 2; "
        "2 * C - 100: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what happens elsewhere draws out nothing",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), ("C - 100", touch(CONFIG)), ("C - 90", loaded(2, FEWER))],
        "0: Changed a.toml; P: Load 1; C - 100: Changed config.toml; C - 100 + P: Load 2; "
        "C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nor does what happened elsewhere before it was known",
        [(0, touch(GONE)), (2, touch(CONFIG)), (10, loaded(1, FEWER))],
        "0: Changed a.toml; 2: Changed config.toml; 2 + P: Load 1; C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "all changes in the directory count, also those before it was known to lack a file",
        [(0, touch(GONE)), (2, touch(OTHER)), (10, loaded(1, FEWER))],
        "0: Changed a.toml; 2: Changed b.toml; 2 + P: Load 1; C + 2: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found gone without a change in its directory: a ceiling after the first change elsewhere",
        [(0, touch(CONFIG)), (2, touch(MORE)), (10, loaded(1, FEWER))],
        "0: Changed config.toml; 2: Changed more.toml; 2 + P: Load 1; C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what comes back just before the ceiling has its whole window",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), ("C - 100", touch(GONE)), ("C - 90", loaded(2, NEW))],
        "0: Changed a.toml; P: Load 1; C - 100 + P: Load 2; C + 200: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a directory that lacked a file counts even when that is back, as long as another one lacks one",
        [
            (0, touch(GONE)),
            (10, loaded(1, FEWER)),
            ("C - 100", touch(GONE, ELSEWHERE)),
            ("C - 90", loaded(2, NEW._replace(gone=(ELSEWHERE,)))),
            ("2 * C - 200", touch(OTHER)),
            ("2 * C - 190", loaded(3, NEW._replace(gone=(ELSEWHERE,)))),
        ],
        "0: Changed a.toml; P: Load 1; C - 100: Changed c.toml; C - 100 + P: Load 2; 2 * C - 200: Changed b.toml; "
        "2 * C - 200 + P: Load 3; 3 * C - 200: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "no longer than three ceilings",
        [
            (0, touch(GONE)),
            (10, loaded(1, FEWER)),
            *((at, touch(OTHER)) for at in OFTEN),
            *((f"{at} + 10", loaded(number, FEWER)) for number, at in enumerate(OFTEN, 2)),
        ],
        f"0: Changed a.toml; P: Load 1; {OFTEN[0]}: Changed b.toml; "
        f"{'; '.join(f'{at} + P: Load {number}' for number, at in enumerate(OFTEN, 2))}; "
        f"{MOST_CEILINGS} * C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what came back is waited for as any change is, past the usual ceiling",
        [
            (0, touch(GONE)),
            (10, loaded(1, LOST)),
            ("C - 100", touch(OTHER)),
            ("C - 90", loaded(2, FEWER)),
            ("2 * C - 1000", touch(GONE)),
            ("2 * C - 990", loaded(3, NEW)),
        ],
        "0: Changed a.toml; P: Load 1; C - 100: Changed b.toml; C - 100 + P: Load 2; "
        "2 * C - 1000 + P: Load 3; "
        "2 * C - 700: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by the load at the ceiling: the round goes on",
        [(0, touch(GONE, writing=True)), ("C - 500", touch(GONE, writing=True)), ("C + 10", loaded(1, FEWER))],
        "0: Changed a.toml; C: Load 1; 2 * C - 500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by the load at the ceiling, and touched meanwhile: it is read again",
        [
            (0, touch(GONE, writing=True)),
            ("C - 500", touch(GONE, writing=True)),
            ("C + 5", touch(OTHER)),
            ("C + 10", loaded(1, FEWER)),
            ("C + 100", loaded(2, NEW)),
        ],
        "0: Changed a.toml; C: Load 1; C + 10: Changed b.toml; C + max(5 + P, 10 + R): Load 2; "
        "C + 305: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "without a window the ceiling is a second all the same",
        [(0, touch(GONE)), (7, loaded(1, FEWER))],
        "0: Changed a.toml, Load 1; 1000: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "never eagerly, even if it was gone before and all else is a finished act",
        [(0, touch(renamed=True)), (10, loaded(1, FEWER_EAGER))],
        "0: Changed config.toml, Load 1; C: Publish 2, ReloadSuccess 2",
        EAGER,
    ),
    Case(
        "a reload waits for nothing",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), (50, reload()), (60, loaded(2, FEWER))],
        "0: Changed a.toml; P: Load 1; 50: Load 2 afresh; 60: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "while something is busy the round ends as late, and what is pending is published at the release",
        [(0, hold()), (1, touch(GONE)), (10, loaded(1, FEWER)), ("C + 500", release())],
        "1: Changed a.toml; 1 + P: Load 1; C + 1: ReloadDeferred gate; C + 500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "where changes are polled, it is verified before the commit",
        [(0, touch(GONE, polled=True)), (10, loaded(1, FEWER)), ("C + 1", verified())],
        "0: Changed a.toml; P: Load 1; C: Verify; C + 1: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "a read that was not stable says nothing of what is gone",
        [(0, touch(GONE)), (10, loaded(1, TORN)), (20, loaded(2, FEWER))],
        "0: Changed a.toml; P: Load 1; 10: Changed config.toml; 10 + max(P, R): Load 2; "
        "C: Publish 2, ReloadSuccess 2",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_gone_is_waited_for(case: Case) -> None:
    """A round with files gone ends at its ceiling, which any change in their directories extends."""
    assert played(case.state, case.given).recorder.story == case.story


def test_what_is_waited_for_is_known() -> None:
    """While the round waits it names what is gone; a touch ends that, until the next load."""
    driver = played(QUIET, [(0, touch(GONE)), (10, loaded(1, FEWER))], until=100)
    assert driver.state.round
    assert driver.state.round.gone == (GONE,)
    driver = played(QUIET, [(0, touch(GONE)), (10, loaded(1, FEWER)), (50, touch(OTHER))], until=51)
    assert driver.state.round
    assert driver.state.round.gone == ()


def test_a_ceiling_that_moves_gives_all_attempts_again() -> None:
    """The load after it is not the last one allowed: what is touched meanwhile spoils it."""
    unstable = [(f"C + {n}", loaded(n, TORN)) for n in range(1, MAX_ATTEMPTS)]
    last = [(f"C + {MAX_ATTEMPTS}", touch(OTHER)), ("C + 400", loaded(MAX_ATTEMPTS, FEWER))]
    writer = [(0, touch(GONE, writing=True)), ("C - 100", touch(GONE, writing=True))]
    phase = played(QUIET, [*writer, *unstable, *last], "C + 401").state.phase
    assert isinstance(phase, Loading)
    assert (phase.number, phase.defers_touches) == (MAX_ATTEMPTS + 1, False)
