"""Latency as text: how the overheads of reloads are spread, and how long each phase takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotconf.subscribers.stats import PhaseStats

PHASES: Final = ("detect", "read", "parse", "validate", "swap", "overhead")
"""The phases that have bars, in the order of the work. `settle` is the user's window, not time that is lost."""

NOTHING: Final = "nothing measured yet"

_SHORTEST_MS: Final = 0.001
"""No scale ends before it."""
_EIGHTHS_UP: Final = " ▁▂▃▄▅▆▇█"
_EIGHTHS_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_BEYOND: Final = "░"
_FAR: Final = 4
"""The axis ends at this many times p95; longer values do not stretch it."""


def histogram(values: Sequence[float], *, width: int, height: int) -> tuple[str, ...]:
    """How `values`, in milliseconds, are spread: columns of blocks over an axis, `height` lines of `width` in all.

    The axis begins at 0. Single values far beyond the others are counted in the last column, and its label says so:
    `≥ 2 ms`. One line of text where there is nothing to show.
    """
    known = [max(value, 0.0) for value in values if math.isfinite(value)]
    if not known:
        return (NOTHING[:width],)
    top = _top(known)
    counts = [0] * width
    for value in known:
        counts[min(int(value / top * width), width - 1)] += 1
    rows = max(height - 1, 1)
    most = max(counts)
    # At least an eighth: a single slow reload must not be rounded away.
    levels = [math.ceil(count * rows * 8 / most) for count in counts]
    columns = ("".join(_EIGHTHS_UP[min(max(level - 8 * row, 0), 8)] for level in levels) for row in range(rows))
    return (*reversed(tuple(columns)), _axis(top, width, clipped=max(known) > top))


def phase_bars(phases: Mapping[str, PhaseStats], *, width: int) -> tuple[str, ...]:
    """One line for each of `PHASES`: its name, a bar, p50 and p95 in milliseconds, all to one scale.

    The bar is solid up to p50 and light up to p95. One line of text where there is nothing to show.
    """
    shown = [(name, phases[name]) for name in PHASES if name in phases and phases[name].count]
    if not shown:
        return (NOTHING[:width],)
    longest = max(len(name) for name in PHASES)
    figures = [f"{_ms(phase.p50):>6} {_ms(phase.p95):>6}" for _, phase in shown]
    room = max(width - longest - max(map(len, figures)) - 2, 1)
    scale = max(_SHORTEST_MS, *(phase.p95 for _, phase in shown))
    heading = f"{'':{longest}} {'':{room}} {'p50':>6} {'p95 ms':>6}"
    lines = (
        f"{name:<{longest}} {_bar(phase, room / scale):<{room}} {figure}"
        for (name, phase), figure in zip(shown, figures, strict=True)
    )
    return (heading, *lines)


def _bar(phase: PhaseStats, cells_a_ms: float) -> str:
    eighths = max(round(phase.p50 * cells_a_ms * 8), phase.p50 > 0)
    solid = "█" * (eighths // 8) + _EIGHTHS_ACROSS[eighths % 8].strip()
    return solid.ljust(round(phase.p95 * cells_a_ms), _BEYOND)


def _top(values: list[float]) -> float:
    ordered = sorted(values)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return _rounded_up(min(ordered[-1], _FAR * p95) or ordered[-1])


def _rounded_up(value: float) -> float:
    """The next of 1, 2 or 5 times a power of ten."""
    value = max(value, _SHORTEST_MS)
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 2, 5, 10) if value <= unit * step * (1 + 1e-9))


def _axis(top: float, width: int, *, clipped: bool) -> str:
    right = f"{'≥ ' if clipped else ''}{top:g} ms"
    middle = f"{top / 2:g}"
    line = "0" + middle.rjust((width + len(middle)) // 2 - 1)
    if len(line) + 1 + len(right) > width:
        line = "0"
    return (line + right.rjust(width - len(line)))[:width]


def _ms(value: float) -> str:
    """Three digits that matter: `0.412`, `4.12`, `41.2`, `412`."""
    if value >= 100:
        return f"{value:.0f}"
    digits = 3 if value < 1 else 2 if value < 10 else 1
    return f"{value:.{digits}f}"
