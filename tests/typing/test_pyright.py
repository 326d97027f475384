"""pyright reads what mypy reads. It is a program of Node.js, so this runs only where that is at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(shutil.which("pyright") is None, reason="pyright is not installed")
def test_resources() -> None:
    """Both checkers see the same types of resources, and the same mistakes."""
    command = ["pyright", "--pythonpath", sys.executable, str(HERE / "resources.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout
