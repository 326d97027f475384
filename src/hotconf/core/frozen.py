"""Containers that cannot be changed, for configurations.

Tuples and read-only proxies would do as well, were it not that pydantic warns about them or refuses them when it
serialises. So these are subclasses of the containers that the model asked for, with the mutators taken away.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

C = TypeVar("C", bound=type)
K = TypeVar("K")
V = TypeVar("V")

_MUTATORS: Final = frozenset(
    {"__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update", "move_to_end"}
    | {"__iadd__", "__imul__", "append", "extend", "insert", "remove", "reverse", "sort"}
    | {"__iand__", "__isub__", "__ixor__", "add", "discard"}
    | {"difference_update", "intersection_update", "symmetric_difference_update"}
)


def _refuse(_self: object, *_args: object, **_kwargs: object) -> NoReturn:
    raise TypeError(
        "the configuration is read-only: change its file, or work on a copy, as copy.deepcopy(value) gives it"
    )


def _immutable(cls: C) -> C:
    for name in _MUTATORS:
        if hasattr(cls, name):
            setattr(cls, name, _refuse)
    return cls


def _seal(container: FrozenDict[Any, Any] | FrozenList[Any] | FrozenSet[Any] | FrozenOrderedDict[Any, Any]) -> None:
    """Let `container` be initialised now and never again."""
    if hasattr(container, "_sealed"):
        _refuse(container)
    container._sealed = True


@_immutable
class FrozenDict(dict[K, V]):
    """A dict that cannot be changed. It prints, compares and serialises as a dict; copies and pickles are dicts."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = (), /) -> None:
        _seal(self)
        dict.update(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, iter(self.items())


@_immutable
class FrozenList(list[V]):
    """A list that cannot be changed. It prints, compares and serialises as a list; copies and pickles are lists."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Iterable[V] = (), /) -> None:
        _seal(self)
        list.extend(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self)


def frozen_dict(items: dict[K, V]) -> FrozenDict[K, V]:
    """`FrozenDict(items)`, which a configuration has a lot of, in a third of the time; one empty one is enough."""
    if not items:
        return _EMPTY_DICT
    frozen: FrozenDict[K, V] = dict.__new__(FrozenDict)
    dict.update(frozen, items)
    frozen._sealed = True
    return frozen


def frozen_list(items: list[V]) -> FrozenList[V]:
    """`FrozenList(items)`, in the same way."""
    if not items:
        return _EMPTY_LIST
    frozen: FrozenList[V] = list.__new__(FrozenList)
    list.extend(frozen, items)
    frozen._sealed = True
    return frozen


_EMPTY_DICT: Final[FrozenDict[Any, Any]] = FrozenDict()
_EMPTY_LIST: Final[FrozenList[Any]] = FrozenList()


@_immutable
class FrozenSet(set[V]):
    """A set that cannot be changed, and that pydantic takes for a set, which it does not do with a frozenset."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Iterable[V] = (), /) -> None:
        _seal(self)
        set.update(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return set, (list(self),)

    def __repr__(self) -> str:
        return repr(set(self))


@_immutable
class FrozenOrderedDict(OrderedDict[K, V]):
    """An OrderedDict that cannot be changed."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = (), /) -> None:
        _seal(self)
        for key, value in dict(items).items():
            OrderedDict.__setitem__(self, key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> OrderedDict[K, V]:  # type: ignore[override]
        """A plain OrderedDict."""
        return OrderedDict(self)

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()
