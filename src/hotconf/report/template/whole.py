"""`settled`: a template that the model as a whole takes for its defaults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.config.declared import declared
from hotconf.config.diff import diff, equal
from hotconf.config.merge import merge
from hotconf.config.shape import shape_of
from hotconf.config.spelling import respell
from hotconf.config.validation.bounded import Errors, validated
from hotconf.config.walk import value_at
from hotconf.formats.base import Document, Format, parse
from hotconf.report.template.entries import Entry, off, tabled
from hotconf.report.writing import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema

NOWHERE: Final = Path("template")


def same(read: object, default: object) -> bool:
    """Whether they are equal, as the model sees it: 5 is as good as 5.0."""
    try:
        return equal(read, default) or bool(read == default)
    except Exception:  # noqa: BLE001 - __eq__ may be the user's
        return False


def settled(schema: Schema[Any], form: Format, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """`entries`, without what the model as a whole does not accept, or does not take for its default."""
    for _ in range(2):
        wrong = set(_wrong(schema, form, tabled(entries)))
        if not wrong:
            return entries
        entries = _without(entries, (), wrong)
    return off(entries) if any(_wrong(schema, form, tabled(entries))) else entries


def _wrong(schema: Schema[Any], form: Format, table: dict[str, object]) -> Iterator[KeyPath]:
    """Where `table` is not what the model has by itself."""
    wanted, again, found = (_loaded(schema, form, each) for each in ({}, {}, table))
    if isinstance(found, Errors):
        known = wanted.details if isinstance(wanted, Errors) else []
        for fault in found.details:
            if fault["type"] != "missing" and (fault["type"], fault["loc"]) not in [
                (each["type"], each["loc"]) for each in known
            ]:
                yield fault["loc"]
    elif not isinstance(wanted, Errors):
        other = {change.path for change in diff(wanted, again)}
        # What such a class says is changed by the environment.
        other |= {each.path for each in declared(schema).declarations if each.path}
        for path in (change.path for change in diff(wanted, found)):
            if any(path[: len(each)] == each for each in other):
                continue
            if not same(value_at(found, path), value_at(wanted, path)):
                yield path


def _loaded(schema: Schema[Any], form: Format, table: dict[str, object]) -> Any:
    data = document(form, table).encode() if table else b""
    read = parse(form, NOWHERE, data, allow_empty=True)
    respelled = respell(read, schema) if isinstance(read, Document) else ()
    if not isinstance(respelled, Document):
        return None
    try:
        return validated(schema, merge([respelled], shape_of(schema)))
    except (Exception, SystemExit):  # noqa: BLE001 - validators are users' code
        return None


def _without(entries: tuple[Entry, ...], path: KeyPath, wrong: set[KeyPath]) -> tuple[Entry, ...]:
    found = []
    for each in entries:
        here = (*path, each.key)
        if any(place[: len(here)] == here for place in wrong):
            inside = each.is_open and here not in wrong
            each = each._replace(on=inside, fields=_without(each.fields, here, wrong) if inside else off(each.fields))
        found.append(each)
    return tuple(found)
