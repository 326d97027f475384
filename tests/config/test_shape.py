from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    InstanceOf,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    Tag,
    TypeAdapter,
    WrapValidator,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from hotconf.config.redaction.secret_values import secrets_of
from hotconf.config.reload_settings import settings_of, settings_path
from hotconf.config.shape import Shape, shape_of
from hotconf.formats.base import Document
from hotconf.formats.toml.format import TOML
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Point(TypedDict):
    x: int


@dataclass
class Line:
    start: Point
    end: Point


class Color(Enum):
    RED = "red"
    TWO = 2


def of(model: Any) -> Shape:
    """The shape of any type."""
    return shape_of(Schema(TypeAdapter(model)))


def test_the_keys_of_a_model_are_its_fields() -> None:
    """And an unknown key is ignored unless the model says otherwise."""
    assert dict(of(Cat).keys) == {"kind": "kind", "lives": "lives"}
    assert of(Cat).extras == "ignore"
    assert not of(Cat).free


@pytest.mark.parametrize("policy", ["ignore", "forbid", "allow"])
def test_the_policy_for_other_keys_is_the_models(policy: Any) -> None:
    """ignore, forbid and allow."""

    class Model(BaseModel):
        model_config = ConfigDict(extra=policy)
        a: int

    assert of(Model).extras == policy


def test_a_function_that_sees_the_table_first_may_use_other_keys() -> None:
    """So they are not known to be without effect."""

    class Model(BaseModel):
        a: int

        @model_validator(mode="before")
        @classmethod
        def read(cls, value: Any) -> Any:
            return value

    class Outer(BaseModel):
        inner: Cat
        model: Model
        wrapped: Annotated[Cat, WrapValidator(lambda value, handler: handler(value))]

    assert of(Model).extras == "preprocessed"
    assert of(Outer).extras == "ignore"
    assert of(Outer).child("inner").extras == "ignore"
    assert of(Outer).child("wrapped").extras == "preprocessed"
    assert dict(of(Outer).child("wrapped").keys) == dict(of(Cat).keys)


def test_validators_after_the_fact_change_nothing() -> None:
    """They see the model, not the table."""

    class Model(BaseModel):
        a: Cat

        @field_validator("a")
        @classmethod
        def one(cls, value: Cat) -> Cat:
            return value

        @model_validator(mode="after")
        def two(self) -> "Model":
            return self

    assert of(Model).extras == "ignore"
    assert dict(of(Model).child("a").keys) == dict(of(Cat).keys)


def test_aliases_are_the_keys_that_documents_use() -> None:
    """Plain aliases, choices, paths of which the first key counts, and names too where the model takes them."""

    class ByAlias(BaseModel):
        a: int = Field(alias="A")
        b: int = Field(validation_alias=AliasChoices("b1", "b2", AliasPath("deep", 0, "b")))
        c: int = Field(serialization_alias="never")

    class ByBoth(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        a: int = Field(alias="A")

    assert dict(of(ByAlias).keys) == {"A": "a", "b1": "b", "b2": "b", "deep": "b", "c": "c"}
    assert of(ByAlias).child("deep").free

    class ByName(BaseModel):
        model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
        a: int = Field(alias="A")

    assert dict(of(ByBoth).keys) == {"A": "a", "a": "a"}
    assert dict(of(ByName).keys) == {"a": "a"}


def test_values_of_free_tables_have_a_shape() -> None:
    """Their keys are data, their values are not."""
    for table in (dict[str, Cat], Mapping[str, Cat], RootModel[dict[str, Cat]]):
        assert of(table).extras is None
        assert not of(table).free
        assert "lives" in of(table).child("any key").keys


def test_items_of_arrays_have_a_shape() -> None:
    """Lists, sequences, sets, and tuples by position."""
    for array in (list[Cat], Sequence[Cat], tuple[Cat, ...], set[Cat], tuple[Cat, int], list[Cat] | None):
        assert "lives" in of(array).child(0).keys
    assert "tricks" in of(tuple[Cat, Dog]).child(1).keys
    assert of(tuple[Cat, Dog]).child(2).free


def test_typed_dicts_and_dataclasses_are_tables_of_fields() -> None:
    """As models are."""
    assert dict(of(Line).keys) == {"start": "start", "end": "end"}
    assert dict(of(Line).child("start").keys) == {"x": "x"}


def test_a_union_accepts_what_any_member_does() -> None:
    """Keys, choices and the most lenient policy; a free table beside a model makes every key data."""

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        only: int

    assert set(of(Cat | Strict | None).keys) == {"kind", "lives", "only"}
    assert of(Cat | Strict).extras == "ignore"
    assert of(Cat | dict[str, int]).extras is None
    assert of(Cat | int).union
    assert not of(Cat | None).union
    assert of(Literal["a", "b"] | Color | None).allowed == ("a", "b", "red", 2)


def test_a_tagged_union_is_narrowed_by_its_tag() -> None:
    """The tag that stands in the table decides which keys are known; without one all members' are."""
    animal = of(Annotated[Cat | Dog, Field(discriminator="kind")])
    assert set(animal.keys) == {"kind", "lives", "tricks"}
    assert set(animal.narrowed({"kind": "dog"}).keys) == {"kind", "tricks"}
    assert animal.narrowed({"kind": "cow"}) is animal
    assert animal.narrowed({"kind": []}) is animal
    assert animal.narrowed(3) is animal
    assert animal.discriminators == ("kind",)


def test_the_tag_is_found_under_its_alias() -> None:
    """Where a function finds it, nothing is narrowed by mistake."""

    class One(BaseModel):
        kind: Literal["one"] = Field(alias="type")

    class Two(BaseModel):
        kind: Literal["two"] = Field(alias="type")
        more: int = 1

    aliased = of(Annotated[One | Two, Field(discriminator="kind")])
    assert aliased.discriminators == ("type",)
    assert "more" not in aliased.narrowed({"type": "one"}).keys
    called = of(Annotated[Annotated[Cat, Tag("c")] | Annotated[Dog, Tag("d")], Discriminator(lambda _: "c")])
    assert called.discriminators == ()
    assert called.narrowed({"kind": "dog"}) is called


def test_recursive_models_end() -> None:
    """A shape is worked out only as deep as it is asked for, and each place once."""
    node = of(Node)
    deep = node
    for _ in range(100):
        deep = deep.child("children").child(0)
    assert set(deep.keys) == {"name", "children"}
    assert deep is node.child("children").child(0)
    assert set(of(Node | Annotated[Node, Field(description="again")]).keys) == {"name", "children"}


class Opaque:
    pass


@pytest.mark.parametrize("anything", [Any, object, dict, InstanceOf[Mapping], InstanceOf[Opaque]])
def test_what_is_not_understood_is_free(anything: Any) -> None:
    """Of it, no key is unknown, and neither of what stands below."""
    shape = of(anything)
    assert shape.extras is None
    assert shape.child("a").free
    assert shape.child("a").child(0).free


@pytest.mark.parametrize("secret", [SecretStr, SecretBytes, Secret[int], SecretStr | None, SecretStr | int])
def test_secret_types_are_known(secret: Any) -> None:
    """Whatever the key is called."""

    class Model(BaseModel):
        pin: secret

    assert of(Model).child("pin").secret
    assert not of(Model).secret


def test_a_model_that_is_not_defined_yet_is_free() -> None:
    """Using it fails with pydantic's own words, later."""

    class Unfinished(BaseModel):
        x: "NotThere"  # type: ignore[name-defined] # noqa: F821

    assert of(Unfinished).free
    assert settings_path(Schema(Unfinished)) is None


def test_a_model_whose_building_is_put_off_is_known() -> None:
    """Looking builds it."""

    class Deferred(BaseModel):
        model_config = ConfigDict(defer_build=True)
        x: int

    assert set(of(Deferred).keys) == {"x"}


def test_the_shape_of_a_schema_is_worked_out_once() -> None:
    """It is remembered for as long as the schema's adapter lives."""
    schema = Schema(Cat)
    assert shape_of(schema) is shape_of(schema)
    assert shape_of(Schema.of(schema)) is shape_of(schema)


class Follows(BaseModel):
    hot_reload: HotReloadSettings = HotReloadSettings(debounce_ms=500)


class Tuned(HotReloadSettings):
    extra_field: int = 1


class Aliased(BaseModel):
    hot_reload: Tuned | None = Field(None, alias="hotReload")


class Other(BaseModel):
    hot_reload: dict[str, int] = {}


def test_settings_are_found_by_name_and_type() -> None:
    """The field `hot_reload`, under its alias, if it holds `HotReloadSettings` or a subclass; else there are none."""
    assert settings_path(Schema(Follows)) == ("hot_reload",)
    assert settings_path(Schema(Aliased)) == ("hotReload",)
    assert settings_path(Schema(Other)) is None
    assert settings_path(Schema(Cat)) is None
    assert settings_path(Schema(TypeAdapter(dict[str, int]))) is None


def test_settings_are_read_from_a_table_that_was_not_validated() -> None:
    """As they stand, of the field's own type."""
    given = {"enabled": False, "debounce_ms": 300, "watch_paths": ["a.toml"]}
    settings = settings_of(Schema(Follows), {"hot_reload": given, "junk": object()})
    assert settings == HotReloadSettings(enabled=False, debounce_ms=300, watch_paths=("a.toml",))
    assert isinstance(settings_of(Schema(Aliased), {"hotReload": {}}), Tuned)


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({"enabled": "no", "debounce_ms": 300}, HotReloadSettings(debounce_ms=300)),
        ({"debounce_ms": 300, "watch_paths": "a"}, HotReloadSettings(debounce_ms=300)),
        ({"watch_paths": ["a", 3], "enabled": False}, HotReloadSettings(enabled=False)),
        ({"debounce_ms": 50, "watch_paths": ["a"]}, HotReloadSettings(watch_paths=("a",))),
        ({"debounce_ms": 10**30}, HotReloadSettings()),
        ({"debounce_ms": 1, "enabled": 1, "unknown": 1}, HotReloadSettings()),
        ({}, HotReloadSettings()),
    ],
)
def test_malformed_settings_fall_back_field_by_field(given: dict[str, Any], settings: HotReloadSettings) -> None:
    """What is wrong counts as absent, what is right still counts."""
    assert settings_of(Schema(Follows), {"hot_reload": given}) == settings


def test_absent_settings_are_the_fields_default() -> None:
    """As a config that is loaded would have them; the usual defaults where the field has none of its own."""
    assert settings_of(Schema(Follows), {}).debounce_ms == 500
    assert settings_of(Schema(Follows), {"hot_reload": 3}).debounce_ms == 500
    assert settings_of(Schema(Aliased), {}) == HotReloadSettings()
    assert settings_of(Schema(Cat), {"hot_reload": {"debounce_ms": 300}}) == HotReloadSettings()


def test_a_limit_that_a_subclass_renames_falls_back_as_a_whole() -> None:
    """The key to leave out is not known."""

    class Renamed(HotReloadSettings):
        debounce_ms: int = Field(2000, alias="window")

    class Model(BaseModel):
        hot_reload: Renamed

    assert settings_of(Schema(Model), {"hot_reload": {"window": 300}}).debounce_ms == 300
    assert settings_of(Schema(Model), {"hot_reload": {"window": 3}}).debounce_ms == 2000


def test_a_validator_of_a_subclass_that_breaks_is_survived() -> None:
    """Tolerant reading never raises."""

    class Broken(HotReloadSettings):
        @model_validator(mode="before")
        @classmethod
        def read(cls, value: Any) -> Any:
            raise RuntimeError("broken")

    class Model(BaseModel):
        hot_reload: Broken

    assert settings_of(Schema(Model), {"hot_reload": {"debounce_ms": 300}}) == HotReloadSettings()


def test_only_the_secrets_in_the_default_of_a_table_are_secret() -> None:
    """A table with a secret in it holds ordinary values as well, which messages may show."""

    class Database(BaseModel):
        host: str = "dbhost"
        most: int = 10
        token: SecretStr = SecretStr("hunter22")

    class App(BaseModel):
        database: Database = Database()

    empty = Document(Path("config.toml"), "", {}, TOML)
    assert secrets_of(shape_of(Schema(App)), [empty]) == {"hunter22"}
