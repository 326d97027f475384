"""`parse`: the bytes of one file become a `Document`, or the `Problem` that says why they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli

from hotconf.cached import cached
from hotconf.formats.toml.lexer import MAX_DEPTH, STRING, place, too_deep
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

if TYPE_CHECKING:
    from hotconf.formats.toml.positions import Places

__all__ = ["MAX_DEPTH", "Document", "holds", "parse"]


@dataclass(frozen=True)
class Document:
    """One file that is TOML. It is kept and used again: nobody may change `table`."""

    path: Path
    """The file as configured, absolute."""
    text: str = field(repr=False)
    """What was parsed: decoded, without a byte order mark. Like `table` it may hold secrets."""
    table: dict[str, Any] = field(repr=False)
    spelled: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    """For each path of `table` whose last key stands differently in the text: the key as it stands there."""
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others worked out of it, once."""

    @cached
    def places(self) -> Places:
        """Where what is in `text` stands, worked out once, and not before it is asked for."""
        # Late, and its patterns with it: a load that finds nothing wrong asks for no place.
        from hotconf.formats.toml.positions import Places

        return Places(self.text)

    @cached
    def misread(self) -> tuple[Problem, ...]:
        """Warnings about escapes that were probably meant as parts of a path."""
        if "\\" not in self.text:
            return ()
        from hotconf.formats.toml.escapes import misread

        return tuple(misread(self.path, self.text))


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
    # tomli is quadratic in the parts of a key, so a long key is found before it sees the text.
    offset = too_deep(text) if _may_have_long_key(text) else None
    try:
        table = tomli.loads(text[:offset])
    except tomli.TOMLDecodeError as error:
        from hotconf.formats.toml.syntax import refused  # a good file does not pay for it

        offset = too_deep(text) if offset is None else offset
        return refused(path, error) if offset is None or error.pos < offset else _too_deep(path, text, offset)
    except RecursionError:  # a caller that has used up its stack may cause it, too
        return _too_deep(path, text, too_deep(text))
    except ValueError:  # the one that tomli lets through: Python's own limit for decimal integers
        return _giant_integer(path, text)
    if offset is not None or _is_too_deep(table):
        return _too_deep(path, text, too_deep(text))
    # Python reads hexadecimal integers of any length, and then refuses to print them.
    if _LONG.search(text) and _holds_giant(table):
        return _giant_integer(path, text)
    return Document(path, text, table)


def _may_have_long_key(text: str) -> bool:
    return text.count(".") > MAX_DEPTH and any(line.count(".") >= MAX_DEPTH for line in text.split("\n"))


def _is_too_deep(table: dict[str, Any]) -> bool:
    level: list[Any] = [table]
    for _ in range(MAX_DEPTH):
        inner = (each.values() if type(each) is dict else each for each in level)
        level = [value for values in inner for value in values if type(value) is dict or type(value) is list]
        if not level:
            return False
    return any(value or type(value) is list for value in level)


def _too_deep(path: Path, text: str, offset: int | None) -> Problem:
    if offset is None:
        return _syntax(path, "nested too deeply", text, None)
    return _syntax(path, f"more than {MAX_DEPTH} levels of nesting", text, (offset, offset + 1))


def _syntax(path: Path, reason: str, text: str, at: tuple[int, int] | None) -> Problem:
    from hotconf.formats.toml.syntax import syntax_problem

    return syntax_problem(path, reason, text, at)


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
_GIANT: Final = rf"{STRING}|#[^\n]*+|(?<![\w.+-])(?P<giant>[+-]?(?:{_LONG.pattern}|[0-9_]{{4301,}}+))(?![.\w])"


def _giant_integer(path: Path, text: str) -> Problem:
    # It is not found if the process has lowered Python's limit.
    matches = re.finditer(_GIANT, text, re.DOTALL)
    found = next((match.span("giant") for match in matches if match["giant"]), None)
    return _syntax(path, f"integer of over {_MAX_DIGITS:,} digits", text, found)


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
