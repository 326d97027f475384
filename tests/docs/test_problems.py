"""The page about places: its example runs and prints what it says."""

import subprocess
import sys
from pathlib import Path

from docs.examples import promised

PAGE = (Path(__file__).parents[2] / "docs" / "problems.md").read_text()


def test_the_example_prints_what_it_says(tmp_path: Path):
    """It runs by itself in an empty directory."""
    [block] = [part.split("```")[0] for part in PAGE.split("```python\n")[1:]]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == promised(block)
