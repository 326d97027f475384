"""A step of the machine under way (`Turn`), and how a round ends in it (`end`). The laws are those of `machine`."""

from __future__ import annotations

from typing import Any

from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.debounce import MILLISECOND, Round
from hotconf.engine.protocol import (
    Answer,
    Effect,
    Emit,
    Idle,
    PendingCandidate,
    Publish,
    Refresh,
    Reload,
    State,
    Watching,
)
from hotconf.events import Ending, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import one_line


class Turn:
    """A step under way: the state so far, but for its phase, and the effects so far."""

    __slots__ = ("effects", "holds", "state")

    def __init__(self, state: State, holds: tuple[str, ...]) -> None:
        self.state = state
        self.holds = holds
        self.effects: list[Effect] = []

    def set(self, **changes: Any) -> None:
        """Remember these from now on."""
        self.state = self.state._replace(**changes)

    def do(self, effect: Effect) -> None:
        """Add an effect."""
        self.effects.append(effect)


def end(
    turn: Turn,
    round_: Round | None,
    candidate: Valid[Any] | Invalid,
    callers: tuple[Reload, ...] = (),
    last_good: Valid[Any] | None = None,
    *,
    eager: bool = False,
) -> Idle:
    """End the round, if one is open, and answer who waits."""
    state = turn.state
    event: Ending
    followed: Valid[Any] | None = None
    if isinstance(candidate, Invalid):
        event = ReloadFailed(one_line(candidate.errors), candidate.kind, candidate.problems)
        turn.set(pending=None)
        followed = _fall_back(turn, last_good, callers)
    elif candidate.unchanged is not None:
        event = ReloadUnchanged(candidate.unchanged, candidate.warnings)
        turn.set(pending=None, degraded=False, revalidate=False)
        turn.do(Refresh(candidate))
        followed = candidate
    elif turn.holds and not any(caller.force for caller in callers):
        event = ReloadDeferred(turn.holds, candidate.changes, candidate.summary)
        turn.set(pending=PendingCandidate(candidate, state.polled or (round_ is not None and round_.polled)))
    else:
        generation = state.generation + 1
        turn.do(Publish(candidate, generation, round_))
        turn.set(generation=generation, pending=None, degraded=False, revalidate=False)
        event = ReloadSuccess(generation, candidate.changes, candidate.summary, warnings=candidate.warnings)
        followed = candidate
    if not isinstance(event, ReloadDeferred):
        turn.set(refused=isinstance(event, ReloadFailed))
    started = isinstance(event, ReloadSuccess) and bool(callers) and all(caller.silent for caller in callers)
    if round_ is not None or not started:
        turn.do(Emit(event, eager))
    if callers:
        turn.do(Answer(tuple(caller.caller for caller in callers), event))
    if followed is not None:
        _follow(turn, followed)
    return Idle()


def _fall_back(turn: Turn, good: Valid[Any] | None, callers: tuple[Reload, ...]) -> Valid[Any] | None:
    """Commit the last good state, if there is one and the load at start failed."""
    if good is None or not any(caller.silent for caller in callers):
        return None
    turn.do(Publish(good, 1, None, recalled=True))
    turn.set(generation=1, degraded=True)
    return good


def lay(turn: Turn, good: Valid[Any]) -> Ending:
    """Commit what an override makes of the published sources, whatever is busy. It ends no round."""
    event: Ending
    if good.unchanged is not None:
        event = ReloadUnchanged(good.unchanged, good.warnings)
        turn.do(Refresh(good))
    else:
        generation = turn.state.generation + 1
        turn.do(Publish(good, generation, None))
        turn.set(generation=generation)
        event = ReloadSuccess(generation, good.changes, good.summary, warnings=good.warnings)
    turn.do(Emit(event))
    _follow(turn, good)
    return event


def _follow(turn: Turn, good: Valid[Any]) -> None:
    """Take over what the published config says about its own watching."""
    settings = good.settings
    if settings.enabled != turn.state.enabled:
        turn.do(Watching(settings.enabled))
    window_ns, eager = settings.debounce_ms * MILLISECOND, settings.mode == "eager"
    turn.set(enabled=settings.enabled, window_ns=window_ns, eager=eager)
