"""`origin_of_unset`: whether a value that no layer sets is a default, or was made by a validator or a factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from pydantic.fields import FieldInfo

from hotconf.config.walk import fields_of, value_at
from hotconf.keypath import KeyPath
from hotconf.snapshot import COMPUTED, DEFAULT, Origin


def origin_of_unset(config: object, path: KeyPath, is_set: Callable[[KeyPath], bool]) -> Origin:
    """`default` or `computed`, of the value at `path`. `is_set`: whether a layer sets what is at a path.

    A class as factory makes defaults, as `list` does; what another function returned is computed.
    """
    around = config
    for length in range(1, len(path) + 1):
        here = value_at(around, path[length - 1 : length])
        if not is_set(path[:length]):
            described: dict[str, FieldInfo] = getattr(type(around), "__pydantic_fields__", {})
            if not described:  # of what is no model nothing is known
                return COMPUTED if length > 1 and isinstance(around, Mapping | list | tuple) else DEFAULT
            field = _field(around, path[length - 1], described)
            factory = None if field is None else field.default_factory
            if field is None or (factory is None and not _same(here, field.default)):
                return COMPUTED
            if factory is None:
                return DEFAULT
            if not isinstance(factory, type):
                return COMPUTED
            if not hasattr(factory, "__pydantic_fields__"):
                return DEFAULT if _same(here, factory()) else COMPUTED
        around = here
    return DEFAULT


def _field(around: object, key: str | int, described: Mapping[str, FieldInfo]) -> FieldInfo | None:
    names = (name for spelled, name in fields_of(type(around)) if key in (spelled, name))
    return described.get(next(iter(names), ""))


def _same(value: object, default: object) -> bool:
    if value is default or (hasattr(type(value), "_secret_text") and getattr(value, "_name", None) == str(default)):
        return True  # of a `WatchedFile` the default is its path
    with suppress(Exception):  # the comparison is users' code
        return bool(value == default)
    return False
