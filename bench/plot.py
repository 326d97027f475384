"""Plots as SVG: bars in groups, and curves; logarithmic, because what is compared differs by orders of magnitude."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 760
COLOURS = ("#2f6db3", "#c8553d", "#4f9153", "#8a63a8", "#b08a2e", "#4b9aa3", "#7a7a7a", "#b3577f")
INK, FAINT = "#202020", "#d8d8d8"
ROW, LABELS, VALUES = 18, 170, 80
LEFT, TOP, HEIGHT = 64, 64, 300


class Scale:
    """Places on a logarithmic axis from `start` to `end`, whole decades."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Of a value; what is below the axis lies at its beginning."""
        share = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Each decade, and how it is written."""
        for power in range(self._low, self._high + 1):
            yield self.place(10.0**power), f"{10.0**power:,.{max(0, -power)}f}"


def bars(title: str, axis: str, groups: Mapping[str, Mapping[str, float]], floor: float) -> str:
    """A group of bars for each name, the value beside each; what is less than `floor` is drawn as that."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = dict(zip(names, COLOURS, strict=False))
    every = [max(value, floor) for group in groups.values() for value in group.values()]
    scale = Scale(every, LABELS, WIDTH - VALUES)
    bottom = 44 + sum(26 + ROW * len(group) + 8 for group in groups.values())
    lines = [_text(10, 22, title, weight="bold")]
    for place, label in scale.ticks():
        lines.append(f'<path d="M{place:.1f} 40V{bottom}" stroke="{FAINT}"/>')
        lines.append(_text(place, bottom + 16, label, anchor="middle", size=11))
    top = 44.0
    for what, group in groups.items():
        lines.append(_text(10, top + 16, what, weight="bold", size=12))
        top += 26
        for name, value in group.items():
            length = max(2.0, scale.place(max(value, floor)) - LABELS)
            bar = f'x="{LABELS}" y="{top:.1f}" width="{length:.1f}" height="{ROW - 4}"'
            lines.append(_text(LABELS - 8, top + 12, name, anchor="end", size=12))
            lines.append(f'<rect {bar} fill="{colours[name]}"/>')
            lines.append(_text(LABELS + length + 6, top + 12, f"{value:.3g}", size=12))
            top += ROW
        top += 8
    lines.append(_text((LABELS + WIDTH - VALUES) / 2, bottom + 34, axis, anchor="middle", size=12))
    return _svg(bottom + 46, lines)


def curves(title: str, across: str, up: str, series: Mapping[str, Mapping[int, float]]) -> str:
    """A line for each name, with a legend above."""
    points = [point for line in series.values() for point in line.items()]
    horizontal = Scale([x for x, _ in points], LEFT, WIDTH - 30)
    vertical = Scale([y for _, y in points], TOP + HEIGHT, TOP)
    lines = [_text(10, 22, title, weight="bold")]
    for place, label in horizontal.ticks():
        lines.append(f'<path d="M{place:.1f} {TOP}V{TOP + HEIGHT}" stroke="{FAINT}"/>')
        lines.append(_text(place, TOP + HEIGHT + 18, label, anchor="middle", size=11))
    for place, label in vertical.ticks():
        lines.append(f'<path d="M{LEFT} {place:.1f}H{WIDTH - 30}" stroke="{FAINT}"/>')
        lines.append(_text(LEFT - 6, place + 4, label, anchor="end", size=11))
    at = 10.0
    for (name, line), colour in zip(series.items(), COLOURS, strict=False):
        lines.append(f'<rect x="{at:.1f}" y="36" width="12" height="12" fill="{colour}"/>')
        lines.append(_text(at + 18, 46, name, size=12))
        at += 34 + 6.4 * len(name)
        placed = [(horizontal.place(x), vertical.place(y)) for x, y in line.items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
    lines.append(_text((LEFT + WIDTH) / 2, TOP + HEIGHT + 40, across, anchor="middle", size=12))
    middle = TOP + HEIGHT / 2
    lines.append(f'<g transform="rotate(-90 14 {middle})">{_text(14, middle, up, anchor="middle", size=12)}</g>')
    return _svg(TOP + HEIGHT + 54, lines)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 14) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    how = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{safe}</text>'


def _svg(height: float, lines: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    inner = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" fill="{INK}">\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>\n{inner}\n</svg>\n'
    )
