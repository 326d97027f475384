"""Reading and publishing, by pyperf: `watcher.config` beside a plain slot, and beside the peers' reads."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from bench.budget import Budget
from bench.micro import ALONE, SLOT, program
from bench.process import ROOT, BrokenBenchError
from bench.table import Row, median, spread

OURS = "hotconf"
GOAL = 1.2
VALUES = 5

Found = dict[str, dict[str, dict[str, list[float]]]]
"""Of what, where, by whom. Of a slot, and of publishing, in seconds; all others in reads of a slot."""


def measure(python: str, budget: Budget, *, quick: bool) -> Found:
    """In rounds: in each, a process for each benchmark."""
    found: Found = {}
    for _ in budget.samples(1, 6):
        for name, values in (
            _round(python, "brief", 60, 3) if quick else _round(python, "main", 200, VALUES)
        ).items():
            what, where, who = name.split("|")
            found.setdefault(what, {}).setdefault(where, {}).setdefault(who, []).extend(values)
    return found


def _round(python: str, entry: str, loops: int, values: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "found.json"
        amounts = ["--processes", "1", "--values", str(values), "--warmups", "1", "--loops", str(loops)]
        done = subprocess.run(
            [python, "-c", program(entry), "--quiet", "--copy-env", *amounts, "--output", str(path)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": directory},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BrokenBenchError(f"pyperf ended with status {done.returncode}\n{done.stderr}")
        suite = json.loads(path.read_text())
    return {
        bench["metadata"]["name"]: [value for run in bench["runs"] for value in run.get("values", ())]
        for bench in suite["benchmarks"]
    }


def rows(found: Found) -> list[Row]:
    """A slot in nanoseconds, everybody else as how many times that."""
    config, value = found["config"], found["value"]
    slot = median(config[ALONE][SLOT])
    ours = [median(names[OURS]) for names in config.values()]
    peers = {name: median(each) for name, each in config[ALONE].items() if name not in (OURS, SLOT)}
    by_value = {name: median(each) for name, each in value[ALONE].items() if name not in (OURS, SLOT)}
    faster = [
        *(each / ours[0] for each in peers.values()),
        *(each / median(value[ALONE][OURS]) for each in by_value.values()),
    ]
    method = median(found["method"][ALONE][OURS])
    publish = [each * 1e6 for each in found["publish"][ALONE][OURS]]
    return [
        Row(
            "read of `watcher.config`, the slowest of three surroundings",
            "< 1 µs",
            f"≤ {GOAL} × a slot",
            f"{max(ours):.2f} × ({slot * 1e9:.1f} ns)",
            max(ours) <= GOAL and max(ours) * slot < 1e-6,
            "`watcher.config`, against a plain slot attribute",
        ),
        *(row for where, names in config.items() for row in _beside("the configuration", where, names)),
        Row("  `watcher.get_config()`", "< 1 µs", "", f"{method:.1f} ×", method * slot < 1e-6),
        *(row for where, names in value.items() for row in _beside("a value in it", where, names)),
        Row(
            "  the fastest peer that does not keep it in a slot ÷ hotconf, configuration or value",
            "",
            "> 1 ×",
            f"{min(faster):.1f} ×",
            min(faster) > 1,
            "the fastest peer's read ÷ `watcher.config` (recipes keep it in a plain slot: the row above)",
        ),
        Row("publish", "< 1 ms", "≤ 10 µs", spread(publish, "µs", 1), median(publish) <= 10),
    ]


def _beside(what: str, where: str, names: dict[str, list[float]]) -> list[Row]:
    in_ns = [value * 1e9 for value in names[SLOT]]
    others = [Row(f"    {name}", "", "", f"{spread(each, '×')}") for name, each in names.items() if name != SLOT]
    return [Row(f"  {what}, {where}: {SLOT}", "", "", spread(in_ns, "ns", 1)), *others]
