"""`make fuzz`: atheris, guided by the coverage of hotconf and of Python's own parser, against each target in turn.

`python -m fuzz SECONDS [SEED]`. What breaks a target is written to tests/fuzz/found, which the tests go through.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SLOWEST_S = 20


def main(seconds: int, seed: int) -> int:
    """Every target for its part of the time. 1 if anything was found."""
    from fuzz.targets import TARGETS

    outcomes = {target: _one(target, max(seconds // len(TARGETS), 1), seed) for target in TARGETS}
    for target, (code, last) in outcomes.items():
        print(f"{target:10} {'nothing found' if code == 0 else 'FOUND'}  {last}")
    return int(any(code for code, _ in outcomes.values()))


def _one(target: str, seconds: int, seed: int) -> tuple[int, str]:
    from fuzz.targets import LONGEST

    with tempfile.TemporaryDirectory() as corpus:
        options = [
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST_S}",
            f"-dict={HERE / (target if target in ('yaml', 'json') else 'toml')}.dict",
            f"-artifact_prefix={HERE / 'found' / target}-",
            "-print_final_stats=1",
            "-verbosity=1",
        ]
        command = [
            sys.executable,
            "-m",
            "fuzz.guided",
            target,
            *options,
            corpus,
            str(HERE / "seeds"),
            str(HERE / "found"),
        ]
        done = subprocess.run(command, cwd=HERE.parent, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stderr[-6000:])
    inputs, edges = (_last(pattern, done.stderr) for pattern in (r"number_of_executed_units: *(\d+)", r" cov: (\d+)"))
    return done.returncode, f"{inputs} inputs, {edges} edges covered"


def _last(pattern: str, text: str) -> str:
    return (re.findall(pattern, text) or ["no"])[-1]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(HERE.parent))
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1, 2**31)))
