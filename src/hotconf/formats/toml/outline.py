"""`outline`: what can be said about the lines of a TOML text, or of one that is to become TOML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH, Outline
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
    lines = text.split("\n")
    tables: dict[int, tuple[KeyPath, ...]] = {}
    table: KeyPath = ()
    for index in _line_numbers(text):
        header = _HEADER.match(lines[index])
        table = table if header is None else _words(header[1])
        tables[index] = (table,)
    return Outline(tables, frozenset(_inside_strings(text)))


def starts(line: str) -> KeyPath | None:
    """The table of a header; empty for a key; None for what may belong to the line above."""
    header = _PLAIN_HEADER.match(line)
    if header is not None:
        return _words(header[1])
    return () if _OWN_KEY.match(line) else None


def _words(header: str) -> KeyPath:
    return tuple(word[0] for word in islice(_WORD.finditer(header), MAX_DEPTH))


def _line_numbers(text: str) -> Iterator[int]:
    line = last = 0
    for offset in statements(text):
        line += text.count("\n", last, offset)
        last = offset
        yield line


def _inside_strings(text: str) -> Iterator[int]:
    line = last = 0
    for match in _STRING_OR_COMMENT.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        yield from range(line + 1, line + 1 + match[0].count("\n"))
