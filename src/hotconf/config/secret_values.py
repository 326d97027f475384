"""`secrets_of`: all secrets of one load, from the files and from the resulting config.

The files alone do not show what a model keeps as a secret, or under which key. Values from the environment, a
`default_factory` or a validator are not in the files at all. A file that is not TOML is judged line by line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from hotconf.changes import MISSING
from hotconf.config.layers import LayerTable
from hotconf.config.redact import in_json, secret_from, secrets_at, secrets_in
from hotconf.config.shape import Shape
from hotconf.config.suggest import suggest
from hotconf.config.walk import kind_of
from hotconf.formats.base import Document, Format
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import KeyPath
from hotconf.secrets.keys import secrecy

MOST_COMPARED: Final = 50_000
"""So many pairs of an unknown key and a secret field are compared; then the values of all such keys are secret."""
_WORD: Final = re.compile(r"""\"([^"]++)\"?+|'([^']++)'?+|([\w-]++)""")
_NAMES: Final = re.compile(r"[ \t]*+[=:.\]]")
_STRING: Final = re.compile(r"""["']([^"']++)""")
_BARE: Final = re.compile(r"""[=:\[,][ \t\[{]*+([^\s"'\[\]{}=:,#]++)""")


def secrets_of(shape: Shape, layers: Iterable[Document | LayerTable], config: object = MISSING) -> frozenset[str]:
    """The secrets in `layers` for a model of that `shape`, and in the resulting `config`, if any."""
    found: set[str] = set() if config is MISSING else set(secrets_in(config))
    for layer in layers:
        found |= secrets_in_document(layer)
        found |= secrets_at(("secret",), list(_kept_secret(layer.table, shape)))
    return frozenset(found)


def secrets_in_document(document: Document | LayerTable) -> frozenset[str]:
    """The secret texts in its table; sought once."""
    found: frozenset[str] | None = document.memo.get("secrets")
    if found is None:
        found = document.memo["secrets"] = secrets_in(document.table)
    return found


def secrets_in_text(text: str, keyed: Collection[str] = (), form: Format = DEFAULT) -> frozenset[str]:
    """Possible secrets in a text that cannot be parsed: the value on each line that sets one.

    `keyed`: the tables whose keys are secrets.
    """
    found = set(keys_in_text(text, keyed, form)) if keyed else set[str]()
    for line in text.split("\n"):
        begin = secret_from(line, broken=True)
        if begin is not None:
            rest = line[begin:]
            found |= {rest.strip(), *_STRING.findall(rest), *_BARE.findall(f"={rest}")}
    return frozenset(found - {""})


def keys_in_text(text: str, keyed: Collection[str], form: Format) -> Iterator[str]:
    """The keys in a text, valid or not, that stand in a table with one of the names `keyed`."""
    below = False
    begins, tables, _ = form.outline(text)
    inside = {n for n, of in zip(begins, tables, strict=True) if any(table and table[-1] in keyed for table in of)}
    for index, line in enumerate(text.split("\n")):
        words = list(_WORD.finditer(line))
        named = next((at + 1 for at, word in enumerate(words) if word[word.lastindex or 0] in keyed), None)
        if line.lstrip().startswith("["):
            below = named == len(words)
        if named or below or index in inside:
            no_value = form.assigns not in line
            behind = words[named or 0 :]
            yield from (word[word.lastindex or 0] for word in behind if no_value or _NAMES.match(line, word.end()))


def is_slip(key: str, around: Shape) -> bool:
    """Is `key`, which no field is read from, the name of a secret field or almost so?

    A field with an alias has a name that a document must not use, but may.
    """
    names = around.secret_names
    return bool(names) and key not in around.keys and (key in names or suggest(key, names) is not None)


class _Slips:
    """Which keys are misspelt names of secret fields: each key of each shape is judged once."""

    def __init__(self) -> None:
        self._left = MOST_COMPARED
        self._judged: dict[tuple[Shape, str], bool] = {}

    def may_have(self, key: str, around: Shape) -> bool:
        """`is_slip`; true for what is first met once too many fields have been compared."""
        fields = around.secret_keys
        if not fields or key in around.keys:
            return False
        known = self._judged.get((around, key))
        if known is None:
            self._left -= len(fields)
            known = self._judged[around, key] = self._left < 0 or is_slip(key, around)
        return known


def _at_positions(names: tuple[str, ...], items: list[Any]) -> Iterator[object]:
    """The secrets of a named tuple; all of it, if it is malformed."""
    if any(map(secrecy, names)):
        fits = len(items) == len(names) and not any(isinstance(item, list | dict) for item in items)
        yield from (item for name, item in zip(names, items, strict=False) if not fits or secrecy(name))


def secrets_around(errors: Iterable[BaseException]) -> frozenset[str]:
    """The secrets among the variables of the frames that `errors` and their causes went through.

    A validator may quote what a `default_factory` made, even if no config resulted; a callback may quote its
    arguments.
    """
    found: set[str] = set()
    seen: dict[int, object] = {}
    for variables in _frames(errors):
        given = {name: _given(value) for name, value in variables.items()}
        fresh = {name: value for name, value in given.items() if id(value) not in seen and _is_data(value)}
        seen.update((id(value), value) for value in fresh.values())
        with suppress(Exception):  # the value may have a user's type
            found |= secrets_in(fresh)
    return frozenset(found)


def _given(value: object) -> object:
    """The other fields that a validator of one field sees, if this is its `ValidationInfo`."""
    return getattr(value, "data", None) if type(value).__name__ == "ValidationInfo" else value


def _is_data(value: object) -> bool:
    return isinstance(value, str | bytes | int | float) or kind_of(type(value)).form != "leaf"


def _frames(errors: Iterable[BaseException]) -> Iterator[Mapping[str, object]]:
    met: dict[int, BaseException] = {}
    todo: list[BaseException | None] = list(errors)
    while todo:
        error = todo.pop()
        if error is None or id(error) in met:
            continue
        met[id(error)] = error
        todo += (error.__cause__, error.__context__)
        if isinstance(error, BaseExceptionGroup):
            todo += error.exceptions
        at = error.__traceback__
        while at is not None:
            yield at.tb_frame.f_locals
            at = at.tb_next


def _at(value: Any, way: KeyPath) -> object:
    """What stands where an alias path leads; None if nothing does."""
    for key in way:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return None
    return value


def _keys(todo: list[Any]) -> Iterator[str]:
    """The keys of all tables in the values `todo`."""
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield from value
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def _kept_secret(table: Mapping[str, Any], root: Shape) -> Iterator[object]:
    """What the model keeps as secrets, whatever the names of the keys; also under misspelt keys."""
    todo: list[tuple[Any, Shape]] = [(table, root)] if root.hides else []
    slips = _Slips()
    seen: set[Shape] = set()
    while todo:
        value, here = todo.pop()
        if here not in seen:
            seen.add(here)
            yield from here.secret_defaults
        if here.secret:
            yield value
            yield from in_json(value)
        elif here.opaque:
            yield value
            yield from in_json(value)
            if here.opaquely_keyed:
                yield from _keys([value, *in_json(value)])
        elif isinstance(value, dict) and not here.free:
            if here.keyed:
                yield from value
            if here.secret_keys:
                yield from (item for key, item in value.items() if slips.may_have(key, here))
            todo.extend((value[key], below) for key, below in here.hiding.items() if key in value)
            if (other := here.hiding_otherwise) is not None:
                todo.extend((item, other) for key, item in value.items() if key not in here.keys)
            todo.extend((_at(value, way), below) for way, below in here.secret_detours)
            yield from (_at(value, way) for way in here.renamed)
        elif isinstance(value, list):
            yield from _at_positions(here.positions, value)
            if not here.free:
                todo.extend((item, below) for item, below in zip(value, here.items(), strict=False) if below.hides)
