"""The reload protocol as one table: `step(state, input, holds) -> (state, effects)`. Pure; all instants are given.

A *round* opens with the first touch while none is open and ends with its *ending*: Success, Unchanged, Failed or
Deferred. An *outcome* is an ending other than Deferred. The *ceiling* is five windows, at least a second.

Law 1   The generation rises by one with each commit and never otherwise.
Law 2   A candidate is committed only if its files were read whole, nothing changed between the beginning and the end
        of that read, and it is valid. Before the ceiling nothing was touched since the read began, either; at the
        ceiling a stable read suffices, and a touch delivered after it began opens the next round.
Law 3   A failure leaves the published snapshot the same object. Where there is none, a load at start that fails
        commits the last good state, if one was kept: from then on until the next Success or Unchanged the machine
        is *degraded*.
Law 4   Unless closed or disabled: some time after the last touch no round is open; and, if not busy, nothing is
        pending and the last outcome reflects the files' final content.
Law 5   A round ends at the later of last touch + window and the last writer's close; a window later if a file shrank
        to the first part of what it was, or to nothing, and was not renamed into place, because that is how half of
        a new content looks; and no later than first touch + ceiling plus at most three loads. Exceptions: `reload()`,
        eager commits and close. In eager mode a round whose every change was a finished act (a rename into place, or
        a close after which no writer is left), of all of which the kernel told, is loaded without a pause and ends
        with that load if it is valid and different and nothing shrank as above; unless it opened within a window
        after a round that ended so. Law 11 extends the ceiling.
Law 6   Busy defers the commit only. At a round's end an invalid candidate is Failed and an equal one Unchanged, at
        once, and either drops what was pending; a different valid one is Deferred and pending. On the last release
        what is pending is committed at once if no round is open; otherwise that round decides. (With hot reload off
        it is read again first, because no event told of changes meanwhile.)
Law 7   Equal digest or equal config is Unchanged: the same generation, the same config object.
Law 8   Each round emits one FileChanged per file and has exactly one ending; all deferrals since the last outcome
        share the next one. `reload()` is the only outcome without a FileChanged, and absorbs an open round.
Law 9   After Close nothing more is emitted.
Law 10  After a failure the next good content is committed, or Unchanged if it equals what is published.
Law 11  A file of the published state that is gone (`gone` says which are) is waited for: a round that finds any ends
        at its ceiling, never eagerly; that ceiling is one ceiling after the last change in their directories, but at
        most three after the first touch. A lost entry is then a failure; if entries still have files, these may be
        committed, with a warning for each missing one. `reload()` decides the same without waiting. After a failure
        the published state still decides what is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from hotconf.engine.candidate import Invalid, Unstable, Valid
from hotconf.engine.debounce import MILLISECOND, Debounce
from hotconf.engine.protocol import (
    Answer,
    Close,
    Due,
    Effect,
    Emit,
    Input,
    Job,
    Load,
    Loaded,
    Look,
    Looked,
    Phase,
    Publish,
    Refresh,
    Release,
    Reload,
    Round,
    State,
    Touched,
    Waiting,
    Watching,
)
from hotconf.events import (
    Ending,
    FileChanged,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
)
from hotconf.problems import Problem, one_line

PAUSE_NS: Final = 4 * MILLISECOND
"""A burst that pauses for so long is loaded speculatively, while its window still runs."""
REST: Final = 4
"""After a load that took n, the next speculative one waits n times this: loading never fills the time."""
MAX_ATTEMPTS: Final = 3
"""Reads past the ceiling that were not stable, after which the round fails."""


def deadline(state: State) -> int | None:
    """When the machine wants a `Due`; None while it waits for something else."""
    if state.round is None:
        return None
    debounce = state.round.debounce
    if state.phase is Phase.SETTLING:
        return min(_speculate_at(state, state.round), debounce.deadline)
    if state.phase in (Phase.SPECULATING, Phase.READY):
        return debounce.deadline
    return None


def forked(state: State) -> tuple[State, tuple[Path, ...] | None]:
    """The protocol in a forked child: what is published stays; rounds, loads and waiting calls are the parent's.

    Also the files to touch, because knowledge of them is lost; None if nothing was lost, empty if it is unknown which
    they were.
    """
    child = State(state.window_ns, state.native, generation=state.generation, enabled=state.enabled)
    child = child._replace(eager=state.eager, settle_until=state.settle_until)
    late = [path for touch in state.late for path in touch.paths]
    lost = tuple(dict.fromkeys((*(state.round.named if state.round else ()), *late)))
    unfinished = state.round is not None or state.pending is not None or bool(late)
    return child._replace(loads=state.loads, degraded=state.degraded), lost if unfinished else None


def step(state: State, given: Input, holds: tuple[str, ...] = ()) -> tuple[State, tuple[Effect, ...]]:
    """The next state and the effects of `given`. Inputs that mean nothing in this phase leave the state as it is.

    `holds`: the reasons not to publish now, oldest first.
    """
    rule = TABLE.get((state.phase, type(given)))
    if rule is None:
        return state, ()
    turn = _Turn(state, holds)
    rule.act(turn, given)
    return turn.state, tuple(turn.effects)


class _Turn:
    """A step under way: the state so far and the effects so far."""

    __slots__ = ("effects", "holds", "state")

    def __init__(self, state: State, holds: tuple[str, ...]) -> None:
        self.state = state
        self.holds = holds
        self.effects: list[Effect] = []

    def to(self, phase: Phase, **changes: Any) -> None:
        self.state = self.state._replace(phase=phase, **changes)

    def set(self, **changes: Any) -> None:
        self.state = self.state._replace(**changes)

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)


# Touches


def _touch_open(turn: _Turn, touch: Touched) -> None:
    """Idle, settling, ready or looking: the window starts anew, what was at hand is out of date."""
    if not turn.state.enabled:
        return
    _touch_round(turn, touch)
    turn.to(Phase.SETTLING, candidate=None)


def _touch_speculating(turn: _Turn, touch: Touched) -> None:
    _touch_round(turn, touch)
    _dirty(turn)


def _touch_loading(turn: _Turn, touch: Touched) -> None:
    job = turn.state.job
    if job is None or job.final:
        turn.set(late=(*turn.state.late, touch))
        return
    _dirty(turn)
    if not turn.state.enabled:
        return
    _touch_round(turn, touch)
    if not job.tickets and not _settled(turn.state, touch.now):
        turn.to(Phase.SPECULATING)


def _touch_round(turn: _Turn, touch: Touched) -> None:
    """Open a round or draw it out, and tell of each file that it has not told of."""
    round_ = turn.state.round
    if round_ is None:
        debounce = Debounce.opened(touch.now, turn.state.window_ns, held=touch.writing)
        round_ = Round(debounce, sure=turn.state.native)
    else:
        near = bool(round_.bereft) and any(path.parent in round_.bereft for path in touch.paths)
        debounce = round_.debounce.touch(touch.now, held=touch.writing, near=near)
    for path in dict.fromkeys(touch.paths):
        if path not in round_.named:
            turn.do(Emit(FileChanged(path)))
    named = {**round_.named, **dict.fromkeys(touch.paths, debounce.last)}
    sure = round_.sure and touch.sure
    how = {"placed": touch.placed, "finished": touch.finished}
    turn.set(round=round_._replace(debounce=debounce, named=named, sure=sure, shrank=(), gone=(), **how))


def _doubt(turn: _Turn, candidate: Valid[Any] | Invalid) -> None:
    """Wait a window more if a file shrank that was not renamed into place, and longer if files are gone."""
    round_ = turn.state.round
    if round_ is None:
        return
    shrank = tuple(path for path in candidate.shrank if path not in round_.placed)
    debounce = round_.debounce.doubt() if shrank else round_.debounce
    bereft = round_.bereft
    if candidate.gone:
        bereft |= {path.parent for path in candidate.gone}
        changes = [at for path, at in round_.named.items() if path.parent in bereft]
        debounce = debounce.lack(max(changes, default=debounce.first))
    turn.set(round=round_._replace(debounce=debounce, shrank=shrank, gone=candidate.gone, bereft=bereft))


def _dirty(turn: _Turn) -> None:
    if turn.state.job is not None:
        turn.set(job=turn.state.job._replace(dirty=True))


# The clock


def _due_settling(turn: _Turn, due: Due) -> None:
    round_ = turn.state.round
    if round_ is None:
        return
    if _settled(turn.state, due.now):
        _load(turn, due.now)
    elif due.now >= _speculate_at(turn.state, round_):
        _load(turn, due.now, phase=Phase.SPECULATING)


def _due_speculating(turn: _Turn, due: Due) -> None:
    if _settled(turn.state, due.now):
        turn.to(Phase.LOADING)


def _due_ready(turn: _Turn, due: Due) -> None:
    state = turn.state
    if state.round is None or state.candidate is None or not _settled(state, due.now):
        return
    if state.round.sure and state.native:
        _end(turn, state.candidate)
    else:
        turn.to(Phase.LOOKING)
        turn.do(Look())


def _settled(state: State, now: int) -> bool:
    return state.round is not None and state.round.debounce.due(now)


def _past_ceiling(state: State, now: int) -> bool:
    return state.round is not None and now >= state.round.debounce.ceiling


def _speculate_at(state: State, round_: Round) -> int:
    debounce = round_.debounce
    if debounce.held:
        return debounce.ceiling
    return max(debounce.last + (0 if _finished(state, round_) else PAUSE_NS), state.rest_until)


def _finished(state: State, round_: Round) -> bool:
    """Whether it is eager mode, and everything in the round came by acts that are over.

    While some writer has a file open nothing is loaded anyway, before the ceiling.
    """
    told = state.native and round_.sure and round_.debounce.first >= state.settle_until
    return state.eager and told and round_.named.keys() <= round_.finished


# Loads


def _load(turn: _Turn, now: int, *, phase: Phase = Phase.LOADING, tickets: tuple[Reload, ...] = ()) -> None:
    state = turn.state
    final = _past_ceiling(state, now) or state.attempts >= MAX_ATTEMPTS - 1
    number = state.loads + 1
    job = Job(number, final=final and phase is Phase.LOADING, tickets=tickets)
    turn.to(phase, job=job, loads=number, candidate=None)
    turn.do(Load(number, afresh=bool(tickets) or not state.enabled))


def _loaded_speculating(turn: _Turn, loaded: Loaded) -> None:
    job = _returned(turn, loaded)
    if job is None:
        return
    if turn.state.asked:
        _load_asked(turn, loaded.now)
        return
    if isinstance(loaded.candidate, Unstable):
        _touch_round(turn, _during(turn, loaded, loaded.candidate))
    elif not job.dirty:
        _doubt(turn, loaded.candidate)
        if _is_eager(turn.state, loaded.candidate):
            _end(turn, loaded.candidate, eager=True)
            turn.set(settle_until=loaded.now + turn.state.window_ns)
        else:
            turn.to(Phase.READY, candidate=loaded.candidate)
        return
    turn.to(Phase.SETTLING)


def _is_eager(state: State, candidate: Valid[Any] | Invalid) -> bool:
    """Whether the candidate is committed, or deferred, before the window is over."""
    round_ = state.round
    if round_ is None or round_.shrank or isinstance(candidate, Invalid) or candidate.unchanged is not None:
        return False
    if candidate.gone:
        return False
    return _finished(state, round_)


def _loaded_loading(turn: _Turn, loaded: Loaded) -> None:
    job = _returned(turn, loaded)
    if job is None:
        return
    candidate = loaded.candidate
    if turn.state.asked and not job.tickets:
        _load_asked(turn, loaded.now)
    elif isinstance(candidate, Unstable):
        _unstable(turn, loaded, candidate, job)
    elif job.dirty and not job.final:
        _again(turn, loaded.now, job)
    elif _doubtful(turn, candidate, job, loaded.now):
        _wait_on(turn, candidate)
    else:
        _end(turn, candidate, job.tickets, loaded.last_good)
        _next(turn, loaded.now)


def _doubtful(turn: _Turn, candidate: Valid[Any] | Invalid, job: Job, now: int) -> bool:
    """Whether what the deciding load found is waited for once more."""
    if job.tickets or turn.state.round is None:
        return False
    _doubt(turn, candidate)
    return not _settled(turn.state, now)


def _wait_on(turn: _Turn, candidate: Valid[Any] | Invalid) -> None:
    """The round goes on; touches since a load at the ceiling began belong to it."""
    out_of_date = bool(turn.state.late)
    _absorb_late(turn)
    if out_of_date:
        turn.to(Phase.SETTLING, attempts=0)
    else:
        turn.to(Phase.READY, attempts=0, candidate=candidate)


def _unstable(turn: _Turn, loaded: Loaded, candidate: Unstable, job: Job) -> None:
    if job.final and turn.state.attempts >= MAX_ATTEMPTS - 1:
        path = candidate.paths[0] if candidate.paths else None
        problem = Problem("The file is being written without a pause", kind="unstable", file=path)
        turn.set(late=turn.state.late or (_during(turn, loaded, candidate),))
        _end(turn, Invalid((problem,)), job.tickets, loaded.last_good)
        _next(turn, loaded.now)
    elif _no_window(turn.state, job, loaded.now):
        _again(turn, loaded.now, job)
    else:
        _touch_round(turn, _during(turn, loaded, candidate))
        turn.to(Phase.SETTLING)


def _again(turn: _Turn, now: int, job: Job) -> None:
    """Load once more, for those who asked meanwhile, too: what came back is of no use."""
    _absorb_late(turn)
    if _no_window(turn.state, job, now):
        turn.set(attempts=turn.state.attempts + 1)
    tickets = (*job.tickets, *turn.state.asked)
    turn.set(asked=())
    _load(turn, now, tickets=tickets)


def _no_window(state: State, job: Job, now: int) -> bool:
    """Whether there is no window to wait for: whatever changes meanwhile, the next load follows at once."""
    return bool(job.tickets) or state.round is None or _past_ceiling(state, now)


def _absorb_late(turn: _Turn) -> None:
    """The final load was of no use, so that what was touched since it began belongs to this round."""
    late = turn.state.late
    turn.set(late=())
    for touch in late:
        if turn.state.enabled:
            _touch_round(turn, touch)


def _returned(turn: _Turn, loaded: Loaded) -> Job | None:
    """The job that `loaded` answers; None if it is not the one that is under way."""
    job = turn.state.job
    if job is None or job.number != loaded.job:
        return None
    turn.set(job=None, rest_until=loaded.now + REST * loaded.cost_ns)
    return job


def _during(turn: _Turn, loaded: Loaded, candidate: Unstable) -> Touched:
    """What changed during a read is a touch."""
    round_ = turn.state.round
    if round_ is None:
        return Touched(loaded.now, candidate.paths)
    held, placed, finished = round_.debounce.held, round_.placed, round_.finished
    return Touched(loaded.now, candidate.paths, writing=held, placed=placed, finished=finished)


def _looked(turn: _Turn, _: Looked) -> None:
    state = turn.state
    if state.candidate is not None:
        _end(turn, state.candidate)
    else:
        turn.to(Phase.IDLE)
        _commit_pending(turn)


# Reload


def _reload_now(turn: _Turn, reload: Reload) -> None:
    turn.set(attempts=0)
    _load(turn, reload.now, tickets=(reload,))


def _reload_after(turn: _Turn, reload: Reload) -> None:
    turn.set(asked=(*turn.state.asked, reload))


def _load_asked(turn: _Turn, now: int) -> None:
    _absorb_late(turn)
    asked = turn.state.asked
    turn.set(asked=(), attempts=0)
    _load(turn, now, tickets=asked)


# Endings


def _end(
    turn: _Turn,
    candidate: Valid[Any] | Invalid,
    tickets: tuple[Reload, ...] = (),
    last_good: Valid[Any] | None = None,
    *,
    eager: bool = False,
) -> None:
    """End the round, if one is open, and answer who waits."""
    state = turn.state
    force = any(ticket.force for ticket in tickets)
    event: Ending
    followed: Valid[Any] | None = None
    if isinstance(candidate, Invalid):
        event = ReloadFailed(one_line(candidate.errors), candidate.kind, candidate.problems)
        turn.set(pending=None)
        followed = _fall_back(turn, last_good, tickets)
    elif candidate.unchanged is not None:
        event = ReloadUnchanged(candidate.unchanged, candidate.warnings)
        turn.set(pending=None, degraded=False)
        turn.do(Refresh(candidate))
        followed = candidate if state.degraded else None
    elif turn.holds and not force:
        event = ReloadDeferred(turn.holds, candidate.changes, candidate.summary)
        turn.set(pending=Waiting(candidate, sure=state.native and (state.round is None or state.round.sure)))
    else:
        event = _publish(turn, candidate)
        followed = candidate
    started = isinstance(event, ReloadSuccess) and bool(tickets) and all(ticket.silent for ticket in tickets)
    if state.round is not None or not started:
        turn.do(Emit(event, eager))
    if tickets:
        turn.do(Answer(tuple(ticket.ticket for ticket in tickets), event))
    turn.to(Phase.IDLE, round=None, candidate=None, attempts=0)
    if followed is not None:
        _follow(turn, followed)


def _publish(turn: _Turn, good: Valid[Any]) -> ReloadSuccess:
    generation = turn.state.generation + 1
    turn.do(Publish(good, generation, turn.state.round))
    turn.set(generation=generation, pending=None, degraded=False)
    return ReloadSuccess(generation, good.changes, good.summary, warnings=good.warnings)


def _fall_back(turn: _Turn, good: Valid[Any] | None, tickets: tuple[Reload, ...]) -> Valid[Any] | None:
    """Commit the last good state, if there is one, the load at start failed, and nothing is published yet."""
    generation = turn.state.generation + 1
    if good is None or generation > 1 or not any(ticket.silent for ticket in tickets):
        return None
    turn.do(Publish(good, generation, None, recalled=True))
    turn.set(generation=generation, degraded=True)
    return good


def _follow(turn: _Turn, good: Valid[Any]) -> None:
    """Take over what the published config says about its own watching."""
    settings = good.settings
    if settings.enabled != turn.state.enabled:
        turn.do(Watching(settings.enabled))
    window_ns, eager = settings.debounce_ms * MILLISECOND, settings.mode == "eager"
    turn.set(enabled=settings.enabled, window_ns=window_ns, eager=eager)


def _next(turn: _Turn, now: int) -> None:
    """After a final load: what was touched meanwhile opens the next round, and who asked meanwhile is served."""
    late = turn.state.late
    turn.set(late=())
    for touch in late:
        _touch_open(turn, touch)
    if turn.state.asked:
        _load_asked(turn, now)


def _release(turn: _Turn, release: Release) -> None:
    pending = turn.state.pending
    if pending is None or turn.holds:
        return
    if not turn.state.enabled:
        # Nobody told of changes since.
        _load(turn, release.now)
    elif pending.sure and turn.state.native:
        _commit_pending(turn)
    else:
        turn.to(Phase.LOOKING)
        turn.do(Look())


def _commit_pending(turn: _Turn) -> None:
    pending = turn.state.pending
    if pending is None or turn.holds:
        return
    turn.do(Emit(_publish(turn, pending.good)))
    _follow(turn, pending.good)


def _close(turn: _Turn, _: Close) -> None:
    state = turn.state
    waiting = (*(state.job.tickets if state.job else ()), *state.asked)
    if waiting:
        turn.do(Answer(tuple(reload.ticket for reload in waiting), None))
    turn.to(Phase.CLOSED, round=None, job=None, candidate=None, pending=None, asked=(), late=())


def _reload_closed(turn: _Turn, reload: Reload) -> None:
    turn.do(Answer((reload.ticket,), None))


class Rule(NamedTuple):
    """What is done, and the phases in which it can end."""

    act: Callable[[_Turn, Any], None]
    leads_to: frozenset[Phase]


def _rule(act: Callable[[_Turn, Any], None], *phases: Phase) -> Rule:
    return Rule(act, frozenset(phases))


_OPEN = tuple(phase for phase in Phase if phase is not Phase.CLOSED)

TABLE: Final[Mapping[tuple[Phase, type[Input]], Rule]] = {
    (Phase.IDLE, Touched): _rule(_touch_open, Phase.SETTLING, Phase.IDLE),
    (Phase.SETTLING, Touched): _rule(_touch_open, Phase.SETTLING),
    (Phase.READY, Touched): _rule(_touch_open, Phase.SETTLING),
    (Phase.LOOKING, Touched): _rule(_touch_open, Phase.SETTLING),
    (Phase.SPECULATING, Touched): _rule(_touch_speculating, Phase.SPECULATING),
    (Phase.LOADING, Touched): _rule(_touch_loading, Phase.LOADING, Phase.SPECULATING),
    (Phase.SETTLING, Due): _rule(_due_settling, Phase.SETTLING, Phase.SPECULATING, Phase.LOADING),
    (Phase.SPECULATING, Due): _rule(_due_speculating, Phase.SPECULATING, Phase.LOADING),
    (Phase.READY, Due): _rule(_due_ready, Phase.READY, Phase.LOOKING, Phase.IDLE),
    (Phase.SPECULATING, Loaded): _rule(
        _loaded_speculating, Phase.SPECULATING, Phase.SETTLING, Phase.READY, Phase.LOADING, Phase.IDLE
    ),
    (Phase.LOADING, Loaded): _rule(_loaded_loading, Phase.LOADING, Phase.SETTLING, Phase.READY, Phase.IDLE),
    (Phase.LOOKING, Looked): _rule(_looked, Phase.IDLE),
    (Phase.IDLE, Reload): _rule(_reload_now, Phase.LOADING),
    (Phase.SETTLING, Reload): _rule(_reload_now, Phase.LOADING),
    (Phase.READY, Reload): _rule(_reload_now, Phase.LOADING),
    (Phase.LOOKING, Reload): _rule(_reload_now, Phase.LOADING),
    (Phase.SPECULATING, Reload): _rule(_reload_after, Phase.SPECULATING),
    (Phase.LOADING, Reload): _rule(_reload_after, Phase.LOADING),
    (Phase.CLOSED, Reload): _rule(_reload_closed, Phase.CLOSED),
    (Phase.IDLE, Release): _rule(_release, Phase.IDLE, Phase.LOOKING, Phase.LOADING),
    **{(phase, Close): _rule(_close, Phase.CLOSED) for phase in _OPEN},
}
