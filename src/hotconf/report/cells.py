"""Text as a terminal shows it: how many cells it takes, tabs as spaces, and parts of it that fit.

Terminals disagree about how wide some characters are: those that change or join the one before (skin tones, variation
selectors, flags, spacing marks), that are invisible, or whose width Unicode has changed. About three in four draw `❤️`
in one cell, the others in two, and none of them can be asked. `steady` shows these characters as escapes, as it does
the joiner (U+200D), so that all terminals agree about what is left, and nothing behind it is shifted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from hotconf.text import escaped

TAB: Final = 4
"""Cells from one tab stop to the next."""

BAR: Final = "│"
"""Stands between the number of a line of source and its text."""

_NARROWEST: Final = 20
_WORD: Final = re.compile(r"(?<!\s)\s*+\S+")
_NO_CELL: Final = ("Mn", "Me")
_UNSTEADY: Final = re.compile(
    "[\U0001f3fb-\U0001f3ff"  # skin tones
    "\U0001f1e6-\U0001f1ff"  # the letters of flags
    "\ufe00-\ufe0f\u180b-\u180f\U000e0100-\U000e01ef"  # variation selectors
    "\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5"  # fillers, which are invisible
    "\u302e\u302f\U00016ff0\U00016ff1\ud7b0-\ud7ff"  # wide marks; later parts of old Hangul
    "\u3248-\u324f"  # circled numbers, by East Asian custom
    "\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d376]"  # wide since Unicode 16
)


def steady(text: str) -> str:
    """`text` with every character that is not printable, or not of the same width in all terminals, as an escape.

    Each character by itself, so that what is done to a text is done to its parts.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_steady, text))


def width(text: str) -> int:
    """The cells that `text`, which must be `steady`, takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def spread(text: str, start: int = 0) -> str:
    """`text` steady, its tabs as spaces up to the next stop; it will stand `start` cells after one."""
    first, *rest = map(steady, text.split("\t"))
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


def cut(text: str, cells: int) -> str:
    """`text`, or its beginning and an ellipsis, in at most `cells`, of which there must be one."""
    return text if width(text) <= cells else head(text, cells - 1) + "…"


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


def wrapped(text: str, room: int, first: int | None = None) -> list[str]:
    """`text` on lines of at most `room` cells, the first of at most `first`, broken between words where possible."""
    room = max(room, _NARROWEST)
    lines = [""]
    left = room if first is None else max(first, 1)
    for word in _WORD.findall(steady(text)):
        size = width(word)
        if size > left and (lines[-1] or left < room):
            word = word.lstrip()
            size = width(word)
            lines.append("")
            left = room
        *full, last = pieces(word, room)
        lines[-1:] = [*full, last] if full else [lines[-1] + last]
        left = room - width(last) if full else left - size
    return lines


def tail(text: str, cells: int) -> str:
    """The end of `text` that fits into `cells`; never begins with a mark that belongs to the character before."""
    for index in range(len(text) - 1, -1, -1):
        cells -= _width(text[index])
        if cells < 0:
            end = text[index + 1 :]
            marks = next((count for count, char in enumerate(end) if _width(char)), len(end))
            return end[marks:]
    return text


@lru_cache(4096)
def _steady(char: str) -> str:
    fits = char.isprintable() and unicodedata.category(char) != "Mc" and not _UNSTEADY.match(char)
    return char if fits else escaped(char)


def _width(char: str) -> int:
    if unicodedata.category(char) in _NO_CELL or "\u1160" <= char <= "\u11ff":  # marks; the later parts of Hangul
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def folded(text: str, cells: int, indent: int = 0) -> Iterator[str]:
    """`text` on lines of at most `cells`, broken at spaces, the second and later ones indented. A word that does not
    fit into a line has one of its own, and may be longer: it may be a path, to be copied.
    """
    line, room = "", max(cells, 1)
    blank = " " * min(indent, cells // 2)
    for index, word in enumerate(_words(text)):
        fits = width(line) + width(word.rstrip()) <= room
        if index and not fits and line.strip():
            yield line.rstrip()
            line = blank
        line += word
    yield line.rstrip() if width(line) > room else line


def _words(text: str) -> Iterator[str]:
    """With the spaces behind them; those at the beginning belong to the first."""
    start = len(text) - len(text.lstrip(" "))
    begin = 0
    while begin < len(text):
        space = text.find(" ", max(begin, start))
        end = len(text) if space < 0 else space
        while end < len(text) and text[end] == " ":
            end += 1
        yield text[begin:end]
        begin = end
