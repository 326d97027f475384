"""How cost grows: with the size of the file, fragments, keys, subscribers and storms of events."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from bench.process import once
from bench.table import Row, median, spread

Series = dict[str, dict[int, list[list[float]]]]
"""What was measured, of what, at each count."""

FULL = {
    "size": (1_000, 8_000, 64_000, 250_000, 1_000_000),
    "keys": (10, 100, 1000, 10_000, 50_000),
    "fragments": (1, 10, 100, 1000),
    "subscribers": (0, 10, 100, 1000, 10_000),
    "storms": (1_000, 10_000, 100_000),
    "big": (8_000, 1_000_000),
}
QUICK = {
    "size": (1_000, 64_000),
    "keys": (10, 1000),
    "fragments": (1, 1000),
    "subscribers": (0, 10_000),
    "storms": (100_000,),
    "big": (8_000, 250_000),
}
UNITS = {"size": "bytes", "keys": "keys", "fragments": "fragments", "subscribers": "subscribers"}
NOISE_MS = 0.2
"""A difference below this is that of the machine."""


def measure(*, quick: bool) -> Series:
    """Everything, each count in a process of its own; `quick` leaves out what lies between, and the largest files."""
    seconds = 1 if quick else 8
    return {what: _measured(what, counts, seconds) for what, counts in (QUICK if quick else FULL).items()}


def _measured(what: str, counts: Iterable[int], seconds: float) -> dict[int, list[list[float]]]:
    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as directory:
            found[count] = once("bench.grown", what, directory, count, seconds)
    return found


def curves(series: Series) -> dict[str, dict[int, float]]:
    """Medians, for the plot."""
    lines = {
        f"load, by {UNITS[what]}": {count: median(took[0]) for count, took in series[what].items()}
        for what in ("size", "keys", "fragments")
    }
    told = {count: median(took[1]) for count, took in series["subscribers"].items() if count}
    return lines | {"commit → callback, by subscribers": told}


def rows(series: Series) -> list[Row]:
    """As a table, with the goals."""
    return [
        *(Row(f"load, a file of {count:,} bytes", "", "", spread(took[0])) for count, took in series["size"].items()),
        *(Row(f"load, a file of {count:,} keys", "", "", spread(took[0])) for count, took in series["keys"].items()),
        *_fragments(series["fragments"]),
        _big(series["big"]),
        *_subscribers(series["subscribers"]),
        *(_storm(count, *took) for count, took in series["storms"].items()),
    ]


def _fragments(found: dict[int, list[list[float]]]) -> list[Row]:
    most = max(found)
    ratio = median(load / least for load, least in zip(*found[most], strict=True))
    what = f"{most:,} fragments, one changes ÷ reading one, merging and judging all"
    return [
        *(
            Row(f"load, one of {count:,} fragments changed", "", "", spread(loads))
            for count, (loads, _) in found.items()
        ),
        Row(f"  {what}", "", "≤ 1.2 ×", f"{ratio:.2f} ×", ratio <= 1.2, what),
    ]


def _big(found: dict[int, list[list[float]]]) -> Row:
    (small, _), (large, (window_ms,)) = (found[count] for count in sorted(found))
    bound = max(2 * median(small), NOISE_MS)
    what = f"overhead, {max(found):,} bytes, window ≥ 4 × its load time, against {min(found):,}"
    measured = f"{spread(large)} (window {window_ms:.0f} ms) against {spread(small)}"
    return Row(what, "", "≤ 2 × p50", measured, median(large) <= bound, what)


def _subscribers(found: dict[int, list[list[float]]]) -> list[Row]:
    most = max(found)
    what = f"{most:,} change subscribers, 1 matches: commit → its callback"
    crowd = found[most][1]
    return [
        *(
            Row(f"{count:,} subscribers: notified by the commit in", "", "", spread(telling))
            for count, (telling, _) in found.items()
        ),
        *(
            Row(f"{count:,} subscribers, 1 matches: commit → its callback", "", "", spread(took))
            for count, (_, took) in found.items()
            if 0 < count < most
        ),
        Row(what, "", "≤ 2 ms p50", spread(crowd), median(crowd) <= 2, what),
    ]


def _storm(count: int, cpu: list[float], commits: list[float], settled: list[float]) -> Row:
    measured = (
        f"{cpu[0]:.1f} µs of CPU a write, {commits[0]:.0f} commits, settled {settled[0]:.1f} ms after the window"
    )
    return Row(f"storm of {count:,} writes", "", "", measured)
