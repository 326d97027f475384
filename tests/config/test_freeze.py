"""A frozen configuration cannot be changed, and is otherwise as it was."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, singledispatch
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr, RootModel
from pydantic.dataclasses import dataclass as pydantic_dataclass

from hotconf.config.freeze import freeze, unfrozen
from hotconf.config.frozen import (
    FrozenCounter,
    FrozenDefaultDict,
    FrozenDeque,
    FrozenDict,
    FrozenList,
    FrozenOrderedDict,
    FrozenSet,
)

# What does not change a container. Whatever else a version of Python gives them has to be refused: a new mutator
# makes the test below fail, and so does a new reader, which is then added here.
READERS = {
    *dir(object),
    *("__class_getitem__", "__contains__", "__getitem__", "__iter__", "__len__", "__reversed__", "__length_hint__"),
    *("__add__", "__mul__", "__rmul__", "__and__", "__or__", "__ror__", "__rand__", "__sub__", "__rsub__", "__xor__"),
    *(
        "__rxor__",
        "__dict__",
        "copy",
        "count",
        "difference",
        "fromkeys",
        "get",
        "index",
        "intersection",
        "isdisjoint",
    ),
    *("issubset", "issuperset", "items", "keys", "symmetric_difference", "union", "values"),
    *("__copy__", "__missing__", "__module__", "__neg__", "__pos__", "default_factory", "elements", "maxlen"),
    *("__weakref__", "most_common", "total"),
}
FROZEN = [
    (FrozenDict({"b": 1, "a": [2]}), {"b": 1, "a": [2]}),
    (FrozenList([3, 1, 2]), [3, 1, 2]),
    (FrozenSet({1, 2}), {1, 2}),
    (FrozenOrderedDict({"b": 1, "a": 2}), OrderedDict({"b": 1, "a": 2})),
    (FrozenDefaultDict(list, {"b": [1], "a": [2]}), defaultdict(list, {"b": [1], "a": [2]})),
    (FrozenCounter({"b": 1, "a": 2}), Counter({"b": 1, "a": 2})),
    (FrozenDeque([1, 2], 3), deque([1, 2], 3)),
]
ARGUMENTS: list[tuple[Any, ...]] = [
    (),
    (0,),
    ("b",),
    (0, 1),
    ("b", 1),
    ({"z": 1},),
    ({1, 9},),
    ([9],),
    (slice(0, 1), []),
]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)


class Inner(Frozen):
    names: list[str] = ["a", "b"]


class Numbers(RootModel[list[int]]):
    model_config = ConfigDict(frozen=True)


class Config(Frozen):
    model: Inner = Inner()
    array: list[list[int]] = [[1], [2]]
    table: dict[str, dict[str, int]] = {"a": {"b": 1}}
    free: Any = None
    tuple_: tuple[list[int], ...] = ([1],)
    set_: set[int] = {1, 2}
    frozen_set: frozenset[int] = frozenset({1})
    default: defaultdict[str, list[int]] = defaultdict(list, {"a": [1]})
    ordered: OrderedDict[str, int] = OrderedDict({"b": 1, "a": 2})
    counter: Counter[str] = Counter({"b": 1})
    queue: deque[list[int]] = deque([[1]], 3)
    root: Numbers = Numbers([1])
    models: dict[str, Inner] = {"m": Inner()}
    either: int | list[int] = [1]


class Open(BaseModel):
    items: list[int] = [1]


@dataclass(frozen=True)
class Sealed:
    items: list[int] = field(default_factory=lambda: [1])


@dataclass(slots=True)
class Slotted:
    items: dict[str, list[int]] = field(default_factory=lambda: {"a": [1]})


@pydantic_dataclass(config=ConfigDict(extra="allow"))
class Extended:
    items: list[int]


class Point(NamedTuple):
    x: list[int]
    y: int


class Mine(list[int]):
    pass


class Level(Enum):
    HIGH = ("high", ["a"])


def config() -> Config:
    """A configuration with everything that can be frozen in it, one extra key included."""
    return Config.model_validate({"free": {"deep": [{"x": [1]}]}, "extra": {"y": [1]}})


@pytest.mark.parametrize(("frozen", "plain"), FROZEN, ids=lambda value: type(value).__name__)
def test_every_mutator_of_a_frozen_container_is_refused(frozen: Any, plain: Any) -> None:
    """Whatever method this Python has for it, called in whatever way, says no and says what to do instead."""
    names = sorted(set(dir(type(plain))) - READERS)
    assert len(names) > 7
    for name in names:
        for arguments in ARGUMENTS:
            with pytest.raises(TypeError, match=r"read-only: .*copy\.deepcopy"):
                getattr(frozen, name)(*arguments)
    assert frozen == plain


@pytest.mark.parametrize(("frozen", "plain"), FROZEN, ids=lambda value: type(value).__name__)
def test_no_reader_changes_a_frozen_container(frozen: Any, plain: Any) -> None:
    """What is left to be called only reads."""
    for name in sorted(READERS & set(dir(type(plain))) - {"__class__", "__setattr__", "__delattr__"}):
        for arguments in ARGUMENTS:
            try:
                getattr(frozen, name)(*arguments)
            except (TypeError, ValueError, KeyError, IndexError, AttributeError, NotImplementedError):
                continue
    assert frozen == plain


@pytest.mark.parametrize(
    "statement",
    [
        *("d |= {}", "d['a'] = 1", "del d['b']", "d.new = 1", "o |= {}", "o.move_to_end('b')"),
        *("l += [1]", "l *= 2", "l[0] = 1", "l[:] = []", "del l[0]", "l.new = 1"),
        *("s |= {3}", "s &= {1}", "s -= {1}", "s ^= {1}"),
        *(
            "f['new'] = []",
            "f |= {}",
            "f.default_factory = int",
            "del f._sealed",
            "c.new = 1",
            "c += c",
            "c -= c",
            "c |= c",
            "c &= c",
            "q += [1]",
            "q *= 2",
            "del q[0]",
        ),
    ],
)
def test_statements_that_change_in_place_are_refused(statement: str) -> None:
    """Operators and assignments are mutators too."""
    names = dict(zip("dlsofcq", (copied for copied, _ in FROZEN), strict=True))
    before = [repr(value) for value in names.values()]
    with pytest.raises((TypeError, AttributeError)):
        exec(statement, names)
    assert [repr(value) for value, _ in FROZEN] == before


@pytest.mark.parametrize(("frozen", "plain"), FROZEN, ids=lambda value: type(value).__name__)
def test_a_second_initialisation_is_refused(frozen: Any, plain: Any) -> None:
    """`__init__` is no way in, not even into one that is empty."""
    for container in (frozen, type(frozen)(), freeze(type(plain)())):
        with pytest.raises(TypeError):
            container.__init__(plain)
        with pytest.raises(TypeError):
            container.__init__()
    assert frozen == plain
    assert not freeze(type(plain)())


@pytest.mark.parametrize(("frozen", "plain"), FROZEN, ids=lambda value: type(value).__name__)
def test_frozen_containers_look_like_plain_ones(frozen: Any, plain: Any) -> None:
    """They compare, print and iterate alike, and are no more hashable."""
    assert frozen == plain
    assert plain == frozen
    assert repr(frozen) == repr(plain)
    assert list(frozen) == list(plain)
    assert isinstance(frozen, type(plain))
    with pytest.raises(TypeError):
        hash(frozen)


@pytest.mark.parametrize(("frozen", "plain"), FROZEN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_are_plain(frozen: Any, plain: Any, make: Callable[[Any], Any]) -> None:
    """Who wants to change something takes a copy, of the class that was there before."""
    made = make(frozen)
    assert made == plain
    assert type(made) is type(plain)
    assert type(frozen.copy()) is type(plain)


def test_operators_give_plain_containers() -> None:
    """A sum or a union of frozen ones is the caller's own."""
    table, array, items, ordered, default, counter, queue = (value for value, _ in FROZEN)
    for made in (table | {}, {} | table, array * 2, array[:], items | {1}, {1} & items, ordered | {}):
        assert type(made) in (dict, list, set, OrderedDict)
    for made in (
        default | {},
        {} | default,
        counter | Counter(),
        counter + Counter(),
        -counter,
        queue * 2,
        queue + queue,
    ):
        assert type(made) in (defaultdict, Counter, deque)
    assert {} | ordered == {"b": 1, "a": 2}
    assert json.loads(json.dumps([table, array])) == [table, array]


def containers(value: Any) -> list[Any]:
    """Every dict, list and set in `value`."""
    if isinstance(value, BaseModel):
        inner = [*value.__dict__.values(), *(value.model_extra or {}).values()]
        return [value.model_extra, *(found for item in inner for found in containers(item))]
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in containers(item))]
    if isinstance(value, list | set | tuple | deque):
        own = [] if isinstance(value, tuple) else [value]
        return own + [found for item in value for found in containers(item)]
    return []


def test_nothing_in_a_frozen_configuration_can_be_changed() -> None:
    """Fields, extra keys, defaults, tuples, root models: no plain container is left anywhere."""
    frozen = freeze(config())
    found = [value for value in containers(frozen) if value is not None]
    assert len(found) > 20
    assert {type(value) for value in found} == {type(frozen) for frozen, _ in FROZEN}
    with pytest.raises(TypeError):
        frozen.model_extra["new"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        frozen.default["new"].append(1)
    assert frozen.default["new"] == []
    assert "new" not in frozen.default


def test_freezing_keeps_the_model_and_its_value() -> None:
    """The root stays the same object and equal to what it was; freezing again changes nothing."""
    original = config()
    dumped = original.model_dump()
    frozen = freeze(original)
    assert frozen is original
    assert frozen == config()
    assert freeze(frozen).model_dump() == dumped


def test_a_frozen_configuration_serialises_without_a_warning() -> None:
    """As Python, as JSON, as a copy: the same as if it were not frozen, and the copy can be changed."""
    plain, frozen = config(), freeze(config())
    assert frozen.model_dump() == plain.model_dump()
    assert frozen.model_dump(mode="json") == plain.model_dump(mode="json")
    assert frozen.model_dump_json() == plain.model_dump_json()
    assert repr(frozen) == repr(plain)
    changeable = frozen.model_copy(deep=True)
    assert changeable == frozen
    changeable.array[0].append(1)
    assert changeable != frozen
    assert frozen.model_copy(update={"new": 1}).model_extra == {"extra": {"y": [1]}, "new": 1}
    assert pickle.loads(pickle.dumps(frozen)) == plain


@pytest.mark.parametrize(("frozen", "plain"), FROZEN[:3], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("dumper", [yaml.SafeDumper, yaml.CSafeDumper, yaml.Dumper])
def test_serialisers_that_choose_by_class_write_the_plain_container(frozen: Any, plain: Any, dumper: Any) -> None:
    """`yaml.safe_dump(config.table)` works, nested, too: PyYAML knows `dict`, and no subclass of it."""
    assert yaml.dump(freeze({"a": [frozen]}), Dumper=dumper) == yaml.dump({"a": [plain]}, Dumper=dumper)


def test_functions_that_dispatch_by_class_take_a_frozen_container_for_a_plain_one() -> None:
    """`functools.singledispatch` does so as well."""

    @singledispatch
    def name(value: object) -> str:
        return "object"

    name.register(dict, lambda _: "dict")
    assert name(FrozenDict()) == "dict"


def test_a_missing_key_gives_the_default_and_stores_nothing() -> None:
    """As in a defaultdict and a Counter; what is given cannot be changed, so that no change of it is lost unseen."""
    frozen = freeze(defaultdict(dict, {"a": {"b": 1}}))
    assert frozen["new"] == {}
    with pytest.raises(TypeError):
        frozen["new"]["x"] = 1
    assert list(frozen) == ["a"]
    with pytest.raises(KeyError):
        freeze(defaultdict(None, {"a": 1}))["new"]
    assert freeze(Counter("a"))["b"] == 0


def test_defaults_of_the_class_stay_as_they_are() -> None:
    """What one configuration got from its class is not frozen for the others."""
    freeze(config())
    assert type(Config().array) is list
    assert type(Open().items) is list


def test_models_that_are_not_frozen_get_frozen_containers() -> None:
    """Their fields can be set, but nothing is changed behind the model's back."""
    model = freeze(Open())
    with pytest.raises(TypeError):
        model.items.append(2)
    model.items = [2]
    assert model.items == [2]


def test_private_attributes_are_left_alone() -> None:
    """They are the model's own business."""

    class Private(Frozen):
        _cache: list[int] = PrivateAttr(default_factory=list)

    model = freeze(Private())
    model._cache.append(1)
    assert model._cache == [1]


def test_dataclasses_are_frozen_in_place() -> None:
    """Frozen or not, slotted or not, with pydantic's extra keys or not."""
    for instance in (Sealed(), Slotted()):
        assert freeze(instance) is instance
        with pytest.raises(TypeError):
            instance.items.clear()
    slotted = freeze(Slotted())
    assert type(slotted.items["a"]) is FrozenList
    extended: Any = freeze(Extended(items=[1], more=[2]))  # type: ignore[call-arg]
    assert type(extended.items) is type(extended.more) is FrozenList


def test_tuples_are_rebuilt_around_what_is_frozen() -> None:
    """Named ones keep their names; those without anything to freeze stay the same objects."""
    plain = (1, ("a", frozenset({2})))
    point, nested, kept = freeze((Point([1], 2), ((([3],),),), plain))
    assert type(point) is Point
    assert type(point.x) is type(nested[0][0][0]) is FrozenList
    assert kept is plain


def test_sets_keep_their_items() -> None:
    """What stands in a set is frozen too, and still found in it."""

    @dataclass(frozen=True, eq=False)
    class Item:
        values: list[int]

    item = Item([1])
    pair = (item, 1)
    for items in (freeze({pair}), freeze(frozenset({pair}))):
        assert pair in items
    assert type(item.values) is FrozenList


def test_shared_values_stay_shared() -> None:
    """A value in two places is one value afterwards, and the original is left as it was."""
    shared = [1]
    original = {"a": shared, "b": [shared], "c": (shared,)}
    frozen = freeze(original)
    assert type(frozen) is FrozenDict
    assert frozen == original
    assert frozen["a"] is frozen["b"][0] is frozen["c"][0]
    assert type(original["a"]) is list


def test_cycles_stay_cycles() -> None:
    """Through lists, dicts, models and tuples, and their copies end as well."""
    model = Frozen()
    array: list[Any] = [model]
    table: dict[str, Any] = {"array": array}
    array.append((table, (array,)))
    model.__dict__["back"] = (array,)
    model.__pydantic_extra__["more"] = table  # type: ignore[index]
    frozen = freeze(array)
    assert type(frozen) is FrozenList
    assert frozen[0] is model
    inner, (again,) = frozen[1]
    assert again is frozen
    assert type(inner) is FrozenDict
    assert inner["array"] is frozen
    assert model.model_extra == {"more": inner}
    assert copy.deepcopy(frozen)[1][1][0] is not frozen


def test_a_cycle_through_a_tuple_and_a_model_is_closed() -> None:
    """The tuple that the model holds is the rebuilt one."""

    class Holder(Frozen):
        pair: Any = None

    holder = Holder()
    pair = (holder, [1])
    holder.__dict__["pair"] = (pair, 1)
    frozen = freeze(pair)
    assert type(frozen[1]) is FrozenList
    assert holder.pair[0] is frozen


def test_a_file_is_not_too_deep() -> None:
    """It has 64 levels at most, of which a model may make two each."""
    value: Any = []
    for n in range(128):
        value = [value] if n % 3 else {"a": (value,)}
    frozen = freeze(value)
    for _ in range(127):
        assert type(frozen) in (FrozenDict, FrozenList)
        frozen = frozen[0] if isinstance(frozen, list) else frozen["a"][0]
    assert type(frozen) in (FrozenDict, FrozenList)


@dataclass
class Lazy:
    """Its list is made anew each time, until it is set."""

    number: int
    items: list[int] = field(init=False)

    def __getattr__(self, name: str) -> list[int]:
        return [self.number]


def test_values_made_on_the_fly_are_not_taken_for_one_another() -> None:
    """Identities that Python uses again do not pass for ones that were seen."""
    frozen = freeze([Lazy(number) for number in range(50)])
    assert [each.items for each in frozen] == [[number] for number in range(50)]
    assert {type(each.items) for each in frozen} == {FrozenList}


def test_values_of_other_types_are_left_as_they_are() -> None:
    """Enumerations, and classes of the user's own, whose methods may be what they are for."""
    values = [Level.HIGH, Mine([1]), bytearray(b"a"), object()]
    frozen = freeze(values)
    assert all(after is before for after, before in zip(frozen, values, strict=True))


def test_what_can_still_be_changed_is_named() -> None:
    """Once each, in the order of the configuration; nothing for what is frozen all through."""
    assert unfrozen(freeze(config())) == ()
    assert unfrozen(freeze([Sealed(), Level.HIGH, 1, "a", (None,)])) == ()
    cycle: list[Any] = [Mine(), {"a": Open()}, RootModel[Open](Open()), {Open: 1}, Slotted(), Open(), bytearray()]
    cycle.append(cycle)
    assert unfrozen(freeze(cycle)) == ("Mine", "Open", "RootModel[Open]", "Slotted", "bytearray")


def test_a_subclass_of_a_dataclass_is_looked_at_too() -> None:
    """One that is not decorated itself is as frozen as its parent."""

    class Child(Sealed):
        pass

    assert unfrozen(freeze(Child())) == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_is_frozen_whole_and_stays_equal(value: Any) -> None:
    """Whatever is nested in whatever."""
    before = copy.deepcopy(value)
    frozen = freeze(value)
    assert frozen == before
    assert value == before
    assert {type(found) for found in containers(frozen)} <= {FrozenDict, FrozenList}
    thawed = copy.deepcopy(frozen)
    assert thawed == before
    assert {type(found) for found in containers(thawed)} <= {dict, list}
    assert unfrozen(frozen) == ()


def test_what_a_model_caches_is_its_own() -> None:
    """A validator may compute a cached property, which is no field."""

    class Model(BaseModel):
        hosts: list[str]

        @cached_property
        def ordered(self) -> list[str]:
            return sorted(self.hosts)

    model = Model(hosts=["b", "a"])
    ordered = model.ordered
    assert freeze(model).ordered is ordered
    assert type(ordered) is list
    assert isinstance(model.hosts, FrozenList)
