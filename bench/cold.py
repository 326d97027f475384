"""Cold start: a whole `hotconf check`, beside a process that only imports pydantic. Both find their bytecode.

The two run in turn, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import config
from bench.process import BrokenBenchError
from bench.table import Row, median

GOAL = 2.0
_BASE = [sys.executable, "-c", "from pydantic import BaseModel, TypeAdapter"]
_CHECK = [sys.executable, "-c", "from hotconf.cli import main; main()", "check"]


def rows(runs: int) -> list[Row]:
    """One for a file without a problem, one for a file with some to show."""
    with tempfile.TemporaryDirectory() as name:
        good, bad = Path(name) / "good.toml", Path(name) / "bad.toml"
        good.write_bytes(config.text(0))
        bad.write_bytes(config.text(0) + b'\n[cost]\nenabled = "yes"\ndaily_limit = 1\n')
        return [_row("a valid file", good, 0, runs), _row("an invalid one", bad, 1, runs)]


def _row(which: str, path: Path, status: int, runs: int) -> Row:
    base, check = [], []
    for index in range(runs + 1):
        pair = _spent(_BASE, 0), _spent([*_CHECK, str(path)], status)
        if index:  # the first writes the bytecode
            base.append(pair[0])
            check.append(pair[1])
    ratio = median(check) / median(base)
    what = f"`hotconf check` of {which}, whole process, × importing pydantic (p50 of {runs})"
    measured = f"{median(check):.0f} / {median(base):.0f} ms = {ratio:.2f} ×"
    return Row(what, "", f"{GOAL:.1f} ×", measured, ratio <= GOAL)


def _spent(command: list[str], status: int) -> float:
    """Milliseconds that `command` takes from start to end."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    spent = (time.perf_counter() - began) * 1e3
    if done.returncode != status:
        raise BrokenBenchError(f"{command} ended with status {done.returncode}\n{done.stderr.decode()}")
    return spent
