"""`template_of`: the fields of a model, each with its meaning and, if it can be written, its default.

Rule 1: what is written reads back as the default, by the format and the model: whatever does not is a comment.
Rule 2: a value without a default is a comment with an example, so that a check says that it is missing.
Rule 3: no secret is in it, whatever it is the default of, and nothing that a `BaseSettings` class has read.

Here users' code runs: default factories and validators.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import SchemaValidator, to_jsonable_python

from hotconf.changes import CUT, MASK, MISSING
from hotconf.config import coreschema
from hotconf.config.coreschema import Field, Leaf
from hotconf.config.diff import equal
from hotconf.config.redaction.masking import Masker
from hotconf.config.redaction.secret_values import secrets_in
from hotconf.config.walk import bare, entries
from hotconf.errors import UsageError
from hotconf.formats.base import Format
from hotconf.problems import Problem
from hotconf.report.jsonschema import json_schema
from hotconf.report.schema_secrets import MARKED
from hotconf.report.template.entries import NAME, Entry, Template, off, tabled
from hotconf.report.template.whole import NOWHERE, same, settled
from hotconf.report.template.words import Node, Words
from hotconf.report.writing import document
from hotconf.secrets.keys import is_secret_key
from hotconf.secrets.scrubber import Scrubber

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema

_DEEPEST: Final = 8
_NOT_GIVEN: Final = object()
_UNKNOWN: Final = object()
"""A default that is computed at each start."""
_MADE: Final = object()
"""A table that a `BaseSettings` class declares: its values may be those of the environment."""


def template_of(schema: Schema[Any], form: Format) -> Template:
    """What a new configuration in that format has to say.

    Raises `UsageError` if the model is not complete, or if there is nothing to read the format with.
    """
    schema.complete()
    trial = form.parse(NOWHERE, document(form, {"a": 1}))
    if isinstance(trial, Problem):
        raise UsageError(trial.message)
    # Which texts hold secrets is only known when all defaults have been seen.
    try:
        node: Node = json.loads(json_schema(schema))
    except UsageError:  # nothing is said of types and limits then
        node = {}
    first = _Reader(schema, node, form, Scrubber())
    first.root()
    found = _Reader(schema, node, form, Scrubber(first.secrets)).root()
    return found._replace(entries=settled(schema, form, found.entries))


class _Reader:
    def __init__(self, schema: Schema[Any], node: Node, form: Format, scrub: Scrubber) -> None:
        self.secrets: set[str] = set()
        """Those among the defaults."""
        self._root = coreschema.root(schema.adapter)
        self._definitions: dict[str, coreschema.Node] = {}
        self._form = form
        self._scrub = scrub.longer
        self._node = node
        self._words = Words(node)

    def root(self) -> Template:
        """All of it."""
        tables = self._tables(self._root)
        notes = self._scrub(self._words.resolved(self._node).get("description", ""))
        found = self._fields(tables[0], self._node, (), MISSING, ()) if tables else ()
        return Template(notes, found if len(tables) == 1 else off(found))

    def _tables(self, node: coreschema.Node) -> list[Leaf]:
        return [leaf for leaf in coreschema.leaves(node, self._definitions) if coreschema.is_table(leaf.node)]

    def _fields(
        self, leaf: Leaf, node: object, path: KeyPath, instance: Any, around: tuple[int, ...]
    ) -> tuple[Entry, ...]:
        """Those of the table of `leaf`, with the values of `instance`, if there is one."""
        fields = {key: field for field in coreschema.fields(leaf) if (key := _key(field)) is not None}
        properties = self._words.table(node, set(fields)).get("properties", {})
        around = (*around, id(leaf.node))
        found = [
            self._field(field, properties.get(key, {}), (*path, key), _value_in(instance, key, field), around)
            for key, field in fields.items()
        ]
        known = {name for field in fields.values() for name in (field.name, *dict(field.keys))}
        more = {} if instance is MISSING else entries(instance)
        others = {key: self._plain((*path, key), more[key]) for key in more if isinstance(key, str)}
        found += [
            Entry(key, "", "", plain is not MISSING, "" if plain is MISSING else plain)
            for key, plain in others.items()
            if key not in known
        ]
        return tuple(found)

    def _field(self, field: Field, node: object, path: KeyPath, given: object, around: tuple[int, ...]) -> Entry:
        own, required = self._default(field)
        value, required = (own, required) if given is _NOT_GIVEN else (given, False)
        if coreschema.is_settings(type(bare(value))):
            value = _UNKNOWN
        leaves = list(coreschema.leaves(field.schema, self._definitions))
        found = self._words.resolved(node)
        secret = any(leaf.secret for leaf in leaves) or any(map(is_secret_key, field.names))
        if not _no_value(value):
            self.secrets |= secrets_in(value, ("secret",) if secret else path)
        secret = secret or found.get(MARKED) is True
        entry = Entry(str(path[-1]), self._scrub(found.get("description", "")), "", required=required)
        table = _table_for([leaf for leaf in leaves if coreschema.is_table(leaf.node)], value)
        if table is not None and id(table.node) not in around and len(path) < _DEEPEST:
            entry = self._table(entry, field, leaves, table, found, path, value, around)
            words = self._words.of(found)
            words = "" if entry.is_open and words == "table" else words
        else:
            entry = self._value(entry, field, found, path, value, secret=secret and value is not None)
            entry = self._with_items(entry, leaves, found, path, around)
            words = self._scrub(self._words.of(found))
        secret = secret or (not entry.on and self._hides(path, value))
        flags = ["required"] * (required and not entry.is_open)
        flags += ["secret"] * secret + ["computed at each start"] * (value is _UNKNOWN)
        flags += ["a change needs a restart"] * (coreschema.RESTART in found)
        if not required and not secret and not entry.is_open and (value is None or value is MISSING):
            flags = ["optional", *flags]
        return entry._replace(words=" ".join(f"{each[:1].upper()}{each[1:]}." for each in (words, *flags) if each))

    def _default(self, field: Field) -> tuple[Any, bool]:
        """The default of a field, and whether it has to be given."""
        if coreschema.is_settings(field.schema.get("default_factory")):
            return _MADE, False
        path = field.schema.get("default")
        if isinstance(path, str | PurePath) and coreschema.any_file([field.schema], self._definitions):
            return str(path), False  # the file need not be there yet
        try:
            validator = self._validator(field)
            found, again = validator.get_default_value(), validator.get_default_value()
        except (Exception, SystemExit):  # noqa: BLE001 - factories are users' code
            return _UNKNOWN, False
        if found is None or again is None:
            return MISSING, not field.optional
        return (found.value if equal(found.value, again.value) else _UNKNOWN), False

    def _table(
        self,
        entry: Entry,
        field: Field,
        leaves: list[Leaf],
        table: Leaf,
        node: object,
        path: KeyPath,
        value: Any,
        around: tuple[int, ...],
    ) -> Entry:
        """A table of fields."""
        instance = MISSING if value is None or _no_value(value) else bare(value)
        entry = entry._replace(form="table", fields=self._fields(table, node, path, instance, around))
        if instance is not MISSING:
            on = self._reads_as(field, entry.key, tabled(entry.fields), value)
        else:
            on = value is _MADE or (entry.required and len(leaves) == 1)
        if on:
            is_table = all(coreschema.is_table(leaf.node) and not leaf.nullable for leaf in leaves)
            return entry._replace(on=True, value=MISSING if is_table else {})
        entry = entry._replace(fields=off(entry.fields))
        return self._value(entry, field, node, path, None, secret=False) if value is None else entry

    def _value(
        self, entry: Entry, field: Field, node: object, path: KeyPath, value: object, *, secret: bool
    ) -> Entry:
        """What is written as a whole."""
        plain = MISSING if secret else self._plain(path, value)
        if plain is not MISSING and self._reads_as(field, entry.key, plain, value):
            return entry._replace(on=True, value=plain)
        if entry.form == "table":
            return entry
        if plain is MISSING or plain is None:
            plain = "" if secret else self._plain(path, self._words.example(node))
        return entry._replace(value="" if plain is MISSING or plain is None else plain)

    def _with_items(
        self, entry: Entry, leaves: list[Leaf], node: object, path: KeyPath, around: tuple[int, ...]
    ) -> Entry:
        """With an example of what is in a list of tables, or in a table under any keys."""
        if entry.value not in ([], {}, "", None):
            return entry
        for each in self._words.alternatives(node):
            for leaf in leaves:
                inner, under = coreschema.items(leaf.node), each.get("items")
                if not inner and (named := coreschema.values(leaf.node)) is not None:
                    inner, under = [named], each.get("additionalProperties")
                table = next((table for item in inner[:1] for table in self._tables(item)), None)
                if table is None or not isinstance(under, dict) or id(table.node) in around:
                    continue
                is_list = not coreschema.values(leaf.node)
                here = (*path, 0) if is_list else (*path, NAME)
                fields = off(self._fields(table, under, here, MISSING, around))
                # Tables cannot be added to an array that TOML has set.
                on = entry.on and not (is_list and self._form.name == "TOML" and entry.value == [])
                value = entry.value if entry.on else MISSING
                return entry._replace(form="list" if is_list else "named", fields=fields, on=on, value=value)
        return entry

    def _plain(self, path: KeyPath, value: object) -> object:
        """`value`, which stands at `path`, as a file has it; `MISSING` if it cannot be shown."""
        if _no_value(value):
            return MISSING
        try:
            plain = _written(Masker()(path, value), self._form)
        except (TypeError, ValueError, RecursionError):
            return MISSING
        return MISSING if any(map(self._is_hidden, _texts(plain))) else plain

    def _hides(self, path: KeyPath, value: object) -> bool:
        """Whether a default cannot be shown, because there is a secret in it."""
        return not _no_value(value) and any(map(self._is_hidden, _texts(Masker()(path, value))))

    def _is_hidden(self, text: str) -> bool:
        return text is CUT or MASK in text or self._scrub(text) != text

    def _reads_as(self, field: Field, key: str, plain: object, value: object) -> bool:
        """Whether the field gets `value` from a file that has `plain`."""
        try:
            read = self._form.parse(NOWHERE, document(self._form, {key: plain}))
            if isinstance(read, Problem) or key not in read:
                return False
            return same(self._validator(field).validate_python(read[key]), value)
        except ValidationError:
            return False
        except (Exception, SystemExit):  # noqa: BLE001 - it may need the whole model: that is tried at the end
            return True

    def _validator(self, field: Field) -> SchemaValidator:
        return SchemaValidator(coreschema.closed(field.schema, self._definitions), field.config or None)  # type: ignore[arg-type]


def _no_value(value: object) -> bool:
    return any(value is each for each in (MISSING, _NOT_GIVEN, _UNKNOWN, _MADE))


def _key(field: Field) -> str | None:
    """The first key under which a file may give it."""
    return next((key for key, whole in field.keys if whole), None)


def _value_in(instance: Any, key: str, field: Field) -> object:
    if instance is MISSING:
        return _NOT_GIVEN
    if isinstance(instance, Mapping):
        return instance.get(key, instance.get(field.name, MISSING))
    return getattr(instance, field.name, MISSING)


def _table_for(tables: list[Leaf], value: object) -> Leaf | None:
    """The table of fields that `value` is; without a value, the first one that there may be."""
    if value is None or _no_value(value):
        return tables[0] if tables else None
    if isinstance(value, Mapping):
        return next((leaf for leaf in tables if leaf.node["type"] == "typed-dict"), None)
    return next((leaf for leaf in tables if leaf.classes and leaf.classes[-1] is type(bare(value))), None)


def _written(value: Any, form: Format) -> Any:
    """A masked copy in the terms of `form`."""
    if isinstance(value, dict):
        return {key: _written(item, form) for key, item in value.items() if item is not None or form.nulls}
    if isinstance(value, list):
        if not form.nulls and None in value:
            raise ValueError(f"{form.name} has no null")
        return [_written(item, form) for item in value]
    if isinstance(value, timedelta):
        return to_jsonable_python(value)
    if form.name == "JSON":
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *_texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
