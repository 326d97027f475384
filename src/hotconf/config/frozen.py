"""Containers that cannot be changed, for configurations.

Tuples and read-only proxies would do as well, were it not that pydantic warns about them or refuses them when it
serialises. So these are subclasses of the containers that the model asked for, with the mutators taken away. They
print, compare and serialise as those; copies, pickles and what operators give are plain.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MUTATORS: Final = frozenset(
    {"__init__", "__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"}
    | {"__iadd__", "__imul__", "append", "extend", "insert", "remove", "reverse", "sort", "move_to_end"}
    | {"appendleft", "extendleft", "popleft", "rotate", "subtract", "_keep_positive"}
    | {"__iand__", "__isub__", "__ixor__", "add", "discard"}
    | {"difference_update", "intersection_update", "symmetric_difference_update"}
)


def _refuse(_self: object, *_args: object, **_kwargs: object) -> NoReturn:
    raise TypeError("the configuration is read-only: change its file, or work on a copy.deepcopy() of it")


class _FrozenType(type):
    """The type of the frozen containers: their mutators refuse. Calling one fills it, once."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        if "_fill" not in body:
            setattr(cls, "_fill", getattr(cls.__base__, "__init__"))  # noqa: B009, B010 - no type checker knows it
        for mutator in _MUTATORS:
            if hasattr(cls, mutator):
                setattr(cls, mutator, _refuse)

    def __call__(cls: Any, *args: Any) -> Any:
        made = cls.__new__(cls)
        cls._fill(made, *args)
        return made

    @property
    def __mro__(cls) -> tuple[type, ...]:
        """Without the frozen classes. Serialisers such as PyYAML dispatch on the first class in a value's `__mro__`,
        and know `dict` but none of its subclasses: they see the plain container.
        """
        return tuple(each for each in cls.mro() if type(each) is not _FrozenType)


class FrozenDict(dict[K, V], metaclass=_FrozenType):
    """A dict that cannot be changed."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, iter(self.items())


class FrozenList(list[V], metaclass=_FrozenType):
    """A list that cannot be changed."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self)


class FrozenSet(set[V], metaclass=_FrozenType):
    """A set that cannot be changed, and that pydantic takes for a set, which it does not do with a frozenset."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return set, (list(self),)

    def __repr__(self) -> str:
        return repr(set(self))


class _ByCopy(metaclass=_FrozenType):
    """For classes whose methods make more of their own kind: they work on a plain copy."""

    __slots__ = ()
    __setattr__ = __delattr__ = _refuse  # or any reader could replace the factory of a defaultdict for all

    def copy(self) -> Any:
        """A plain one."""
        raise NotImplementedError

    def __copy__(self) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return repr(self.copy())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __add__(self, other: Any) -> Any:
        return self.copy() + other

    def __mul__(self, times: Any) -> Any:
        return self.copy() * times

    __rmul__ = __mul__


class FrozenOrderedDict(_ByCopy, OrderedDict[K, V]):
    """An OrderedDict that cannot be changed."""

    def _fill(self, items: Mapping[K, V] = MappingProxyType({})) -> None:
        for key, value in items.items():
            OrderedDict.__setitem__(self, key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())

    def copy(self) -> Any:
        """A plain one."""
        return OrderedDict(self)


class FrozenDefaultDict(_ByCopy, defaultdict[K, V]):
    """A defaultdict that cannot be changed: a missing key gives the default, frozen, and is not stored."""

    def __missing__(self, key: K) -> V:
        if self.default_factory is None:
            raise KeyError(key)
        value: Any = self.default_factory()
        return _FROZEN.get(type(value), lambda other: other)(value)  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        return defaultdict, (self.default_factory,), None, None, iter(self.items())

    def copy(self) -> Any:
        """A plain one."""
        return defaultdict(self.default_factory, self)


class FrozenCounter(_ByCopy, Counter[K]):
    """A Counter that cannot be changed."""

    def _fill(self, items: Mapping[K, int] = MappingProxyType({})) -> None:
        dict.update(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return Counter, (dict(self),)

    def copy(self) -> Any:
        """A plain one."""
        return Counter(dict(self))


class FrozenDeque(_ByCopy, deque[V]):
    """A deque that cannot be changed."""

    def __reduce__(self) -> tuple[Any, ...]:
        return deque, (list(self), self.maxlen)

    def copy(self) -> Any:
        """A plain one."""
        return deque(self, self.maxlen)


_FROZEN: Final[dict[type, Callable[[Any], Any]]] = {dict: FrozenDict, list: FrozenList, set: FrozenSet}
