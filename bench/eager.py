"""From a save by another process to the new config in the hands of a reader, in eager mode: no window is waited for.

Seen from outside, as in `overhead`: a thread of the process under test looks at `watcher.config` every 70 µs, from
some 30 ms before the save. Every third save nobody looks, and the time is that of the event. Saves are further apart
than a window, because those that are not settle.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import BrokenBenchError, Subject
from bench.table import Row, both, percentile
from bench.writer import KINDS, Writer

MS = 1_000_000
WINDOW_MS = 100
LOOK_BEFORE_S = 0.03
GOAL = (5.0, 20.0)


@dataclass(slots=True)
class Series:
    """Milliseconds from the end of a save."""

    clean: bool
    """The configuration gives no cause for warnings, which cost as much as all the rest."""
    seen: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    stamped: list[float] = field(default_factory=list)
    """By the time of the event, when nobody looked."""
    settled: int = 0
    """Commits that came no earlier than their window ended."""

    @property
    def all_seen(self) -> list[float]:
        """Of both kinds of save."""
        return [value for values in self.seen.values() for value in values]


def measure(directory: Path, saves: int, *, clean: bool) -> Series:
    """So many saves with somebody looking, and half as many again without."""
    series = Series(clean)
    writer = Writer(directory, clean=clean)
    with Subject("bench.subject", writer.path, WINDOW_MS, "eager") as subject:
        time.sleep(1)
        for nth in range(saves * 3 // 2):
            time.sleep(random.uniform(2, 3) * WINDOW_MS / 1e3)
            _one(series, writer, subject, nth, looking=nth % 6 < 4)
    return series


def _one(series: Series, writer: Writer, subject: Subject, nth: int, *, looking: bool) -> None:
    if looking:
        subject.send("look", time.monotonic_ns())
        time.sleep(LOOK_BEFORE_S)
    saved = writer.save()
    if looking:
        took = (subject.receive()["seen"] - saved.monotonic) / MS
        series.seen[writer.kind].append(took)
    event = subject.ask("last")
    if event["type"] != "ReloadSuccess" or event["generation"] != nth + 2:
        raise BrokenBenchError(f"a save was not followed by one reload, generation {nth + 2}: {event}")
    if not looking:
        took = (event["at"] - saved.wall) / MS
        series.stamped.append(took)
    series.settled += took >= WINDOW_MS


def rows(series: Series) -> list[Row]:
    """The headline, and what lies behind it."""
    seen = series.all_seen
    good = percentile(seen, 0.5) <= GOAL[0] and percentile(seen, 0.95) <= GOAL[1]
    kinds = [Row(f"  {kind} saves", "", "", f"{both(values)} ms") for kind, values in series.seen.items()]
    what = "no warnings" if series.clean else "two warnings"
    name = f"eager mode, save → visible, {what}, p50 / p95 of {len(seen)} saves"
    stamped = f"  by the event's time, nobody looking, {len(series.stamped)} saves"
    return [
        Row(name, "< 100 ms", "≤ 5 / 20 ms", f"{both(seen)} ms", good),
        *kinds,
        Row("  worst", "", "", f"{max(seen):.2f} ms"),
        Row(stamped, "", "", f"{both(series.stamped)} ms"),
        Row("  not before the window was over", "", "", f"{series.settled} times"),
    ]
