"""Offers in a simulated world: whatever happens, what was not committed is never published, and nothing is kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from doubles import Content
from doubles.contents import SOURCE
from doubles.preparer import Mood
from engine.test_machine_laws import MAIN, pauses
from engine.test_preparing_laws import LIMIT_MS, MEANWHILE, Preparations, moods
from hotconf.engine.candidate import Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import (
    Closed,
    Decide,
    Effect,
    Emit,
    Idle,
    Input,
    Judge,
    Loaded,
    Loading,
    Offer,
    Prepared,
    Preparing,
    Publish,
    Refresh,
    State,
)
from hotconf.events import ReloadDeferred, ReloadFailed
from torture.extent import FULL, examples

pytestmark = pytest.mark.timeout(900)

values = st.integers(0, 2)
validity = st.sampled_from([True, True, True, False])


class Offers(Preparations):
    """A source that publishes and offers, and a file over it; one resource of both values."""

    def __init__(self) -> None:
        self.reset()
        super().__init__()

    def reset(self) -> None:
        """Nothing was offered."""
        self.open = 0
        """The offer that is not decided."""
        self.ready = False
        self.said = {repr(Content()).encode()}
        """All that the source has ever said."""
        self.count = 0

    def files(self, main: Content | None) -> dict[Path, Content | None]:
        """With the source."""
        self.reset()
        return {MAIN: main, SOURCE: Content()}

    def text(self, value: int, *, valid: bool = True) -> Content:
        """One that was never there before."""
        self.count += 1
        return Content(value, comment=self.count, valid=valid)

    # Each step

    def look(
        self, before: State, given: Input, holds: tuple[str, ...], after: State, effects: tuple[Effect, ...]
    ) -> None:
        """Law 14."""
        super().look(before, given, holds, after, effects)
        self.broken = True
        was_ready = before.offer if before.offer is not None and before.offer.candidate is not None else None
        is_commit = isinstance(given, Decide) and given.commit and was_ready and given.number == was_ready.number
        for effect in effects:
            match effect:
                case Judge(number, verdict):
                    self.judged(number, verdict, after)
                case Publish(candidate=good) | Refresh(candidate=good):
                    self.was_said(good)
        if is_commit and was_ready is not None:
            self.committed(before, was_ready.candidate, was_ready.prepared, holds, after, effects)
        elif was_ready is not None and any(isinstance(effect, Publish) for effect in effects):
            assert after.offer is None, "published while something else is on offer"
        own = isinstance(before.phase, Loading | Preparing) and before.phase.offer
        if type(given) is Offer or (own and isinstance(given, Loaded | Prepared)):
            endings = [effect.event for effect in effects if isinstance(effect, Emit)]
            assert not any(isinstance(each, ReloadFailed) for each in endings), "an offer was reported"
            assert not endings or before.pending is not None, "an offer was reported"
        self.broken = False

    def judged(self, number: int, verdict: str, after: State) -> None:
        """The source hears it once; and once more if what was ready was given up."""
        if isinstance(after.phase, Closed) and number != self.open:
            return
        assert number == self.open, "an answer to what was decided"
        assert self.ready == (verdict == "withdrawn"), "answered twice"
        self.ready = verdict == "ready"
        self.open = number if self.ready else 0
        assert (after.offer is not None) == self.ready

    def was_said(self, good: Valid[object]) -> None:
        """What is published of the source was published there."""
        said = {file.content for file in good.files if file.path == SOURCE}
        assert said <= self.said, "what was not committed was published"

    def committed(
        self,
        before: State,
        good: object,
        prepared: object,
        holds: tuple[str, ...],
        after: State,
        effects: tuple[Effect, ...],
    ) -> None:
        """At once, with what was prepared; or it is pending."""
        assert after.offer is None
        assert isinstance(good, Valid)
        if good.unchanged is not None:
            assert any(isinstance(each, Refresh) and each.candidate is good for each in effects)
        elif holds:
            assert after.pending is not None
            assert after.pending.candidate is good
            assert after.pending.prepared is prepared
            assert any(isinstance(each, Emit) and isinstance(each.event, ReloadDeferred) for each in effects)
        else:
            (published,) = [each for each in effects if isinstance(each, Publish)]
            assert published.candidate is good
            assert published.prepared is prepared
            assert after.pending is None, "what was pending is out of date"
            outdated = before.pending is not None and before.offer is not None and before.offer.load != before.loads
            assert not outdated or not isinstance(after.phase, Idle), "law 4: what was deferred was forgotten"

    # What happens

    @rule(value=values, valid=validity)
    def publish(self, value: int, valid: bool) -> None:
        content = self.text(value, valid=valid)
        self.said.add(repr(content).encode())
        self.world.publish(SOURCE, content)

    @rule(value=values, valid=validity)
    def offer(self, value: int, valid: bool = True) -> None:
        self.open, self.ready = len(self.world.offers) + 1, False
        self.world.offer(SOURCE, self.text(value, valid=valid))

    @precondition(lambda self: self.open)
    @rule()
    def commit(self) -> None:
        number, self.open, self.ready = self.open, 0, False
        self.said.add(repr(self.world.offers[number][SOURCE]).encode())
        self.world.commit(number)

    @precondition(lambda self: self.open)
    @rule()
    def withdraw(self) -> None:
        number, self.open, self.ready = self.open, 0, False
        self.world.withdraw(number)

    @rule(number=st.integers(1, 3), commit=st.booleans())
    def stray(self, number: int, commit: bool) -> None:
        """A decision on what is no offer any more."""
        if number != self.open:
            self.world.driver.give(Decide(self.world.now, number, commit=commit))

    @precondition(lambda self: self.world.published is not None)
    @rule(
        value=values,
        mood=moods,
        pace=st.sampled_from([0, 100, 2500]),
        early=st.lists(st.sampled_from([*MEANWHILE]), max_size=2),
        after=st.sampled_from([0, 150, 3_500]),
        late=st.lists(st.sampled_from([*MEANWHILE]), max_size=2),
        pause=pauses,
        commit=st.booleans(),
    )
    def offer_and_decide(
        self,
        value: int,
        mood: Mood,
        pace: int,
        early: list[str],
        after: int,
        late: list[str],
        pause: int,
        commit: bool,
    ) -> None:
        """This and that happens while it is prepared, and while it is ready."""
        self.change_mood(mood, pace)
        self.offer(value)
        for what in early:
            MEANWHILE[what](self, Content(value))
            self.check()
        self.world.run(after)
        for what in late:
            MEANWHILE[what](self, Content((value + 1) % 3))
            self.check()
        self.world.run(pause)
        if self.open:
            self.commit() if commit else self.withdraw()
        self.check()

    # The laws that span steps

    @invariant()
    def an_offer_is_under_way(self) -> None:
        """Once nothing else is, and something was loaded."""
        state = self.world.state
        if state.offer is not None and state.offer.candidate is None and isinstance(state.phase, Idle):
            assert not state.loads, "law 14: an offer was forgotten"
        assert bool(state.offer) == bool(self.open) or isinstance(state.phase, Closed)

    def teardown(self) -> None:
        """An offer is answered before long, when factories work; decided, it leaves nothing behind."""
        if self.broken:
            return
        self.world.preparer.mood, self.world.preparer.pace = "well", 0
        self.release_all()
        self.world.run(LIMIT_MS)
        state = self.world.state
        if self.open and state.loads and not isinstance(state.phase, Closed):
            assert self.ready, "law 14: never answered"
            self.commit() if self.open % 2 else self.withdraw()
            self.check()
        elif self.open:
            self.withdraw()
        super().teardown()


Offers.TestCase.settings = settings(Preparations.TestCase.settings, max_examples=examples(600, 30))
TestOffers = Offers.TestCase

ACTS = [(first, then, commit) for first in MEANWHILE for then in MEANWHILE for commit in (True, False)]


@pytest.mark.parametrize("mood", ["well", "refuses", "hangs"])
@pytest.mark.parametrize("after", [0, 3_500], ids=["while it is prepared", "before and after"])
def test_every_two_things_during_an_offer(mood, after):
    """Whatever happens from an offer to its decision; thinned, but for the torture."""
    dice = random.Random(f"{mood} {after}")
    for first, then, commit in ACTS if FULL else dice.sample(ACTS, 40):
        offers = Offers()
        offers.begin(Content(), 100, native=True, eager=False, started=True, kept=None)
        offers.world.run(400)
        early, late = ([first, then], []) if not after else ([first], [then])
        try:
            offers.offer_and_decide(1, mood, 400, early, after, late, dice.choice([10, 350, 1_500]), commit)
            offers.teardown()
        except AssertionError as error:
            story = offers.world.driver.recorder.story
            raise AssertionError(f"{first}, {then}, {commit}: {error}: {story}") from error


def test_the_world_is_in_order():
    """Offers do become ready there."""
    offers = Offers()
    offers.begin(Content(), 100, native=True, eager=False, started=True, kept=None)
    offers.world.run(400)
    offers.offer(1)
    offers.world.run(10 * MILLISECOND)
    assert offers.ready
    offers.commit()
    assert offers.world.published.config.values == (0, 1)
