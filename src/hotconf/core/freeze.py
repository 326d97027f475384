"""Deep immutability: after `freeze`, no list, dict or set of a configuration can be changed."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

from pydantic import BaseModel

from hotconf.core.frozen import FrozenDict, FrozenList, FrozenOrderedDict, FrozenSet
from hotconf.core.walk import entries, extras_of, fields_of, kind_of, per_class

T = TypeVar("T")

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of most values, passed by at once."""


def freeze(config: T) -> T:
    """Make `config` immutable, all the way down, and return it.

    Models and dataclasses stay the same objects, with their fields and extra keys frozen and private attributes left
    alone; dicts, lists and sets give way to frozen ones, here and in tuples. Values that occur twice stay shared, and
    cycles stay cycles. A subclass of dict, list or set that is not of the standard library is left as it is, since
    its methods may be what it is for; `unfrozen` names it.
    """
    work = _Work([(_nowhere, None, None, config)], {}, [])
    for _, _, _, value in work.places:  # it grows on the way
        visit = _visitor(type(value))
        if visit is not None and id(value) not in work.frozen:
            work.frozen[id(value)] = visit(value, work)
    _rebuild(work.tuples, work.frozen)
    for put, holder, key, value in work.places:
        frozen = work.frozen.get(id(value), value)
        if frozen is not value:
            put(holder, key, frozen)
    result: T = cast("T", work.frozen.get(id(config), config))
    return result


_Place: TypeAlias = tuple[Callable[[Any, Any, Any], None], Any, Any, Any]
"""How to put something there, the holder, the key or position in it, and what stands there before it is frozen."""


class _Work(NamedTuple):
    """What is known on the way."""

    places: list[_Place]
    """Every place whose value may have to be replaced. They keep the values, and so their ids, until the end."""
    frozen: dict[int, object]
    """By the id of a value, what is to stand in its place."""
    tuples: list[tuple[Any, ...]]
    """Those that have to be rebuilt if what they hold is replaced."""


def _nowhere(_holder: object, _key: object, _value: object) -> None:
    """Where the root stands, and what stands in tuples and sets: nothing can be put there."""


# A visit notes the places in a value and tells what will stand for it, at first with its contents as they are.


def _visit_model(model: BaseModel, work: _Work) -> object:
    held = model.__dict__
    fields = type(model).__pydantic_fields__
    for name, value in held.items():
        if type(value) not in _SCALARS and name in fields:
            work.places.append((dict.__setitem__, held, name, value))
    if model.__pydantic_extra__ is not None:
        work.places.append((object.__setattr__, model, "__pydantic_extra__", model.__pydantic_extra__))
    return model


def _visit_dataclass(instance: object, work: _Work) -> object:
    held = {name: getattr(instance, name, None) for _, name in fields_of(type(instance))}
    held.update(extras_of(instance))
    work.places.extend((object.__setattr__, instance, name, value) for name, value in held.items())
    return instance


def _visit_dict(table: dict[Any, Any], work: _Work) -> object:
    frozen: FrozenDict[Any, Any] = FrozenDict(table)
    for key, value in table.items():
        if type(value) not in _SCALARS:
            work.places.append((dict.__setitem__, frozen, key, value))
    return frozen


def _visit_ordered_dict(table: OrderedDict[Any, Any], work: _Work) -> object:
    frozen: FrozenOrderedDict[Any, Any] = FrozenOrderedDict(table)
    work.places.extend((OrderedDict.__setitem__, frozen, key, value) for key, value in table.items())
    return frozen


def _visit_list(array: list[Any], work: _Work) -> object:
    frozen: FrozenList[Any] = FrozenList(array)
    for index, value in enumerate(array):
        if type(value) not in _SCALARS:
            work.places.append((list.__setitem__, frozen, index, value))
    return frozen


# What is hashable holds no list, dict or set: nothing in a set is replaced, only models in it are frozen in place.


def _visit_set(items: set[Any], work: _Work) -> object:
    _visit_frozenset(items, work)
    return FrozenSet(items)


def _visit_frozenset(items: set[Any] | frozenset[Any], work: _Work) -> object:
    work.places.extend((_nowhere, None, None, item) for item in items if type(item) not in _SCALARS)
    return items


def _visit_tuple(items: tuple[Any, ...], work: _Work) -> object:
    inner: list[_Place] = [(_nowhere, None, None, item) for item in items if type(item) not in _SCALARS]
    if inner:
        work.places.extend(inner)
        work.tuples.append(items)
    return items


_Visit: TypeAlias = Callable[[Any, _Work], object]
_CONTAINERS: Final[dict[type, _Visit]] = {
    dict: _visit_dict,
    defaultdict: _visit_dict,  # one that made entries when it is read could not be frozen
    list: _visit_list,
    set: _visit_set,
    OrderedDict: _visit_ordered_dict,
}


@per_class
def _visitor(cls: type) -> _Visit | None:
    """How values of `cls` are frozen; None if they are left as they are."""
    if cls in _CONTAINERS or issubclass(cls, Enum):
        return _CONTAINERS.get(cls)
    if issubclass(cls, tuple):
        return _visit_tuple
    if issubclass(cls, frozenset):
        return _visit_frozenset
    if issubclass(cls, BaseModel):
        return _visit_model
    return _visit_dataclass if is_dataclass(cls) else None


def _rebuild(tuples: list[tuple[Any, ...]], frozen: dict[int, object]) -> None:
    """Have `frozen` hold what is to stand for each of the tuples, those inside others first."""
    waiting = {id(value): value for value in tuples}
    while tuples:
        value = tuples[-1]
        inner = [waiting[id(item)] for item in value if id(item) in waiting]
        if inner:
            tuples += inner
            continue
        tuples.pop()
        if waiting.pop(id(value), None) is not None:
            items = [frozen.get(id(item), item) for item in value]
            if any(item is not before for item, before in zip(items, value, strict=True)):
                frozen[id(value)] = tuple.__new__(type(value), items)


def unfrozen(config: object) -> tuple[str, ...]:
    """The names of the classes in a frozen `config` whose instances can still be changed, in the order of the config.

    They are models without `frozen=True`, dataclasses without it, and containers of the user's own types.
    """
    names: dict[str, None] = {}
    seen: set[int] = set()
    todo: list[Any] = [config]
    while todo:
        value = todo.pop()
        cls = type(value)
        if cls in _SCALARS or id(value) in seen:
            continue
        seen.add(id(value))
        if _can_change(cls):
            names[cls.__qualname__] = None
        todo.extend(reversed(_parts(value)))
    return tuple(names)


def _parts(value: Any) -> list[object]:
    form = kind_of(type(value)).form
    if form == "table":
        return list(entries(value).values())
    if form == "wrapper":
        return [value.root]
    return list(value) if form in ("array", "set") else []


_UNCHANGING: Final = (Enum, FrozenDict, FrozenList, FrozenSet, FrozenOrderedDict)


@per_class
def _can_change(cls: type) -> bool:
    if issubclass(cls, _UNCHANGING):
        return False
    if issubclass(cls, BaseModel):
        return not cls.model_config.get("frozen", False)
    if is_dataclass(cls):
        parameters: Any = getattr(cls, "__dataclass_params__")  # noqa: B009 - no type checker knows it
        return not parameters.frozen
    return issubclass(cls, MutableMapping | MutableSequence | MutableSet)
