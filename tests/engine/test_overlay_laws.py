"""Law 12 in a simulated world: overrides come at any moment, and nothing that was loaded before one follows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from doubles import Config, Content, Pace, World
from doubles.contents import candidate
from hotconf.engine.candidate import Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import (
    Answer,
    Effect,
    Emit,
    Idle,
    Input,
    Load,
    Loaded,
    Overlay,
    Publish,
    Refresh,
    Reload,
    State,
)
from torture.extent import examples

pytestmark = pytest.mark.timeout(900)

MAIN = Path("/etc/app/config.toml")
LONG_ENOUGH_MS = 60_000

contents = st.builds(
    Content,
    value=st.integers(0, 2),
    valid=st.sampled_from([True, True, False]),
    mode=st.sampled_from(["settle", "eager"]),
)
pauses = st.sampled_from([0, 1, 4, 5, 50, 299, 300, 301, 1000, 2000])
durations = st.sampled_from([0, 1, 40, 400, 1500]).map(lambda ms: ms * MILLISECOND)


class Witness:
    """Looks at every step."""

    def __init__(self) -> None:
        self.generation = 0
        self.latest = 0
        """The number of the latest load."""
        self.useless = 0
        """Loads up to this one began before the latest override."""
        self.loaded: dict[int, int] = {}
        """The number of the load that brought each candidate, by its identity."""
        self.kept: list[object] = []
        """Keeps the identities."""
        self.forced: set[int] = set()

    def __call__(
        self, before: State, given: Input, holds: tuple[str, ...], after: State, effects: tuple[Effect, ...]
    ) -> None:
        laid = isinstance(given, Overlay)
        if isinstance(given, Loaded):
            self.loaded[id(given.candidate)] = given.number
            self.kept.append(given.candidate)
        if isinstance(given, Reload) and given.force:
            self.forced.add(given.caller)
        answered = {caller for effect in effects if isinstance(effect, Answer) for caller in effect.callers}
        for effect in effects:
            match effect:
                case Load(number):
                    self.latest = number
                case Publish(_, generation):
                    self.generation += 1
                    assert generation == self.generation, "law 1"
                    assert laid or not holds or answered & self.forced, "law 6: only overrides ignore what is busy"
        if laid:
            self.useless = self.latest if not any(isinstance(effect, Load) for effect in effects) else self.latest - 1
            assert sum(isinstance(effect, Emit) for effect in effects) == (given.candidate is not None)
            assert answered == {given.caller}, "law 12: at once"
            assert (after.round is None) == (before.round is None), "law 12: it ends no round"
            stale = before.refused or before.pending is not None or given.outdated
            assert not stale or after.loading is not None or after.round is not None, "law 12: loaded again"
        for effect in effects if not laid else ():
            if isinstance(effect, Publish | Refresh):
                number = self.loaded[id(effect.candidate)]
                assert number > self.useless, "law 12: nothing that was loaded before is committed"


class Overlays(RuleBasedStateMachine):
    """Saves, holds, reloads and overrides."""

    def __init__(self) -> None:
        super().__init__()
        self.witness = Witness()
        self.world = World({MAIN: Content()}, witness=self.witness)
        self.world.reload(silent=True)
        self.world.run(LONG_ENOUGH_MS)
        self.calls = 1000

    @rule(ms=pauses)
    def wait(self, ms: int) -> None:
        self.world.run(ms)

    @rule(queue=durations, read=durations, think=durations)
    def change_pace(self, queue: int, read: int, think: int) -> None:
        self.world.loader.pace = Pace(queue, read, think)

    @rule(content=contents)
    def save(self, content: Content) -> None:
        self.world.save(MAIN, content=content)

    @rule(polled=st.booleans())
    def report(self, polled: bool) -> None:
        self.world.report(everything=not polled)

    @rule()
    def hold(self) -> None:
        self.world.hold("gate")

    @rule()
    def release(self) -> None:
        self.world.release("gate")

    @rule(force=st.booleans())
    def reload(self, force: bool) -> None:
        self.world.reload(force=force)

    @rule(value=st.none() | st.integers(0, 3), outdated=st.booleans())
    def override(self, value: int | None, outdated: bool) -> None:
        """None: nothing is valid without the one that is left."""
        self.override_by(value, outdated=outdated)

    def override_by(self, value: int | None, *, outdated: bool) -> None:
        """Enter or leave one."""
        found = None if value is None else candidate({MAIN: Content(value)}, self.world.published)
        good: Valid[Config] | None = found if isinstance(found, Valid) else None
        self.calls += 1
        self.world.driver.give(Overlay(self.world.now, self.calls, good, outdated or good is None))
        if good is not None:
            assert self.world.published is not None
            assert self.world.published.config == good.config, "law 12: readers see it at once"

    @rule(content=contents, before=pauses, value=st.integers(0, 3), after=pauses)
    def override_in_a_round(self, content: Content, before: int, value: int, after: int) -> None:
        """At any moment of it."""
        self.world.save(MAIN, content=content)
        self.world.run(before)
        self.override_by(value, outdated=False)
        self.world.run(after)

    def teardown(self) -> None:
        """At rest nothing is pending, and no round is open."""
        while self.world.driver.holds:
            self.world.release("gate")
        self.world.run(LONG_ENOUGH_MS)
        assert isinstance(self.world.state.phase, Idle)
        assert self.world.state.pending is None


Overlays.TestCase.settings = settings(
    max_examples=examples(400, 60),
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOverlays = Overlays.TestCase
