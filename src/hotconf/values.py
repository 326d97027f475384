"""`dataclass`, `NamedTuple` and `replace` as the standard library has them, but generating no code for each class.

That took 25 of the 65 ms in which a watcher was imported, and much of its memory. To type checkers, pydantic, `help`
and the functions of `dataclasses` the classes are what they seem. Only what the project needs is here.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

__all__ = ["NamedTuple", "dataclass", "field", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
    from typing import NamedTuple
else:
    import dataclasses
    import inspect
    from _collections import _tuplegetter
    from collections.abc import Callable, Iterable
    from functools import partial
    from operator import attrgetter
    from typing import Any, Self

    _new = tuple.__new__

    def _found(
        cls: type,
        by_position: tuple[str, ...],
        defaults: dict[str, Any],
        values: tuple[Any, ...],
        named: dict[str, Any],
    ) -> dict[str, Any]:
        """A value for each field: `values` by position, then those that are `named`, then the defaults."""
        found = defaults.copy()
        found.update(zip(by_position, values, strict=False))
        if len(values) > len(by_position) or (named and not named.keys().isdisjoint(by_position[: len(values)])):
            raise _misfit(cls, values, named)
        found.update(named)
        return found

    def _misfit(cls: type, values: tuple[Any, ...], named: dict[str, Any]) -> TypeError:
        names = ", ".join(cls.__annotations__)
        return TypeError(f"{cls.__name__}() takes {names}, and got {len(values)} by position and {sorted(named)}")

    class _NamedTupleType(type):
        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            space["__slots__"] = ()
            if fields := tuple(space.get("__annotations__", ())):
                space["_field_defaults"] = {each: space[each] for each in fields if each in space}
                space["_fields"] = space["__match_args__"] = fields
                space.update((each, _tuplegetter(at, None)) for at, each in enumerate(fields))
            return super().__new__(cls, name, bases, space)

    class NamedTuple(tuple, metaclass=_NamedTupleType):
        """A tuple whose items have names."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}  # noqa: RUF012 - nobody writes to it

        def __new__(cls, *values: Any, **named: Any) -> Self:
            """`values` by position, then those that are `named`, then defaults."""
            fields = cls._fields
            if not named and len(values) == len(fields):
                return _new(cls, values)
            found = _found(cls, fields, cls._field_defaults, values, named)
            if found.keys() != set(fields):
                raise _misfit(cls, values, named)
            return _new(cls, [found[name] for name in fields])

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Self:
            made = _new(cls, list(values))
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__}: {len(made)} values for {len(cls._fields)} fields")
            return made

        def _replace(self, /, **changes: Any) -> Self:
            # From a list, which knows its length: of an iterator Python makes a longer tuple first, and keeps one
            # more free tuple each time, up to 2,000 of each length.
            values = list(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"no fields of {type(self).__name__}: {sorted(changes)}")
            return _new(type(self), values)

        __replace__ = _replace

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            items = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({items})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    _DESCRIBED = ("__dataclass_fields__", "__dataclass_params__", "__signature__")

    class _Described:
        """What the standard library says of a class, worked out when it is asked for first."""

        def __init__(self, name: str, space: dict[str, Any], bases: tuple[type, ...]) -> None:
            self._name = name
            self._space = space
            self._bases = bases

        def __set_name__(self, owner: type, _: str) -> None:
            self._owner = owner

        def __get__(self, instance: object, owner: type) -> Any:
            real = dataclasses.dataclass(frozen=True)(type(owner.__name__, self._bases, dict(self._space)))
            real.__signature__ = inspect.signature(partial(real.__init__, None))  # the class inherits one
            for name in _DESCRIBED:
                setattr(self._owner, name, getattr(real, name))
            return getattr(real, self._name)

    class _Shape(NamedTuple):
        fields: dict[str, Any]
        by_position: tuple[str, ...]
        defaults: dict[str, Any]
        factories: dict[str, Callable[[], Any]]
        setters: dict[str, Callable[[Any, Any], None]]
        content: Callable[[Any], Any]

        @classmethod
        def of(cls, fields: dict[str, Any], made: type) -> _Shape:
            absent = dataclasses.MISSING
            return cls(
                fields,
                tuple(name for name, each in fields.items() if each.kw_only is not True),
                {name: each.default for name, each in fields.items() if each.default is not absent},
                {name: each.default_factory for name, each in fields.items() if each.default_factory is not absent},
                # Twice as fast as `object.__setattr__`.
                {name: getattr(made, name).__set__ if hasattr(made, name) else _setter(name) for name in fields},
                attrgetter(*(name for name, each in fields.items() if each.compare)),
            )

    def _setter(name: str) -> Callable[[Any, Any], None]:
        return lambda value, item: object.__setattr__(value, name, item)

    class _Methods:
        """What each dataclass gets, unless it has its own."""

        def __init__(self, *values: Any, **named: Any) -> None:
            shape = self.__shape__
            found = _found(type(self), shape.by_position, shape.defaults, values, named)
            for name, make in shape.factories.items():
                if name not in found:
                    found[name] = make()
            if found.keys() != shape.fields.keys():
                raise _misfit(type(self), values, named)
            for name, put in shape.setters.items():
                put(self, found[name])
            if after := getattr(self, "__post_init__", None):
                after()

        def __repr__(self) -> str:
            shown = [name for name, each in self.__shape__.fields.items() if each.repr]
            return f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in shown])})"

        def __eq__(self, other: object) -> bool:
            return (
                self.__shape__.content(self) == self.__shape__.content(other)
                if other.__class__ is self.__class__
                else NotImplemented
            )

        def __hash__(self) -> int:
            return hash(self.__shape__.content(self))

        def __setattr__(self, name: str, value: object) -> None:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> None:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

        def __replace__(self, /, **changes: Any) -> Any:
            for name in self.__shape__.fields:
                if name not in changes:
                    changes[name] = getattr(self, name)
            return type(self)(**changes)

        def __getstate__(self) -> list[Any]:
            return [getattr(self, name) for name in self.__shape__.fields]

        def __setstate__(self, state: Iterable[Any]) -> None:
            for put, value in zip(self.__shape__.setters.values(), state, strict=True):
                put(self, value)

    _METHODS = {name: method for name, method in vars(_Methods).items() if callable(method)}
    _EQUALITY = {name: _METHODS.pop(name) for name in ("__eq__", "__hash__")}

    def replace(value: Any, /, **changes: Any) -> Any:
        """A copy of a dataclass's instance with other values for some fields."""
        return value.__replace__(**changes)

    def dataclass(
        *, frozen: bool, slots: bool = False, eq: bool = True, weakref_slot: bool = False
    ) -> Callable[[type], type]:
        """A dataclass; `frozen` must be true."""
        if not frozen:
            raise TypeError("only frozen dataclasses")

        def made(cls: type) -> type:
            space = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
            plain = dict(space)
            fields = {}
            for base in cls.__bases__:
                fields |= base.__shape__.fields if hasattr(base, "__shape__") else {}
            own = tuple(space.get("__annotations__", ()))
            for name in own:
                given = space.pop(name, dataclasses.MISSING)
                fields[name] = given if isinstance(given, dataclasses.Field) else field(default=given)
            if slots:
                space["__slots__"] = (*own, "__weakref__") if weakref_slot else own
            space |= {name: _Described(name, plain, cls.__bases__) for name in _DESCRIBED}
            space["__qualname__"] = cls.__qualname__
            new = type(cls)(cls.__name__, cls.__bases__, _METHODS | (_EQUALITY if eq else {}) | space)
            new.__shape__ = _Shape.of(fields, new)
            new.__match_args__ = new.__shape__.by_position
            return new

        return made
