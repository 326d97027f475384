"""Deep immutability: after `freeze`, no list, dict or set of a configuration can be changed."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, MutableMapping, MutableSequence, MutableSet
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel

from hotconf.config.frozen import (
    FrozenCounter,
    FrozenDefaultDict,
    FrozenDeque,
    FrozenDict,
    FrozenList,
    FrozenOrderedDict,
    FrozenSet,
    frozen_dict,
    frozen_list,
)
from hotconf.config.walk import entries, extras_of, fields_of, kind_of, per_class

T = TypeVar("T")

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of most values, passed by at once."""


def freeze(config: T) -> T:
    """Make `config` immutable, all the way down, and return it.

    Models and dataclasses stay the same objects, with their fields and extra keys frozen and private attributes left
    alone; dicts, lists and sets give way to frozen ones, here and in tuples. Values that occur twice stay shared, and
    cycles stay cycles. A subclass of dict, list or set that is not of the standard library stays, since
    its methods may be what it is for; `unfrozen` names it.
    """
    work = _Work({}, [], [], [], [])
    root = [config]
    _enter(list.__setitem__, root, 0, config, work)
    while work.todo:
        fill, value, frozen = work.todo.pop()
        fill(value, frozen, work)
    _rebuild(work.tuples, work.frozen)
    for put, holder, key, value in work.places:
        frozen = work.frozen.get(id(value), value)
        if frozen is not value:
            put(holder, key, frozen)
    return root[0]


_Put: TypeAlias = Callable[[Any, Any, Any], None]
_Place: TypeAlias = tuple[_Put, Any, Any, Any]
"""How to put something there, the holder, the key or position in it, and what stands there before it is frozen."""
_Visit: TypeAlias = Callable[[Any, "_Work"], object | None]
_Fill: TypeAlias = Callable[[Any, Any, "_Work"], None]


class _Work(NamedTuple):
    """What is known on the way."""

    frozen: dict[int, object]
    """By the id of a value, what is to stand in its place."""
    kept: list[object]
    """The values, so that their ids stay theirs until the end."""
    todo: list[tuple[_Fill, Any, Any]]
    """What was begun, and holds more than scalars: the value, and what will stand in its place."""
    places: list[_Place]
    """Where tuples stand, which may have to be replaced when all else is frozen."""
    tuples: list[tuple[Any, ...]]
    """Those that have to be rebuilt if what they hold is replaced."""


def _enter(put: _Put, holder: Any, key: Any, value: Any, work: _Work) -> None:
    """Have what will stand for `value` put where it stands; what is in it comes later."""
    visit = _visitor(type(value))
    if visit is None:
        return
    frozen = work.frozen.get(id(value))
    if frozen is None:
        frozen = visit(value, work)
        if frozen is None:
            return
        work.frozen[id(value)] = frozen
        work.kept.append(value)
    if visit is _visit_tuple:
        work.places.append((put, holder, key, value))
    elif frozen is not value:
        put(holder, key, frozen)


def _nowhere(_holder: object, _key: object, _value: object) -> None:
    """What stands in tuples and sets: nothing can be put there."""


# A visit returns what will stand for a value, with its contents not yet frozen; None if the value can stay.
# Most hold nothing but scalars.


def _visit_model(model: BaseModel, work: _Work) -> object | None:
    if model.__pydantic_extra__ is None and _SCALARS.issuperset(map(type, model.__dict__.values())):
        return None
    work.todo.append((_fill_model, model, model))
    return model


def _fill_model(model: BaseModel, _: object, work: _Work) -> None:
    held = model.__dict__
    fields = type(model).__pydantic_fields__
    for name, value in held.items():
        if type(value) not in _SCALARS and name in fields:
            _enter(dict.__setitem__, held, name, value, work)
    if model.__pydantic_extra__ is not None:
        _enter(object.__setattr__, model, "__pydantic_extra__", model.__pydantic_extra__, work)


def _visit_dataclass(instance: object, work: _Work) -> object:
    work.todo.append((_fill_dataclass, instance, instance))
    return instance


def _fill_dataclass(instance: object, _: object, work: _Work) -> None:
    held = {name: getattr(instance, name, None) for _, name in fields_of(type(instance))}
    held.update(extras_of(instance))
    for name, value in held.items():
        _enter(object.__setattr__, instance, name, value, work)


def _container(freeze_one: Callable[[Any], Any], put: _Put) -> _Visit:
    """How containers of one class are frozen: `freeze_one` copies one, `put` replaces an item of the copy."""

    def visit(value: Any, work: _Work) -> object:
        frozen = freeze_one(value)
        if not _SCALARS.issuperset(map(type, value.values() if isinstance(value, dict) else value)):
            work.todo.append((fill, value, frozen))
        return frozen

    def fill(value: Any, frozen: Any, work: _Work) -> None:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if type(item) not in _SCALARS:
                _enter(put, frozen, key, item, work)

    return visit


# What is hashable holds no list, dict or set: nothing in a set is replaced, only models in it are frozen in place.


def _visit_set(items: set[Any], work: _Work) -> object:
    _visit_frozenset(items, work)
    return FrozenSet(items)


def _visit_frozenset(items: set[Any] | frozenset[Any], work: _Work) -> object | None:
    if _SCALARS.issuperset(map(type, items)):
        return None
    work.todo.append((_fill_nothing, items, None))
    return items


def _visit_tuple(items: tuple[Any, ...], work: _Work) -> object | None:
    if _SCALARS.issuperset(map(type, items)):
        return None
    work.todo.append((_fill_nothing, items, None))
    work.tuples.append(items)
    return items


def _fill_nothing(items: Iterable[Any], _: object, work: _Work) -> None:
    for item in items:
        _enter(_nowhere, None, None, item, work)


_CONTAINERS: Final[dict[type, _Visit]] = {
    dict: _container(frozen_dict, dict.__setitem__),
    list: _container(frozen_list, list.__setitem__),
    set: _visit_set,
    OrderedDict: _container(FrozenOrderedDict, OrderedDict.__setitem__),
    defaultdict: _container(lambda table: FrozenDefaultDict(table.default_factory, table), dict.__setitem__),
    Counter: _container(FrozenCounter, dict.__setitem__),
    deque: _container(lambda items: FrozenDeque(items, items.maxlen), deque.__setitem__),
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


_UNCHANGING: Final = (
    *(Enum, FrozenDict, FrozenList, FrozenSet),
    *(FrozenOrderedDict, FrozenDefaultDict, FrozenCounter, FrozenDeque),
)


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
