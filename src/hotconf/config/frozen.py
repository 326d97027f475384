"""Containers that cannot be changed, for configurations.

Tuples and read-only proxies would do as well, were it not that pydantic warns about them or refuses them when it
serialises. So these are subclasses of the containers that the model asked for, with the mutators taken away.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

C = TypeVar("C", bound=type)
K = TypeVar("K")
V = TypeVar("V")

_MUTATORS: Final = frozenset(
    {"__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update", "move_to_end"}
    | {"__iadd__", "__imul__", "append", "extend", "insert", "remove", "reverse", "sort"}
    | {"appendleft", "extendleft", "popleft", "rotate", "subtract", "_keep_positive"}
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


def _seal(container: Any) -> None:
    """Let `container` be initialised now and never again."""
    if hasattr(container, "_sealed"):
        _refuse(container)
    object.__setattr__(container, "_sealed", True)


class _WrittenAsPlain(type):
    """The type of the frozen containers. Serialisers such as PyYAML dispatch on the first class in a value's
    `__mro__`, and know `dict` but none of its subclasses: they see the plain container.
    """

    def __getattribute__(cls, name: str) -> Any:
        found = super().__getattribute__(name)
        return found[1:] if name == "__mro__" else found


@_immutable
class FrozenDict(dict[K, V], metaclass=_WrittenAsPlain):
    """A dict that cannot be changed. It prints, compares and serialises as a dict; copies and pickles are dicts."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = (), /) -> None:
        _seal(self)
        dict.update(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, iter(self.items())


@_immutable
class FrozenList(list[V], metaclass=_WrittenAsPlain):
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
class FrozenSet(set[V], metaclass=_WrittenAsPlain):
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
class FrozenOrderedDict(OrderedDict[K, V], metaclass=_WrittenAsPlain):
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


_FROZEN: Final[dict[type, Callable[[Any], Any]]] = {dict: FrozenDict, list: FrozenList, set: FrozenSet}


@_immutable
class FrozenDefaultDict(defaultdict[K, V], metaclass=_WrittenAsPlain):
    """A defaultdict that cannot be changed: a missing key gives the default, frozen, and is not stored."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, factory: Callable[[], V] | None = None, items: Mapping[K, V] = _EMPTY_DICT, /) -> None:
        _seal(self)
        defaultdict.__init__(self, factory)
        dict.update(self, items)

    __setattr__ = __delattr__ = _refuse  # or any reader could replace the factory for all

    def __missing__(self, key: K) -> V:
        if self.default_factory is None:
            raise KeyError(key)
        value: Any = self.default_factory()
        return _FROZEN.get(type(value), lambda other: other)(value)  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        return defaultdict, (self.default_factory,), None, None, iter(self.items())

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> defaultdict[K, V]:  # type: ignore[override]
        """A plain defaultdict."""
        return defaultdict(self.default_factory, self)

    __copy__ = copy  # type: ignore[assignment]

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()


@_immutable
class FrozenCounter(Counter[K], metaclass=_WrittenAsPlain):
    """A Counter that cannot be changed."""

    def __init__(self, items: Mapping[K, int] = _EMPTY_DICT, /) -> None:
        _seal(self)
        dict.update(self, items)

    __setattr__ = __delattr__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Counter, (dict(self),)

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> Counter[K]:  # type: ignore[override]
        """A plain Counter."""
        return Counter(dict(self))


@_immutable
class FrozenDeque(deque[V], metaclass=_WrittenAsPlain):
    """A deque that cannot be changed."""

    __slots__ = ("_sealed",)
    _sealed: bool

    def __init__(self, items: Iterable[V] = (), maxlen: int | None = None, /) -> None:
        _seal(self)
        deque.__init__(self, maxlen=maxlen)
        deque.extend(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return deque, (list(self), self.maxlen)

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> deque[V]:  # type: ignore[override]
        """A plain deque."""
        return deque(self, self.maxlen)

    __copy__ = copy  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return self.copy() + other

    def __mul__(self, times: Any) -> Any:
        return self.copy() * times

    __rmul__ = __mul__
