"""`outline`: what can be said about the lines of a TOML text, or of one that is to become TOML."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import chain, islice
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH, Outline
from hotconf.formats.places import line_starts
from hotconf.formats.toml.lexer import LINE_STRING, STRING, statements
from hotconf.keypath import KeyPath

_STRING_OR_COMMENT: Final = re.compile(rf"#[^\n]*+|{STRING}", re.DOTALL)
_HEADER: Final = re.compile(r"[ \t]*+\[\[?+([^\n#]*+)")
_PLAIN_HEADER: Final = re.compile(r"[ \t]*+\[\[?+([\w.\- \t]++)\]\]?+[ \t\r]*+(?:#|\Z)")
_PART: Final = rf"(?:[\w-]++|{LINE_STRING})[ \t]*+"
_MORE: Final = possessive(rf"\.[ \t]*+{_PART}")
_OWN_KEY: Final = re.compile(rf"[ \t]*+{_PART}{_MORE}=(?!=)[ \t]*+[^\s=]")
_WORD: Final = re.compile(r"[\w-]+")


def outline(text: str) -> Outline:
    """What can be said about its lines."""
    lines, offsets = text.split("\n"), line_starts(text)
    tables: dict[int, tuple[KeyPath, ...]] = {}
    table: KeyPath = ()
    for offset in statements(text):
        index = bisect_right(offsets, offset) - 1
        header = _HEADER.match(lines[index])
        table = table if header is None else _words(header[1])
        tables[index] = (table,)
    in_strings = (
        range(bisect_right(offsets, match.start()), bisect_right(offsets, match.end()))
        for match in _STRING_OR_COMMENT.finditer(text)
        if "\n" in match[0]
    )
    return Outline(tables, frozenset(chain.from_iterable(in_strings)))


def starts(line: str) -> KeyPath | None:
    """The table of a header; empty for a key; None for what may belong to the line above."""
    header = _PLAIN_HEADER.match(line)
    if header is not None:
        return _words(header[1])
    return () if _OWN_KEY.match(line) else None


def _words(header: str) -> KeyPath:
    return tuple(word[0] for word in islice(_WORD.finditer(header), MAX_DEPTH))
