"""The examples of the page about signals and processes run as they stand, and print what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.examples import blocks, prints_what_it_says, promised

PAGE = "docs/processes.md"


def test_a_signal_loads_the_files(tmp_path: Path):
    """By `-c`, as the examples of all pages."""
    prints_what_it_says(blocks(PAGE, "python")[0], tmp_path)


def test_a_process_follows(tmp_path: Path):
    """As a file, which the child imports."""
    block = blocks(PAGE, "python")[1]
    (tmp_path / "app.py").write_text(block)
    command = [sys.executable, "-W", "error", "app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == promised(block), done.stderr
