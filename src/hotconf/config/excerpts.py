"""How source text is shown: `SourceText` hides what is secret on each line, with the `secret_keys` of the model."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from itertools import accumulate
from typing import Any, Final

from hotconf.changes import MASK
from hotconf.config.redact import ANY_KEY, LEADS, secret_from
from hotconf.config.secret_values import MOST_COMPARED, keys_in_text
from hotconf.config.shape import Shape, shape_of
from hotconf.config.suggest import suggest
from hotconf.formats.base import Format
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import KeyPath
from hotconf.schema import Schema
from hotconf.secrets.credentials import Span, masked
from hotconf.secrets.keys import is_secret_key, secrecy_of
from hotconf.secrets.scrubber import Scrubber

OMITTED: Final = "…"
"""Stands for what is not shown."""

_KEY: Final = re.compile(r"""([\w-]++)["']?[ \t]*+([=:]?)""")


class SecretKeys(frozenset[str]):
    """Keys that a model keeps secret."""

    others: frozenset[str]
    """The keys of its other fields: any other word may be a misspelling."""
    keyed: frozenset[str]
    """The keys of tables whose own keys are secrets."""


def secret_keys(schema: Schema[Any]) -> SecretKeys:
    """The keys that the model of `schema` keeps secret by their type, wherever they stand; in either spelling.

    A field with an alias counts under its own name as well: that is a likely mistake in a file.

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
        for key, child in shape.names.items():
            if shape.names_secret(key):
                found.add(key)
            elif child.secretive or _names_secrets(child):
                found.add(key if _holds_secrets(child) or _names_secrets(child) else key + LEADS)
        todo += (*shape.names.values(), *shape.inner)
    keys = SecretKeys((*found, *(key.replace("_", "-") for key in found)))
    keys.keyed = frozenset(key for shape in seen for key, child in shape.names.items() if child.keyed)
    keys.others = frozenset(key for shape in seen for key in shape.keys) - keys
    return keys


class _Slips:
    """Which words, that are no keys of the model, are almost one of its secret keys."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = [key for key in keys if not key.endswith(LEADS)]
        self._others = keys.others
        self._left = MOST_COMPARED
        self._judged: dict[str, bool] = {}

    def has(self, word: str) -> bool:
        """Whether `word` is one; true for what is first met once too many words have been compared."""
        known = self._judged.get(word)
        if known is None:
            if not self._keys or word in self._others or word.replace("-", "_") in self._others:
                return False
            self._left -= len(self._keys)
            if self._left < 0:
                return True
            known = self._judged[word] = suggest(word, self._keys) is not None
        return known


def _names_secrets(shape: Shape, depth: int = 4) -> bool:
    """Is it a named tuple with a secret name, or an array of such? A file does not show the name."""
    if any(map(is_secret_key, shape.positions)):
        return True
    return bool(depth) and any(_names_secrets(each, depth - 1) for each in shape.inner)


def _holds_secrets(shape: Shape, depth: int = 4) -> bool:
    """Is what stands there a secret, an array or a free table of which something is, or holds it one unseen, as text
    in JSON does?
    """
    if shape.secret or not depth:
        return shape.secret
    if shape.opaque:
        return True
    return any(_holds_secrets(each, depth - 1) for each in shape.inner)


class SourceText:
    """A text, TOML or not, by lines. Beyond the rule for one line, what it takes a look around to know is secret:

    what stands below the header of a secret table, and what follows a secret key in a value of several lines.
    """

    __slots__ = (
        "_begins",
        "_continuing",
        "_ends",
        "_format",
        "_grown",
        "_inner",
        "_leaks",
        "_masked",
        "_scrub",
        "_slips",
        "_tables",
        "lines",
        "secret_keys",
    )

    def __init__(
        self, text: str, scrub: Scrubber | None = None, keys: Collection[str] = (), *, form: Format = DEFAULT
    ) -> None:
        """`scrub` knows what to mask everywhere. `keys`: the `secret_keys` of the model."""
        self._format = form
        self._begins, self._tables, self._inner = form.outline(text)
        self.secret_keys = keys
        self._slips = _Slips(keys) if isinstance(keys, SecretKeys) and keys else None
        self.lines = text.split("\n")
        self._scrub = scrub or Scrubber()
        if isinstance(keys, SecretKeys) and keys.keyed:
            self._scrub = self._scrub.plus(frozenset(keys_in_text(text, keys.keyed, form)))
        self._masked: dict[int, list[Span]] = {}
        self._grown: dict[int, list[int]] = {}
        self._ends: dict[tuple[int, bool], int | None] = {}
        self._leaks: dict[int, int] = {}
        self._continuing: frozenset[int] | None = None

    def shown(self, index: int, *, broken: bool = False, strings: bool = False, withheld: int | None = None) -> str:
        """Line `index`, from 0, with `…` in place of secrets; it may still contain unprintable characters.

        `broken`: a syntax error was found on it or above. `strings`: the inner lines of strings that span several are
        shown as well, by the strict rule for broken lines; otherwise not at all. `withheld`: the offset of a key
        whose value may be a secret as only the model knows.
        """
        line = self.lines[index]
        inner = index in self._inner
        if inner and not strings:
            return OMITTED
        begin = bisect_right(self._begins, index) - 1
        if self._leak(begin) < index or (broken and self._may_continue(index)):
            return OMITTED
        end = self._secret_from(begin, index, broken=broken or inner)
        if withheld is not None:
            sets = line.find(self._format.assigns, withheld) + 1 or len(line)
            end = sets if end is None else min(end, sets)
        if end is None:
            return masked(line, self._spans(index))
        return self._scrub(line[:end].rstrip()) + f" {OMITTED}"

    def _may_continue(self, index: int) -> bool:
        """Could the line be part of a secret above, as TOML does not have it?"""
        if self._continuing is None:
            self._continuing = frozenset(self._continued())
        return index in self._continuing

    def _continued(self) -> Iterator[int]:
        """The lines without a key of their own below the key of a secret, or the header of a secret table."""
        table: KeyPath = ()
        secret = False
        for index, line in enumerate(self.lines):
            begun = self._format.begun(line)
            if begun:
                table = begun
                secret = secret_from("x = 1", table, broken=True, keys=self.secret_keys) is not None
            else:
                if begun is None and secret:
                    yield index
                continued = begun is None and secret
                secret = continued or self._told_from(line, table, broken=True) is not None

    def offset(self, index: int, offset: int) -> int:
        """Where line `index`, as shown, has the character written at `offset`."""
        spans = self._spans(index)
        if index not in self._grown:
            self._grown[index] = list(accumulate((len(MASK) - (end - begin) for begin, end in spans), initial=0))
        before = bisect_right(spans, (offset, -1))
        if not before:
            return offset
        begin, end = spans[before - 1]
        if offset >= end:
            return offset + self._grown[index][before]
        return begin + self._grown[index][before - 1] + min(offset - begin, len(MASK))

    def _spans(self, index: int) -> list[Span]:
        if index not in self._masked:
            tables = self._tables[bisect_right(self._begins, index) - 1]
            # Among names of variables an `Authorization = "…"` is no secret.
            pairs = any(secrecy_of(table) is not False for table in tables)
            self._masked[index] = self._scrub.spans(self.lines[index], pairs=pairs)
        return self._masked[index]

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
        # A long line may have as many problems as keys.
        if (index, broken) not in self._ends:
            self._ends[index, broken] = self._sought_from(begin, index, broken=broken)
        return self._ends[index, broken]

    def _sought_from(self, begin: int, index: int, *, broken: bool) -> int | None:
        # A header can make what is below it public, too: not for lines of which it is not certain that they are.
        tables: tuple[KeyPath, ...] = self._tables[begin] if index == self._begins[begin] else ((),)
        found = (self._told_from(self.lines[index], table, broken=broken) for table in tables)
        return min((end for end in found if end is not None), default=None)

    def _told_from(self, line: str, table: KeyPath, *, broken: bool) -> int | None:
        found = secret_from(line, table, broken=broken, keys=self.secret_keys)
        if found is None and self._slips is not None:
            slips = self._slips
            return next((match.end() for match in _KEY.finditer(line) if match[2] and slips.has(match[1])), None)
        return found
