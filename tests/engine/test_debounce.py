"""When a burst has settled."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.timed import STEADY, Instant, ms
from hotconf.engine.candidate import Invalid
from hotconf.engine.debounce import CEILING_WINDOWS, MILLISECOND, Round, Touched, ceiling_ns
from torture.extent import examples

HELD = True
HALF = Invalid((), shrank=("a",))


class Case(NamedTuple):
    """A burst: the window in milliseconds, its touches, and when it has settled."""

    name: str
    window: int
    touches: tuple[Instant | tuple[Instant, bool], ...]
    settles: Instant


CASES = [
    Case("one touch waits for the window", 300, (0,), 300),
    Case("three events of one save are one burst", 2000, (0, 50, 100), 2100),
    Case("each touch begins the window anew", 300, (0, 299, 598), 898),
    Case("a steady writer is stopped by the ceiling, five windows", 300, STEADY, "C"),
    Case("the ceiling is at least a second", 100, (0, 90, 180, 950), 1000),
    Case("a touch after the ceiling changes nothing", 300, (0, "C + 200"), "C"),
    Case("with no window it has settled at once", 0, (0,), 0),
    Case("with no window each touch still moves it", 0, (0, 10), 10),
    Case("a writer that holds the file open is waited for", 300, ((0, HELD),), "C"),
    Case("after it closes, the window runs", 300, ((0, HELD), 700), 1000),
    Case("a writer that closes just before the ceiling does not move it", 300, ((0, HELD), "C - 100"), "C"),
    Case("a second writer holds it again", 300, (0, 100, (200, HELD)), "C"),
    Case("a touch that was delivered late does not turn the clock back", 300, (100, 200, 150), 500),
]


def ns(instant: Instant) -> int:
    """In nanoseconds."""
    return round(ms(instant) * MILLISECOND)


def burst(window_ns: int, touches: list[tuple[int, bool]]) -> Round:
    """The burst of these touches, one after the other."""
    first, *others = [Touched(now, ("a",), held) for now, held in touches]
    round_ = Round.opened(first, window_ns, polled=False)
    for touch in others:
        round_ = round_.touch(touch, str)
    return round_


def test_doubt() -> None:
    """What may be half of a new content waits two windows, no longer than the ceiling; a change ends the doubt."""
    doubted = burst(300 * MILLISECOND, [(0, False)]).read(HALF, str)
    assert doubted.deadline == 600 * MILLISECOND
    assert doubted.touch(Touched(400 * MILLISECOND, ("a",)), str).deadline == 700 * MILLISECOND
    late = burst(300 * MILLISECOND, [(ns(at), False) for at in STEADY]).read(HALF, str)
    assert late.deadline == late.ceiling == ns("C")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_settles_at_the_instant(case: Case) -> None:
    """A burst is due at exactly the instant at which it has settled, and not a nanosecond before."""
    touches = [touch if isinstance(touch, tuple) else (touch, False) for touch in case.touches]
    debounce = burst(case.window * MILLISECOND, [(ns(at), held) for at, held in touches])
    assert debounce.deadline == ns(case.settles)


@pytest.mark.parametrize(("window", "ceiling"), [(0, 1000), (100, 1000), (2000, 2000 * CEILING_WINDOWS)])
def test_ceiling(window: int, ceiling: int) -> None:
    """The ceiling is some windows, and a second where that is less."""
    assert ceiling_ns(window * MILLISECOND) == ceiling * MILLISECOND


def settles_at(window_ns: int, touches: list[tuple[int, bool]]) -> int:
    """The same, naively, from the whole list: the first quiet instant, or the ceiling."""
    ceiling = touches[0][0] + ceiling_ns(window_ns)
    (_, held) = touches[-1]
    quiet = max(now for now, _ in touches) + window_ns
    return ceiling if held or quiet > ceiling else quiet


instants = st.integers(0, 3_000_000_000)


@settings(max_examples=examples(500, 150), derandomize=True, database=None)
@given(
    window_ns=st.integers(0, 700_000_000),
    touches=st.lists(st.tuples(instants, st.booleans()), min_size=1, max_size=20),
    in_order=st.booleans(),
)
def test_agrees_with_the_whole_list(window_ns: int, touches: list[tuple[int, bool]], in_order: bool) -> None:
    """Remembering the first and the last touch is as good as remembering all of them."""
    if in_order:
        touches = sorted(touches)
    debounce = burst(window_ns, touches)
    assert debounce.deadline == settles_at(window_ns, touches)
    assert debounce.deadline <= debounce.ceiling
