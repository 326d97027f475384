"""A document that a source offers (law 14): what makes it ready, commits it, or withdraws it."""

from __future__ import annotations

from typing import Any, Final

from hotconf.engine import endings
from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.protocol import (
    Cancel,
    Close,
    Closed,
    Decide,
    Discard,
    Idle,
    Input,
    Judge,
    Loading,
    Offer,
    Offered,
    Overlay,
    Phase,
    Prepared,
    Preparing,
    Register,
    Reload,
    Settling,
)
from hotconf.engine.turn import Turn
from hotconf.problems import Problem

HALF: Final = "a file may be half written"
OFF: Final = "hot reload is off"
CLOSED: Final = "closed"


def offer(turn: Turn, phase: Phase, given: Offer) -> Phase:
    """Take the offer, in place of the one before."""
    if isinstance(phase, Closed):
        turn.do(Judge(given.number, "refused", reason=CLOSED))
        return phase
    phase = _drop(turn, phase, given)
    turn.set(offer=Offered(given.number))
    return phase


def interrupted(turn: Turn, phase: Phase, given: Input) -> Phase:
    """Withdraw the offer if this input invalidates it."""
    match given:
        case Reload(force=True, silent=False):
            return _drop(turn, phase, given, "reload(force=True)")
        case Overlay():
            return _drop(turn, phase, given, "an override or rebuild()")
        case Register() if turn.state.offer is not None and turn.state.offer.candidate is not None:
            return _drop(turn, phase, given, "a new resource")
        case Close():
            _drop(turn, Idle(), given, CLOSED)
    return phase


def resumed(turn: Turn, phase: Phase, given: Input) -> Phase:
    """Load the offer once the machine is idle, but not before the load at start."""
    offered = turn.state.offer
    if offered is None or offered.candidate is not None or not isinstance(phase, Idle):
        return phase
    if not turn.state.enabled:
        return _refused(turn, phase, given, reason=OFF)
    first = not turn.state.loads and not turn.state.generation
    return phase if first else turn.load(None, given.now, offer=offered.number)


def dropped(turn: Turn, phase: Loading, given: Input) -> Phase:
    """Drop the result of a load whose offer was withdrawn."""
    round_ = turn.absorbed(phase.round, phase.backlog)
    return _released(turn, Idle() if round_ is None else Settling(round_), given)


def loaded(turn: Turn, phase: Loading, given: Input, candidate: Valid[Any] | Invalid) -> Phase:
    """Judge the loaded offer. Touches during the load belong to the next round."""
    round_ = turn.absorbed(None, phase.backlog)
    after = Idle() if round_ is None else Settling(round_)
    if isinstance(candidate, Invalid):
        return _refused(turn, after, given, candidate.problems)
    if candidate.shrank or candidate.gone:
        return _refused(turn, after, given, reason=HALF)
    if candidate.unchanged is None and turn.state.prepares:
        return endings.prepare(turn, Preparing(None, candidate, 0, next=round_, offer=phase.offer))
    _ready(turn, candidate, None)
    return after


def prepared(turn: Turn, phase: Preparing, given: Prepared) -> Phase:
    """The resources of the offer are prepared, or could not be."""
    if given.number != phase.preparation:
        return phase
    if given.problems:
        return _refused(turn, endings.go_on(turn, Idle(), phase, given.now), given, given.problems)
    _ready(turn, phase.candidate, given.prepared)
    return endings.go_on(turn, Idle(), phase, given.now)


def decide(turn: Turn, phase: Phase, given: Decide) -> Phase:
    """Commit the offer as it was prepared; or withdraw it, and commit what is pending."""
    offered = turn.state.offer
    if offered is None or offered.number != given.number:
        return phase
    if not given.commit or offered.candidate is None:
        return _released(turn, _drop(turn, phase, given), given)
    turn.set(offer=None)
    outdated = offered.load != turn.state.loads
    ended = endings.end(turn, None, offered.candidate, prepared=offered.prepared)
    if isinstance(phase, Loading):
        return phase._replace(dirty=True)
    if (round_ := turn.state.round) is not None:
        return Settling(round_)
    return turn.load(None, given.now) if outdated else ended


def _ready(turn: Turn, candidate: Valid[Any], made: Any) -> None:
    offered = turn.state.offer
    if offered is not None:
        turn.set(offer=Offered(offered.number, candidate, made, turn.state.loads))
        turn.do(Judge(offered.number, "ready"))


def _refused(turn: Turn, phase: Phase, given: Input, problems: tuple[Problem, ...] = (), reason: str = "") -> Phase:
    offered = turn.state.offer
    if offered is not None:
        turn.set(offer=None)
        turn.do(Judge(offered.number, "refused", problems, reason))
    return _released(turn, phase, given)


def _released(turn: Turn, phase: Phase, given: Input) -> Phase:
    """The offer no longer defers commits."""
    return endings.release(turn, phase, given) if isinstance(phase, Idle) else phase


def _drop(turn: Turn, phase: Phase, given: Input, why: str = "") -> Phase:
    """Discard the offer. `why`: what its source is notified of; empty if the source withdrew it."""
    offered = turn.state.offer
    if offered is None:
        return phase
    turn.set(offer=None)
    if offered.prepared is not None:
        turn.do(Discard(offered.prepared))
    if why:
        turn.do(Judge(offered.number, "refused" if offered.candidate is None else "withdrawn", reason=why))
    if isinstance(phase, Preparing) and phase.offer:
        turn.do(Cancel(phase.preparation))
        phase = endings.go_on(turn, Idle(), phase, given.now)
        turn.set(phase=phase)
    return phase
