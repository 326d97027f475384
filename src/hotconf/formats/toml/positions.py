"""`TomlPlaces`: where every key and every value of a TOML text begins and ends.

The text must be one that the parser accepted: nothing is checked again. Headers are found at once; what stands below
one is read as far as a question about it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from hotconf import keypath
from hotconf.compat import possessive
from hotconf.formats.places import Place, Places, Range, Span, places_in
from hotconf.formats.toml.lexer import BETWEEN_BRACKETS, LINE_STRING, STRING, behind
from hotconf.keypath import KeyPath

_PART: Final = rf"(?:[A-Za-z0-9_-]++|{LINE_STRING})"
PART: Final = re.compile(_PART, re.DOTALL)
DOTTED: Final = _PART + possessive(rf"[ \t]*+\.[ \t]*+{_PART}")
_CLOCK: Final = possessive(r"\ [^\s,\]}#]++", "?")  # a space is allowed between date and time
_BARE: Final = r"[^\s,\]}#\[{.]"
_DOTTED_ON: Final = possessive(rf"[ \t]*+\.[ \t]*+(?:{LINE_STRING}|{_BARE}*+)")  # as far as a key was tried: once
_SCALAR: Final = rf"(?:(?:{STRING}|{_BARE}++){_DOTTED_ON}{_CLOCK})"
TOKEN: Final = re.compile(rf"#[^\n]*+|(?P<key>{DOTTED})[ \t]*+=|(?P<value>{_SCALAR})|(?P<mark>[\[\]{{}}])", re.DOTALL)
"""What stands below a header, except for white space and commas."""

_FLAT: Final = rf"[\[{{]{possessive(BETWEEN_BRACKETS)}[\]}}]"
_NESTED: Final = rf"[\[{{]{possessive(f'{BETWEEN_BRACKETS}|{_FLAT}')}[\]}}]"
_PAIRS: Final = possessive(rf"[^\[{{\"'#=]++|{STRING}|#[^\n]*+|=[ \t]*+(?:{_NESTED}|(?![\[{{]))")
_SECTION: Final = re.compile(rf"{_PAIRS}(?:(\[\[?)[ \t]*+({DOTTED})[ \t]*+\]\]?|=[ \t]*+([\[{{])|\Z)", re.DOTALL)
"""Everything up to the next header, a value of more than two levels, or the end.

Groups: the brackets of the header, its key; the bracket of the value.
"""


class TomlPlaces(Places):
    """The `Places` of one text.

    A table stands at its own header, in its last part; without one, at the part of a header or dotted key that first
    names it.
    """

    __slots__ = ("_items", "_named", "_readings", "_sections", "_table", "_text")

    def __init__(self, text: str) -> None:
        super().__init__(text, iter(()))
        self._text = text
        self._named: dict[KeyPath, Range] = {}
        """Where the header of another table first names a table."""
        self._items: dict[KeyPath, int] = {}
        """Of each array of tables, how many headers there are."""
        self._sections: dict[KeyPath, Range] = {}
        """What stands below each header."""
        self._readings: dict[KeyPath, Iterator[Place]] = {}
        self._table: KeyPath = ()
        """That the last header opened."""
        self._find_headers()

    def earlier(self, keys: list[str], *, header: bool) -> Span | None:
        """Where the key, or the longest part of it that the text has, was first given.

        `keys`: those of a statement that may follow the text, a `header` or a pair.
        """
        here: KeyPath = () if header else self._table
        found = None
        for key in keys:
            if header and here in self._items:
                here = (*here, self._items[here] - 1)
            here = (*here, key)
            try:
                found = self.key(here)
            except KeyError:
                continue
        return found

    def _find_headers(self) -> None:
        text, begin, at = self._text, 0, 0
        while found := _SECTION.match(text, at):
            if found[3]:
                at = behind(text, found.start(3))
                continue
            if not found[1]:
                break
            self._sections[self._table] = begin, found.start(1)
            self._table = self._header(found.span(2), array=found[1] == "[[")
            begin = at = found.end()
        self._sections[self._table] = begin, len(text)

    def _header(self, key: Range, *, array: bool) -> KeyPath:
        """The path of the table that a header opens."""
        path: KeyPath = ()
        *parts, (name, own) = _parts(self._text, key)
        for part, at in parts:
            path = (*path, part)
            if path not in self._found:
                self._named.setdefault(path, at)
            if path in self._items:
                path = (*path, self._items[path] - 1)
        path = (*path, name)
        if array:
            self._found.setdefault(path, (own, own))
            number = self._items[path] = self._items.get(path, 0) + 1
            path = (*path, number - 1)
        self._found[path] = own, own
        self._named.pop(path, None)
        return path

    def _find(self, path: KeyPath) -> tuple[Range, Range]:
        for length in reversed(range(len(path))):
            if path not in self._found and path[:length] in self._sections:
                self._read(self._reading_of(path[:length]), path)
        named = self._named.get(path)
        if named is None:
            return self._found[path]
        return min((named, named), self._found.get(path, (named, named)))  # whichever names the table first

    def _reading_of(self, table: KeyPath) -> Iterator[Place]:
        if table not in self._readings:
            tokens = TOKEN.finditer(self._text, *self._sections[table])
            self._readings[table] = places_in(
                tokens, partial(_parts, self._text), table
            )  # of `self` it would be a cycle
        return self._readings[table]


def _parts(text: str, key: Range) -> Iterator[tuple[str, Range]]:
    for part in PART.finditer(text, *key):
        yield decoded(part[0]), part.span()


def decoded(part: str) -> str:
    """The key that one part of a dotted key spells."""
    if part[0] not in "\"'":
        return part
    if part[0] == '"' and "\\" in part:
        return str(keypath.parse(part)[0])
    return part[1:-1]
