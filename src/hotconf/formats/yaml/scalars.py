"""`resolved`: what a plain scalar means in the core schema of YAML 1.2. Nothing else is guessed from its look."""

from __future__ import annotations

import re
from typing import Final

from hotconf.formats.base import MAX_DIGITS
from hotconf.formats.places import Range

FIRST: Final = frozenset("-+.0123456789~nNtTfF")
"""A plain scalar that begins with another character is text."""
_CORE: Final = re.compile(
    r"(?P<null>~|null|Null|NULL)"
    r"|(?P<true>true|True|TRUE)"
    r"|(?P<false>false|False|FALSE)"
    r"|(?P<decimal>[-+]?[0-9]++)"
    r"|0o(?P<octal>[0-7]++)"
    r"|0x(?P<hexadecimal>[0-9a-fA-F]++)"
    r"|(?P<float>[-+]?(?:\.[0-9]++|[0-9]++(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?)"
    r"|(?P<infinity>[-+]?\.(?:inf|Inf|INF))"
    r"|(?P<nan>\.(?:nan|NaN|NAN))"
)
_BASES: Final = {"decimal": 10, "octal": 8, "hexadecimal": 16}
KINDS: Final = {
    "null": "null",
    "true": "bool",
    "false": "bool",
    **dict.fromkeys(_BASES, "int"),
    **dict.fromkeys(("float", "infinity", "nan"), "float"),
}
_CONSTANTS: Final = {"null": None, "true": True, "false": False, "nan": float("nan")}


class TooLongError(Exception):
    """An integer of more than `MAX_DIGITS` digits."""

    def __init__(self, span: Range) -> None:
        super().__init__(span)
        self.span = span


def kind_of(text: str) -> str:
    """The tag that a plain scalar has by its look: `null`, `bool`, `int`, `float` or `str`."""
    if not text:
        return "null"
    found = _CORE.fullmatch(text) if text[0] in FIRST else None
    return "str" if found is None else KINDS[str(found.lastgroup)]


def resolved(text: str, span: Range) -> bool | int | float | str | None:
    """The value of a plain scalar, which stands at `span`. Raises `TooLongError`."""
    if not text:
        return None
    found = _CORE.fullmatch(text) if text[0] in FIRST else None
    if found is None:
        return text
    name = str(found.lastgroup)
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _BASES:
        number = _integer(found[name], _BASES[name])
        if number is None:
            raise TooLongError(span)
        return number
    return float(text if name == "float" else text.replace(".", ""))


def _integer(digits: str, base: int) -> int | None:
    if base == 10 and len(digits.lstrip("+-")) > MAX_DIGITS:
        return None
    try:
        number = int(digits, base)
    except ValueError:  # the process has lowered Python's own limit
        return None
    return None if len(digits) > MAX_DIGITS // 2 and abs(number) >= 10**MAX_DIGITS else number
