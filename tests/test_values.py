"""Value classes without generated code: they do what those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import gc
import inspect
import pickle
import sys
import typing
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import pytest
from pydantic import TypeAdapter

from hotconf import values

T = TypeVar("T")


def _classes(kit: Any) -> SimpleNamespace:
    """The same classes, made by `kit`."""

    @kit.dataclass(frozen=True, slots=True)
    class Point:
        """A place."""

        x: int
        y: int = 2
        note: str = kit.field(default="", repr=False, compare=False)
        unit: str = kit.field(default="mm", kw_only=True)

        def __post_init__(self) -> None:
            if self.x == "1":
                object.__setattr__(self, "x", 1)

        @property
        def sum(self) -> int:
            return self.x + self.y

    @kit.dataclass(frozen=True, slots=True, weakref_slot=True)
    class Named(Point, Generic[T]):
        """With a name."""

        name: str = "?"
        value: T | None = None

    @kit.dataclass(frozen=True)
    class Loose:
        """Has a `__dict__`."""

        table: dict[str, int] = kit.field(default_factory=dict)

    @kit.dataclass(frozen=True, slots=True, eq=False)
    class Alone:
        """Equal to none."""

        item: int

    class Pair(kit.NamedTuple, Generic[T]):
        """Two."""

        first: T
        second: int = 2

        @property
        def sum(self) -> int:
            return self.first + self.second

    class Nothing(kit.NamedTuple):
        """None."""

    return SimpleNamespace(Point=Point, Named=Named, Loose=Loose, Alone=Alone, Pair=Pair, Nothing=Nothing)


STDLIB = SimpleNamespace(dataclass=dataclasses.dataclass, field=dataclasses.field, NamedTuple=typing.NamedTuple)
OURS, THEIRS = _classes(values), _classes(STDLIB)


def _outcome(what: Any, classes: SimpleNamespace) -> object:
    """What comes out, or the kind of error."""
    try:
        return what(classes)
    except (AttributeError, TypeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize(
    "what",
    [
        lambda c: repr(c.Point(1)),
        lambda c: repr(c.Point("1", unit="m", note="hidden")),
        lambda c: repr(c.Point(y=3, x=1)),
        lambda c: c.Point(1).sum,
        lambda c: c.Point(),
        lambda c: c.Point(1, 2, "", "m"),
        lambda c: c.Point(1, x=1),
        lambda c: c.Point(1, z=1),
        lambda c: c.Point(z=1),
        lambda c: c.Point(1) == c.Point(1, note="another"),
        lambda c: c.Point(1) == c.Point(1, unit="m"),
        lambda c: c.Point(1) == c.Named(1),
        lambda c: c.Point(1) == (1, 2, "mm"),
        lambda c: c.Point(float("nan")) == c.Point(float("nan")),
        lambda c: (lambda nan: c.Point(nan) == c.Point(nan))(float("nan")),
        lambda c: len({c.Point(1), c.Point(1, note="another"), c.Point(2)}),
        lambda c: hash(c.Loose()),
        lambda c: c.Alone(1) == c.Alone(1) or hash(c.Alone([])) == 0,
        lambda c: setattr(c.Point(1), "x", 2),
        lambda c: delattr(c.Point(1), "x"),
        lambda c: setattr(c.Loose(), "more", 2),
        lambda c: hasattr(c.Point(1), "__dict__"),
        lambda c: hasattr(c.Point(1), "__weakref__"),
        lambda c: hasattr(c.Named(1), "__weakref__"),
        lambda c: c.Point.__match_args__,
        lambda c: c.Named.__match_args__,
        lambda c: repr(c.Named(1, 2, "", "me", unit="m")),
        lambda c: repr(c.Named(1, value=7)),
        lambda c: c.Loose().table is c.Loose().table,
        lambda c: repr(c.Loose({"a": 1})),
        lambda c: [(each.name, each.default, each.repr, each.kw_only) for each in dataclasses.fields(c.Named)],
        lambda c: dataclasses.asdict(c.Named(1)),
        lambda c: repr(dataclasses.replace(c.Named(1), x=5)),
        lambda c: dataclasses.replace(c.Named(1), z=5),
        lambda c: dataclasses.is_dataclass(c.Loose),
        lambda c: str(inspect.signature(c.Named)),
        lambda c: TypeAdapter(c.Loose).validate_python({"table": {"a": "1"}}).table,
        lambda c: c.Point.__doc__,
        lambda c: c.Point.__qualname__,
        lambda c: repr(copy.copy(c.Point(1, 5))),
        lambda c: repr(copy.deepcopy(c.Loose({"a": 1}))),
        lambda c: repr(c.Pair(1)),
        lambda c: c.Pair(second=3, first=1).sum,
        lambda c: c.Pair(),
        lambda c: c.Pair(1, 2, 3),
        lambda c: c.Pair(1, first=1),
        lambda c: c.Pair(1, third=1),
        lambda c: repr(c.Pair(1)._replace(second=5)),
        lambda c: c.Pair(1)._replace(third=5),
        lambda c: repr(c.Pair._make(iter((1, 2)))),
        lambda c: c.Pair._make((1,)),
        lambda c: c.Pair(1)._asdict(),
        lambda c: (c.Pair._fields, c.Pair._field_defaults, c.Pair.__match_args__),
        lambda c: setattr(c.Pair(1), "first", 2),
        lambda c: setattr(c.Pair(1), "third", 2),
        lambda c: repr(copy.deepcopy(c.Pair([1]))),
        lambda c: [*c.Pair(1)],
        lambda c: repr(c.Nothing()),
        lambda c: c.Nothing(1),
        lambda c: c.Nothing() == () and not c.Nothing(),
        lambda c: TypeAdapter(c.Nothing).validate_python([]) == (),
    ],
)
def test_they_do_what_those_of_the_standard_library_do(what: Any) -> None:
    """Values, errors, and what others are told about the classes."""
    assert _outcome(what, OURS) == _outcome(what, THEIRS)


@values.dataclass(frozen=True, slots=True)
class Public:
    """One that pickle finds."""

    item: int


class PublicPair(values.NamedTuple):
    """Another one."""

    first: int
    second: int = 2


@pytest.mark.parametrize("value", [Public(1), PublicPair(1)])
def test_they_can_be_pickled(value: object) -> None:
    """By every protocol."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert type(pickle.loads(pickle.dumps(value, protocol))) is type(value)


def test_replacing_fields_leaves_no_tuples_behind() -> None:
    """Python keeps up to 2,000 free tuples of each length: each call would add one."""
    pair = PublicPair(1)
    for _ in range(10):
        pair._replace(first=2)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        pair._replace(first=2)
    assert sys.getallocatedblocks() - before < 100


@pytest.mark.parametrize("frozen", [False])
def test_a_dataclass_must_be_frozen(frozen: bool) -> None:
    """Nothing else is supported."""
    with pytest.raises(TypeError, match="frozen"):
        values.dataclass(frozen=frozen)
