"""The machine in a simulated world, judged by its laws at every step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doubles import Content, Pace, World
from doubles.contents import SOURCE, candidate, recalled
from engine.oracle import Oracle
from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.machine import deadline
from hotconf.engine.protocol import Closed, Due, Idle, Loaded, Verifying
from hotconf.events import ReloadDeferred, ReloadFailed
from torture.extent import examples

pytestmark = pytest.mark.timeout(900)
"""It does much, and the machine may be slow."""

MAIN, FRAGMENT = Path("/etc/app/config.toml"), Path("/etc/app/more.toml")
DROP_INS = (Path("/etc/app/conf.d/a.toml"), Path("/etc/app/conf.d/b.toml"))
WINDOWS_MS = (0, 100, 300, 2000)
MODES: tuple[Literal["settle", "eager"], ...] = ("settle", "eager")
LONG_ENOUGH_MS = 60_000
"""Twice the longest ceiling, drawn out, by which files that are gone are waited for."""

files = st.sampled_from([MAIN, FRAGMENT, *DROP_INS])
contents = st.one_of(
    st.builds(
        Content,
        value=st.integers(0, 2),
        comment=st.integers(0, 1),
        cut=st.sampled_from([0, 0, 1, 2]),
        mode=st.sampled_from(MODES),
    ),
    st.builds(
        Content,
        value=st.integers(0, 2),
        valid=st.sampled_from([True, True, False]),
        enabled=st.sampled_from([True, True, True, False]),
        debounce_ms=st.sampled_from(WINDOWS_MS),
        mode=st.sampled_from(MODES),
    ),
)
durations = st.sampled_from([0, 1, 5, 40, 400, 1500]).map(lambda ms: ms * MILLISECOND)
pauses = st.sampled_from([0, 1, 3, 4, 5, 20, 99, 100, 101, 300, 600, 1000, 2000, 5000])
reasons = st.sampled_from(["gate", "agent"])


class Laws(RuleBasedStateMachine):
    """Anything may happen to the files at any time; the oracle looks at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.begin(Content(), 300, native=True, eager=False, lag=0, timer_first=True, started=False)

    @initialize(
        main=st.none() | contents,
        window_ms=st.sampled_from(WINDOWS_MS),
        native=st.sampled_from([True, True, False]),
        eager=st.booleans(),
        lag=st.sampled_from([0, 0, 2 * MILLISECOND]),
        timer_first=st.booleans(),
        started=st.sampled_from([True, True, False]),
        kept=st.none() | contents.filter(lambda content: content.valid),
    )
    def begin(
        self,
        main: Content | None,
        window_ms: int,
        native: bool,
        eager: bool,
        lag: int,
        timer_first: bool,
        started: bool,
        kept: Content | None = None,
    ) -> None:
        self.kept = kept
        at_rest = (MAIN, FRAGMENT, *DROP_INS, SOURCE)
        self.world_at_rest: dict[Path, Content | None] = dict.fromkeys(at_rest, Content())
        self.oracle = Oracle(window_ms * MILLISECOND, native=native, eager=eager, lag=lag)
        self.world = World(
            {**self.world_at_rest, MAIN: main},
            window_ms=window_ms,
            native=native,
            eager=eager,
            lag=lag,
            timer_first=timer_first,
            witness=self.oracle,
            last_good=None if kept is None else recalled({**self.world_at_rest, MAIN: kept}),
        )
        if started:
            self.world.reload(silent=True)

    # Time

    @rule(ms=pauses)
    def wait(self, ms: int) -> None:
        self.world.run(ms)

    @precondition(lambda self: self.world.driver.due is not None or self.world.driver.clock.next is not None)
    @rule(short_of=st.sampled_from([0, 0, 1]))
    def wait_for_what_comes(self, short_of: int) -> None:
        """Go to the very edge of what will happen next."""
        coming = [at for at in (self.world.driver.due, self.world.driver.clock.next) if at is not None]
        self.world.driver.run(max(self.world.now, min(coming) - short_of))

    @rule(queue=durations, read=durations, think=durations)
    def change_pace(self, queue: int, read: int, think: int) -> None:
        self.world.loader.pace = Pace(queue, read, think)

    @rule(delay=st.sampled_from([0, 0, 1, 30]))
    def change_delay(self, delay: int) -> None:
        self.world.observer.delay = delay * MILLISECOND

    @rule(number=st.integers(0, 3), content=contents)
    def stray(self, number: int, content: Content) -> None:
        """A timer too early, and what was loaded long ago."""
        self.world.driver.give(Due(self.world.now))
        if self.oracle.load is None or self.oracle.load.number != number:
            found = candidate({MAIN: content})
            self.world.driver.give(Loaded(self.world.now, number, found, cost_ns=0))

    # Files

    @rule(path=files, content=st.none() | contents)
    def save(self, path: Path, content: Content | None) -> None:
        self.world.save(path, content=content)

    @rule(away=pauses, path=st.sampled_from(DROP_INS), content=st.none() | contents, pause=pauses)
    def replace_drop_ins(self, away: int, path: Path, content: Content | None, pause: int) -> None:
        """As stow, git and rsync do: all are removed, and come back, one after the other."""
        before = {drop_in: self.world.disk.contents[drop_in] for drop_in in DROP_INS}
        self.world.save(*DROP_INS, content=None)
        self.world.run(away)
        for drop_in, old in {**before, path: content}.items():
            self.world.save(drop_in, content=old)
            self.world.run(pause)

    @rule(
        path=st.sampled_from(DROP_INS), away=pauses, pause=st.sampled_from([30, 250, 900]), times=st.integers(1, 12)
    )
    def flap(self, path: Path, away: int, pause: int, times: int) -> None:
        """One drop-in goes for long, while another is saved again and again."""
        old = self.world.disk.contents[path]
        self.world.save(path, content=None)
        for _ in range(times):
            self.world.save(*(other for other in DROP_INS if other != path), content=Content(1))
            self.world.run(pause)
        self.world.run(away)
        self.world.save(path, content=old)

    @rule(content=st.none() | contents)
    def publish(self, content: Content | None) -> None:
        """A source that is no file says something else."""
        self.world.publish(SOURCE, content)

    @rule(content=contents, pause=st.sampled_from([0, 1, 30, 250]), times=st.sampled_from([2, 5, 20]))
    def publish_and_publish(self, content: Content, pause: int, times: int) -> None:
        for number in range(times):
            self.world.publish(SOURCE, replace(content, value=(content.value + number) % 3))
            self.world.run(pause)

    @rule(content=contents)
    def save_both(self, content: Content) -> None:
        self.world.save(MAIN, FRAGMENT, content=content)

    @precondition(lambda self: self.world.state.degraded)
    @rule()
    def undo(self) -> None:
        """Somebody takes back what made the start fail."""
        self.world.save(MAIN, content=self.kept)
        self.world.save(FRAGMENT, *DROP_INS, content=Content())
        self.world.publish(SOURCE, Content())

    @rule(path=files, content=contents)
    def write(self, path: Path, content: Content) -> None:
        self.world.write(path, content)

    @precondition(lambda self: self.world.disk.open)
    @rule()
    def finish(self) -> None:
        self.world.finish(min(self.world.disk.open))

    @rule(path=files, cut=st.integers(0, 2), ms=pauses, renamed=st.booleans())
    def shrink(self, path: Path, cut: int, ms: int, renamed: bool) -> None:
        """A file loses its end, or gets it back, by a writer that is done with it."""
        content = self.world.disk.contents[path]
        if content is None:
            return
        if renamed:
            self.world.save(path, content=replace(content, cut=cut))
        else:
            self.world.write(path, replace(content, cut=cut))
            self.world.finish(path)
        self.world.run(ms)

    @rule(
        path=files, content=contents, pause=st.sampled_from([1, 30, 90, 250]), times=st.sampled_from([2, 5, 20, 60])
    )
    def save_and_save(self, path: Path, content: Content, pause: int, times: int) -> None:
        """A writer that goes on and on."""
        for _ in range(times):
            self.world.save(path, content=content)
            self.world.run(pause)

    @rule(path=files)
    def deafen(self, path: Path) -> None:
        self.world.observer.deafen(path)

    @rule()
    def hear_again(self) -> None:
        self.world.observer.deaf.clear()

    @rule(everything=st.booleans())
    def report(self, everything: bool) -> None:
        self.world.report(everything=everything)
        self.oracle.native = everything

    # People

    @precondition(lambda self: len(self.world.driver.holds) < 3)
    @rule(reason=reasons)
    def hold(self, reason: str) -> None:
        self.world.hold(reason)

    @rule(reason=reasons)
    def release(self, reason: str) -> None:
        self.world.release(reason)

    @rule()
    def release_all(self) -> None:
        for reason in tuple(self.world.driver.holds):
            self.world.release(reason)

    @rule(ms=pauses, saved=st.lists(contents, min_size=1, max_size=2), undone=st.booleans(), asked=st.booleans())
    def save_while_busy(self, ms: int, saved: list[Content], undone: bool, asked: bool) -> None:
        """Something is busy for just as long as it takes; perhaps someone asks meanwhile, or all was a mistake."""
        before = self.world.disk.contents[MAIN]
        self.world.hold("commit")
        for content in [*saved, before] if undone else saved:
            self.world.save(MAIN, content=content)
            if asked:
                self.world.reload()
            self.world.run(ms)
        self.world.release("commit")

    @rule(force=st.booleans(), revalidate=st.sampled_from([False, False, True]))
    def reload(self, force: bool, revalidate: bool) -> None:
        self.world.reload(force=force, revalidate=revalidate)

    @precondition(lambda self: self.world.now > 5_000 * MILLISECOND)
    @rule(asked=st.booleans(), really=st.sampled_from([False, False, False, True]))
    def close(self, asked: bool, really: bool) -> None:
        if asked:
            self.world.reload()
        if really:
            self.world.close()

    # The laws that span steps

    @invariant()
    def published_is_what_the_oracle_says(self) -> None:
        """Law 1, law 3 and law 7: readers see what was committed, and nothing else."""
        assert self.world.generation == self.world.state.generation == self.oracle.generation
        if self.oracle.published:
            assert self.world.published is not None
            assert self.world.published.config is self.oracle.published.config

    @invariant()
    def the_machine_waits_for_something(self) -> None:
        """Law 4: an open round has a deadline or a load under way."""
        if not isinstance(self.world.state.phase, Idle | Closed):
            waits = self.oracle.load or isinstance(self.world.state.phase, Verifying)
            assert waits or deadline(self.world.state) is not None

    def teardown(self) -> None:
        """Law 4: when nothing changes any more and nothing is busy, the last outcome is that of the last content."""
        if not self.oracle.content:
            return  # the step that broke a law is what matters
        self._calm_down()
        assert not self.oracle.asked, "a reload was never answered"
        if self.oracle.closed:
            return
        if not self.world.state.enabled:
            self.world.reload()
            self.world.run(LONG_ENOUGH_MS)
        self._check_final()

    def _calm_down(self) -> None:
        for path in sorted(self.world.disk.open):
            self.world.finish(path)
        self.release_all()
        self.world.run(LONG_ENOUGH_MS)

    def _check_final(self) -> None:
        assert isinstance(self.world.state.phase, Idle)
        assert self.world.state.pending is None
        found = candidate(self.world.disk.contents, self.world.published)
        last = self.oracle.endings[-1] if self.oracle.endings else None
        if isinstance(found, Valid):
            assert found.unchanged, "law 4: the last content is not published"
            assert not self.world.state.degraded, "law 3: degraded although the files are good"
            assert not isinstance(last, ReloadFailed | ReloadDeferred), "law 4: the last outcome is out of date"
        elif isinstance(found, Invalid):
            assert isinstance(last, ReloadFailed)
            assert last.problems == found.problems, "law 4: the last failure is out of date"


Laws.TestCase.settings = settings(
    max_examples=examples(400, 70),
    stateful_step_count=50,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLaws = Laws.TestCase
