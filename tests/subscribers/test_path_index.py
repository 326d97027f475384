"""Who follows which value: none whose value changed is left out, and hardly anybody else is asked."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel

from hotconf.changes import MISSING
from hotconf.config.diff import diff, equal
from hotconf.config.walk import value_at
from hotconf.keypath import KeyPath
from hotconf.subscribers.path_index import PathIndex

KEYS = ["a", "b", "https://user:word@host"]
SCALARS = st.sampled_from([0, 1, 1.0, True, "x", None])
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=3)
)
TABLES = st.dictionaries(st.sampled_from(KEYS), TREES, max_size=3)
PATHS = st.lists(st.sampled_from([*KEYS, 0, 1]), max_size=4).map(tuple)


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="allow")
    a: Any = None
    named: Any = Field(default=None, alias="b")


class Wrapped(RootModel[Inner]):
    pass


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)
    a: Inner = Inner()
    wrapped: Wrapped = Field(default=Wrapped(Inner()), alias="b")
    items: list[Inner] = []


def concerned(paths: list[KeyPath], old: object, new: object) -> set[KeyPath]:
    """The paths whose followers are asked."""
    followers: PathIndex[KeyPath] = PathIndex()
    for number, path in enumerate(paths):
        followers.add(path, number, path)
    return followers.affected((change.path for change in diff(old, new)), new)


def differing(paths: list[KeyPath], old: object, new: object) -> set[KeyPath]:
    """Those whose value differs, found by looking at each."""
    return {path for path in paths if not equal(value_at(old, path), value_at(new, path))}


@given(TABLES, TABLES, st.lists(PATHS, max_size=8))
def test_no_change_of_a_table_is_missed(old: object, new: object, paths: list[KeyPath]) -> None:
    """Whatever is added, removed or replaced, at any depth, keys that are masked in changes included."""
    assert differing(paths, old, new) <= concerned(paths, old, new)


INNERS = st.fixed_dictionaries({}, optional={"a": TREES, "b": TREES, "c": TREES})
OUTERS = st.fixed_dictionaries({}, optional={"a": INNERS, "b": INNERS, "items": st.lists(INNERS, max_size=3)})
NAMES = st.lists(st.sampled_from(["a", "b", "named", "wrapped", "items", "c", 0, 1]), max_size=4).map(tuple)


@given(OUTERS, OUTERS, st.lists(NAMES, max_size=8))
def test_no_change_of_a_model_is_missed(old: Any, new: Any, paths: list[KeyPath]) -> None:
    """Fields are followed by their keys and by their names, through root models and extras."""
    before, after = Outer.model_validate(old), Outer.model_validate(new)
    assert differing(paths, before, after) <= concerned(paths, before, after)


def test_only_those_are_asked_whom_it_may_concern() -> None:
    """The value, what is around it and what is inside; not its neighbours."""
    old = {"a": {"x": 1, "y": {"z": 1}}, "b": {"x": 1}}
    new = {"a": {"x": 1, "y": {"z": 2}}, "b": {"x": 1}}
    paths: list[KeyPath] = [(), ("a",), ("a", "x"), ("a", "y"), ("a", "y", "z"), ("a", "y", "z", "w"), ("b",)]
    assert concerned(paths, old, new) == {(), ("a",), ("a", "y"), ("a", "y", "z"), ("a", "y", "z", "w")}


def test_who_left_is_asked_no_more_and_leaves_nothing_behind() -> None:
    """Also when others follow the same path, or one below it; twice is once."""
    followers: PathIndex[str] = PathIndex()
    for number, path in enumerate([("a", "b"), ("a", "b"), ("a", "b", "c"), ("a",)]):
        followers.add(path, number, f"{number}")
    followers.remove(("a", "b"), 0)
    followers.remove(("a", "b"), 0)
    followers.remove(("no", "such"), 7)
    assert (followers.affected([("a", "b")], {"a": {"b": {"c": 1}}})) == {"1", "2", "3"}
    for number, path in ((1, ("a", "b")), (2, ("a", "b", "c")), (3, ("a",))):
        followers.remove(path, number)
    assert followers.all() == []
    assert len(followers) == 0


def test_a_value_that_comes_or_goes_is_a_change() -> None:
    """The followers inside it, too."""
    paths: list[KeyPath] = [("a", "x"), ("b", "x")]
    assert concerned(paths, {}, {"a": {"x": 1}}) == {("a", "x")}
    assert concerned(paths, {"b": {"x": 1}}, {}) == {("b", "x")}
    assert value_at({}, ("a", "x")) is MISSING
