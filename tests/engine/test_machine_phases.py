"""Every input in every phase."""

from __future__ import annotations

import pytest

from engine.timed import (
    CONFIG,
    MORE,
    NEW,
    QUIET,
    Given,
    Instant,
    close,
    hold,
    loaded,
    played,
    prepared,
    register,
    release,
    touch,
    verified,
)
from hotconf.engine.debounce import MILLISECOND, Touched
from hotconf.engine.machine import TABLE, deadline, step
from hotconf.engine.protocol import (
    PHASES,
    Answer,
    Close,
    Closed,
    Due,
    Idle,
    Input,
    Loaded,
    Loading,
    PendingCandidate,
    Phase,
    Prepared,
    Preparing,
    Ready,
    Register,
    Release,
    Reload,
    Settling,
    State,
    Unstuck,
    Verified,
    Verify,
    Verifying,
)
from hotconf.engine.recovery import forked

WAYS: dict[type[Phase], tuple[Given, Instant]] = {
    Idle: ([], 0),
    Settling: ([(0, touch())], "P - 1"),
    Ready: ([(0, touch()), (10, loaded(1, NEW))], 100),
    Loading: ([(0, touch())], 350),
    Verifying: ([(0, touch(polled=True)), (10, loaded(1, NEW))], 350),
    Preparing: ([(0, register()), (0, touch()), (10, loaded(1, NEW))], 350),
    Closed: ([(0, close())], 1),
}
"""How to come to each phase, and when one is there."""
OPEN = [phase for phase in PHASES if phase is not Closed]
NOW = 400 * MILLISECOND
EVERY_INPUT: list[Input] = [
    Touched(NOW, (MORE,)),
    Due(NOW),
    Loaded(NOW, 1, NEW, MILLISECOND),
    Verified(NOW),
    Prepared(NOW, 1, ()),
    Release(NOW),
    Reload(NOW, 7),
    Register(NOW),
    Unstuck(NOW),
    Close(NOW),
]


def state_in(phase: type[Phase]) -> State:
    """A state in that phase."""
    given, until = WAYS[phase]
    state = played(QUIET, given, until).state
    assert type(state.phase) is phase
    return state


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("given", EVERY_INPUT, ids=lambda given: type(given).__name__)
def test_illegal_inputs(phase: type[Phase], given: Input) -> None:
    """What means nothing in a phase leaves the state the same object and does nothing; all else obeys the table."""
    state = state_in(phase)
    after, effects = step(state, given)
    rule = TABLE.get((phase, type(given)))
    if rule is None:
        assert after is state
        assert not effects
    else:
        assert type(after.phase) in rule.leads_to


@pytest.mark.parametrize("phase", OPEN)
def test_strays(phase: type[Phase]) -> None:
    """An early timer, an unexpected load and a release while nothing is pending are ignored."""
    state = state_in(phase)
    for stray in (Due(0), Loaded(NOW, 99, NEW, MILLISECOND), Prepared(NOW, 99), Unstuck(NOW), Release(NOW)):
        after, effects = step(state, stray)
        assert after is state
        assert not effects


@pytest.mark.parametrize("phase", PHASES)
def test_close(phase: type[Phase]) -> None:
    """Close ends everything in every phase: who waits is answered, nothing is done any more, whatever comes."""
    pending = PendingCandidate(NEW, polled=False) if phase is not Closed else None
    state, first = step(state_in(phase)._replace(pending=pending), Reload(NOW, 1))
    state, second = step(state, Reload(NOW, 2))
    state, third = step(state, Close(NOW))
    answers = [effect for effect in (*first, *second, *third) if isinstance(effect, Answer)]
    assert sorted(caller for answer in answers for caller in answer.callers) == [1, 2]
    assert {answer.event for answer in answers} == {None}
    assert (deadline(state), state.pending) == (None, None)
    for given in EVERY_INPUT:
        if not isinstance(given, Reload):
            after, effects = step(state, given)
            assert after is state
            assert not effects


@pytest.mark.parametrize("phase", OPEN)
def test_busy_in_every_phase(phase: type[Phase]) -> None:
    """Held before and released in any phase of a round, nothing is put off; held from then on, it is."""
    given, until = WAYS[phase]
    opened = given or [(0, touch())]
    rest = [(360, loaded(1, NEW)), (370, verified()), (380, prepared(1))]
    released = played(QUIET, [(0, hold()), *opened, (until, release()), *rest])
    assert released.recorder.story.endswith("ReloadSuccess 2")
    held = played(QUIET, [*opened, (until, hold()), *rest])
    assert held.recorder.story.endswith("ReloadDeferred gate")
    made = "made" if phase is Preparing else None
    assert held.state.pending == PendingCandidate(NEW, polled=phase is Verifying, prepared=made)


def test_a_round_that_opened_under_polling() -> None:
    """It is verified, even if every change is reported by now."""
    settling, _ = step(QUIET._replace(polled=True), Touched(0, (CONFIG,)))
    story = played(settling._replace(polled=False), [(10, loaded(1, NEW))], 350).recorder.story
    assert story.endswith(": Load 1; 300: Verify")


@pytest.mark.parametrize("phase", PHASES)
def test_fork(phase: type[Phase]) -> None:
    """A child keeps what is published and begins anew what was under way, whichever files that was about."""
    state = state_in(phase)
    child, lost = forked(state)
    assert child == state._replace(phase=Idle())
    assert lost == (None if phase in (Idle, Closed) else (CONFIG,))


def test_fork_while_something_is_pending_or_waits_for_its_round() -> None:
    """What was pending is unknown to the child; what was touched after the last read began is not."""
    child, lost = forked(QUIET._replace(pending=PendingCandidate(NEW, polled=False)))
    assert (child, lost) == (QUIET, ())
    late = played(QUIET, [(0, touch(writing=True)), ("C + 1", touch(MORE))], "C + 2").state
    assert forked(late)[1] == (CONFIG, MORE)
    asked = QUIET._replace(phase=Loading(None, 1, defers_touches=True, backlog=(Touched(0, (MORE,)),)))
    assert forked(asked)[1] == (MORE,)


def test_kernel_that_falls_silent() -> None:
    """A round that began while every change was reported is verified if that is no longer so."""
    ready = state_in(Ready)._replace(polled=True)
    state, effects = step(ready, Due(NOW))
    assert isinstance(state.phase, Verifying)
    assert effects == (Verify(),)
