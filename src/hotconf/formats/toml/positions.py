"""`Places`: where every key and every value of a TOML text begins and ends. Linear, and without recursion.

The text must be one that the parser accepted: nothing is checked again, only what tells where things begin and end
is read, and no more of it than is asked for. Headers are found at once; the pairs below one, and what stands in an
array or inline table, are looked for at the first question about them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, TypeAlias

from hotconf import keypath
from hotconf.formats.base import Span
from hotconf.formats.toml.lexer import BETWEEN_BRACKETS, LINE_STRING, MARK, STRING
from hotconf.keypath import KeyPath
from hotconf.regex import possessive

_Range: TypeAlias = tuple[int, int]
"""The offsets of the first character and behind the last one."""
_Ranges: TypeAlias = tuple[int, int, int, int]
"""The ranges of a key and of its value."""

GAP: Final = possessive(r"[ \t\r\n]++|#[^\n]*+")
_ONE_PART: Final = rf"(?:[A-Za-z0-9_-]++|{LINE_STRING})"
DOTTED: Final = _ONE_PART + possessive(rf"[ \t]*+\.[ \t]*+{_ONE_PART}")
_CLOCK: Final = possessive(r"\ [^\s,\]}#]++", "?")  # a space is allowed between date and time
_SCALAR: Final = rf"(?:{STRING}|[^\s,\]}}#\[{{]++{_CLOCK})"
_FLAT: Final = rf"[\[{{]{possessive(BETWEEN_BRACKETS)}[\]}}]"

_BRACKETS: Final = possessive(r"(\[\[?[ \t]*+)", "?")
_FLAT_VALUE: Final = rf"(?:{_SCALAR}|{_FLAT})"
_PAIRS: Final = possessive(rf"{GAP}{DOTTED}[ \t]*+=[ \t]*+{_FLAT_VALUE}")
_SOME_VALUE: Final = possessive(f"({_FLAT_VALUE})", "?")
_STATEMENT = re.compile(rf"{GAP}(?:{_BRACKETS}({DOTTED})[ \t]*+(?:\]\]?|=[ \t]*+{_SOME_VALUE})|\Z)", re.DOTALL)
"""A header, a pair or the end. Groups: brackets, key, value. A value in which brackets are nested is not read."""
_SECTION = re.compile(rf"{_PAIRS}{GAP}(?:(\[\[?)[ \t]*+({DOTTED})[ \t]*+\]\]?|{DOTTED}[ \t]*+=[ \t]*+|\Z)", re.DOTALL)
"""All pairs up to the next header, to a value in which brackets are nested, or to the end. Groups: brackets, key."""
PART = re.compile(_ONE_PART, re.DOTALL)
KEY = re.compile(rf"({DOTTED})[ \t]*+=[ \t]*+", re.DOTALL)
VALUE = re.compile(_SCALAR, re.DOTALL)
NEXT = re.compile(rf"{GAP},?+{GAP}([\]}}]?+)")


class Places:
    """The places in one text. A path is spelled as in the text."""

    __slots__ = (
        "_ends",
        "_inside",
        "_items",
        "_ranges",
        "_sections",
        "_starts",
        "_table",
        "_text",
    )

    def __init__(self, text: str) -> None:
        self._text = text
        self._ranges: dict[KeyPath, _Ranges] = {}
        self._inside: dict[KeyPath, Iterator[None]] = {}  # the reading of each array and inline table
        self._sections: dict[KeyPath, int | None] = {(): 0}
        """Where the pairs below each header begin; None when they have been read."""
        self._ends: dict[int, int] = {}
        """Where the values end in which brackets are nested."""
        self._items: dict[KeyPath, int] = {}  # of each array of tables, how many headers there are
        self._table: KeyPath = ()  # that the last header opened
        lengths = map((1).__add__, map(len, text.split("\n")))  # with the newline; quicker than a generator
        self._starts = [0, *accumulate(lengths)]
        self._read()

    def key(self, path: KeyPath) -> Span:
        """The key at `path`: of a dotted key, the part; an item of an array is its own key.

        A table stands at its own header, in its last part; without one, at the part of a header or dotted key that
        first names it. `KeyError` if there is no such path.
        """
        begin, end, _, _ = self._found(path)
        return self.span(begin, end)

    def value(self, path: KeyPath) -> Span:
        """The value at `path`; of a table that a header or dotted key makes, its key. `KeyError` if there is none."""
        _, _, begin, end = self._found(path)
        return self.span(begin, end)

    def span(self, begin: int, end: int) -> Span:
        """The characters from `begin` to behind `end`, two offsets in the text."""
        starts = self._starts
        line = bisect_right(starts, begin)
        end_line = bisect_right(starts, end, line - 1)
        return Span(line, begin - starts[line - 1] + 1, end_line, end - starts[end_line - 1] + 1)

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
            self._read_around(here)
            found = here if here in self._ranges else found
        return None if found is None else self.key(found)

    # Headers

    def _read(self) -> None:
        text, at = self._text, 0
        while found := _SECTION.match(text, at):
            at = found.end()
            brackets = found[1]
            if brackets is not None:
                self._table = self._header(found.span(2), array=brackets == "[[")
                self._sections[self._table] = at
            elif at < len(text):
                at = self._behind(at)
            else:
                break

    def _header(self, key: _Range, *, array: bool) -> KeyPath:
        """The path of the table that a header opens."""
        path: KeyPath = ()
        parts = list(PART.finditer(self._text, *key))
        for part in parts[:-1]:
            path = (*path, decoded(part[0]))
            self._ranges.setdefault(path, part.span() * 2)
            if path in self._items:
                path = (*path, self._items[path] - 1)
        own = parts[-1].span() * 2
        path = (*path, decoded(parts[-1][0]))
        if array:
            self._ranges.setdefault(path, own)
            number = self._items[path] = self._items.get(path, 0) + 1
            path = (*path, number - 1)
        self._ranges[path] = own  # also when a longer header has named the table before
        return path

    # The pairs below them

    def _read_around(self, path: KeyPath) -> None:
        """Read the pairs that may say something of `path`: those below its own header, or one around it."""
        sections = self._sections
        for length in range(len(path) + 1):
            table = path[:length]
            at = sections.get(table)
            if at is not None:
                sections[table] = None
            while at is not None:
                at = self._pairs(table, at)

    def _pairs(self, table: KeyPath, at: int) -> int | None:
        """Read on from `at` to behind the next value in which brackets are nested; None if it was the last pair."""
        text, ranges = self._text, self._ranges
        while found := _STATEMENT.match(text, at):
            (_, at), brackets, key, value = found.regs
            if key[0] < 0 or brackets[0] >= 0:
                break
            nested = value[0] < 0
            if nested:
                value = at, self._behind(at)
            name = text[key[0] : key[1]]
            if "." in name or name[0] in "\"'":
                path, key = self._named(table, key)
            else:
                path = (*table, name)
            ranges[path] = key + value
            if nested:
                return value[1]
        return None

    def _behind(self, at: int) -> int:
        """The function `behind`, once for each value."""
        if at not in self._ends:
            self._ends[at] = behind(self._text, at)
        return self._ends[at]

    def _named(self, table: KeyPath, key: _Range) -> tuple[KeyPath, _Range]:
        """What the dotted key names in `table`, and the range of its last part."""
        path, own = table, key
        for part in PART.finditer(self._text, *key):
            if path is not table:
                known = self._ranges.get(path)
                # A header further down may have been read before, and only what names a table first is its place.
                if known is None or (known[0] > own[0] and path not in self._sections):
                    self._ranges[path] = own * 2
            path, own = (*path, decoded(part[0])), part.span()
        return path, own

    # What is in arrays and inline tables

    def _found(self, path: KeyPath) -> _Ranges:
        self._read_around(path)
        found = self._ranges.get(path)
        if found is not None:
            return found
        lengths = range(len(path), 0, -1)
        around = next((path[:length] for length in lengths if self._opens(path[:length])), None)
        if around is not None:
            reading = self._inside.setdefault(around, self._look_into(around))
            any(path in self._ranges for _ in reading)  # most questions are about the first of many items
        return self._ranges[path]

    def _opens(self, path: KeyPath) -> bool:
        """Whether an array or inline table is known to begin there."""
        found = self._ranges.get(path)
        return found is not None and self._text[found[2]] in "[{"

    def _look_into(self, path: KeyPath) -> Iterator[None]:
        """Pauses behind each item."""
        text, ranges = self._text, self._ranges
        begin, end, at, _ = ranges[path]
        key: _Range | None = (begin, end)
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
            while (after := _matched(NEXT, text, at))[1]:
                path, key, begin = inside.pop()
                counts.pop()
                at = after.end()
                ranges[path] = (key or (begin, at)) + (begin, at)
                if not inside:
                    return
            yield
            at = after.end()
            path = inside[-1][0]
            if counts[-1] < 0:
                pair = _matched(KEY, text, at)
                at = pair.end()
                path, key = self._named(path, pair.span(1))
            else:
                path, key = (*path, counts[-1]), None
                counts[-1] += 1


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
