"""A template of any model: what it sets is the model's defaults, and a check names what it leaves out."""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    Json,
    RootModel,
    SecretStr,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from typing_extensions import TypedDict

from hotconf import Schema
from hotconf.formats.base import Format
from hotconf.formats.registry import FORMATS
from hotconf.inspection.inspect import State, inspect
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.report.template.entries import required
from hotconf.report.template.fields import template_of
from hotconf.report.template.lines import text_of
from hotconf.sources.base import Options
from hotconf.speckit.config import AppConfig

SECRET = "S3CR3T-of-the-model"


def written(model: Any, form: Format, **how: Any) -> str:
    """The template of `model`."""
    return text_of(template_of(Schema(model, **how), form), form)


def outcome(path: Path, model: Any, text: str, **how: Any) -> Any:
    """The configuration that is loaded from `text`, or the key paths of what is wrong."""
    path.write_text(text, encoding="utf-8")
    found = inspect(Options(path, Schema(model, **how)))
    if isinstance(found, State):
        assert not found.problems, text
        return found.snapshot.config
    assert all(problem.message.startswith("Missing required") for problem in found.problems), (found.problems, text)
    return {problem.path for problem in found.problems}


def agrees(
    directory: Path, model: Any, form: Format, missing: Collection[KeyPath] = (), *, whole: bool = True, **how: Any
) -> str:
    """Assert that the template has the model's defaults and lacks what is `missing`; its text.

    `whole`: the model can be made of nothing.
    """
    path = directory / f"config{form.suffixes[0]}"
    template = template_of(Schema(model, **how), form)
    text = text_of(template, form)
    found = outcome(path, model, text, **how)
    if missing:
        assert found == set(missing), (found, missing, text)
    elif whole:
        wanted = outcome(path, model, "{}" if form.name != "TOML" else "# all defaults\n", **how)
        assert repr(found) == repr(wanted) or found == wanted, text  # NaN
    assert set(required(template.entries)) == set(missing)
    return text


def uncommented(text: str, form: Format) -> dict[str, Any] | Problem:
    """What is set without the `#` before the keys."""
    # What is nothing, or has nothing in it, makes room for its example.
    text = re.sub(r"^ *[^#\n]+: (null|\[\]|\{\})\n(?=( *)#[^ \n]+:\n)", "", text, flags=re.MULTILINE)
    return form.parse(Path("x"), re.sub(r"^( *)#(?=[^ \n])", r"\1", text, flags=re.MULTILINE))


# Any model


class Drawn(NamedTuple):
    """A model, what it requires, and whether it can be made of nothing."""

    model: Any
    missing: set[KeyPath]
    whole: bool


class Level(enum.Enum):
    """Words."""

    LOW = "low"
    HIGH = "high"


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["null", "yes", "1", "a: b", "#", " x "])
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**70), 2**70),
    float: st.floats() | st.integers(0, 9),
    bool: st.booleans(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.sampled_from([UTC])) | st.datetimes(),
    time: st.times(),
    timedelta: st.timedeltas(timedelta(days=-9), timedelta(days=9)),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=2),
    UUID: st.uuids(),
    Path: st.sampled_from([Path("/a/b"), Path("c d")]),
    IPv4Address: st.ip_addresses(v=4),
    bytes: st.binary(max_size=4),
    Level: st.sampled_from(Level),
    Literal["a", 1, True]: st.sampled_from(["a", 1, True]),
    int | None: st.none() | st.integers(),
    Any: st.none() | st.integers() | TEXTS | st.dictionaries(TEXTS, st.integers() | st.none(), max_size=2),
    list[int]: st.lists(st.integers(), max_size=3),
    list[str]: st.lists(TEXTS, max_size=3),
    list[int | None]: st.lists(st.none() | st.integers(), max_size=2),
    list[list[int]]: st.lists(st.lists(st.integers(), max_size=2), max_size=2),
    tuple[int, str]: st.tuples(st.integers(), TEXTS),
    set[int]: st.sets(st.integers(), max_size=3),
    dict[str, int]: st.dictionaries(TEXTS, st.integers(), max_size=2),
    dict[int, str]: st.dictionaries(st.integers(0, 9), TEXTS, max_size=2),
    SecretStr: st.just(SecretStr(SECRET)),
}
NAMES = st.sampled_from(["alpha", "beta_b", "gamma", "max_size", "note", "x9"])
DESCRIPTIONS = (
    st.none() | st.text(st.sampled_from('ab -*#\n\r\t:="\\\x07é\u2028'), max_size=30) | st.just("word " * 40)
)


KINDS = ["value", "value", "needed", "made", "default", "none", "list", "dict"]
KEYS = [None, None, None, "other-name", AliasChoices("first", "second")]


@st.composite
def values(draw: Any, alias: object) -> tuple[Any, Any]:
    """A type that is no table, and what stands behind it in the model."""
    kind = draw(st.sampled_from(list(VALUES)))
    about = {"description": draw(DESCRIPTIONS), "validation_alias": alias}
    if draw(st.integers(0, 4)) == 0:
        return kind, Field(**about)
    value = draw(VALUES[kind])
    made = draw(st.booleans())
    return kind, Field(default_factory=lambda: value, **about) if made else Field(value, **about)


@st.composite
def models(draw: Any, depth: int = 2) -> Drawn:
    """A model of any fields."""
    fields: dict[str, Any] = {}
    missing: set[KeyPath] = set()
    whole = True
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        kind = draw(st.sampled_from(KINDS if depth else KINDS[:1]))
        if kind == "value":
            alias = draw(st.sampled_from(KEYS))
            if alias in [each[1].validation_alias for each in fields.values()]:
                alias = None
            value, field = draw(values(alias))
            if field.is_required():
                whole = False
                missing.add((str(getattr(alias, "choices", [alias or name])[0]),))
            fields[name] = (value, field)
            continue
        inner = draw(models(depth - 1))
        some = inner.whole and draw(st.booleans())
        if kind == "needed" or (kind in ("made", "default") and not inner.whole):
            fields[name] = (inner.model, Field())
            whole = False
            missing |= {(name, *path) for path in inner.missing}
        elif kind in ("made", "default"):
            made = {"default_factory": inner.model} if kind == "made" else {"default": inner.model()}
            fields[name] = (inner.model, Field(**made))
        elif kind == "none":
            fields[name] = (inner.model | None, Field(None))
        elif kind == "list":
            fields[name] = (list[inner.model], Field([inner.model()] * 2 if some else []))
        else:
            fields[name] = (dict[str, inner.model], Field({"a b": inner.model()} if some else {}))
    return Drawn(create_model("Model", __doc__=draw(DESCRIPTIONS), __module__="nowhere", **fields), missing, whole)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@given(drawn=models())
@settings(max_examples=30, deadline=None)
def test_any_model(form: Format, drawn: Drawn, tmp_path_factory: Any) -> None:
    """Loaded, it is what the model is without a file; else exactly what has no default is missing. No secret."""
    directory = tmp_path_factory.getbasetemp() / "template"
    directory.mkdir(exist_ok=True)
    text = agrees(directory, drawn.model, form, drawn.missing, whole=drawn.whole)
    assert SECRET not in text
    if form.name != "JSON":
        assert not isinstance(uncommented(text, form), Problem), text


# Some models


class File(BaseModel):
    """To a file."""

    kind: Literal["file"] = "file"
    path: Path = Path("/var/log/app.log")


class Http(BaseModel):
    """To a server."""

    kind: Literal["http"] = "http"
    url: str
    token: SecretStr = SecretStr(SECRET)


Sink = Annotated[File | Http, Field(discriminator="kind")]


class Unions(BaseModel):
    """Tables by their tags, and other alternatives."""

    by_default: Sink = Field(File(path=Path("x")), description="Where it goes.")
    needed: Sink
    maybe: Sink | None = None
    either: int | File = 3
    table: int | File = File()
    many: list[Sink] = [File(), Http(url="u", token=SecretStr("t"))]


@dataclass
class Pool:
    """Connections."""

    size: int
    limits: list[int] = field(default_factory=list)
    timeout: float = 30


class Typed(TypedDict):
    """A plain table."""

    name: str
    port: NotRequired[int]


class Root(RootModel[list[str]]):
    """A list."""


class Tree(BaseModel):
    """In itself."""

    name: str = "x"
    children: list[Tree] = []
    next: Tree | None = None


class Secrets(BaseModel):
    """Wherever they stand."""

    api_key: str = SECRET
    dsn: str = f"postgres://user:{SECRET}@host/db"
    copied: str = f"token {SECRET}"
    passwords: dict[str, str] = {"a": SECRET}
    made: SecretStr = Field(default_factory=lambda: SecretStr(SECRET))
    nothing: SecretStr | None = None
    http: Http = Http(url="u", token=SecretStr(SECRET + "2"))
    note: str = Field("x", description=f"Not {SECRET}.")


class Validators(BaseModel):
    """What validators do to a default, or want of a whole."""

    upper: str = "a"
    wrong: int = "no"  # type: ignore[assignment]
    low: int = 1
    high: int = 2
    text: int = "5"  # type: ignore[assignment]
    root: Root = Root(["a"])
    random: UUID = Field(default_factory=uuid4)
    raising: int = Field(default_factory=lambda: 1 // 0 if RAISING else 7)
    doubled: int = 0

    @field_validator("upper")
    @classmethod
    def to_upper(cls, value: str) -> str:
        return value.upper()

    @field_validator("high")
    @classmethod
    def above_low(cls, value: int, info: Any) -> int:
        assert value > info.data["low"]
        return value

    @model_validator(mode="before")
    @classmethod
    def looks(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "doubled": 2} if "doubled" in given else given


RAISING: list[int] = []


class Db(BaseSettings):
    """From the environment, if there is anything."""

    model_config = SettingsConfigDict(env_prefix="TEMPLATE_DB_")
    host: str = "localhost"
    password: str = ""


class Settings(BaseSettings):
    """Likewise."""

    model_config = SettingsConfigDict(env_prefix="TEMPLATE_", env_nested_delimiter="__")
    port: int = 8000
    made: Db = Field(default_factory=Db)
    called: Db = Field(default_factory=lambda: Db())


CASES: dict[str, tuple[Any, set[KeyPath], dict[str, Any]]] = {
    "unions": (Unions, {("needed",)}, {}),
    "dataclass": (Pool, {("size",)}, {}),
    "typed dict": (Typed, {("name",)}, {}),
    "free table": (dict[str, int], set(), {}),
    "recursive": (Tree, set(), {}),
    "secrets": (Secrets, set(), {}),
    "kebab": (create_model("Kebab", max_size=(int, 3), tls_on=(bool, False)), set(), {"kebab": True}),
    "built-in": (AppConfig, set(), {"kebab": True}),
}


class Login(NamedTuple):
    """Secret by the name of an item."""

    user: str
    password: str


class Account(BaseModel):
    """Secret by its key."""

    password: str = SECRET


HIDDEN = SecretStr(SECRET)
PLACES: dict[str, Any] = {
    "key": (str, Field(SECRET, alias="api_key")),
    "other name": (str, Field(SECRET, validation_alias=AliasChoices("word", "mail_password"))),
    "type": (SecretStr, HIDDEN),
    "maybe": (SecretStr | None, HIDDEN),
    "list": (list[SecretStr], [HIDDEN]),
    "table": (dict[str, SecretStr], {"a": HIDDEN}),
    "keys": (dict[SecretStr, int], {HIDDEN: 1}),
    "table of secrets": (dict[str, str], Field({"a": SECRET}, alias="credentials")),
    "tuple": (Login, Login("me", SECRET)),
    "tuples": (list[Login], [Login("me", SECRET)]),
    "nested": (Account, Account()),
    "instance": (Account, Account(password=SECRET + "2")),
    "instances": (list[Account], [Account()]),
    "root model": (RootModel[SecretStr], RootModel[SecretStr](HIDDEN)),
    "url": (str, f"https://me:{SECRET}@host/"),
    "query": (str, f"https://host/?token={SECRET}"),
    "anything": (Any, {"deep": [{"password": SECRET}]}),
    "json": (Json[Any], Field('{"password": "' + SECRET + '"}')),
    "choice": (Literal["S3CR3T-of-the-model"], Field(SECRET, alias="password")),
    "example": (str, Field("", alias="token", examples=[SECRET])),
    "required": (str, Field(alias="token", examples=[SECRET])),
    "description": (SecretStr, Field(HIDDEN, description=f"Such as {SECRET}.")),
    "number": (int, Field(55512345678901, alias="pin_secret")),
}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("place", PLACES)
def test_no_secret_default(place: str, form: Format) -> None:
    """Wherever it stands, alone or where another default repeats it."""
    model = create_model(
        "Keeper", repeated=(str, f"made of {SECRET}"), known=(SecretStr, HIDDEN), place=PLACES[place]
    )
    text = written(model, form)
    assert SECRET not in text
    assert "55512345678901" not in text


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("name", CASES)
def test_kinds_of_models(name: str, form: Format, tmp_path: Path) -> None:
    """Each as any other; no secret is in it, nor in what describes it."""
    model, missing, how = CASES[name]
    text = agrees(tmp_path, model, form, missing, **how)
    assert SECRET not in text
    if form.name != "JSON":
        assert not isinstance(uncommented(text, form), Problem), text


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_what_would_not_read_back_is_a_comment(form: Format, tmp_path: Path) -> None:
    """A default that a validator changes, refuses, or makes anew each time."""
    text = written(Validators, form)
    (tmp_path / f"x{form.suffixes[0]}").write_text(text)
    found = inspect(Options(tmp_path / f"x{form.suffixes[0]}", Schema(Validators)))
    assert isinstance(found, State), found
    config = found.snapshot.config
    assert (config.upper, config.wrong, config.text, config.doubled) == ("a", "no", "5", 0)
    table = form.parse(Path("x"), text)
    assert isinstance(table, dict)
    assert table == {"low": 1, "high": 2, "root": ["a"], "raising": 7}


def test_users_code_that_fails_ends_nothing() -> None:
    """What a factory or a validator does, even to exit, only means that the default is not known."""

    class Failing(BaseModel):
        port: int = 5
        leaves: int = Field(default_factory=lambda: sys.exit(3))
        raises: int = Field(default_factory=lambda: 1 // 0)

        @model_validator(mode="after")
        def never(self) -> Failing:
            sys.exit(4)

    text = written(Failing, FORMATS[0])
    assert "\nport = 5\n" in text
    assert "# Integer. Computed at each start.\n#leaves = 0\n" in text
    assert "#raises = 0\n" in text


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_nothing_of_the_environment_is_written(form: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A factory of `BaseSettings` reads it; the template has what the class says."""
    monkeypatch.setenv("TEMPLATE_DB_HOST", "of-the-environment")
    monkeypatch.setenv("TEMPLATE_DB_PASSWORD", SECRET)
    monkeypatch.setenv("TEMPLATE_PORT", "77")
    text = written(Settings, form)
    assert "of-the-environment" not in text
    assert SECRET not in text
    assert "77" not in text
    assert "localhost" in text


def test_a_page_of_toml() -> None:
    """Descriptions, types, limits, defaults and examples, as people read them."""

    class Tls(BaseModel):
        cert: Path = Field(description="The certificate.")

    class Server(BaseModel):
        """Where it listens."""

        host: str = Field(description="A name or an address.", examples=["example.com"])
        port: int = Field(8000, ge=1, le=65535)
        tls: Tls | None = None

    class App(BaseModel):
        """The shop.

        - one item
        - another
        """

        level: Literal["debug", "info"] = "info"
        names: list[str] = Field(["a"], min_length=1)
        timeout: timedelta | None = None
        server: Server
        mirrors: list[Server] = []

    assert written(App, FORMATS[0]) == PAGE


PAGE = """\
# The shop.
#
# - one item
# - another
#
# A key with a "#" right before it is not set. Remove the "#" to set it.

# One of "debug", "info".
level = "info"

# List of text, at least 1 item.
names = ["a"]

# Duration, such as PT30S. Optional.
#timeout = "PT30S"

# Where it listens.
[server]

# A name or an address.
# Text. Required.
#host = "example.com"

# Integer, 1 to 65535.
port = 8000

# Table. Optional.
#[server.tls]

# The certificate.
# Path. Required.
#cert = ""

# List of tables.
#[[mirrors]]

# A name or an address.
# Text. Required.
#host = "example.com"

# Integer, 1 to 65535.
#port = 8000

# Table. Optional.
#[mirrors.tls]

# The certificate.
# Path. Required.
#cert = ""
"""
