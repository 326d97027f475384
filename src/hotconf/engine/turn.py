"""A step of the machine under way: the state so far, the effects so far, and what several of its rules do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hotconf.engine.debounce import Round, Touched
from hotconf.engine.protocol import Changed, Discard, Effect, Load, Loading, Phase, Preparing, Reload, State

MAX_ATTEMPTS: Final = 3
"""Reads past the ceiling that were not stable, after which the round fails."""


class Turn:
    """A step under way. The phase of its state is the one before the step."""

    __slots__ = ("_holds", "effects", "state")

    def __init__(self, state: State, holds: tuple[str, ...]) -> None:
        self.state = state
        self._holds = holds
        self.effects: list[Effect] = []

    @property
    def holds(self) -> tuple[str, ...]:
        """The reasons not to commit now."""
        return self.state.reasons(self._holds)

    def set(self, **changes: Any) -> None:
        """Change the state."""
        self.state = self.state._replace(**changes)

    def do(self, effect: Effect) -> None:
        """One more effect."""
        self.effects.append(effect)

    def touched(self, round_: Round | None, touch: Touched) -> Round:
        """The round opened, or drawn out. Reports each source that it has not reported."""
        known = round_.changed if round_ is not None else ()
        for source in dict.fromkeys(touch.sources):
            if source not in known:
                self.do(Changed(source))
        if round_ is None:
            return Round.opened(touch, self.state.window_ns, polled=self.state.polled)
        return round_.touch(touch, self.state.group)

    def absorbed(self, round_: Round | None, touches: Iterable[Touched]) -> Round | None:
        """The round with these touches, unless hot reload is off."""
        for touch in touches if self.state.enabled else ():
            round_ = self.touched(round_, touch)
        return round_

    def waiting(self, phase: Phase) -> tuple[Reload, ...]:
        """All calls of `reload()` that are not answered yet."""
        return (*phase.callers, *phase.queued) if isinstance(phase, Loading | Preparing) else ()

    def load(
        self,
        round_: Round | None,
        now: int,
        callers: tuple[Reload, ...] = (),
        attempts: int = 0,
        *,
        offer: int = 0,
    ) -> Loading:
        """Begin a load; of the `offer` with this number, if it is none of what the source says."""
        number = self.state.loads + 1
        revalidate = self.state.revalidate or any(caller.revalidate for caller in callers)
        self.set(loads=number, revalidate=revalidate)
        self.do(Load(number, bool(callers) or not self.state.enabled, revalidate, offer))
        defers_touches = attempts >= MAX_ATTEMPTS - 1 or (round_ is not None and now >= round_.ceiling)
        return Loading(round_, number, defers_touches, callers, attempts, offer=offer)

    def drop_pending(self) -> None:
        """Another candidate was decided on: discard what is pending, and what was prepared for it."""
        pending = self.state.pending
        if pending is not None:
            self.set(pending=None)
            if pending.prepared is not None:
                self.do(Discard(pending.prepared))
