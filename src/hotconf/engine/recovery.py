"""The protocol at rest after what no rule foresees: a fork, or a fault."""

from __future__ import annotations

from hotconf.engine.candidate import SourceId
from hotconf.engine.protocol import Answer, Closed, Effect, Emit, Idle, Loading, State
from hotconf.events import ReloadFailed
from hotconf.problems import Problem, one_line


def forked(state: State) -> tuple[State, tuple[SourceId, ...] | None]:
    """The protocol in a forked child: what is published stays; rounds, loads and waiting callers are the parent's.

    Also the sources to touch, because knowledge of them is lost; None if nothing was lost, empty if it is unknown
    which they were.
    """
    backlog = state.phase.backlog if isinstance(state.phase, Loading) else ()
    changed = state.round.changed if state.round is not None else ()
    lost = dict.fromkeys((*changed, *(source for touch in backlog for source in touch.sources)))
    unfinished = state.round is not None or state.pending is not None or bool(backlog)
    return state._replace(phase=Idle(), pending=None), tuple(lost) if unfinished else None


def crashed(state: State, problem: Problem, callers: tuple[int, ...]) -> tuple[State, tuple[Effect, ...]]:
    """The protocol at rest after a step or an effect raised, and the failure that ends the round.

    `callers`: all that wait, also one that the machine had not yet noted.
    """
    if isinstance(state.phase, Closed):
        return state, (Answer(callers, None),) if callers else ()
    event = ReloadFailed(one_line((problem,)), problem.kind, (problem,))
    effects: list[Effect] = []
    if state.round is not None or state.pending is not None or callers:
        effects.append(Emit(event))
    if callers:
        effects.append(Answer(callers, event))
    return state._replace(phase=Idle(), pending=None, refused=True), tuple(effects)
