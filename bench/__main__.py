"""Measure everything, print a table. Status 1 only if the bench itself breaks."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench import (
    changes,
    cold,
    cost,
    eager,
    growth,
    idle,
    leases,
    machine,
    mebibyte,
    memory,
    overhead,
    page,
    plot,
    read,
    readme,
    stall,
    versus,
)
from bench.budget import Budget
from bench.process import BrokenBenchError, compiled
from bench.table import Row, rendered


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds that each part may use for its samples; what it needs at least is measured even so."""

    quick: bool
    peers: float
    generations: int
    """Of the peers' processes."""
    busy: float
    reads: float
    fast: float
    slow: float
    """Overhead, with the window of two seconds."""
    eager: float
    cost: float
    idle: float
    memory: float
    cold: float
    least: int
    """Samples of each kind."""
    reloads: int


FULL = Plan(
    quick=False,
    peers=195,
    generations=3,
    busy=25,
    reads=90,
    fast=70,
    slow=75,
    eager=40,
    cost=40,
    idle=25,
    memory=15,
    cold=50,
    least=20,
    reloads=1000,
)
QUICK = Plan(
    quick=True,
    peers=8,
    generations=1,
    busy=2,
    reads=0,
    fast=5,
    slow=0,
    eager=5,
    cost=2,
    idle=3,
    memory=0,
    cold=3,
    least=3,
    reloads=100,
)

Part: TypeAlias = Callable[[], list[Row]]
PLOTTED = ("idle", "one busy thread", "a busy event loop", "refused")


def main() -> int:
    """See the module."""
    if sys.platform != "linux":
        print("the bench reads Linux's /proc: it runs on Linux only", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="python -m bench", description="The figures, on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer samples: two minutes instead of fifteen")
    parser.add_argument("--peers", metavar="PYTHON", required=True, help="the interpreter of the peers")
    parser.add_argument(
        "--write",
        metavar="DIR",
        type=Path,
        help="write performance.md and its plots there, and the figures in the README",
    )
    given = parser.parse_args()
    facts = [*machine.facts(), *machine.peers(given.peers)]
    if given.quick:
        facts.insert(1, "a quick run (`make bench-quick`): few samples, see n in each cell")
    print("\n".join(facts), flush=True)
    began = time.monotonic()
    plots: dict[str, str] = {}
    tables: dict[str, list[Row]] = {}
    try:
        with compiled():
            for title, part in _parts(QUICK if given.quick else FULL, given.peers, plots):
                started = time.monotonic()
                tables[title] = part()
                print(f"\n{title} ({time.monotonic() - started:.0f} s)\n\n{rendered(tables[title])}", flush=True)
    except BrokenBenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    facts.append(f"load average at the end {machine.load()}; took {time.monotonic() - began:.0f} s")
    print(f"\nGoals at a glance\n\n{page.glance(tables)}\n\n{facts[-1]}")
    if given.write:
        page.write(given.write, facts, tables, plots)
        readme.renew(given.write)
    return 0


def _parts(plan: Plan, peers: str, plots: dict[str, str]) -> Iterator[tuple[str, Part]]:
    """The sections of the page; each that has a plot leaves it in `plots`."""
    yield "Reading", lambda: read.rows(read.measure(peers, Budget(plan.reads), quick=plan.quick))
    yield "Resources", lambda: leases.rows(20 if plan.quick else 100)
    yield "From the save to the reader", partial(_overheads, plan)
    yield "Compared with the peers", partial(_beside, plan, peers, plots)
    yield "CPU and memory of a reload", lambda: cost.rows(Budget(plan.cost), plan.least)
    yield "At rest", lambda: idle.rows(plan.idle)
    yield "Memory and start", lambda: memory.rows(Budget(plan.memory), plan.reloads)
    yield "Cold start", lambda: cold.rows(Budget(plan.cold), plan.least)
    yield "How cost grows", partial(_growing, plan, plots)
    yield "Other threads", lambda: stall.rows(5 if plan.quick else 20)
    yield "Very much, or very little of it", lambda: changes.rows(3 if plan.quick else 5)
    yield "1 MiB of anything", lambda: mebibyte.rows(quick=plan.quick)


def _beside(plan: Plan, peers: str, plots: dict[str, str]) -> list[Row]:
    found = versus.measure(peers, Budget(plan.peers), plan.idle, plan.generations)
    longer = versus.measure_busy(peers, Budget(plan.busy), plan.least)
    plots["Compared with the peers"] = plot.bars(
        "From a save to where it is seen or reported, beyond the window of 100 ms, p50",
        "milliseconds; shorter is better; the poll has no window",
        versus.p50(found, PLOTTED),
        floor=0.1,
    )
    return [*versus.rows(found), *versus.busy_rows(longer)]


def _growing(plan: Plan, plots: dict[str, str]) -> list[Row]:
    series = growth.measure(quick=plan.quick)
    plots["How cost grows"] = plot.curves(
        "How cost grows", "how many bytes, keys, fragments, subscribers", "milliseconds, p50", growth.curves(series)
    )
    return growth.rows(series)


def _overheads(plan: Plan) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        fast = overhead.measure(Path(name), 100, Budget(plan.fast), plan.least, 300)
        slow = overhead.measure(Path(name), 2000, Budget(plan.slow), plan.least, 60)
        at_once = [
            eager.measure(Path(name), Budget(plan.eager / 2), plan.least, 150, clean=clean) for clean in (False, True)
        ]
    return [
        *overhead.rows(fast),
        *overhead.rows(slow),
        *(row for series in at_once for row in eager.rows(series)),
        overhead.load_row(fast),
    ]


if __name__ == "__main__":
    sys.exit(main())
