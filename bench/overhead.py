"""From a save by another process to the new config in the hands of a reader, beyond the window.

Seen from outside: a thread of the process under test looks at `watcher.config` every 70 µs, from 5 ms before the end
of the window, and takes the time when it first finds another object there. It sees the config as any reader does,
that is as soon as it gets the interpreter's lock; up to one look too late, never too early. Seen without it: every
third save nobody looks, and the time is that of the event, which is made after the config is published.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.budget import Budget
from bench.process import BrokenBenchError, Subject
from bench.table import Row, median, percentile, spread, within
from bench.writer import KINDS, Saved, Writer

MS = 1_000_000
TOLD_BEFORE_NS = 40 * MS
LOOK_BEFORE_NS = 5 * MS
MORE = (1.0, 2.0)
"""So many milliseconds beyond what a plain sleep is late by, p50 and p95."""
DETECTION = 0.4
SPECIFIED = "≤ 36 / 120 ms"


@dataclass(slots=True)
class Series:
    """Everything measured at one window, in milliseconds."""

    window_ms: int
    seen: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    longest: list[float] = field(default_factory=list)
    """As `seen`, but from before the last system call of the save."""
    gaps: list[float] = field(default_factory=list)
    """Between the look that missed and the one that hit."""
    stamped: list[float] = field(default_factory=list)
    """By the time of the event, when nobody looked."""
    events: list[dict[str, Any]] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    """How late a plain sleep ended in between: what the machine did to everybody meanwhile."""
    detected: list[float] = field(default_factory=list)
    """From the save to its FileChanged."""
    early: int = 0
    """Seen before the window was over, even if that began before the last system call of the save."""
    unseen: int = 0
    """Saves that nobody looked at in time; decided before the look, so that slow ones are not left out."""

    @property
    def all_seen(self) -> list[float]:
        """Of both kinds of save."""
        return [value for values in self.seen.values() for value in values]


def measure(directory: Path, window_ms: int, budget: Budget, least: int, most: int) -> Series:
    """Two of three saves with somebody looking, the others without."""
    series = Series(window_ms)
    writer = Writer(directory)
    with Subject("bench.subject", writer.path, window_ms) as subject:
        time.sleep(0.5)
        for nth in budget.samples(least, most):
            _one(series, writer, subject, looking=nth % 3 < 2)
    return series


def _one(series: Series, writer: Writer, subject: Subject, *, looking: bool) -> None:
    # At any phase of the clocks and timers of either process.
    pause = random.uniform(0.06, 0.14)
    began = time.monotonic()
    time.sleep(pause)
    series.bare.append((time.monotonic() - began - pause) * 1e3)
    saved = writer.save()
    deadline = saved.monotonic + series.window_ms * MS
    if looking:
        _sleep_until(deadline - TOLD_BEFORE_NS)
        _take(series, writer.kind, saved, subject.ask("look", deadline - LOOK_BEFORE_NS))
    _sleep_until(deadline + 30 * MS)
    event = subject.ask("last")
    _expect(event, after=series.events[-1]["generation"] if series.events else 1)
    series.events.append(event)
    series.detected.append((event["changed"] - saved.wall) / MS)
    if not looking:
        series.stamped.append((event["at"] - saved.wall) / MS - series.window_ms)


def _expect(event: dict[str, Any], *, after: int) -> None:
    if event["type"] != "ReloadSuccess" or not event["new"] or event["generation"] != after + 1:
        raise BrokenBenchError(f"a save was not followed by one reload, generation {after + 1}: {event}")


def _take(series: Series, kind: str, saved: Saved, found: dict[str, int]) -> None:
    if found["late"]:
        # This says nothing of hotconf: the machine was so busy that nobody looked in time.
        series.unseen += 1
        return
    series.early += found["seen"] - saved.before < series.window_ms * MS
    series.seen[kind].append((found["seen"] - saved.monotonic) / MS - series.window_ms)
    series.longest.append((found["seen"] - saved.before) / MS - series.window_ms)
    series.gaps.append((found["seen"] - found["missed"]) / MS)


def _sleep_until(instant: int) -> None:
    time.sleep(max(0, instant - time.monotonic_ns()) / 1e9)


def rows(series: Series) -> list[Row]:
    """The headline, and what lies behind it."""
    seen = series.all_seen
    name = f"overhead, idle, 8 KB, window of {series.window_ms} ms"
    unseen = [Row("  not looked at in time, left out", "", "", f"{series.unseen}")] if series.unseen else []
    kinds = [Row(f"  {kind} saves", "", "", spread(values)) for kind, values in series.seen.items()]
    bare = f"  how late plain sleeps ended in between, window of {series.window_ms} ms"
    detection = f"detection: save → FileChanged, window of {series.window_ms} ms"
    return [
        Row(
            name, SPECIFIED, "≤ a plain sleep + 1 / 2 ms p50 / p95", spread(seen), within(seen, *_goal(series)), name
        ),
        *unseen,
        *kinds,
        Row("  seen before the window was over", "", "never", f"{series.early} times", not series.early),
        Row("  from before the save's last system call", "", "", spread(series.longest)),
        Row("  precision of the look: time since the last miss", "", "", spread(series.gaps)),
        Row("  by the event's time, nobody looking", "", "", spread(series.stamped)),
        Row("  by hotconf's own clock (`stats`, from the change noticed)", "", "", spread(_own(series, "overhead"))),
        Row(bare, "", "", spread(series.bare), None, bare),
        Row(
            f"  {detection}",
            "~10 ms",
            "≤ 0.4 ms p50",
            spread(series.detected),
            percentile(series.detected, 0.5) <= DETECTION,
            detection,
        ),
    ]


def _goal(series: Series) -> tuple[float, float]:
    return percentile(series.bare, 0.5) + MORE[0], percentile(series.bare, 0.95) + MORE[1]


def load_row(series: Series) -> Row:
    """What lies inside the window, because loading is done before its end."""
    read, parse, validate = (median(_own(series, name)) for name in ("read", "parse", "validate"))
    measured = f"{read:.1f} + {parse:.1f} + {validate:.1f} ms"
    return Row("read + parse + validate, inside the window, p50", "~20 + 5 ms", "", measured)


def _own(series: Series, name: str) -> list[float]:
    return [event[name] for event in series.events]
