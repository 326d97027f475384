"""`Places`: where the keys and values of a text stand, read only as far as a question needs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from hotconf.keypath import KeyPath

Range: TypeAlias = tuple[int, int]
"""The offsets of the first character and behind the last one."""
Place: TypeAlias = tuple[KeyPath, Range, Range]
"""A path, and where its key and its value stand; an item of an array is its own key."""


class Span(NamedTuple):
    """From the first character to behind the last one: lines and columns from 1, columns in characters."""

    line: int
    column: int
    end_line: int
    end_column: int


def line_starts(text: str) -> list[int]:
    """The offset of each line, and one behind the text."""
    lengths = map((1).__add__, map(len, text.split("\n")))  # with the newline; quicker than a generator
    return [0, *accumulate(lengths)]


class Places:
    """The places in one text. Paths are spelled as in the text."""

    __slots__ = ("_found", "_reading", "_starts")

    def __init__(self, text: str, reading: Iterator[Place]) -> None:
        """`reading` gives the places of `text`; of several for one path the first counts."""
        self._starts = line_starts(text)
        self._reading = reading
        self._found: dict[KeyPath, tuple[Range, Range]] = {}

    def key(self, path: KeyPath) -> Span:
        """The key at `path`. `KeyError` if there is no such path."""
        return self._span(*self._find(path)[0])

    def value(self, path: KeyPath) -> Span:
        """The value at `path`. `KeyError` if there is no such path."""
        return self._span(*self._find(path)[1])

    def offsets(self, path: KeyPath) -> Range:
        """Where the value at `path` is in the text. `KeyError` if there is no such path."""
        return self._find(path)[1]

    def _find(self, path: KeyPath) -> tuple[Range, Range]:
        self._read(self._reading, path)
        return self._found[path]

    def _read(self, reading: Iterator[Place], path: KeyPath) -> None:
        """Read on until `path` is found."""
        if path not in self._found:
            for here, key, value in reading:
                self._found.setdefault(here, (key, value))
                if here == path:
                    break

    def _span(self, begin: int, end: int) -> Span:
        """The characters from `begin` to behind `end`, two offsets in the text."""
        starts = self._starts
        line = bisect_right(starts, begin)
        end_line = bisect_right(starts, end, line - 1)
        return Span(line, begin - starts[line - 1] + 1, end_line, end - starts[end_line - 1] + 1)


def places_in(
    tokens: Iterable[re.Match[str]], parts: Callable[[Range], Iterable[tuple[str, Range]]], table: KeyPath = ()
) -> Iterator[Place]:
    """The places in `table`, which the `tokens` of a valid text fill. Linear, and without recursion.

    A token is a `key` without what assigns the value, a `value` that is no table or array, or a `mark`: one of
    `[]{}`; others are passed by. `parts`: the parts of a key, each a name; all but the last lead to tables.
    """
    around: list[tuple[KeyPath, Range | None, int]] = [(table, None, 0)]  # of what is open: path, key, beginning
    counts = [-1]  # how many items of it have begun; of a table, -1
    path, key = table, None
    for token in tokens:
        kind = token.lastgroup
        if kind == "key":
            path, key = around[-1][0], None
            for name, part in parts(token.span("key")):
                if key is not None:
                    yield path, key, key
                path, key = (*path, name), part
        elif kind == "mark" and token["mark"] in "]}":
            path, key, begin = around.pop()
            counts.pop()
            own = begin, token.end()
            yield path, key or own, own
        elif kind is not None:
            if counts[-1] >= 0:
                path, key = (*around[-1][0], counts[-1]), None
                counts[-1] += 1
            if kind == "value":
                yield path, key or token.span(), token.span()
            else:
                around.append((path, key, token.start()))
                counts.append(0 if token["mark"] == "[" else -1)
