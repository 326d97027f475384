"""An offered document: prepared, and published only if it is committed."""

from __future__ import annotations

import pytest

from engine.timed import (
    HALF,
    NEW,
    OFF,
    OTHER,
    QUIET,
    SAME,
    TORN,
    WRONG,
    Case,
    Maker,
    close,
    hold,
    loaded,
    played,
    prepared,
    register,
    release,
    reload,
    touch,
)
from hotconf.engine.debounce import Touched
from hotconf.engine.protocol import Decide, Idle, Offer, Overlay
from hotconf.engine.recovery import crashed, forked
from hotconf.problems import Problem

REFUSED = Problem("no", kind="apply")
MAKES = QUIET._replace(prepares=True)
ON_OFFER = "a document on offer"
READY_STORY = "0: Load 1 of the offer; 10: Prepare 1; 50: Judge 1 ready"


def offer(number: int = 1) -> Maker:
    """The source offers a document."""
    return lambda now: Offer(now, number)


def commit(number: int = 1) -> Maker:
    """It is published."""
    return lambda now: Decide(now, number, commit=True)


def withdraw(number: int = 1) -> Maker:
    """It is not."""
    return lambda now: Decide(now, number, commit=False)


def publish() -> Maker:
    """The source says something else."""
    return lambda now: Touched(now, ())


def overlay() -> Maker:
    """An override that changes nothing."""
    return lambda now: Overlay(now, 9, SAME)


READIED = [(0, offer()), (10, loaded(1, NEW)), (50, prepared(1))]
DEFERRED = [*READIED, (60, publish()), (70, loaded(2, OTHER))]

JUDGED = [
    Case("it is loaded and prepared, and that is all", READIED, READY_STORY, MAKES),
    Case(
        "where nothing is made of it, it is ready when it is loaded",
        [(0, offer()), (10, loaded(1, NEW))],
        "0: Load 1 of the offer; 10: Judge 1 ready",
    ),
    Case(
        "what is not valid is refused",
        [(0, offer()), (10, loaded(1, WRONG))],
        "0: Load 1 of the offer; 10: Judge 1 refused: syntax",
        MAKES,
    ),
    Case(
        "so is what cannot be prepared, and it is not tried again",
        [(0, offer()), (10, loaded(1, NEW)), (50, prepared(1, REFUSED))],
        "0: Load 1 of the offer; 10: Prepare 1; 50: Judge 1 refused: apply",
        MAKES,
    ),
    Case(
        "so is everything while a file may be half written",
        [(0, offer()), (10, loaded(1, HALF))],
        "0: Load 1 of the offer; 10: Judge 1 refused: a file may be half written",
        MAKES,
    ),
    Case("and while hot reload is off", [(0, offer())], "0: Judge 1 refused: hot reload is off", OFF),
    Case(
        "what says the same is ready as it is",
        [(0, offer()), (10, loaded(1, SAME)), (20, commit())],
        "0: Load 1 of the offer; 10: Judge 1 ready; 20: Refresh, ReloadUnchanged",
        MAKES,
    ),
    Case(
        "an open round comes first",
        [(0, touch()), (10, loaded(1, NEW)), (20, offer()), (310, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2, Load 2 of the offer; 310: Judge 1 ready",
    ),
    Case(
        "so does one that opens while it is loaded",
        [(0, offer()), (5, touch()), (10, loaded(1, NEW)), (20, loaded(2, SAME)), (310, loaded(3, NEW))],
        "0: Load 1 of the offer; 5: Changed config.toml; 10 + R: Load 2; 305: Refresh, ReloadUnchanged, "
        "Load 3 of the offer; 310: Judge 1 ready",
    ),
    Case(
        "and a caller",
        [(0, offer()), (5, reload()), (10, loaded(1, NEW)), (20, loaded(2, SAME)), (30, loaded(3, NEW))],
        "0: Load 1 of the offer; 10: Load 2 afresh; 20: Refresh, ReloadUnchanged, Answer 1: ReloadUnchanged, "
        "Load 3 of the offer; 30: Judge 1 ready",
    ),
    Case(
        "what changes during a read is read again",
        [(0, offer()), (10, loaded(1, TORN)), (20, loaded(2, NEW))],
        "0: Load 1 of the offer; 10: Load 2 of the offer; 20: Judge 1 ready",
    ),
    Case(
        "what is busy does not matter yet",
        [(0, hold()), (0, offer()), (10, loaded(1, NEW))],
        "0: Load 1 of the offer; 10: Judge 1 ready",
    ),
]

DECIDED = [
    Case(
        "it is published at once", [*READIED, (60, commit())], f"{READY_STORY}; 60: Publish 2, ReloadSuccess 2", MAKES
    ),
    Case("it is never published", [*READIED, (60, withdraw())], f"{READY_STORY}; 60: Discard", MAKES),
    Case(
        "decided once",
        [*READIED, (60, withdraw()), (70, commit()), (80, withdraw())],
        f"{READY_STORY}; 60: Discard",
        MAKES,
    ),
    Case("the decision on another one", [*READIED, (60, commit(2)), (60, withdraw(2))], READY_STORY, MAKES),
    Case(
        "withdrawn while it is loaded",
        [(0, offer()), (5, withdraw()), (10, loaded(1, NEW))],
        "0: Load 1 of the offer",
        MAKES,
    ),
    Case(
        "withdrawn while it is prepared: what changed meanwhile is loaded",
        [(0, offer()), (10, loaded(1, NEW)), (20, publish()), (30, withdraw()), (40, loaded(2, SAME))],
        "0: Load 1 of the offer; 10: Prepare 1; 30: Cancel 1, Load 2; 40: Refresh, ReloadUnchanged",
        MAKES,
    ),
    Case(
        "busy when it is committed: deferred, with what was prepared",
        [*READIED, (55, hold()), (60, commit()), (90, release())],
        f"{READY_STORY}; 60: ReloadDeferred gate; 90: Publish 2, ReloadSuccess 2",
        MAKES,
    ),
    Case(
        "another offer takes its place, without a word",
        [*READIED, (60, offer(2)), (70, loaded(2, OTHER)), (80, prepared(2)), (90, commit(2))],
        f"{READY_STORY}; 60: Discard, Load 2 of the offer; 70: Prepare 2; 80: Judge 2 ready; "
        "90: Publish 2, ReloadSuccess 2",
        MAKES,
    ),
]

MEANWHILE = [
    Case(
        "what changes is deferred until it is committed, and then loaded again",
        [
            *READIED,
            (60, publish()),
            (70, loaded(2, OTHER)),
            (80, commit()),
            (90, loaded(3, OTHER)),
            (95, prepared(2)),
        ],
        f"{READY_STORY}; 60: Load 2; 70: ReloadDeferred {ON_OFFER}; 80: Publish 2, ReloadSuccess 2, Load 3; "
        "90: Prepare 2; 95: Publish 3, ReloadSuccess 3",
        MAKES,
    ),
    Case(
        "or until it is withdrawn, and then committed",
        [*DEFERRED, (80, withdraw()), (95, prepared(2))],
        f"{READY_STORY}; 60: Load 2; 70: ReloadDeferred {ON_OFFER}; 80: Discard, Prepare 2; "
        "95: Publish 2, ReloadSuccess 2",
        MAKES,
    ),
    Case(
        "unless something is busy",
        [*READIED, (55, hold()), (60, publish()), (70, loaded(2, OTHER)), (80, withdraw()), (90, release())],
        f"{READY_STORY}; 60: Load 2; 70: ReloadDeferred gate,{ON_OFFER}; 80: Discard; 90: Prepare 2",
        MAKES,
    ),
    Case(
        "a failure is reported as ever, and does not touch it",
        [*READIED, (60, publish()), (70, loaded(2, WRONG)), (80, commit()), (90, loaded(3, WRONG))],
        f"{READY_STORY}; 60: Load 2; 70: ReloadFailed syntax; 80: Publish 2, ReloadSuccess 2, Load 3; "
        "90: ReloadFailed syntax",
        MAKES,
    ),
    Case(
        "committed while a round is open: what was loaded for that is out of date",
        [*READIED, (60, touch()), (70, loaded(2, OTHER)), (80, commit()), (90, loaded(3, OTHER)), (370, prepared(2))],
        f"{READY_STORY}; 60: Changed config.toml; 60 + P: Load 2; 80: Publish 2, ReloadSuccess 2, Load 3; "
        "360: Prepare 2; 370: Publish 3, ReloadSuccess 3",
        MAKES,
    ),
    Case(
        "committed while something is loaded",
        [*READIED, (60, publish()), (65, commit()), (70, loaded(2, SAME)), (80, loaded(3, SAME))],
        f"{READY_STORY}; 60: Load 2; 65: Publish 2, ReloadSuccess 2; 70 + R: Load 3; 80: Refresh, ReloadUnchanged",
        MAKES,
    ),
    Case(
        "a caller is deferred, too",
        [*READIED, (60, reload()), (70, loaded(2, OTHER))],
        f"{READY_STORY}; 60: Load 2 afresh; 70: ReloadDeferred {ON_OFFER}, Answer 1: ReloadDeferred {ON_OFFER}",
        MAKES,
    ),
    Case(
        "by force it is withdrawn",
        [*READIED, (60, reload(force=True)), (70, loaded(2, OTHER)), (80, prepared(2)), (90, commit())],
        f"{READY_STORY}; 60: Discard, Judge 1 withdrawn: reload(force=True), Load 2 afresh; 70: Prepare 2; "
        "80: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
        MAKES,
    ),
    Case(
        "before it is ready it is refused",
        [(0, offer()), (10, loaded(1, NEW)), (20, reload(force=True)), (30, loaded(2, SAME))],
        "0: Load 1 of the offer; 10: Prepare 1; 20: Judge 1 refused: reload(force=True), Cancel 1, Load 2 afresh; "
        "30: Refresh, ReloadUnchanged, Answer 1: ReloadUnchanged",
        MAKES,
    ),
    Case(
        "by an override",
        [*READIED, (60, overlay())],
        f"{READY_STORY}; 60: Discard, Judge 1 withdrawn: an override or rebuild(), Refresh, ReloadUnchanged, "
        "Answer 9: ReloadUnchanged",
        MAKES,
    ),
    Case(
        "by a new resource",
        [*READIED, (60, register())],
        f"{READY_STORY}; 60: Discard, Judge 1 withdrawn: a new resource",
        MAKES,
    ),
    Case(
        "which has it prepared anew before that",
        [(0, offer()), (10, loaded(1, NEW)), (20, register()), (30, prepared(1)), (40, prepared(2))],
        "0: Load 1 of the offer; 10: Prepare 1; 20: Cancel 1, Prepare 2; 40: Judge 1 ready",
        MAKES,
    ),
    Case(
        "closed",
        [*READIED, (60, close()), (70, commit()), (80, offer(2))],
        f"{READY_STORY}; 60: Discard, Judge 1 withdrawn: closed; 80: Judge 2 refused: closed",
        MAKES,
    ),
    Case(
        "closed while it is prepared",
        [(0, offer()), (10, loaded(1, NEW)), (20, close())],
        "0: Load 1 of the offer; 10: Prepare 1; 20: Judge 1 refused: closed, Cancel 1",
        MAKES,
    ),
]


@pytest.mark.parametrize("case", [*JUDGED, *DECIDED, *MEANWHILE], ids=lambda case: case.name)
def test_an_offer(case):
    """Law 14."""
    assert played(case.state, case.given).recorder.story == case.story


@pytest.mark.parametrize(
    "given",
    [[(0, offer())], [(0, offer()), (10, loaded(1, NEW))], READIED],
    ids=["while it is loaded", "while it is prepared", "ready"],
)
def test_a_child_of_a_fork_knows_nothing_of_it(given):
    """It is the parent's; nothing was lost."""
    child, lost = forked(played(MAKES, given, until=55).state)
    assert isinstance(child.phase, Idle)
    assert child.offer is None
    assert lost is None


def test_a_fault_withdraws_it():
    """And discards what was prepared."""
    driver = played(MAKES, READIED, until=55)
    state, effects = crashed(driver.state, Problem("fault", kind="internal"), ())
    assert state.offer is None
    assert [type(effect).__name__ for effect in effects] == ["Discard", "Judge"]
    driver = played(MAKES, READIED[:2], until=20)
    state, effects = crashed(driver.state, Problem("fault", kind="internal"), ())
    assert [type(effect).__name__ for effect in effects] == ["Cancel", "Judge"]
    assert isinstance(state.phase, Idle)


def test_it_is_known_which_load_it_is_of():
    """A later one makes it out of date."""
    driver = played(MAKES, READIED, until=55)
    offered = driver.state.offer
    assert offered is not None
    assert (offered.number, offered.candidate, offered.prepared, offered.load) == (1, NEW, "made", 1)
