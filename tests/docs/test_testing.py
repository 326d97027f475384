"""The examples of the page about tests are tests, and pass."""

from __future__ import annotations

from pathlib import Path

from docs.examples import blocks
from testing.runs import run_pytest

PAGE = "docs/testing.md"


def test_the_examples_pass(tmp_path: Path):
    """Each in a module of its own, as it stands."""
    found = blocks(PAGE, "python")
    assert len(found) == 5
    for number, block in enumerate(found[1:]):
        (tmp_path / f"test_example_{number}.py").write_text(block)
    done = run_pytest(tmp_path, found[0])
    assert "6 passed" in done.stdout, done.stdout
