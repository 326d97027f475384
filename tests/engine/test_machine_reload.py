"""`reload()` in every phase, and the load at start."""

from __future__ import annotations

import pytest

from doubles import Config, Content
from doubles.contents import recalled
from engine.timed import (
    CONFIG,
    KEPT,
    MORE,
    NEVER_LOADED,
    NEW,
    OTHER,
    POLLED,
    SAME,
    TORN,
    TURNS_OFF,
    WRONG,
    Case,
    hold,
    loaded,
    played,
    release,
    reload,
    touch,
    verified,
)
from hotconf.engine.candidate import Candidate
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.machine import MAX_ATTEMPTS as N
from hotconf.engine.machine import deadline
from hotconf.engine.protocol import Idle

CASES = [
    Case(
        "idle: loaded at once, committed when it is there",
        [(0, reload()), (5, loaded(1, NEW))],
        "0: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "to validate anew: the load says so, and is Unchanged where nothing differs",
        [(0, reload(revalidate=True)), (5, loaded(1, SAME)), (9, reload(2)), (12, loaded(2, SAME))],
        "0: Load 1 afresh anew; 5: Refresh, ReloadUnchanged, Answer 1: ReloadUnchanged; "
        "9: Load 2 afresh; 12: Refresh, ReloadUnchanged, Answer 2: ReloadUnchanged",
    ),
    Case(
        "what failed when it was validated anew is not good because its sources are the same",
        [(0, reload(revalidate=True)), (5, loaded(1, WRONG)), (100, touch()), (110, loaded(2, SAME))],
        "0: Load 1 afresh anew; 5: ReloadFailed syntax, Answer 1: ReloadFailed syntax; "
        "100: Changed config.toml; 100 + P: Load 2 anew; 400: Refresh, ReloadUnchanged",
    ),
    Case(
        "a load that began before someone asked does not count as validated anew",
        [(0, reload()), (1, reload(2, revalidate=True)), (5, loaded(1, NEW)), (9, loaded(2, SAME))],
        "0: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Load 2 afresh anew; "
        "9: Refresh, ReloadUnchanged, Answer 2: ReloadUnchanged",
    ),
    Case(
        "a deferred result of a new validation is not dropped because the sources are the same",
        [
            (0, hold()),
            (1, reload(revalidate=True)),
            (5, loaded(1, NEW)),
            (6, touch()),
            (20, loaded(2, NEW)),
            (400, release()),
        ],
        "1: Load 1 afresh anew; 5: ReloadDeferred gate, Answer 1: ReloadDeferred gate; "
        "6: Changed config.toml; 6 + P: Load 2 anew; 306: ReloadDeferred gate; 400: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a failure is emitted and answered",
        [(0, reload()), (5, loaded(1, WRONG))],
        "0: Load 1 afresh; 5: ReloadFailed syntax, Answer 1: ReloadFailed syntax",
    ),
    Case(
        "settling: the open round is absorbed",
        [(0, touch()), (2, reload()), (9, loaded(1, NEW))],
        "0: Changed config.toml; 2: Load 1 afresh; 9: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "speculating: a read that began before the call is not used",
        [(0, touch()), (9, reload()), (10, loaded(1, NEW)), (20, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 10: Load 2 afresh; "
        "20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "ready: a candidate that was read before the call is not used",
        [(0, touch()), (10, loaded(1, NEW)), (100, reload()), (110, loaded(2, SAME))],
        "0: Changed config.toml; P: Load 1; 100: Load 2 afresh; "
        "110: Refresh, ReloadUnchanged, Answer 1: ReloadUnchanged",
    ),
    Case(
        "loading: the deciding load began before the call",
        [(0, touch()), (310, reload()), (400, loaded(1, NEW)), (410, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 400: Load 2 afresh; "
        "410: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "what changes during its read is reported for the open round",
        [
            (0, touch()),
            (9, reload()),
            (10, loaded(1, NEW)),
            (12, loaded(2, TORN._replace(sources=(MORE,)))),
            (20, loaded(3, OTHER)),
        ],
        "0: Changed config.toml; P: Load 1; 10: Load 2 afresh; 12: Changed more.toml, Load 3 afresh; "
        "20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "loading at the ceiling: what was touched before the read of the reload is absorbed, too",
        [
            (0, touch(writing=True)),
            ("C + 5", touch(MORE)),
            ("C + 6", reload()),
            ("C + 10", loaded(1, NEW)),
            ("C + 20", loaded(2, OTHER)),
        ],
        "0: Changed config.toml; C: Load 1; C + 10: Changed more.toml, Load 2 afresh; "
        "C + 20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "verifying: what was about to be committed is read again, and verifying does not matter any more",
        [(0, touch()), (10, loaded(1, NEW)), (301, reload()), (302, verified()), (310, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 300: Verify; 301: Load 2 afresh; "
        "310: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
        POLLED,
    ),
    Case(
        "those who ask during a load share the next one",
        [(0, reload(1)), (1, reload(2)), (2, reload(3)), (5, loaded(1, NEW)), (9, loaded(2, SAME))],
        "0: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Load 2 afresh; "
        "9: Refresh, ReloadUnchanged, Answer 2,3: ReloadUnchanged",
    ),
    Case(
        "a touch during the load: loaded again, for those who asked meanwhile, too",
        [(0, reload(1)), (1, reload(2)), (2, touch()), (5, loaded(1, NEW)), (9, loaded(2, OTHER))],
        "0: Load 1 afresh; 2: Changed config.toml; 5: Load 2 afresh; "
        "9: Publish 2, ReloadSuccess 2, Answer 1,2: ReloadSuccess 2",
    ),
    Case(
        "a touch during each load: the last one allowed decides, and the last touch opens a round",
        [
            (0, reload()),
            *((2 * n - 1, touch()) for n in range(1, N + 1)),
            *((2 * n, loaded(n, NEW)) for n in range(1, N)),
            (2 * N, loaded(N, OTHER)),
            (50, loaded(N + 1, SAME)),
        ],
        "0: Load 1 afresh; 1: Changed config.toml; "
        f"{'; '.join(f'{2 * n}: Load {n + 1} afresh' for n in range(1, N))}; "
        f"{2 * N}: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Changed config.toml; "
        f"{2 * N} + max(P - 1, R): Load {N + 1}; {2 * N + 299}: Refresh, ReloadUnchanged",
    ),
    Case(
        "unstable reads, and then a touch: as many loads all the same",
        [
            (0, reload()),
            *((n, loaded(n, TORN)) for n in range(1, N)),
            (N, touch()),
            (N + 1, loaded(N, OTHER)),
            (50, loaded(N + 1, SAME)),
        ],
        f"0: Load 1 afresh; {'; '.join(f'{n}: Load {n + 1} afresh' for n in range(1, N))}; "
        f"{N + 1}: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2, Changed config.toml; "
        f"{N + 1} + max(P - 1, R): Load {N + 1}; {N + 300}: Refresh, ReloadUnchanged",
    ),
    Case(
        "unstable reads are a failure",
        [(0, reload()), *((n, loaded(n, TORN)) for n in range(1, N + 1)), (50, loaded(N + 1, SAME))],
        f"0: Load 1 afresh; {'; '.join(f'{n}: Load {n + 1} afresh' for n in range(1, N))}; "
        f"{N}: ReloadFailed unstable, Answer 1: ReloadFailed unstable, Changed config.toml; "
        f"{N} + max(P, R): Load {N + 1}; {N + 300}: Refresh, ReloadUnchanged",
    ),
    Case(
        "busy: deferred and answered at once, committed at the release",
        [(0, hold()), (1, reload()), (5, loaded(1, NEW)), (9, release())],
        "1: Load 1 afresh; 5: ReloadDeferred gate, Answer 1: ReloadDeferred gate; 9: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "busy, by force: committed",
        [(0, hold()), (1, reload(force=True)), (5, loaded(1, NEW)), (9, release())],
        "1: Load 1 afresh; 5: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "busy: one who forces is enough for all who wait for the same read",
        [
            (0, hold()),
            (1, touch()),
            (9, reload(1)),
            (9, reload(2, force=True)),
            (10, loaded(1, NEW)),
            (12, loaded(2, NEW)),
        ],
        "1: Changed config.toml; 1 + P: Load 1; 10: Load 2 afresh; "
        "12: Publish 2, ReloadSuccess 2, Answer 1,2: ReloadSuccess 2",
    ),
    Case(
        "by force, what was pending is superseded",
        [
            (0, hold()),
            (1, reload(1)),
            (5, loaded(1, NEW)),
            (6, reload(2, force=True)),
            (9, loaded(2, OTHER)),
            (20, release()),
        ],
        "1: Load 1 afresh; 5: ReloadDeferred gate, Answer 1: ReloadDeferred gate; 6: Load 2 afresh; "
        "9: Publish 2, ReloadSuccess 2, Answer 2: ReloadSuccess 2",
    ),
    Case(
        "the load at start is answered, not emitted",
        [(0, reload(silent=True)), (5, loaded(1, NEW))],
        "0: Load 1 afresh; 5: Publish 1, Answer 1: ReloadSuccess 1",
        NEVER_LOADED,
    ),
    Case(
        "the load at start that fails is emitted; the first good save is generation 1",
        [(0, reload(silent=True)), (5, loaded(1, WRONG)), (100, touch()), (110, loaded(2, NEW))],
        "0: Load 1 afresh; 5: ReloadFailed syntax, Answer 1: ReloadFailed syntax; "
        "100: Changed config.toml; 100 + P: Load 2; 400: Publish 1, ReloadSuccess 1",
        NEVER_LOADED,
    ),
    Case(
        "the load at start that fails comes up on the last good state, which readers have before that is emitted",
        [(0, reload(silent=True)), (5, loaded(1, WRONG, last_good=KEPT)), (100, touch()), (110, loaded(2, NEW))],
        "0: Load 1 afresh; 5: Publish 1 recalled, ReloadFailed syntax, Answer 1: ReloadFailed syntax; "
        "100: Changed config.toml; 100 + P: Load 2; 400: Publish 2, ReloadSuccess 2",
        NEVER_LOADED,
    ),
    Case(
        "what is busy at start is no reason to be without a configuration",
        [(0, hold()), (1, reload(force=True, silent=True)), (5, loaded(1, WRONG, last_good=KEPT)), (9, release())],
        "1: Load 1 afresh; 5: Publish 1 recalled, ReloadFailed syntax, Answer 1: ReloadFailed syntax",
        NEVER_LOADED,
    ),
    Case(
        "unstable reads at start are a failure like any",
        [
            (0, reload(silent=True)),
            *((n, loaded(n, TORN, last_good=KEPT)) for n in range(1, N + 1)),
            (50, loaded(N + 1, SAME)),
        ],
        f"0: Load 1 afresh; {'; '.join(f'{n}: Load {n + 1} afresh' for n in range(1, N))}; "
        f"{N}: Publish 1 recalled, ReloadFailed unstable, Answer 1: ReloadFailed unstable, Changed config.toml; "
        f"{N} + max(P, R): Load {N + 1}; {N + 300}: Refresh, ReloadUnchanged",
        NEVER_LOADED,
    ),
    Case(
        "a reload that fails does not fall back, even if nothing is published",
        [(0, reload()), (5, loaded(1, WRONG, last_good=KEPT))],
        "0: Load 1 afresh; 5: ReloadFailed syntax, Answer 1: ReloadFailed syntax",
        NEVER_LOADED,
    ),
    Case(
        "a start that succeeds does not fall back",
        [(0, reload(silent=True)), (5, loaded(1, NEW, last_good=KEPT))],
        "0: Load 1 afresh; 5: Publish 1, Answer 1: ReloadSuccess 1",
        NEVER_LOADED,
    ),
    Case(
        "a change that was reported during the load at start has its ending emitted, too",
        [(0, reload(silent=True)), (2, touch()), (5, loaded(1, NEW)), (9, loaded(2, NEW))],
        "0: Load 1 afresh; 2: Changed config.toml; 5: Load 2 afresh; "
        "9: Publish 1, ReloadSuccess 1, Answer 1: ReloadSuccess 1",
        NEVER_LOADED,
    ),
    Case(
        "a load at start that someone else waits for, too, is emitted",
        [(0, touch()), (8, reload(1, silent=True)), (9, reload(2)), (10, loaded(1, NEW)), (12, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 10: Load 2 afresh; "
        "12: Publish 1, ReloadSuccess 1, Answer 1,2: ReloadSuccess 1",
        NEVER_LOADED,
    ),
    Case(
        "so is one that someone else came to wait for, without any change",
        [(0, reload(1, silent=True)), (1, reload(2)), (2, loaded(1, TORN)), (9, loaded(2, NEW))],
        "0: Load 1 afresh; 2: Load 2 afresh; 9: Publish 1, ReloadSuccess 1, Answer 1,2: ReloadSuccess 1",
        NEVER_LOADED,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """What is given at these instants has these effects at those, and the protocol comes to rest."""
    driver = played(case.state, case.given)
    assert driver.recorder.story == case.story
    assert isinstance(driver.state.phase, Idle)
    assert deadline(driver.state) is None


@pytest.mark.parametrize(("found", "degraded"), [(NEW, False), (SAME, False), (WRONG, True)])
def test_degraded(found: Candidate[Config], degraded: bool) -> None:
    """A machine that fell back at start is degraded until a load succeeds or finds the same once more."""
    start = (0, reload(silent=True)), (5, loaded(1, WRONG, last_good=KEPT))
    assert played(NEVER_LOADED, start).state.degraded
    assert played(NEVER_LOADED, [*start, (100, reload()), (105, loaded(2, found))]).state.degraded is degraded


def test_deferred_while_degraded() -> None:
    """What mends a degraded machine but is put off leaves it degraded until it is committed."""
    start = (0, reload(silent=True)), (5, loaded(1, WRONG, last_good=KEPT))
    busy = (50, hold()), (100, reload()), (105, loaded(2, NEW))
    assert played(NEVER_LOADED, [*start, *busy]).state.degraded
    assert not played(NEVER_LOADED, [*start, *busy, (200, release())]).state.degraded


def test_the_last_good_state_says_how_to_watch() -> None:
    """Its window and its mode hold until the files are good."""
    kept = recalled({CONFIG: Content(1, debounce_ms=1000, mode="eager")})
    state = played(NEVER_LOADED, [(0, reload(silent=True)), (5, loaded(1, WRONG, last_good=kept))]).state
    assert (state.window_ns, state.eager) == (1000 * MILLISECOND, True)


def test_the_last_good_state_turned_hot_reload_off() -> None:
    """A degraded machine watches all the same, and takes the setting over when the files say it themselves."""
    unchanged = TURNS_OFF._replace(unchanged="the files are the same")
    start = (0, reload(silent=True)), (5, loaded(1, WRONG, last_good=KEPT))
    assert played(NEVER_LOADED, start).state.enabled
    driver = played(NEVER_LOADED, [*start, (100, touch()), (105, loaded(2, unchanged))])
    assert not driver.state.enabled
    assert driver.recorder.story.endswith("400: Refresh, ReloadUnchanged, Watching off")


def test_a_deferral_where_changes_are_polled() -> None:
    """It is verified at the release, even if every change is reported by then."""
    pending = played(POLLED, [(0, hold()), (1, reload()), (5, loaded(1, NEW))]).state.pending
    assert pending
    assert pending.polled
