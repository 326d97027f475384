"""Memory: what a started watcher adds, and what stays after many reloads."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.budget import Budget
from bench.footprint import resident
from bench.process import once
from bench.table import Row, median, spread
from bench.writer import Writer

MB = 1_000_000
WARM_UP = 100
JUDGED = 1000
"""So many reloads the goal is about."""

SUBJECTS = {
    ("user", "watcher"): "a user's frozen model",
    ("speckit", "watcher"): "`hotconf.speckit`",
    ("loose", "watcher"): "a user's model that is not frozen",
    ("user", "hand"): "no watcher: tomli and the model, by hand",
}


def rows(budget: Budget, reloads: int) -> list[Row]:
    """Medians of some processes each."""
    found: dict[tuple[str, str], list[Any]] = {subject: [] for subject in SUBJECTS}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.toml"
        for _ in budget.samples(1, 10):
            for subject, samples in found.items():
                samples.append(once("bench.footprint", path, *subject))
        before, after, times = once("bench.memory", name, reloads)
    kept = after - before
    good = kept < MB / 2 if reloads >= JUDGED else None
    user, speckit, loose, hand = (_resident(samples) for samples in found.values())
    names = list(SUBJECTS.values())
    return [
        *(_footprint(name, size) for name, size in zip(names, (user, speckit), strict=False)),
        *(Row(f"  {name}", "", "", _spread(size)) for name, size in zip(names[2:], (loose, hand), strict=True)),
        *(_times(name, samples) for name, samples in zip(names[:2], found.values(), strict=False)),
        Row(f"memory kept after {reloads:,} reloads", "–", "< 0.5 MB", f"{kept / MB:+.2f} MB", good),
        Row("  for each", "", "", f"{kept / reloads:+.0f} bytes"),
        Row("time of a `reload()`, two warnings", "~25 ms", "", spread(times)),
    ]


def _resident(samples: list[Any]) -> list[float]:
    return [sample[0] / MB for sample in samples]


def _spread(sizes: list[float]) -> str:
    return f"{median(sizes):.2f} MB ({min(sizes):.2f}–{max(sizes):.2f}), n {len(sizes)}"


def _footprint(name: str, sizes: list[float]) -> Row:
    return Row(f"resident memory added, {name}", "~2 MB", "≤ 3.5 MB", _spread(sizes), median(sizes) <= 3.5)


def _times(name: str, samples: list[Any]) -> Row:
    imported, started = (median(sample[n] for sample in samples) for n in (1, 2))
    measured = f"{imported:.0f} + {started:.0f} ms, {samples[0][3]:.0f} threads"
    return Row(f"  import + start with the first load, {name}", "", "", measured)


def main() -> None:
    """Arguments: a directory, how many reloads. Prints the resident bytes before and after, and ms that each took.

    Each has a real save before it, and some reloads came before all.
    """
    from hotconf import HotReloadWatcher
    from hotconf.speckit import SPECKIT

    directory, count = sys.argv[1:]
    writer = Writer(Path(directory))
    with HotReloadWatcher(writer.path, SPECKIT, debounce_ms=100) as watcher:
        watcher.on_event(lambda _: None)

        def reload() -> float:
            writer.save()
            began = time.perf_counter()
            watcher.reload()
            return (time.perf_counter() - began) * 1e3

        times = [0.0] * int(count)
        for _ in range(WARM_UP):
            reload()
        before = resident()
        for nth in range(len(times)):
            times[nth] = reload()
        after = resident()
        if watcher.generation != WARM_UP + len(times) + 1:
            raise SystemExit("not every reload was a commit")
    print([before, after, times])
