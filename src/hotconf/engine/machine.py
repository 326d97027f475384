"""The reload protocol as one table: `step(state, input, holds) -> (state, effects)`. Pure; all instants are given.

A *round* opens with the first touch while none is open and ends with its *ending*: Success, Unchanged, Failed or
Deferred. An *outcome* is an ending other than Deferred. The *ceiling* is five windows, at least a second. A source is
known by its id; a file is one.

Law 1   The generation rises by one with each commit and never otherwise.
Law 2   A candidate is committed only if its sources were read whole, nothing changed between the beginning and the
        end of that read, it is valid, and every resource that it concerns is prepared. Before the ceiling nothing was
        touched since the read began, either; at the ceiling a stable read suffices, and a touch that came after it
        began opens the next round. Nothing is loaded during a preparation.
Law 3   A failure leaves the published snapshot the same object. Where there is none, a load at start that fails
        commits the last good state, if one was kept: from then on until the next Success or Unchanged the machine
        is *degraded*.
Law 4   Unless closed or disabled: some time after the last touch no round is open; and, if not busy, nothing is
        pending and the last outcome reflects the final content.
Law 5   A round ends a window after its last touch (a writer's close is one), and not while a writer has a file open;
        a window later if a file shrank to the first part of what it was, or to nothing, and was not renamed into
        place: it may be half written. It ends no later than first touch + ceiling plus three loads; if none of these
        was stable, it is Failed (`unstable`). If resources have to be prepared, that begins then, and the round ends
        when it is done. `reload()` and close end it sooner, law 11 extends its ceiling. In eager mode a round is
        loaded without a pause and ends with that load if it is valid and different, no file shrank as above, and
        every change was a finished act (a rename into place, or a close after which no writer is left) that the
        system reported; unless the round opened within a window after one that ended so. What a source publishes that
        is no file is a finished act, which is touched without an id: a round with nothing else is loaded without a
        pause, in any mode, and ends with that load, whatever it finds, unless a file shrank or is gone.
Law 6   Busy defers the commit only. At a round's end an invalid candidate is Failed and an equal one Unchanged, at
        once, and either drops what was pending; a different valid one is Deferred and pending. On the last release
        what is pending is committed at once if no round is open; otherwise that round decides. (With hot reload off
        it is read again first, because no event reported changes meanwhile.) A hold that begins during a preparation
        defers its end: the candidate is pending with what was prepared. What is pending without is prepared on the
        last release. `force` covers the preparation, too.
Law 7   A candidate that equals what is published, by digest or by value, is Unchanged: generation and config object
        stay; digest, files, origins, warnings and what waits for a restart are taken over: what counts is the
        configuration that is in force until then. Values are equal only if their types are (1, 1.0 and true differ);
        NaN equals NaN. The digest does not suffice after `reload(revalidate=True)`, until a load
        that began since ends in a commit or Unchanged; nor if the load finds that a watched file which is no source
        differs from when what is published was validated. Then the same sources are validated and checked again.
Law 8   A round reports each file that changed once and has exactly one ending; all deferrals since the last outcome
        share the next one. A source that is no file changes unreported. `reload()`, which absorbs an open round, may
        end without a reported change. So may the load at start, whose success is answered and not emitted unless a
        round was open. A change during a preparation is reported at once, and belongs to the next round, whose window
        begins with this one's ending.
Law 9   After Close nothing is emitted, and waiting callers are answered with None: an open round or what is pending
        ends without an outcome.
Law 10  After a failure the next good content is committed, or Unchanged if it equals what is published. If a
        resource could not be prepared, the same content is tried again while nothing else happens: after a second,
        doubling up to a minute. The failures of these retries are counted, not emitted.
Law 11  A file of the published state that is gone (`gone` says which are) is waited for: a round that finds any ends
        at its ceiling, never eagerly; that ceiling is one ceiling after the last change in their directories, but at
        most three after the first touch. An entry of `watch_paths` that lost its files is then a failure; if entries
        still have files, these may be committed, with a warning for each missing one. `reload()` decides the same
        without waiting. After a failure the published state still decides what is gone.
Law 12  Entering or leaving an override changes nothing else: what the published sources say with the overrides of now
        on is committed at once, or Unchanged, whatever is busy, and ends no round; if resources have to be prepared,
        once they are. Nothing that was loaded before is committed after it. What was refused or deferred, or is not
        what the sources say, is loaded again. So it is when what is published is recreated (`rebuild`): a generation
        without changes. If that is refused, the caller is answered, and nothing is emitted or tried again. If what is
        left when an override ends is refused, so is what was to be recreated with it; what was published last without
        the override is committed, and then the sources are loaded again.
Law 13  What was prepared is published, or discarded, once: a failure, a newer candidate, an override, a new resource
        and close discard it.
Law 14  A source may *offer* a document. Once no round is open and nothing is under way, that is loaded, and what is
        made of it is prepared, and it is *ready*, or refused; the source is answered, and nothing is emitted. It is
        refused, too, if a file may be half written or is gone, and while hot reload is off. While one is ready,
        commits are deferred as by a hold. Its commit publishes it as it was prepared, in any phase, or leaves it
        pending while something is busy, and ends no round; what was pending, or loaded since it was, is out of date,
        and loaded again. Its withdrawal discards it, and commits what is pending, as a release does.
        `reload(force=True)`, an override, `rebuild`, a new resource once it is ready, another offer, close and a
        fault withdraw it; of all but another offer the source is notified. An offer that was not committed is never
        published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from hotconf.engine import endings
from hotconf.engine.candidate import Invalid, Unstable, Valid
from hotconf.engine.debounce import MILLISECOND, Round, Touched
from hotconf.engine.protocol import (
    PHASES,
    Answer,
    Close,
    Closed,
    Decide,
    Due,
    Effect,
    Idle,
    Input,
    Loaded,
    Loading,
    Offer,
    Overlay,
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
from hotconf.engine.turn import MAX_ATTEMPTS, Turn

PAUSE_NS: Final = 4 * MILLISECOND
"""A burst that pauses for so long is loaded speculatively, while its window still runs."""
REST: Final = 4
"""After a load that took n, the next speculative one waits n times this: loading never fills the time."""


def deadline(state: State) -> int | None:
    """When the machine wants a `Due`; None while it waits for something else."""
    phase = state.phase
    if isinstance(phase, Settling):
        return _load_at(state, phase.round)
    if isinstance(phase, Ready):
        return phase.round.deadline
    return state.retry_at or None if isinstance(phase, Idle) else None


def step(state: State, given: Input, holds: tuple[str, ...] = ()) -> tuple[State, tuple[Effect, ...]]:
    """The next state and the effects of `given`. Inputs that mean nothing in this phase leave the state as it is.

    `holds`: the reasons not to publish now, oldest first.
    """
    turn, phase = Turn(state, holds), state.phase
    if state.offer is not None:
        from hotconf.engine import offers

        phase = offers.interrupted(turn, phase, given)
    rule = TABLE.get((type(phase), type(given)))
    if rule is None:
        return state, ()
    phase = rule.act(turn, phase, given)
    if turn.state.offer is not None:
        from hotconf.engine import offers

        phase = offers.resumed(turn, phase, given)
    if phase is not turn.state.phase:
        turn.set(phase=phase)
    return turn.state, tuple(turn.effects)


# Touches


def _touch_open(turn: Turn, phase: Idle | Settling | Ready | Verifying, touch: Touched) -> Phase:
    """The window starts again, what was at hand is out of date."""
    return Settling(turn.touched(turn.state.round, touch)) if turn.state.enabled else phase


def _touch_loading(turn: Turn, phase: Loading, touch: Touched) -> Phase:
    if phase.defers_touches:
        return phase._replace(backlog=(*phase.backlog, touch))
    return phase._replace(round=turn.absorbed(phase.round, (touch,)), dirty=True)


# The clock


def _due_settling(turn: Turn, phase: Settling, due: Due) -> Phase:
    return turn.load(phase.round, due.now) if due.now >= _load_at(turn.state, phase.round) else phase


def _due_ready(turn: Turn, phase: Ready, due: Due) -> Phase:
    round_, candidate = phase
    if due.now < round_.deadline:
        return phase
    if not (round_.polled or turn.state.polled):
        return endings.end(turn, round_, candidate)
    turn.do(Verify())
    return Verifying(round_, candidate)


def _load_at(state: State, round_: Round) -> int:
    """When to load: at the end of the window, or speculatively in the first pause."""
    pause = 0 if _is_complete(state, round_) else PAUSE_NS
    in_pause = round_.ceiling if round_.writing else max(round_.last + pause, state.rest_until)
    return min(in_pause, round_.deadline)


def _is_complete(state: State, round_: Round) -> bool:
    """Whether everything in the round came by acts that are over and reported, and it is eager mode, or no file
    changed.

    While some writer has a source open nothing is loaded anyway, before the ceiling.
    """
    if not round_.changed:
        return True
    if not state.eager or state.polled or round_.polled or round_.first < state.settle_until:
        return False
    return round_.changed.keys() <= round_.complete


# Loads


def _loaded(turn: Turn, phase: Loading, loaded: Loaded) -> Phase:
    if loaded.number != phase.number:
        return phase
    candidate, now = loaded.candidate, loaded.now
    turn.set(rest_until=now + REST * loaded.cost_ns)
    if phase.queued and not phase.callers:
        return turn.load(turn.absorbed(phase.round, phase.backlog), now, phase.queued)
    if phase.offer and (turn.state.offer is None or turn.state.offer.number != phase.offer):
        from hotconf.engine import offers

        return offers.dropped(turn, phase, loaded)
    if isinstance(candidate, Unstable):
        return _unstable(turn, phase, loaded, candidate)
    if phase.dirty:
        return _outdated(turn, phase, now)
    if phase.round is None or phase.callers:
        return _end_load(turn, phase, loaded, candidate)
    round_ = phase.round.read(candidate, turn.state.group)
    if now >= round_.deadline:
        return _end_load(turn, phase._replace(round=round_), loaded, candidate)
    if phase.backlog:
        return _outdated(turn, phase._replace(round=round_, attempts=0), now)
    return _wait(turn, round_, now, candidate)


def _wait(turn: Turn, round_: Round, now: int, candidate: Valid[Any] | Invalid) -> Phase:
    """Wait for the end of the window, unless the candidate may be committed, or deferred, eagerly."""
    changes = isinstance(candidate, Valid) and candidate.unchanged is None
    if round_.shrank or round_.gone or not _is_complete(turn.state, round_) or (round_.changed and not changes):
        return Ready(round_, candidate)
    ended = endings.end(turn, round_, candidate, eager=True)
    if round_.changed:
        turn.set(settle_until=now + turn.state.window_ns)
    return ended


def _unstable(turn: Turn, phase: Loading, loaded: Loaded, found: Unstable) -> Phase:
    """What changed during a read is a touch."""
    round_, sources = phase.round, found.sources
    touch = Touched(loaded.now, sources)
    if round_ is not None:
        touch = Touched(loaded.now, sources, round_.writing, False, round_.renamed, round_.complete)
    if phase.attempts >= MAX_ATTEMPTS - 1:
        return _end_load(turn, phase._replace(backlog=phase.backlog or (touch,)), loaded, Invalid(found.problems))
    if round_ is not None:
        phase = phase._replace(round=turn.touched(round_, touch))
    return _outdated(turn, phase, loaded.now)


def _outdated(turn: Turn, phase: Loading, now: int) -> Phase:
    """What was loaded is of no use: wait for the window; or load at once, for those who called meanwhile, too."""
    round_ = turn.absorbed(phase.round, phase.backlog)
    if round_ is not None and not phase.callers and now < round_.deadline:
        return Settling(round_)
    attempt = bool(phase.callers) or round_ is None or now >= round_.ceiling
    offer = phase.offer if round_ is None else 0
    return turn.load(round_, now, (*phase.callers, *phase.queued), phase.attempts + attempt, offer=offer)


# Reload


def _reload_now(turn: Turn, phase: Phase, reload: Reload) -> Phase:
    return turn.load(turn.state.round, reload.now, (reload,))


def _call_closed(turn: Turn, phase: Closed, call: Reload | Overlay) -> Phase:
    turn.do(Answer((call.caller,), None))
    return phase


def _end_load(turn: Turn, phase: Loading, loaded: Loaded, candidate: Valid[Any] | Invalid) -> Phase:
    """End the round; what was touched meanwhile opens the next one, and who called meanwhile is served."""
    if phase.offer:
        from hotconf.engine import offers

        return offers.loaded(turn, phase, loaded, candidate)
    ended = endings.end(turn, phase.round, candidate, phase.callers, loaded.last_good)
    round_ = turn.absorbed(None, phase.backlog)
    if isinstance(ended, Preparing):
        return ended._replace(next=round_, queued=phase.queued)
    if phase.queued:
        return turn.load(round_, loaded.now, phase.queued)
    return ended if round_ is None else Settling(round_)


# Offers: their rules are imported late, because few programs have a source that offers


def _offer(turn: Turn, phase: Phase, given: Offer) -> Phase:
    from hotconf.engine import offers

    return offers.decide(turn, phase, given) if isinstance(given, Decide) else offers.offer(turn, phase, given)


def _prepared(turn: Turn, phase: Preparing, given: Prepared) -> Phase:
    if not phase.offer:
        return endings.prepared(turn, phase, given)
    from hotconf.engine import offers

    return offers.prepared(turn, phase, given)


class Rule(NamedTuple):
    """What is done, and the phases in which it can end."""

    act: Callable[[Turn, Any, Any], Phase]
    leads_to: tuple[type[Phase], ...]


_OPEN: Final = tuple(phase for phase in PHASES if phase is not Closed)
TABLE: Final[Mapping[tuple[type[Phase], type[Input]], Rule]] = {
    (Idle, Touched): Rule(_touch_open, (Settling, Idle)),
    (Settling, Touched): Rule(_touch_open, (Settling,)),
    (Loading, Touched): Rule(_touch_loading, (Loading,)),
    (Ready, Touched): Rule(_touch_open, (Settling,)),
    (Verifying, Touched): Rule(_touch_open, (Settling,)),
    (Preparing, Touched): Rule(endings.touch_preparing, (Preparing,)),
    (Idle, Due): Rule(endings.retry, (Idle, Loading)),
    (Settling, Due): Rule(_due_settling, (Settling, Loading)),
    (Ready, Due): Rule(_due_ready, (Ready, Verifying, Preparing, Idle, Loading)),
    (Loading, Loaded): Rule(_loaded, (Loading, Settling, Ready, Preparing, Idle)),
    (Verifying, Verified): Rule(endings.verified, (Preparing, Idle, Loading)),
    (Preparing, Prepared): Rule(_prepared, (Idle, Settling, Loading, Verifying, Preparing)),
    (Idle, Release): Rule(endings.release, (Idle, Verifying, Loading, Preparing)),
    (Idle, Unstuck): Rule(endings.unstuck, (Idle, Loading)),
    **{(phase, Reload): Rule(_reload_now, (Loading,)) for phase in (Idle, Settling, Ready, Verifying)},
    **{(phase, Reload): Rule(endings.reload_after, (phase, Loading)) for phase in (Loading, Preparing)},
    (Idle, Overlay): Rule(endings.overlay, (Idle, Loading, Preparing)),
    **{(phase, Overlay): Rule(endings.overlay, (Settling, Preparing)) for phase in (Settling, Ready)},
    (Verifying, Overlay): Rule(endings.overlay, (Settling, Loading, Preparing)),
    (Loading, Overlay): Rule(endings.overlay, (Loading, Preparing)),
    (Preparing, Overlay): Rule(endings.overlay, (Preparing, Settling, Loading, Idle)),
    **{(phase, Offer): Rule(_offer, (phase,)) for phase in (Settling, Loading, Ready, Verifying)},
    (Idle, Offer): Rule(_offer, (Idle, Loading)),
    (Preparing, Offer): Rule(_offer, (Preparing, Settling, Loading, Idle)),
    (Closed, Offer): Rule(_offer, (Closed,)),
    (Idle, Decide): Rule(_offer, (Idle, Loading, Verifying, Preparing)),
    (Loading, Decide): Rule(_offer, (Loading,)),
    **{(phase, Decide): Rule(_offer, (phase, Settling)) for phase in (Settling, Ready, Verifying)},
    (Preparing, Decide): Rule(_offer, (Preparing, Settling, Loading, Idle, Verifying)),
    **{(Closed, call): Rule(_call_closed, (Closed,)) for call in (Reload, Overlay)},
    **{(phase, Register): Rule(endings.register, (phase,)) for phase in _OPEN},
    **{(phase, Close): Rule(endings.close, (Closed,)) for phase in _OPEN},
}
