"""What can be known of TOML text without parsing it: strings, places, depth. Linear in the text, whatever is in it.

The scanners here read any text, valid or not: possessive patterns, nothing is tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH

_IN_TEXT = possessive(r'[^"\\]++|\\.|"(?!"")')
_IN_LITERAL = possessive(r"[^']++|'(?!'')")
_IN_LINE = possessive(r'[^"\\\n]++|\\.')
_IN_CLOSED_LINE = possessive(r'[^"\\\n]++|\\[^\n]')

STRING: Final = (
    rf'(?:"""{_IN_TEXT}(?:"{{3,5}}|\\?\Z)'
    rf"|'''{_IN_LITERAL}(?:'{{3,5}}|\Z)"
    rf'|"{_IN_LINE}"?'
    r"|'[^'\n]*+'?)"
)
"""A string, as a pattern for `re.DOTALL`. It always matches at a quote: one that does not close ends with its line or
the text."""

CLOSED_STRING: Final = (
    rf'(?:"""{_IN_TEXT}"{{3,5}}'
    rf"|'''{_IN_LITERAL}'{{3,5}}"
    rf'|"(?!""){_IN_CLOSED_LINE}"'
    r"|'(?!'')[^'\n]*+')"
)
"""The same, but nothing at a quote that does not close."""

LINE_STRING: Final = rf"""(?:"{_IN_LINE}"|'[^'\n]*+')"""
"""A string of one line that closes: what a key may be."""

BETWEEN_BRACKETS: Final = rf"[^\[\]{{}}\"'#]++|{STRING}|#[^\n]*+"
"""What may be between two brackets of a value."""

_BETWEEN_MARKS = possessive(rf"[^\[\]{{}}.,=\n\"'#]++|{STRING}|#[^\n]*+")
MARK = re.compile(rf"{_BETWEEN_MARKS}(\n|\[\[?|[\]{{}}.,=]|\Z)", re.DOTALL)
"""Everything up to the next mark that gives a document its structure; the group is the mark, empty at the end.

It matches at every offset: one that did not would be tried at each, and be quadratic."""


def statements(text: str) -> Iterator[int]:
    """Where each key/value pair or header may begin: the offset of each line that is not inside brackets."""
    yield 0
    inside = 0
    for match in MARK.finditer(text):
        mark = match[1]
        if mark == "\n":
            if not inside:
                yield match.end()
        elif mark in ("]", "}"):
            inside = max(inside - 1, 0)
        elif mark in ("[", "[[", "{"):
            inside += len(mark)


def behind(text: str, at: int) -> int:
    """The offset behind the array or inline table that begins at `at`; the end, if it does not close."""
    depth = 0
    for found in MARK.finditer(text, at):
        mark = found[1]
        if mark in ("[", "[[", "{"):
            depth += len(mark)
        elif mark in ("]", "}"):
            depth -= 1
            if not depth:
                return found.end()
    return len(text)


def too_deep(text: str) -> int | None:
    """The offset at which nesting first exceeds `MAX_DEPTH`; None if it never does."""
    level = header = 0
    naming = True  # in a key, where a dot leads one level down; in a value it is the point of a number
    inside: list[tuple[int, bool]] = []  # of each open bracket: the level in it, and whether keys come next
    for index, mark in enumerate(MARK.findall(text)):
        if mark == "\n":
            if not inside:
                level, naming = header, True
        elif mark in (".", "="):
            level += naming
            naming = naming and mark == "."
        elif mark == ",":
            if inside:
                level, naming = inside[-1]
        elif mark in ("]", "}"):
            if inside:
                inside.pop()
            else:  # only a header closes what is not open
                header = level
        elif naming and not inside and mark != "{":
            level = len(mark)
        else:
            for bracket in mark:
                level += bracket == "["
                naming = bracket == "{"
                inside.append((level, naming))
        if level > MAX_DEPTH:
            return next(islice(MARK.finditer(text), index, None)).start(1)
    return None
