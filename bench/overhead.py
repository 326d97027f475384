"""From a save by another process to the new config in the hands of a reader, beyond the window.

Seen from outside: a thread of the process under test looks at `watcher.config` every 70 µs, from 5 ms before the end
of the window, and takes the time when it first finds another object there. It sees the config as any reader does,
that is as soon as it gets the interpreter's lock; up to one look too late, never too early. Seen without it: every
third save nobody looks, and the time is that of the event, which is made after the config is published.

In a busy process: the same, but its main thread spins, in Python and without a pause, from before the save.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.process import BrokenBenchError, Subject
from bench.table import Row, both, median, percentile
from bench.writer import KINDS, Saved, Writer

MS = 1_000_000
TOLD_BEFORE_NS = 40 * MS
LOOK_BEFORE_NS = 5 * MS
GOAL = (0.6, 2.0)
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


def measure(directory: Path, window_ms: int, saves: int) -> Series:
    """So many saves with somebody looking, and half as many again without."""
    series = Series(window_ms)
    writer = Writer(directory)
    with Subject("bench.subject", writer.path, window_ms) as subject:
        time.sleep(1)
        for nth in range(saves * 3 // 2):
            _one(series, writer, subject, looking=nth % 6 < 4)
    return series


def measure_busy(directory: Path, window_ms: int, saves: int) -> list[float]:
    """Milliseconds beyond the window, if the reader never sleeps and so has the interpreter's lock all the time."""
    writer = Writer(directory)
    beyond = []
    with Subject("bench.subject", writer.path, window_ms) as subject:
        time.sleep(1)
        for nth in range(saves):
            subject.send("spin")
            time.sleep(random.uniform(0.06, 0.14))
            saved = writer.save()
            beyond.append((subject.receive()["seen"] - saved.monotonic) / MS - window_ms)
            _expect(subject.ask("last"), after=nth + 1)
    return beyond


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
    _sleep_until(deadline + 60 * MS)
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
    good = percentile(seen, 0.5) <= GOAL[0] and percentile(seen, 0.95) <= GOAL[1]
    name = f"overhead, {series.window_ms} ms window"
    unseen = [Row("  not looked at in time, left out", "", "", f"{series.unseen}")] if series.unseen else []
    own = [event["overhead"] for event in series.events]
    kinds = [Row(f"  {kind} saves", "", "", f"{both(values)} ms") for kind, values in series.seen.items()]
    return [
        Row(f"{name}, p50 / p95 of {len(seen)} saves", SPECIFIED, "≤ 0.6 / 2.0 ms", f"{both(seen)} ms", good),
        *unseen,
        *kinds,
        Row("  worst", "", "", f"{max(seen):.2f} ms"),
        Row("  seen before the window was over", "", "never", f"{series.early} times", not series.early),
        Row("  from before the save's last system call", "", "", f"{both(series.longest)} ms"),
        Row("  precision of the look: time since the last miss", "", "", f"{both(series.gaps)} ms"),
        Row(
            f"  by the event's time, nobody looking, {len(series.stamped)} saves",
            "",
            "",
            f"{both(series.stamped)} ms",
        ),
        Row(
            "  detection: save → FileChanged, p50 / p95",
            "~10 ms",
            "≤ 0.4 ms p50",
            f"{both(series.detected)} ms",
            percentile(series.detected, 0.5) <= 0.4,
        ),
        Row("  by hotconf's own clock (`stats`, from the change heard)", "", "", f"{both(own)} ms"),
        Row("  for comparison: how late plain sleeps ended in between", "", "", f"{both(series.bare)} ms"),
    ]


def busy_row(window_ms: int, beyond: list[float]) -> Row:
    """No goal: most of it is the interpreter's switch interval of 5 ms."""
    name = f"overhead, {window_ms} ms window, beside a thread that spins, {len(beyond)} saves"
    return Row(name, "", "", f"{both(beyond)} ms")


def publish_row(series: Series) -> Row:
    """How long the swap takes, by hotconf's own clock."""
    swaps = [event["swap"] * 1000 for event in series.events]
    measured = f"{median(swaps):.1f} (max {max(swaps):.1f}) µs"
    return Row("publish, p50 (max)", "< 1 ms", "≤ 10 µs", measured, median(swaps) <= 10)


def load_row(series: Series) -> Row:
    """What lies inside the window, because loading is done before its end."""
    read, parse, validate = (median(event[name] for event in series.events) for name in ("read", "parse", "validate"))
    measured = f"{read:.1f} + {parse:.1f} + {validate:.1f} ms"
    return Row("  read + parse + validate, inside the window", "~20 + 5 ms", "", measured)
