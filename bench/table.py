"""What was measured, beside what was promised."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import starmap


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    specification: str
    goal: str
    measured: str
    good: bool | None = None
    """Is the goal met? None where there is none."""

    @property
    def cells(self) -> tuple[str, ...]:
        """As text."""
        verdict = "" if self.good is None else "ok" if self.good else "over"
        return self.what, self.specification, self.goal, self.measured, verdict


HEADER = ("what", "specification", "goal", "measured", "")


def rendered(rows: Iterable[Row]) -> str:
    """A table in Markdown, aligned to be read as it is."""
    lines: list[Sequence[str]] = [HEADER, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(starmap(str.ljust, zip(line, widths, strict=True))) + " |" for line in lines)


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest rank: always a value that was measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """The usual one."""
    return statistics.median(values)


def both(values: Sequence[float]) -> str:
    """p50 and p95."""
    return f"{percentile(values, 0.5):.2f} / {percentile(values, 0.95):.2f}"
