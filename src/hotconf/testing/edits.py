"""Keys of a configuration file are set, and the rest of its text stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from hotconf import arguments
from hotconf.changes import MISSING
from hotconf.config.diff import equal
from hotconf.errors import UsageError
from hotconf.formats.base import Format
from hotconf.formats.registry import parse
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.report.writing import document, toml, yaml
from hotconf.sources.override import flattened

if TYPE_CHECKING:
    from hotconf.formats.base import Document


def edited(path: Path, form: Format, data: bytes, values: Mapping[Any, Any]) -> bytes:
    """`data`, the content of the file at `path`, with these values. Raises `UsageError` if it cannot be done."""
    found = parse(data, path, allow_empty=True, form=form)
    if isinstance(found, Problem):
        raise UsageError(f"the file cannot be edited; set() its whole text instead: {found}")
    wanted = {key: _plain(value, form) for key, value in flattened(values).items()}
    table = _merged(found.table, wanted)
    for text in (_spliced(found, form, wanted), document(form, table)):
        read = None if text is None else parse(text.encode(), path, allow_empty=True, form=form)
        if text is not None and read is not None and not isinstance(read, Problem) and equal(read.table, table):
            return text.encode()
    keys = ", ".join(map(dotted, wanted))
    raise UsageError(f"{keys}: {form.name} cannot express this value; set() the whole text instead")


def encoded(name: str, text: object) -> bytes:
    """The content of a file with this text. Raises `UsageError` for what is none."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise arguments.wrong(name, text, 'the text of the file, such as "n = 1"')
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} cannot be written as UTF-8: give bytes") from None


def together(values: object, named: Mapping[str, Any]) -> dict[Any, Any]:
    """What to set. Raises `UsageError` if `values` is no mapping, and for a key that is given twice."""
    if not isinstance(values, Mapping | None):
        raise arguments.wrong("values", values, 'a mapping, such as {"server.port": 1}')
    given = dict(values or {})
    if twice := sorted(given.keys() & named.keys()):
        raise UsageError(f"values: {twice[0]} is given twice")
    return {**given, **named}


def _plain(value: Any, form: Format) -> Any:
    """As a file of this format says it."""
    match value:
        case _ if value is MISSING:
            return value
        case Enum():
            return _plain(value.value, form)
        case PurePath():
            return str(value)
        case Mapping():
            return {str(key): _plain(inner, form) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner, form) for inner in value]
        case datetime() | date() | time() if form.name != "TOML":
            return value.isoformat()
        case _ if callable(revealed := getattr(value, "get_secret_value", None)):
            return revealed()
        case _:
            return value


def _merged(table: Mapping[str, Any], wanted: Mapping[KeyPath, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = _copy(table)
    for path, value in wanted.items():
        here = merged
        for key in path[:-1]:
            inner = here.get(str(key))
            if not isinstance(inner, dict):
                inner = here[str(key)] = {}
            here = inner
        if value is MISSING:
            here.pop(str(path[-1]), None)
        else:
            here[str(path[-1])] = value
    return merged


def _copy(table: Any) -> Any:
    return {key: _copy(value) for key, value in table.items()} if isinstance(table, Mapping) else table


def _spliced(found: Document, form: Format, wanted: Mapping[KeyPath, Any]) -> str | None:
    """The text with other values in their places; None if a key has no place. It may mean something else."""
    write = {"TOML": toml.value, "YAML": yaml.value}.get(form.name, partial(json.dumps, default=str))
    places: list[tuple[tuple[int, int], str]] = []
    for path, value in wanted.items():
        try:
            span = found.places.offsets(path)
        except KeyError:
            return None
        if value is MISSING:
            return None
        places.append((span, write(value)))
    text = found.text
    for (begin, end), written in sorted(places, reverse=True):
        text = text[:begin] + written + text[end:]
    return text
