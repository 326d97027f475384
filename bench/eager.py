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

from bench.budget import Budget
from bench.process import BrokenBenchError, Subject
from bench.table import Row, spread, within
from bench.writer import KINDS, Writer

MS = 1_000_000
WINDOW_MS = 100
LOOK_BEFORE_S = 0.03
GOAL = (7.0, 15.0)
"""Milliseconds, p50 and p95, where there is nothing to warn of."""


@dataclass(slots=True)
class Series:
    """Milliseconds from the end of a save."""

    clean: bool
    """The configuration gives no cause for warnings, which cost as much as all the rest."""
    seen: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    longest: list[float] = field(default_factory=list)
    """As `seen`, but from before the last system call of the save."""
    stamped: list[float] = field(default_factory=list)
    """By the time of the event, when nobody looked."""
    settled: int = 0
    """Commits that came no earlier than their window ended."""

    @property
    def all_seen(self) -> list[float]:
        """Of both kinds of save."""
        return [value for values in self.seen.values() for value in values]


def measure(directory: Path, budget: Budget, least: int, most: int, *, clean: bool) -> Series:
    """Two of three saves with somebody looking, the others without."""
    series = Series(clean)
    writer = Writer(directory, clean=clean)
    with Subject("bench.subject", writer.path, WINDOW_MS, "eager") as subject:
        time.sleep(0.5)
        for nth in budget.samples(least, most):
            time.sleep(random.uniform(2, 3) * WINDOW_MS / 1e3)
            _one(series, writer, subject, nth, looking=nth % 3 < 2)
    return series


def _one(series: Series, writer: Writer, subject: Subject, nth: int, *, looking: bool) -> None:
    if looking:
        subject.send("look", time.monotonic_ns())
        time.sleep(LOOK_BEFORE_S)
    saved = writer.save()
    if looking:
        seen = subject.receive()["seen"]
        took = (seen - saved.monotonic) / MS
        series.seen[writer.kind].append(took)
        series.longest.append((seen - saved.before) / MS)
    event = subject.ask("last")
    if event["type"] != "ReloadSuccess" or event["generation"] != nth + 2:
        raise BrokenBenchError(f"a save was not followed by one reload, generation {nth + 2}: {event}")
    if not looking:
        took = (event["at"] - saved.wall) / MS
        series.stamped.append(took)
    series.settled += took >= WINDOW_MS


def _judged(series: Series) -> tuple[str, str, bool | None]:
    seen = series.all_seen
    if not series.clean:
        return "", spread(seen), None
    return f"≤ {GOAL[0]:g} / {GOAL[1]:g} ms p50 / p95", spread(seen), within(seen, *GOAL)


def rows(series: Series) -> list[Row]:
    """The headline, and what lies behind it."""
    kinds = [Row(f"  {kind} saves", "", "", spread(values)) for kind, values in series.seen.items()]
    what = "nothing to warn of" if series.clean else "two warnings"
    name = f"eager mode, save → visible, {what}"
    return [
        Row(name, "< 100 ms", *_judged(series), name),
        *kinds,
        Row("  from before the save's last system call", "", "", spread(series.longest)),
        Row("  by the event's time, nobody looking", "", "", spread(series.stamped)),
        Row("  not before the window was over", "", "", f"{series.settled} times"),
    ]
