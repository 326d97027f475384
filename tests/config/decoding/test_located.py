"""Texts that name files know what they are relative to; all others stay what they are."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasPath, BaseModel, BeforeValidator, Field

from hotconf import WatchedFile
from hotconf.config.decoding.located import Located, located
from hotconf.config.layers import LayerTable
from hotconf.config.shape import shape_of
from hotconf.keypath import KeyPath
from hotconf.schema import Schema

BASE: Final = "/etc/app"


class Cat(BaseModel):
    kind: Literal["cat"]
    picture: WatchedFile
    name: str


class Dog(BaseModel):
    kind: Literal["dog"]
    picture: str
    name: WatchedFile


class Tree(BaseModel):
    file: WatchedFile | None = None
    text: str = ""
    below: list[Tree] = Field(default_factory=list)


class Model(BaseModel):
    file: WatchedFile
    text: str
    free: Any
    either: WatchedFile | int | None
    files: list[WatchedFile]
    pair: tuple[str, WatchedFile]
    table: dict[str, WatchedFile]
    before: Annotated[WatchedFile, BeforeValidator(lambda given: given)]
    animals: list[Annotated[Cat | Dog, Field(discriminator="kind")]]
    tree: Tree
    far: WatchedFile = Field(validation_alias=AliasPath("way", "to", 0))


class Plain(BaseModel):
    file: str
    free: Any


SHAPE: Final = shape_of(Schema(Model))
texts = st.text("ab/.", max_size=4)
scalars = st.one_of(texts, st.integers(), st.none())
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
trees: Any = st.recursive(
    st.fixed_dictionaries({}, optional={"file": scalars, "text": texts}),
    lambda inner: st.fixed_dictionaries({}, optional={"file": texts, "text": texts, "below": st.lists(inner)}),
    max_leaves=4,
)
animals = st.fixed_dictionaries(
    {"kind": st.sampled_from(["cat", "dog"])}, optional={"picture": scalars, "name": scalars}
)
tables = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["file", "text", "free", "either", "before"], anything),
        "files": st.lists(anything, max_size=3) | anything,
        "pair": st.lists(texts, max_size=2) | anything,
        "table": st.dictionaries(texts, scalars, max_size=3) | anything,
        "animals": st.lists(animals, max_size=3),
        "tree": trees,
        "way": anything,
        "unknown": anything,
    },
)


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """The texts in a value, with their places."""
    if isinstance(value, str):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def names_file(path: KeyPath, table: Any) -> bool:
    """By the model above."""
    match path:
        case ("file" | "either" | "before",) | ("files", int()) | ("pair", 1) | ("table", str()) | ("way", *_):
            return True
        case ("animals", int(number), "picture" | "name" as key):
            return (table["animals"][number]["kind"], key) in (("cat", "picture"), ("dog", "name"))
        case ("tree", *rest):
            return rest[-1] == "file" and all(key == "below" for key in rest[:-1:2])
    return False


@given(tables)
def test_what_names_files_knows_its_base(table):
    """Nothing else is changed, and what was given stays as it was."""
    before = copy.deepcopy(table)
    found = located(LayerTable("test", table), SHAPE, BASE).table
    assert found == table == before
    assert all(type(text) is str for _, text in leaves(table))
    for path, text in leaves(found):
        expected = names_file(path, table)
        assert isinstance(text, Located) == expected, path
        assert getattr(text, "base", BASE) == BASE


@given(anything)
def test_of_a_model_without_files_nothing_is_copied(value):
    """The layer is the same object."""
    layer = LayerTable("test", {"file": "x", "free": value})
    assert located(layer, shape_of(Schema(Plain)), BASE) is layer


def test_it_is_a_text():
    """Equal, of the same hash, and so in copies and pickles; what a validator makes of it has no base."""
    text = Located("x", "/etc")
    assert (text, hash(text), str(Path(text))) == ("x", hash("x"), "x")
    for other in (copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (other, other.base) == ("x", "/etc")
    assert type(text.strip()) is str
