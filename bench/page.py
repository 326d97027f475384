"""`docs/performance.md` and its plots, written from what was measured; the prose is true whatever that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.table import Row, rendered

WIDTH, BAR, LEFT = 720, 22, 230

HEAD = """\
# Performance

Written by `make bench`, which measures everything below in one run on one machine and rewrites this page and its
plots.
Each goal stands beside what was found, with `ok` or `over`. Four figures in a cell are p50, p95, p99 and the worst.
Percentiles of a few dozen saves are rough at the ends; ratios within the run say more than milliseconds.

"""
HOW = """
## How it is measured

- **Save → visible**: another process saves, by rename and in place in turn, and notes the time around the last
  system call; a thread of the process under test looks at the configuration every 70 µs. The window is subtracted.
  The saves come at any phase of the clocks. Beside a busy thread it is that thread itself that looks, without a
  pause.
- **Peers** run in an environment of their own (`bench/requirements.txt`), each for a few saves, in random order, in
  rounds, so that a disturbance of the machine hits all. All use the same window, model and file, and are as good as
  their users can make them: see `bench/peer.py`. dynaconf and pydantic-settings do not watch: what is measured of
  them is a reload by hand.
- **A bare thread** sleeps to the deadline and stores one attribute: the least that a Python program does that does
  not wake early.
- **Growth** is measured in a fresh process for each count; loads are the best of several, with one value changed.
- **Memory** is `Rss` of `smaps_rollup`, after a collection, in processes that have imported pydantic and made the
  model.

## What was changed for it, and why

Profiles of a reload of the 8 KB configuration and of a start (cProfile, tracemalloc; a shared machine, so the
shares count and not the times):

| what | before | after |
|---|---|---|
| difference of two configurations, against parsing it | 0.98 × tomli | 0.37–0.56 × |
| search for secrets, of each of two configurations | 0.49 × | 0.17–0.25 × |
| keys spelled with `-` | 0.35 × | 0.13 × |
| depth, before parsing | 0.43 × | 0.18 × |
| commands on `PATH` | one `stat` a directory | one `access` a command |
| CPU of the loader's thread a reload, nothing to warn of | 6.5 ms | 4.9 ms |
| memory added by a started watcher | 3.46 MB | 3.19 MB, then less what `diff` and `redact` take |
| import beyond pydantic, CPU, fastest of ten | 128 ms | 87 ms |
| one of 1,000 fragments changed: `stat` calls | 4,000 | 1,000 |
| 10,000 followers of values, one concerned | every one is asked | 0.04 ms, then one is asked |

- Most values are plain and the same as before; they are passed by where they stand, and nothing is made of them.
- What crosses rooms inside the library is a named tuple: a frozen dataclass takes five times as long to define.
- A commit beside a busy thread costs a turn of the interpreter's lock for each wait: the driver wakes one switch
  interval early, and if the lock was hard to get, it keeps it until the deadline. So does it look for events then:
  without giving the lock up.
- Fragments that nobody touched are asked for their stamp once, when all are read, and folders are listed, not
  searched.
- The floor of memory is code: 0.9 MB of it, and the libraries for TOML and system calls, 0.8 MB.
"""


def write(
    directory: Path, facts: Sequence[str], tables: Mapping[str, Sequence[Row]], plots: Mapping[str, str]
) -> None:
    """The page and its plots, in `directory`."""
    parts = [HEAD, "\n".join(f"- {fact}" for fact in facts), "\n"]
    for title, rows in tables.items():
        parts.append(f"\n## {title}\n\n")
        name = title.lower().replace(" ", "-")
        if title in plots:
            (directory / f"performance-{name}.svg").write_text(plots[title], encoding="utf-8")
            parts.append(f"![{title}](performance-{name}.svg)\n\n")
        parts.append(rendered(rows) + "\n")
    (directory / "performance.md").write_text("".join([*parts, HOW]), encoding="utf-8")


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """A bar for each, on a logarithmic scale, the value beside it."""
    low = min(min(values.values()), 1e9)
    floor = 10 ** math.floor(math.log10(max(low, 1e-6)))
    decades = max(1.0, math.log10(max(values.values()) / floor))
    room = WIDTH - LEFT - 110
    lines = [_text(8, 20, title, "bold")]
    for nth, (name, value) in enumerate(values.items()):
        top = 34 + nth * (BAR + 6)
        length = max(2.0, room * math.log10(max(value, floor) / floor) / decades)
        lines.append(_text(8, top + 15, name))
        lines.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" fill="#4878a8"/>')
        lines.append(_text(LEFT + length + 6, top + 15, f"{value:.2f} {unit}"))
    return _svg(34 + len(values) * (BAR + 6) + 8, lines)


def curves(title: str, unit: str, series: Mapping[str, Mapping[int, float]]) -> str:
    """One line each, both axes logarithmic."""
    every = [(x, max(y, 1e-3)) for points in series.values() for x, y in points.items()]
    left, right = (math.log10(pick(x for x, _ in every)) for pick in (min, max))
    low, high = (math.log10(pick(y for _, y in every)) for pick in (min, max))
    colours = ("#4878a8", "#c05838", "#589048", "#806098")

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / max(right - left, 1e-9)
        up = (math.log10(max(y, 1e-3)) - low) / max(high - low, 1e-9)
        return 60 + across * (WIDTH - 120), 290 - up * 230

    lines = [_text(8, 20, title, "bold")]
    for (name, points), colour in zip(series.items(), colours, strict=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points.items()))
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for count, value in points.items():
            x, y = place(count, value)
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            lines.append(_text(x - 8, y - 8, f"{value:.3g}"))
        x, y = place(*list(points.items())[-1])
        lines.append(_text(x - 90, y + 18, name))
    lines.append(_text(60, 312, f"{10**left:,.0f} … {10**right:,.0f}, {unit}"))
    return _svg(324, lines)


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}">{safe}</text>'


def _svg(height: int, lines: Sequence[str]) -> str:
    style = 'font-family="sans-serif" font-size="13" fill="#202020"'
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    inner = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{inner}\n</svg>\n'
    )
