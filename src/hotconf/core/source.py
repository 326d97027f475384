"""`Source`: the lines of one file's text, and what of each may be shown. `secret_keys`: what a model tells of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from hotconf.core.lexis import STRING, statements
from hotconf.core.redact import ANY_KEY, LEADS, SHORTEST_SECRET, scrub, secret_from
from hotconf.core.shape import Shape, shape_of
from hotconf.keypath import KeyPath
from hotconf.schema import Schema

HIDDEN: Final = "…"
"""Stands for what is not shown."""

_STRING_OR_COMMENT: Final = re.compile(rf"#[^\n]*+|{STRING}", re.DOTALL)
_HEADER: Final = re.compile(r"[ \t]*+\[\[?+([^\n#]*+)")
_WORD: Final = re.compile(r"[\w-]+")


def secret_keys(schema: Schema[Any]) -> frozenset[str]:
    """The keys that the model of `schema` keeps secret by their type, wherever they stand; in either spelling.

    `ANY_KEY` if any key is such. With `LEADS` behind it a key of a table of which something is secret: what follows
    it on the same line may be that, under a key that is misspelt or left out.
    """
    root = shape_of(schema)
    found = {ANY_KEY} if _holds_secrets(root) else set[str]()
    seen: set[Shape] = set()
    todo = [root]
    while todo:
        shape = todo.pop()
        if shape in seen:
            continue
        seen.add(shape)
        for key in shape.keys:
            child = shape.child(key)
            if child.secretive:
                found.add(key if _holds_secrets(child) else key + LEADS)
        todo += (*map(shape.child, shape.keys), *shape.inner)
    return frozenset((*found, *(key.replace("_", "-") for key in found)))


def _holds_secrets(shape: Shape, depth: int = 4) -> bool:
    """Is what stands there a secret, an array or a free table of which something is, or holds it one unseen, as text
    in JSON does?
    """
    if shape.secret or not depth:
        return shape.secret
    if not (shape.tables or shape.inner):
        return shape.secretive
    return any(_holds_secrets(each, depth - 1) for each in shape.inner)


class Source:
    """A text, TOML or not, by lines. Beyond the rule for one line, what it takes a look around to know is secret:

    what stands below the header of a secret table, and what follows a secret key in a value of several lines.
    """

    __slots__ = ("_begins", "_inner", "_leaks", "_secrets", "_tables", "lines", "secret_keys")

    def __init__(self, text: str, secrets: Iterable[str] = (), keys: Collection[str] = ()) -> None:
        """`secrets`: texts to be masked wherever they stand. `keys`: the `secret_keys` of the model."""
        self.secret_keys = keys
        self.lines = text.split("\n")
        parts = (part.strip() for secret in secrets for part in secret.split("\n"))
        self._secrets = frozenset(part for part in parts if len(part) >= SHORTEST_SECRET)
        self._begins = list(_line_numbers(text, statements(text)))
        self._tables = list(self._headers())
        self._inner = frozenset(_inside_strings(text))
        self._leaks: dict[int, int] = {}

    def shown(self, index: int, *, broken: bool = False, strings: bool = False) -> str:
        """Line `index`, from 0, with `…` in the place of what is secret; it may still hold what is not printable.

        `broken`: a syntax error was found on it or above. `strings`: the inner lines of strings that span several are
        shown as well, by the strict rule for broken lines; otherwise not at all.
        """
        line = self.lines[index]
        inner = index in self._inner
        if inner and not strings:
            return HIDDEN
        begin = bisect_right(self._begins, index) - 1
        if self._leak(begin) < index or (broken and self._may_continue(index)):
            return HIDDEN
        end = self._secret_from(begin, index, broken=broken or inner)
        return self.scrubbed(line if end is None else f"{line[:end].rstrip()} {HIDDEN}")

    def _may_continue(self, index: int) -> bool:
        """Could the line be the value of a key on the line before, as TOML does not have it?"""
        before = self.lines[index - 1] if index else ""
        return "=" not in self.lines[index] and secret_from(before, broken=True, keys=self.secret_keys) is not None

    def scrubbed(self, text: str) -> str:
        """`text`, a part of a line, with what is known to be secret wherever it stands masked."""
        return scrub(text, self._secrets)

    def _leak(self, begin: int) -> int:
        """The first line of a statement that sets a secret; the lines of its value may follow. Beyond all if none."""
        if begin not in self._leaks:
            ends = self._begins[begin + 1] if begin + 1 < len(self._begins) else len(self.lines)
            self._leaks[begin] = next(
                (index for index in range(self._begins[begin], ends) if self._secret_from(begin, index) is not None),
                len(self.lines),
            )
        return self._leaks[begin]

    def _secret_from(self, begin: int, index: int, *, broken: bool = False) -> int | None:
        # A header can make what is below it public, too: not for lines of which it is not certain that they are.
        table = self._tables[begin] if index == self._begins[begin] else ()
        return secret_from(self.lines[index], table, broken=broken, keys=self.secret_keys)

    def _headers(self) -> Iterator[KeyPath]:
        table: KeyPath = ()
        for index in self._begins:
            header = _HEADER.match(self.lines[index])
            table = table if header is None else tuple(_WORD.findall(header[1]))
            yield table


def _line_numbers(text: str, offsets: Iterable[int]) -> Iterator[int]:
    line = last = 0
    for offset in offsets:
        line += text.count("\n", last, offset)
        last = offset
        yield line


def _inside_strings(text: str) -> Iterator[int]:
    line = last = 0
    for match in _STRING_OR_COMMENT.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        yield from range(line + 1, line + 1 + match[0].count("\n"))
