"""The environment variables of a model: what is listed is what is read."""

from __future__ import annotations

import io
import json
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, create_model
from pydantic_settings import BaseSettings

from hotconf import DotEnv, HotReloadWatcher, Schema
from hotconf.cli.env import naming_of
from hotconf.config.decoding.names import At, find
from hotconf.config.layers import TextTable
from hotconf.config.shape import shape_of
from hotconf.report.variables import Naming, Variable, as_dotenv, as_json, as_text, variables

SECRET = "hunter2-hunter2"


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Server(BaseModel, frozen=True):
    host: str = Field("local host", description="Where it listens.\nMore of it.")
    port: int = 8000
    """The port."""


class App(BaseModel, frozen=True):
    server: Server = Server(port=9000)
    colour: Colour = Colour.RED
    mode: Literal["a", "b"] = "a"
    tags: tuple[str, ...] = ("x y", "it's")
    labels: dict[str, int] = {"a": 1}
    day: date | None = None
    both: int | str = 3
    ratio: float = 0.5
    many: tuple[Server, ...] = ()
    password: SecretStr = SecretStr(SECRET)
    token: str = SECRET
    needed: int


def listed(model: Any, naming: Naming = Naming("APP_")) -> dict[str, Variable]:  # noqa: B008 - it is frozen
    """By name."""
    return {each.name: each for each in variables(Schema(model), naming)}


def test_names_types_and_defaults_are_those_of_the_model() -> None:
    """In the order of the fields; a table's own default counts."""
    found = listed(App)
    assert [(each.name, each.type, each.default) for each in found.values()] == [
        ("APP_SERVER__HOST", "text", "local host"),
        ("APP_SERVER__PORT", "integer", 9000),
        ("APP_COLOUR", "red | green", "red"),
        ("APP_MODE", "a | b", "a"),
        ("APP_TAGS", "JSON array", ["x y", "it's"]),
        ("APP_LABELS", "JSON table", {"a": 1}),
        ("APP_DAY", "date", None),
        ("APP_BOTH", "integer | text", 3),
        ("APP_RATIO", "number", 0.5),
        ("APP_MANY", "JSON array", []),
        ("APP_PASSWORD", "text", None),
        ("APP_TOKEN", "text", None),
        ("APP_NEEDED", "integer", None),
    ]
    assert [name for name, each in found.items() if each.required] == ["APP_NEEDED"]
    assert [name for name, each in found.items() if each.secret] == ["APP_PASSWORD", "APP_TOKEN"]
    assert found["APP_SERVER__PORT"].description == "The port."


def test_lines_are_aligned_and_show_no_secret() -> None:
    """Of a description the first line."""
    found = list(listed(App).values())
    lines = as_text(found).splitlines()
    assert lines[0] == "APP_SERVER__HOST  text            local host       Where it listens."
    assert lines[-1].split() == ["APP_NEEDED", "integer", "(required)"]
    assert lines[-2].split() == ["APP_TOKEN", "text", "(secret)"]
    assert SECRET not in as_text(found) + json.dumps(as_json(found)) + as_dotenv(found)
    assert as_text([]) == ""


def test_columns_stay_columns_however_long_a_type_is() -> None:
    """In a pipe they are as wide as that; on a terminal the type is cut."""
    levels = " | ".join(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
    found = [
        Variable("LEVEL", ("level",), levels, "INFO", False, False, "How much."),
        Variable("PORT", ("port",), "integer", 1, False, False, "Where."),
    ]
    for shorten in (False, True):
        level, port = as_text(found, shorten=shorten).splitlines()
        assert level.index("How much.") == port.index("Where.")
        assert (levels in level, "…" in level) == (not shorten, shorten)


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        (Naming(), "SERVER__PORT"),
        (Naming("app_", "___"), "APP_SERVER___PORT"),
        (Naming("app_", case_sensitive=True), "app_server__port"),
    ],
)
def test_each_name_is_read_as_the_key_it_is_listed_for(naming: Naming, name: str) -> None:
    """Whatever the prefix, the delimiter and the case."""
    found = listed(App, naming)
    assert name in found
    for each, variable in found.items():
        rest = each[len(naming.prefix) :]
        table = TextTable("x", {}, naming.prefix, naming.nested, naming.case_sensitive)
        at = find(rest, shape_of(Schema(App)), table)
        assert isinstance(at, At)
        assert at.path == variable.path


def test_without_a_delimiter_tables_are_json() -> None:
    """Only keys of the root can be set."""
    found = listed(App, Naming("APP_", None))
    assert found["APP_SERVER"].type == "JSON table"
    assert "APP_SERVER__PORT" not in found


def test_the_file_with_its_comments_taken_away_is_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads back; what has no default is empty, and is left out here."""
    monkeypatch.chdir(tmp_path)
    lines = [line[2:] for line in as_dotenv(listed(App).values()).splitlines() if line.startswith("# APP_")]
    given = [line for line in lines if not line.endswith("=")]
    assert len(given) == 9
    (tmp_path / ".env").write_text("\n".join([*given, "APP_NEEDED=1"]))
    (tmp_path / "config.toml").write_text("# nothing\n")
    with HotReloadWatcher("config.toml", App, layers=[DotEnv(".env", "APP_")]) as watcher:
        assert watcher.config == App(needed=1, both="3")  # text, because the model takes text
        assert watcher.warnings == ()


@settings(max_examples=50)
@given(st.text(), st.lists(st.text(), max_size=2))
def test_any_default_reads_back(text: str, items: list[str]) -> None:
    """As python-dotenv reads it; the file is only comments."""
    model = create_model("Model", text=(str, text), items=(list[str], items))
    found = variables(Schema(model), Naming())
    file = as_dotenv(found)
    assert all(not line or line.startswith("#") for line in file.split("\n"))
    given = "\n".join(line[2:] for line in file.split("\n") if line.startswith(("# TEXT=", "# ITEMS=")))
    read = dotenv_values(stream=io.StringIO(given), interpolate=False)
    shown = {each.name: each.default for each in found}
    if shown["TEXT"] is not None:
        assert read["TEXT"] == text
    if shown["ITEMS"] is not None:
        assert json.loads(read["ITEMS"] or "") == items


def test_recursive_models_end() -> None:
    """At some depth."""

    class Node(BaseModel):
        name: str = ""
        below: Node | None = None

    assert 2 < len(listed(Node)) < 100


def test_a_settings_class_says_how_they_are_called() -> None:
    """Prefix, delimiter, case, and aliases, which have no prefix; options are stronger."""

    class Settings(BaseSettings, env_prefix="my_", env_nested_delimiter="."):
        server: Server = Server()
        other: int = Field(1, alias="THE_OTHER")

    schema = Schema(Settings)
    assert list(listed(Settings, naming_of(schema, None, None))) == ["MY_SERVER.HOST", "MY_SERVER.PORT", "THE_OTHER"]
    assert next(iter(listed(Settings, naming_of(schema, "X_", "__")))) == "X_SERVER__HOST"
    assert naming_of(Schema(App), None, None) == Naming()
    assert naming_of(Schema(App), "A_", "").nested is None
