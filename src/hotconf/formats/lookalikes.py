"""`lookalike`: a character that is invisible or looks like an ASCII one, and what to do about it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST: Final = 1000
_SUSPECT: Final = re.compile(r"[^\t\n -~]")
# The only invisible characters that TOML allows between tokens: space, tab, LF and CRLF.
_BARE: Final = re.compile(r"[^ \t\n\"'#,\[\]{}=]*+")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Invisible letters and marks."""
_NAMES: Final = {"\ufeff": "byte order mark", "\r": "carriage return", "\f": "form feed", "\0": "null"}
_QUOTES: Final = frozenset("\u201c\u201d\u201e\u2018\u2019`\uff02\uff07")


def lookalike(text: str, at: int) -> tuple[int, str] | None:
    """The first such character in the bare word that begins at `at`, and the hint; None if there is none.

    `text` is TOML up to `at`, where parsing failed, outside of strings and comments.
    """
    word = _BARE.match(text, at, at + _LONGEST)
    end = at if word is None else word.end()
    for suspect in _SUSPECT.finditer(text, at, max(end, at + 1)):
        hint = _hint(suspect[0])
        if hint is not None:
            return suspect.start(), hint
    return None


def _hint(character: str) -> str | None:
    if character in _BLANK or unicodedata.category(character) in _UNSEEN or _is_variation(character):
        return f"remove the invisible {_named(character)}"
    if character in _QUOTES:
        return None  # it has its own, better hint
    plain = "-" if unicodedata.category(character) == "Pd" or character == "\u2212" else _folded(character)
    return None if plain is None else f'write "{plain}": this is {_named(character)}'


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _folded(character: str) -> str | None:
    """The ASCII character that a full-width or mathematical letter stands for."""
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and "!" <= plain <= "~" else None


def _named(character: str) -> str:
    name = _NAMES.get(character) or unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X} ({name})"
