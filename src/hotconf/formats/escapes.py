"""`misread`: escapes that give control characters, in what looks like a Windows path: `"C:\\temp"` has a tab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from hotconf.formats.base import place
from hotconf.formats.toml.lexer import STRING
from hotconf.problems import Problem

MOST: Final = 100
"""So many are reported of one text: finding a place takes time in proportion to what stands before it."""
_NAMES: Final = {
    "b": "a backspace",
    "t": "a tab",
    "n": "a line feed",
    "f": "a form feed",
    "r": "a carriage return",
    "e": "an escape character",
    "0": "a null character",
    "a": "a bell",
    "v": "a vertical tab",
    "N": "a next line character",
    "L": "a line separator",
    "P": "a paragraph separator",
}
_SIGNS: Final = (":\\", '"\\\\', ".\\", "%\\")
"""One of these is in the text, or nothing in it looks like a path."""
_STRINGS: Final = re.compile(rf"#[^\n]*+|{STRING}", re.DOTALL)
# A drive, a variable or dots before a backslash; or two backslashes, as they are or escaped.
_PATH: Final = re.compile(r'\A"(?:"")?\s{0,9}(?:(?:[A-Za-z]:|%\w{1,64}%|\.\.?)\\|\\\\(?:\\\\)?\w)')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def misread(
    path: Path, text: str, hint: str, strings: Callable[[str], Iterable[tuple[int, str]]] | None = None
) -> Iterator[Problem]:
    """A warning with `hint` for each such string of a text, the first `MOST`, at its first such escape.

    `strings`: finds the strings, and where each begins; None: as in TOML and JSON. None of the warnings quotes one.
    """
    if any(sign in text for sign in _SIGNS):
        pairs = ((match.start(), match[0]) for match in _STRINGS.finditer(text)) if strings is None else strings(text)
        looks = ((begin, string) for begin, string in pairs if _PATH.match(string))
        found = ((begin, escape) for begin, string in looks if (escape := _first(string)) is not None)
        for begin, escape in islice(found, MOST):
            yield _warning(path, text, begin + escape.start(), escape[1], hint)


def _first(string: str) -> re.Match[str] | None:
    """The first escape that begins a name, as in a path, and is none of a quote or a backslash."""
    escapes = _ESCAPE.finditer(string)
    return next(
        (each for each in escapes if each[1] in _NAMES and _in_name(string[each.end() : each.end() + 1])), None
    )


def _in_name(character: str) -> bool:
    return character.isalnum() or character in ("_", "-")


def _warning(path: Path, text: str, begin: int, letter: str, hint: str) -> Problem:
    line, column = place(text, begin)
    return Problem(
        f"\\{letter} is {_NAMES[letter]}, in what looks like a Windows path",
        kind="syntax",
        severity="warning",
        hint=hint,
        file=path,
        line=line,
        column=column,
        end_line=line,
        end_column=column + 2,
    )
