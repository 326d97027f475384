"""The pages are in plain English: none of the phrases that readers stumbled over comes back."""

from __future__ import annotations

import re

import pytest

from docs.examples import ROOT

PHRASES = (
    *(
        "(?:is|are|be|was|were) told",
        "told apart",
        "somebody",
        "lies? on",
        "mend(?:ed|s)?",
        "beside",
        "anew",
        "afresh",
    ),
    *("the person", "so many", "must not be had", "who follows", "whoever wants"),
)
ODD = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b", re.IGNORECASE)
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_odd_phrase(page) -> None:
    """In no line, outside of names in code."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [f"{number}: {line}" for number, line in enumerate(lines, 1) if ODD.search(re.sub(r"`[^`]*`", "", line))]
    assert not found


def test_the_search_finds_them() -> None:
    """It is not blind."""
    assert ODD.search("the program is told of it")
    assert not ODD.search("hotconf tells you")
