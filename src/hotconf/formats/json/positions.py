"""`JsonPlaces`: where every key and value of a JSON text begins and ends. Linear, and without recursion.

The text must be one that the parser accepted: nothing is checked again.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from hotconf.compat import possessive
from hotconf.formats.base import Lines, Span
from hotconf.keypath import KeyPath

_Range: TypeAlias = tuple[int, int]
"""The offsets of the first character and behind the last one."""

STRING: Final = '"' + possessive(r'[^"\\]++|\\.') + '"'
"""A pattern for `re.DOTALL`."""
_TOKEN: Final = re.compile(
    rf"(?P<key>{STRING})[ \t\r\n]*+:|(?P<value>{STRING}|[\w.+-]++)|(?P<mark>[\[\]{{}}])", re.DOTALL
)


class JsonPlaces:
    """The `Places` of one text."""

    __slots__ = ("_ranges", "_span")

    def __init__(self, text: str) -> None:
        self._span = Lines(text).span
        self._ranges = _ranges(text)

    def key(self, path: KeyPath) -> Span:
        """The key at `path`, with its quotes; an item of an array is its own key. `KeyError` if there is none."""
        return self._span(*self._ranges[path][0])

    def value(self, path: KeyPath) -> Span:
        """The value at `path`. `KeyError` if there is none."""
        return self._span(*self._ranges[path][1])


def _ranges(text: str) -> dict[KeyPath, tuple[_Range, _Range]]:
    """Of each key and value, by its path."""
    ranges: dict[KeyPath, tuple[_Range, _Range]] = {}
    around: list[tuple[KeyPath, _Range | None, int]] = []  # of what is open: path, key, and where it begins
    counts: list[int] = []  # how many items of it have begun; of an object, -1
    path: KeyPath = ()
    key: _Range | None = None
    for token in _TOKEN.finditer(text):
        if token["key"] is not None:
            path, key = (*around[-1][0], decoded(token["key"])), token.span("key")
        elif token["mark"] in ("]", "}"):
            path, key, begin = around.pop()
            counts.pop()
            own = (begin, token.end())
            ranges[path] = (key or own, own)
        else:
            if counts and counts[-1] >= 0:
                path, key = (*around[-1][0], counts[-1]), None
                counts[-1] += 1
            if token["value"] is not None:
                ranges[path] = (key or token.span(), token.span())
            else:
                around.append((path, key, token.start()))
                counts.append(0 if token["mark"] == "[" else -1)
    return ranges


def decoded(string: str) -> str:
    """What a string of JSON says."""
    if "\\" not in string:
        return string[1:-1]
    import json

    text: str = json.loads(string)
    return text
