"""Runs of pytest as a user has them, with the plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

PLUGIN: Final = "hotconf.testing.plugin"


def run_pytest(directory: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in `text`, in `directory`. An installation older than the entry point gets the plugin by `-p`."""
    (directory / "test_it.py").write_text(text)
    (directory / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    by_hand = () if entry_points(group="pytest11", name="hotconf") else ("-p", PLUGIN)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *by_hand, *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
