"""The example of the page about signals and processes runs as it stands, and prints what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.examples import blocks, prints_what_it_says

PAGE = "docs/processes.md"


@pytest.mark.parametrize("block", [each for each in blocks(PAGE, "python") if "# ->" in each])
def test_the_example_prints_what_it_says(block: str, tmp_path: Path):
    """A signal loads the files."""
    prints_what_it_says(block, tmp_path)
