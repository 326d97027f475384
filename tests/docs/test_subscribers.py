"""The examples of the page about subscribers run as they stand, and print what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.examples import blocks, prints_what_it_says


@pytest.mark.parametrize("number", range(3))
def test_the_examples_print_what_they_say(tmp_path: Path, number: int) -> None:
    """Callbacks, a stream, and asyncio, each by itself in an empty directory."""
    prints_what_it_says(blocks("docs/subscribers.md", "python")[number], tmp_path)
