"""The examples of the page about layers run as they stand, and print what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.examples import blocks, prints_what_it_says

EXAMPLES = blocks("docs/layers.md", "python")


def test_there_are_examples():
    """Mappings, profiles, the environment, files of variables, options, overrides, sources, and custom layers."""
    assert len(EXAMPLES) == 8


@pytest.mark.parametrize("block", EXAMPLES)
def test_examples_print_what_they_say(block: str, tmp_path: Path):
    """Each by itself in an empty directory."""
    prints_what_it_says(block, tmp_path)
