import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    Secret,
    SecretStr,
    TypeAdapter,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from hotconf.config.merge import Origins, merge
from hotconf.config.spelling import respell
from hotconf.config.validation.validate import Validated, validate
from hotconf.engine.candidate import Invalid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem, Related
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings

MAIN = Path("/etc/app/config.toml")
EXTRA = Path("/etc/app/extra.toml")


class Provider(BaseModel):
    base_url: str
    timeout: float = Field(1.0, gt=0, le=60)
    api_key: str = ""


class Gates(BaseModel):
    plan: list[str] = []


class App(BaseModel):
    approval_policy: Literal["untrusted", "on-failure", "on-request", "never"] = "never"
    model_providers: dict[str, Provider] = {}
    quality_gates: Gates = Gates()


def load(schema: Any, *texts: str) -> Validated[Any] | Invalid:
    """What the texts of the main file and its fragments come to, as a load does it."""
    wanted = schema if isinstance(schema, Schema) else Schema(TypeAdapter(schema))
    documents = []
    for text, path in zip(texts, (MAIN, EXTRA), strict=False):
        document = parse(text.encode(), path, allow_empty=True)
        assert isinstance(document, Document), document
        document = respell(document, wanted)
        assert isinstance(document, Document), document
        documents.append(document)
    return validate(wanted, merge(documents))


def problems(schema: Any, *texts: str) -> tuple[Problem, ...]:
    """All problems, errors or warnings."""
    outcome = load(schema, *texts)
    return outcome.problems if isinstance(outcome, Invalid) else outcome.warnings


def said(schema: Any, *texts: str) -> list[str]:
    """The problems as people read them, with a mark for warnings."""
    return [("? " if each.severity == "warning" else "") + str(each) for each in problems(schema, *texts)]


def messages(schema: Any, *texts: str) -> list[str]:
    """The problems without their places."""
    return [each.message for each in problems(schema, *texts)]


def one(field: Any, value: str) -> list[str]:
    """What is said of `x = value` where `x` is of the type `field`."""

    class Model(BaseModel):
        x: field

    return messages(Model, f"x = {value}")


# The four errors of the schema, word for word


def test_the_fixed_texts_with_their_places() -> None:
    """A missing field at its table's header, a wrong value where the value stands; all of them, in file order."""
    text = (
        "[model_providers.openai]\ntimeout = 3\n\n[quality_gates]\nplan = 'gemini'\n\n"
        "[model_providers.other]\nbase_url = 3\n"
    )
    assert said(App, 'approval_policy = "unknown"\n' + text) == [
        'config.toml:1:19: Invalid enum value: approval_policy="unknown"'
        " (expected: untrusted, on-failure, on-request, never)",
        "config.toml:2:18: Missing required field: model_providers.openai.base_url",
        "config.toml:6:8: Type mismatch: quality_gates.plan expected array, got string",
        "config.toml:9:12: Type mismatch: model_providers.other.base_url expected string, got integer",
    ]
    assert {each.kind for each in problems(App, text)} == {"schema"}


class Service(BaseModel):
    model: str = ""
    port: int = 1
    ports: list[int] = []
    token: str = ""
    tokens: dict[str, str] = {}
    agents: list[Provider] = []
    models: dict[str, Provider] = {}
    nested: dict[str, list[Provider]] = {}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[model.x]\nbase_url = 'u'", 'did you mean "models"?'),
        ("[agents]\nbase_url = 'u'", "begin each of them with [[agents]]"),
        ("[nested.a]\nbase_url = 'u'", "begin each of them with [[nested.a]]"),
        ("[port]\nx = 1", None),
        ("[ports]\nx = 1", None),
        ("[token]\nx = 1", None),
        ("agents = 'x'", None),
    ],
)
def test_a_table_in_the_wrong_place_has_a_hint(text: str, hint: str | None) -> None:
    """It is to be one of an array, or under a key that is almost the same and takes tables; else nothing is known."""
    (problem,) = problems(Service, text)
    assert problem.message.startswith("Type mismatch: ")
    assert problem.hint == hint


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    number: int = 1
    limit: float = 1
    on: bool = True
    name: str = ""
    api_key: str = ""
    pin_token: int = 1
    tokens: bool = True
    pin: SecretStr = SecretStr("")
    tags: list[str] = []
    ports: list[int] = []
    pair: tuple[int, int] = (1, 2)
    levels: list[Literal["low", "high"]] = []
    couples: Annotated[list[str], Field(min_length=2)] = ["a", "b"]
    either: int | bool = 1
    day: dt.date = dt.date(2026, 1, 1)
    credentials: list[str] = []
    pins: list[SecretStr] = []
    grid: list[list[SecretStr]] = []
    codes: list[Secret[int]] | None = None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('number = "20"', "write 20, without the quotes"),
        ('number = "-1_000"', "write -1_000, without the quotes"),
        ('number = "20.5"', None),
        ('number = "08"', None),
        ('number = "20 # x"', None),
        ('number = "1\\ny = 2"', None),
        (f'number = "{"1" * 50}"', None),
        ("number = 20.0", "write 20"),
        ("number = 20.5", None),
        ("number = 1e300", None),
        ("number = true", None),
        ('limit = "20"', "write 20, without the quotes"),
        ('limit = " 20.5 "', "write 20.5, without the quotes"),
        ('limit = "inf"', None),
        ('limit = "lots"', None),
        ('on = "true"', "write true, without the quotes"),
        ('on = "True"', "write true or false, without quotes"),
        ('on = "yes"', "write true or false, without quotes"),
        ("on = 1", "write true or false"),
        ("on = 2", None),
        ("name = 20", 'write "20", in quotes'),
        ("name = true", 'write "true", in quotes'),
        ("name = 1.10", "write it in quotes"),
        ("name = 2026-01-01", "write it in quotes"),
        ("name = [1]", None),
        ('tags = "gemini"', 'write ["gemini"], in brackets'),
        ('tags = "a, b"', 'write an array: ["…", "…"]'),
        (f'tags = "{"x" * 50}"', "write it in brackets"),
        ('tags = "postgres://u:hunter2@h"', "write it in brackets"),
        ("tags = 20", None),
        ("ports = 20", "write [20], in brackets"),
        ('ports = "20"', None),
        ('levels = "low"', 'write ["low"], in brackets'),
        ('levels = "lo"', None),
        ("pair = 1", None),
        ('couples = "a"', None),
        ('either = "20"', "write 20, without the quotes"),
        ('day = "2026-01-02"', "write 2026-01-02, without the quotes"),
        ("api_key = 20", "write it in quotes"),
        ("pin = 20", "write it in quotes"),
        ('pin_token = "20"', "write it without the quotes"),
        ("pin_token = 20.0", None),
        ('credentials = "hunter2"', "write it in brackets"),
        ('pins = "hunter2"', "write it in brackets"),
        ('grid = ["hunter2"]', "write it in brackets"),
        ("codes = 777777", "write it in brackets"),
    ],
)
def test_a_value_of_the_wrong_type_has_a_hint(text: str, hint: str | None) -> None:
    """What to write instead, where that is sure; of a secret only how."""
    (problem,) = problems(Strict, text)
    assert problem.message.startswith("Type mismatch: ")
    assert problem.hint == hint


class Tls(Enum):
    """Versions, which look like numbers."""

    OLD = "1.2"
    NEW = "1.3"


class Choices(BaseModel):
    """Texts that look like something else when they are written without quotes."""

    tls: Tls = Tls.NEW
    api: Literal["2024-06-01", "2026-01-05"] = "2026-01-05"
    precise: Literal["1.1", "1.10", "2.0"] = "2.0"
    mode: Literal["true", "auto"] = "auto"
    either: Literal["0.5", "off"] | None = None
    password: Literal["1.5"] = "1.5"
    workers: Literal[1, 2] = 1


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tls = 1.3", 'write "1.3", in quotes'),
        ("tls = 1.20", 'write "1.2", in quotes'),
        ("tls = 1.4", None),
        ('workers = "2"', "write 2, without the quotes"),
        ('workers = "3"', None),
        ("api = 2024-06-01", 'write "2024-06-01", in quotes'),
        ("precise = 1.10", "write it in quotes"),
        ("precise = 2.0", 'write "2.0", in quotes'),
        ("mode = true", 'write "true", in quotes'),
        ("either = 0.5", 'write "0.5", in quotes'),
        ("password = 1.5", None),
    ],
)
def test_a_choice_that_lacks_its_quotes_is_named(text: str, hint: str | None) -> None:
    """If it is sure which one was meant; and that one is valid."""
    (problem,) = problems(Choices, text)
    assert problem.message.startswith("Invalid enum value: ")
    assert problem.hint == hint
    if written := re.search('".*"|[0-9]', hint or ""):
        assert isinstance(load(Choices, f"{text.partition(' ')[0]} = {written[0]}"), Validated)


def test_a_secret_that_stands_elsewhere_too_is_not_in_a_hint() -> None:
    """Whatever it is."""
    found = problems(Strict, 'number = "12345678"\napi_key = "12345678"')
    assert [each.hint for each in found] == ["write ********, without the quotes"]


def test_a_valid_table_is_the_config() -> None:
    """The model's own object, without warnings."""
    outcome = load(App, '[model_providers.openai]\nbase_url = "u"')
    assert isinstance(outcome, Validated)
    assert isinstance(outcome.config, App)
    assert outcome.config.model_providers["openai"].base_url == "u"
    assert outcome.warnings == ()


def test_missing_at_the_top_is_told_of_the_main_file() -> None:
    """There is no header to point at."""
    assert said(Provider, "", "timeout = 1") == ["config.toml: Missing required field: base_url"]


TYPES = {
    "string": '"s"',
    "integer": "3",
    "float": "2.5",
    "boolean": "true",
    "array": "[1]",
    "table": "{ a = 1 }",
    "datetime": "1979-05-27T07:32:00Z",
    "date": "1979-05-27",
    "time": "07:32:00",
}
FIELDS = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list[bool],
    "table": dict[str, bool],
    "datetime": dt.datetime,
    "date": dt.date,
    "time": dt.time,
}
COMPATIBLE = {*zip(FIELDS, FIELDS, strict=True), ("float", "integer"), ("datetime", "date")}


@pytest.mark.parametrize(("wanted", "actual"), sorted({*product(FIELDS, TYPES)} - COMPATIBLE))
def test_every_wrong_type_is_called_by_tomls_names(wanted: str, actual: str) -> None:
    """For each pair of types that a strict model tells apart."""

    class Model(BaseModel):
        model_config = ConfigDict(strict=True)
        x: FIELDS[wanted]  # type: ignore[valid-type]

    assert messages(Model, f"x = {TYPES[actual]}") == [f"Type mismatch: x expected {wanted}, got {actual}"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (int, '"three"', "Type mismatch: x expected integer, got string"),
        (int, "3.5", "Type mismatch: x expected integer, got float"),
        (bool, "3", "Type mismatch: x expected boolean, got integer"),
        (dt.date, '"soon"', "Type mismatch: x expected date, got string"),
        (dt.date, "1979-05-27T07:32:00Z", "Type mismatch: x expected date, got datetime"),
        (tuple[int, ...], '"a"', "Type mismatch: x expected array, got string"),
        (frozenset[int], '"a"', "Type mismatch: x expected array, got string"),
        (Path, "3", "Type mismatch: x expected string, got integer"),
        (Provider, "[1]", "Type mismatch: x expected table, got array"),
        (int | None, "[]", "Type mismatch: x expected integer, got array"),
    ],
)
def test_the_lax_mode_uses_the_same_words(field: Any, value: str, message: str) -> None:
    """What cannot be read as the right type is of the wrong one."""
    assert one(field, value) == [message]


class Color(Enum):
    RED = "red"
    BLUE = "blue"
    NONE = 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Color, '"rde"', 'Invalid enum value: x="rde" (expected: red, blue, 0)'),
        (Literal["a", 3], "4", "Invalid enum value: x=4 (expected: a, 3)"),
        (Literal["a"] | None, '"b"', 'Invalid enum value: x="b" (expected: a)'),
        (Literal["a"] | Color, '"b"', 'Invalid enum value: x="b" (expected: a, red, blue, 0)'),
        (Literal["a", "b"], "[]", "Type mismatch: x expected string, got array"),
        (Color, "{}", "Type mismatch: x expected string or integer, got table"),
        (list[Literal["a"]], '["a", "\\u202e"]', 'Invalid enum value: x[1]="\\u202e" (expected: a)'),
    ],
)
def test_enumerations_name_what_they_expect(field: Any, value: str, message: str) -> None:
    """Literals and enums, with the values as a document writes them, on one printable line."""
    assert one(field, value) == [message]


def test_a_long_enumeration_is_cut() -> None:
    """A message stays readable."""
    [message] = one(Literal[tuple(f"v{n}" for n in range(500))], '"x"')
    assert message.endswith("v28, v29, …)")


def test_a_refused_enum_value_has_a_hint() -> None:
    """If it is nearly right."""
    [problem] = problems(App, 'approval_policy = "on_request"')
    assert problem.hint == 'did you mean "on-request"?'


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Annotated[float, Field(ge=0, le=2)], "5", "x: Input should be less than or equal to 2, got 5"),
        (Annotated[float, Field(allow_inf_nan=False)], "inf", "x: Input should be a finite number, got inf"),
        (Annotated[str, Field(min_length=3)], '"ab"', "x: String should have at least 3 characters"),
        (Annotated[str, Field(pattern="^a$")], '"ab"', "x: String should match pattern '^a$'"),
        (
            Annotated[list[int], Field(max_length=1)],
            "[1, 2]",
            "x: List should have at most 1 item after validation, not 2",
        ),
        (
            dict[int, int],
            "{ a = 1 }",
            "x.a: invalid key: Input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
def test_other_errors_are_pydantics_after_the_path(field: Any, value: str, message: str) -> None:
    """Limits name the number that was given."""
    assert one(field, value) == [message]


# Unions


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]
    dog: dict[str, int] = {}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (int | str, "[]", ["Type mismatch: x expected integer or string, got array"]),
        (int | float, '"a"', ["Type mismatch: x expected integer or float, got string"]),
        (Cat | list[int] | None, "3", ["Type mismatch: x expected table or array, got integer"]),
        (Cat | Dog, "3", ["Type mismatch: x expected table, got integer"]),
        (int | list[int], '["a"]', ["Type mismatch: x[0] expected integer, got string"]),
        (Cat | int, '{ kind = "cat" }', ["Missing required field: x.lives"]),
        (Cat | Dog, '{ kind = "dog" }', ["Missing required field: x.tricks"]),
        (Cat | Dog, '{ kind = "dog", lives = 3 }', ["Missing required field: x.tricks"]),
        (Literal["a"] | int, '"b"', ['Invalid enum value: x="b" (expected: a)']),
        (Annotated[int, Field(gt=3)] | str, "3", ["x: Input should be greater than 3, got 3"]),
        (
            list[int | str],
            "[1, [], {}]",
            [
                "Type mismatch: x[1] expected integer or string, got array",
                "Type mismatch: x[2] expected integer or string, got table",
            ],
        ),
        (dict[str, int] | str, '{ str = "a" }', ["Type mismatch: x.str expected integer, got string"]),
    ],
)
def test_the_members_of_a_union_speak_with_one_voice(field: Any, value: str, expected: list[str]) -> None:
    """Of the wrong type for all: one problem. Otherwise those of the member that was most likely meant."""
    assert one(field, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{ kind = [] }", ["Invalid enum value: x.kind=[] (expected: cat, dog)"]),
        ('{ kind = "cow" }', ['Invalid enum value: x.kind="cow" (expected: cat, dog)']),
        ("{}", ["Missing required field: x.kind"]),
        ('{ kind = "dog" }', ["Missing required field: x.tricks"]),
        ('{ kind = "dog", tricks = 3 }', ["Type mismatch: x.tricks expected array, got integer"]),
        ('{ kind = "dog", tricks = 3, dog = {} }', ["Type mismatch: x.tricks expected array, got integer"]),
        ('{ kind = "cat", lives = 3, tricks = [] }', ["Unknown key: x.tricks"]),
        ("3", ["Type mismatch: x expected table, got integer"]),
    ],
)
def test_tagged_unions_speak_of_the_member_with_the_tag(value: str, expected: list[str]) -> None:
    """The tag itself is a field like others: missing, or not one of the values."""
    assert one(Annotated[Cat | Dog, Field(discriminator="kind")], value) == expected


def test_tags_of_an_enumeration_are_told_by_value() -> None:
    """As a document writes them."""

    class Paint(StrEnum):
        RED = "red"
        BLUE = "blue"

    class Red(BaseModel):
        color: Literal[Paint.RED]
        n: int

    class Blue(BaseModel):
        color: Literal[Paint.BLUE]

    class Model(BaseModel):
        x: Red | Blue = Field(discriminator="color")

    assert messages(Model, 'x = { color = "rad" }') == ['Invalid enum value: x.color="rad" (expected: red, blue)']
    assert messages(Model, 'x = { color = "red" }') == ["Missing required field: x.n"]


# Models of every kind


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Point(TypedDict):
    x: int


@dataclass
class Line:
    start: Point
    width: int = 1


class Servers(RootModel[dict[str, Provider]]):
    pass


class Aliased(BaseModel):
    port: int = Field(alias="Port")
    host: str = Field("", validation_alias=AliasChoices("host", "hostname"))


@pytest.mark.parametrize(
    ("model", "text", "expected"),
    [
        (
            Node,
            'name = "a"\n[[children]]\nname = 3\n[[children.children]]\nnmae = 3',
            [
                "config.toml:3:8: Type mismatch: children[0].name expected string, got integer",
                "config.toml:4:12: Missing required field: children[0].children[0].name",
                "? config.toml:5:1: Unknown key: children[0].children[0].nmae",
            ],
        ),
        (
            Line,
            "thin = 1\n[start]\nX = 1",
            [
                "? config.toml:1:1: Unknown key: thin",
                "config.toml:2:2: Missing required field: start.x",
                "? config.toml:3:1: Unknown key: start.X",
            ],
        ),
        (
            dict[str, Point],
            '[a]\nx = "a"\n[b]',
            [
                "config.toml:2:5: Type mismatch: a.x expected integer, got string",
                "config.toml:3:2: Missing required field: b.x",
            ],
        ),
        (Servers, "[a]\nbase_url = 1", ["config.toml:2:12: Type mismatch: a.base_url expected string, got integer"]),
        (
            Aliased,
            "port = 1\nhostname = 3",
            [
                "config.toml: Missing required field: Port",
                "? config.toml:1:1: Unknown key: port",
                "config.toml:2:12: Type mismatch: host expected string, got integer",
            ],
        ),
        (list[int], "a = 1", ["config.toml: Type mismatch: expected array, got table"]),
        (tuple[int, int] | None, "a = 1", ["config.toml: Type mismatch: expected array, got table"]),
    ],
)
def test_models_of_every_kind_are_understood(model: Any, text: str, expected: list[str]) -> None:
    """Recursive models, dataclasses, typed dicts, root models, aliases."""
    assert said(model, text) == expected


# Unknown keys


class Server(BaseModel):
    port: int = 1
    host: str = ""


class Site(BaseModel):
    server: Server = Server()
    backends: list[Server] = []
    by_name: dict[str, Server] = {}
    anything: Any = None
    free: dict[str, Any] = {}


def test_an_unknown_key_is_a_warning_with_a_hint() -> None:
    """At the key, in tables at every depth; the config is valid."""
    outcome = load(Site, "[server]\nprot = 8000\n[[backends]]\n[[backends]]\nhots = 1\n[by_name.prot]\nzzz = 1\n")
    assert isinstance(outcome, Validated)
    assert [(str(each), each.hint, each.severity, each.kind) for each in outcome.warnings] == [
        ("config.toml:2:1: Unknown key: server.prot", 'did you mean "port"?', "warning", "schema"),
        ("config.toml:5:1: Unknown key: backends[1].hots", 'did you mean "host"?', "warning", "schema"),
        ("config.toml:7:1: Unknown key: by_name.prot.zzz", None, "warning", "schema"),
    ]


def test_an_unknown_table_is_one_warning() -> None:
    """What stands in it is not told as well."""
    assert said(Site, "[sevrer]\na = 1\nb = 2\n[sevrer.c]\n") == ["? config.toml:1:2: Unknown key: sevrer"]


def test_free_tables_have_no_unknown_keys() -> None:
    """Neither has what is of any type."""
    assert said(Site, "[free]\na = 1\n[free.b]\nc = 1\n[anything]\nd = [{ e = 1 }]") == []


def test_what_the_model_forbids_is_an_error_in_the_same_words() -> None:
    """Once, with the hint."""

    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid")
        port: int = 1

    [problem] = problems(Model, "prot = 1")
    assert str(problem) == "config.toml:1:1: Unknown key: prot"
    assert (problem.severity, problem.hint) == ("error", 'did you mean "port"?')


def test_strict_keys_makes_them_errors() -> None:
    """When the schema's function says so of the config."""
    strict = Schema(Server, strict_keys=lambda config: config.port == 2)
    assert said(strict, "port = 1\nprot = 1") == ["? config.toml:2:1: Unknown key: prot"]
    assert said(strict, "port = 2\nprot = 1") == ["config.toml:2:1: Unknown key: prot"]


def test_strict_keys_that_raises_is_an_internal_problem() -> None:
    """It is users' code as well."""
    broken = Schema(Server, strict_keys=lambda config: config.port < 1 / 0)
    assert said(broken, "prot = 1") == [
        "config.toml: strict_keys raised ZeroDivisionError: division by zero",
        "? config.toml:1:1: Unknown key: prot",
    ]


def test_a_model_that_keeps_extras_warns_of_misspelt_scalars_only() -> None:
    """What else it is given, it was meant to be given."""

    class Model(BaseModel):
        model_config = ConfigDict(extra="allow")
        model: str = ""
        verbosity: str = ""

    assert said(Model, 'modle = "x"\ntheme = "dark"\n[verbositty]\na = 1') == [
        "? config.toml:1:1: Unknown key: modle"
    ]
    assert said(Model, 'model = "x"\nmodels = 3') == [], "the field is there: the other key is not a slip"


class Deep(BaseModel):
    depth: int = 1
    limit: int = 1


class Spending(BaseModel):
    limit: int = 1
    enabled: bool = True
    deep: Deep = Deep()
    paths: list[str] = []


class Job(BaseModel):
    command: str = ""
    retries: int = 0
    inner: "Job | None" = None


class Keeper(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = ""
    cost: Spending = Spending()
    store: Spending | None = None
    single: Deep = Deep()
    jobs: list[Job] = []
    by_name: dict[str, Job] = {}


class Office(BaseModel):
    model_config = ConfigDict(extra="allow")
    cost: Spending = Spending()
    job: Job = Job()
    jobs: list[Deep] = []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("paths = ['a']", "it belongs to [cost]"),
        ("enabled = false", "it belongs to [cost]"),
        ("deep = 3", "it belongs to [cost]"),
        ("retries = 1\n[job]\n", None),
        ("depth = 1", None),
        ("limit = 1", None),
        ("[paths]", None),
        ("[[paths]]", None),
        ("[other]\nretries = 1", None),
        ("theme = 'dark'", None),
    ],
)
def test_a_key_above_its_table_is_told_where_extras_are_kept(text: str, hint: str | None) -> None:
    """If exactly one table has such a field, wherever it may stand; a recursive model has many."""
    found = [(each.message, each.hint, each.severity) for each in problems(Office, text)]
    key = text.split(" ")[0]
    assert found == ([(f"Unknown key: {key}", hint, "warning")] if hint else [])


def test_a_key_that_several_tables_have_belongs_to_none() -> None:
    """Nor does one that only tables in arrays or of any name have."""
    assert said(Keeper, "enabled = true\nlimit = 1\ncommand = 'x'\nretries = 1\ndeep = 1\npaths = []") == []


def test_a_key_above_its_table_has_the_hint_where_extras_are_ignored_or_forbidden() -> None:
    """In the table that the field belongs to, however deep; it goes before a near name."""

    class Ignores(BaseModel):
        path: str = ""
        cost: Spending = Spending()

    class Forbids(Ignores):
        model_config = ConfigDict(extra="forbid")

    for model, severity in ((Ignores, "warning"), (Forbids, "error")):
        found = problems(model, "paths = []\ndepth = 1\nzzz = 1")
        assert [each.hint for each in found] == [
            "it belongs to [cost]",
            "it belongs to [cost.deep]",
            None,
        ]
        assert {each.severity for each in found} == {severity}


def test_a_secret_where_the_name_of_its_variable_belongs_has_a_hint() -> None:
    """The table has a field for the name."""

    class Named(BaseModel):
        env_key: str = ""

    hint = 'name the variable that holds it: env_key = "…"'
    assert [each.hint for each in problems(Named, "api_key = 'hunter2'\nzebra = 1")] == [hint, None]
    assert [each.hint for each in problems(Server, "api_key = 'hunter2'")] == [None]


def test_a_table_that_a_validator_reads_first_warns_of_misspelt_keys_only() -> None:
    """The validator may well use the others."""

    class Model(BaseModel):
        port: int = 1

        @model_validator(mode="before")
        @classmethod
        def read(cls, value: dict[str, Any]) -> dict[str, Any]:
            return {"port": value.pop("legacy_listen", 1)}

    outcome = load(Model, "legacy_listen = 3\nprot = 4\n")
    assert isinstance(outcome, Validated)
    assert outcome.config.port == 3
    assert [each.message for each in outcome.warnings] == ["Unknown key: prot"]


def test_warnings_and_errors_are_told_together() -> None:
    """The key that is missing, and the one that was meant to be it."""
    assert said(Provider, "# note\nbase_ulr = 'x'\ntimeout = 99\n") == [
        "config.toml: Missing required field: base_url",
        "? config.toml:2:1: Unknown key: base_ulr",
        "config.toml:3:11: timeout: Input should be less than or equal to 60, got 99",
    ]


# Files


def test_problems_stand_in_the_file_and_the_order_of_the_files() -> None:
    """The main file's first, then the fragments', wherever the values ended up in the merged table."""
    main = "[server]\nport = 'a'\nhost = 'b'\n[by_name.x]\nport = 'c'"
    assert said(Site, main, "[by_name.x]\nhost = 1\n[server]\nhost = 2\n") == [
        "config.toml:2:8: Type mismatch: server.port expected integer, got string",
        "config.toml:5:8: Type mismatch: by_name.x.port expected integer, got string",
        "extra.toml:2:8: Type mismatch: by_name.x.host expected string, got integer",
        "extra.toml:4:8: Type mismatch: server.host expected string, got integer",
    ]


def test_keys_spelled_with_dashes_are_found_in_the_file() -> None:
    """The message has the model's name, the place is the text's."""
    assert said(Schema(App, kebab=True), "[quality-gates]\nplan = 3\n[model-providers.x]\n") == [
        "config.toml:2:8: Type mismatch: quality_gates.plan expected array, got integer",
        "config.toml:3:18: Missing required field: model_providers.x.base_url",
    ]


def test_the_texts_are_not_scanned_when_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places cost time; a good load asks for none."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a place was looked up")

    monkeypatch.setattr(Origins, "placed", refuse)
    assert isinstance(load(App, '[model_providers.openai]\nbase_url = "u"'), Validated)
    with pytest.raises(AssertionError, match="looked up"):
        load(App, "[model_providers.openai]")


# Checks


def test_every_check_runs_and_is_placed() -> None:
    """Errors and warnings of all checks, in file order, each once, with the place of the value that they name."""

    def first(config: Server) -> Iterator[Problem]:
        yield Problem("host is taken", "host")
        yield Problem("host is taken", "host")
        yield Problem("never on Mondays", severity="warning")

    def second(config: Server) -> list[Problem]:
        return [Problem(f"port {config.port} is low", ("port",), severity="warning", hint="take another")]

    assert problems(Schema(Server, checks=[first, second]), "port = 1\nhost = 'h'") == (
        Problem("never on Mondays", severity="warning", file=MAIN),
        Problem("port 1 is low", ("port",), "semantic", "warning", "take another", MAIN, 1, 8, 1, 9),
        Problem("host is taken", ("host",), "semantic", "error", None, MAIN, 2, 8, 2, 11),
    )


SPANS = [
    # A wrong value is underlined as a whole, even over lines; a wrong key is, too.
    ("[quality_gates]\nplan = 'gemini' # no", "2:8-2:16"),
    ("quality_gates.plan = [\n  1\n]", "2:3-2:4"),
    ("quality_gates = [\n  1\n]", "1:17-3:2"),
    ('model_providers.a = {base_url = "", "timeout" = 99}', "1:49-1:51"),
    ("qualty_gates = 1", "1:1-1:13"),
    ("['qualty_gates'.x]\ny = 1", "1:2-1:16"),
    # What is missing, where it belongs: the table's name in its header or dotted key, or the inline table.
    ("\n[model_providers . openai] # c\ntimeout = 3", "2:20-2:26"),
    ("[model_providers.openai.more]", "1:18-1:24"),
    ("model_providers.openai.timeout = 1", "1:17-1:23"),
    ("model_providers.openai = {}", "1:26-1:28"),
    ("model_providers = {openai = {\n timeout = 1\n}}", "1:29-3:2"),
]


@pytest.mark.parametrize(("text", "span"), SPANS)
def test_a_problem_says_where_it_ends(text: str, span: str) -> None:
    """The span is that of the value or the key that is wrong."""
    first = problems(App, text)[0]
    assert f"{first.line}:{first.column}-{first.end_line}:{first.end_column}" == span


def test_what_is_missing_at_the_top_has_no_span() -> None:
    """There is nothing to underline."""
    [problem] = problems(Provider, "timeout = 1")
    assert problem.file == MAIN
    assert (problem.line, problem.column, problem.end_line, problem.end_column) == (None,) * 4


def test_what_a_refused_value_replaces_is_related() -> None:
    """Whoever overrides a value may look for the fault in the other file; tables that merge are no such place."""
    [problem] = problems(
        App,
        '[quality_gates]\nplan = ["a"]\n[model_providers.x]\nbase_url = ""\ntimeout = 1',
        "quality_gates.plan = 1\n[model_providers.x]\n",
    )
    assert (problem.place, problem.related) == ("extra.toml:1:22", (Related("also defined", MAIN, 2, 8),))
    [problem] = problems(App, "quality_gates = {plan = []}", "quality_gates = 1")
    assert problem.related == (Related("also defined", MAIN, 1, 17),)
    assert problems(App, "[model_providers.x]\n", "[model_providers.x]\n")[0].related == ()


def test_checks_mention_other_places_by_path() -> None:
    """They know no lines; what stands nowhere, being a default, is left out."""

    def check(config: Server) -> Iterator[Problem]:
        mentions = (("the host", "host"), ("the port", ("port",)), ("nothing", "by_name.x"))
        yield Problem("odd pair", "port", mentions=mentions)
        yield Problem("by hand", file=MAIN, line=7, related=(Related("there", EXTRA, 1, 1),))

    odd, by_hand = problems(Schema(Server, checks=[check]), "port = 1", "\nhost = 'h'")
    assert odd.mentions == ()
    assert odd.related == (Related("the host", EXTRA, 2, 8), Related("the port", MAIN, 1, 8))
    assert (by_hand.line, by_hand.end_line, by_hand.related) == (7, None, (Related("there", EXTRA, 1, 1),))


def test_related_places_tell_no_secret() -> None:
    """What a check says of another place is scrubbed like its message."""

    def check(config: dict[str, str]) -> Iterator[Problem]:
        yield Problem("odd", mentions=((f"token {config['token']}\n", "token"),))

    [problem] = problems(Schema(dict[str, str], checks=[check]), 'token = "hunter2"')
    assert problem.related == (Related("token ********\\n", MAIN, 1, 9),)


@pytest.mark.parametrize(
    "field",
    [{"mentions": (("x", 5),)}, {"mentions": 5}, {"mentions": (("x", ((),)),)}, {"related": ("x",)}, {"related": 5}],
)
def test_what_relates_to_nonsense_is_the_fault_of_the_check(field: dict[str, Any]) -> None:
    """It is refused where it is made, not where it would be shown."""
    [problem] = problems(Schema(Server, checks=[lambda _: [Problem("x", **field)]]), "")
    assert problem.kind == "internal"


def test_warnings_of_checks_do_not_fail() -> None:
    """The config is valid all the same."""
    outcome = load(Schema(Server, checks=[lambda _: [Problem("hm", severity="warning")]]), "")
    assert isinstance(outcome, Validated)
    assert [each.message for each in outcome.warnings] == ["hm"]


def test_checks_see_only_what_the_model_accepts() -> None:
    """They may rely on its types: one that looks at anything else ends there."""
    seen: list[Server] = []

    def check(config: Server) -> list[Problem]:
        assert isinstance(config.port + 0, int)
        seen.append(config)
        return []

    load(Schema(Server, checks=[check]), "port = 'a'")
    assert seen == []
    load(Schema(Server, checks=[check]), "port = 1")
    assert seen == [Server(port=1)]


def test_a_problem_with_a_place_of_its_own_keeps_it() -> None:
    """A check may speak of another file; it is told after those of the configuration."""
    other = Problem("not here", file=Path("/srv/agents.txt"), line=7)
    assert problems(Schema(Server, checks=[lambda _: [other]]), "prot = 1")[-1] == other


def test_a_check_of_what_is_not_in_the_file_points_around_it() -> None:
    """At the header of the nearest table that is."""
    check = Schema(Site, checks=[lambda _: [Problem("too low", "server.port")]])
    assert said(check, "free = {}\n[server]\nhost = 'a'") == ["config.toml:2:2: too low"]


class MuteError(ValueError):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def broken_without_words(config: object) -> Iterator[Problem]:
    """Raise what cannot be shown."""
    raise MuteError


def broken_before_its_first(config: object) -> Iterator[Problem]:
    """Raise at once."""
    raise KeyError("x")


def broken_after_its_first(config: object) -> Iterator[Problem]:
    """Raise in the middle."""
    yield Problem("found", "port")
    raise SystemExit(1)


UNSOUND = "check <lambda> raised TypeError: it yielded a Problem whose"


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (broken_before_its_first, ["check broken_before_its_first raised KeyError: 'x'"]),
        (broken_after_its_first, ["check broken_after_its_first raised SystemExit: 1", "found"]),
        (partial(broken_before_its_first), ["check broken_before_its_first raised KeyError: 'x'"]),
        (broken_without_words, ["check broken_without_words raised MuteError"]),
        (
            lambda _: None,
            ["check <lambda> raised TypeError: it returned None, not problems"],
        ),
        (lambda _: ["port"], ["check <lambda> raised TypeError: it yielded str, not Problem"]),
        (
            lambda _: [Problem("a", severity="Error")],  # type: ignore[arg-type]
            [f"{UNSOUND} severity is not valid: Input should be 'error' or 'warning'"],
        ),
        (lambda _: [Problem("a", path=3)], [f"{UNSOUND} path is not valid: Input should be a valid tuple"]),  # type: ignore[arg-type]
    ],
)
def test_a_check_that_breaks_is_an_internal_problem(check: Callable[[Any], Any], expected: list[str]) -> None:
    """It names the check; what the check found before counts, and the others run."""
    found = problems(Schema(Server, checks=[check, lambda _: [Problem("last", "host")]]), "port = 1\nhost = 'h'")
    assert [each.message for each in found] == [*expected, "last"]
    assert found[0].kind == "internal"


def test_a_check_without_end_is_stopped() -> None:
    """So many problems tell enough."""

    def endless(config: object) -> Iterator[Problem]:
        n = 0
        while True:
            n += 1
            yield Problem(f"again {n}")

    assert len(problems(Schema(Server, checks=[endless]), "")) == 1000


class Live(BaseModel):
    hot_reload: HotReloadSettings = HotReloadSettings()


def test_the_settings_of_the_reload_are_checked() -> None:
    """Wherever a model has them, with the fixed text."""
    assert said(Live, "[hot_reload]\ndebounce_ms = 50\n") == [
        "config.toml:2:15: Hot-reload debounce_ms=50 too low (minimum: 100ms)"
    ]
    assert problems(Live, "[hot_reload]\ndebounce_ms = 50\n")[0].kind == "semantic"
    assert said(Live, "[hot_reload]\ndebounce_ms = 100\n") == []


def test_a_default_of_the_settings_is_the_programs_business() -> None:
    """Only what stands in the file is judged."""

    class Quick(BaseModel):
        hot_reload: HotReloadSettings = HotReloadSettings(debounce_ms=10)

    assert said(Quick, "") == []


def test_settings_in_a_typed_dict_are_checked_too() -> None:
    """Where the config is a plain dict."""

    class Table(TypedDict):
        hot_reload: HotReloadSettings

    assert messages(Table, "[hot_reload]\ndebounce_ms = 99999\n") == [
        "Hot-reload debounce_ms=99999 too high (maximum: 60000ms)"
    ]


# Users' code in models


class Worst(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("raised", [RuntimeError("oh"), SystemExit("oh"), KeyboardInterrupt("oh"), Worst("oh")])
def test_a_validator_that_breaks_is_an_internal_problem(raised: BaseException) -> None:
    """Whatever it raises stays inside."""

    def refuse(value: int) -> int:
        raise raised

    class Model(BaseModel):
        x: Annotated[int, AfterValidator(refuse)]

    [problem] = problems(Model, "x = 1")
    assert problem.message == f"model raised {type(raised).__name__}: oh"
    assert problem.kind == "internal"


def test_an_error_that_cannot_be_shown_is_an_internal_problem() -> None:
    """Even its text is users' code."""

    def refuse(value: int) -> int:
        raise MuteError

    class Model(BaseModel):
        x: Annotated[int, AfterValidator(refuse)]

    [problem] = problems(Model, "x = 1")
    assert problem.kind == "internal"


def test_a_validators_text_is_told() -> None:
    """After the path; of the whole model it stands alone."""

    class Model(BaseModel):
        x: int
        y: int = 0

        @field_validator("x")
        @classmethod
        def even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("must be even\nplease")
            return value

        @model_validator(mode="after")
        def ordered(self) -> "Model":
            if self.x >= self.y:
                raise AssertionError("x must be below y")
            return self

    assert said(Model, "y = 3\nx = 1") == ["config.toml:2:5: x: must be even\\nplease"]
    assert said(Model, "y = 1\nx = 2") == ["config.toml: x must be below y"]


def test_the_model_cannot_change_the_documents() -> None:
    """Nor the merged table: a validator that empties what it gets empties a copy."""

    class Model(BaseModel):
        a: Any
        b: Any

        @model_validator(mode="before")
        @classmethod
        def empty(cls, value: dict[str, Any]) -> dict[str, Any]:
            kept = dict(value)
            kept["a"]["list"].clear()
            value.clear()
            return kept

        @model_validator(mode="after")
        def spoil(self) -> "Model":
            self.b["more"] = 1
            return self

    document = parse(b"a = { list = [1] }\nb = { c = 1 }", MAIN)
    assert isinstance(document, Document)
    merged = merge((document,))
    outcome = validate(Schema(Model), merged)
    assert isinstance(outcome, Validated)
    assert outcome.config.b == {"c": 1, "more": 1}
    assert merged.table == document.table == {"a": {"list": [1]}, "b": {"c": 1}}


def test_an_error_inside_what_a_validator_made_is_told_of_what_it_was_made_of() -> None:
    """The place is the nearest value that the file has, and its type is not blamed."""

    class Model(BaseModel):
        x: Annotated[list[int], BeforeValidator(lambda value: value.split(","))]

    assert said(Model, 'x = "1,b"') == [
        "config.toml:1:5: x: Input should be a valid integer, unable to parse string as an integer"
    ]


# Secrets


SECRET = "hunter2hunter2"


def refuse_aloud(value: Any) -> Any:
    """A validator that quotes its input."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    raise ValueError(f"bad: {text}")


def refuse_distorted(value: Any) -> Any:
    """A validator that quotes its input so that it cannot be recognised."""
    raise ValueError(f"bad: {value[::-1]}")


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        (Literal["a"], "api_key", f'"{SECRET}"'),
        (Annotated[str, AfterValidator(refuse_aloud)], "password", f'"{SECRET}"'),
        (Annotated[str, AfterValidator(refuse_distorted)], "password", f'"{SECRET}"'),
        (Annotated[SecretStr, AfterValidator(refuse_aloud)], "pin", f'"{SECRET}"'),
        (Annotated[int, Field(le=3)], "token", "271828"),
        (dict[str, Literal["a"]], "credentials", f'{{ mine = "{SECRET}" }}'),
        (dict[str, Annotated[str, AfterValidator(refuse_aloud)]], "credentials", f'{{ mine = "{SECRET}" }}'),
        (Literal["a"], "url", f'"https://me:{SECRET}@example.com"'),
        (Annotated[str, AfterValidator(refuse_aloud)], "url", f'"https://me:{SECRET}@example.com"'),
        (Literal["a"], "url", f'"https://me:{SECRET * 9}@example.com"'),
        (Literal["a"] | int, "secret", f'"{SECRET}"'),
    ],
)
def test_no_message_holds_a_secret(field: Any, key: str, value: str) -> None:
    """By the name of the key, by the type of the field, in URLs; quoted by the model or by a validator."""

    class Model(BaseModel):
        x: field = Field(alias=key)

    found = problems(Model, f"{key} = {value}")
    assert found
    for text in (SECRET, SECRET[::-1], "271828"):
        assert text not in repr(found)


def test_a_secret_is_taken_out_of_problems_about_other_things() -> None:
    """Checks, validators of the whole model and exceptions may all have seen it."""

    class Model(BaseModel):
        api_key: str
        pin: SecretStr
        port: int = 0

        @model_validator(mode="after")
        def check(self) -> "Model":
            if self.port == 1:
                raise ValueError(f"{self.api_key} {self.pin.get_secret_value()}")
            if self.port == 2:
                raise RuntimeError(f"{self.api_key} {self.pin.get_secret_value()}")
            return self

    def check(config: Model) -> Iterator[Problem]:
        yield Problem(f"no {config.api_key}", hint=f"not {config.pin.get_secret_value()}")
        raise OSError(config.api_key)

    for port in range(3):
        found = problems(Schema(Model, checks=[check]), f"port = {port}\napi_key = '{SECRET}'\npin = '2718281828'")
        assert found
        assert SECRET not in repr(found)
        assert "2718281828" not in repr(found)
        assert "********" in found[0].message


def test_a_models_error_inside_users_code_does_not_quote_its_input() -> None:
    """Pydantic's own text would, and not as it stands in the file."""

    def read(value: str) -> int:
        return TypeAdapter(int).validate_python(value + "x")

    class Model(BaseModel):
        x: Annotated[str, AfterValidator(read)]

    def check(config: App) -> Iterator[Problem]:
        TypeAdapter(int).validate_python(SECRET)
        yield Problem("never told")

    [message] = messages(Model, f'x = "{SECRET}"')
    assert SECRET not in message
    [message] = messages(Schema(App, checks=[check]), "")
    assert message == (
        "check check raised ValidationError: Input should be a valid integer, unable to parse string as an integer"
    )


# Bounds


def test_of_too_many_problems_the_rest_is_counted() -> None:
    """The errors come first when something must be left out; the last problem says how many are."""
    found = problems(Site, "[by_name]\n" + "".join(f"a{n} = {{ port = 'x', zz = 1 }}\n" for n in range(1500)))
    assert len(found) == 1001
    assert {each.severity for each in found} == {"error"}
    assert found[-1].message == "… and 2000 more"


def test_too_many_warnings_are_counted_too() -> None:
    """They stay warnings."""
    outcome = load(Site, "".join(f"zz{n} = 1\n" for n in range(1500)))
    assert isinstance(outcome, Validated)
    assert len(outcome.warnings) == 1001
    assert outcome.warnings[-1] == Problem("… and 500 more", kind="schema", severity="warning")


def test_hints_are_worked_out_for_the_first_hundred() -> None:
    """The rest is told without."""
    found = problems(Site, "[by_name]\n" + "".join(f"a{n} = {{ prot = 1 }}\n" for n in range(200)))
    assert sum(each.hint is not None for each in found) == 100


class Rich(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int | list["Rich"] | dict[str, "Rich"] = 0
    b: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    c: Literal["x", "y"] | Color | None = None
    d: tuple[int, str] | Point | None = None


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.floats(), st.sampled_from(["x", "cat", "red", "dog"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "c", "d", "kind", "lives", "x", "Rich", "int", "[key]"]), inner),
    ),
    max_leaves=12,
)


def spelled(value: Any) -> str:
    """A parsed value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), VALUES))
def test_whatever_stands_in_the_table_each_error_has_a_path_in_it(table: dict[str, Any]) -> None:
    """No table makes it raise; each path leads to something that stands there, or to one key beyond it."""
    outcome = load(Rich, "".join(f"{key} = {spelled(value)}\n" for key, value in table.items()))
    for problem in outcome.problems if isinstance(outcome, Invalid) else ():
        around: Any = table
        for key in problem.path[:-1]:
            around = around[key]
        assert isinstance(around, dict | list)


def test_no_part_of_a_problem_of_a_check_holds_a_secret() -> None:
    """Its path, its file and the related places are searched like its message."""

    class Door(BaseModel):
        password: str
        pin: SecretStr

    def tells(config: Door) -> Iterator[Problem]:
        for secret in (config.password, config.pin.get_secret_value()):
            yield Problem("a", path=("y", secret, 3))
            yield Problem("b", file=Path("/x") / secret)
            yield Problem(f"{secret}!", related=(Related(f"r {secret}", Path("/x") / secret, 1, 1),))

    found = load(Schema(Door, checks=[tells]), 'password = "hunter22"\npin = "pelican3"')
    assert isinstance(found, Invalid)
    assert "hunter22" not in repr(found.problems)
    assert "pelican3" not in repr(found.problems)
    assert ("y", "********", 3) in [problem.path for problem in found.problems]


@pytest.mark.parametrize(
    "part",
    [
        *("message", "hint", "path", "index", "kind", "severity", "related message", "mention"),
        "wrong line",
    ],
)
@pytest.mark.parametrize("kind", ["semantic", "schema"])
@pytest.mark.parametrize("secret", [918273645, 7321, 731])
def test_no_part_of_a_problem_holds_a_secret_number(part: str, kind: Any, secret: int) -> None:
    """Whatever kind a check says that it is of; of three digits as a word, but for positions."""

    class Door(BaseModel):
        access_key: int

    parts: dict[str, dict[str, Any]] = {
        "path": {"path": ("y", f"{secret}")},
        "index": {"path": ("y", secret)},
        "kind": {"kind": f"{secret}"},
        "severity": {"severity": f"{secret}"},
        "related message": {"related": (Related(f"{secret}", MAIN, 1, 1),)},
        "mention": {"mentions": ((f"{secret}", "access_key"),)},
        "wrong line": {"line": f"no {secret}"},
    }
    given = {"kind": kind} | parts.get(part, {part: f"{secret}"})

    def tells(config: Door) -> Iterator[Problem]:
        yield Problem(**({"message": "a"} | given))

    found = load(Schema(Door, checks=[tells]), f"access_key = {secret}")
    assert isinstance(found, Invalid)
    if part != "index" or secret > 1000:
        assert f"{secret}" not in repr(found.problems)


def test_the_name_of_a_configured_file_stays_as_it_is() -> None:
    """Even if a secret has the same letters: it is how the problem is found."""

    def tells(config: object) -> Iterator[Problem]:
        yield Problem("a", file=MAIN, related=(Related("r", EXTRA, 1, 1),))

    found = load(Schema(TypeAdapter(dict[str, str]), checks=[tells]), 'password = "config"', 'x = "y"')
    assert isinstance(found, Invalid)
    assert (found.problems[0].file, found.problems[0].related[0].file) == (MAIN, EXTRA)


def test_the_choices_of_a_secret_are_not_listed() -> None:
    """They are secrets, too."""

    class Door(BaseModel):
        api_key: Literal["hunter22", "b"] = "b"

    assert [str(problem) for problem in problems(Door, 'api_key = "q"')] == [
        "config.toml:1:11: Invalid enum value: api_key"
    ]
