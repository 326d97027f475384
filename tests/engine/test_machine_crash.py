"""A step or an effect raised: the round still has one ending."""

from __future__ import annotations

import pytest

from engine.test_machine_phases import NOW, state_in
from engine.timed import CONFIG, NEW
from hotconf.engine.debounce import Touched
from hotconf.engine.machine import deadline, step
from hotconf.engine.protocol import PHASES, Answer, Closed, Emit, Idle, Loading, PendingCandidate, Reload, Settling
from hotconf.engine.recovery import crashed
from hotconf.events import ReloadFailed
from hotconf.problems import Problem

FAULT = Problem("Internal error", kind="internal", file=CONFIG)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("asked", [0, 1, 2])
def test_one_ending_in_every_phase(phase, asked):
    """Emitted if a round is open or a caller waits; all waiting callers get it; then nothing is due."""
    state = state_in(phase)
    for number in range(asked):
        state, _ = step(state, Reload(NOW, number))
    after, effects = crashed(state, FAULT, tuple(range(asked)))
    emitted = [effect.event for effect in effects if isinstance(effect, Emit)]
    answers = [
        (number, effect.event) for effect in effects if isinstance(effect, Answer) for number in effect.callers
    ]
    if phase is Closed:
        assert after == state
        assert answers == [(number, None) for number in range(asked)]
        return
    assert len(emitted) == (1 if asked or state.round is not None else 0)
    assert answers == [(number, emitted[0]) for number in range(asked)]
    assert all(isinstance(event, ReloadFailed) and event.kind == "internal" for event in emitted)
    assert (after.phase, deadline(after)) == (Idle(), None)
    assert (after.generation, after.enabled, after.loads) == (state.generation, state.enabled, state.loads)


def test_what_was_pending_has_failed():
    """Its deferrals share this outcome."""
    after, effects = crashed(state_in(Idle)._replace(pending=PendingCandidate(NEW, polled=False)), FAULT, ())
    assert [type(effect) for effect in effects] == [Emit]
    assert after.pending is None


def test_a_call_that_the_machine_has_not_noted_is_answered():
    """The step that would have noted it raised."""
    _, effects = crashed(state_in(Idle), FAULT, (7,))
    emitted, answer = effects
    assert isinstance(emitted, Emit)
    assert answer == Answer((7,), emitted.event)


def test_the_next_change_opens_a_round():
    """It goes on as if nothing had happened."""
    after, _ = crashed(state_in(Loading), FAULT, ())
    after, effects = step(after, Touched(NOW, (CONFIG,)))
    assert isinstance(after.phase, Settling)
    assert len(effects) == 1
