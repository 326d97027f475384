"""Resources are prepared before each commit: what happens when, and what comes of it."""

from __future__ import annotations

import pytest

from engine.timed import (
    EAGER,
    KEPT,
    MORE,
    NEVER_LOADED,
    NEW,
    OFF,
    OTHER,
    POLLED,
    QUIET,
    SAME,
    WRONG,
    Case,
    hold,
    loaded,
    played,
    prepared,
    release,
    reload,
    touch,
    verified,
)
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.machine import step
from hotconf.engine.protocol import (
    Answer,
    Cancel,
    Close,
    Discard,
    Emit,
    Overlay,
    PendingCandidate,
    Prepare,
    Prepared,
    Publish,
    Register,
    State,
    Unstuck,
)
from hotconf.engine.recovery import forked
from hotconf.events import ReloadFailed
from hotconf.problems import Problem

REFUSED = Problem("the database refused", kind="apply")
MADE = QUIET._replace(prepares=True)


def of(state: State) -> State:
    """The same, with something that is made of the configuration."""
    return state._replace(prepares=True)


CASES = [
    Case(
        "prepared at the end of the window, published when that is done",
        [(0, touch()), (10, loaded(1, NEW)), (900, prepared(1))],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 900: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "never speculatively",
        [(0, touch()), (10, loaded(1, NEW)), (200, touch()), (210, loaded(2, NEW)), (510, prepared(1))],
        "0: Changed config.toml; P: Load 1; 200 + P: Load 2; 500: Prepare 1; 510: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "eagerly, if the round ends so",
        [(0, touch(renamed=True)), (10, loaded(1, NEW)), (20, prepared(1))],
        "0: Changed config.toml, Load 1; 10: Prepare 1; 20: Publish 2, ReloadSuccess 2",
        of(EAGER),
    ),
    Case(
        "not for what is unchanged or invalid",
        [(0, touch()), (10, loaded(1, SAME)), (1000, touch()), (1010, loaded(2, WRONG))],
        "0: Changed config.toml; P: Load 1; 300: Refresh, ReloadUnchanged; "
        "1000: Changed config.toml; 1000 + P: Load 2; 1300: ReloadFailed syntax",
        MADE,
    ),
    Case(
        "a change meanwhile waits, is reported at once, and has its window from the ending on",
        [
            (0, touch()),
            (10, loaded(1, NEW)),
            (400, touch(MORE)),
            (500, touch(MORE)),
            (900, prepared(1)),
            (910, loaded(2, OTHER)),
            (1250, prepared(2)),
        ],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 400: Changed more.toml; 900: Publish 2, ReloadSuccess 2; "
        "900 + P: Load 2; 1200: Prepare 2; 1250: Publish 3, ReloadSuccess 3",
        MADE,
    ),
    Case(
        "a call meanwhile is served afterwards",
        [(0, touch()), (10, loaded(1, NEW)), (400, reload()), (900, prepared(1)), (910, loaded(2, SAME))],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 900: Publish 2, ReloadSuccess 2, Load 2 afresh; "
        "910: Refresh, ReloadUnchanged, Answer 1: ReloadUnchanged",
        MADE,
    ),
    Case(
        "the caller of a reload gets its failure",
        [(0, reload()), (10, loaded(1, NEW)), (20, prepared(1, REFUSED)), (30, touch()), (40, loaded(2, SAME))],
        "0: Load 1 afresh; 10: Prepare 1; 20: ReloadFailed apply, Answer 1: ReloadFailed apply; "
        "30: Changed config.toml; 30 + P: Load 2; 330: Refresh, ReloadUnchanged",
        MADE,
    ),
    Case(
        "a refusal is retried after 1 s, 2 s, 4 s, and counted",
        [
            (0, touch()),
            (10, loaded(1, NEW)),
            (400, prepared(1, REFUSED)),
            (1410, loaded(2, NEW)),
            (1500, prepared(2, REFUSED)),
            (3510, loaded(3, NEW)),
            (3600, prepared(3, REFUSED)),
            (7610, loaded(4, NEW)),
            (7700, prepared(4)),
        ],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 400: ReloadFailed apply; "
        "1400: Load 2; 1410: Prepare 2; 1500: ReloadFailed apply again; "
        "3500: Load 3; 3510: Prepare 3; 3600: ReloadFailed apply again; "
        "7600: Load 4; 7610: Prepare 4; 7700: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "a change ends the retries, and what is refused then is news",
        [
            (0, touch()),
            (10, loaded(1, NEW)),
            (400, prepared(1, REFUSED)),
            (500, touch()),
            (510, loaded(2, OTHER)),
            (810, prepared(2, REFUSED)),
            (1820, loaded(3, OTHER)),
            (1830, prepared(3)),
        ],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 400: ReloadFailed apply; "
        "500: Changed config.toml; 500 + P: Load 2; 800: Prepare 2; 810: ReloadFailed apply; "
        "1810: Load 3; 1820: Prepare 3; 1830: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "a hold that begins meanwhile defers the publication only",
        [(0, touch()), (10, loaded(1, NEW)), (400, hold()), (900, prepared(1)), (2000, release())],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 900: ReloadDeferred gate; "
        "2000: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "a hold that ends meanwhile defers nothing",
        [(0, touch()), (10, loaded(1, NEW)), (400, hold()), (500, release()), (900, prepared(1))],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 900: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "what is pending is prepared by the last release, and deferred in silence by the next hold",
        [
            (0, hold()),
            (1, touch()),
            (10, loaded(1, NEW)),
            (400, release()),
            (450, hold()),
            (500, prepared(1)),
            (600, release()),
        ],
        "1: Changed config.toml; 1 + P: Load 1; 301: ReloadDeferred gate; 400: Prepare 1; "
        "600: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "what is pending and refused is retried",
        [
            (0, hold()),
            (1, touch()),
            (10, loaded(1, NEW)),
            (400, release()),
            (500, prepared(1, REFUSED)),
            (1510, loaded(2, NEW)),
            (1600, prepared(2)),
        ],
        "1: Changed config.toml; 1 + P: Load 1; 301: ReloadDeferred gate; 400: Prepare 1; 500: ReloadFailed apply; "
        "1500: Load 2; 1510: Prepare 2; 1600: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "a newer candidate discards what is pending",
        [
            (0, touch()),
            (10, loaded(1, NEW)),
            (400, hold()),
            (900, prepared(1)),
            (1000, touch()),
            (1010, loaded(2, OTHER)),
            (1400, release()),
            (1500, prepared(2)),
        ],
        "0: Changed config.toml; P: Load 1; 300: Prepare 1; 900: ReloadDeferred gate; "
        "1000: Changed config.toml; 1000 + P: Load 2; 1300: Discard, ReloadDeferred gate; "
        "1400: Prepare 2; 1500: Publish 2, ReloadSuccess 2",
        MADE,
    ),
    Case(
        "force covers the preparation",
        [(0, hold()), (1, reload(force=True)), (10, loaded(1, NEW)), (20, prepared(1))],
        "1: Load 1 afresh; 10: Prepare 1; 20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
        MADE,
    ),
    Case(
        "a pending candidate is verified where not every change is reported",
        [
            (0, touch()),
            (10, loaded(1, NEW)),
            (350, verified()),
            (400, hold()),
            (900, prepared(1)),
            (1000, release()),
            (1010, verified()),
        ],
        "0: Changed config.toml; P: Load 1; 300: Verify; 350: Prepare 1; 900: ReloadDeferred gate; 1000: Verify; "
        "1010: Publish 2, ReloadSuccess 2",
        of(POLLED),
    ),
    Case(
        "with hot reload off only a call prepares",
        [(0, touch()), (10, reload()), (20, loaded(1, NEW)), (30, prepared(1))],
        "10: Load 1 afresh; 20: Prepare 1; 30: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Watching on",
        of(OFF),
    ),
    Case(
        "a start that fails prepares the last good state",
        [(0, reload(silent=True)), (10, loaded(1, WRONG, last_good=KEPT)), (20, prepared(1))],
        "0: Load 1 afresh; 10: Prepare 1; 20: Publish 1 recalled, ReloadFailed syntax, Answer 1: ReloadFailed syntax",
        of(NEVER_LOADED),
    ),
    Case(
        "a start that cannot prepare fails, whatever was kept",
        [(0, reload(silent=True)), (10, loaded(1, NEW)), (20, prepared(1, REFUSED))],
        "0: Load 1 afresh; 10: Prepare 1; 20: ReloadFailed apply, Answer 1: ReloadFailed apply",
        of(NEVER_LOADED),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_preparing(case: Case) -> None:
    """What is given when, and what follows."""
    driver = played(case.state, case.given, 8_000)
    story = driver.recorder.story
    assert story.startswith(case.story), story
    if "ReloadFailed" not in case.story.rpartition(";")[2]:
        assert story == case.story


def test_both_failures_of_a_start() -> None:
    """The files', then the resource's: neither is silent."""
    given = [(0, reload(silent=True)), (10, loaded(1, WRONG, last_good=KEPT)), (20, prepared(1, REFUSED))]
    events = played(of(NEVER_LOADED), given, 30).recorder.events
    assert len(events) == 1
    assert isinstance(events[0], ReloadFailed)
    assert (events[0].kind, events[0].problems) == ("syntax", (*WRONG.problems, REFUSED))


def test_retries_wait_a_minute_at_most() -> None:
    """A database that is down for long is not asked for ever faster, nor ever more rarely."""
    waits = []
    state = played(MADE, [(0, touch()), (10, loaded(1, NEW)), (400, prepared(1, REFUSED))], 500).state
    for number in range(2, 12):
        waits.append(state.retry_ns)
        now = state.retry_at / MILLISECOND
        given = [(now, loaded(number, NEW)), (now, prepared(number, REFUSED))]
        state = played(state, given, now).state
    assert [wait / 1e9 for wait in waits] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_unstuck() -> None:
    """What hung has returned: what was refused meanwhile is loaded at once; if nothing was, nothing is."""
    refused = played(MADE, [(0, touch()), (10, loaded(1, NEW)), (400, prepared(1, REFUSED))], 500).state
    after, effects = step(refused, Unstuck(600_000_000))
    assert [type(effect).__name__ for effect in effects] == ["Load"]
    assert after.loading == 2
    assert step(MADE, Unstuck(600_000_000)) == (MADE, ())


def test_a_new_resource_discards_what_is_pending() -> None:
    """It was prepared without the new one: it is prepared anew."""
    pending = MADE._replace(pending=PendingCandidate(NEW, polled=False, prepared="made"))
    state, effects = step(pending, Register(0), ("gate",))
    assert effects == (Discard("made"),)
    assert state.pending == PendingCandidate(NEW, polled=False)


@pytest.mark.parametrize("busy", [(), ("gate",)])
def test_a_rebuild_is_a_generation_without_changes(busy) -> None:
    """Whatever is busy; if it is refused, only the caller is answered, and nothing is tried again."""
    again = NEW._replace(changes=(), summary=("made anew",))
    state, effects = step(MADE, Overlay(0, 9, again, alone=True), busy)
    assert effects == (Prepare(1, again),)
    done, effects = step(state, Prepared(5, 1, "made"), busy)
    published, emitted, answer = effects
    assert published == Publish(again, MADE.generation + 1, None, prepared="made")
    assert (emitted.event, answer) == (answer.event, Answer((9,), emitted.event))
    assert (emitted.event.generation, emitted.event.changes) == (done.generation, ())
    refused, effects = step(state, Prepared(5, 1, problems=(REFUSED,)), busy)
    [answer] = effects
    assert (answer.callers, answer.event.problems) == ((9,), (REFUSED,))
    assert refused == MADE._replace(preparations=1)


@pytest.mark.parametrize("busy", [(), ("gate",)])
@pytest.mark.parametrize("meanwhile", ["nothing", "a rebuild", "another override"])
def test_what_an_override_leaves_is_refused(busy, meanwhile) -> None:
    """What was last published without it is committed in its place, and the sources are loaded again.

    A rebuild that it was prepared with is refused.
    """
    state, effects = step(MADE, Overlay(0, 9, NEW, fallback=OTHER), busy)
    assert effects == (Prepare(1, NEW),)
    callers, number, last, another = (9,), 1, OTHER, OTHER._replace(summary=("another",))
    if meanwhile == "a rebuild":
        state, _ = step(state, Overlay(1, 10, NEW, alone=True), busy)
    elif meanwhile == "another override":
        state, _ = step(state, Overlay(1, 10, NEW, fallback=another), busy)
        last = another
    if meanwhile != "nothing":
        callers, number = (9, 10), 2
    state, effects = step(state, Prepared(5, number, problems=(REFUSED,)), busy)
    *answers, prepare = effects
    assert prepare == Prepare(number + 1, last)
    assert [(each.callers, each.event.problems) for each in answers] == [((10,), (REFUSED,))] * (
        meanwhile == "a rebuild"
    )
    callers = (9,) if answers else callers
    _, effects = step(state, Prepared(9, number + 1, "made"), busy)
    published, emitted, answer, load = effects
    assert published == Publish(last, MADE.generation + 1, None, prepared="made")
    assert (answer, type(load).__name__) == (Answer(callers, emitted.event), "Load")
    failed, effects = step(state, Prepared(9, number + 1, problems=(REFUSED,)), busy)
    emitted, answer, load = effects
    assert isinstance(emitted.event, ReloadFailed)
    assert (answer, type(load).__name__) == (Answer(callers, emitted.event), "Load")
    assert (failed.generation, failed.retry_ns > 0) == (MADE.generation, True)


def test_a_rebuild_keeps_no_value_of_an_override() -> None:
    """It is refused while what was last published without the override is prepared: that is prepared alone."""
    state, _ = step(MADE, Overlay(0, 9, NEW, fallback=OTHER))
    state, _ = step(state, Prepared(5, 1, problems=(REFUSED,)))
    state, effects = step(state, Overlay(6, 10, OTHER, alone=True))
    assert effects == (Cancel(2), Prepare(3, OTHER))
    state, effects = step(state, Prepared(7, 3, problems=(REFUSED,)))
    answer, prepare = effects
    assert (answer.callers, answer.event.problems, prepare) == ((10,), (REFUSED,), Prepare(4, OTHER))
    _, effects = step(state, Prepared(8, 4, "made"))
    assert effects[0] == Publish(OTHER, MADE.generation + 1, None, prepared="made")
    assert effects[2].callers == (9,)
    state, effects = step(state, Prepared(8, 4, problems=(REFUSED,)))
    assert [type(effect).__name__ for effect in effects] == ["Emit", "Answer", "Load"]


def test_a_stray_answer() -> None:
    """Of a preparation that was cancelled."""
    preparing = played(MADE, [(0, touch()), (10, loaded(1, NEW))], 350).state
    state, effects = step(preparing, Prepared(400_000_000, 7, "made"))
    assert (state, effects) == (preparing, ())


def test_a_fork_while_something_is_retried() -> None:
    """The child begins anew."""
    refused = played(MADE, [(0, touch()), (10, loaded(1, NEW)), (400, prepared(1, REFUSED))], 500).state
    child, lost = forked(refused)
    assert (child.retry_at, child.retry_ns, lost) == (0, 0, ())


def test_close_answers_who_waits() -> None:
    """The caller whose preparation is under way, and who called meanwhile."""
    driver = played(MADE, [(0, reload(1)), (10, loaded(1, NEW)), (20, reload(2))], 25)
    _, effects = step(driver.state, Close(30_000_000))
    answers = [effect for effect in effects if isinstance(effect, Answer)]
    assert [(answer.callers, answer.event) for answer in answers] == [((1, 2), None)]
    assert not [effect for effect in effects if isinstance(effect, Emit)]
