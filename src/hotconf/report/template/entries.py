"""`Entry`: what a template says of one field, and what becomes of it in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hotconf.changes import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.keypath import KeyPath

NAME: Final = "NAME"
"""Stands for a key of one's choice."""


class Entry(NamedTuple):
    """What is written of one field."""

    key: str
    notes: str
    """What it means."""
    words: str
    """Its type and limits; whether it is required, optional or secret."""
    on: bool = False
    """It is set; otherwise it is a comment."""
    value: object = MISSING
    """What it is set to, or an example; `MISSING` if that is a table of the `fields`."""
    required: bool = False
    """There is no default."""
    form: Literal["value", "table", "list", "named"] = "value"
    """What it holds: fields, a list of tables, or tables under any keys."""
    fields: tuple[Entry, ...] = ()
    """Those of the table, or of an example of such tables."""

    @property
    def is_open(self) -> bool:
        """It is set, field by field."""
        return self.on and self.form == "table" and self.value in (MISSING, {})


def tabled(entries: Iterable[Entry]) -> dict[str, object]:
    """What they set together."""
    return {each.key: tabled(each.fields) if each.is_open else each.value for each in entries if each.on}


def required(entries: Iterable[Entry], path: KeyPath = ()) -> Iterator[KeyPath]:
    """The values that are to be filled in."""
    for each in entries:
        if each.is_open:
            yield from required(each.fields, (*path, each.key))
        elif each.required:
            yield (*path, each.key)


class Template(NamedTuple):
    """What a new configuration in one format says."""

    notes: str
    entries: tuple[Entry, ...]


def off(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """All of them as comments."""
    return tuple(each._replace(on=False, fields=off(each.fields)) for each in entries)
