"""Cold start: what an import takes, and a whole `hotconf check`, beside a process that only imports pydantic.

All find their bytecode. They run in turn, so that whatever else the machine does meets all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import config
from bench.budget import Budget
from bench.process import BrokenBenchError, once
from bench.table import Row, median, spread

GOAL = 2.0
IMPORT_MS = 50
_BASE = [sys.executable, "-c", "from pydantic import BaseModel, TypeAdapter"]
_CHECK = [sys.executable, "-c", "from hotconf.cli import main; main()", "check", "--schema", "speckit"]


def rows(budget: Budget, least: int) -> list[Row]:
    """Whole processes, and what is imported."""
    with tempfile.TemporaryDirectory() as name:
        good, bad = Path(name) / "good.toml", Path(name) / "bad.toml"
        good.write_bytes(config.text(0))
        bad.write_bytes(config.text(0) + b'\n[cost]\nenabled = "yes"\ndaily_limit = 1\n')
        base: list[float] = []
        valid: list[float] = []
        invalid: list[float] = []
        imports: list[list[float]] = []
        for nth in budget.samples(least + 1, 60):
            found = _spent(_BASE, 0), _spent([*_CHECK, str(good)], 0), _spent([*_CHECK, str(bad)], 1)
            imported = once("bench.imported")
            if nth:  # the first writes the bytecode
                for values, value in zip((base, valid, invalid), found, strict=True):
                    values.append(value)
                imports.append(imported)
    return [*_imported(imports), *_checks(base, {"a valid file": valid, "an invalid one": invalid})]


def _imported(found: list[list[float]]) -> list[Row]:
    package, watcher, cpu = (list(column) for column in zip(*found, strict=True))
    what = "`from hotconf import HotReloadWatcher`, beyond pydantic"
    return [
        Row("`import hotconf`, beyond pydantic: names only", "", "", spread(package)),
        Row(what, "", f"≤ {IMPORT_MS} ms", spread(watcher), median(watcher) <= IMPORT_MS, what),
        Row("  CPU of it", "", "", spread(cpu)),
    ]


def _checks(base: list[float], checks: dict[str, list[float]]) -> list[Row]:
    found = [Row("importing `BaseModel` and `TypeAdapter`, whole process", "", "", spread(base, digits=0))]
    for which, took in checks.items():
        ratio = median(took) / median(base)
        what = f"`hotconf check` of {which} ÷ importing pydantic, whole processes, p50"
        found += [
            Row(f"`hotconf check` of {which}, whole process", "", "", spread(took, digits=0)),
            Row(f"  {what}", "", "≤ 2 ×", f"{ratio:.2f} ×", ratio <= GOAL, what),
        ]
    return found


def _spent(command: list[str], status: int) -> float:
    """Milliseconds that `command` takes from start to end."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    spent = (time.perf_counter() - began) * 1e3
    if done.returncode != status:
        raise BrokenBenchError(f"{command} ended with status {done.returncode}\n{done.stderr.decode()}")
    return spent
