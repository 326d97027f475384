"""Preparing in a simulated world: whatever happens, configuration and resource fit, and nothing is lost or kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doubles import Content, World
from doubles.contents import candidate, recalled, source_id
from doubles.preparer import Mood
from engine.test_machine_laws import LONG_ENOUGH_MS, MAIN, contents, pauses, reasons
from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.debounce import MILLISECOND, Touched
from hotconf.engine.endings import LONGEST_RETRY_NS
from hotconf.engine.machine import deadline
from hotconf.engine.protocol import (
    Answer,
    Changed,
    Closed,
    Decide,
    Effect,
    Emit,
    Idle,
    Input,
    Load,
    Loading,
    Overlay,
    Prepared,
    Preparing,
    Publish,
    Register,
    State,
    Unstuck,
    Verifying,
)
from hotconf.engine.recovery import crashed, forked
from hotconf.events import ReloadDeferred, ReloadFailed
from hotconf.problems import Problem
from torture.extent import FULL, examples

pytestmark = pytest.mark.timeout(900)
moods: st.SearchStrategy[Mood] = st.sampled_from(["well", "well", "well", "refuses", "hangs"])
FAULT = Problem("Internal error", kind="internal", file=MAIN)
LIMIT_MS = LONG_ENOUGH_MS + LONGEST_RETRY_NS // MILLISECOND + 60_000


MEANWHILE: dict[str, Callable[[Preparations, Content], object]] = {
    "save": lambda self, content: self.world.save(MAIN, content=content),
    "hold": lambda self, _: self.world.hold("commit"),
    "release": lambda self, _: self.release_all(),
    "reload": lambda self, _: self.reload(force=False, revalidate=False),
    "force": lambda self, _: self.reload(force=True, revalidate=False),
    "register": lambda self, _: self.register(),
    "work": lambda self, _: self.change_mood("well", 0),
    "refuse": lambda self, _: self.change_mood("refuses", 0),
    "override": lambda self, content: self.override(content),
    "rebuild": lambda self, _: self.rebuild(),
    "unstick": lambda self, _: self.unstick(),
    "wait": lambda self, _: self.world.run(400),
    "close": lambda self, _: self.world.close(),
}


class Preparations(RuleBasedStateMachine):
    """One resource on the value of one file."""

    def __init__(self) -> None:
        super().__init__()
        self.begin(Content(), 300, native=True, eager=False, started=False, kept=None)

    @initialize(
        main=st.sampled_from([None, Content(valid=False), *[Content()] * 6]),
        window_ms=st.sampled_from([0, 100, 300]),
        native=st.sampled_from([True, True, False]),
        eager=st.booleans(),
        started=st.sampled_from([True, True, True, True, False]),
        kept=st.none() | contents.filter(lambda content: content.valid),
    )
    def begin(
        self, main: Content | None, window_ms: int, native: bool, eager: bool, started: bool, kept: Content | None
    ) -> None:
        self.forced: set[int] = set()
        """Callers that publish even if something is busy."""
        self.rebuilt: dict[int, int] = {}
        """Callers that make anew what is published: the object at the time of the call."""
        self.outdated: set[int] = set()
        """Objects that were made before another resource was registered."""
        self.broken = self.reported = False
        """Some change was reported, and no ending came since."""
        self.last: object = None
        self.loading = False
        self.endings = 0
        self.undisturbed = False
        """Nothing but time has passed since the last failure to prepare was emitted."""
        self.world = World(
            self.files(main),
            window_ms=window_ms,
            native=native,
            eager=eager,
            witness=self.look,
            last_good=None if kept is None else recalled(self.files(kept)),
            prepares=True,
        )
        self.world.preparer.timeout = 3_000 * MILLISECOND
        if started:
            self.world.reload(silent=True)

    def files(self, main: Content | None) -> dict[Path, Content | None]:
        """All of them, where the main one says this."""
        return {MAIN: main}

    def look(
        self, before: State, given: Input, holds: tuple[str, ...], after: State, effects: tuple[Effect, ...]
    ) -> None:
        """Each step."""
        self.broken = True
        if type(given).__name__ in ("Touched", "Reload", "Release", "Register", "Overlay", "Decide"):
            self.undisturbed = False
        for effect in effects:
            match effect:
                case Load():
                    assert isinstance(after.phase, Loading), "law 2: nothing is loaded during a preparation"
                case Changed():
                    self.reported = True
                case Publish(generation=generation, recalled=recalled, prepared=prepared):
                    assert generation == before.generation + 1, "law 1"
                    assert prepared is not None, "law 2: published unprepared"
                    answered = {each for effect in effects if isinstance(effect, Answer) for each in effect.callers}
                    assert not holds or recalled or answered & self.forced, "law 6: published while something is busy"
                    assert not (prepared and prepared[0] in self.outdated), "law 13: a resource is missing"
                    for caller in answered & set(self.rebuilt):
                        assert prepared, "law 12: nothing was recreated"
                        assert prepared[0] > self.rebuilt[caller], "law 12: it was made before the call"
                case Emit(event, repeated=repeated):
                    self.last = event
                    failed = isinstance(event, ReloadFailed) and event.kind == "apply"
                    assert repeated <= failed, "only what could not be prepared is retried"
                    assert not (failed and self.undisturbed and not repeated), "a retry that fails again is no news"
                    phase = before.phase
                    self.reported = isinstance(phase, Preparing) and phase.next is not None
                    asked = isinstance(phase, Preparing) and bool(phase.queued)
                    self.undisturbed = failed and not (self.reported or asked)
                    if isinstance(event, ReloadDeferred):
                        assert event.reasons
                        assert event.reasons == (holds if isinstance(given, Decide) else before.reasons(holds))
        self.keeps_what_came(before, given, after)
        if isinstance(after.phase, Preparing) and not isinstance(before.phase, Preparing):
            assert self.world.preparer.under_way is None, "law 2: one preparation at a time"
        self.broken = False

    def keeps_what_came(self, before: State, given: Input, after: State) -> None:
        """Law 8: what changes during a preparation belongs to the next round, whose window begins then."""
        was, now = before.phase, after.phase
        if isinstance(was, Loading) and isinstance(now, Preparing):
            came = {source for touch in was.backlog for source in touch.sources}
            assert came <= set(now.next.changed if now.next else ()) or not before.enabled
            assert now.queued == ((*was.callers, *was.queued) if isinstance(given, Overlay) else was.queued)
        if isinstance(was, Preparing) and isinstance(now, Preparing):
            assert set(was.queued) <= set(now.queued)
            if isinstance(given, Touched) and before.enabled:
                assert now.next is not None
                assert set(given.sources) <= set(now.next.changed), "law 8: a change was forgotten"
        if isinstance(was, Preparing) and isinstance(given, Prepared) and isinstance(now, Preparing):
            assert now.next == was.next, "what was refused is replaced: the ending is still to come"
        elif isinstance(was, Preparing) and isinstance(given, Prepared) and was.next and after.enabled:
            assert after.round is not None
            assert set(after.round.changed) == set(was.next.changed)
            assert after.round.first == given.now, "law 5: the window begins with the ending"

    # What happens

    @rule(ms=pauses)
    def wait(self, ms: int) -> None:
        self.world.run(ms)

    @rule(content=st.none() | contents)
    def save(self, content: Content | None) -> None:
        self.world.save(MAIN, content=content)

    @rule(content=contents, pause=st.sampled_from([1, 90, 250]), times=st.sampled_from([2, 5, 20]))
    def save_and_save(self, content: Content, pause: int, times: int) -> None:
        for number in range(times):
            self.world.save(MAIN, content=Content((content.value + number) % 3))
            self.world.run(pause)

    @rule(mood=moods, pace=st.sampled_from([0, 0, 1, 100, 400, 2500]))
    def change_mood(self, mood: Mood, pace: int) -> None:
        self.world.preparer.mood, self.world.preparer.pace = mood, pace * MILLISECOND

    @rule(reason=reasons)
    def hold(self, reason: str) -> None:
        self.world.hold(reason)

    @rule()
    def release_all(self) -> None:
        for reason in tuple(self.world.driver.holds):
            self.world.release(reason)

    @precondition(lambda self: self.world.published is not None and self.world.state.enabled)
    @rule(
        content=contents,
        mood=moods,
        pace=st.sampled_from([100, 2500]),
        meanwhile=st.lists(st.sampled_from([*MEANWHILE]), max_size=3),
        content_meanwhile=contents,
        after=st.sampled_from([0, 150, 3_500]),
        then=st.lists(st.sampled_from([*MEANWHILE]), max_size=2),
    )
    def during_a_preparation(
        self,
        content: Content,
        mood: Mood,
        pace: int,
        meanwhile: list[str],
        content_meanwhile: Content,
        after: int,
        then: list[str],
    ) -> None:
        """A new value is saved; while its resource is prepared this and that happens, and afterwards."""
        self.release_all()
        self.world.run(LIMIT_MS)
        self.change_mood(mood, pace)
        assert self.world.published is not None
        value = (self.world.published.config.values[0] + 1) % 3
        self.world.save(MAIN, content=replace(content, valid=True, cut=0, value=value))
        for _ in range(1000):
            if (
                isinstance(self.world.state.phase, Preparing)
                or self.world.driver.due is None is self.world.driver.clock.next
            ):
                break
            self.wait_for_what_comes()
        for what in meanwhile:
            MEANWHILE[what](self, content_meanwhile)
            self.check()
        self.world.run(after)
        for what in then:
            MEANWHILE[what](self, content_meanwhile)
            self.check()

    def check(self) -> None:
        """The laws that span steps."""
        self.config_and_resource_fit()
        self.nothing_is_kept()
        self.it_waits_for_something()

    def wait_for_what_comes(self) -> None:
        """Whatever is next."""
        coming = [at for at in (self.world.driver.due, self.world.driver.clock.next) if at is not None]
        self.world.driver.run(max(self.world.now, min(coming)))

    @rule(force=st.booleans(), revalidate=st.booleans())
    def reload(self, force: bool, revalidate: bool) -> None:
        if force:
            self.forced.add(self.world._callers + 1)
        self.world.reload(force=force, revalidate=revalidate)

    @rule()
    def register(self) -> None:
        preparer, number = self.world.preparer, self.world.state.preparations
        current = preparer.current and preparer.current[0]
        self.outdated |= {each for each in range(len(preparer.closed)) if each != current}
        self.world.driver.give(Register(self.world.now))
        if preparer.under_way is not None:
            assert preparer.under_way > number, "what is under way lacks the new resource"

    @rule(content=contents, last=st.none() | contents)
    def override(self, content: Content, last: Content | None = None) -> None:
        """What is published is laid anew with another value, as the runtime does: while nothing else is published.

        With `last` one is left, and that was published before it.
        """
        published = self.world.published
        if published is None:
            return
        rest = dict.fromkeys(self.world.disk.contents, Content())
        good = candidate({**rest, MAIN: replace(content, valid=True, cut=0)}, published)
        self.world._callers += 1
        self.forced.add(self.world._callers)
        fallback = last and candidate({**rest, MAIN: replace(last, valid=True, cut=0)}, published)
        fallback = fallback if isinstance(fallback, Valid) and fallback.unchanged is None else None
        if isinstance(good, Valid):
            given = Overlay(self.world.now, self.world._callers, good, outdated=True, fallback=fallback)
            self.world.driver.give(given)

    @rule()
    def rebuild(self) -> None:
        """What is published is made anew, as the runtime does: of what an override has laid just now, if one has."""
        published, phase = self.world.published, self.world.state.phase
        if published is None or isinstance(phase, Closed):
            return
        laid = isinstance(phase, Preparing) and bool(phase.laid)
        good = phase.candidate if isinstance(phase, Preparing) and laid else published
        caller = self.world._callers = self.world._callers + 1
        self.forced.add(caller)
        if self.world.preparer.current is not None:
            self.rebuilt[caller] = self.world.preparer.current[0]
        self.world.preparer.anew = True
        if not laid:
            good = good._replace(changes=(), summary=("made anew",), unchanged=None)
        self.world.driver.give(Overlay(self.world.now, caller, good, alone=True))

    @rule()
    def unstick(self) -> None:
        self.world.driver.give(Unstuck(self.world.now))

    @precondition(lambda self: self.world.now > 5_000 * MILLISECOND)
    @rule(really=st.sampled_from([False, False, True]))
    def close(self, really: bool) -> None:
        if really:
            self.world.close()

    @precondition(lambda self: not isinstance(self.world.state.phase, Closed))
    @rule(really=st.sampled_from([False, True]))
    def crash(self, really: bool) -> None:
        """A fault of ours: the round ends as a failure, and everything is read again."""
        if really:
            waiting = {caller for caller in range(1, self.world._callers + 1) if caller not in self.world.answers}
            state, effects = crashed(self.world.state, FAULT, tuple(waiting))
            self.look(self.world.state, Unstuck(self.world.now), (), state, effects)
            self.undisturbed = self.reported = False
            self.world.driver.state = state
            for effect in effects:
                self.world._perform(effect)
            self.world.driver.give(Touched(self.world.now, (source_id(MAIN),)))

    # The laws that span steps

    @invariant()
    def config_and_resource_fit(self) -> None:
        """Law 11 of the publisher, and law 13: what readers see was made of the config that they see, and is open."""
        preparer, published = self.world.preparer, self.world.published
        assert all(times <= 1 for times in preparer.closed), "law 13: closed twice"
        if isinstance(self.world.state.phase, Closed):
            return
        assert (preparer.current is None) == (published is None)
        if preparer.current is not None and published is not None:
            number, value = preparer.current
            assert value == published.config.values, "a config without its resource"
            assert not preparer.closed[number], "law 13: what is published was closed"

    @invariant()
    def nothing_is_kept(self) -> None:
        """Law 13: each object is published, pending, or closed."""
        preparer, pending, offered = self.world.preparer, self.world.state.pending, self.world.state.offer
        prepared = (pending and pending.prepared, offered and offered.prepared)
        kept = {made[0] for made in (preparer.current, *prepared) if made}
        still_open = {number for number, times in enumerate(preparer.closed) if not times}
        assert still_open == kept, "law 13: neither published nor discarded"

    @invariant()
    def it_waits_for_something(self) -> None:
        """Law 4: an open round has a deadline, a load or a preparation under way."""
        state = self.world.state
        if isinstance(state.phase, Preparing):
            assert self.world.preparer.under_way == state.phase.preparation
        elif not isinstance(state.phase, Idle | Closed | Loading | Verifying):
            assert deadline(state) is not None

    def teardown(self) -> None:
        """Law 4 and law 10: when factories work again, the last content is published, without a further change."""
        if self.broken:
            return  # the step that broke a law is what matters
        self.world.preparer.mood, self.world.preparer.pace = "well", 0
        self.release_all()
        self.world.run(LIMIT_MS)
        assert set(self.world.answers) == set(range(1, self.world._callers + 1)), "a reload was never answered"
        state = self.world.state
        if isinstance(state.phase, Closed):
            assert all(times == 1 for times in self.world.preparer.closed), "law 13: not closed"
            return
        if not state.enabled:
            self.world.reload()
            self.world.run(LIMIT_MS)
            state = self.world.state
        assert isinstance(state.phase, Idle)
        assert state.pending is None
        assert not self.reported, "law 8: a reported round has an ending"
        found = candidate(self.world.disk.contents, self.world.published)
        if isinstance(found, Valid) and self.last is not None:
            assert found.unchanged, "law 4: the last content is not published"
        elif isinstance(found, Invalid) and self.last is not None:
            assert isinstance(self.last, ReloadFailed)
            assert self.last.problems == found.problems, "law 4: the last failure is out of date"
        child, _ = forked(state)
        assert child == state


Preparations.TestCase.settings = settings(
    max_examples=examples(600, 120),
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestPreparations = Preparations.TestCase


ACTS = [
    (first, then, last) for first in MEANWHILE for then in MEANWHILE for last in ("save", "release", "wait", "close")
]


@pytest.mark.parametrize("mood", ["well", "refuses", "hangs"])
@pytest.mark.parametrize("after", [0, 3_500], ids=["during", "before and after"])
def test_every_two_things_during_a_preparation(mood, after):
    """Whatever happens while resources are prepared, and then; thinned, but for the torture."""
    dice = random.Random(f"{mood} {after}")
    for first, then, last in ACTS if FULL else dice.sample(ACTS, 120):
        for saved in (Content(2), Content(0), Content(valid=False)):
            world = Preparations()
            world.begin(Content(), 100, native=True, eager=False, started=True, kept=None)
            meanwhile, rest = ([first, then], [last]) if not after else ([first], [then, last])
            try:
                world.during_a_preparation(Content(), mood, 400, meanwhile, saved, after, rest)
                world.teardown()
            except AssertionError as error:
                raise AssertionError(
                    f"{first}, {then}, {last}, {saved}: {world.world.driver.recorder.story}"
                ) from error
