"""Examples in the documentation: fenced blocks, and what a Python block says that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in `language`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def promised(block: str) -> list[str]:
    """What a block says that it prints."""
    return re.findall(r"# -> (.*?)(?:   \(.*\))?$", block, re.MULTILINE)


def prints_what_it_says(block: str, directory: Path) -> None:
    """Run a Python block by itself in `directory`: its `# ->` comments are lines of its output, in order."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=directory, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = iter(done.stdout.splitlines())
    expected = promised(block)
    assert expected
    for text in expected:
        assert any(line == text for line in lines), f"{text!r} is not in {done.stdout!r}"
