"""Which key a name stands for, and what its text says there."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    Secret,
    SecretStr,
    TypeAdapter,
    create_model,
)

from hotconf import Origin, Schema
from hotconf.config.decoding.decode import decode
from hotconf.config.decoding.names import adopted
from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.shape import shape_of
from hotconf.formats.base import MAX_DEPTH


class Knot(BaseModel):
    """Its names can be cut in many ways."""

    a: Knot | None = None
    a_a: Knot | None = None
    free: dict[str, Any] = {}


@pytest.mark.parametrize("name", ["", "A_" * 300 + "Z", "A_" * 60 + "Z", "FREE_" * 190, "X_" * 50_000, "_" * 900])
def test_names_of_any_length_and_depth(name: str) -> None:
    """They cost little, lead no deeper than a file may, and what is said of them is short."""
    layer = decode(
        TextTable("env", {name: ("1", Origin("env", f"$APP_{name}"))}, "APP_", "_"), shape_of(Schema(Knot))
    )
    assert all(len(path) <= MAX_DEPTH for path in layer.origins)
    assert all(len(str(problem)) < 500 for problem in layer.problems)
    assert layer.origins or layer.problems


class Level(enum.Enum):
    LOW = 1
    HIGH = "high"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Pool:
    size: int = 1


class Db(BaseModel):
    host: str = "h"
    port: int = 1
    pool: Pool = Pool()


class Left(BaseModel):
    kind: Literal["left"]
    size: int = 0


class Right(BaseModel):
    kind: Literal["right"]
    name: str = ""


def decoded(model: Any, texts: dict[str, str], prefix: str = "APP_", **options: Any) -> LayerTable:
    """What `decode` makes of variables with that prefix."""
    given = {name: (text, Origin("env", f"${prefix}{name}")) for name, text in texts.items()}
    return decode(TextTable("env", given, prefix, **options), shape_of(Schema(model)))


def one(kind: Any, text: str, *, strict: bool = False) -> Any:
    """The value of one field of that type, by the model; None if that refuses it."""
    made: Any = create_model("Made", x=(kind, ...), __config__=ConfigDict(strict=strict))
    table = decoded(made, {"X": text})
    assert not table.problems, table.problems
    return made.model_validate(table.table).x


SCALARS = [
    (str, "5", "5"),
    (str, "", ""),
    (str, '{"a": 1}', '{"a": 1}'),
    (int, "5", 5),
    (int, "1_000", 1000),
    (float, "1e3", 1000.0),
    (bool, "yes", True),
    (bool, "0", False),
    (date, "2026-11-30", date(2026, 11, 30)),
    (datetime, "2026-11-30T01:02:03Z", datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)),
    (time, "01:02", time(1, 2)),
    (timedelta, "PT5S", timedelta(seconds=5)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    (bytes, "ab", b"ab"),
    (int | None, "5", 5),
    (int | float, "5", 5),
    (int | float, "5.5", 5.5),
    (int | str, "5", "5"),
    (Literal["a", 1, True], "1", 1),
    (Literal["a", 1], "a", "a"),
    (Level, "1", Level.LOW),
    (Level, "high", Level.HIGH),
    (Any, "[1]", "[1]"),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("kind", "text", "value"), SCALARS)
def test_scalars_are_read_as_text_is_read_in_lax_mode(kind: Any, text: str, value: Any, strict: bool) -> None:
    """Also where the model is strict."""
    found = one(kind, text, strict=strict)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (tuple[str, ...], '["a"]', ("a",)),
        (set[int], "[1]", {1}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Db, '{"port": 2}', Db(port=2)),
        (Pool, '{"size": 2}', Pool(2)),
        (Point, "[1, 2]", Point(1, 2)),
        (list[int] | None, "null", None),
        (list[str] | str, "a,b", "a,b"),
        (list[str] | str, '["a"]', ["a"]),
        (list[str] | str, "[a", "[a"),
        (int | list[int], "5", 5),
        (Json[list[int]], "[1]", [1]),
        (Path, "/tmp", Path("/tmp")),
        (
            Annotated[list[str], BeforeValidator(lambda v: v.split(",") if isinstance(v, str) else v)],
            "a,b",
            ["a", "b"],
        ),
        (Annotated[int, BeforeValidator(lambda v: v.removesuffix("MB"))], "5", 5),
        (Left | Right, '{"kind": "right", "name": "n"}', Right(kind="right", name="n")),
    ],
)
def test_arrays_and_tables_are_json(kind: Any, text: str, value: Any) -> None:
    """Unless text is taken as well, and it is none; a function of the user's may take what it likes."""
    assert one(kind, text) == value


def test_secrets_are_decoded_like_others() -> None:
    """By what is secret in them."""
    assert one(SecretStr, "s").get_secret_value() == "s"
    assert one(Secret[int], "5").get_secret_value() == 5


class App(BaseModel):
    db: Db = Db()
    debug: bool = False
    max_items: int = 0
    a: dict[str, int] = {}
    a__b: int = 0
    url: str = Field("", validation_alias=AliasChoices("url", "base_url"))
    dashed: str = Field("", alias="with-dash")
    first: str = Field("", validation_alias=AliasPath("all", 0))
    tags: list[str] = []
    labels: dict[str, str] = {}
    free: Any = None
    by_name: dict[str, Db] = {}


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        ("DB__PORT", "5", {"db": {"port": 5}}),
        ("db__port", "5", {"db": {"port": 5}}),
        ("Db__Pool__Size", "5", {"db": {"pool": {"size": 5}}}),
        ("MAX_ITEMS", "5", {"max_items": 5}),
        ("A__B", "5", {"a__b": 5}),
        ("A__C", "5", {"a": {"c": 5}}),
        ("BASE_URL", "u", {"url": "u"}),
        ("WITH_DASH", "u", {"with-dash": "u"}),
        ("ALL", '["x"]', {"all": ["x"]}),
        ("LABELS__Team", "x", {"labels": {"team": "x"}}),
        ("FREE__X__Y", "5", {"free": {"x": {"y": "5"}}}),
        ("BY_NAME__MAIN__PORT", "5", {"by_name": {"main": {"port": 5}}}),
    ],
)
def test_a_name_stands_for_a_key(name: str, text: str, table: dict[str, Any]) -> None:
    """Case does not count, `_` stands for punctuation, and the names of fields may contain the delimiter."""
    found = decoded(App, {name: text})
    assert (found.table, found.problems) == (table, ())
    App.model_validate(found.table)


def test_names_may_count_as_they_are_spelled() -> None:
    """With `case_sensitive`."""
    assert decoded(App, {"db__port": "5", "labels__Team": "x"}, case_sensitive=True).table == {
        "db": {"port": 5},
        "labels": {"Team": "x"},
    }
    assert decoded(App, {"DB__PORT": "5"}, case_sensitive=True).table == {}


def test_without_a_delimiter_names_are_keys_of_the_root() -> None:
    """Whatever is in them."""
    assert decoded(App, {"DB": '{"port": 5}', "DEBUG": "1"}, nested=None).table == {"db": {"port": 5}, "debug": True}


def test_a_key_beats_the_table_around_it() -> None:
    """In any order; the rest of the table stays, and each value has its own origin."""
    for names in (("DB", "DB__PORT"), ("DB__PORT", "DB")):
        texts = {"DB": '{"port": 1, "host": "x"}', "DB__PORT": "2"}
        found = decoded(App, {name: texts[name] for name in names})
        assert found.table == {"db": {"port": 2, "host": "x"}}
        where = [found.origin(path, Path()).where for path in (("db", "port"), ("db", "host"), ("db",))]
        assert where == ["$APP_DB__PORT", "$APP_DB", "$APP_DB"]


def said(found: LayerTable) -> list[str]:
    """Its problems, one a line."""
    return [f"{each.severity} {each.with_hint}" for each in found.problems]


DB_AS_JSON = '(write it as JSON: {"host": …}, or set each key: APP_DB__HOST)'
ARRAY = '(write it as JSON: ["…", "…"])'
SET = "Kubernetes sets it for a service, and 2 more: no field has this name"
UNLINK = "(set enableServiceLinks: false in the pod's spec, or take another prefix)"
TWICE = "Key given twice: {} is the same as {} (keep one of the two)"
SERVICE = {"SERVICE_HOST": "10.0.0.1", "SERVICE_PORT": "80", "PORT_80_TCP": "tcp://10.0.0.1:80"}


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (
            {"DB": '{"port": 1'},
            [f"error $APP_DB: Invalid JSON: EOF while parsing an object at column 10 {DB_AS_JSON}"],
        ),
        ({"DB": "x"}, [f'error $APP_DB: Type mismatch: db expected table, got "x" {DB_AS_JSON}']),
        ({"tags": "a,b"}, [f'error $APP_tags: Type mismatch: tags expected array, got "a,b" {ARRAY}']),
        (
            {"TAGS__0": "a"},
            [
                "error $APP_TAGS__0: Items of arrays cannot be set one by one: tags"
                ' (write all of them as JSON: APP_TAGS=["…", "…"])'
            ],
        ),
        ({"DEBG": "1"}, ["warning $APP_DEBG: Unknown key: debg (did you mean APP_DEBUG?)"]),
        ({"DB_PORT": "1"}, ["warning $APP_DB_PORT: Unknown key: db_port (did you mean APP_DB__PORT?)"]),
        ({"db__prot": "1"}, ["warning $APP_db__prot: Unknown key: db.prot (did you mean APP_db__port?)"]),
        ({"DEBUG__X": "1"}, ["warning $APP_DEBUG__X: Unknown key: debug.x (did you mean APP_DEBUG?)"]),
        ({"ZZZ": "1"}, ["warning $APP_ZZZ: Unknown key: zzz"]),
        ({"DEBUG": "1", "debug": "0"}, [f"error $APP_debug: {TWICE.format('debug', '$APP_DEBUG')}"]),
        ({"URL": "1", "BASE_URL": "0"}, [f"error $APP_BASE_URL: {TWICE.format('url', '$APP_URL')}"]),
        ({"DEBUG": "1", "debug": "1"}, []),
        ({"URL": "\udcff"}, ["error $APP_URL: Not UTF-8 (write it as UTF-8)"]),
        ({"TAGS": "[" * 100 + "]" * 100}, [f"error $APP_TAGS: Invalid JSON: nested too deeply {ARRAY}"]),
        (
            SERVICE,
            [f"warning $APP_SERVICE_HOST: {SET} {UNLINK}"],
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_variable(texts: dict[str, str], lines: list[str]) -> None:
    """With what to write instead."""
    assert said(decoded(App, texts)) == lines


def test_without_a_prefix_only_what_begins_as_a_field_does_is_misspelt() -> None:
    """The environment is full of other programs' variables."""
    assert said(decoded(App, {"PATH": "/bin", "DEBG": "1"}, prefix="")) == []
    assert said(decoded(App, {"DB__PROT": "1"}, prefix="")) == [
        "warning $DB__PROT: Unknown key: db.prot (did you mean DB__PORT?)"
    ]


def test_kubernetes_variables_that_name_a_field_are_explained() -> None:
    """A text field takes them, with a warning; for others there is a hint once the model refuses them."""
    found = decoded(App, {"URL": "x", "DB__PORT": "1"})
    assert not found.problems
    assert not found.hints
    model: Any = create_model("Model", port=(int, 1), host_port=(str, ""))
    found = decoded(model, {"PORT": "tcp://10.0.0.1:80", "HOST_PORT": "tcp://10.0.0.1:80"})
    assert found.hints[("port",)].startswith("Kubernetes sets this variable")
    assert [each.where for each in found.problems if each.severity == "warning"] == ["$APP_HOST_PORT"]


def test_secrets_are_not_repeated() -> None:
    """Neither by their key, nor by their type, nor by what is around them."""

    class Secretive(BaseModel):
        password: list[str] = []
        token: SecretStr = SecretStr("")
        keys: list[SecretStr] = []
        db: dict[str, SecretStr] = {}

    for name in ("PASSWORD", "KEYS", "DB"):
        (problem,) = decoded(Secretive, {name: "hunter2"}).problems
        assert "hunter2" not in repr(problem)
        (problem,) = decoded(Secretive, {name: '{"hunter2": "'}).problems
        assert "hunter2" not in repr(problem)


def test_keys_of_free_tables_are_those_of_weaker_layers() -> None:
    """Where exactly one is spelled like it; origins and texts follow."""
    found = decoded(App, {"LABELS__MY_TEAM": "x", "BY_NAME__MAIN__PORT": "5"})
    below = {"labels": {"My-Team": "y", "other": "z"}, "by_name": {"Main": {"port": 1}, "MAIN": {"port": 1}}}
    made = adopted(found, below)
    assert made.table == {"labels": {"My-Team": "x"}, "by_name": {"main": {"port": 5}}}
    assert made.origin(("labels", "My-Team"), Path()).where == "$APP_LABELS__MY_TEAM"
    assert made.texts[("labels", "My-Team")] == "x"
    assert adopted(found, {}) is found


def test_a_root_that_keeps_other_keys_takes_them_only_with_a_prefix() -> None:
    """Otherwise it would take the whole environment."""

    class Open(BaseModel, extra="allow"):
        port: int = 1

    assert decoded(Open, {"OTHER": "1"}).table == {"other": "1"}
    assert decoded(Open, {"OTHER": "1"}, prefix="").table == {}


def test_what_a_type_adapter_takes() -> None:
    """A free table as root is one, too."""
    assert decoded(TypeAdapter(dict[str, int]), {"A": "1"}).table == {"a": 1}


def test_one_variable_of_a_service_is_one() -> None:
    """It is counted with no others."""
    said = {"SERVER_PORT": ("tcp://10.0.0.1:80", Origin("env", "$APP_SERVER_PORT"))}
    (problem,) = decode(TextTable("env", said, "APP_"), shape_of(Schema(Db))).problems
    assert problem.message == "Kubernetes sets it for a service: no field has this name"
