"""`parse`: the bytes of one file become a `Document`, or the `Problem` that says why they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import tomli

from hotconf.core.lexis import MAX_DEPTH, STRING, last_mark, place, statements, too_deep
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.text import printable

__all__ = ["MAX_DEPTH", "Document", "holds", "parse"]


class Document(NamedTuple):
    """One file that is TOML. It is kept and used again: nobody may change `table`."""

    path: Path
    """The file as configured, absolute."""
    text: str
    """What was parsed: decoded, without a byte order mark. Like `table` it may hold secrets."""
    table: dict[str, Any]
    spelled: Mapping[KeyPath, str] = MappingProxyType({})
    """For each path of `table` whose last key stands differently in the text: the key as it stands there."""

    def __repr__(self) -> str:
        """Never shows the content."""
        return f"Document({self.path!r})"


def parse(data: bytes, path: Path, *, allow_empty: bool = False) -> Document | Problem:
    """The document that `data` holds, or what is wrong with it. TOML 1.1; a leading byte order mark is accepted.

    Nothing but white space is a problem unless `allow_empty`; a file of comments is not empty.
    """
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return _not_utf8(path, data, error.start)
    if not allow_empty and not text.strip():
        return Problem("File is empty", kind="empty", file=path, hint="to ask for all defaults, write a comment")
    return _parsed(path, text)


def holds(value: object, part: str | int) -> bool:
    """Is there such a key in the table, or such a position in the array?"""
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)


def _parsed(path: Path, text: str) -> Document | Problem:
    if (offset := too_deep(text)) is not None:
        return _syntax(path, f"more than {MAX_DEPTH} levels of nesting", place(text, offset))
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return _refused(path, error)
    except RecursionError:  # 64 levels do not cause it, but a caller that has used up its stack may
        return _syntax(path, "nested too deeply", None)
    except ValueError:  # the one that tomli lets through: Python's own limit for decimal integers
        return _giant_integer(path, text)
    # Python reads hexadecimal integers of any length, and then refuses to print them.
    if _LONG.search(text) and _holds_giant(table):
        return _giant_integer(path, text)
    return Document(path, text, table)


_Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


def _syntax(path: Path, reason: str, where: _Place | None, hint: str | None = None) -> Problem:
    line, column = where or (None, None)
    at = "" if line is None else f" at line {line}"
    return Problem(f"Invalid TOML: {reason}{at}", kind="syntax", hint=hint, file=path, line=line, column=column)


def _not_utf8(path: Path, data: bytes, offset: int) -> Problem:
    before = data[:offset].decode().removeprefix("\ufeff")
    line, column = place(before, len(before))
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    hint = "it looks like UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8"
    message = f"File is not UTF-8: invalid byte at line {line}"
    return Problem(message, kind="encoding", hint=hint, file=path, line=line, column=column)


# Integers of more digits than Python prints.

_MAX_DIGITS: Final = 4300
_LONG: Final = re.compile(  # as many as 4,300 decimal digits take, or more; quick to rule out
    r"0[xob](?<!\w0[xob])[0-9A-Fa-f_]{3571,}+"
)
_GIANT: Final = rf"{STRING}|#[^\n]*+|(?<![\w.+-])[+-]?(?P<giant>{_LONG.pattern}|[0-9_]{{4301,}}+)(?![.\w])"


def _giant_integer(path: Path, text: str) -> Problem:
    # It is not found if the process has lowered Python's limit.
    matches = re.finditer(_GIANT, text, re.DOTALL)
    found = next((match.start() for match in matches if match["giant"]), None)
    where = None if found is None else place(text, found)
    return _syntax(path, f"integer of over {_MAX_DIGITS:,} digits", where)


def _holds_giant(table: dict[str, Any]) -> bool:
    left: list[object] = [table]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS:
            return True
    return False


# tomli's messages in plainer words. They may quote keys and whatever stands in their place: none of it is repeated.

_BRACKET: Final = "missing closing bracket"
_UNEXPECTED: Final = "unexpected"
_DUPLICATE: Final = "duplicate key"
_TWICE: Final = "table already defined"
_CLOSED: Final = "an array or inline table cannot be extended"
_REASONS: Final = (
    ("Unclosed array", _BRACKET),
    ("Expected ']", _BRACKET),
    ("Invalid value", _UNEXPECTED),
    ("Invalid statement", _UNEXPECTED),
    ("Invalid initial character", _UNEXPECTED),
    ("Cannot overwrite a value", _DUPLICATE),
    ("Duplicate inline table key", _DUPLICATE),
    ("Cannot declare", _TWICE),
    ("Cannot redefine namespace", _TWICE),
    ("Cannot mutate immutable namespace", _CLOSED),
    ("Illegal character '\\n'", "unterminated string"),
    ("Found invalid character '\\n'", "unterminated string"),
    ("Expected \"'", "unterminated string"),
)
_HINTS: Final = {
    _BRACKET: 'close it with "]"; between items of an array stands a comma',
    _DUPLICATE: "each key may be set once",
    _TWICE: "write all its keys under one header",
}
_QUOTED: Final = r"""'[^']{5,}'|"[^"]{5,}"|\(.*\)"""


def _refused(path: Path, error: tomli.TOMLDecodeError) -> Problem:
    reason = next((words for begins, words in _REASONS if error.msg.startswith(begins)), None)
    where = error.lineno, error.colno
    if reason is None:
        # Nothing of the kind in tomli 2.5, but a later one may quote more.
        own = re.sub(_QUOTED, "…", error.msg)
        return _syntax(path, printable(own[:1].lower() + own[1:]), where)
    if reason is _UNEXPECTED:
        return _unexpected(path, error, where)
    if reason in (_DUPLICATE, _TWICE, _CLOSED):  # tomli points behind the value, which may be lines below
        where = _statement(error)
    return _syntax(path, reason, where, _HINTS.get(reason))


def _unexpected(path: Path, error: tomli.TOMLDecodeError, where: _Place) -> Problem:
    char = error.doc[error.pos : error.pos + 1]
    if not char:
        if error.msg.startswith("Invalid value") and last_mark(error.doc) != "=":
            return _syntax(path, _BRACKET, where, _HINTS[_BRACKET])
        return _syntax(path, "unexpected end of file", where)
    if char == "\n":
        return _syntax(path, "unexpected end of line", where)
    quotes = "text stands in quotes; true and false are lower case" if char.isalpha() else None
    return _syntax(path, f"unexpected character '{printable(char)}'", where, quotes)


def _statement(error: tomli.TOMLDecodeError) -> _Place:
    start = 0
    for offset in statements(error.doc):
        if offset > error.pos:
            break
        start = offset
    indent = len(error.doc) - start - len(error.doc[start:].lstrip(" \t"))
    return place(error.doc, start + indent)
