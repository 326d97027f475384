"""Pages that a newcomer follows step by step: files, commands, and what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.walk import walk

PAGES = {"tutorial": 5, "recipes": 3, "migrate": 3, "state": 4}


@pytest.mark.parametrize("page", PAGES)
def test_the_page_works_as_it_says(tmp_path: Path, page: str) -> None:
    """Its files are written and its commands typed, in order: each prints what the page shows."""
    assert walk(f"docs/{page}.md", tmp_path) >= PAGES[page]
