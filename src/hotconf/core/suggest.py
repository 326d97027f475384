"""What did they mean? The known word that is written almost like an unknown one, or none: never a wild guess."""

from __future__ import annotations

from collections.abc import Iterable

from hotconf.text import quoted

_LONGEST = 64
"""Longer words are not looked at: the work grows with the square."""


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The hint for `word`, `did you mean "temperature"?`; None if no candidate is near."""
    found = suggest(word, candidates)
    return None if found is None else f"did you mean {quoted(found)}?"


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to `word`, the first of several; None if none is near enough to be meant.

    Case, `-` and `_` do not count. Otherwise up to 5 letters may differ in one place, up to 9 in two, more in three;
    two letters swapped are one place.
    """
    if len(word) > _LONGEST:
        return None
    plain, best, least = _plain(word), None, 4
    for candidate in candidates:
        other = _plain(candidate)
        limit = min(least - 1, _tolerance(plain, other))
        distance = _distance(plain, other, limit) if limit >= 0 else None
        if distance is not None and candidate != word:
            best, least = candidate, distance
    return best


def _plain(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")


def _tolerance(word: str, other: str) -> int:
    length = min(len(word), len(other))
    if length < 3 or len(other) > _LONGEST:
        return 0
    if length < 5 and word[0] != other[0] and sorted(word) != sorted(other):
        return 0  # of words so short the first letter is hardly ever the wrong one: "same" is not "name"
    return 1 if length < 6 else 2 if length < 10 else 3


def _distance(word: str, other: str, limit: int) -> int | None:
    """Insertions, deletions, replacements and swaps of neighbours that make one the other; None if over `limit`."""
    if word == other:
        return 0
    if abs(len(word) - len(other)) > limit:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            step = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                step = min(step, older[j - 2] + 1)
            row.append(step)
        if min(row) > limit and min(before) > limit:
            return None
    return row[-1] if row[-1] <= limit else None
