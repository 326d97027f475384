"""The first screen of the page: ten rows that a user understands, taken from all that was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.table import OK, OVER, Row

NOTHING: Final = "–"
HEADER: Final = ("", "hotconf", "watchdog + timer", "watchfiles", "goal", "")
MEDIAN: Final = re.compile(r"(-?[\d.]+) / .* (ns|µs|ms|×), n \d+")
AT_REST: Final = re.compile(
    r"(?P<cpu>[\d.]+ %) CPU, (?P<wakeups>[\d.]+) wake-ups/s, .*, (?P<memory>[+-][\d.]+ MB), start (?P<start>\d+ ms)"
)
VERDICTS: Final = {OK: "met", OVER: "missed"}
UNDECIDED: Final = "too few samples"
ONE: Final = "1.0 ×"


@dataclass(frozen=True, slots=True)
class Line:
    """One of the ten: what it is called, and the rows that it is made of."""

    what: str
    row: str
    """hotconf's row."""
    goal: str = ""
    """In a user's words; empty if there is none."""
    judged: str = ""
    """The row that says whether the goal is met."""
    beside: str = ""
    """The recipes' rows, without their names; empty if they have none."""
    part: str = ""
    """Of a row about a process at rest: which of its figures."""


LINES: Final = (
    Line(
        "A save becomes visible, after the window of 100 ms",
        "save → visible, idle, hotconf",
        "a sleep + 1 ms",
        "overhead, idle, 8 KB, window of 100 ms",
        "save → visible, idle",
    ),
    Line(
        "… while another thread computes",
        "with one busy thread, hotconf",
        "2 × a sleep + 1 ms",
        "hotconf, p50, one busy thread, window of 100 ms",
        "with one busy thread",
    ),
    Line(
        "… in eager mode, without the window",
        "eager mode, save → visible, nothing to warn of",
        "7 ms",
        "eager mode, save → visible, nothing to warn of",
    ),
    Line("A broken save is reported", "an invalid save → reported, hotconf", beside="an invalid save → reported"),
    Line(
        "A read, compared with an attribute",
        "read of `watcher.config`, the slowest of three surroundings",
        "1.2 ×",
        "read of `watcher.config`, the slowest of three surroundings",
        ONE,
    ),
    Line("Idle: CPU", "at rest, hotconf", "0.05 %", "idle: CPU", "at rest", "cpu"),
    Line("Idle: wake-ups per second", "at rest, hotconf", "1", "idle: wake-ups", "at rest", "wakeups"),
    Line(
        "Memory added",
        "at rest, hotconf",
        "3.5 MB",
        "resident memory added, a user's frozen model",
        "at rest",
        "memory",
    ),
    Line(
        "Import and start",
        "at rest, hotconf",
        "50 ms",
        "`from hotconf import HotReloadWatcher`, beyond pydantic",
        "at rest",
        "start",
    ),
    Line("CPU of a reload, 8 KB", "reload: CPU of all threads", "6 ms", "reload: CPU of all threads"),
)
RECIPES: Final = ("watchdog + Timer", "watchfiles")
"""As they are called in the rows."""


def first_screen(tables: Mapping[str, Sequence[Row]]) -> str:
    """The ten rows, as a table in Markdown; a dash for what this run has not measured."""
    found = _by_name(tables)
    lines = [HEADER, ("---",) * len(HEADER), *(_cells(line, found) for line in LINES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _by_name(tables: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    return {row.what.strip(): row for rows in tables.values() for row in rows}


def _cells(line: Line, found: Mapping[str, Row]) -> tuple[str, ...]:
    recipes = [
        ONE if line.beside == ONE else _figure(found.get(f"{line.beside}, {name}"), line.part) for name in RECIPES
    ]
    judged = found.get(line.judged)
    verdict = VERDICTS.get(judged.cells[-1], UNDECIDED) if judged else ""
    goal = f"≤ {line.goal}" if line.goal else NOTHING
    return line.what, _figure(found.get(line.row), line.part), *recipes, goal, verdict


def _figure(row: Row | None, part: str) -> str:
    """The median, or the figure that is asked for."""
    if row is None:
        return NOTHING
    if part and (rest := AT_REST.fullmatch(row.measured)):
        return rest[part]
    if spread := MEDIAN.fullmatch(row.measured):
        return f"{float(spread[1]):.{1 if abs(float(spread[1])) < 10 else 0}f} {spread[2]}"
    return row.measured.partition(" (")[0]
