"""`outline`: what can be said about the lines of a JSON text, or of one that is to become JSON."""

from __future__ import annotations

import re
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH, Outline
from hotconf.keypath import KeyPath

_MOST: Final = 16
"""A line that sets values in more tables than this counts as secret as a whole."""
_ALL: Final[tuple[KeyPath, ...]] = (("secrets",),)

_STRING: Final = '"' + possessive(r'[^"\\\n]++|\\[^\n]') + '"?+' + r"|'[^'\n]*+'?+"
_KEY: Final = rf"(?:{_STRING}|[\w$-]++)[ \t]*+:"
_TOKEN: Final = re.compile(rf"(?P<key>{_KEY})|{_STRING}|(?P<mark>[\[\]{{}}\n])|[\w$-]++")
_OWN_KEY: Final = re.compile(rf"[ \t{{]*+{_KEY}")


def outline(text: str) -> Outline:
    """What can be said about its lines. No string spans any."""
    found: dict[int, dict[KeyPath, None]] = {0: {(): None}}
    path: list[str] = []
    named: list[bool] = []  # of what is open: whether its key is in the path
    key: str | None = None
    line = 0
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if token["key"] is not None:
            key = token["key"].rstrip(": \t").strip("\"'")
            tables = found.setdefault(line, {})
            if len(tables) <= _MOST:
                tables[tuple(path)] = None
        elif mark == "\n":
            line += 1
        elif mark in ("[", "{"):
            named.append(key is not None and len(path) < MAX_DEPTH)
            path += [key] if named[-1] and key is not None else []
            key = None
        elif mark is not None and named:
            del path[len(path) - named.pop() :]
        else:
            key = None
    return Outline(
        {line: tuple(tables) if len(tables) <= _MOST else _ALL for line, tables in found.items()}, frozenset()
    )


def starts(line: str) -> KeyPath | None:
    """Empty for a line with a key of its own; None for what may belong to the line above."""
    return () if _OWN_KEY.match(line) else None
