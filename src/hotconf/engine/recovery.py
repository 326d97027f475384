"""The protocol at rest after what no rule foresees: a fork, or a fault."""

from __future__ import annotations

from typing import Literal

from hotconf.engine.candidate import SourceId
from hotconf.engine.protocol import (
    Answer,
    Cancel,
    Closed,
    Discard,
    Effect,
    Emit,
    Idle,
    Judge,
    Loading,
    Preparing,
    State,
)
from hotconf.events import ReloadFailed
from hotconf.problems import Problem, one_line


def forked(state: State) -> tuple[State, tuple[SourceId, ...] | None]:
    """The protocol in a forked child: what is published stays; rounds, loads and waiting callers are the parent's.

    Also the sources to touch, because knowledge of them is lost; None if nothing was lost, empty if it is unknown
    which they were.
    """
    backlog = state.phase.backlog if isinstance(state.phase, Loading) else ()
    preparing = isinstance(state.phase, Preparing) and not state.phase.offer
    following = state.phase.next if isinstance(state.phase, Preparing) else None
    rounds = [round_ for round_ in (state.round, following) if round_ is not None]
    changed = [source for round_ in rounds for source in round_.changed]
    lost = dict.fromkeys((*changed, *(source for touch in backlog for source in touch.sources)))
    unfinished = bool(rounds or backlog or preparing or state.pending is not None or state.retry_ns)
    rest = state._replace(phase=Idle(), pending=None, offer=None, retry_at=0, retry_ns=0)
    return rest, tuple(lost) if unfinished else None


def crashed(state: State, problem: Problem, callers: tuple[int, ...]) -> tuple[State, tuple[Effect, ...]]:
    """The protocol at rest after a step or an effect raised, and the failure that ends the round.

    `callers`: all that wait, also one that the machine had not yet noted.
    """
    if isinstance(state.phase, Closed):
        return state, (Answer(callers, None),) if callers else ()
    event = ReloadFailed(one_line((problem,)), problem.kind, (problem,))
    effects: list[Effect] = []
    if isinstance(state.phase, Preparing):
        effects.append(Cancel(state.phase.preparation))
    if state.pending is not None and state.pending.prepared is not None:
        effects.append(Discard(state.pending.prepared))
    if (offered := state.offer) is not None:
        effects += [Discard(offered.prepared)] if offered.prepared is not None else []
        verdict: Literal["refused", "withdrawn"] = "refused" if offered.candidate is None else "withdrawn"
        effects.append(Judge(offered.number, verdict, reason="an internal error"))
    preparing = isinstance(state.phase, Preparing) and not state.phase.offer
    if preparing or state.round is not None or state.pending is not None or callers:
        effects.append(Emit(event))
    if callers:
        effects.append(Answer(callers, event))
    rest = state._replace(phase=Idle(), pending=None, offer=None, refused=True, retry_at=0, retry_ns=0)
    return rest, tuple(effects)
