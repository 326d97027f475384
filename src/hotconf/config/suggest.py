"""What did they mean? The known word that is written almost like an unknown one, or none: never a wild guess.

How often that is right, and how often it is silent, is measured with a corpus: `docs/commands.md` has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from hotconf.text import quoted

_LONGEST: Final = 64
"""Longer words are not compared: the work grows with the square."""
_SHORT: Final = 5
"""Of words with fewer letters many differ in one letter and are words all the same: "post" is not "port"."""
_DISTINCTIVE: Final = 6
"""A word of this many letters is enough to know which one is meant: "retention" is "retention_days"."""
_WORDS: Final = re.compile(r"[-_\s]+|(?<=[a-z0-9])(?=[A-Z])")
_NEGATIONS: Final = ("un", "in", "dis", "non", "no", "not")


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The hint for `word`, `did you mean "temperature"?`; None if no candidate is near."""
    found = suggest(word, candidates)
    return None if found is None else f"did you mean {quoted(found)}?"


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to `word`, the first of several; None if none is near enough to be meant.

    Case, `-` and `_` do not count. In this order: the same letters; the same words, in another order or number; up to
    6 letters may differ in one place, up to 9 in two, more in three, two letters swapped being one place; and, if
    there is only one such candidate, a word that was left out. The opposite is never meant.
    """
    if len(word) > _LONGEST:
        return None
    asked = _form(word)
    best, least, longer = None, 4.0, list[str]()
    for candidate in candidates:
        if candidate == word or len(candidate) > _LONGEST:
            continue
        known = _form(candidate)
        distance = _how_far(asked, known)
        if distance is not None and distance < least:
            best, least = candidate, distance
        elif best is None and _lacks_a_word(asked.words, known.words):
            longer.append(candidate)
    return longer[0] if best is None and len(longer) == 1 else best


class _Form(NamedTuple):
    """A word in the forms in which it is compared."""

    plain: str
    words: tuple[str, ...]


@lru_cache(maxsize=4096)
def _form(text: str) -> _Form:
    plain = text.casefold().replace("-", "").replace("_", "")
    return _Form(plain, tuple(_singular(word.casefold()) for word in _WORDS.split(text) if word))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _how_far(asked: _Form, known: _Form) -> float | None:
    """How far the word is from the one that is known; None if too far to be meant."""
    plain, other = asked.plain, known.plain
    if plain == other:
        return 0
    if sorted(asked.words) == sorted(known.words):
        return 0.5
    distance = _distance(plain, other)
    if distance is None or _is_opposite(plain, other):
        return None
    return None if distance > 1 and _has_another_word(asked.words, known.words) else distance


def _has_another_word(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Are they different words in one place, such as "min" and "max", rather than slips of the hand?"""
    if len(words) == 1 or len(words) != len(others):
        return False
    return any(_distance(one, other) is None for one, other in zip(words, others, strict=True))


def _lacks_a_word(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    if len(words) + 1 != len(others) or not words:
        return False
    if len(words) == 1:
        return words[0] == others[0] and len(words[0]) >= _DISTINCTIVE
    rest = iter(others)
    return all(word in rest for word in words)  # in the same order


def _is_opposite(plain: str, other: str) -> bool:
    short, long = sorted((plain, other), key=len)
    return long.endswith(short) and long.removesuffix(short) in _NEGATIONS


def _distance(word: str, other: str) -> int | None:
    """Letters inserted, left out, replaced, or swapped with the next; None if too many for words of this length.

    In a short word a replaced letter counts for two, and the first letter is hardly ever wrong: "same" is not "name".
    """
    if word == other:
        return 0
    length = min(len(word), len(other))
    swapped = len(word) == len(other) and sorted(word) == sorted(other)
    if length < 3 or (length < _SHORT and not swapped and word[0] != other[0]):
        return None
    limit = (1 if length < 7 else 2 if length < 10 else 3) + (swapped and _SHORT <= length < 7)
    if abs(len(word) - len(other)) > limit:
        return None
    replaced = 2 if length < _SHORT else 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            step = min(before[j] + 1, row[-1] + 1, before[j - 1] + (replaced if letter != wanted else 0))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                step = min(step, older[j - 2] + 1)
            row.append(step)
        if min(row) > limit and min(before, default=0) > limit:
            return None
    return row[-1] if row[-1] <= limit else None
