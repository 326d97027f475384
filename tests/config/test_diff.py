"""What differs between two configurations: every difference, nothing else, at the path where the file has it."""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass

from hotconf.changes import MASK, MISSING, Change
from hotconf.config.diff import diff, equal
from hotconf.config.freeze import freeze
from hotconf.config.redaction.masking import masked
from hotconf.config.walk import value_at
from hotconf.secrets.keys import is_secret_path

NAN, OTHER_NAN = float("nan"), float("nan")
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


class Plain(Enum):
    RED = "red"


class Retry(BaseModel):
    times: int = 3


class Model(BaseModel):
    model: str = "m"
    retry: Retry = Retry()


class Other(BaseModel):
    model: str = "m"
    retry: Retry = Retry()


class Agent(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    args: list[str] = []


class Config(BaseModel):
    model_config = ConfigDict(extra="allow")

    port: int = 1
    limit: float | None = None
    cost: Retry | None = None
    models: dict[str, Model] = {}
    agents: list[Agent] = []
    gates: dict[str, list[str]] = {}
    pin: SecretStr = SecretStr("a")
    api_key: str = "a"


class Aliased(BaseModel):
    by_alias: int = Field(1, alias="an-alias")
    by_validation: int = Field(1, alias="unused", validation_alias="validation")
    by_choice: int = Field(1, validation_alias=AliasChoices(AliasPath("a", "b"), "choice", "another"))
    by_path: int = Field(1, validation_alias=AliasPath("a", "c"))


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)

    name: int = Field(1, alias="never")


class Pair(NamedTuple):
    a: int
    b: int


@dataclass(slots=True)
class Record:
    a: Any = 1
    unset: int = field(init=False)


def filled() -> Record:
    """A record whose other field is set as well."""
    record = Record()
    record.unset = 1
    return record


@pydantic_dataclass(config=ConfigDict(extra="allow"))
class Extended:
    a: int = Field(1, alias="first")


class Raises:
    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")


class Odd:
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return "yes"


RAISES, ODD = Raises(), Odd()

EQUAL = [
    (1, 1),
    (NAN, OTHER_NAN),
    (Decimal("nan"), Decimal("nan")),
    ([NAN], [OTHER_NAN]),
    ({NAN}, {OTHER_NAN}),
    (None, None),
    ("a", "".join(["a"])),
    (b"a", bytes([97])),
    (Colour.RED, Colour("red")),
    (Path("a"), Path("a")),
    (NOON, datetime(2024, 5, 6, 12, tzinfo=timezone(timedelta(0)))),
    ([1, [2]], freeze([1, [2]])),
    ({"a": {"b": 1}}, freeze({"a": {"b": 1}})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (OrderedDict(a=1, b=2), {"b": 2, "a": 1}),
    (defaultdict(int, a=1), MappingProxyType({"a": 1})),
    (UserDict(a=1), {"a": 1}),
    ({1, 2}, frozenset({2, 1})),
    ({(1, "a")}, freeze({(1, "a")})),
    (deque([1]), deque([1])),
    (Pair(1, 2), Pair(1, 2)),
    (SecretStr("a"), SecretStr("a")),
    (Secret[list[int]]([1]), Secret[list[int]]([1])),
    (Model(), Model()),
    (Record(), Record()),
    (Extended(), Extended()),
    (RootModel[list[int]]([1]), RootModel[list[int]]([1])),
    (HttpUrl("http://a"), HttpUrl("http://a/")),
    (RAISES, RAISES),
    ([ODD], [ODD]),
    ({1: "a"}, {1: "a"}),
    ({Colour.RED: 1}, {Colour.RED: 1}),
]
DIFFERENT = [
    (0.0, -0.0),
    ([1.0, 0.0], [1.0, -0.0]),
    ({0.0}, {-0.0}),
    (complex(0, 0.0), complex(0, -0.0)),
    (Decimal(0), Decimal("-0")),
    (Decimal("1.0"), Decimal("1.00")),
    (1, True),
    (1, 1.0),
    (0, False),
    (0, None),
    (1, "1"),
    (1, Decimal(1)),
    (NAN, 1.0),
    (NAN, Decimal("nan")),
    ("red", Colour.RED),
    ("red", Plain.RED),
    (Colour.RED, Plain.RED),
    ("a", b"a"),
    ("a", Path("a")),
    (Path("a"), PurePosixPath("a")),
    (NOON, NOON.replace(tzinfo=None)),
    (NOON, NOON.astimezone(timezone(timedelta(hours=1)))),
    (time(12, tzinfo=UTC), time(13, tzinfo=timezone(timedelta(hours=1)))),
    ([1], (1,)),
    ([1], [True]),
    ([1, 2], [2, 1]),
    ([1], [1, 1]),
    ([], None),
    ([], {}),
    ([1], deque([1])),
    ([1], {1}),
    (Pair(1, 2), (1, 2)),
    ({"a": 1}, {"a": 1.0}),
    ({"a": None}, {}),
    (Record(), filled()),
    ({1: "a"}, {True: "a"}),
    ({1: "a"}, {"1": "a"}),
    ({"red": 1}, {Colour.RED: 1}),
    ({1}, {True}),
    ({(1,)}, {(1.0,)}),
    ({1}, {1, 2}),
    ({NAN}, {1.0}),
    (SecretStr("a"), SecretStr("b")),
    (SecretStr("a"), "a"),
    (SecretBytes(b"a"), SecretStr("a")),
    (Secret[list[int]]([1]), Secret[list[int]]([2])),
    (Model(), Other()),
    (Model(), {"model": "m", "retry": {"times": 3}}),
    (Record(1), Record(True)),
    (Extended(), Extended(extra=1)),  # type: ignore[call-arg]
    (RootModel[list[int]]([1]), RootModel[list[int]]([2])),
    (RootModel[list[int]]([1]), [1]),
    (HttpUrl("http://a"), HttpUrl("http://b")),
    (Raises(), Raises()),
    (Odd(), Odd()),
    ({Raises()}, {Raises()}),
]


@pytest.mark.parametrize(("old", "new"), EQUAL)
def test_equal_values_have_no_difference(old: object, new: object) -> None:
    """Alone and nested, in both directions."""
    for before, after in ((old, new), (new, old), ([old], [new]), ({"a": {"b": old}}, {"a": {"b": new}})):
        assert equal(before, after)
        assert diff(before, after) == ()


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_different_values_have_a_difference(old: object, new: object) -> None:
    """Types count, alone and nested, in both directions."""
    for before, after in ((old, new), (new, old), ([old], [new]), ({"a": {"b": old}}, {"a": {"b": new}})):
        assert not equal(before, after)
        assert diff(before, after)


class AnyCase(str):
    """Like those of header names."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self.lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(self.lower())


class Near(int):
    """Equal to all others."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Blob(bytes):
    """Equal to all others."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


BERLIN = timezone(timedelta(hours=1))
LYING: list[tuple[Any, Any]] = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (0j, complex(-0.0, 0.0)),
    (Decimal("1.0"), Decimal("1.00")),
    (NOON, NOON.astimezone(BERLIN)),
    (time(12, tzinfo=UTC), time(13, tzinfo=BERLIN)),
    (AnyCase("a"), AnyCase("A")),
    (Near(1), Near(2)),
    (Blob(b"a"), Blob(b"b")),
    (PureWindowsPath("a"), PureWindowsPath("A")),
    (range(3, 3), range(4, 4)),
    (Colour.RED, "red"),
]
"""Values that `==` calls equal, though readers see the difference."""
PLACES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "deque": lambda value: deque([value]),
    "set": lambda value: {value},
    "tuple in a set": lambda value: frozenset({(value,)}),
    "value": lambda value: {"a": value},
    "key": lambda value: {value: 1},
    "secret": Secret,
    "root model": lambda value: RootModel[Any](value),
    "model": lambda value: Holder(value=value),
    "table in a list": lambda value: [{"a": value}, {"b": 1}],
}


class Holder(BaseModel):
    """Holds whatever there is."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    value: Any


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("old", "new"), LYING, ids=lambda value: repr(value)[:30])
def test_what_equality_hides_is_a_difference(old: Any, new: Any, place: str) -> None:
    """Wherever it stands, in both directions, frozen or not; a copy of it is none."""
    if place == "key" and isinstance(old, Near | Blob | range):
        pytest.skip("as keys they are one to readers, too")
    assert old == new
    within = PLACES[place]
    for before, after in ((old, new), (new, old)):
        for prepare in (freeze, lambda value: value):
            assert not equal(prepare(within(before)), prepare(within(after)))
            assert diff(prepare(within(before)), prepare(within(after)))
            assert equal(prepare(within(before)), prepare(within(copy.deepcopy(before))))


def config(**fields: Any) -> Config:
    """A frozen configuration."""
    return freeze(Config.model_validate(fields))


def test_each_scalar_is_a_change_at_its_path() -> None:
    """In the order of the configuration; None is a value, and whole numbers are not fractions."""
    old = config(port=1, limit=None, models={"a": {"model": "x"}, "b": {}})
    new = config(port=2, limit=1.5, models={"a": {"model": "y", "retry": {"times": 4}}, "b": {}})
    assert diff(old, new) == (
        Change(("port",), 1, 2),
        Change(("limit",), None, 1.5),
        Change(("models", "a", "model"), "x", "y"),
        Change(("models", "a", "retry", "times"), 3, 4),
    )


def test_a_table_added_or_removed_is_one_change() -> None:
    """Of a free table, of an optional field, of extra keys; what was removed comes last in its table."""
    old = config(models={"gone": {}, "kept": {}}, cost=None, more={"a": 1, "b": {"c": 1}})
    new = config(models={"new": {"model": "x"}, "kept": {}}, cost={"times": 1}, more={"b": {}, "d": []})
    assert diff(old, new) == (
        Change(("cost",), None, {"times": 1}),
        Change(("models", "new"), MISSING, {"model": "x", "retry": {"times": 3}}),
        Change(("models", "gone"), {"model": "m", "retry": {"times": 3}}, MISSING),
        Change(("more", "b", "c"), 1, MISSING),
        Change(("more", "d"), MISSING, []),
        Change(("more", "a"), 1, MISSING),
    )


def test_an_array_of_scalars_is_one_change() -> None:
    """The whole array, before and after, also where it holds a table among others."""
    old, new = config(gates={"plan": ["a", "b"], "audit": []}), config(gates={"plan": ["b"], "audit": ["c"]})
    assert diff(old, new) == (
        Change(("gates", "plan"), ["a", "b"], ["b"]),
        Change(("gates", "audit"), [], ["c"]),
    )
    assert diff({"x": [1, {"a": 1}]}, {"x": [1, {"a": 2}]}) == (Change(("x",), [1, {"a": 1}], [1, {"a": 2}]),)


def test_an_array_of_tables_is_compared_item_by_item() -> None:
    """What differs in an item is told there; an item too many or too few is one change."""
    old = config(agents=[{"name": "a"}, {"name": "b", "args": ["x"]}])
    new = config(agents=[{"name": "a"}, {"name": "c", "args": []}, {"name": "d"}])
    assert diff(old, new) == (
        Change(("agents", 1, "name"), "b", "c"),
        Change(("agents", 1, "args"), ["x"], []),
        Change(("agents", 2), MISSING, {"name": "d", "args": []}),
    )
    assert diff(new, config()) == tuple(
        Change(("agents", n), masked((), agent), MISSING) for n, agent in enumerate(new.agents)
    )


def test_what_is_of_another_class_is_one_change() -> None:
    """As when a member of a union gives way to another: both are told whole."""
    assert diff({"x": Model()}, {"x": Other(model="n")}) == (
        Change(("x",), {"model": "m", "retry": {"times": 3}}, {"model": "n", "retry": {"times": 3}}),
    )


def test_paths_are_those_of_the_file() -> None:
    """A field stands under its alias, where a file can have it there; a root model has no step of its own."""
    assert diff(Aliased(), Aliased.model_validate({"an-alias": 2, "validation": 2, "choice": 2, "a": {"c": 2}})) == (
        Change(("an-alias",), 1, 2),
        Change(("validation",), 1, 2),
        Change(("choice",), 1, 2),
        Change(("by_path",), 1, 2),
    )
    assert diff(ByName(), ByName(name=2))[0].path == ("name",)
    assert diff(Extended(), Extended(first=2, more=3)) == (  # type: ignore[call-arg]
        Change(("first",), 1, 2),
        Change(("more",), MISSING, 3),
    )
    nested = RootModel[dict[str, RootModel[list[RootModel[Retry]]]]]
    assert diff(nested.model_validate({"a": [{"times": 1}]}), nested.model_validate({"a": [{"times": 2}]})) == (
        Change(("a", 0, "times"), 1, 2),
    )
    assert diff({8080: {Colour.RED: 1}}, {8080: {Colour.RED: 2}}) == (Change(("8080", "red"), 1, 2),)


def test_secrets_are_compared_and_not_told() -> None:
    """Real values decide, masks are shown; paths hold no user information either."""
    old, new = (
        config(api_key="a", pin="a", more={"https://u:p@h": 1}),
        config(api_key="b", pin="b", more={"token": 1}),
    )
    assert diff(old, new) == (
        Change(("pin",), MASK, MASK),
        Change(("api_key",), MASK, MASK),
        Change(("more", "token"), MISSING, MASK),
        Change(("more", f"https://{MASK}@h"), 1, MISSING),
    )


def test_what_is_shared_is_told_at_every_place() -> None:
    """In full at the first one, as a whole at the others; and never more often than there are places."""
    old, new = {"x": 1, "y": 1}, {"x": 2, "y": 1}
    assert diff({"a": old, "b": old, "c": [old]}, {"a": new, "b": new, "c": [new]}) == (
        Change(("a", "x"), 1, 2),
        Change(("b",), old, new),
        Change(("c", 0), old, new),
    )
    for _ in range(15):
        old, new = {"l": old, "r": old}, {"l": new, "r": new}
    assert len(diff(old, new)) == 16


def nested(depth: int, leaf: object) -> Any:
    """`leaf` under so many tables, arrays, tuples and models."""
    value = leaf
    for n in range(depth):
        value = ({"a": value}, [value], (value,), Record(value))[n % 4]
    return value


def test_a_file_is_not_too_deep() -> None:
    """It has 64 levels at most, of which a model may make two each."""
    assert not diff(nested(128, 1), nested(128, 1))
    assert len(diff(nested(128, 1), nested(128, 2))) == 1
    tables, others = {}, {"b": 1}
    for _ in range(128):
        tables, others = {"a": tables}, {"a": others}
    (change,) = diff(tables, others)
    assert change == Change((*("a",) * 128, "b"), MISSING, 1)
    assert value_at(others, change.path) == 1


def test_equality_has_no_limit_of_depth() -> None:
    """Nothing recurses."""
    assert equal(nested(10_000, 1), nested(10_000, 1))
    assert not equal(nested(10_000, 1), nested(10_000, 2))


def cycle(leaf: object, turns: int = 1) -> dict[str, Any]:
    """A table that leads back to itself after so many turns."""
    first: dict[str, Any] = {"leaf": leaf}
    last = first
    for _ in range(turns - 1):
        last["next"] = {"leaf": leaf}
        last = last["next"]
    last["next"] = first
    return first


def test_cycles_end() -> None:
    """Two of them are equal if no walk can tell them apart; a difference is told once."""
    assert equal(cycle(1), cycle(1, turns=3))
    assert not diff(cycle(1), cycle(1, turns=3))
    assert diff(cycle(1), cycle(2)) == (Change(("leaf",), 1, 2),)
    array: list[Any] = [1]
    array.append(array)
    other: list[Any] = [1]
    other.append(other)
    assert equal(array, other)
    assert not equal(array, [1, [1, [1]]])


def test_a_root_model_in_itself_ends() -> None:
    """Even that, which stands nowhere."""
    root, other = RootModel[Any](1), RootModel[Any](1)
    root.__dict__["root"], other.__dict__["root"] = root, other
    assert equal(root, other)
    assert not diff([{"a": root}], [{"a": other}])
    assert value_at(root, ("a",)) is MISSING
    assert "…" in repr(masked((), root))


class Volatile(UserDict[str, Any]):
    """A mapping that makes its values anew each time it is asked."""

    def __getitem__(self, key: str) -> Any:
        return copy.deepcopy(super().__getitem__(key))


def test_values_made_on_the_fly_are_compared_as_well() -> None:
    """Identities that Python uses again do not pass for ones that were seen."""
    old = Volatile({f"k{n}": {"x": {"y": 1}} for n in range(50)})
    new = Volatile({f"k{n}": {"x": {"y": n // 49}} for n in range(50)})
    assert len(diff(old, new)) == 49
    assert not equal(old, new)


def test_a_value_is_found_at_its_path() -> None:
    """By alias or by name, in tables and arrays, secrets as they are."""
    value = config(agents=[{"name": "a", "more": 1}], api_key="k", models={"gpt-5": {}})
    assert value_at(value, ()) is value
    assert value_at(value, ("agents", 0, "more")) == 1
    assert value_at(value, ("models", "gpt-5", "retry", "times")) == 3
    assert value_at(value, ("api_key",)) == "k"
    assert value_at(Aliased(), ("an-alias",)) == value_at(Aliased(), ("by_alias",)) == 1
    assert value_at(Extended(more=2), ("more",)) == 2  # type: ignore[call-arg]
    assert value_at({"a": RootModel[list[Retry]]([Retry()])}, ("a", 0, "times")) == 3
    assert value_at({8080: {Colour.RED: 1}}, ("8080", "red")) == 1
    assert value_at({"a": None}, ("a",)) is None


@pytest.mark.parametrize(
    "path",
    [
        ("none",),
        ("agents", 1),
        ("agents", -1),
        ("agents", "0"),
        ("port", "x"),
        ("port", 0),
        (0,),
        ("pin", 0),
        ("cost", "a"),
    ],
)
def test_there_is_nothing_at_other_paths(path: tuple[str | int, ...]) -> None:
    """Whatever is asked for, the answer is `MISSING`."""
    assert value_at(config(agents=[{"name": "a"}]), path) is MISSING
    assert value_at(Aliased(), path) is MISSING


SCALARS = st.one_of(
    st.none(),
    st.integers(-2, 2),
    st.booleans(),
    st.sampled_from([0.0, 1.0, NAN, OTHER_NAN, "", "a", "red", Colour.RED, Plain.RED, NOON, Decimal(1), Path("a")]),
    st.sampled_from(["a", "b"]).map(SecretStr),
)
KEYS = st.sampled_from(["a", "b", "token", "c d", 1, True])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.dictionaries(KEYS, inner, max_size=2), max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.tuples(inner),
        st.sets(st.integers(0, 2) | st.booleans() | st.sampled_from([1.0, NAN, "a", (1,), (True,)]), max_size=3),
        inner.map(Record),
        inner.map(RootModel[Any]),
        st.builds(lambda value: Agent(name="a", extra=value), inner),  # type: ignore[call-arg]
    ),
    max_leaves=8,
)


def naive(old: Any, new: Any) -> bool:
    """The rule of equality once more, as short as it can be said: the twin to compare with."""
    groups = (dict, list, (set, frozenset))
    if not any(isinstance(old, group) and isinstance(new, group) for group in groups) and type(old) is not type(new):
        return False
    if isinstance(old, BaseModel):
        return naive(
            {**old.__dict__, **(old.model_extra or {})},
            {**new.__dict__, **(new.model_extra or {})},
        )
    if isinstance(old, Record):
        return naive(old.a, new.a)
    if isinstance(old, SecretStr):
        return bool(old == new)
    if isinstance(old, dict):
        old, new = ({(type(key), key): value for key, value in table.items()} for table in (old, new))
        return old.keys() == new.keys() and all(naive(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(map(naive, old, new))
    if isinstance(old, set | frozenset):
        return all(any(naive(a, b) for b in new) for a in old) and all(any(naive(a, b) for a in old) for b in new)
    return bool(old == new or (old != old and new != new))


@given(VALUES, VALUES)
def test_equality_is_an_empty_difference(old: Any, new: Any) -> None:
    """In both directions, and as the naive rule has it, frozen or not."""
    expected = naive(old, new)
    assert equal(old, new) == equal(new, old) == expected
    assert (diff(old, new) == ()) == (diff(new, old) == ()) == expected
    assert equal(freeze(copy.deepcopy(old)), new) == expected


@given(VALUES)
def test_a_copy_is_equal(value: Any) -> None:
    """Whatever it is made of, and so is the frozen copy."""
    for made in (copy.deepcopy(value), freeze(copy.deepcopy(value))):
        assert equal(value, made)
        assert diff(value, made) == ()


@given(VALUES, VALUES)
def test_a_change_tells_what_stands_at_its_path(old: Any, new: Any) -> None:
    """Before and after, masked; and no path is told twice."""
    old, new = {"outer": old}, {"outer": new}
    changes = diff(old, new)
    told = [change for change in changes if "True" not in change.path and "1" not in change.path]
    for change in told:
        assert equal(change.old, masked(change.path, value_at(old, change.path)))
        assert equal(change.new, masked(change.path, value_at(new, change.path)))
        assert not is_secret_path(change.path) or {change.old, change.new} <= {MASK, None, MISSING}
    assert len({change.path for change in told}) == len(told)


@given(VALUES, VALUES)
def test_differences_are_deterministic(old: Any, new: Any) -> None:
    """The same values give the same changes in the same order."""
    assert equal(diff(old, new), diff(copy.deepcopy(old), copy.deepcopy(new)))
