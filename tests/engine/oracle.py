"""A naive oracle: judges each step of the machine by its laws, from the history of inputs and effects alone.

Of the machine's state it knows only the phase, and which parts there are in which phase.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field

from doubles import Config
from doubles.contents import group, source_id
from hotconf.engine.candidate import Candidate, Invalid, SourceId, Unstable, Valid
from hotconf.engine.debounce import MILLISECOND, MOST_CEILINGS, Touched, ceiling_ns
from hotconf.engine.machine import REST, TABLE
from hotconf.engine.protocol import (
    Answer,
    Changed,
    Close,
    Closed,
    Due,
    Effect,
    Emit,
    Idle,
    Input,
    Load,
    Loaded,
    Loading,
    Phase,
    Publish,
    Refresh,
    Release,
    Reload,
    State,
    Verify,
    Verifying,
    Watching,
)
from hotconf.engine.turn import MAX_ATTEMPTS
from hotconf.events import Ending, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged

MOST_STEPS_AT_ONCE = 500


def latest(touches: list[Touched], window_ns: int, bereft: Collection[Hashable] = ()) -> int:
    """The ceiling of a burst, from the whole list of its touches; `bereft`: directories that lacked files."""
    first, ceiling = touches[0].now, ceiling_ns(window_ns)
    stirs = [touch.now for touch in touches if any(group(source) in bereft for source in touch.sources)]
    return min(max([first, *stirs]) + ceiling, first + (MOST_CEILINGS if bereft else 1) * ceiling)


def settles_at(
    touches: list[Touched],
    window_ns: int,
    found: Candidate[Config] | None = None,
    bereft: Collection[Hashable] = (),
) -> int:
    """When a burst has settled, from the whole list of its touches, and what was read since the last of them."""
    ceiling = latest(touches, window_ns, bereft)
    if touches[-1].writing or _gone(found):
        return ceiling
    windows = 2 if isinstance(found, Valid | Invalid) and set(found.shrank) - touches[-1].renamed else 1
    return min(max(touch.now for touch in touches) + windows * window_ns, ceiling)


def _gone(found: Candidate[Config] | None) -> bool:
    return isinstance(found, Valid | Invalid) and bool(found.gone)


@dataclass
class Burst:
    """The touches of a round."""

    window_ns: int
    sure: bool = True
    touches: list[Touched] = field(default_factory=list)
    named: list[SourceId] = field(default_factory=list)
    suspects: set[SourceId] = field(default_factory=set)
    """Files that changed during a read: they may be named without having been touched."""
    bereft: set[Hashable] = field(default_factory=set)
    """Directories with files found gone."""
    spent: int = 0
    """Loads that were under way at the ceiling or began after it."""
    on_the_edge: int = 0
    """Loads that came back at the very ceiling: they may count or not."""

    def add(self, touch: Touched, *, native: bool) -> None:
        self.sure = self.sure and not touch.polled and (native or bool(self.touches))
        self.touches.append(touch)

    def past_ceiling(self, now: int) -> bool:
        return bool(self.touches) and now >= latest(self.touches, self.window_ns, self.bereft)

    @property
    def complete(self) -> bool:
        """Whether all that changed came by acts that are over."""
        changed = {source for touch in self.touches for source in touch.sources}
        return bool(self.touches) and not self.touches[-1].writing and changed <= self.touches[-1].complete

    @property
    def fileless(self) -> bool:
        """Whether no file changed, but a source that is none."""
        return bool(self.touches) and not any(touch.sources for touch in self.touches)

    def settled(self, now: int, found: Candidate[Config] | None) -> bool:
        return bool(self.touches) and now >= settles_at(self.touches, self.window_ns, found, self.bereft)


@dataclass
class Read:
    """A load, and what came after it began."""

    number: int
    began: int
    callers: set[int]
    """The reloads that were asked for before it began and not answered yet."""
    attempt: int
    """How many loads there were since then; 0 if a window decides when to load."""
    final: bool
    """A stable read suffices."""
    candidate: Candidate[Config] | None = None
    """None while it is under way."""
    late: list[Touched] = field(default_factory=list)
    """Touches since it began."""
    sure: bool = True


class Oracle:
    """A witness of every step. What breaks a law raises AssertionError."""

    def __init__(self, window_ns: int, *, native: bool = True, eager: bool = False, lag: int = 0) -> None:
        self.native = native
        self.eager = eager
        self.settle_until = 0
        """A window after the last eager ending."""
        self.lag = lag
        self.enabled = True
        self.closed = False
        self.generation = 0
        self.degraded = False
        self.published: Valid[Config] | None = None
        self.burst = Burst(window_ns)
        self.load: Read | None = None
        """Under way."""
        self.read: Read | None = None
        """The last load since the last ending, under way or done."""
        self.pending: Read | None = None
        self.holds: tuple[str, ...] = ()
        """The holds given to this step."""
        self.asked: dict[int, Reload] = {}
        self.doubtful = False
        """Someone asked to validate anew, and no load that began since has succeeded."""
        self.endings: list[Ending] = []
        self.content = True
        """No law is broken yet."""
        self._loads_since_touch = 0
        self._rest_until = 0
        self._must_end = False
        """What was loaded is to be committed in this very step."""
        self._phase: Phase = Idle()
        """Before the step."""
        self._now = 0
        self._steps = 0

    def __call__(
        self, before: State, given: Input, holds: tuple[str, ...], after: State, effects: tuple[Effect, ...]
    ) -> None:
        self.content = False
        self.holds = holds
        self._phase = before.phase
        self._pass_time(before, given.now)
        _obeys_table(before, given, after, effects)
        self._take(given)
        for effect in effects:
            self._see(given, effect, effects)
        self._rest(after)
        self.content = True

    # Between two steps

    def _pass_time(self, before: State, now: int) -> None:
        assert now >= self._now, "time does not go back"
        self._steps = self._steps + 1 if now == self._now else 0
        assert self._steps < MOST_STEPS_AT_ONCE, "the machine makes no progress"
        found = self.read.candidate if self.read and not self.read.late else None
        if now > self._now and self.burst.settled(now - self.lag - 1, found):
            assert self.load or isinstance(before.phase, Verifying), (
                "law 5: the burst has settled, but nothing is being loaded"
            )
        if now > self._now and self._is_eager and (self.read is None or self.read.late):
            begins = max(*(touch.now for touch in self.burst.touches), self._rest_until, 0)
            waits = now - self.lag - 1 < begins
            assert waits or self.load or isinstance(before.phase, Verifying), (
                "law 5: a finished act is loaded at once"
            )
        self._now = now

    def _rest(self, after: State) -> None:
        _is_well_formed(after)
        assert not self._must_end, "law 5: a finished act is committed at once"
        assert after.degraded == self.degraded, "law 3: degraded from a start that failed to the next good state"
        if self.closed:
            assert isinstance(after.phase, Closed)
            assert not self.asked, "law 9: nobody waits for what is closed"
            return
        late = len(self.load.late) if self.load and self.load.final else 0
        early = self.burst.touches[: len(self.burst.touches) - late]
        assert {source for touch in early for source in touch.sources} <= set(self.burst.named), (
            "a change is reported at once"
        )
        assert self.load or not self.asked, "someone waits for a reload, but nothing is being loaded"
        if isinstance(after.phase, Idle):
            assert not self.burst.touches, "law 4: a touch was forgotten"
            assert self.holds or not self.pending, "law 6: what is pending is committed at the last release"

    # Inputs

    def _take(self, given: Input) -> None:
        if self.closed:
            if isinstance(given, Reload):
                self.asked[given.caller] = given
            return
        match given:
            case Touched():
                self._touched(given)
            case Loaded():
                self._loaded(given)
            case Release() if not self.enabled:
                self._loads_since_touch = 0
            case Reload(caller=caller):
                self.asked[caller] = given
                self._loads_since_touch = 0
            case Close():
                self.closed = True
                self.burst = Burst(0)

    def _touched(self, touch: Touched) -> None:
        self._loads_since_touch = 0
        if self.read:
            self.read.late.append(touch)
        if self.pending:
            self.pending.late.append(touch)
        if self.enabled:
            self.burst.add(touch, native=self.native)

    def _loaded(self, loaded: Loaded) -> None:
        read = self.load
        if read is None or read.number != loaded.number:
            return
        self.load = None
        read.candidate = loaded.candidate
        self._rest_until = loaded.now + REST * loaded.cost_ns
        self._must_end = not self.asked and self._ends_at_once(read)
        began_before = not self.burst.past_ceiling(read.began)
        if not read.callers and began_before and self.burst.past_ceiling(loaded.now - self.lag - 1):
            self._spend()
        elif not read.callers and began_before and self.burst.past_ceiling(loaded.now):
            self.burst.on_the_edge += 1
        self._find_gone(read, loaded)
        if isinstance(loaded.candidate, Unstable):
            self._loads_since_touch = 0
            self.burst.suspects.update(loaded.candidate.sources)
            if self.burst.touches and (read.callers or not self.asked):
                last = self.burst.touches[-1]
                touch = last._replace(now=loaded.now, sources=loaded.candidate.sources, polled=False)
                self.burst.add(touch, native=self.native)

    def _find_gone(self, read: Read, loaded: Loaded) -> None:
        """What is gone may come back: the round goes on, even after a load at its ceiling."""
        found = loaded.candidate
        useful = not read.late or read.final
        if isinstance(found, Unstable) or not (found.gone and self.burst.touches and useful) or self.asked:
            return
        earlier = self.burst.touches[: len(self.burst.touches) - len(read.late)]
        self.burst.bereft |= set(map(group, found.gone))
        if loaded.now < latest(earlier, self.burst.window_ns, self.burst.bereft):
            read.final, self.burst.spent, self.burst.on_the_edge = False, 0, 0

    @property
    def _is_eager(self) -> bool:
        """Whether this burst, as it is now, need not settle."""
        if self.burst.fileless:
            return self.enabled and self.burst.complete
        reported = self.native and self.enabled and self.burst.sure
        return self.eager and reported and self.burst.complete and self.burst.touches[0].now >= self.settle_until

    def _ends_at_once(self, read: Read) -> bool:
        found = read.candidate
        if read.late or not isinstance(found, Valid | Invalid) or not self._is_eager:
            return False
        differs = isinstance(found, Valid) and (self.published is None or found.config != self.published.config)
        return (
            (differs or self.burst.fileless)
            and not found.gone
            and not set(found.shrank) - self.burst.touches[-1].renamed
        )

    def _spend(self) -> None:
        self.burst.spent += 1
        assert self.burst.spent <= MAX_ATTEMPTS, "law 5: at most three loads past the ceiling"

    # Effects

    def _see(self, given: Input, effect: Effect, effects: tuple[Effect, ...]) -> None:
        if not isinstance(effect, Answer):
            assert not self.closed, "law 9: after Close nothing more is done"
        match effect:
            case Load(number, afresh, revalidate):
                doubts = [each for each in self.asked.values() if each.revalidate]
                self.doubtful = self.doubtful or bool(doubts)
                assert revalidate == self.doubtful, "law 7: validated anew if asked for, until that has succeeded"
                self._begin(given.now, number, afresh=afresh)
            case Verify():
                assert self.enabled
                assert self.burst.touches or not self.holds, "what is pending is left alone while something is busy"
                assert not (self.native and self._sure), "nothing is verified where every change is reported"
            case Changed(source):
                assert source not in self.burst.named, "law 8: a change is reported once per source and round"
                self.burst.named.append(source)
            case Emit(event):
                callers = [caller for effect in effects if isinstance(effect, Answer) for caller in effect.callers]
                self._end(given, event, callers, effects)
            case Answer():
                self._answer(given, effect, effects)
            case Watching(on):
                assert self.published is not None
                assert on is self.published.config.settings.enabled
            case _:
                assert any(isinstance(other, Emit | Answer) for other in effects), "nothing is published in silence"

    @property
    def _sure(self) -> bool:
        if self.burst.touches:
            return self.burst.sure
        return self.pending is None or self.pending.sure

    def _begin(self, now: int, number: int, *, afresh: bool) -> None:
        assert self.load is None, "one load at a time"
        assert afresh == (bool(self.asked) or not self.enabled), "what went unreported is read afresh"
        assert self.asked or self.enabled or not self.holds, "what is pending is left alone while something is busy"
        callers = set(self.asked)
        previous = self.read
        attempt = 0
        if callers or not self.burst.touches:
            same = previous and previous.attempt and bool(previous.callers) == bool(callers)
            attempt = previous.attempt + 1 if previous and same else 1
            assert attempt <= MAX_ATTEMPTS, "a reload costs at most three loads"
        elif self.burst.past_ceiling(now):
            self._spend()
        final = attempt == MAX_ATTEMPTS or self.burst.past_ceiling(now)
        self.load = self.read = Read(number, now, callers, attempt, final)
        self._loads_since_touch += 1
        assert self._loads_since_touch == 1, "nothing is loaded twice for nothing"

    def _answer(self, given: Input, answer: Answer, effects: tuple[Effect, ...]) -> None:
        if self.closed:
            assert answer.event is None
        else:
            assert answer.event is not None
            emitted = [effect.event for effect in effects if isinstance(effect, Emit)]
            if not any(answer.event is event for event in emitted):
                assert all(self.asked[caller].silent for caller in answer.callers), "only the load at start is silent"
                assert isinstance(answer.event, ReloadSuccess)
                assert not self.burst.named, "law 8: a reported round has an ending"
                self._end(given, answer.event, list(answer.callers), effects)
        for caller in answer.callers:
            del self.asked[caller]  # a KeyError: answered twice, or never asked

    # Endings

    def _end(self, given: Input, event: Ending, callers: list[int], effects: tuple[Effect, ...]) -> None:
        if self.read is None:
            self._commit_pending(given, event)
            read = self.pending
        else:
            self._decide(given, event, callers)
            read = self.read
        assert read is not None
        self._apply(given, event, callers, read, effects)

    def _commit_pending(self, given: Input, event: Ending) -> None:
        assert self.pending, "an ending without a cause"
        assert isinstance(event, ReloadSuccess)
        assert not self.holds, "law 6: nothing is committed while something is busy"
        assert not self.burst.touches, "law 6: an open round decides"
        assert not self.pending.late, "law 2: what is pending was touched since"
        if isinstance(given, Release):
            assert self.pending.sure and self.native and self.enabled, (
                "what may have changed unreported is verified before a commit"
            )

    def _decide(self, given: Input, event: Ending, callers: list[int]) -> None:
        read = self.read
        assert read, "an ending without a cause"
        assert read.candidate, "law 2: the files were not read to the end"
        assert not read.late or read.final, "law 2: touched since the read began"
        assert set(callers) <= read.callers, "a read that began before the call is not used"
        assert type(event) is self._expected(read, callers), f"law 6: {event} is not what follows"
        self._check_contents(event, read.candidate)
        kept = self.burst.touches[: len(self.burst.touches) - len(read.late)] if self.enabled else []
        if not read.callers and kept and (not read.final or _gone(read.candidate)):
            settled = given.now >= settles_at(kept, self.burst.window_ns, read.candidate, self.burst.bereft)
            assert settled or self._ends_at_once(read), "law 5: too early"
        if isinstance(given, Due):
            assert self.burst.sure and self.native, "what may have changed unreported is verified before a commit"
        touched = {source for touch in kept for source in touch.sources}
        assert touched - self.burst.suspects <= set(self.burst.named) <= touched | self.burst.suspects
        told = self.burst.named or self.burst.fileless
        assert read.callers or told or self.pending, "law 8: an outcome without a FileChanged"

    def _expected(self, read: Read, callers: list[int]) -> type[Ending]:
        candidate = read.candidate
        if isinstance(candidate, Unstable):
            assert read.final, "an unstable read is no ending before the ceiling"
            spent = self.burst.spent
            three = read.attempt == MAX_ATTEMPTS or spent <= MAX_ATTEMPTS <= spent + self.burst.on_the_edge
            assert three, "three unstable reads are one failure"
            return ReloadFailed
        if isinstance(candidate, Invalid):
            return ReloadFailed
        assert candidate is not None
        if self.published is not None and candidate.config == self.published.config:
            return ReloadUnchanged
        forced = any(self.asked[caller].force for caller in callers)
        return ReloadDeferred if self.holds and not forced else ReloadSuccess

    def _check_contents(self, event: Ending, candidate: Candidate[Config]) -> None:
        match event, candidate:
            case ReloadFailed(), Invalid():
                assert event.problems == candidate.problems
            case ReloadFailed(), _:
                assert event.kind == "unstable"
            case ReloadUnchanged(), Valid():
                assert (event.reason, event.warnings) == (candidate.unchanged, candidate.warnings)
            case ReloadDeferred(), _:
                assert event.reasons == self.holds, "what is busy, in the order in which it began"

    def _apply(
        self, given: Input, event: Ending, callers: list[int], read: Read, effects: tuple[Effect, ...]
    ) -> None:
        """What follows from an ending: what is published, what is pending, what is left for the next round."""
        self.endings.append(event)
        eagerly = any(isinstance(effect, Emit) and effect.eager for effect in effects)
        early = self._must_end and not self.burst.settled(given.now, read.candidate)
        assert eagerly == early, "law 5: only what ends before its window is eager"
        self._must_end = False
        self._check_publication(event, read.candidate, effects)
        fell_back = self._check_fall_back(given, event, callers, effects)
        was_degraded = self.degraded
        self.doubtful = self.doubtful and isinstance(event, ReloadFailed | ReloadDeferred)
        if not isinstance(event, ReloadDeferred):
            self.degraded = fell_back or (was_degraded and isinstance(event, ReloadFailed))
        self.pending = read if isinstance(event, ReloadDeferred) else None
        read.sure = self.native and self.burst.sure
        late = read.late if self.read else []
        if isinstance(read.candidate, Unstable) and not late:
            last = self.burst.touches[-1] if self.burst.touches else Touched(self._now, ())
            late = [last._replace(now=self._now, sources=read.candidate.sources, polled=False)]
        window_ns = self.burst.window_ns
        mended = was_degraded and isinstance(event, ReloadUnchanged)
        if self.published and (fell_back or mended or isinstance(event, ReloadSuccess)):
            # Whatever the last good state says, a start that failed goes on watching.
            self.enabled = fell_back or self.published.config.settings.enabled
            window_ns = self.published.config.settings.debounce_ms * MILLISECOND
            self.eager = self.published.config.settings.mode == "eager"
        if eagerly and not self.burst.fileless:
            self.settle_until = self._now + window_ns
        self.burst = Burst(window_ns)
        for touch in late if self.enabled else []:
            self.burst.add(touch, native=self.native)
        self.read = None

    def _check_publication(
        self, event: Ending, candidate: Candidate[Config] | None, effects: tuple[Effect, ...]
    ) -> None:
        published = [effect for effect in effects if isinstance(effect, Publish) and not effect.recalled]
        refreshed = [effect for effect in effects if isinstance(effect, Refresh)]
        assert len(published) == isinstance(event, ReloadSuccess), "law 3: only a success publishes"
        assert len(refreshed) == isinstance(event, ReloadUnchanged), "law 7: what is unchanged is taken over"
        goods = [effect.candidate for effect in published] + [effect.candidate for effect in refreshed]
        assert all(good is candidate for good in goods), "law 2: what is committed is what was read"
        for effect in published:
            self.generation += 1
            assert effect.generation == self.generation, "law 1"
            old = self.published.config if self.published else None
            assert effect.candidate.changes[0].old is old, "a candidate is compared with what is published"
            _keeps_its_files(self.published, effect.candidate)
            self.published = effect.candidate

    def _check_fall_back(self, given: Input, event: Ending, callers: list[int], effects: tuple[Effect, ...]) -> bool:
        """Whether a start that failed comes up on the last good state: if it can, it must, and nothing else may."""
        recalled = [effect for effect in effects if isinstance(effect, Publish) and effect.recalled]
        last_good = given.last_good if isinstance(given, Loaded) else None
        starts = any(self.asked[caller].silent for caller in callers)
        falls_back = isinstance(event, ReloadFailed) and starts and self.generation == 0 and last_good is not None
        assert len(recalled) == falls_back, "law 3: only a start that fails falls back"
        for effect in recalled:
            assert effect.candidate is last_good, "law 3: what is recalled is what was kept"
            assert effects.index(effect) == 0, "readers have a config before the failure is emitted"
            self.generation += 1
            assert effect.generation == self.generation, "law 1"
            self.published = effect.candidate
        return falls_back


def _keeps_its_files(before: Valid[Config] | None, good: Valid[Config]) -> None:
    """Law 11: what is published lacks no file in silence, and never the last one of a directory."""
    old = {file.path: file.content for file in before.files} if before else {}
    new = {file.path: file.content for file in good.files}
    fresh = {(path.parent, content) for path, content in new.items() if path not in old}
    gone = {path for path, content in old.items() if path not in new and (path.parent, content) not in fresh}
    assert set(good.gone) == set(map(source_id, gone)), "law 11: a file that is gone is known to be"
    assert {path.parent for path in gone} <= {path.parent for path in new}, "law 11: nothing replaces what is lost"


def _obeys_table(before: State, given: Input, after: State, effects: tuple[Effect, ...]) -> None:
    rule = TABLE.get((type(before.phase), type(given)))
    if rule is None:
        assert after is before, "an input that means nothing leaves the state as it is"
        assert not effects, "an input that means nothing has no effect"
    else:
        assert type(after.phase) in rule.leads_to, f"{before.phase} cannot lead to {after.phase} by {given}"


def _is_well_formed(state: State) -> None:
    """What the types of the phases do not say."""
    phase = state.phase
    if isinstance(phase, Verifying):
        assert phase.round or state.pending
    if isinstance(phase, Loading):
        assert phase.defers_touches or not phase.backlog
