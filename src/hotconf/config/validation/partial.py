"""`part`: the valid part of a configuration that is refused, for the checks.

A check gets a configuration without what is wrong or missing. In its place stands something that must not be looked
at: a check that does ends there, and only what it had found until then counts. So nothing that it finds follows from
what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from pydantic import BaseModel

from hotconf.config.merge import Merged
from hotconf.config.validation.bounded import Errors, validated
from hotconf.config.walk import fields_of
from hotconf.formats.gaps import Gap
from hotconf.keypath import KeyPath
from hotconf.schema import Schema

T = TypeVar("T")

_TRIES: Final = 4
"""How often what is wrong is left out, until the rest is valid."""


class UnknownError(BaseException):
    """A check has looked at a value that nobody knows. No `except Exception` of a check catches it."""


class _Unknown:
    """Stands for such a value."""

    __slots__ = ()

    def _look(self, *_: object) -> NoReturn:
        raise UnknownError

    __getattr__ = __getitem__ = __call__ = __iter__ = __len__ = __bool__ = __contains__ = __hash__ = _look
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __index__ = _look
    __str__ = __repr__ = __format__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _look
    __truediv__ = __rtruediv__ = __mod__ = __rmod__ = __fspath__ = __abs__ = __neg__ = __and__ = __or__ = _look


_UNKNOWN: Final = _Unknown()


def part(schema: Schema[T], merged: Merged, wrong: Iterable[KeyPath], gaps: Iterable[Gap]) -> tuple[T, T] | None:
    """The configuration that `merged` makes without what is `wrong` and what is missing, and the same once more with
    that hidden; None if there is none, or if not all of it can be hidden.
    """
    remains = without(schema, merged, wrong)
    if remains is None:
        return None
    shown = validated(schema, merged._replace(table=remains.table))
    whole = all(_hide(shown, path) for path in remains.unknown) and all(_hide_gap(shown, gap) for gap in gaps)
    return (remains.config, shown) if whole and not isinstance(shown, Errors) else None


class Remains(NamedTuple, Generic[T]):
    """What is valid of a configuration that is refused."""

    config: T
    table: dict[str, Any]
    """What it is made of."""
    unknown: tuple[KeyPath, ...]
    """What was left out: what is wrong, an array with it, or the table that lacks something. `config` has defaults
    there.
    """


def without(schema: Schema[T], merged: Merged, wrong: Iterable[KeyPath] = ()) -> Remains[T] | None:
    """What `merged` makes without what is `wrong`, and without what turns out to be; None if nothing is left."""
    table, unknown, paths = merged.own_table(), list[KeyPath](), list(wrong)
    for _ in range(_TRIES):
        for path in paths:
            way = _way(table, path)
            if not way:
                return None
            _remove(table, way)
            unknown.append(way)
        found = validated(schema, merged._replace(table=table))
        if not isinstance(found, Errors):
            return Remains(found, table, tuple(unknown))
        paths = [tuple(each["loc"]) for each in found.details]
    return None


def _way(table: dict[str, Any], path: KeyPath) -> KeyPath:
    """As much of `path` as leads through tables: to what is wrong, an array with it, or what lacks something."""
    here: Any = table
    for depth, key in enumerate(path):
        if not isinstance(here, dict) or key not in here:
            return path[:depth]
        here = here[key]
    return path


def _remove(table: dict[str, Any], way: KeyPath) -> None:
    around: Any = table
    for key in way[:-1]:
        around = around[key]
    del around[way[-1]]


def _hide(config: object, path: KeyPath) -> bool:
    """Put what nobody may look at in place of the value at `path`, or of the array that has it."""
    here = config
    for depth, key in enumerate(path, start=1):
        values = _values(here)
        if values is None:
            return here is _UNKNOWN
        name = key if values is here else dict(fields_of(type(here))).get(str(key))
        if name is None:
            return True  # no field of the model
        below = values.get(name)
        if depth == len(path) or _values(below) is None:
            values[name] = _UNKNOWN
            return True
        here = below
    return False


def _values(table: object) -> dict[Any, Any] | None:
    """Where the values of a table are kept; None if it is none."""
    if isinstance(table, dict):
        return table
    return vars(table) if isinstance(table, BaseModel) or is_dataclass(table) else None


def _hide_gap(config: object, gap: Gap) -> bool:
    """The same for what is missing: of a table, all that is not written there."""
    if gap.path is None:
        return _hide_unset(config, deep=True)
    here = config
    for key in gap.path[: None if not gap.exact else -1]:
        values = _values(here)
        name = key if values is here else dict(fields_of(type(here))).get(str(key))
        here = values.get(name) if values is not None else None
    if gap.exact or not isinstance(here, BaseModel):
        return _hide(config, gap.path)
    return _hide_unset(here, deep=False)


def _hide_unset(config: object, *, deep: bool) -> bool:
    if not isinstance(config, BaseModel):
        return False
    for name in type(config).model_fields:
        value = vars(config).get(name)
        if name not in config.model_fields_set or not (isinstance(value, BaseModel) or not deep):
            vars(config)[name] = _UNKNOWN
        elif deep:
            _hide_unset(value, deep=True)
    return True
