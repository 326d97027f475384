"""Which values of a load are secret: `secrets_of`, as the texts that a `Scrubber` looks for.

Rule 1: a value is secret when its type says so (pydantic's `SecretStr`, `SecretBytes`, `Secret`).
Rule 2: a value is secret when its key, or one above it, names a secret: `secrets.keys` has the words.
Rule 3: credentials in any text, or in a key, are secret: `secrets.credentials` has their forms.
Rule 4: files do not show rule 1, and a config does not hold what no field takes: both are searched. In a table with a
secret field the values of unknown keys are secret, too: one may be misspelt.
Rule 5: what the environment, a `default_factory` or a validator gave may be in neither. `secrets_around` finds it in
the frames of what was raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, time
from enum import Enum
from typing import Any, Final, TypeAlias, TypeGuard

from pydantic import BaseModel

from hotconf.changes import MISSING
from hotconf.config.frozen import FrozenList
from hotconf.config.layers import LayerTable
from hotconf.config.shape import Shape
from hotconf.config.walk import bare, entries, item_secrecies, kind_of, spelled
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath
from hotconf.secrets.credentials import credentials
from hotconf.secrets.keys import is_directory, secrecy, secrecy_of

_SHORTEST_TOKEN: Final = 16
_WIDEST_INT: Final = 1024
_NEVER_TEXT: Final = frozenset({bool, int, float, type(None)})
_ARRAYS: Final[frozenset[type]] = frozenset({tuple, list, FrozenList})
_JSON: Final = frozenset({"{", "[", "}", "]", b"{", b"[", b"}", b"]"})

_LOOKING_UP: Final = frozenset(
    {"collections", "configparser", "logging.config", "os", "string", "tomllib._parser", "weakref"}
)
"""Modules in which a variable `key` has what is looked up, and no secret: a variable's or a handler's name."""

_Sought: TypeAlias = tuple[Any, bool | None]
"""A value, and whether the keys above it make it a secret."""


def secrets_of(shape: Shape, layers: Iterable[Document | LayerTable], config: object = MISSING) -> frozenset[str]:
    """The secrets in `layers` for a model of that `shape`, and in the `config` that resulted from them."""
    found = set(secrets_in(config))
    for layer in layers:
        found |= secrets_in(layer.table)
        if isinstance(layer, LayerTable) and layer.secret:
            found |= secrets_in([layer.table, *layer.texts.values()], ("secret",))
        found |= secrets_in(list(_secret_by_model(layer.table, shape)), ("secret",))
    return frozenset(found)


def secrets_in(value: object, path: KeyPath = ()) -> frozenset[str]:
    """Every secret in `value`, a raw table or a configuration or what stands at `path` in one.

    A user name without a password in a URL (`postgres@localhost`) is left out, unless it is as long as a token:
    masking it would garble ordinary text and protect nothing. Within the URL it is still masked.
    """
    return frozenset(text for text in _secret_texts(value, secrecy_of(path)) if text)


def _secret_texts(root: object, secret: bool | None) -> Iterator[str]:
    seen: set[tuple[int, bool | None]] = set()
    todo: list[_Sought] = [(root, secret)]
    while todo:
        value, secret = todo.pop()
        value = bare(value)
        form = kind_of(type(value)).form
        if form == "secret":
            todo.append((value.get_secret_value(), True))
        elif isinstance(value, Enum):
            todo.append((value.value, secret))
        elif form == "leaf":
            yield from _in_leaf(value, secret)
            todo += [(inner, secret) for inner in in_json(value)]
        elif (id(value), secret) not in seen:
            seen.add((id(value), secret))
            inner = _in_table(value, secret) if form == "table" else _in_array(value, secret)
            todo += inner


# Most values hold no secret, and this is done at most reloads: they are passed by where they stand.


def _in_table(table: Any, secret: bool | None) -> list[_Sought]:
    found: list[_Sought] = []
    inner = entries(table)
    for key, value in inner.items():
        name = key if type(key) is str else spelled(key)
        is_secret = secrecy(name) if secret is None else secret
        if is_secret and not secret and is_directory(name, inner):
            is_secret = None
        if is_secret or _may_hold_secrets(value):
            found.append((value, is_secret))
        if "@" in name or "=" in name:
            found.append((name, None))
        if name is not key:  # it may be a SecretStr
            found.append((key[1], None))
    return found


def _in_array(items: Iterable[Any], secret: bool | None) -> list[_Sought]:
    pairs = zip(items, item_secrecies(items, secret), strict=False)
    return [(item, is_secret) for item, is_secret in pairs if is_secret or _may_hold_secrets(item)]


def _may_hold_secrets(value: Any) -> bool:
    """Whether a value under an ordinary key may hold a secret: a quick test, negative for most."""
    cls = type(value)
    if cls is dict and not value:
        return False
    if cls in _ARRAYS and set(map(type, value)) == {str}:
        value, cls = "\n".join(value), str
    if cls is str:
        return "@" in value or "=" in value or " " in value or '"' in value or "%3" in value
    return cls not in _NEVER_TEXT


def _in_leaf(value: object, secret: bool | None) -> Iterator[str]:
    if value is None or value is MISSING or isinstance(value, bool):
        return
    if (text_of := getattr(type(value), "_secret_text", None)) is not None:  # of a WatchedFile
        yield text_of(value, bool(secret))
    if not secret and not isinstance(value, str | bytes) and not hasattr(type(value), "unicode_string"):
        return  # of other types only pydantic's URLs may contain credentials
    text = as_text(value)
    if secret:
        yield text
        yield text.strip()  # as a model that strips white space would quote it
        if isinstance(value, date | time):
            yield from (value.isoformat(), repr(value))
    if isinstance(value, int | float | date | time):
        return
    for begin, end in credentials(text):
        shown = text[begin:end]
        user, colon, password = shown.partition(":")
        if colon or len(user) >= _SHORTEST_TOKEN or not text.startswith("@", end):
            yield shown
            yield password


def as_text(value: object) -> str:
    """A leaf as text; never raises."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    if is_wide(value):
        return hex(value)
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the type is the user's
        return f"<{type(value).__name__}>"


def is_wide(value: object) -> TypeGuard[int]:
    """Whether it is an integer too wide for Python to spell it in decimal."""
    return isinstance(value, int) and value.bit_length() > _WIDEST_INT


def in_json(value: object) -> list[object]:
    """The values in a JSON text; none in any other text."""
    if not isinstance(value, str | bytes) or value[:1] not in _JSON or value[-1:] not in _JSON:
        return []
    try:
        return [json.loads(value)]
    except (ValueError, RecursionError):
        return []


def keys_in_json(text: str) -> frozenset[str]:
    """The keys of all tables in a JSON text; none in any other text."""
    return frozenset(_keys(in_json(text)))


# What the model keeps as secrets, in a file


def _secret_by_model(table: Mapping[str, Any], root: Shape) -> Iterator[object]:
    """The values that the model keeps as secrets, whatever the names of the keys.

    In a table with such a field also those of keys that no field has: one may be misspelt.
    """
    todo: list[tuple[Any, Shape]] = [(table, root)] if root.holds_secrets else []
    seen: set[Shape] = set()
    while todo:
        value, here = todo.pop()
        if here not in seen:
            seen.add(here)
            yield from _secret_defaults(here)
        if here.secret or here.opaque:
            yield from (value, *in_json(value))
            if here.opaquely_keyed:
                yield from _keys([value, *in_json(value)])
        elif isinstance(value, dict) and not here.free:
            if here.keyed:
                yield from value
            if here.secret_keys:
                suspects = here.secret_names if here.extras == "allow" else value.keys()
                yield from (value[key] for key in suspects - here.keys.keys() if key in value)
            todo.extend((value[key], below) for key, below in here.secret_children.items() if key in value)
            if (other := here.secret_others) is not None:
                todo.extend((item, other) for key, item in value.items() if key not in here.keys)
            todo.extend((_at(value, way), below) for way, below in here.secret_detours)
            yield from (_at(value, way) for way in here.renamed)
        elif isinstance(value, list):
            yield from _at_positions(here.positions, value)
            if not here.free:
                todo.extend(
                    (item, below) for item, below in zip(value, here.items(), strict=False) if below.holds_secrets
                )


def _secret_defaults(here: Shape) -> Iterator[object]:
    """The values of the secret fields that a document does not set."""
    for key in here.secret_keys:
        default = here.default(key)
        if isinstance(default, BaseModel) and not here.names_secret(key) and not here.child(key).secret:
            yield from secrets_in(default)  # of a table that holds secrets among other values
        elif default is not None:
            yield default


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


def _at_positions(names: tuple[str, ...], items: list[Any]) -> Iterator[object]:
    """The secrets of a named tuple; all of it, if it is malformed."""
    if any(map(secrecy, names)):
        fits = len(items) == len(names) and not any(isinstance(item, list | dict) for item in items)
        yield from (item for name, item in zip(names, items, strict=False) if not fits or secrecy(name))


# What was raised


def secrets_around(errors: Iterable[BaseException]) -> frozenset[str]:
    """The secrets among the variables of the frames that `errors` and their causes went through."""
    found: set[str] = set()
    seen: dict[int, object] = {}
    for variables in _frames(errors):
        given = {name: _given(value) for name, value in variables.items()}
        fresh = {name: value for name, value in given.items() if id(value) not in seen and _is_data(value)}
        seen.update((id(value), value) for value in fresh.values())
        with suppress(Exception):  # the value may have a user's type
            found |= secrets_in(fresh)
    return frozenset(found)


def _looks_up(module: object) -> bool:
    return isinstance(module, str) and (module in _LOOKING_UP or module.startswith("hotconf."))


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
            variables = at.tb_frame.f_locals
            if _looks_up(at.tb_frame.f_globals.get("__name__")):
                variables = {name: value for name, value in variables.items() if name != "key"}
            yield variables
            at = at.tb_next
