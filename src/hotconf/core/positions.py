"""`positions`: where every key and every value of a TOML text stands. Linear, and without recursion.

The text must be one that the parser accepted: nothing is checked again, only what tells where things begin and end
is read.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from hotconf import keypath
from hotconf.core.lexis import STRING
from hotconf.keypath import KeyPath


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a key stands and where its value begins, from 1, columns in characters.

    Both are the same for an item of an array, and for a table that a header or part of a dotted key makes.
    """

    line: int
    column: int
    value_line: int
    value_column: int


def positions(text: str) -> dict[KeyPath, Mark]:
    """The place of every path of the document `text`, tables and items of arrays included.

    A table stands at its own header; without one, at the part of a header or dotted key that first names it.
    """
    offsets = _Scan(text).document()
    starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
    return {path: _mark(starts, key, value) for path, (key, value) in offsets.items()}


def _mark(starts: list[int], key: int, value: int) -> Mark:
    line, value_line = bisect_right(starts, key), bisect_right(starts, value)
    return Mark(line, key - starts[line - 1] + 1, value_line, value - starts[value_line - 1] + 1)


_NEWLINE = re.compile(r"\n")
_GAP = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BLANK = re.compile(r"[ \t]*+")
_PART = re.compile(rf"[A-Za-z0-9_-]++|{STRING}", re.DOTALL)
_SCALAR = re.compile(rf"{STRING}|[^,\]}}#\n]++", re.DOTALL)


class _Scan:
    """One pass over a text. `at` is the offset of what comes next, `found` maps paths to offsets of key and value."""

    __slots__ = ("at", "found", "items", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, tuple[int, int]] = {}
        self.items: dict[KeyPath, int] = {}  # of each array of tables, how many headers have been seen

    def document(self) -> dict[KeyPath, tuple[int, int]]:
        table: KeyPath = ()
        self._skip(_GAP)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._value(self._key(table))
            self._skip(_GAP)
        return self.found

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise AssertionError("not a text that the parser accepted")
        self.at = match.end()
        return match[0]

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`; the path of the table that it opens."""
        array = self.text.startswith("[[", self.at)
        self.at += 1 + array
        parts = self._parts()
        self.at += 1 + array
        path: KeyPath = ()
        for key, offset in parts[:-1]:
            path = self._named(path, key, offset)
            if path in self.items:
                path = (*path, self.items[path] - 1)
        key, offset = parts[-1]
        if array:
            path = self._named(path, key, offset)
            number = self.items[path] = self.items.get(path, 0) + 1
            path = (*path, number - 1)
        else:
            path = (*path, key)
        self.found[path] = (offset, offset)  # also when a longer header has named the table before
        return path

    def _key(self, table: KeyPath) -> KeyPath:
        """Read `a.b =` and go on to the value; the path that it sets in `table`."""
        parts = self._parts()
        self.at += 1
        self._skip(_BLANK)
        path = table
        for key, offset in parts[:-1]:
            path = self._named(path, key, offset)
        key, offset = parts[-1]
        path = (*path, key)
        self.found[path] = (offset, self.at)
        return path

    def _named(self, table: KeyPath, key: str, offset: int) -> KeyPath:
        path = (*table, key)
        self.found.setdefault(path, (offset, offset))
        return path

    def _parts(self) -> list[tuple[str, int]]:
        """Read a dotted key, with the offset of each part; up to what follows it."""
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_BLANK)
            offset = self.at
            parts.append((_decoded(self._skip(_PART)), offset))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        """Read the value at `path` with all that is in it."""
        text = self.text
        inside: list[tuple[KeyPath, int]] = []  # the open arrays and inline tables; how many items have begun
        while True:
            if text[self.at] in "[{":
                inside.append((path, 0 if text[self.at] == "[" else -1))
                self.at += 1
            else:
                self._skip(_SCALAR)
            while inside and self._closes():
                inside.pop()
            if not inside:
                return
            path, count = inside[-1]
            if count < 0:
                path = self._key(path)
            else:
                inside[-1] = (path, count + 1)
                path = (*path, count)
                self.found[path] = (self.at, self.at)

    def _closes(self) -> bool:
        """Go on to what comes next in an array or inline table; whether that is its end, which is read too."""
        self._skip(_GAP)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_GAP)
        if self.text[self.at] not in "]}":
            return False
        self.at += 1
        return True


def _decoded(part: str) -> str:
    if part[0] not in "\"'":
        return part
    if part[0] == '"' and "\\" in part:
        return str(keypath.parse(part)[0])
    return part[1:-1]
