"""Deep immutability: after `freeze`, no list, dict or set of a configuration can be changed."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, MutableMapping, MutableSequence, MutableSet
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel

from hotconf.config.frozen import (
    FrozenCounter,
    FrozenDefaultDict,
    FrozenDeque,
    FrozenDict,
    FrozenList,
    FrozenOrderedDict,
    FrozenSet,
)
from hotconf.config.walk import entries, extras_of, fields_of, kind_of, per_class

T = TypeVar("T")

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of most values, passed by at once."""


class _Done(dict[int, Any]):
    """By the id of a value, what stands in its place."""

    def __init__(self) -> None:
        self._kept: list[object] = []
        """The values, so that their ids stay their own."""

    def put(self, value: object, frozen: Any) -> Any:
        self[id(value)] = frozen
        self._kept.append(value)
        return frozen


_Freezer: TypeAlias = Callable[[Any, _Done], object]
_Put: TypeAlias = Callable[[Any, Any, Any], None]


def freeze(config: T) -> T:
    """Make `config` immutable, all the way down, and return it.

    Models and dataclasses stay the same objects, with their fields and extra keys frozen and private attributes left
    alone; dicts, lists and sets give way to frozen ones, here and in tuples. Values that occur twice stay shared, and
    cycles stay cycles. A subclass of dict, list or set that is not of the standard library stays, since
    its methods may be what it is for; `unfrozen` names it.
    """
    frozen: T = _frozen(config, _Done())
    return frozen


# Recursion is safe: files are of bounded depth, and what is much deeper can be neither copied nor serialised.


def _frozen(value: Any, done: _Done) -> Any:
    """What is to stand in the place of `value`."""
    freezer = _freezer(type(value))
    if freezer is None:
        return value
    known = done.get(id(value))
    return freezer(value, done) if known is None else known


def _fill(put: _Put, holder: Any, items: Iterable[tuple[Any, Any]], done: _Done) -> None:
    """Have `holder` hold what is to stand in the place of each of the `items`, which it holds now."""
    for key, item in items:
        if type(item) not in _SCALARS:
            frozen = _frozen(item, done)
            if frozen is not item:
                put(holder, key, frozen)


def _container(copy: Callable[[Any], Any], put: _Put) -> _Freezer:
    """For containers of one class, of which `copy` makes frozen ones."""

    def freezer(value: Any, done: _Done) -> object:
        frozen = done.put(value, copy(value))  # first, for it may stand in itself
        items = value.items() if isinstance(value, dict) else enumerate(value)
        if not _SCALARS.issuperset(map(type, value.values() if isinstance(value, dict) else value)):
            _fill(put, frozen, items, done)
        return frozen

    return freezer


def _tuple(items: tuple[Any, ...], done: _Done) -> object:
    if _SCALARS.issuperset(map(type, items)):
        return items
    inner = [_frozen(item, done) for item in items]
    if id(items) not in done:  # or something in it led back to it
        same = all(item is before for item, before in zip(inner, items, strict=True))
        done.put(items, items if same else tuple.__new__(type(items), inner))
    return done[id(items)]


def _set(items: set[Any] | frozenset[Any], done: _Done) -> object:
    """What is hashable holds no list, dict or set: nothing in it is replaced, only models are frozen in place."""
    for item in items:
        _frozen(item, done)
    return items if isinstance(items, frozenset) else done.put(items, FrozenSet(items))


def _model(model: BaseModel, done: _Done) -> object:
    held, extra = model.__dict__, model.__pydantic_extra__
    if extra is None and _SCALARS.issuperset(map(type, held.values())):
        return model
    done.put(model, model)
    fields = type(model).__pydantic_fields__
    for name, value in held.items():
        if type(value) not in _SCALARS and name in fields:
            held[name] = _frozen(value, done)
    if extra is not None:
        object.__setattr__(model, "__pydantic_extra__", _frozen(extra, done))
    return model


def _dataclass(instance: object, done: _Done) -> object:
    done.put(instance, instance)
    held = [(name, getattr(instance, name, None)) for _, name in fields_of(type(instance))]
    _fill(object.__setattr__, instance, [*held, *extras_of(instance).items()], done)
    return instance


_EMPTY_DICT: Final[FrozenDict[Any, Any]] = FrozenDict()
_EMPTY_LIST: Final[FrozenList[Any]] = FrozenList()
"""A configuration has many: one of each is enough."""

_CONTAINERS: Final[dict[type, _Freezer]] = {
    dict: _container(lambda table: FrozenDict(table) if table else _EMPTY_DICT, dict.__setitem__),
    list: _container(lambda items: FrozenList(items) if items else _EMPTY_LIST, list.__setitem__),
    set: _set,
    OrderedDict: _container(FrozenOrderedDict, OrderedDict.__setitem__),
    defaultdict: _container(lambda table: FrozenDefaultDict(table.default_factory, table), dict.__setitem__),
    Counter: _container(FrozenCounter, dict.__setitem__),
    deque: _container(lambda items: FrozenDeque(items, items.maxlen), deque.__setitem__),
}


@per_class
def _freezer(cls: type) -> _Freezer | None:
    """How values of `cls` are frozen; None if they are left as they are."""
    if cls in _CONTAINERS or issubclass(cls, Enum):
        return _CONTAINERS.get(cls)
    if issubclass(cls, tuple):
        return _tuple
    if issubclass(cls, frozenset):
        return _set
    if issubclass(cls, BaseModel):
        return _model
    return _dataclass if is_dataclass(cls) else None


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
