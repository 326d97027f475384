"""`docs/performance.md`, written from what was measured; the prose is true whatever that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import changed
from bench.summary import first_screen
from bench.table import Row, rendered

HEAD = """\
# Performance

What a watcher costs and how fast it is, next to what you would write yourself with watchdog or watchfiles. These are
medians of one run, on the machine and at the time below.

"""
MORE = """
hotconf costs more memory, start-up time and CPU per reload than a recipe, which has no layers, origins, differences
or checks. The other sections have every figure, by topic; `make bench` measures all of them again in one run, and
rewrites this page and its plots.

"""
READING = """
Four figures in a cell are p50, p95, p99 and the worst, of n samples; a dash stands for a percentile that so few
samples cannot give (20 for p95, 100 for p99). Ratios within the run say more than milliseconds: a shared machine
changes its speed, for all at once.
"""
HOW = """
## How it is measured

- **Save → visible**: another process saves, by rename and in place in turn, and notes the time around the last
  system call; a thread of the process under test looks at the configuration every 70 µs. The window is subtracted.
  The saves come at any phase of the clocks. A figure below zero means that the saver itself was interrupted between
  that call and its look at the clock. Beside busy threads it is one of them that looks, without a pause; in an event
  loop it is a callback that schedules itself again.
- **Peers** run in an environment of their own (`bench/requirements.txt`). All are started, and then save in turn, in
  random order, so that a disturbance of the machine hits all. All use the same window of 100 ms, model and file, and
  are as good as their users can make them: see `bench/peer.py`. `watchfiles` looks once a step, and a shorter step
  would be a shorter window. The poll has no window. dynaconf and pydantic-settings do not watch: what is measured of
  them is a reload by hand. Memory at rest is what each adds to a process that has imported pydantic and the model,
  what it shares with the model's import not counted.
- **A bare thread** sleeps to the deadline and stores one attribute: the least that a Python
  program does.
- **An invalid save** is told by `ReloadFailed` to a callback, by dynamic-config-py to its stream of events, and by
  the recipes where they catch the exception.
- **Reads** are what a user writes, `it.config` and `it.config.model` (`it.current().model` for dynamic-config-py,
  `it.model` for dynaconf), in the same loop, the cost of which is subtracted, each in turns of some microseconds with
  a plain slot that holds the same object, by pyperf, in processes of their own. The clock is that of the reading
  thread's CPU. The writer beside them saves and reloads all the while. The recipes and pydantic-settings keep their
  configuration in such a slot: their read is the slot's. dynaconf is read without a writer only: while it reloads,
  its readers find nothing and raise.
- **At rest**: by the kernel's counters of CPU time and voluntary switches, of all processes in the same seconds.
- **Growth** is measured in a fresh process for each count, with one value changed. A storm that goes on for longer
  than five windows ends before the window after its last write is over.
- **Memory** is `Rss` of `smaps_rollup`, after a collection, in processes that have imported pydantic and made the
  model.

## What was changed for it, and why

Profiles before and after, of a reload of the 8 KB configuration and of a start, on a shared machine, so that shares
count and not the times:

"""


def write(
    directory: Path, facts: Sequence[str], tables: Mapping[str, Sequence[Row]], plots: Mapping[str, str]
) -> None:
    """The page and its plots, in `directory`."""
    parts = [HEAD, first_screen(tables), "\n", MORE, "\n".join(f"- {fact}" for fact in facts), "\n", READING]
    parts.append(f"\n## All goals\n\n{glance(tables)}\n")
    for title, rows in tables.items():
        parts.append(f"\n## {title}\n\n")
        name = title.lower().replace(" ", "-")
        if title in plots:
            (directory / f"performance-{name}.svg").write_text(plots[title], encoding="utf-8")
            parts.append(f"![{title}](performance-{name}.svg)\n\n")
        parts.append(rendered(rows) + "\n")
    page = "".join([*parts, HOW, changed.rendered(), "\n"])
    (directory / "performance.md").write_text(page, encoding="utf-8")


def glance(tables: Mapping[str, Sequence[Row]]) -> str:
    """The goals, each in one row."""
    return rendered(
        replace(row, what=row.headline, specification="") for rows in tables.values() for row in rows if row.headline
    )
