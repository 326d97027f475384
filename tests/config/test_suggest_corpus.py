"""Did-you-mean, measured: how often it is right, how often it is silent; and the page says so."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli

from hotconf.config.shape import shape_of
from hotconf.config.suggest import suggest
from hotconf.speckit import SPECKIT

CORPUS = Path(__file__).parent / "suggestions.toml"
PAGE = Path(__file__).parents[2] / "docs/commands.md"
KEYBOARD = ("qwertyuiop", " asdfghjkl", "  zxcvbnm")


@cache
def sections() -> dict[str, dict[str, Any]]:
    """The corpus; each section with the words that are known there."""
    found = tomli.loads(CORPUS.read_text())
    for section in found.values():
        section.setdefault("known", keys_of(section.get("table", "")))
    return found


def keys_of(table: str) -> list[str]:
    """The keys of a table of the built-in schema."""
    shape = shape_of(SPECKIT)
    for part in filter(None, table.split(".")):
        shape = shape.child(int(part) if part.isdigit() else part)
    return list(shape.keys)


def slips_of_people() -> Iterator[tuple[str, str | None, list[str]]]:
    """What is written, what was meant, what is known."""
    for section in sections().values():
        yield from ((word, meant, section["known"]) for word, meant in section["typos"].items())


def slips_of_machines() -> Iterator[tuple[str, str | None, list[str]]]:
    """Every known word with one letter lost, doubled, swapped with the next one, or hit beside its key."""
    for section in sections().values():
        known = section["known"]
        for meant in known:
            yield from ((word, meant, known) for word in sorted(slips(meant) - {*known, meant}))


def slips(word: str) -> set[str]:
    """`word` with one slip."""
    made = set()
    for i, letter in enumerate(word):
        if letter not in string.ascii_lowercase:
            continue
        before, after = word[:i], word[i + 1 :]
        made |= {before + after, before + letter * 2 + after, *(before + near + after for near in beside(letter))}
        if after and after[0] in string.ascii_lowercase:
            made.add(before + after[0] + letter + after[1:])
    return made


def beside(letter: str) -> list[str]:
    """The letters whose keys touch that of `letter`."""
    row = next(n for n, keys in enumerate(KEYBOARD) if letter in keys)
    column = KEYBOARD[row].index(letter)
    rows = [(keys, n) for n, keys in enumerate(KEYBOARD) if abs(n - row) <= 1]
    # Each row is moved to the right by less than a key against the one above it.
    near = [
        keys[c : c + 1]
        for keys, n in rows
        for c in range(max(column - 1, 0), column + 2)
        if (c - column) * (n - row) >= 0
    ]
    return [key for key in near if key.strip() and key != letter]


def other_words() -> Iterator[tuple[str, str | None, list[str]]]:
    """Synonyms, names of other tools, and plain other things: nothing that is known was meant."""
    for section in sections().values():
        yield from ((word, None, section["known"]) for word in section["others"])


def words_from_elsewhere() -> Iterator[tuple[str, str | None, list[str]]]:
    """Every known word of every section, where it is not known."""
    everything = sorted({word for section in sections().values() for word in section["known"]})
    for section in sections().values():
        yield from ((word, None, section["known"]) for word in everything if word not in section["known"])


ROWS = {
    "slips, collected": slips_of_people,
    "slips, every possible single one": slips_of_machines,
    "other words, collected": other_words,
    "other words, keys and values from elsewhere": words_from_elsewhere,
}
"""The rows of the page's table."""


@cache
def measured(row: str) -> Counter[str]:
    """How often it is right, silent, and wrong."""
    return Counter(verdict(*each) for each in ROWS[row]())


def verdict(word: str, meant: str | None, known: list[str]) -> str:
    """Of what is suggested for `word`."""
    found = suggest(word, known)
    return "silent" if found is None else "right" if found == meant else "wrong"


def test_the_corpus_is_sound():
    """It is large; what is meant is known, and nothing that is written is."""
    for name, section in sections().items():
        known = section["known"]
        assert set(section["typos"].values()) <= set(known), name
        assert not {*section["typos"], *section["others"]} & set(known), name
        assert len(section["typos"]) >= 10, name
        assert len(section["others"]) >= 9, name
    assert sum(1 for _ in slips_of_people()) >= 290
    assert sum(1 for _ in other_words()) >= 240


def test_slips_are_understood_and_never_as_something_else():
    """Of those that were collected at most one in a hundred is passed over."""
    found = measured("slips, collected")
    assert found["wrong"] == 0
    assert found["right"] >= 297


def test_of_all_single_slips_hardly_one_is_misunderstood():
    """Such as "modelz", which may be "model" or "models"."""
    found = measured("slips, every possible single one")
    assert found["right"] >= 0.95 * found.total()
    assert found["wrong"] <= 0.003 * found.total()


def test_other_words_get_no_suggestion():
    """But for "use", where a "user" is known."""
    absurd = [each[0] for each in other_words() if verdict(*each) != "silent"]
    assert absurd == ["use"]


def test_words_from_elsewhere_get_none_but_their_own_other_spelling():
    """ "read_only" is "read-only", "models" is "model", and "mode" may be a slip for that; nothing else is near."""
    near = [(word, suggest(word, known)) for word, _, known in words_from_elsewhere()]
    assert sorted(pair for pair in near if pair[1]) == [
        ("mode", "model"),
        ("mode", "model"),
        ("model", "mode"),
        ("models", "model"),
        ("read-only", "read_only"),
        ("read_only", "read-only"),
    ]


@pytest.mark.parametrize("row", ROWS)
def test_the_page_has_these_figures(row):
    """The table in the documentation is what is measured here."""
    found = measured(row)
    cells = [found.total(), found["right"], found["silent"], found["wrong"]]
    line = rf"^\| {re.escape(row)} \|{''.join(rf' {cell:,} [|]' for cell in cells)}"
    assert re.search(line, PAGE.read_text(encoding="utf-8"), re.MULTILINE), cells
