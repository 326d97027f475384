"""How a round ends: what is decided about a candidate, how its resources are prepared, and what stays pending."""

from __future__ import annotations

from typing import Any, Final

from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.debounce import MILLISECOND, Round, Touched
from hotconf.engine.protocol import (
    Answer,
    Cancel,
    Closed,
    Discard,
    Due,
    Emit,
    Idle,
    Input,
    Loading,
    Overlay,
    PendingCandidate,
    Phase,
    Prepare,
    Prepared,
    Preparing,
    Publish,
    Refresh,
    Register,
    Reload,
    Settling,
    Unstuck,
    Verified,
    Verify,
    Verifying,
    Watching,
)
from hotconf.engine.turn import Turn
from hotconf.events import Ending, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Problem, one_line

RETRY_NS: Final = 1_000 * MILLISECOND
"""When to try again after a resource could not be prepared; each time doubled."""
LONGEST_RETRY_NS: Final = 60_000 * MILLISECOND

# Decisions


def end(
    turn: Turn,
    round_: Round | None,
    candidate: Valid[Any] | Invalid,
    callers: tuple[Reload, ...] = (),
    last_good: Valid[Any] | None = None,
    *,
    eager: bool = False,
    prepared: Any = None,
) -> Idle | Preparing:
    """End the round, if one is open, and answer who waits; or have prepared what that takes, if that is not done."""
    if isinstance(candidate, Invalid):
        failed = _failed(candidate.problems)
        turn.drop_pending()
        if last_good is not None and any(caller.silent for caller in callers):
            return _commit(turn, Preparing(round_, last_good, 0, callers, failed=failed))
        return _ended(turn, failed, round_, callers, eager=eager)
    if candidate.unchanged is not None:
        turn.drop_pending()
        turn.set(degraded=False, revalidate=False)
        turn.do(Refresh(candidate))
        ended = _ended(turn, _unchanged(candidate.unchanged, candidate), round_, callers, eager=eager)
        _follow(turn, candidate)
        return ended
    commit = Preparing(round_, candidate, 0, callers, eager=eager)
    if _is_held(turn, callers):
        return _defer(turn, commit, prepared)
    return _commit(turn, commit) if prepared is None else _publish(turn, commit, prepared)


def _failed(problems: tuple[Problem, ...]) -> ReloadFailed:
    errors = tuple(problem for problem in problems if problem.severity == "error")
    return ReloadFailed(one_line(errors), errors[0].kind, problems)


def _unchanged(reason: str, good: Valid[Any]) -> ReloadUnchanged:
    return ReloadUnchanged(reason, good.warnings, good.pending_restart)


def _is_held(turn: Turn, callers: tuple[Reload, ...]) -> bool:
    return bool(turn.holds) and not any(caller.force for caller in callers)


def _commit(turn: Turn, commit: Preparing) -> Idle | Preparing:
    """Publish the candidate, once everything that is made of it is prepared."""
    return prepare(turn, commit) if turn.state.prepares else _publish(turn, commit, None)


def prepare(turn: Turn, commit: Preparing) -> Preparing:
    """Have prepared what is made of the candidate."""
    number = turn.state.preparations + 1
    turn.set(preparations=number)
    turn.do(Prepare(number, commit.candidate))
    return commit._replace(preparation=number)


def _publish(turn: Turn, commit: Preparing, prepared: Any) -> Idle:
    good, generation = commit.candidate, turn.state.generation + 1
    turn.drop_pending()
    turn.do(Publish(good, generation, commit.round, commit.failed is not None, prepared))
    turn.set(generation=generation)
    waiting = good.pending_restart
    event: Ending = ReloadSuccess(
        generation, good.changes, good.summary, warnings=good.warnings, pending_restart=waiting
    )
    if commit.laid:
        _answer_overlay(turn, event, commit.laid)
    elif commit.failed is not None:
        turn.set(degraded=True)
        _ended(turn, commit.failed, commit.round, commit.callers, eager=commit.eager)
    else:
        turn.set(degraded=False, revalidate=False)
        _ended(turn, event, commit.round, commit.callers, eager=commit.eager)
    _follow(turn, good)
    return Idle()


def _defer(turn: Turn, commit: Preparing, prepared: Any = None) -> Idle:
    good, round_ = commit.candidate, commit.round
    turn.drop_pending()
    polled = turn.state.polled or (round_ is not None and round_.polled)
    turn.set(pending=PendingCandidate(good, polled, prepared))
    if commit.released:  # that it is deferred was reported when it was at first
        turn.set(retry_at=0, retry_ns=0)
        return Idle()
    event = ReloadDeferred(turn.holds, good.changes, good.summary)
    return _ended(turn, event, round_, commit.callers, eager=commit.eager)


def _ended(
    turn: Turn, event: Ending, round_: Round | None, callers: tuple[Reload, ...], *, eager: bool = False
) -> Idle:
    """Report the ending, and answer who waits."""
    turn.set(retry_at=0, retry_ns=0)
    if not isinstance(event, ReloadDeferred):
        turn.set(refused=isinstance(event, ReloadFailed))
    started = isinstance(event, ReloadSuccess) and bool(callers) and all(caller.silent for caller in callers)
    if round_ is not None or not started:
        turn.do(Emit(event, eager))
    if callers:
        turn.do(Answer(tuple(caller.caller for caller in callers), event))
    return Idle()


def _follow(turn: Turn, good: Valid[Any]) -> None:
    """Take over what the published config says about its own watching."""
    settings = good.settings
    if settings.enabled != turn.state.enabled:
        turn.do(Watching(settings.enabled))
    window_ns, eager = settings.debounce_ms * MILLISECOND, settings.mode == "eager"
    turn.set(enabled=settings.enabled, window_ns=window_ns, eager=eager)


# Preparations


def prepared(turn: Turn, phase: Preparing, given: Prepared) -> Phase:
    """What is made of the candidate is ready, or could not be created. What came meanwhile follows."""
    if given.number != phase.preparation:
        return phase
    if given.problems and phase.fallback is not None and (phase.renewed or phase.candidate is not phase.fallback):
        return _fall_back(turn, phase, phase.fallback, given)
    if given.problems:
        ended = _refused(turn, phase, given)
    elif _is_held(turn, phase.callers) and not phase.laid and phase.failed is None:
        ended = _defer(turn, phase, given.prepared)
    else:
        ended = _publish(turn, phase, given.prepared)
    return go_on(turn, ended, phase, given.now)


def _fall_back(turn: Turn, phase: Preparing, fallback: Valid[Any], given: Prepared) -> Idle | Preparing:
    """What an override that was left says must not stay in force. What was to be made anew may be to blame."""
    if phase.renewed:
        turn.do(Answer(phase.renewed, _failed(given.problems)))
    laid = tuple(caller for caller in phase.laid if caller not in phase.renewed)
    return _commit(turn, phase._replace(candidate=fallback, laid=laid, renewed=(), again=True))


def go_on(turn: Turn, ended: Idle, phase: Preparing, now: int) -> Phase:
    """The round for what changed during a preparation, whose window begins now; and the load for who called."""
    round_ = phase.next
    if round_ is not None:
        touch = Touched(now, tuple(round_.changed), round_.writing, round_.polled, round_.renamed, round_.complete)
        round_ = Round.opened(touch, turn.state.window_ns, polled=turn.state.polled) if turn.state.enabled else None
    if phase.queued or (phase.again and round_ is None):
        return turn.load(round_, now, phase.queued)
    return ended if round_ is None else Settling(round_)


def _refused(turn: Turn, phase: Preparing, given: Prepared) -> Idle:
    repeated = turn.state.retry_ns > 0 and phase.round is None and not (phase.callers or phase.laid)
    turn.drop_pending()
    before = () if phase.failed is None else phase.failed.problems  # the last good state does not help
    event = _failed((*before, *given.problems))
    delay = min(2 * turn.state.retry_ns, LONGEST_RETRY_NS) if repeated else RETRY_NS
    if phase.renewed and phase.renewed == phase.laid:
        turn.do(Answer(phase.laid, event))
        return Idle()
    if phase.laid:
        turn.set(refused=True)
        _answer_overlay(turn, event, phase.laid)
    elif repeated:
        turn.do(Emit(event, repeated=True))
    else:
        _ended(turn, event, phase.round, phase.callers, eager=phase.eager)
    turn.set(retry_ns=delay, retry_at=given.now + delay)
    return Idle()


def retry(turn: Turn, phase: Idle, due: Due) -> Idle | Loading:
    """Load again what could not be prepared."""
    return unstuck(turn, phase, due) if turn.state.retry_at and due.now >= turn.state.retry_at else phase


def unstuck(turn: Turn, phase: Idle, given: Due | Unstuck) -> Idle | Loading:
    """Load again at once what could not be prepared, if there is any."""
    if not turn.state.retry_ns:
        return phase
    turn.set(retry_at=0)
    return turn.load(None, given.now)


def touch_preparing(turn: Turn, phase: Preparing, touch: Touched) -> Preparing:
    """It belongs to the next round."""
    return phase._replace(next=turn.absorbed(phase.next, (touch,)))


def reload_after(turn: Turn, phase: Loading | Preparing, reload: Reload) -> Loading | Preparing:
    """The next load is for this caller."""
    return phase._replace(queued=(*phase.queued, reload))


def register(turn: Turn, phase: Phase, _: Register) -> Phase:
    """Something more is made of the configuration: what was prepared without it is of no use."""
    turn.set(prepares=True)
    pending = turn.state.pending
    if pending is not None and pending.prepared is not None:
        turn.do(Discard(pending.prepared))
        turn.set(pending=pending._replace(prepared=None))
    if isinstance(phase, Preparing):
        turn.do(Cancel(phase.preparation))
        return _commit(turn, phase)
    return phase


# What is pending


def release(turn: Turn, phase: Idle, given: Input) -> Phase:
    """A hold has ended; commit what is pending if it was the last."""
    pending = turn.state.pending
    if pending is None or turn.holds:
        return phase
    if not turn.state.enabled:  # no event reported changes since
        return turn.load(None, given.now)
    if not (pending.polled or turn.state.polled):
        return _commit_pending(turn, pending)
    turn.do(Verify())
    return Verifying(None, pending.candidate)


def verified(turn: Turn, phase: Verifying, _: Verified) -> Phase:
    """Nothing changed: end the round, or commit what is pending."""
    if phase.round is not None:
        return end(turn, phase.round, phase.candidate)
    pending = turn.state.pending
    return Idle() if pending is None or turn.holds else _commit_pending(turn, pending)


def _commit_pending(turn: Turn, pending: PendingCandidate) -> Phase:
    turn.set(pending=None)
    commit = Preparing(None, pending.candidate, 0, released=True)
    return _commit(turn, commit) if pending.prepared is None else _publish(turn, commit, pending.prepared)


# Overrides


def overlay(turn: Turn, phase: Phase, given: Overlay) -> Phase:
    """Commit what an override makes of the published sources; what was loaded without it is of no use."""
    good = given.candidate
    laid: tuple[int, ...] = (given.caller,)
    again = given.outdated or turn.state.refused or turn.state.pending is not None
    turn.drop_pending()
    turn.set(retry_at=0, retry_ns=0)
    prepares = turn.state.prepares and good is not None and good.unchanged is None
    if isinstance(phase, Loading) and not prepares:
        _lay(turn, good, laid)
        return phase._replace(dirty=True)
    renewed = laid if given.alone else ()
    round_, queued, fallback = turn.state.round, turn.waiting(phase), given.fallback
    if isinstance(phase, Loading):
        round_ = turn.absorbed(round_, phase.backlog)
        again = again or not (round_ or queued)
    if isinstance(phase, Preparing):
        turn.do(Cancel(phase.preparation))
        laid, renewed = (*phase.laid, *laid), (*phase.renewed, *renewed)
        fallback = phase.fallback if given.alone else fallback
        round_ = round_.followed(phase.next, turn.state.group) if round_ and phase.next else round_ or phase.next
        again = again or phase.again or not (round_ or queued or phase.laid)
    if prepares and good is not None:
        commit = Preparing(None, good, 0, laid=laid, renewed=renewed, next=round_, queued=queued, again=again)
        return _commit(turn, commit._replace(fallback=fallback))
    _lay(turn, good, laid)
    if queued or (again and round_ is None):
        return turn.load(round_, given.now, queued)
    return Idle() if round_ is None else Settling(round_)


def _lay(turn: Turn, good: Valid[Any] | None, laid: tuple[int, ...]) -> None:
    """Commit it at once, whatever is busy; None if it is not valid."""
    if good is None:
        turn.do(Answer(laid, None))
    elif good.unchanged is None:
        _publish(turn, Preparing(None, good, 0, laid=laid), None)
    else:
        turn.do(Refresh(good))
        _answer_overlay(turn, _unchanged(good.unchanged, good), laid)
        _follow(turn, good)


def _answer_overlay(turn: Turn, event: Ending, laid: tuple[int, ...]) -> None:
    """It ends no round."""
    turn.do(Emit(event))
    turn.do(Answer(laid, event))


def close(turn: Turn, phase: Phase, _: object) -> Closed:
    """Answer who waits, and discard what was prepared."""
    if isinstance(phase, Preparing):
        turn.do(Cancel(phase.preparation))
    waiting = turn.waiting(phase)
    if callers := (*(reload.caller for reload in waiting), *getattr(phase, "laid", ())):
        turn.do(Answer(callers, None))
    turn.drop_pending()
    turn.set(retry_at=0, retry_ns=0)
    return Closed()
