"""What did they mean? The known word that is written almost like an unknown one, or none: never a wild guess.

How often that is right, and how often it is silent, is measured with a corpus: `docs/commands.md` has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from hotconf.text import quoted

MOST_COMPARED: Final = 50_000
"""How many pairs of a word and a name to compare."""
_LONGEST: Final = 64
"""Longer words are not compared: the work grows with the square."""
_SHORT: Final = 5
"""Of words with fewer letters many differ in one letter and are words all the same: "post" is not "port"."""
_DISTINCTIVE: Final = 6
"""A word of this many letters is enough to know which one is meant: "retention" is "retention_days"."""
_WORDS: Final = re.compile(r"[-_\s]+|(?<=[a-z0-9])(?=[A-Z])")
_NEGATIONS: Final = ("un", "in", "dis", "non", "no", "not")
_KEYBOARD: Final = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
"""Its rows, and how far each is moved to the right."""


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
    asked = _Form.of(word)
    best, least, longer = None, 4.0, list[str]()
    for candidate in candidates:
        if candidate == word or len(candidate) > _LONGEST:
            continue
        known = _form(candidate)
        distance = _how_far(asked, known, least)
        if distance is not None:
            best, least = candidate, distance
        elif best is None and _lacks_a_word(asked.words, known.words):
            longer.append(candidate)
    return longer[0] if best is None and len(longer) == 1 else best


class Slips:
    """Finds misspelt names, comparing a bounded number of pairs: beyond, every word counts as misspelt."""

    __slots__ = ("_known", "_left")

    def __init__(self) -> None:
        self._left = MOST_COMPARED
        self._known: dict[tuple[frozenset[str], str], bool] = {}

    def near(self, word: str, names: frozenset[str]) -> bool:
        """Whether `word` is one of `names`, or almost so."""
        known = self._known.get((names, word))
        if known is None:
            self._left -= len(names)
            known = self._left < 0 or word in names or suggest(word, names) is not None
            self._known[names, word] = known
        return known


class _Form(NamedTuple):
    """A word in the forms in which it is compared."""

    plain: str
    words: tuple[str, ...]
    any_order: tuple[str, ...]
    letters: int
    """A bit for each letter that occurs; some share one."""

    @classmethod
    def of(cls, text: str) -> _Form:
        plain, words = _plain(text), _words(text)
        letters = 0
        for letter in plain:
            letters |= 1 << (ord(letter) & 63)
        return cls(plain, words, tuple(sorted(words)), letters)


_form = lru_cache(maxsize=4096)(_Form.of)
"""The same, remembered: a model's fields are compared with every unknown key."""


def _how_far(asked: _Form, known: _Form, least: float) -> float | None:
    """How far the word is from the one that is known; None if not nearer than `least`, or too far to be meant."""
    plain, other = asked.plain, known.plain
    if plain == other:
        return 0 if least > 0 else None
    if asked.any_order == known.any_order:
        return 0.5 if least > 0.5 else None
    most = int(least - 0.5)
    # Each letter that only one of them has takes a change: hardly any two words are near, and this soon shows it.
    if (
        most <= 0
        or (asked.letters & ~known.letters).bit_count() > most
        or (known.letters & ~asked.letters).bit_count() > most
    ):
        return None
    limit = min(most, _tolerance(plain, other))
    distance = _distance(plain, other, limit) if limit > 0 else None
    if distance is None or _is_opposite(plain, other):
        return None
    return None if distance > 1 and _has_another_word(asked.words, known.words) else distance


def _has_another_word(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Are they different words in one place, such as "min" and "max", rather than slips of the hand?"""
    if len(words) == 1 or len(words) != len(others):
        return False
    pairs = zip(words, others, strict=True)
    return any(_distance(one, other, _tolerance(one, other)) is None for one, other in pairs)


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


def _plain(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_singular(word.casefold()) for word in _WORDS.split(text) if word)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _tolerance(word: str, other: str) -> int:
    length = min(len(word), len(other))
    if length < 3:
        return 0
    same = len(word) == len(other) and sorted(word) == sorted(other)
    if length < _SHORT:
        # Of words so short the first letter is hardly ever the wrong one: "same" is not "name".
        return int(same or word[0] == other[0])
    return (1 if length < 7 else 2 if length < 10 else 3) + (same and length < 7)


def _distance(word: str, other: str, limit: int) -> int | None:
    """Insertions, deletions, replacements and swaps of neighbours that make one the other; None if over `limit`."""
    if word == other:
        return 0
    if abs(len(word) - len(other)) > limit:
        return None
    if min(len(word), len(other)) < _SHORT:
        return _distance_of_short(word, other, limit)
    distance = _distance_in_bits(_places(word), len(word), other)
    return distance if distance <= limit else None


def _distance_in_bits(places: Mapping[str, int], length: int, other: str) -> int:
    """The distance of a word of `length` letters, which stand at `places`: a column of the matrix at a time.

    Hyyrö's bit-parallel algorithm. `fewer` and `more` are the differences between neighbours of a column.
    """
    full = (1 << length) - 1
    last, distance = 1 << (length - 1), length
    more, fewer, same, before = full, 0, 0, 0
    for letter in other:
        here = places.get(letter, 0)
        swapped = ((~same & here) << 1) & before
        same = ((((here & more) + more) ^ more) | here | fewer | swapped) & full
        up = fewer | (~(same | more) & full)
        down = same & more
        distance += bool(up & last) - bool(down & last)
        up = (up << 1) | 1
        more = ((down << 1) | ~(same | up)) & full
        fewer = up & same
        before = here
    return distance


@lru_cache(maxsize=1024)
def _places(word: str) -> Mapping[str, int]:
    """A bit for each place where a letter stands."""
    places: dict[str, int] = {}
    for index, letter in enumerate(word):
        places[letter] = places.get(letter, 0) | 1 << index
    return places


def _distance_of_short(word: str, other: str, limit: int) -> int | None:
    """The same, where a replacement counts for two if the keys are not neighbours."""
    before: list[int] = []
    row = [*range(min(len(other), limit) + 1), *[limit + 1] * (len(other) - limit)]
    for i, letter in enumerate(word, 1):
        older, before, row = before, row, [min(i, limit + 1)] + [limit + 1] * len(other)
        for j in range(max(1, i - limit), min(len(other), i + limit) + 1):  # beyond, it is over the limit
            wanted = other[j - 1]
            replaced = 0 if letter == wanted else 1 if _are_neighbours(letter, wanted) else 2
            step = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + replaced)
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                step = min(step, older[j - 2] + 1)
            row[j] = step
        if min(row) > limit and min(before) > limit:
            return None
    return row[-1] if row[-1] <= limit else None


@lru_cache(maxsize=1024)
def _are_neighbours(one: str, other: str) -> bool:
    """Are their keys beside each other, so that a finger may hit the wrong one?"""
    places = [
        (row, shift + keys.index(letter))
        for letter in (one, other)
        for row, (keys, shift) in enumerate(_KEYBOARD)
        if letter in keys
    ]
    return len(places) == 2 and abs(places[0][0] - places[1][0]) <= 1 and abs(places[0][1] - places[1][1]) <= 1
