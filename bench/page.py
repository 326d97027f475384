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
FLEET = "\n## The fleet\n"
FLEET_INTRO = """\
`make bench-fleet` measures these by itself. Three servers of etcd and all instances, each a process of its own, share
this machine's processors; *applied* is when an instance has published the document to its program.
"""
FLEET_FAULTS = """\
When etcd fails, or the way to it: six processes look every 20 ms at what they serve, and at their `health()`.
*Reported* is from the fault until that is `degraded`, or until `fleet status` says `ahead`; *caught up*, from the
end of the fault, or from the publish, until the document is served and all is well again. Of three servers, the one
that fails is the one with most connections, and it is still down when they have caught up.
"""
HOW = """
## How it is measured

- **Save → visible**: another process saves, by rename and in place in turn, and notes the time around the last
  system call; a thread of the process under test reads the configuration every 70 µs. The window is subtracted.
  Saves come at random moments. A figure below zero means that the saving process was interrupted between that call
  and reading its clock. With busy threads, one of them does the reading, without a pause; in an event loop, a
  callback that schedules itself again does it.
- **Peers** run in a separate environment (`bench/requirements.txt`). All are started, and then save in turn, in
  random order, so that a disturbance of the machine hits all of them. All use the same window of 100 ms, model and
  file, and are written as well as their users could (`bench/peer.py`). `watchfiles` looks for changes once per
  step, and a shorter step would be a shorter window. The poll has no window. dynaconf and pydantic-settings do not
  watch files, so a reload by hand is measured. Memory is what each adds to a process that has already imported
  pydantic and the model.
- **A bare thread** sleeps to the deadline and stores one attribute: the least that any Python program does.
- **An invalid save** is reported by `ReloadFailed` to a callback, by dynamic-config-py to its stream of events, and
  by the recipes where they catch the exception.
- **Reads** are what a user writes: `it.config` and `it.config.model` (`it.current().model` for dynamic-config-py,
  `it.model` for dynaconf). pyperf measures them in separate processes, in turns of some microseconds with a plain
  slot that holds the same object; the cost of the loop is subtracted. The clock is the CPU time of the reading
  thread. The writer saves and reloads all the time. The recipes and pydantic-settings keep their configuration in
  such a slot, so their read is the slot's. dynaconf is read without a writer only: while it reloads, readers find
  nothing and raise.
- **At rest**: the kernel's counters of CPU time and voluntary switches, for all processes in the same seconds.
- **Growth** is measured in a new process for each count, with one value changed. A storm that lasts longer than
  five windows ends before the window after its last write is over.
- **Memory** is `Rss` from `smaps_rollup` after a garbage collection, in processes that have imported pydantic and
  created the model.

## What was made faster

From profiles of a reload of the 8 KB configuration and of a start, before and after. The machine was shared, so
shares say more than times:

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
    page = "".join([*parts, _fleet(directory), HOW, changed.rendered(), "\n"])
    (directory / "performance.md").write_text(page, encoding="utf-8")


def write_fleet(directory: Path, facts: Sequence[str], table: str) -> None:
    """Renew the fleet's section, which `make bench-fleet` measures by itself."""
    path = directory / "performance.md"
    before, how, after = path.read_text(encoding="utf-8").partition(HOW)
    lines = "\n".join(f"- {fact}" for fact in facts)
    section = f"{FLEET}\n{FLEET_INTRO}\n{lines}\n\n{table}\n"
    path.write_text(before.partition(FLEET)[0] + section + how + after, encoding="utf-8")


def _fleet(directory: Path) -> str:
    """The fleet's section, as it was measured last."""
    path = directory / "performance.md"
    before = path.read_text(encoding="utf-8").partition(HOW)[0] if path.exists() else ""
    return "".join(before.partition(FLEET)[1:])


def glance(tables: Mapping[str, Sequence[Row]]) -> str:
    """The goals, each in one row."""
    return rendered(
        replace(row, what=row.headline, specification="") for rows in tables.values() for row in rows if row.headline
    )
