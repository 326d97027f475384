"""Memory: what a started watcher adds, and what stays after many reloads."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.footprint import resident
from bench.process import once
from bench.table import Row, median
from bench.writer import Writer

MB = 1_000_000
WARM_UP = 100
RELOADS = 1000

SUBJECTS = {
    ("user", "watcher"): "a user's frozen model",
    ("speckit", "watcher"): "`hotconf.speckit`",
    ("loose", "watcher"): "a user's model that is not frozen",
    ("user", "hand"): "no watcher: tomli and the model, by hand",
}


def rows(processes: int) -> list[Row]:
    """Medians of so many processes each."""
    found: dict[tuple[str, str], list[Any]] = {subject: [] for subject in SUBJECTS}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.toml"
        for _ in range(processes):
            for subject, samples in found.items():
                samples.append(once("bench.footprint", path, *subject))
        before, after = once("bench.memory", name)
    kept = after - before
    user, speckit, loose, hand = (_resident(samples) for samples in found.values())
    names = list(SUBJECTS.values())
    return [
        *(_footprint(name, size) for name, size in zip(names, (user, speckit), strict=False)),
        *(Row(f"  {name}", "", "", _spread(size)) for name, size in zip(names[2:], (loose, hand), strict=True)),
        Row("memory kept after 1,000 reloads", "–", "< 0.5 MB", f"{kept / MB:+.2f} MB", kept < MB / 2),
        *(_times(name, samples) for name, samples in zip(names[:2], found.values(), strict=False)),
    ]


def _resident(samples: list[Any]) -> list[float]:
    return [sample[0] / MB for sample in samples]


def _spread(sizes: list[float]) -> str:
    return f"{median(sizes):.2f} MB ({min(sizes):.2f}–{max(sizes):.2f})"


def _footprint(name: str, sizes: list[float]) -> Row:
    return Row(f"resident memory added, {name}", "~2 MB", "≤ 2 MB", _spread(sizes), median(sizes) <= 2)


def _times(name: str, samples: list[Any]) -> Row:
    imported, started = (median(sample[n] for sample in samples) for n in (1, 2))
    measured = f"{imported:.0f} + {started:.0f} ms, {samples[0][3]:.0f} threads"
    return Row(f"  import + start with the first load, {name}", "", "", measured)


def main() -> None:
    """Print the resident bytes after the warm-up, and after a thousand reloads more, each with a real save before."""
    from hotconf import HotReloadWatcher
    from hotconf.speckit import SPECKIT

    writer = Writer(Path(sys.argv[1]))
    with HotReloadWatcher(writer.path, SPECKIT, debounce_ms=100) as watcher:
        watcher.on_event(lambda _: None)
        sizes = []
        for count in (WARM_UP, RELOADS):
            for _ in range(count):
                writer.save()
                watcher.reload()
            sizes.append(resident())
        if watcher.generation != WARM_UP + RELOADS + 1:
            raise SystemExit("not every reload was a commit")
    print(sizes)
