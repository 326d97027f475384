"""The example of the page about values that need a restart."""

from __future__ import annotations

from pathlib import Path

from docs.examples import blocks, prints_what_it_says


def test_the_example_prints_what_it_says(tmp_path: Path):
    """As it stands, in an empty directory."""
    (block,) = blocks("docs/restart.md", "python")
    prints_what_it_says(block, tmp_path)
