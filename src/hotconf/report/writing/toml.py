"""Values as TOML, each with a remark behind it. What is written here can be read again by any TOML parser.

tomli-w, the well-kept writer, takes plain tables only and cannot carry a comment; a library that can (tomlkit) edits
documents, is ten times the size and loads slowly. Writing needs a page.

Of values that TOML has no word for: what is not there (None) is a comment, or in an array `"none"`; numbers of other
kinds, spans of time and moments with an odd offset become text, and so does whatever else there is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final, TypeAlias

from hotconf.report.cells import width
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hotconf.keypath import KeyPath

Remark: TypeAlias = "Callable[[KeyPath], str]"
"""What to say behind the value at a path; empty for nothing."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_UNFIT: Final = re.compile(r'["\\\x00-\x1f\x7f]|[^\x20-\x7e]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
WIDEST: Final = 100
"""Arrays that take more are written over several lines."""
FARTHEST: Final = 48
"""Remarks stand below each other up to this column."""


def document(table: Mapping[str, object], remark: Remark = lambda _: "") -> str:
    """`table` as a TOML document, values before tables, with the remark on each value as a comment."""
    return "\n\n".join(_blocks((), table, remark)) + "\n"


def value(given: object) -> str:
    """`given` as it stands behind an equals sign, on one line."""
    match given:
        case bool():
            return "true" if given else "false"
        case str():
            return text(given)
        case int():
            return str(given)
        case float():
            return _float(given)
        case Mapping():
            pairs = (f"{key(str(name))} = {value(item)}" for name, item in given.items() if item is not None)
            inner = ", ".join(pairs)
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return "[" + ", ".join(map(value, given)) + "]"
        case datetime() | date() | time():
            return _moment(given)
        case None:
            return text("none")
        case _:
            return text(str(given))


def key(name: str) -> str:
    """`name` as a key, in quotes if it needs them."""
    return name if _BARE.fullmatch(name) else text(name)


def text(given: str) -> str:
    """`given` as a basic string of TOML 1.0: what is not printable is an escape, half a character a question mark."""
    return '"' + _UNFIT.sub(_escaped, given) + '"'


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0xD800 <= code < 0xE000:
        return "\\uFFFD"
    if char.isprintable():
        return char
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _float(number: float) -> str:
    if math.isfinite(number):
        return repr(float(number))
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"


def _moment(moment: datetime | date | time) -> str:
    if isinstance(moment, time) and moment.tzinfo is not None:
        return text(moment.isoformat())
    offset = moment.utcoffset() if isinstance(moment, datetime) else None
    whole = offset is None or offset.total_seconds() % 60 == 0
    return moment.isoformat() if whole else text(moment.isoformat())


def blocks(path: KeyPath, item: object) -> Iterator[str]:
    """The table, or the array of tables, at `path`: each header with the values below it."""
    yield from _blocks(path[:-1], {str(path[-1]): item}, lambda _: "")


def _blocks(path: KeyPath, table: Mapping[str, object], remark: Remark, header: str = "") -> Iterator[str]:
    """A table: its header and its values, if it has any of them to show, and then the tables in it."""
    inner = {name: item for name, item in table.items() if has_header(item)}
    plain = {name: item for name, item in table.items() if name not in inner}
    lines = list(_pairs(path, plain, remark))
    if header and (lines or header.startswith("[[")):
        lines.insert(0, header)
    if lines:
        yield "\n".join(lines)
    for name, item in inner.items():
        here = (*path, name)
        if isinstance(item, Mapping):
            yield from _blocks(here, item, remark, f"[{path_name(here)}]")
        for index, each in enumerate(item if isinstance(item, list) else ()):
            yield from _blocks((*here, index), each, remark, f"[[{path_name(here)}]]")


def has_header(item: object) -> bool:
    """Whether it is a table, or tables, under headers of their own."""
    if isinstance(item, list):
        return bool(item) and all(isinstance(each, Mapping) for each in item)
    return isinstance(item, Mapping) and bool(item)  # an empty one is shorter as a value


def path_name(path: KeyPath) -> str:
    """`path` as it stands in a header."""
    return ".".join(key(part) for part in path if isinstance(part, str))


def _pairs(path: KeyPath, plain: Mapping[str, object], remark: Remark) -> Iterator[str]:
    written = [(name, item, _assigned(name, item)) for name, item in plain.items()]
    column = max((w for _, _, line in written if (w := width(line)) <= FARTHEST), default=0)
    for name, item, line in written:
        if isinstance(item, list) and width(line) > WIDEST:
            yield remarked(f"{key(name)} = [", remark((*path, name)), column)
            yield from (f"    {value(each)}," for each in item)
            yield "]"
        else:
            yield remarked(line, remark((*path, name)), column)


def _assigned(name: str, item: object) -> str:
    return f"# {printable(name)} is not set" if item is None else f"{key(name)} = {value(item)}"


def remarked(line: str, remark: str, column: int = 0) -> str:
    """`line` with the remark as a comment behind it, at `column` if the line is shorter."""
    return f"{line}{' ' * max(column - width(line), 0)}  # {printable(remark)}" if remark else line
