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


FILES = 6


class ConfigMap:
    """Files as Kubernetes mounts them: links through `..data`, which leads to a directory of all of them."""

    def __init__(self, directory: Path, filling: int) -> None:
        self.directory, self.filling = directory, filling
        self.project(1000)
        self.files = [directory / "config.toml", *(directory / f"part-{number}.toml" for number in range(1, FILES))]
        for path in self.files:
            path.symlink_to(f"..data/{path.name}")

    def texts(self, number: int) -> dict[str, str]:
        """Each file by its name."""
        parts = {
            f"part-{part}.toml": fragment(number, self.filling, f"parts.part-{part}") for part in range(1, FILES)
        }
        return {"config.toml": main(number, self.filling), **parts}

    def state(self, number: int) -> list[tuple[Path, str]]:
        """All files, when they say this number."""
        return [(self.directory / name, text) for name, text in self.texts(number).items()]

    def project(self, number: int) -> None:
        """All files say this number from now on, by one rename."""
        version = self.directory / f"..{number}"
        version.mkdir(parents=True)
        for name, text in self.texts(number).items():
            (version / name).write_text(text)
        (self.directory / "..data_tmp").symlink_to(version.name)
        (self.directory / "..data_tmp").replace(self.directory / "..data")
        if number > 1000:
            shutil.rmtree(self.directory / f"..{number - 1}")


@pytest.mark.parametrize(
    ("window_ms", "filling", "swaps"),
    [(WINDOW_MS, 20, 5 * SAVES), (0, 400, 25 * SAVES)],
    ids=["with a window", "without a window, and large"],
)
def test_config_map(
    root: Path, begin: Callable[..., Case], dice: random.Random, window_ms: int, filling: int, swaps: int
) -> None:
    """Kubernetes: all files of a ConfigMap change at once, by one rename of a link, in the midst of reading, too."""
    mounted = ConfigMap(root / "mounted", filling)
    names = [path.name for path in mounted.files[1:]]
    with begin(mounted.files[0], watch_paths=names, debounce_ms=window_ms, schema="guarded") as case:
        case.will(mounted.state(1000))
        for number in range(1001, 1001 + swaps):
            case.will(mounted.state(number))
            mounted.project(number)
            time.sleep(dice.choice([0.0, 0.002, 0.01, WINDOW_MS / 2000, WINDOW_MS / 500]))
        case.settles()
