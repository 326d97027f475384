"""Files of the published state that are gone: a round waits for them, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from engine.timed import (
    CONFIG,
    EAGER,
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
from hotconf.problems import Problem

GONE, OTHER = Path("/etc/app/conf.d/a.toml"), Path("/etc/app/conf.d/b.toml")
FEWER: Final = NEW._replace(gone=(GONE,))
LOST: Final = Invalid((Problem("Nothing is left", kind="missing", file=CONFIG),), gone=(GONE, OTHER))
FEWER_EAGER: Final = STAYS_EAGER._replace(gone=(GONE,))

CASES = [
    Case(
        "one drop-in fewer: committed at the ceiling, by what was read in the first pause",
        [(0, touch(GONE)), (10, loaded(1, FEWER))],
        "0: Changed a.toml; 4: Load 1; 1500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nothing is left: told at the ceiling",
        [(0, touch(GONE, OTHER)), (10, loaded(1, LOST))],
        "0: Changed a.toml, Changed b.toml; 4: Load 1; 1500: ReloadFailed missing",
    ),
    Case(
        "what comes back within the ceiling was never gone",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), (1000, touch(GONE)), (1010, loaded(2, SAME))],
        "0: Changed a.toml; 4: Load 1; 1004: Load 2; 1300: Refresh, ReloadUnchanged",
    ),
    Case(
        "as long as something happens in the directory, it is waited for a ceiling more",
        [
            (0, touch(GONE)),
            (10, loaded(1, FEWER)),
            (1400, touch(OTHER)),
            (1410, loaded(2, FEWER)),
        ],
        "0: Changed a.toml; 4: Load 1; 1400: Changed b.toml; 1404: Load 2; 2900: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what happens elsewhere draws out nothing",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), (1400, touch(CONFIG)), (1410, loaded(2, FEWER))],
        "0: Changed a.toml; 4: Load 1; 1400: Changed config.toml; 1404: Load 2; 1500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nor does what happened elsewhere before it was known",
        [(0, touch(GONE)), (3, touch(CONFIG)), (10, loaded(1, FEWER))],
        "0: Changed a.toml; 3: Changed config.toml; 7: Load 1; 1500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "no longer than three ceilings",
        [
            (0, touch(GONE)),
            (10, loaded(1, FEWER)),
            *((ms, touch(OTHER)) for ms in (1000, 2000, 3000, 4000, 4400)),
            *((ms + 10, loaded(number, FEWER)) for number, ms in enumerate((1000, 2000, 3000, 4000, 4400), 2)),
        ],
        "0: Changed a.toml; 4: Load 1; 1000: Changed b.toml; 1004: Load 2; 2004: Load 3; 3004: Load 4; "
        "4004: Load 5; 4404: Load 6; 4500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what came back is waited for as any change is, past the usual ceiling",
        [
            (0, touch(GONE)),
            (10, loaded(1, LOST)),
            (1400, touch(OTHER)),
            (1410, loaded(2, FEWER)),
            (2000, touch(GONE)),
            (2010, loaded(3, NEW)),
        ],
        "0: Changed a.toml; 4: Load 1; 1400: Changed b.toml; 1404: Load 2; 2004: Load 3; "
        "2300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by the load at the ceiling: the round goes on",
        [(0, touch(GONE, writing=True)), (1000, touch(GONE, writing=True)), (1510, loaded(1, FEWER))],
        "0: Changed a.toml; 1500: Load 1; 2500: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by the load at the ceiling, and touched meanwhile: it is read again",
        [
            (0, touch(GONE, writing=True)),
            (1000, touch(GONE, writing=True)),
            (1505, touch(OTHER)),
            (1510, loaded(1, FEWER)),
            (1600, loaded(2, NEW)),
        ],
        "0: Changed a.toml; 1500: Load 1; 1510: Changed b.toml; 1514: Load 2; 1805: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "without a window the ceiling is a second all the same",
        [(0, touch(GONE)), (7, loaded(1, FEWER))],
        "0: Changed a.toml, Load 1; 1000: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "never eagerly, even if it was gone before and all else is a finished act",
        [(0, touch(placed=True)), (10, loaded(1, FEWER_EAGER))],
        "0: Changed config.toml, Load 1; 1500: Publish 2, ReloadSuccess 2",
        EAGER,
    ),
    Case(
        "a reload waits for nothing",
        [(0, touch(GONE)), (10, loaded(1, FEWER)), (50, reload()), (60, loaded(2, FEWER))],
        "0: Changed a.toml; 4: Load 1; 50: Load 2 afresh; 60: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "while something is busy the round ends as late, and what is pending is published at the release",
        [(0, hold()), (1, touch(GONE)), (10, loaded(1, FEWER)), (2000, release())],
        "1: Changed a.toml; 5: Load 1; 1501: ReloadDeferred gate; 2000: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "where the kernel tells of nothing, it is looked once more before the commit",
        [(0, touch(GONE, polled=True)), (10, loaded(1, FEWER)), (1501, verified())],
        "0: Changed a.toml; 4: Load 1; 1500: Verify; 1501: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "a read that was not stable says nothing of what is gone",
        [(0, touch(GONE)), (10, loaded(1, TORN)), (20, loaded(2, FEWER))],
        "0: Changed a.toml; 4: Load 1; 10: Changed config.toml; 14: Load 2; 1500: Publish 2, ReloadSuccess 2",
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
