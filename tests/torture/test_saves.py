"""Every pattern of saving on every layout: quick series, in which only whole states are seen, and the last one is."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from torture.contents import fragment, main
from torture.extent import FULL
from torture.harness import WINDOW_MS, Case
from torture.patterns import LAYOUTS, PATTERNS, Laid, Pattern, plain

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


def chosen() -> Iterator[tuple[Callable[[Path], Laid], Pattern]]:
    """Every pattern on every layout; bounded, every pattern on a plain file, and every layout with some of them."""
    for row, layout in enumerate(LAYOUTS):
        for column, pattern in enumerate(PATTERNS):
            if FULL or layout is plain or (row + column) % len(LAYOUTS) == 0:
                yield layout, pattern


@pytest.mark.parametrize(
    ("layout", "pattern"), [pytest.param(*each, id="-".join(way.__name__ for way in each)) for each in chosen()]
)
def test_saves(
    root: Path, begin: Callable[..., Case], dice: random.Random, layout: Callable[[Path], Laid], pattern: Pattern
) -> None:
    """Save patterns: every one on a plain file, a link, a chain of links and a fragment."""
    laid = layout(root)
    with begin(laid.config, **laid.options) as case:
        case.will(laid.state(laid.write(1000)))
        series(case, laid, pattern, dice)


def test_config_map(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Kubernetes: all files of a ConfigMap change at once, by one rename of a link three directories away."""
    mounted = root / "mounted"

    def project(number: int) -> None:
        version = mounted / f"..{number}"
        version.mkdir(parents=True)
        (version / "config.toml").write_text(main(number))
        (version / "extra.toml").write_text(fragment(number))
        (mounted / "..data_tmp").symlink_to(version.name)
        (mounted / "..data_tmp").replace(mounted / "..data")
        if number > 1000:
            shutil.rmtree(mounted / f"..{number - 1}")

    project(1000)
    files = [mounted / "config.toml", mounted / "extra.toml"]
    for path in files:
        path.symlink_to(f"..data/{path.name}")
    with begin(files[0], watch_paths=["extra.toml"]) as case:
        for number in range(1000, 1000 + 5 * SAVES):
            case.will([(files[0], main(number)), (files[1], fragment(number))])
            if number > 1000:
                project(number)
                time.sleep(dice.choice([0.0, 0.0, WINDOW_MS / 2000, WINDOW_MS / 500]))
        case.settles()
