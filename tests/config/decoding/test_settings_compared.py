"""Our decoder, and pydantic-settings' source of environment variables, on the same fields."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from hotconf import Schema
from hotconf.config.decoding.decode import decode
from hotconf.config.merge import merge
from hotconf.config.shape import shape_of
from hotconf.sources.env import Env
from torture.extent import FULL


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    size: int = 0
    name: str = ""
    tags: list[str] = []


class Outer(BaseModel):
    inner: Inner = Inner()
    ratio: float = 0.0
    flag: bool | None = None


WORDS = ["", "a", "5", "-1", "1.5", "true", "null", "red", "2026-11-30", "x y", "[", "{", "a,b"]
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([[], ["a"], ["1"], {}, {"size": 3}, {"size": "x"}, {"inner": {"name": "n"}}, {"a": 1}]).map(
        json.dumps
    ),
)
TYPES: dict[str, Any] = {
    "text": str,
    "number": int,
    "ratio": float,
    "flag": bool,
    "maybe": int | None,
    "day": date,
    "price": Decimal,
    "color": Color,
    "mode": Literal["a", "b"],
    "secret": SecretStr,
    "tags": list[str],
    "numbers": tuple[int, ...],
    "unique": set[int],
    "table": dict[str, int],
    "texts": dict[str, str],
    "inner": Inner,
    "outer": Outer,
    "maybe_inner": Inner | None,
}
BELOW = [
    "",
    "",
    "__SIZE",
    "__NAME",
    "__TAGS",
    "__INNER",
    "__INNER__SIZE",
    "__INNER__TAGS",
    "__FLAG",
    "__RATIO",
    "__A",
]


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, str]]:
    """Fields, and variables for some of them, in any case."""
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=4, unique=True))
    fields: dict[str, Any] = {}
    for name in names:
        alias = AliasChoices(name, f"other_{name}") if draw(st.integers(0, 3)) == 0 else None
        kind = TYPES[name]
        required = draw(st.integers(0, 4)) == 0
        made: Any = Field(validation_alias=alias) if required else Field(None, validation_alias=alias)
        fields[name] = (kind if required else kind | None, made)
    variables: dict[str, str] = {}
    for name in names:
        for below in draw(st.lists(st.sampled_from(BELOW), max_size=2, unique=True)):
            other = fields[name][1].validation_alias is not None and draw(st.booleans())
            key = f"{'other_' if other else ''}{name}{below}"
            variables[key.upper() if draw(st.booleans()) else key] = draw(TEXTS)
    return fields, variables


def ours(fields: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The values as our layer makes them, if the model takes them; and what was wrong."""
    model: Any = create_model("Ours", **fields)
    table = decode(Env("").read(), shape_of(Schema(model)))
    wrong = [str(each) for each in table.problems]
    try:
        return model.model_validate(merge([table]).table).model_dump(), wrong
    except ValidationError as error:
        return None, [*wrong, str(error)]


def theirs(fields: Mapping[str, Any]) -> Any:
    """The values as pydantic-settings makes them."""
    config = SettingsConfigDict(env_nested_delimiter="__", extra="ignore")
    model: Any = create_model("Theirs", __base__=(type("Base", (BaseSettings,), {"model_config": config}),), **fields)
    try:
        return model().model_dump()
    except (ValidationError, SettingsError):
        return None


@settings(max_examples=2000 if FULL else 100, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_what_pydantic_settings_makes_of_an_environment_we_make_of_it(
    case: tuple[dict[str, Any], dict[str, str]],
) -> None:
    """On purpose different: two spellings of one key are refused, and a key that no field has is no value."""
    fields, variables = case
    with mock.patch.dict(os.environ, variables, clear=True):
        (found, wrong), expected = ours(fields), theirs(fields)
    twice = any("Key given twice" in line for line in wrong)
    unknown = any("Unknown key" in line or "one by one" in line for line in wrong)
    if twice or unknown:
        return
    if expected is None or wrong:
        assert (found is None or bool(wrong)) == (expected is None), (variables, wrong, expected)
    else:
        assert found == expected, variables
