"""`VirtualDriver`: gives a machine its inputs and its timer, in virtual time, as the runtime's driver does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from doubles.clock import VirtualClock
from doubles.recorder import Recorder
from hotconf.engine.machine import deadline, step
from hotconf.engine.protocol import Due, Effect, Input, Release, State


class Witness(Protocol):
    """Sees every step, before its effects are performed."""

    def __call__(
        self, before: State, given: Input, holds: tuple[str, ...], after: State, effects: tuple[Effect, ...]
    ) -> None:
        """Look at one step; raise AssertionError if it must not be."""
        ...


class VirtualDriver:
    """A machine, its clock, and a record of what it did."""

    def __init__(
        self,
        state: State,
        *,
        perform: Callable[[Effect], None] | None = None,
        witness: Witness | None = None,
        lag: int = 0,
        timer_first: bool = True,
    ) -> None:
        self.state = state
        self.holds: list[str] = []
        """The reason of each hold, oldest first."""
        self.clock = VirtualClock()
        self.recorder = Recorder()
        self._perform = perform
        self._witness = witness
        self._lag = lag
        """The timer wakes so much too late."""
        self._timer_first = timer_first
        """Whether the timer comes before what else is to happen at the same instant."""
        self._inputs: deque[Input] = deque()
        self._stepping = False

    def give(self, given: Input) -> None:
        """One step, its effects, and the steps that follow from performing them."""
        self._inputs.append(given)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inputs:
                self._step(self._inputs.popleft())
        finally:
            self._stepping = False

    def hold(self, reason: str) -> None:
        """Be busy."""
        self.holds.append(reason)

    def release(self, reason: str) -> None:
        """End a hold; a reason that is not held is ignored."""
        if reason in self.holds:
            self.holds.remove(reason)
        self.give(Release(self.clock.now))

    def run(self, until: int) -> None:
        """Let everything happen that is to happen up to and at `until`."""
        while self._turn(until):
            pass
        self.clock.pass_to(until)

    def _turn(self, until: int) -> bool:
        due = self.due
        coming = self.clock.next
        if due is not None and due <= until and self._timer_comes(due, coming):
            self.clock.pass_to(due)
            self.give(Due(due))
            return True
        if coming is not None and coming <= until:
            self.clock.happen()
            return True
        return False

    @property
    def due(self) -> int | None:
        """When the timer will wake the machine."""
        at = deadline(self.state)
        return None if at is None else max(at + self._lag, self.clock.now)

    def _timer_comes(self, due: int, coming: int | None) -> bool:
        return coming is None or due < coming or (due == coming and self._timer_first)

    def _step(self, given: Input) -> None:
        before, holds = self.state, tuple(dict.fromkeys(self.holds))
        self.state, effects = step(before, given, holds)
        if self._witness:
            self._witness(before, given, holds, self.state, effects)
        self.recorder.now = self.clock.now
        for effect in effects:
            self.recorder(effect)
            if self._perform:
                self._perform(effect)
