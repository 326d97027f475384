"""A source that is no file: what it publishes is one finished act, which waits for nothing; files wait as ever."""

from __future__ import annotations

import pytest

from engine.timed import (
    EMPTY,
    HALF,
    NEW,
    OFF,
    OTHER,
    POLLED,
    QUIET,
    SAME,
    TORN,
    WRONG,
    Case,
    Maker,
    hold,
    loaded,
    played,
    prepared,
    release,
    reload,
    touch,
)
from hotconf.engine.debounce import Touched
from hotconf.engine.protocol import Idle, Settling
from hotconf.engine.recovery import forked


def publish(*, writing: bool = False) -> Maker:
    """The source says something else, and no file changed; one may be written to at that time."""
    return lambda now: Touched(now, (), writing=writing)


CASES = [
    Case(
        "it is loaded at once, and committed as soon as it is loaded",
        [(0, publish()), (10, loaded(1, NEW))],
        "0: Load 1; 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what is not valid fails as soon",
        [(0, publish()), (10, loaded(1, WRONG))],
        "0: Load 1; 10: ReloadFailed syntax",
    ),
    Case(
        "so does what is empty, and shorter than before",
        [(0, publish()), (10, loaded(1, EMPTY._replace(shrank=())))],
        "0: Load 1; 10: ReloadFailed empty",
    ),
    Case(
        "what says the same is taken over as soon",
        [(0, publish()), (10, loaded(1, SAME))],
        "0: Load 1; 10: Refresh, ReloadUnchanged",
    ),
    Case(
        "each of two in a row ends a round",
        [(0, publish()), (10, loaded(1, NEW)), (20, publish()), (30, loaded(2, OTHER))],
        "0: Load 1; 10: Publish 2, ReloadSuccess 2; 20: Load 2; 30: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "one while another is loaded: what was read is out of date",
        [(0, publish()), (5, publish()), (10, loaded(1, NEW)), (20, loaded(2, OTHER))],
        "0: Load 1; 10 + R: Load 2; 20: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "where files are polled nothing needs to be compared: it was just read",
        [(0, publish()), (10, loaded(1, NEW))],
        "0: Load 1; 10: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "busy: deferred at once",
        [(0, hold()), (0, publish()), (10, loaded(1, NEW)), (90, release())],
        "0: Load 1; 10: ReloadDeferred gate; 90: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what changed during a preparation is loaded once that is over",
        [(0, publish()), (10, loaded(1, NEW)), (20, publish()), (50, prepared(1)), (60, loaded(2, SAME))],
        "0: Load 1; 10: Prepare 1; 50: Publish 2, ReloadSuccess 2, Load 2; 60: Refresh, ReloadUnchanged",
        QUIET._replace(prepares=True),
    ),
    Case(
        "it ends no window that runs for files",
        [(0, touch()), (10, loaded(1, NEW)), (100, publish()), (110, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 100 + P: Load 2; 400: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a file that changes while it is loaded has its window",
        [(0, publish()), (5, touch()), (10, loaded(1, NEW)), (20, loaded(2, OTHER))],
        "0: Load 1; 5: Changed config.toml; 10 + R: Load 2; 305: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "so has one that changes during the read",
        [(0, publish()), (10, loaded(1, TORN)), (20, loaded(2, NEW))],
        "0: Load 1; 10: Changed config.toml; 10 + R: Load 2; 310: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a file that may be half written is waited for, although nothing reported it",
        [(0, publish()), (10, loaded(1, HALF))],
        "0: Load 1; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a file that is being written is waited for",
        [(0, publish(writing=True)), ("C + 10", loaded(1, NEW))],
        "C: Load 1; C + 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a caller gets its ending",
        [(0, publish()), (5, reload()), (10, loaded(1, NEW)), (20, loaded(2, NEW))],
        "0: Load 1; 10: Load 2 afresh; 20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case("nothing while hot reload is off", [(0, publish())], "", OFF),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_published(case):
    """Law 5, for sources that are no files."""
    assert played(case.state, case.given).recorder.story == (case.story if case.expected else "")


def test_a_child_of_a_fork_knows_that_something_was_lost():
    """But not what: the parent had not loaded it yet."""
    driver = played(QUIET, [(0, publish())], until=0)
    driver.state = driver.state._replace(phase=Settling(driver.state.round))
    child, lost = forked(driver.state)
    assert isinstance(child.phase, Idle)
    assert lost == ()
