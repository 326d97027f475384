"""The protocol at rest after what no rule foresees: a fork, or a fault."""

from __future__ import annotations

from hotconf.engine.candidate import SourceId
from hotconf.engine.protocol import Answer, Cancel, Closed, Discard, Effect, Emit, Idle, Loading, Preparing, State
from hotconf.events import ReloadFailed
from hotconf.problems import Problem, one_line


def forked(state: State) -> tuple[State, tuple[SourceId, ...] | None]:
    """The protocol in a forked child: what is published stays; rounds, loads and waiting callers are the parent's.

    Also the sources to touch, because knowledge of them is lost; None if nothing was lost, empty if it is unknown
    which they were.
    """
    backlog = state.phase.backlog if isinstance(state.phase, Loading) else ()
    preparing = isinstance(state.phase, Preparing)
    following = state.phase.next if isinstance(state.phase, Preparing) else None
    rounds = [round_ for round_ in (state.round, following) if round_ is not None]
    changed = [source for round_ in rounds for source in round_.changed]
    lost = dict.fromkeys((*changed, *(source for touch in backlog for source in touch.sources)))
    unfinished = bool(rounds or backlog or preparing or state.pending is not None or state.retry_ns)
    return state._replace(phase=Idle(), pending=None, retry_at=0, retry_ns=0), tuple(lost) if unfinished else None


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
    preparing = isinstance(state.phase, Preparing)
    if preparing or state.round is not None or state.pending is not None or callers:
        effects.append(Emit(event))
    if callers:
        effects.append(Answer(callers, event))
    return state._replace(phase=Idle(), pending=None, refused=True, retry_at=0, retry_ns=0), tuple(effects)
