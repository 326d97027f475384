"""The end of a round that cannot continue, because a step or an effect raised: a fault of ours.

Whatever it was, the round has one ending, waiting callers get an answer, and the step is not retried.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hotconf.engine.protocol import Answer, Effect, Emit, Phase, State
from hotconf.events import ReloadFailed
from hotconf.problems import Problem, one_line

_TEXT: Final = "Internal error: the reload could not be carried out, the log says why"


def crashed(state: State, path: Path, tickets: tuple[int, ...]) -> tuple[State, tuple[Effect, ...]]:
    """The protocol at rest, and the failure that ends the round. `path`: the main file, which it is about.

    `tickets`: of all waiting calls, also of one that the machine had not yet noted.
    """
    if state.phase is Phase.CLOSED:
        return state, (Answer(tickets, None),) if tickets else ()
    problem = Problem(_TEXT, kind="internal", file=path)
    event = ReloadFailed(one_line((problem,)), "internal", (problem,))
    effects: list[Effect] = []
    if state.round is not None or state.pending is not None or tickets:
        effects.append(Emit(event))
    if tickets:
        effects.append(Answer(tickets, event))
    resting = state._replace(phase=Phase.IDLE, round=None, job=None, candidate=None, pending=None)
    return resting._replace(asked=(), late=(), attempts=0), tuple(effects)
