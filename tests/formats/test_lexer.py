"""What is known of TOML text without parsing it."""

from __future__ import annotations

import re
from pathlib import Path

import hotconf
from hotconf.formats.toml import lexer

SOURCES = sorted(Path(hotconf.__file__).parent.rglob("*.py"))


def test_possessive_repeats_of_groups_are_made_by_one_function() -> None:
    """Before Python 3.11.5 they match wrongly as they stand, and there a valid file would be refused."""
    assert len(SOURCES) > 100
    raw = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\}\}?)\+")
    found = [f"{path.name}: {line}" for path in SOURCES for line in path.read_text().split("\n") if raw.search(line)]
    assert found == []


def test_a_possessive_repeat_gives_nothing_back() -> None:
    """On every Python, for a group in which there are several ways to match, too."""
    string = re.compile(lexer.STRING, re.DOTALL)
    for text in ('"""a"b\\"c"""', "'''a'b''c'''", '"a\\"b"', "'a'", '""', "''''''"):
        found = string.match(text + " rest")
        assert found is not None
        assert found[0] == text
    assert re.fullmatch(lexer.possessive("ab|a") + "b", "ab") is None
    assert re.fullmatch(lexer.possessive("ab", "{0,2}") + "ab", "ababab")
    assert re.fullmatch(lexer.possessive("ab", "{0,2}") + "ab", "abab") is None
