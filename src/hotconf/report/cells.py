"""Text as a terminal shows it: how many cells it takes, tabs as spaces, and parts of it that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from hotconf.text import printable

TAB: Final = 4
"""Cells from one tab stop to the next."""

BAR: Final = "│"
"""Stands between the number of a line of source and its text."""

_NO_CELL: Final = ("Mn", "Me")


def width(text: str) -> int:
    """The cells that `text`, which must be printable, takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def spread(text: str, start: int = 0) -> str:
    """`text` printable, its tabs as spaces up to the next stop; it will stand `start` cells after one."""
    first, *rest = map(printable, text.split("\t"))
    parts = [first]
    at = start + width(first)
    for part in rest:
        gap = TAB - at % TAB
        parts += (" " * gap, part)
        at += gap + width(part)
    return "".join(parts)


def head(text: str, cells: int) -> str:
    """The beginning of `text` that fits into `cells`."""
    for index, char in enumerate(text):
        cells -= _width(char)
        if cells < 0:
            return text[:index]
    return text


def pieces(text: str, cells: int) -> Iterator[str]:
    """`text` in pieces that fit into `cells` each, at least a character long; nothing if it is empty."""
    start, left = 0, cells
    for index, char in enumerate(text):
        size = _width(char)
        if size > left and index > start:
            yield text[start:index]
            start, left = index, cells
        left -= size
    if text:
        yield text[start:]


def tail(text: str, cells: int) -> str:
    """The end of `text` that fits into `cells`; never begins with a mark that belongs to the character before."""
    for index in range(len(text) - 1, -1, -1):
        cells -= _width(text[index])
        if cells < 0:
            end = text[index + 1 :]
            marks = next((count for count, char in enumerate(end) if _width(char)), len(end))
            return end[marks:]
    return text


def _width(char: str) -> int:
    if unicodedata.category(char) in _NO_CELL or "\u1160" <= char <= "\u11ff":  # marks; the later parts of Hangul
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
