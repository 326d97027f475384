"""How a configuration is looked into: what a value is, and what stands in it under which key of the file.

Comparing, masking and freezing see values in this one way. A table is a model, a dataclass or any mapping; its keys
are those of the file: a field's alias where it has one, else its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import repeat
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

from pydantic import AliasChoices, BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from hotconf.changes import MISSING
from hotconf.keypath import KeyPath
from hotconf.secrets.keys import SecretKey, is_secret_key, secrecy

Key: TypeAlias = str | tuple[type, object]
"""A key of a table: a plain text, or anything else with its type, since 1, 1.0 and True are one key to a dict."""

_MOST_CLASSES: Final = 1024
_MOST_WRAPPERS: Final = 64
_TEXT: Final = frozenset({str})
_SPELLED: Final = (str, float, complex, Decimal, datetime, time, PurePath)
"""Types of keys that may be equal and written differently."""

R = TypeVar("R")


def per_class(function: Callable[[type], R]) -> Callable[[type], R]:
    """`function`, a pure one of a class, with its answers remembered."""
    return lru_cache(maxsize=_MOST_CLASSES)(function)


Form: TypeAlias = Literal["leaf", "table", "array", "set", "secret", "wrapper"]
"""What can be done with a value. `secret`: pydantic's SecretStr, SecretBytes and Secret, which hold the value itself;
`wrapper`: a RootModel, in whose place stands what stands in it."""


class Kind(NamedTuple):
    """The form of a value and the family that it is of: values of two families are never equal."""

    form: Form
    family: type


@per_class
def kind_of(cls: type) -> Kind:
    """The kind of the values of `cls`. The families are open to subclasses for mappings, lists and sets only."""
    if issubclass(cls, Enum):  # first: an enumeration may be a dataclass or a tuple as well
        return Kind("leaf", cls)
    if issubclass(cls, BaseModel):
        # Asked so, because not every program imports RootModel.
        return Kind("wrapper" if getattr(cls, "__pydantic_root_model__", False) else "table", cls)
    if issubclass(cls, tuple):
        return Kind("array", cls)
    if issubclass(cls, SecretStr | SecretBytes | Secret):
        return Kind("secret", cls)
    if issubclass(cls, Mapping):
        return Kind("table", Mapping)
    if issubclass(cls, set | frozenset):
        return Kind("set", frozenset)
    family = next((base for base in (list, deque) if issubclass(cls, base)), None)
    if family is not None:
        return Kind("array", family)
    return Kind("table" if is_dataclass(cls) else "leaf", cls)


def bare(value: Any) -> Any:
    """`value` without the root models around it."""
    for _ in range(_MOST_WRAPPERS):
        if kind_of(type(value)).form != "wrapper":
            break
        value = value.root
    return value


@per_class
def fields_of(cls: type) -> tuple[tuple[str, str], ...]:
    """The fields of a model or dataclass, in order: the key in the file and the name of the attribute."""
    described: Mapping[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    config: Mapping[str, object] = getattr(cls, "model_config", getattr(cls, "__pydantic_config__", {}))
    names = [field.name for field in fields(cls)] if is_dataclass(cls) else list(described)
    by_alias = config.get("validate_by_alias") is not False
    return tuple((_key(name, described.get(name), by_alias=by_alias), name) for name in names)


def _key(name: str, field: FieldInfo | None, *, by_alias: bool) -> str:
    """The key of a field: a `SecretKey` if another of its names is a secret one."""
    key = (_alias(field) if by_alias else None) or name
    if field is None or secrecy(key) is not None:
        return key
    given = getattr(field.validation_alias, "choices", [field.validation_alias])
    aliases = (part for alias in (*given, field.alias) for part in getattr(alias, "path", [alias]))
    return SecretKey(key) if any(is_secret_key(part) for part in (name, *aliases) if isinstance(part, str)) else key


def _alias(field: FieldInfo | None) -> str | None:
    if field is None:
        return None
    alias = field.alias if field.validation_alias is None else field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else None


def extras_of(table: object) -> Mapping[str, object]:
    """What a dataclass that allows extra keys was given besides its fields."""
    config: Mapping[str, object] = getattr(type(table), "__pydantic_config__", {})
    if config.get("extra") != "allow":
        return {}
    names = {name for _, name in fields_of(type(table))}
    return {name: value for name, value in vars(table).items() if name not in names}


def entries(table: Any) -> Mapping[Key, object]:
    """What stands in a table, in its order, by key."""
    return _reader(type(table))(table)


@per_class
def _reader(cls: type) -> Callable[[Any], Mapping[Key, object]]:
    """`entries` for the tables of `cls`, chosen once."""
    # Chosen once a class, for `isinstance` takes its time with pydantic's models and with mappings.
    if issubclass(cls, BaseModel):
        return _model_reader(cls)
    return _mapping_entries if issubclass(cls, Mapping) else _dataclass_entries


def _model_reader(cls: type[BaseModel]) -> Callable[[BaseModel], Mapping[Key, object]]:
    names = fields_of(cls)
    no_alias = all(key == name and type(key) is str for key, name in names)

    def read(model: BaseModel) -> Mapping[Key, object]:
        held: dict[Key, object] = model.__dict__  # type: ignore[assignment]
        extra = model.__pydantic_extra__
        if no_alias and not extra and len(held) == len(names):  # nothing else, such as a cached property, is in it
            return held
        found: dict[Key, object] = {key: held[name] for key, name in names if name in held}
        found.update(extra or {})
        return found

    return read


def _mapping_entries(mapping: Mapping[Any, object]) -> Mapping[Key, object]:
    if set(map(type, mapping)) <= _TEXT:
        return mapping
    return {_distinct(key): value for key, value in mapping.items()}


def _distinct(key: Any) -> Key:
    """`key`, so that only keys that are written alike are equal: 0.0 is not -0.0, but NaN is NaN."""
    if type(key) is str:
        return key
    return (type(key), str(key) if isinstance(key, _SPELLED) else key)


def _dataclass_entries(instance: object) -> Mapping[Key, object]:
    held = {key: getattr(instance, name, MISSING) for key, name in fields_of(type(instance))}
    found: dict[Key, object] = {key: value for key, value in held.items() if value is not MISSING}
    found.update(extras_of(instance))
    return found


def spelled(key: Key) -> str:
    """`key` as the file spells it."""
    if isinstance(key, str):
        return key
    raw = key[1]
    return str(raw.value if isinstance(raw, Enum) else raw)


def item_secrecies(items: object, secret: bool | None) -> Iterable[bool | None]:
    """Whether each item of an array is secret: by the names of a named tuple, where the keys above do not decide."""
    names = getattr(items, "_fields", ()) if secret is None else ()
    return [secrecy(str(name)) for name in names] if names else repeat(secret)


def value_at(config: object, path: KeyPath) -> object:
    """The value that stands at `path` in `config`, secrets included; `MISSING` where there is none.

    A field is found by its key in the file and by its name in the model.
    """
    value = config
    for key in path:
        value = _at(bare(value), key)
    return value


def _at(value: Any, key: str | int) -> object:
    form = kind_of(type(value)).form
    if isinstance(key, str):
        return _under(value, key) if form == "table" else MISSING
    return value[key] if form == "array" and 0 <= key < len(value) else MISSING


def _under(table: object, key: str) -> object:
    if isinstance(table, Mapping) and key in table:
        return table[key]  # there may be thousands of others
    found = entries(table)
    if key in found:
        return found[key]
    if not isinstance(table, Mapping):
        alias = next((alias for alias, name in fields_of(type(table)) if name == key), None)
        return MISSING if alias is None else found.get(alias, MISSING)
    return next((value for other, value in found.items() if spelled(other) == key), MISSING)
