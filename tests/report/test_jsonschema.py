"""The JSON Schema: what the model says, in the terms of TOML, without secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, Field, Secret, SecretStr, create_model
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from hotconf.config.shape import shape_of
from hotconf.report.jsonschema import json_schema
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.speckit import SPECKIT


def made(model: Any, **options: Any) -> dict[str, Any]:
    """The schema of `model`, read again."""
    text = json_schema(Schema(model, **options))
    assert text.isascii()
    return json.loads(text)


def speckit() -> dict[str, Any]:
    """That of the built-in schema."""
    return json.loads(json_schema(SPECKIT))


def tables(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of each table, by the table's name; the root is ""."""
    named = {"": schema, **schema["$defs"]}
    return {name: node["properties"] for name, node in named.items()}


def test_every_key_of_the_built_in_schema_is_explained():
    """Each has a description, and so has each table."""
    schema = speckit()
    assert len(tables(schema)) == 10
    for name, properties in tables(schema).items():
        assert (schema["$defs"][name] if name else schema)["description"]
        for key, node in properties.items():
            assert node.get("description"), f"{name}.{key}"


def test_every_key_that_the_model_takes_is_listed_in_both_spellings():
    """And none that it does not take, but the tables of other parts."""
    properties = set(speckit()["properties"])
    keys = set(shape_of(SPECKIT).keys)
    assert keys | {key.replace("_", "-") for key in keys} <= properties
    assert "mcp_servers" in properties - keys


def test_limits_of_checks_are_in_it():
    """What the model leaves to a check, because of the wording."""
    found = tables(speckit())
    window, size = found["HotReloadSettings"]["debounce_ms"], found["Evidence"]["max_size_mb"]
    assert (window["minimum"], window["maximum"], window["default"]) == (100, 60000, 2000)
    assert (size["minimum"], size["maximum"], size["default"]) == (1, 1000, 25)


def test_nothing_is_null_and_no_title_repeats_a_key():
    """TOML has no null; what may be left out is not required."""
    text = json_schema(SPECKIT)
    assert "null" not in text
    assert all("title" not in node for properties in tables(speckit()).values() for node in properties.values())
    assert speckit()["properties"]["profile"]["type"] == "string"


class Base(BaseModel):
    """What all have."""

    inherited: int = 0
    """From the base."""


class Own(Base):
    """A user's model."""

    model_config = ConfigDict(extra="forbid")

    port: int = Field(default=80, description="Said by Field.", ge=1)
    """Not said."""
    mode: Literal["a", "b"]
    """Which

    of two.
    """
    plain: str = "x"
    alias: str = Field(default="y", validation_alias="other-name")
    """By another name."""
    anything: Any = None
    properties: dict[str, int] = {}
    """A key that means something in JSON Schema."""


def test_docstrings_of_fields_describe_them():
    """Those of bases, too; `Field` is stronger; nothing is made up."""
    properties = made(Own)["properties"]
    said = {key: node.get("description") for key, node in properties.items()}
    assert said == {
        "inherited": "From the base.",
        "port": "Said by Field.",
        "mode": "Which\n\nof two.",
        "plain": None,
        "other-name": "By another name.",
        "anything": None,
        "properties": "A key that means something in JSON Schema.",
    }


def test_models_say_what_becomes_of_other_keys():
    """Forbidden, allowed, or (ignored, which is a warning) left open."""

    class Allows(BaseModel):
        model_config = ConfigDict(extra="allow")

    class Ignores(BaseModel):
        pass

    assert made(Own)["additionalProperties"] is False
    assert made(Allows)["additionalProperties"] is True
    assert "additionalProperties" not in made(Ignores)


def test_without_kebab_there_is_one_spelling():
    """The model's."""

    class Two(BaseModel):
        two_words: int

    assert set(made(Two)["properties"]) == {"two_words"}
    kebab = made(Two, kebab=True)
    assert set(kebab["properties"]) == {"two_words", "two-words"}
    assert kebab["required"] == []
    assert {"if", "else"} <= kebab["allOf"][1].keys()


class Secretive(BaseModel):
    api_key: str = "hunter2-a"
    password: SecretStr = SecretStr("hunter2-b")
    url: str = "http://user:hunter2-c@host"
    nested: dict[str, str] = {"url": "http://user:hunter2-d@host", "token": "hunter2-e"}
    deep: dict[str, dict[str, str]] = {"a": {"token": "hunter2-f"}}
    env_key: str = "A_NAME"


def test_defaults_that_are_secret_are_left_out():
    """By key, by type, and in URLs; names of variables are no secrets."""
    text = json_schema(Schema(Secretive))
    assert "hunter2" not in text
    assert json.loads(text)["properties"]["env_key"]["default"] == "A_NAME"


class Typed(TypedDict):
    x_y: int


@pydantic_dataclass
class Data:
    x_y: int = 1
    """An x and a y."""


@dataclass
class Odd:
    pass


class Strange(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    odd: Odd = Odd()
    call: Annotated[Any, Field(default=print)]
    loop: list[Strange] = []
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.mark.parametrize("model", [Typed, Data, Strange, dict[str, int]])
@pytest.mark.parametrize("kebab", [False, True])
def test_any_model_has_a_schema(model, kebab):
    """What JSON Schema has no word for may be anything."""
    assert made(model, kebab=kebab)["$schema"].endswith("2020-12/schema")


def test_dataclasses_and_typed_dicts_are_tables_too():
    """With docstrings where there can be some."""
    assert made(Data)["properties"]["x_y"]["description"] == "An x and a y."
    assert set(made(Typed, kebab=True)["properties"]) == {"x_y", "x-y"}


class Seal(Enum):
    ONE = "S3cr3t-1"
    TWO = "S3cr3t-2"


class Pair(NamedTuple):
    name: str
    password: str = "S3cr3t-1"


class Sealed(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"pin": "S3cr3t-1"}]})

    pin: SecretStr = SecretStr("S3cr3t-1")


def _named(field: Any) -> Any:
    """The field, under another key."""
    kind, default = field
    return Annotated[kind, Field(alias="word")], default


URL = "postgres://bob:S3cr3t-1@db/x"
TOLD: dict[str, Any] = {
    "a default": lambda kind, value: (kind, value),
    "examples": lambda kind, value: (kind, Field(None, examples=[value])),
    "an extra": lambda kind, value: (kind, Field(None, json_schema_extra={"x-sample": [value]})),
    "a pattern": lambda kind, value: (kind, Field(None, json_schema_extra={"pattern": f"^{value}$"})),
    "a description": lambda kind, value: (kind, Field(value, description=f"Not {value}, please.")),
    "a choice": lambda kind, value: (Literal["x", value], "x"),
    "the only choice": lambda kind, value: (Literal[value], None),
    "a reference": lambda kind, value: (Seal, None),
    "references": lambda kind, value: (dict[str, list[Seal]], None),
}
PLACES: dict[str, Any] = {
    "a key": lambda kind, told: {"api_key": told(str, "S3cr3t-1")},
    "a name": lambda kind, told: {"password": _named(told(str, "S3cr3t-1"))},
    "a type": lambda kind, told: {"pin": told(SecretStr, "S3cr3t-1")},
    "another type": lambda kind, told: {"pin": told(Secret[str], "S3cr3t-1")},
    "a table": lambda kind, told: {"vault": told(dict[str, SecretStr], {"a": "S3cr3t-1"})},
    "keys": lambda kind, told: {"vault": told(dict[SecretStr, int], {"S3cr3t-1": 1})},
    "a model": lambda kind, told: {"inner": told(Sealed, {"pin": "S3cr3t-1"})},
    "a named tuple": lambda kind, told: {"pair": told(Pair, Pair("x"))},
    "a URL": lambda kind, told: {"url": told(str, URL)},
}
OF_TEXT = {"a pattern", "a choice", "the only choice", "a reference", "references"}
"""What only a field with plain text can have."""


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_given_away(place: str) -> None:
    """In each way in which a model may tell of a value, of each kind of secret."""
    plain = place in ("a key", "a URL", "a name")
    ways = [way for way in TOLD if (plain or way not in OF_TEXT) and not (place == "a URL" and "ref" in way)]
    models = [create_model(f"Telling{n}", **PLACES[place](str, TOLD[way])) for n, way in enumerate(ways)]
    schema = Schema(create_model("All", **{f"t{n}": (model, None) for n, model in enumerate(models)}), kebab=True)
    assert "S3cr3t" not in json_schema(schema)


def test_what_is_not_secret_stays() -> None:
    """Choices and examples of other keys, the structure of secret ones, and what is said of them."""

    class Plain(BaseModel):
        mode: Literal["low", "high"] = Field("low", examples=["high"])
        credentials: dict[str, Sealed] = {}
        """Whose they are."""

    properties = made(Plain)["properties"]
    assert properties["mode"] == {"default": "low", "enum": ["low", "high"], "examples": ["high"], "type": "string"}
    assert properties["credentials"] == {
        "additionalProperties": {"$ref": "#/$defs/Sealed"},
        "description": "Whose they are.",
        "type": "object",
        "writeOnly": True,
    }
