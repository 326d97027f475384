"""Values as YAML, each with a remark behind it. What is written here means the same to readers of YAML 1.1 and 1.2.

PyYAML's writer cannot carry a comment, and quotes by YAML 1.1 alone. Of values that YAML has no word for: dates are
text, and so is whatever else there is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from hotconf.report.cells import width
from hotconf.report.writing import toml

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_NOT_PLAIN: Final = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])
"""In some YAML these words mean something else than text."""


def document(table: Mapping[str, object], remark: toml.Remark = lambda _: "") -> str:
    """`table` as a YAML document, with the remark on each value as a comment."""
    return "\n".join(_mapping((), table, remark)) + "\n" if table else "{}\n"


def value(given: object) -> str:
    """`given` as it stands behind a colon, on one line."""
    match given:
        case bool():
            return "true" if given else "false"
        case str():
            return given if _PLAIN.fullmatch(given) and given.lower() not in _NOT_PLAIN else toml.text(given)
        case int():
            return str(given)
        case float():
            return _float(given)
        case Mapping():
            return "{" + ", ".join(f"{value(str(name))}: {value(item)}" for name, item in given.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(value, given)) + "]"
        case datetime() | date() | time():
            return toml.text(given.isoformat())
        case None:
            return "null"
        case _:
            return toml.text(str(given))


def _float(number: float) -> str:
    if math.isfinite(number):
        written = repr(float(number))
        return written if "." in written else written.replace("e", ".0e")  # YAML 1.1 knows no float without a point
    return ".nan" if math.isnan(number) else ".inf" if number > 0 else "-.inf"


def _mapping(path: KeyPath, table: Mapping[str, object], remark: toml.Remark) -> Iterator[str]:
    """The lines of a mapping."""
    lines = {name: f"{value(str(name))}: {value(item)}" for name, item in table.items() if not _nests(item)}
    column = max((w for line in lines.values() if (w := width(line)) <= toml.FARTHEST), default=0)
    for name, item in table.items():
        here = (*path, name)
        line = lines.get(name)
        if line is not None and (width(line) <= toml.WIDEST or not isinstance(item, list)):
            yield toml.remarked(line, remark(here), column)
            continue
        yield toml.remarked(f"{value(str(name))}:", remark(here) if line is not None else "", column)
        if isinstance(item, Mapping):
            yield from (f"  {inner}" for inner in _mapping(here, item, remark))
        for index, each in enumerate(item if isinstance(item, list) else ()):
            inner = _mapping((*here, index), each, remark) if isinstance(each, Mapping) and each else [value(each)]
            yield from (f"  {'  ' if number else '- '}{text}" for number, text in enumerate(inner))


def _nests(item: object) -> bool:
    """Whether it takes lines of its own."""
    if isinstance(item, list):
        return bool(item) and all(isinstance(each, Mapping) and each for each in item)
    return isinstance(item, Mapping) and bool(item)
