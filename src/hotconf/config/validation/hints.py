"""`instead`: what to write instead of a value of the wrong type; nothing where that is not sure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Final

import tomli

from hotconf.changes import shown
from hotconf.config.validation.faults import Fault, toml_type
from hotconf.secrets.credentials import mask_credentials

_LONGEST: Final = 40
"""Longer values are not repeated in a hint."""
_MOST_CHOICES: Final = 100
"""How many choices are compared with a value."""
_FULLEST: Final = 2**53
"""Larger whole floats may not be the integer that was meant."""
_BARE: Final = "write it without the quotes"
_QUOTED: Final = "write it in quotes"
_BRACKETS: Final = "write it in brackets"
_BOOLEANS: Final = frozenset({"true", "false", "yes", "no", "on", "off"})
_URL: Final = "url_"
"""So begin the types of pydantic's errors about URLs, which a number in quotes is not."""


def instead(fault: Fault) -> str | None:
    """The hint for a fault of the wrong type. What is secret is not repeated in it."""
    value = fault.value
    if value is None or isinstance(value, dict):
        return None
    hints = {hint for name in fault.expected if (hint := _as(name, value, fault)) is not None}
    return hints.pop() if len(hints) == 1 else None


def of_boolean(fault: Fault) -> str | None:
    """The hint for a text that is no boolean, where only a boolean can stand."""
    return "write true or false" if fault.expected == ("boolean",) and isinstance(fault.value, str) else None


def _is_secret(fault: Fault) -> bool:
    """The value must not be repeated: it is a secret, or stands where there should be an array of such."""
    return fault.secret or fault.shape.secretive


def _as(name: str, value: object, fault: Fault) -> str | None:
    if name == "array":
        return _in_brackets(value, fault)
    if name == "string":
        return _in_quotes(value, fault)
    if isinstance(value, str):
        return _without_quotes(name, value, fault)
    if name == "boolean" and type(value) is int and value in (0, 1):
        return "write true or false"
    if name == "integer" and isinstance(value, float) and value.is_integer() and abs(value) < _FULLEST:
        return None if _is_secret(fault) else f"write {int(value)}"
    return None


def _without_quotes(name: str, text: str, fault: Fault) -> str | None:
    if name == "boolean" and text.strip().lower() in _BOOLEANS and text not in ("true", "false"):
        return "write true or false, without quotes"
    value = _read(text)
    kind = toml_type(value) if value is not None else None
    if kind != name and (kind, name) != ("integer", "float"):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _BARE if _is_secret(fault) else f"write {text.strip()}, without the quotes"


def _read(text: str) -> object:
    """The value that `text` is in TOML; None if it is none, or not plainly one."""
    if len(text) > _LONGEST or not text.isprintable() or "#" in text:
        return None
    try:
        value: object = tomli.loads(f"x = {text}")["x"]
    except ValueError:
        return None
    return value if isinstance(value, bool | int | float | date) else None


def _in_quotes(value: object, fault: Fault) -> str | None:
    if isinstance(value, list) or fault.type.startswith(_URL):
        return None
    # As it is written only an integer is sure to be known: 1.10 was read as 1.1.
    if not isinstance(value, int) or _is_secret(fault) or len(text := shown(value)) > _LONGEST:
        return _QUOTED
    return f'write "{text}", in quotes'


def choice(value: object, allowed: Iterable[object]) -> str | None:
    """The hint for a value that is none of those allowed, but would be with quotes, or without."""
    first = list(islice(allowed, _MOST_CHOICES))
    if isinstance(value, str):
        read = _read(value)
        return f"write {value.strip()}, without the quotes" if any(_same(read, each) for each in first) else None
    named = [each for each in first if isinstance(each, str) and _same(_read(each), value)]
    if len(named) > 1:
        return _QUOTED
    return f'write "{named[0]}", in quotes' if named else None


def _same(one: object, other: object) -> bool:
    return one is not None and type(one) is type(other) and one == other


def _in_brackets(value: object, fault: Fault) -> str | None:
    if not fault.shape.takes_in_array(value):
        return None
    if isinstance(value, str) and ("," in value or " " in value or value.startswith("[")):
        return 'write an array: ["…", "…"]'
    text = shown(value)
    if (
        _is_secret(fault)
        or len(text) > _LONGEST
        or mask_credentials(text) != text
        or not isinstance(value, str | bool | int)
    ):
        return _BRACKETS
    return f"write [{text}], in brackets"
