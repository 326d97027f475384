"""The example of the page about resources runs as it stands, and prints what it says."""

from __future__ import annotations

from pathlib import Path

from docs.examples import blocks, prints_what_it_says


def test_the_example_prints_what_it_says(tmp_path: Path):
    """A pool that is used during a reload, and one that cannot be made."""
    (block,) = blocks("docs/resources.md", "python")
    prints_what_it_says(block, tmp_path)
