"""`TomlPlaces`: where every key and every value of a TOML text begins and ends. Linear, and without recursion.

The text must be one that the parser accepted: nothing is checked again, only what tells where things begin and end
is read.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from hotconf import keypath
from hotconf.compat import possessive
from hotconf.formats.base import Lines, Span
from hotconf.formats.toml.lexer import LINE_STRING, STRING
from hotconf.keypath import KeyPath

_Range: TypeAlias = tuple[int, int]
"""The offsets of the first character and behind the last one."""
_Ranges: TypeAlias = tuple[int, int, int, int]
"""The ranges of a key and of its value."""

GAP: Final = possessive(r"[ \t\r\n]++|#[^\n]*+")
_ONE_PART: Final = rf"(?:[A-Za-z0-9_-]++|{LINE_STRING})"
DOTTED: Final = _ONE_PART + possessive(rf"[ \t]*+\.[ \t]*+{_ONE_PART}")
_CLOCK: Final = possessive(r"\ [^\s,\]}#]++", "?")  # a space is allowed between date and time
_SCALAR: Final = rf"(?:{STRING}|[^\s,\]}}#\[{{]++{_CLOCK})"

_SOME_VALUE: Final = possessive(f"({_SCALAR})", "?")
_STATEMENT = re.compile(rf"{GAP}(?:(\[\[?[ \t]*+)?({DOTTED})[ \t]*+(?:\]\]?|=[ \t]*+{_SOME_VALUE})|\Z)", re.DOTALL)
"""A header, a pair or the end. Groups: brackets, key, value. An array or inline table is not read."""
PART = re.compile(_ONE_PART, re.DOTALL)
KEY = re.compile(rf"({DOTTED})[ \t]*+=[ \t]*+", re.DOTALL)
VALUE = re.compile(_SCALAR, re.DOTALL)
NEXT = re.compile(rf"{GAP},?+{GAP}([\]}}]?+)")


class TomlPlaces:
    """The `Places` of one text: a table stands where its header names it, or else what first does."""

    __slots__ = ("_items", "_ranges", "_table", "_text", "span")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ranges: dict[KeyPath, _Ranges] = {}
        self._items: dict[KeyPath, int] = {}
        """Of each array of tables, how many headers there are."""
        self._table: KeyPath = ()
        """That the last header opened."""
        self.span = Lines(text).span
        self._read()

    def key(self, path: KeyPath) -> Span:
        """The key at `path`: of a dotted key, the part; an item of an array is its own key.

        A table stands at its own header, in its last part; without one, at the part of a header or dotted key that
        first names it. `KeyError` if there is no such path.
        """
        begin, end, _, _ = self._ranges[path]
        return self.span(begin, end)

    def value(self, path: KeyPath) -> Span:
        """The value at `path`; of a table that a header or dotted key makes, its key. `KeyError` if there is none."""
        _, _, begin, end = self._ranges[path]
        return self.span(begin, end)

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
            found = here if here in self._ranges else found
        return None if found is None else self.key(found)

    def _read(self) -> None:
        text, at = self._text, 0
        while found := _STATEMENT.match(text, at):
            (_, at), brackets, key, value = found.regs
            if brackets[0] >= 0:
                self._table = self._header(key, array=text.startswith("[[", brackets[0]))
            elif key[0] < 0:
                return
            else:
                name = text[key[0] : key[1]]
                plain = "." not in name and name[0] not in "\"'"
                path, key = ((*self._table, name), key) if plain else self._named(self._table, key)
                if value[0] < 0:
                    at = self._value(path, key, at)
                else:
                    self._ranges[path] = key + value

    def _header(self, key: _Range, *, array: bool) -> KeyPath:
        """The path of the table that a header opens."""
        path: KeyPath = ()
        *parts, last = PART.finditer(self._text, *key)
        for part in parts:
            path = (*path, decoded(part[0]))
            self._ranges.setdefault(path, part.span() * 2)
            if path in self._items:
                path = (*path, self._items[path] - 1)
        path = (*path, decoded(last[0]))
        if array:
            self._ranges.setdefault(path, last.span() * 2)
            number = self._items[path] = self._items.get(path, 0) + 1
            path = (*path, number - 1)
        self._ranges[path] = last.span() * 2  # also when a longer header has named the table before
        return path

    def _named(self, table: KeyPath, key: _Range) -> tuple[KeyPath, _Range]:
        """What the dotted key names in `table`, and the range of its last part."""
        *parts, last = PART.finditer(self._text, *key)
        path = table
        for part in parts:
            path = (*path, decoded(part[0]))
            self._ranges.setdefault(path, part.span() * 2)
        return (*path, decoded(last[0])), last.span()

    def _value(self, path: KeyPath, key: _Range | None, at: int) -> int:
        """Read the value that begins at `at`, with all that is in it; where it ends."""
        text, ranges = self._text, self._ranges
        inside: list[tuple[KeyPath, _Range | None, int]] = []  # of what is open: path, key and where it begins
        counts: list[int] = []  # how many items of it have begun; of an inline table, -1
        while True:
            if text[at] in "[{":
                inside.append((path, key, at))
                counts.append(0 if text[at] == "[" else -1)
                at += 1
            else:
                begin, at = at, _matched(VALUE, text, at).end()
                ranges[path] = (key or (begin, at)) + (begin, at)
            while inside and (after := _matched(NEXT, text, at))[1]:
                path, key, begin = inside.pop()
                counts.pop()
                at = after.end()
                ranges[path] = (key or (begin, at)) + (begin, at)
            if not inside:
                return at
            at = after.end()
            if counts[-1] < 0:
                pair = _matched(KEY, text, at)
                at = pair.end()
                path, key = self._named(inside[-1][0], pair.span(1))
            else:
                path, key = (*inside[-1][0], counts[-1]), None
                counts[-1] += 1


def _matched(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    match = pattern.match(text, at)
    if match is None:
        raise AssertionError("not a text that the parser accepted")
    return match


def decoded(part: str) -> str:
    """The key that one part of a dotted key spells."""
    if part[0] not in "\"'":
        return part
    if part[0] == '"' and "\\" in part:
        return str(keypath.parse(part)[0])
    return part[1:-1]
