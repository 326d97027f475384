"""Measure everything, print a table. Status 1 only if the bench itself breaks."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import cold, cost, idle, machine, memory, overhead, read
from bench.process import BrokenBenchError, compiled
from bench.table import Row, rendered


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
    starts: int


FULL = Amounts(saves=200, slow_saves=30, busy_saves=40, reloads=100, idle_s=20, processes=5, starts=30)
QUICK = Amounts(saves=40, slow_saves=6, busy_saves=8, reloads=20, idle_s=6, processes=3, starts=10)


def main() -> int:
    """See the module."""
    if sys.platform != "linux":
        print("the bench reads Linux's /proc: it runs on Linux only", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="python -m bench", description="The figures, on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer samples: two minutes instead of fifteen")
    amounts = QUICK if parser.parse_args().quick else FULL
    print("\n".join(machine.facts()), flush=True)
    try:
        with compiled():
            rows = [row for part in _parts(amounts) for row in part()]
    except BrokenBenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{rendered(rows)}\n\nload average at the end {machine.load()}")
    return 0


def _parts(amounts: Amounts) -> Iterator[Callable[[], list[Row]]]:
    yield partial(_overheads, amounts)
    yield read.rows
    yield partial(cost.rows, amounts.reloads)
    yield partial(idle.rows, amounts.idle_s)
    yield partial(memory.rows, amounts.processes)
    yield partial(cold.rows, amounts.starts)


def _overheads(amounts: Amounts) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        fast = overhead.measure(Path(name), 100, amounts.saves)
        slow = overhead.measure(Path(name), 2000, amounts.slow_saves)
        busy = [(window, overhead.measure_busy(Path(name), window, amounts.busy_saves)) for window in (100, 500)]
    return [
        *overhead.rows(fast),
        *overhead.rows(slow),
        *(overhead.busy_row(window, beyond) for window, beyond in busy),
        overhead.publish_row(fast),
        overhead.load_row(fast),
    ]


if __name__ == "__main__":
    sys.exit(main())
