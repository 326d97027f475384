"""The pages are in plain English: none of the phrases that readers stumbled over comes back."""

from __future__ import annotations

import ast
import re
import tokenize
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
    *("the person", "so many", "must not be had", "who follows", "whoever"),
    *("takes? no part", "has it done", "by hand after", "that is to say", "goes? on with what", "what answers"),
)
STILTED = (
    *("what is to be", "what there is", "from now on this", "nobody of ours", "gets to know"),
    *("be had", "afresh", "tried again", "is to be served", r"takes? part", "as of now", "be it", "thereof"),
)
"""In docstrings and comments of the packages that are searched for these, too."""
ODD = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b", re.IGNORECASE)
ODD_OR_STILTED = re.compile(rf"\b(?:{'|'.join((*PHRASES, *STILTED))})\b", re.IGNORECASE)
SOURCE = ROOT / "src/hotconf"
EDITED = [
    *(
        path
        for folder in ("integrations", "fleet", "cli/fleet", "tui/fleet")
        for path in (SOURCE / folder).rglob("*.py")
    ),
    *(ROOT / "tests/fleet").rglob("*.py"),
    *(ROOT / "bench").glob("fleet*.py"),
    *(SOURCE / path for path in ("engine/offers.py", "sources/source.py", "tui/screens/fleet.py")),
]
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


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_odd_phrase_in_a_docstring_or_a_comment(path) -> None:
    """In what people read who write an integration, operate a fleet, or test one."""
    with tokenize.open(path) as file:
        tokens = tokenize.generate_tokens(file.readline)
        texts = [(each.start[0], each.string) for each in tokens if each.type in (tokenize.COMMENT, tokenize.STRING)]
    found = [f"{line}: {text}" for line, text in texts if ODD_OR_STILTED.search(re.sub(r"`[^`]*`", "", text))]
    assert not found


def test_the_search_finds_them() -> None:
    """It is not blind."""
    assert ODD.search("the program is told of it")
    assert ODD_OR_STILTED.search("serves what is to be current")
    assert EDITED[0].is_file()
    assert not ODD.search("hotconf tells you")
