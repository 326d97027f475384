"""Measure everything, print a table. Status 1 only if the bench itself breaks."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench import cold, cost, eager, growth, idle, machine, memory, overhead, page, read, versus
from bench.process import BrokenBenchError, compiled
from bench.table import Row, percentile, rendered


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is measured."""

    saves: int
    slow_saves: int
    """With the window of two seconds."""
    busy_saves: int
    reloads: int
    idle_s: float
    processes: int
    rounds: int
    """With the peers."""
    round_saves: int
    """Of each peer in each."""
    starts: int


FULL = Amounts(
    saves=200, slow_saves=30, busy_saves=40, reloads=100, idle_s=20, processes=5, starts=30, rounds=4, round_saves=10
)
QUICK = Amounts(
    saves=20, slow_saves=4, busy_saves=4, reloads=10, idle_s=4, processes=1, starts=5, rounds=1, round_saves=5
)


def main() -> int:
    """See the module."""
    if sys.platform != "linux":
        print("the bench reads Linux's /proc: it runs on Linux only", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="python -m bench", description="The figures, on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer samples: two minutes instead of fifteen")
    parser.add_argument("--peers", metavar="PYTHON", help="the interpreter of the peers; without it, no peers")
    parser.add_argument("--write", metavar="DIR", type=Path, help="write performance.md and its plots there")
    given = parser.parse_args()
    facts = [*machine.facts(), *(machine.peers(given.peers) if given.peers else ())]
    print("\n".join(facts), flush=True)
    plots: dict[str, str] = {}
    tables: dict[str, list[Row]] = {}
    try:
        with compiled():
            for title, part in _parts(QUICK if given.quick else FULL, given.peers, plots):
                tables[title] = part()
                print(f"\n{title}\n\n{rendered(tables[title])}", flush=True)
    except BrokenBenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    facts.append(f"load average at the end {machine.load()}")
    print(f"\n{facts[-1]}")
    if given.write:
        page.write(given.write, facts, tables, plots)
    return 0


Part: TypeAlias = Callable[[], list[Row]]


def _parts(amounts: Amounts, peers: str | None, plots: dict[str, str]) -> Iterator[tuple[str, Part]]:
    """The sections of the page; each that has a plot leaves it in `plots`."""
    if peers:
        yield "Beside the peers", partial(_beside, amounts, peers, plots)
    yield "From the save to the reader", partial(_overheads, amounts)
    yield "Reading", read.rows
    yield "CPU and memory of a reload", partial(cost.rows, amounts.reloads)
    yield "At rest", partial(idle.rows, amounts.idle_s)
    yield "Memory and start", partial(memory.rows, amounts.processes)
    yield "Cold commands", partial(cold.rows, amounts.starts)
    yield "How cost grows", partial(_growing, amounts, plots)


def _beside(amounts: Amounts, peers: str, plots: dict[str, str]) -> list[Row]:
    found = versus.measure(peers, amounts.rounds, amounts.round_saves, amounts.idle_s / 2)
    p50 = {name: percentile(found[name].idle, 0.5) for name in versus.WATCHING if found[name].idle}
    busy = {f"{name}, busy": percentile(each.busy, 0.5) for name, each in found.items() if each.busy}
    shown = {name: max(value, 0.01) for name, value in {**p50, **busy}.items()}
    plots["Beside the peers"] = page.bars("Save → visible beyond the window, p50", "ms", shown)
    return versus.rows(found)


def _growing(amounts: Amounts, plots: dict[str, str]) -> list[Row]:
    series = growth.measure(quick=amounts is QUICK)
    chosen = {"size": "bytes", "keys": "keys", "fragments": "fragments", "subscribers": "followers"}
    lines = {what: {n: took[0] for n, took in series[name].items()} for name, what in chosen.items()}
    plots["How cost grows"] = page.curves("Milliseconds of a load, or to the callback", "how many", lines)
    return growth.rows(series)


def _overheads(amounts: Amounts) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        fast = overhead.measure(Path(name), 100, amounts.saves)
        slow = overhead.measure(Path(name), 2000, amounts.slow_saves)
        at_once = [eager.measure(Path(name), amounts.saves // 2, clean=clean) for clean in (False, True)]
        busy = [(window, overhead.measure_busy(Path(name), window, amounts.busy_saves)) for window in (100, 500)]
    return [
        *overhead.rows(fast),
        *overhead.rows(slow),
        *(row for series in at_once for row in eager.rows(series)),
        *(overhead.busy_row(window, beyond) for window, beyond in busy),
        overhead.publish_row(fast),
        overhead.load_row(fast),
    ]


if __name__ == "__main__":
    sys.exit(main())
