"""What was measured, beside what was promised."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final

OK: Final = "ok"
OVER: Final = "over"

SHARES: Final = ((0.5, 1), (0.95, 20), (0.99, 100), (1.0, 1))
"""What is told of a distribution, and of how many samples at least: a p95 of ten would be their maximum."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    specification: str
    goal: str
    measured: str
    good: bool | None = None
    """Is the goal met? None where there is none."""
    headline: str = ""
    """What it is called among the goals at a glance; empty if it is not one of them."""

    @property
    def cells(self) -> tuple[str, ...]:
        """As text."""
        verdict = "" if self.good is None else OK if self.good else OVER
        name = self.what.lstrip(" ")
        depth = (len(self.what) - len(name)) // 2
        return INSIDE * depth + name, self.specification, self.goal, self.measured, verdict


INSIDE: Final = "· "
"""What belongs to the row above begins with it: spaces would be lost on a page."""
HEADER = ("what", "specification", "goal", "measured", "")


def rendered(rows: Iterable[Row]) -> str:
    """A table in Markdown, aligned to be read as it is; a column that would be empty is left out."""
    return aligned([HEADER, *(row.cells for row in rows)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A table of these cells, the first line of which is its head."""
    columns = [column for column in zip(*lines, strict=True) if any(column[1:]) or column[0] in ("what", "measured")]
    widths = [max(map(len, column)) for column in columns]
    table: list[Sequence[str]] = list(zip(*columns, strict=True))
    table.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(starmap(str.ljust, zip(line, widths, strict=True))) + " |" for line in table)


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest rank: always a value that was measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """The usual one."""
    return statistics.median(values)


def spread(values: Sequence[float], unit: str = "ms", digits: int = 2) -> str:
    """p50, p95, p99 and the worst, and of how many; a dash for what so few cannot tell."""
    if not values:
        return "no sample"
    told = (f"{percentile(values, share):.{digits}f}" if len(values) >= least else "–" for share, least in SHARES)
    return f"{' / '.join(told)} {unit}, n {len(values)}"


def within(values: Sequence[float], p50: float, p95: float) -> bool | None:
    """Are both kept? Of too few samples for a p95 only its breach can be told: that more than one is beyond it."""
    if percentile(values, 0.5) > p50 or sum(value > p95 for value in values) > max(1, 0.05 * len(values)):
        return False
    return True if len(values) >= SHARES[1][1] else None
