"""Every input in every phase."""

from __future__ import annotations

import pytest

from engine.timed import MORE, NEW, QUIET, Given, close, hold, loaded, looked, played, release, touch
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.machine import TABLE, deadline, step
from hotconf.engine.protocol import (
    Answer,
    Close,
    Due,
    Input,
    Loaded,
    Look,
    Looked,
    Phase,
    Release,
    Reload,
    State,
    Touched,
    Waiting,
)

WAYS: dict[Phase, tuple[Given, float]] = {
    Phase.IDLE: ([], 0),
    Phase.SETTLING: ([(0, touch())], 3),
    Phase.SPECULATING: ([(0, touch())], 10),
    Phase.READY: ([(0, touch()), (10, loaded(1, NEW))], 100),
    Phase.LOADING: ([(0, touch())], 350),
    Phase.LOOKING: ([(0, touch(sure=False)), (10, loaded(1, NEW))], 350),
    Phase.CLOSED: ([(0, close())], 1),
}
"""How to come to each phase, and when one is there."""
NOW = 400 * MILLISECOND
EVERY_INPUT: list[Input] = [
    Touched(NOW, (MORE,)),
    Due(NOW),
    Loaded(NOW, 1, NEW, MILLISECOND),
    Looked(NOW),
    Release(NOW),
    Reload(NOW, 7),
    Close(NOW),
]


def state_in(phase: Phase) -> State:
    """A state in that phase."""
    given, until = WAYS[phase]
    state = played(QUIET, given, until).state
    assert state.phase is phase
    return state


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("given", EVERY_INPUT, ids=lambda given: type(given).__name__)
def test_illegal_inputs(phase: Phase, given: Input) -> None:
    """What means nothing in a phase leaves the state the same object and does nothing; all else obeys the table."""
    state = state_in(phase)
    after, effects = step(state, given)
    rule = TABLE.get((phase, type(given)))
    if rule is None:
        assert after is state
        assert not effects
    else:
        assert after.phase in rule.leads_to


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLOSED])
def test_strays(phase: Phase) -> None:
    """An early timer, an unexpected load and a release while nothing is pending are ignored."""
    state = state_in(phase)
    for stray in (Due(0), Loaded(NOW, 99, NEW, MILLISECOND), Release(NOW)):
        after, effects = step(state, stray)
        assert after is state
        assert not effects


@pytest.mark.parametrize("phase", Phase)
def test_close(phase: Phase) -> None:
    """Close ends everything in every phase: who waits is answered, nothing is done any more, whatever comes."""
    state, first = step(state_in(phase), Reload(NOW, 1))
    state, second = step(state, Reload(NOW, 2))
    state, third = step(state, Close(NOW))
    answers = [effect for effect in (*first, *second, *third) if isinstance(effect, Answer)]
    assert sorted(ticket for answer in answers for ticket in answer.tickets) == [1, 2]
    assert {answer.event for answer in answers} == {None}
    assert deadline(state) is None
    for given in EVERY_INPUT:
        if not isinstance(given, Reload):
            after, effects = step(state, given)
            assert after is state
            assert not effects


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLOSED])
def test_busy_in_every_phase(phase: Phase) -> None:
    """Held before and released in any phase of a round, nothing is put off; held from then on, it is."""
    given, until = WAYS[phase]
    opened = given or [(0, touch())]
    rest = [(360, loaded(1, NEW)), (370, looked())]
    released = played(QUIET, [(0, hold()), *opened, (until, release()), *rest])
    assert released.recorder.story.endswith("ReloadSuccess 2")
    held = played(QUIET, [*opened, (until, hold()), *rest])
    assert held.recorder.story.endswith("ReloadDeferred gate")
    assert held.state.pending == Waiting(NEW, sure=phase is not Phase.LOOKING)


def test_kernel_that_falls_silent() -> None:
    """A round that began while the kernel told of every change is looked at if it no longer does."""
    ready = state_in(Phase.READY)._replace(native=False)
    state, effects = step(ready, Due(NOW))
    assert state.phase is Phase.LOOKING
    assert effects == (Look(),)
