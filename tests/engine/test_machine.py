"""A save and what becomes of it: the window, speculation, the ceiling, writers that keep the file open."""

from __future__ import annotations

import pytest

from doubles import Config
from engine.timed import (
    CONFIG,
    EMPTY,
    HALF,
    MORE,
    NEVER_LOADED,
    NEW,
    NO_WINDOW,
    OTHER,
    POLLED,
    QUIET,
    SAME,
    SLOWER,
    STEADY,
    TORN,
    WRONG,
    Case,
    Instant,
    Maker,
    loaded,
    ms,
    played,
    reload,
    touch,
    verified,
)
from hotconf.engine.candidate import Invalid, Valid
from hotconf.engine.debounce import MILLISECOND, Touched
from hotconf.engine.machine import MAX_ATTEMPTS, deadline, step
from hotconf.engine.protocol import Idle, Loading, Publish
from hotconf.events import ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Problem

SAVES = [
    Case(
        "success: reported at once, loaded in the pause, committed at the window's end",
        [(0, touch()), (10, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "failure: nothing is published",
        [(0, touch()), (10, loaded(1, WRONG))],
        "0: Changed config.toml; P: Load 1; 300: ReloadFailed syntax",
    ),
    Case(
        "saved, but nothing differs: taken over, not published",
        [(0, touch()), (10, loaded(1, SAME))],
        "0: Changed config.toml; P: Load 1; 300: Refresh, ReloadUnchanged",
    ),
    Case(
        "three events of one save are one reload",
        [(0, touch()), (50, touch()), (100, touch()), (102, loaded(1, NEW)), (120, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 102 + R: Load 2; 400: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "each file is reported once a round",
        [(0, touch(CONFIG)), (1, touch(MORE, CONFIG)), (2, touch(MORE)), (10, loaded(1, NEW))],
        "0: Changed config.toml; 1: Changed more.toml; 2 + P: Load 1; 302: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "named twice, reported once",
        [(0, touch(CONFIG, CONFIG)), (10, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "after a failure the next good content is committed",
        [(0, touch()), (10, loaded(1, WRONG)), (1000, touch()), (1010, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 300: ReloadFailed syntax; 1000: Changed config.toml; "
        "1000 + P: Load 2; 1300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "without a window it is loaded at once and committed when it is there",
        [(0, touch()), (7, loaded(1, NEW))],
        "0: Changed config.toml, Load 1; 7: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "without a window a touch during the load has it loaded again at once",
        [(0, touch()), (5, touch()), (7, loaded(1, NEW)), (14, loaded(2, OTHER))],
        "0: Changed config.toml, Load 1; 7: Load 2; 14: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "without a window it is loaded until nothing is touched meanwhile",
        [
            (0, touch()),
            *((10 * n - 5, touch()) for n in range(1, MAX_ATTEMPTS + 2)),
            *((10 * n, loaded(n, NEW)) for n in range(1, MAX_ATTEMPTS + 3)),
        ],
        "0: Changed config.toml, Load 1; "
        f"{'; '.join(f'{10 * n}: Load {n + 1}' for n in range(1, MAX_ATTEMPTS + 2))}; "
        f"{10 * MAX_ATTEMPTS + 20}: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "a new window counts from the next round on",
        [(0, touch()), (10, loaded(1, SLOWER)), (500, touch()), (510, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2; "
        "500: Changed config.toml; 500 + P: Load 2; 1500: Publish 3, ReloadSuccess 3",
    ),
]

SPECULATION = [
    Case(
        "a load that outlasts the window decides when it is back",
        [(0, touch()), (450, loaded(1, NEW))],
        "0: Changed config.toml; P: Load 1; 450: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a touch during the load: what it brings is not used",
        [(0, touch()), (8, touch()), (10, loaded(1, NEW)), (20, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 10 + R: Load 2; 308: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a touch when the candidate is ready: loaded again, the window begins anew",
        [(0, touch()), (10, loaded(1, NEW)), (299, touch()), (310, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 299 + P: Load 2; 599: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a touch while the deciding load runs: the window begins anew",
        [(0, touch()), (400, touch()), (450, loaded(1, NEW, 1)), (460, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 450 + R: Load 2; 700: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a touched load that outlasts the new window, too, is followed by another at once",
        [(0, touch()), (8, touch()), (450, loaded(1, NEW)), (460, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 450: Load 2; 460: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "after a load that took 20 ms the next speculative one waits for 80",
        [(0, touch()), (24, loaded(1, NEW, 20)), (30, touch()), (130, loaded(2, OTHER, 20))],
        "0: Changed config.toml; P: Load 1; 24 + 20 * R: Load 2; 330: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "after a dear load there is no speculation left before the window ends",
        [(0, touch()), (104, loaded(1, NEW, 150)), (150, touch()), (480, loaded(2, OTHER, 30))],
        "0: Changed config.toml; P: Load 1; 450: Load 2; 480: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what changed during the read is a touch",
        [(0, touch()), (10, loaded(1, TORN._replace(sources=(CONFIG, MORE)))), (20, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 10: Changed more.toml; 10 + max(P, R): Load 2; "
        "310: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an unstable read after the window, but before the ceiling: a window more",
        [(0, touch()), (400, loaded(1, TORN)), (410, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 400 + max(P, R): Load 2; 700: Publish 2, ReloadSuccess 2",
    ),
]


def steadily(*more: Instant) -> list[tuple[Instant, Maker]]:
    """A writer that never pauses for the window, and a first load so dear that there is no other speculative one."""
    return [(50, loaded(1, NEW, 1000)), *((at, touch()) for at in (*STEADY, *more))]


UNSTABLE = [(f"C + {10 * n}", loaded(n + 1, TORN)) for n in range(1, MAX_ATTEMPTS + 1)]
"""As many unstable reads as are a failure."""
LOADS = "; ".join(f"C + {10 * n}: Load {n + 2}" for n in range(1, MAX_ATTEMPTS))
FAILS = f"C + {10 * MAX_ATTEMPTS}"

CEILING = [
    Case(
        "a steady writer: loaded at the ceiling; what is touched meanwhile opens the next round",
        [*steadily("C + 100"), ("C + 150", loaded(2, OTHER)), ("C + 300", loaded(3, SAME))],
        "0: Changed config.toml; P: Load 1; C: Load 2; "
        "C + 150: Publish 2, ReloadSuccess 2, Changed config.toml; C + 150 + R: Load 3; "
        "C + 400: Refresh, ReloadUnchanged",
    ),
    Case(
        "a touch after the window's end, while the load of the ceiling runs, is reported when that is over",
        [*steadily(), ("C + 10", touch(MORE)), ("C + 20", loaded(2, WRONG)), ("C + 100", loaded(3, SAME))],
        "0: Changed config.toml; P: Load 1; C: Load 2; "
        "C + 20: ReloadFailed syntax, Changed more.toml; C + max(10 + P, 20 + R): Load 3; "
        "C + 310: Refresh, ReloadUnchanged",
    ),
    Case(
        "unstable reads past the ceiling are a failure, and what changed meanwhile opens the next round",
        [*steadily(), *UNSTABLE, (f"{FAILS} + 50", loaded(MAX_ATTEMPTS + 2, NEW))],
        f"0: Changed config.toml; P: Load 1; C: Load 2; {LOADS}; "
        f"{FAILS}: ReloadFailed unstable, Changed config.toml; {FAILS} + max(P, R): Load {MAX_ATTEMPTS + 2}; "
        f"{FAILS} + 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "what was touched during the last of them opens the next round, alone",
        [*steadily(), *UNSTABLE, (f"{FAILS} - 5", touch(MORE)), (f"{FAILS} + 50", loaded(MAX_ATTEMPTS + 2, NEW))],
        f"0: Changed config.toml; P: Load 1; C: Load 2; {LOADS}; "
        f"{FAILS}: ReloadFailed unstable, Changed more.toml; {FAILS} + max(P - 5, R): Load {MAX_ATTEMPTS + 2}; "
        f"{FAILS} + 295: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a touch between two unstable reads past the ceiling belongs to this round",
        [*steadily(), ("C + 5", touch(MORE)), ("C + 10", loaded(2, TORN)), ("C + 20", loaded(3, NEW))],
        "0: Changed config.toml; P: Load 1; C: Load 2; C + 10: Changed more.toml, Load 3; "
        "C + 20: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an unstable load under way at the ceiling is one of them",
        [
            *((at, touch()) for at in STEADY),
            *((f"C + {90 + 10 * n}", loaded(n, TORN)) for n in range(1, MAX_ATTEMPTS + 1)),
            (f"C + {190 + 10 * MAX_ATTEMPTS}", loaded(MAX_ATTEMPTS + 1, SAME)),
        ],
        "0: Changed config.toml; P: Load 1; "
        f"{'; '.join(f'C + {90 + 10 * n}: Load {n + 1}' for n in range(1, MAX_ATTEMPTS))}; "
        f"C + {90 + 10 * MAX_ATTEMPTS}: ReloadFailed unstable, Changed config.toml; "
        f"C + {90 + 10 * MAX_ATTEMPTS} + max(P, R): Load {MAX_ATTEMPTS + 1}; "
        f"C + {390 + 10 * MAX_ATTEMPTS}: Refresh, ReloadUnchanged",
    ),
    Case(
        "a load that was under way at the ceiling and touched after it is one of them, too",
        [
            *((at, touch()) for at in (*STEADY, "C", "C + 100")),
            ("C + 150", loaded(1, NEW)),
            *((f"C + {150 + 10 * n}", loaded(n + 1, TORN)) for n in range(1, MAX_ATTEMPTS - 1)),
            (f"C + {140 + 10 * MAX_ATTEMPTS}", loaded(MAX_ATTEMPTS, OTHER)),
        ],
        "0: Changed config.toml; P: Load 1; "
        f"{'; '.join(f'C + {150 + 10 * n}: Load {n + 2}' for n in range(MAX_ATTEMPTS - 1))}; "
        f"C + {140 + 10 * MAX_ATTEMPTS}: Publish 2, ReloadSuccess 2",
    ),
]

WRITERS = [
    Case(
        "a file that a writer has open is not even loaded until it is closed",
        [(0, touch(writing=True)), (700, touch()), (710, loaded(1, NEW))],
        "0: Changed config.toml; 700 + P: Load 1; 1000: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a writer that never closes is waited for until the ceiling",
        [(0, touch(writing=True)), ("C + 10", loaded(1, NEW))],
        "0: Changed config.toml; C: Load 1; C + 10: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a writer that opens the file when the candidate is ready",
        [(0, touch()), (10, loaded(1, NEW)), (200, touch(writing=True)), (900, touch()), (910, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 900 + P: Load 2; 1200: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a writer that opens the file while the deciding load runs",
        [(0, touch()), (350, touch(writing=True)), (400, loaded(1, NEW)), (600, touch()), (610, loaded(2, OTHER))],
        "0: Changed config.toml; P: Load 1; 600 + P: Load 2; 900: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an unstable read does not forget who has the file open",
        [(0, touch()), (6, touch(writing=True)), (10, loaded(1, TORN)), ("C + 10", loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; C: Load 2; C + 10: Publish 2, ReloadSuccess 2",
    ),
]

SHRUNK = [
    Case(
        "a file that shrank waits a window more",
        [(0, touch()), (10, loaded(1, HALF))],
        "0: Changed config.toml; P: Load 1; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "its other half comes meanwhile: from there on the window is the usual one",
        [(0, touch()), (10, loaded(1, HALF)), (500, touch()), (510, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 500 + P: Load 2; 800: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "a file that was renamed into place is believed",
        [(0, touch(renamed=True)), (10, loaded(1, HALF))],
        "0: Changed config.toml; P: Load 1; 300: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "an unstable read does not forget what was renamed into place",
        [(0, touch(renamed=True)), (10, loaded(1, TORN)), (30, loaded(2, HALF))],
        "0: Changed config.toml; P: Load 1; 10 + max(P, R): Load 2; 310: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "renamed into place, but written to since",
        [(0, touch(renamed=True)), (10, touch()), (20, loaded(1, HALF)), (30, loaded(2, HALF))],
        "0: Changed config.toml; P: Load 1; 20 + R: Load 2; 610: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "that another file was renamed into place says nothing of it",
        [(0, touch(MORE, renamed=True)), (8, touch()), (10, loaded(1, HALF)), (30, loaded(2, HALF))],
        "0: Changed more.toml; P: Load 1; 8: Changed config.toml; max(8 + P, 10 + R): Load 2; "
        "608: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "nothing at all is no failure for a window more",
        [(0, touch()), (10, loaded(1, EMPTY)), (400, touch()), (410, loaded(2, NEW))],
        "0: Changed config.toml; P: Load 1; 400 + P: Load 2; 700: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found by the load at the window's end: that candidate waits, and is not loaded again",
        [(0, touch()), (450, loaded(1, HALF))],
        "0: Changed config.toml; P: Load 1; 600: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "found when even the second window is over: no wait is left",
        [(0, touch()), (700, loaded(1, HALF))],
        "0: Changed config.toml; P: Load 1; 700: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "no longer than the ceiling",
        [*((at, touch()) for at in STEADY), ("C - 100", loaded(1, OTHER)), ("C - 20", loaded(2, HALF))],
        "0: Changed config.toml; P: Load 1; C - 100 + R: Load 2; C: Publish 2, ReloadSuccess 2",
    ),
    Case(
        "without a window there is none to wait for",
        [(0, touch()), (7, loaded(1, HALF))],
        "0: Changed config.toml, Load 1; 7: Publish 2, ReloadSuccess 2",
        NO_WINDOW,
    ),
    Case(
        "reload() takes what there is",
        [(0, touch()), (9, reload()), (10, loaded(1, HALF)), (20, loaded(2, HALF))],
        "0: Changed config.toml; P: Load 1; 10: Load 2 afresh; "
        "20: Publish 2, ReloadSuccess 2, Answer 1: ReloadSuccess 2",
    ),
    Case(
        "where changes are polled it is verified after the longer wait",
        [(0, touch()), (10, loaded(1, HALF)), (601, verified())],
        "0: Changed config.toml; P: Load 1; 600: Verify; 601: Publish 2, ReloadSuccess 2",
        POLLED,
    ),
]


CASES = [*SAVES, *SPECULATION, *CEILING, *WRITERS, *SHRUNK]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """What is given at these instants has these effects at those, and the protocol comes to rest."""
    driver = played(case.state, case.given)
    assert driver.recorder.story == case.story
    assert isinstance(driver.state.phase, Idle)
    assert deadline(driver.state) is None


def test_past_the_ceiling_there_is_no_window() -> None:
    """A touch past the ceiling leaves it to the load under way, and the next, to decide."""
    touches = [(at, touch()) for at in STEADY]
    loading = played(QUIET, touches, until="C + 50").state
    after, effects = step(loading, Touched(round(ms("C + 100") * MILLISECOND), (CONFIG,)))
    assert (type(loading.phase), type(after.phase), effects) == (Loading, Loading, ())


def test_generation_zero() -> None:
    """Before anything was published everything is the same, and the first commit is generation 1."""
    given = [(0, touch()), (10, loaded(1, WRONG)), (500, touch()), (510, loaded(2, NEW))]
    *_, success = played(NEVER_LOADED, given).recorder.events
    assert success == ReloadSuccess(1, NEW.changes, NEW.summary)


def test_failure_tells_every_problem() -> None:
    """A failure carries all problems, and the first as a line."""
    failed = played(QUIET, [(0, touch()), (10, loaded(1, WRONG))]).recorder.events[-1]
    assert isinstance(failed, ReloadFailed)
    assert isinstance(WRONG, Invalid)
    assert failed.problems == WRONG.problems
    assert failed.error.endswith("(+1 more)")


def test_publish_carries_its_round() -> None:
    """What is published says when its round began and was due, so that the timings are known."""
    driver = played(QUIET, [(100, touch()), (110, loaded(1, NEW))])
    [round_] = [effect.round for _, effect in driver.recorder.items if isinstance(effect, Publish)]
    assert round_ is not None
    assert round_.first == 100 * MILLISECOND
    assert round_.deadline == 400 * MILLISECOND


@pytest.mark.parametrize("found", [NEW, SAME])
def test_an_ending_has_the_warnings(found: Valid[Config]) -> None:
    """Also when nothing differs: a misspelt key is a likely reason."""
    odd = Problem("No such key", kind="unknown", severity="warning", file=CONFIG)
    event = played(QUIET, [(0, touch()), (10, loaded(1, found._replace(warnings=(odd,))))]).recorder.events[-1]
    assert isinstance(event, ReloadSuccess | ReloadUnchanged)
    assert event.warnings == (odd,)
