"""Every pattern of saving on every layout: quick series, in which only whole states are seen, and the last one is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from torture.harness import WINDOW_MS, Case
from torture.patterns import LAYOUTS, PATTERNS, Laid, Pattern
from torture.extent import FULL

SAVES = 12 if FULL else 4
CEILING_S = 1.0


def series(case: Case, laid: Laid, pattern: Pattern, dice: random.Random, saves: int = SAVES) -> None:
    """Save again and again, after no pause, a short or a long one; then it must settle."""
    for number in range(1001, 1001 + saves):
        text = laid.write(number)
        standing: list[str | None] = []

        @contextmanager
        def gap(between: str | None, *, held: bool = False, standing: list[str | None] = standing) -> Iterator[None]:
            began = time.monotonic()
            yield
            limit_s = CEILING_S if held else WINDOW_MS / 1000
            if time.monotonic() - began > limit_s / 2:  # it stood as long as a save that is finished
                standing.append(between)

        before = case.mark()
        case.will(laid.state(text))
        pattern(laid.at, text, gap)
        for between in standing:
            case.slow(before, laid.state(between))
        time.sleep(dice.choice([0.0, 0.0, WINDOW_MS / 2000, WINDOW_MS / 500]))
    case.settles()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
def test_saves(
    root: Path, begin: Callable[..., Case], dice: random.Random, layout: Callable[[Path], Laid], pattern: Pattern
) -> None:
    """Save patterns: every one on a plain file, a link, a chain of links and a fragment."""
    laid = layout(root)
    with begin(laid.config, **laid.options) as case:
        case.will(laid.state(laid.write(1000)))
        series(case, laid, pattern, dice)
