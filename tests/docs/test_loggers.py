"""The example of the page about logging runs as it stands, and prints what it says."""

from __future__ import annotations

from pathlib import Path

from docs.examples import blocks, prints_what_it_says


def test_the_example_prints_what_it_says(tmp_path: Path):
    """A level that is raised, and one that there is not."""
    (block,) = blocks("docs/loggers.md", "python")
    prints_what_it_says(block, tmp_path)
