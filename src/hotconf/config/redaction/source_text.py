"""How source text is shown: `SourceText` leaves out what is secret on each line, whether or not it can be parsed.

Rule 1: on a line that sets a secret, everything after the first `=` or `:` is secret; likewise after the key of a
table with secrets, which may be there under any key. On a line that cannot be parsed, a word suffices.
Rule 2: so are the further lines of such a value, what stands below the header of a secret table, and, where the text
is broken, the lines that may continue a secret.
Rule 3: known secrets and credentials are masked wherever they stand.
Rule 4: brackets, commas and dashes around a secret are none: a line of nothing else is shown, unless it is in a
string, is part of a secret array or table, or the text is broken.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from hotconf.changes import MASK
from hotconf.compat import possessive
from hotconf.config.redaction.secret_keys import ANY_KEY, LEADS, SecretKeys
from hotconf.formats.base import Format
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import KeyPath
from hotconf.secrets.credentials import Span, mask_spans
from hotconf.secrets.keys import is_secret_path, secrecy_of
from hotconf.secrets.scrubber import Scrubber

OMITTED: Final = "…"
"""Stands for what is not shown."""

# A dotted key as far as it shows on any line, valid or not, and what follows it. Possessive, so linear.
_MORE_PARTS: Final = possessive(r"""["']?[ \t]*+\.[ \t]*+["']?[\w-]++""")
_KEY_ON_LINE: Final = re.compile(rf"""([\w-]++{_MORE_PARTS})["']?[ \t]*+([=:]?)""")
_KEY: Final = re.compile(r"""([\w-]++)["']?[ \t]*+([=:]?)""")
_WORD: Final = re.compile(r"[\w-]+")
_SETS: Final = re.compile(r"[=:]")
_OPENS: Final = re.compile(r"[ \t]*+[{\[]")
_STRUCTURE: Final = re.compile(possessive(r"[\s\[\]{},]|-(?!\S)", "*") + r"\Z")
_EXPLICIT: Final = re.compile(r"[ \t-]*+\?[ \t]")  # a key in YAML whose value is on the lines below
_ESCAPED: Final = re.compile(r"\\[uUx][0-9A-Fa-f]")  # may spell any word
_QUOTED: Final = re.compile(r"""["']([^"']++)""")
_VARIABLE: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*")
_COMMENT: Final = re.compile(r"[ \t]#")
_BARE: Final = re.compile(r"""[=:\[,][ \t\[{]*+([^\s"'\[\]{}=:,#]++)""")


# One line


def secret_from(line: str, table: KeyPath = (), *, broken: bool = False, keys: Collection[str] = ()) -> int | None:
    """The offset from which `line`, one of source text below the header of `table`, is secret; None if it is not.

    A key in a comment or a string counts: what was commented out is still a secret. On a line that is `broken` any
    word counts. `keys`: more keys that are secret, as `secret_keys` finds them.
    """
    above = secrecy_of(table)
    within = above is True or _is_among(keys, table)
    broken = broken or _EXPLICIT.match(line) is not None
    for match in _KEY_ON_LINE.finditer(line):
        name, sets = match.groups()
        if sets or broken:
            words = tuple(_WORD.findall(name)) if "." in name else (name,)
            is_secret = within or (above is None and is_secret_path(words))
            if is_secret or (keys and _is_secret_by_model(keys, words, line, match.end())):
                return _value_from(line, match.end())
    return _value_from(line, len(line)) if _ESCAPED.search(line) else None


def _is_among(keys: Collection[str], path: Iterable[str | int]) -> bool:
    return bool(keys) and (ANY_KEY in keys or any(key in keys for key in path))


def _is_secret_by_model(keys: Collection[str], words: Sequence[str], line: str, end: int) -> bool:
    """Whether the key of these words, or something below it on the same line, may be one of `keys`."""
    leading = words if _OPENS.match(line, end) else words[-1:]
    return _is_among(keys, words) or any(word + LEADS in keys for word in leading)


def _value_from(line: str, end: int) -> int:
    first = _SETS.search(line, 0, end)
    return end if first is None else first.end()


def variable_shown(line: str, key: str | None, *, broken: bool = False) -> tuple[str, str] | None:
    """What of a line of a file of variables may be shown: up to its `=`, and behind that; `…` if it may be secret.

    None if it sets no variable. `key`: of the value that the line sets, if that surely is no secret. A comment behind
    it is left out. `broken`: nobody knows what it says, and it may be part of a secret.
    """
    found = _VARIABLE.match(line)
    if found is None or (broken and line[found.end() : found.end() + 1] not in ("'", '"')):
        return None
    name, value = found[1], _COMMENT.split(line[found.end() :], maxsplit=1)[0].rstrip()
    if broken or key is None or not name.lower().endswith(key.lower().replace("-", "_")):
        return found[0], OMITTED
    return found[0], value if secret_from(line) is None else OMITTED


# A text that cannot be parsed


def secrets_in_text(text: str, others: Collection[str] | None = None) -> frozenset[str]:
    """Possible secrets in a text that cannot be parsed: the value on each line that sets one.

    `others`: if a model keeps secrets, the keys of its other fields; the values of all but these may be secret.
    """
    found: set[str] = set()
    for line in text.split("\n"):
        begin = secret_from(line, broken=True)
        if begin is None and others is not None:
            begin = _unknown_from(line, others)
        if begin is not None:
            rest = line[begin:]
            found |= {rest.strip(), *_QUOTED.findall(rest), *_BARE.findall(f"={rest}")}
    return frozenset(found - {""})


def _unknown_from(line: str, others: Collection[str]) -> int | None:
    """Where the value of the first key begins that is not one of `others`."""
    return next((key.end() for key in _KEY.finditer(line) if key[2] and key[1] not in others), None)


class SourceText:
    """A text by lines. What is worked out of a line is kept: it may have as many problems as keys."""

    __slots__ = (
        "_begins",
        "_continuing",
        "_ends",
        "_format",
        "_in_strings",
        "_keyed",
        "_keys",
        "_leaks",
        "_masked",
        "_named",
        "_others",
        "_scrub",
        "_tables",
        "lines",
    )

    def __init__(
        self, text: str, scrub: Scrubber | None = None, keys: Collection[str] = (), *, form: Format = DEFAULT
    ) -> None:
        """`scrub` knows what to mask everywhere. `keys`: the `secret_keys` of the model."""
        self.lines = text.split("\n")
        self._format = form
        self._tables, self._in_strings = form.outline(text)
        self._begins = list(self._tables)
        self._keys = keys
        self._named: Collection[str] = [key for key in keys if not key.endswith(LEADS)] if keys else ()
        """Those that are secret themselves."""
        self._keyed = frozenset[str]()
        """The tables whose keys are secrets: nothing of their lines is shown."""
        self._others: Collection[str] | None = None
        """If the model keeps secrets: the keys of its other fields. In a broken line only their values are shown."""
        self._scrub = scrub or Scrubber()
        if isinstance(keys, SecretKeys):
            self._others = keys.others if keys else None
            self._keyed = keys.keyed
        self._masked: dict[int, tuple[list[Span], list[int]]] = {}
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
        inner = index in self._in_strings
        begin = bisect_right(self._begins, index) - 1
        if (inner and not strings) or (broken and self._may_continue(index)):
            return OMITTED
        if (leak := self._leak(begin)) < index:
            return line if not inner and _STRUCTURE.match(line) and self._encloses(leak) else OMITTED
        end = self._secret_from(index, broken=broken or inner)
        if withheld is not None:
            sets = line.find(self._format.assigns, withheld) + 1 or len(line)
            end = sets if end is None else min(end, sets)
        if end is None:
            return mask_spans(line, self._spans(index)[0])
        if withheld is None and _STRUCTURE.match(line, end) and self._only_leads(index, broken=broken or inner):
            return self._scrub(line)
        return self._scrub(line[:end].rstrip()) + f" {OMITTED}"

    def offset(self, index: int, offset: int) -> int:
        """Where line `index`, as shown, has the character written at `offset`."""
        spans, grown = self._spans(index)
        before = bisect_right(spans, (offset, -1))
        if not before:
            return offset
        begin, end = spans[before - 1]
        if offset >= end:
            return offset + grown[before]
        return begin + grown[before - 1] + min(offset - begin, len(MASK))

    def _spans(self, index: int) -> tuple[list[Span], list[int]]:
        """What is masked on a line, and how much longer the line is before each of these, and behind the last."""
        if index not in self._masked:
            tables = self._tables[self._begins[bisect_right(self._begins, index) - 1]]
            # Among names of variables an `Authorization = "…"` is no secret.
            pairs = any(secrecy_of(table) is not False for table in tables)
            spans = self._scrub.spans(self.lines[index], pairs=pairs)
            self._masked[index] = spans, [*accumulate((len(MASK) - (end - begin) for begin, end in spans), initial=0)]
        return self._masked[index]

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
            started = self._format.starts(line)
            if started:
                table = started
                secret = secret_from("x = 1", table, broken=True, keys=self._keys) is not None
            elif started is None and secret:
                yield index
            else:
                secret = self._secret_on(line, table, broken=True, keys=self._keys) is not None

    def _leak(self, begin: int) -> int:
        """The first line of a statement that sets a secret; the lines of its value may follow. Beyond all if none."""
        if begin not in self._leaks:
            ends = self._begins[begin + 1] if begin + 1 < len(self._begins) else len(self.lines)
            secret = (i for i in range(self._begins[begin], ends) if self._secret_from(i) is not None)
            self._leaks[begin] = next(secret, len(self.lines))
        return self._leaks[begin]

    def _encloses(self, leak: int) -> bool:
        """Whether what follows the line `leak`, which sets a secret, is around it: the secret ends on that line."""
        rest = self.lines[leak][self._secret_from(leak) or 0 :]
        return self._only_leads(leak) or not (_STRUCTURE.match(rest) or "[" in rest or "{" in rest)

    def _only_leads(self, index: int, *, broken: bool = False) -> bool:
        """Whether no key of the line is secret itself, only something below it."""
        tables: tuple[KeyPath, ...] = self._tables.get(index, ((),))
        found = (self._secret_on(self.lines[index], table, broken=broken, keys=self._named) for table in tables)
        return all(end is None for end in found)

    def _secret_from(self, index: int, *, broken: bool = False) -> int | None:
        if (index, broken) not in self._ends:
            # A header can make what is below it public, too: not for lines that may not be below it.
            tables: tuple[KeyPath, ...] = self._tables.get(index, ((),))
            found = (self._secret_on(self.lines[index], table, broken=broken, keys=self._keys) for table in tables)
            self._ends[index, broken] = min((end for end in found if end is not None), default=None)
        return self._ends[index, broken]

    def _secret_on(self, line: str, table: KeyPath, *, broken: bool, keys: Collection[str]) -> int | None:
        if self._keyed and not self._keyed.isdisjoint((*table, *_WORD.findall(line))):
            return 0
        found = secret_from(line, table, broken=broken, keys=keys)
        if found is None and broken and self._others is not None:
            found = _unknown_from(line, self._others)
        return found
