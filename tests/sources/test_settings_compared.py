"""`BaseSettings` classes as models, against the same class with the file's table as its last source.

Models, environments, `.env` files, secrets and files are drawn; what one accepts the other does, with equal values.
"""

from __future__ import annotations

import json
import os
import warnings
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional
from unittest import mock

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from hotconf.engine.candidate import Valid
from hotconf.runtime.load import load
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.sources.layers import declared_layers
from torture.extent import examples


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Deep(BaseModel):
    x: int = 0
    tags: list[str] = []
    Upper: str = ""


class Sub(BaseModel):
    a: int = 0
    b: str = ""
    deep: Deep = Deep()
    al: int = Field(0, validation_alias="ALIASED")
    maybe: int | None = None


class Db(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="db_", env_nested_delimiter="__", env_file="db.env", extra="ignore")

    host: str = "none"
    pool: int = 1
    sub: Sub = Sub()


class Wrapped(BaseModel):
    db: Db = Field(default_factory=Db)


def split(text: object) -> object:
    """What `NoDecode` leaves to the model."""
    return text.split(",") if isinstance(text, str) else text


ALONE: dict[str, tuple[Any, Any]] = {
    "maybe_db": (Db | None, None),
    "db_or": (Db | int, 0),
    "dbs": (list[Db], []),
    "db_by": (dict[str, Db], {}),
    "pairs": (tuple[Db, int] | None, None),
    "db_made": (Db, Field(default_factory=lambda: Db(pool=3))),
    "optional_db": (Optional[Db], Field(default_factory=Db)),  # noqa: UP045
    "wrapped": (list[Wrapped], []),
}
"""Classes that read their own sources when they are made."""
FIELDS: dict[str, tuple[Any, Any]] = {
    "port": (int, 1),
    "need": (int, ...),
    "ratio": (float, 1.5),
    "name": (str, "x"),
    "flag": (bool, False),
    "opt": (int | None, None),
    "items": (list[int], []),
    "table": (dict[str, str], {}),
    "tables": (dict[str, Sub], {}),
    "color": (Color, Color.RED),
    "day": (date, date(2020, 1, 1)),
    "secret": (SecretStr, SecretStr("s")),
    "mixed": (int | list[str] | str, 0),
    "either": (Sub | int, 0),
    "sub": (Sub, Sub(a=5, b="y")),
    "maybe_sub": (Sub | None, None),
    "need_sub": (Sub, ...),
    "db": (Db, Field(default_factory=Db)),
    **ALONE,
    "aliased": (int, Field(3, validation_alias="ALI")),
    "chosen": (int, Field(4, validation_alias=AliasChoices("c1", "c2"))),
    "picked": (int, Field(5, validation_alias=AliasChoices(AliasPath("p", 0), "q"))),
    "listed": (Annotated[list[str], NoDecode, BeforeValidator(split)], []),
    "Mixed_Case": (int, 6),
}
NAMES = {"aliased": ("ALI",), "chosen": ("c1", "c2"), "picked": ("p", "q")}
INNER = (
    "a",
    "b",
    "deep__x",
    "deep__tags",
    "deep",
    "deep__Upper",
    "ALIASED",
    "al",
    "maybe",
    "key",
    "key__a",
    "zz",
    "host",
    "pool",
)
TEXTS = (
    *(
        "",
        "1",
        "7",
        "x",
        "null",
        "true",
        "2.5",
        "red",
        "BLUE",
        "2021-02-03",
        "a,b",
        "[1, 2]",
        '["a"]',
        "[]",
        "{}",
        "[1",
    ),
    *('{"a": 1}', '{"a": "x", "b": 2}', '{"deep": {"x": 3}}', '{"key": "v"}', '{"key": {"a": 2}}', '{"a"', " 5 "),
    *('[{"host": "env"}]', '{"host": "env"}', '{"one": {"pool": 3}}'),
)
VALUES: tuple[Any, ...] = (
    *(1, 7, "x", True, 2.5, "red", "2021-02-03", [1, 2], ["a"], [], {}, {"a": 1}, {"a": 2, "b": "y"}),
    *({"deep": {"x": 3, "tags": ["t"]}}, {"key": "v"}, {"key": {"a": 2}}, {"host": "file", "pool": 9}),
    *([{"host": "file"}, {"pool": 2}], {"one": {"host": "file"}}, [{"host": "file"}, 3], [{"db": {"pool": 4}}]),
)


@st.composite
def classes(draw: st.DrawFn) -> type[BaseSettings]:
    """A class with some fields, and any configuration."""
    names = draw(st.lists(st.sampled_from([*FIELDS]), min_size=1, max_size=5, unique=True))
    config = SettingsConfigDict(
        env_prefix=draw(st.sampled_from(["", "app_", "APP_"])),
        env_nested_delimiter=draw(st.sampled_from([None, "__", "__", "_"])),
        env_nested_max_split=draw(st.sampled_from([None, None, 1, 2])),
        case_sensitive=draw(st.booleans()),
        env_ignore_empty=draw(st.booleans()),
        nested_model_default_partial_update=draw(st.sampled_from([False, False, True])),
        env_parse_none_str=draw(st.sampled_from([None, "null"])),
        extra=draw(st.sampled_from(["forbid", "ignore", "ignore", "allow"])),
        env_file=".env",
        secrets_dir="secrets",
    )
    base = type("Base", (BaseSettings,), {"model_config": config, "__module__": __name__})
    return create_model("Drawn", __base__=base, **{name: FIELDS[name] for name in names})  # type: ignore[call-overload]


def variables(cls: type[BaseSettings]) -> st.SearchStrategy[dict[str, str]]:
    """Names that may be those of its fields, in any case, with any text."""
    prefix = cls.model_config["env_prefix"]
    delimiter = cls.model_config["env_nested_delimiter"] or "__"
    # An alias has no prefix. With one, in `.env`, it is an extra key to the class, and to us a spelling of the field.
    known = [
        f"{begin}{key}"
        for field in cls.model_fields
        for key in NAMES.get(field, (field,))
        for begin in ([""] if field in NAMES else [prefix, prefix.upper(), ""])
    ]
    deep = [f"{name}{delimiter}{inner.replace('__', delimiter)}" for name in known for inner in INNER]
    own = ["db_host", "DB_POOL", "db_sub", "db_sub__a", "DB_SUB__DEEP__X"]
    name = st.sampled_from(known) | st.sampled_from(deep) | st.sampled_from([*own, "other", f"{prefix}other", "PATH"])
    cased = st.tuples(name, st.booleans()).map(lambda pair: pair[0].upper() if pair[1] else pair[0])
    return st.dictionaries(cased, st.sampled_from(TEXTS), max_size=3)


def tables(cls: type[BaseSettings]) -> st.SearchStrategy[dict[str, Any]]:
    """What a file may say of its fields."""
    keys = [NAMES.get(field, (field,))[0] for field in cls.model_fields]
    return st.dictionaries(st.sampled_from([*keys, *keys, "extra"]), st.sampled_from(VALUES), max_size=3)


def oracle(cls: type[BaseSettings], table: dict[str, Any]) -> dict[str, Any] | None:
    """What the class makes of its sources and the table; None if it refuses."""

    def last() -> dict[str, Any]:
        if "db" not in cls.model_fields:
            return table
        db = Db._settings_build_values(*Db._settings_init_sources())
        given = table.get("db", {})
        return (
            {**table, "db": laid(given, db)}
            if db and isinstance(given, dict)
            else {**table, **({"db": db} if db else {})}
        )

    class Theirs(cls):  # type: ignore[misc, valid-type]
        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **given: Any) -> Any:
            return (*given.values(), last)

    try:
        return Theirs().model_dump()
    except (ValidationError, SettingsError):
        return None


def laid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """One table over the other."""
    both = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], dict) and isinstance(over[key], dict):
            both[key] = laid(under[key], over[key])
    return both


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for all examples."""
    home = tmp_path_factory.mktemp("compared")
    (home / "secrets").mkdir()
    return home


@settings(
    max_examples=examples(2000, 100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_class_loads_as_it_would_by_itself(
    data: st.DataObject, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the files as its last source; a nested class's own sources lie between these and the root's."""
    cls = data.draw(classes())
    environ, dotenv, secrets, db = (data.draw(variables(cls)) for _ in range(4))
    table = data.draw(tables(cls))
    monkeypatch.chdir(home)
    for path in (home / "secrets").iterdir():
        path.unlink()
    for name, text in secrets.items():
        (home / "secrets" / name).write_text(f"{text}\n")
    (home / ".env").write_text("".join(f"{name}='{text}'\n" for name, text in dotenv.items()))
    (home / "db.env").write_text("".join(f"{name}='{text}'\n" for name, text in db.items()))
    (home / "config.json").write_text(json.dumps(table))
    with mock.patch.dict(os.environ, environ, clear=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = oracle(cls, table)
        schema = Schema(cls)
        options = Options(home / "config.json", schema, allow_empty=True, layers=declared_layers(schema))
        candidate = load(options).candidate
    found = candidate.config.model_dump() if isinstance(candidate, Valid) else None
    event("valid" if found is not None else "refused")
    event(f"values from outside: {sum(map(bool, (environ, dotenv, secrets, table)))}")
    assert found == expected, getattr(candidate, "problems", "")
