"""Overrides in the machine: they commit at once and change nothing else, whatever is under way (law 12)."""

from __future__ import annotations

import pytest

from doubles import Config
from engine.timed import (
    NEW,
    OTHER,
    POLLED,
    QUIET,
    SAME,
    WRONG,
    Case,
    Maker,
    close,
    hold,
    loaded,
    played,
    release,
    reload,
    touch,
    verified,
)
from hotconf.engine.candidate import Valid
from hotconf.engine.protocol import Overlay


def overlay(good: Valid[Config] | None = OTHER, caller: int = 9, *, outdated: bool = False) -> Maker:
    """An override is entered or left."""
    return lambda now: Overlay(now, caller, good, outdated)


LAID = "Publish 2, ReloadSuccess 2, Answer 9: ReloadSuccess 2"

CASES = [
    Case("at rest: committed at once", [(0, overlay())], f"0: {LAID}"),
    Case("no value differs", [(0, overlay(SAME))], "0: Refresh, ReloadUnchanged, Answer 9: ReloadUnchanged"),
    Case("busy: committed all the same", [(0, hold()), (5, overlay())], f"5: {LAID}"),
    Case(
        "an open round goes on, and is loaded again",
        [(0, touch()), (10, loaded(1, NEW)), (20, overlay()), (30, loaded(2, NEW))],
        f"0: Changed config.toml; P: Load 1; 20: {LAID}, Load 2; 300: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "a load that began before is of no use",
        [(0, touch()), (20, overlay()), (30, loaded(1, NEW)), (40, loaded(2, NEW))],
        f"0: Changed config.toml; P: Load 1; 20: {LAID}; 30 + R: Load 2; 300: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "nor is that of a reload",
        [(0, reload(1)), (5, overlay()), (10, loaded(1, NEW)), (20, loaded(2, NEW))],
        f"0: Load 1 afresh; 5: {LAID}; 10: Load 2 afresh; 20: Publish 3, ReloadSuccess 3, Answer 1: ReloadSuccess 3",
    ),
    Case(
        "what is pending is loaded again, and stays pending",
        [(0, hold()), (0, touch()), (10, loaded(1, NEW)), (400, overlay()), (410, loaded(2, NEW)), (500, release())],
        f"0: Changed config.toml; P: Load 1; 300: ReloadDeferred gate; 400: {LAID}, Load 2; "
        "410: ReloadDeferred gate; 500: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "what was refused is loaded again: it may be good now",
        [(0, touch()), (10, loaded(1, WRONG)), (400, overlay()), (410, loaded(2, NEW))],
        f"0: Changed config.toml; P: Load 1; 300: ReloadFailed syntax; 400: {LAID}, Load 2; "
        "410: Publish 3, ReloadSuccess 3",
    ),
    Case(
        "what was good since is not",
        [(0, touch()), (10, loaded(1, WRONG)), (400, touch()), (410, loaded(2, NEW)), (800, overlay())],
        "0: Changed config.toml; P: Load 1; 300: ReloadFailed syntax; 400: Changed config.toml; 400 + P: Load 2; "
        "700: Publish 2, ReloadSuccess 2; 800: Publish 3, ReloadSuccess 3, Answer 9: ReloadSuccess 3",
    ),
    Case(
        "what is out of date is loaded again",
        [(0, overlay(outdated=True)), (10, loaded(1, WRONG))],
        f"0: {LAID}, Load 1; 10: ReloadFailed syntax",
    ),
    Case(
        "nothing is valid without it: the files are judged",
        [(0, overlay(None, outdated=True)), (10, loaded(1, WRONG))],
        "0: Answer 9: nothing, Load 1; 10: ReloadFailed syntax",
    ),
    Case(
        "polling: what waits to be verified is loaded again",
        [(0, touch()), (10, loaded(1, NEW)), (301, overlay()), (310, loaded(2, SAME)), (320, verified())],
        f"0: Changed config.toml; P: Load 1; 300: Verify; 301: {LAID}, Load 2; 310: Refresh, ReloadUnchanged",
        POLLED,
    ),
    Case("closed: no answer but that", [(0, close()), (5, overlay())], "5: Answer 9: nothing"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_overlays(case: Case) -> None:
    """What follows, and when."""
    assert played(case.state, case.given).recorder.story == case.story


def test_a_closed_machine_answers_with_nothing() -> None:
    """As it answers those who reload."""
    driver = played(QUIET, [(0, close()), (5, overlay())])
    assert driver.state.generation == 1
