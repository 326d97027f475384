"""The pages are in plain English: none of the phrases that readers stumbled over comes back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

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
SOURCE = ROOT / "src/hotconf"
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_odd_phrase(page) -> None:
    """In no line, outside of names in code."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [f"{number}: {line}" for number, line in enumerate(lines, 1) if ODD.search(re.sub(r"`[^`]*`", "", line))]
    assert not found


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts in a module that are no docstrings, with their lines."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def test_no_odd_phrase_in_a_message() -> None:
    """Nor in what the library, the commands and the app say."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in SOURCE.rglob("*.py")
        for line, text in messages(ast.parse(path.read_text(encoding="utf-8")))
        if " " in text and ODD.search(re.sub(r"`[^`]*`", "", text))
    ]
    assert not found


def test_the_search_finds_them() -> None:
    """It is not blind."""
    assert ODD.search("the program is told of it")
    assert not ODD.search("hotconf tells you")
