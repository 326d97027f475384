"""Bounded validation gives pydantic's own result, in all kinds of containers, and is not flooded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PositiveInt,
    RootModel,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from hotconf.config.merge import merge
from hotconf.config.validation import bounded
from hotconf.config.validation.bounded import MOST_EXTRAS, Errors, validated
from hotconf.config.validation.validate import Validated, validate
from hotconf.engine.candidate import Invalid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.formats.toml.format import TOML
from hotconf.schema import Schema
from torture.extent import examples

FILE = Path("/etc/app/config.toml")


class A(BaseModel):
    a: int
    kind: Literal["a"] = "a"


class B(BaseModel):
    b: str
    n: int = 0
    kind: Literal["b"] = "b"


class Strict(BaseModel, extra="forbid"):
    x: int
    y: int = 1


class Open(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, A | int] = Field(init=False)
    x: int = 1


class Pair(NamedTuple):
    x: int
    y: int = 2


class Typed(TypedDict, total=False):
    x: int


@dataclass
class Data:
    x: int


class Node(BaseModel):
    value: int = 0
    children: list[Node | A] = []


class Lax(BaseModel, strict=True):
    numbers: list[int] = []
    packed: Json[set[int]] = set()


def _falls_back(value: Any, handler: Any) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return []


def _sums(values: list[int]) -> list[int]:
    if sum(values) > 10**6:
        raise ValueError("too much together")
    return values


class Whole(BaseModel):
    """A field of each kind."""

    steps: list[A | B] = []
    tagged: list[Annotated[A | B, Field(discriminator="kind")]] = []
    either: list[A] | list[B] | dict[str, A] = []
    table: dict[str, A | B] = {}
    keys: dict[PositiveInt, list[int]] = {}
    unique: set[int] = set()
    frozen: frozenset[str | int] = frozenset()
    tuples: tuple[A, ...] = ()
    fixed: tuple[int, str] = (1, "")
    nested: list[list[A | B]] = []
    strict: list[Strict] = []
    open: dict[str, Open] = {}
    pairs: list[Pair] = []
    pair: Pair = Pair(1)
    typed: Typed = Typed()
    data: list[Data] = []
    node: Node = Node()
    lax: Lax = Lax()
    short: Annotated[list[int], Field(min_length=1, max_length=3)] = [1]
    after: Annotated[list[int], AfterValidator(_sums)] = []
    before: Annotated[list[int], BeforeValidator(lambda value: value * 2 if isinstance(value, list) else value)] = []
    wrapped: Annotated[list[A], WrapValidator(_falls_back)] = []
    maybe: list[A] | None = None
    root: RootModel[list[A]] = RootModel[list[A]]([])
    packed: Json[list[A | Pair] | dict[int, frozenset[int]] | Node] = []  # type: ignore[assignment]


SCHEMA = Schema(Whole)
SCALARS = st.sampled_from([1, 0, -1, 2**60, 1.5, "", "7", "a", "b", True])
KEYS = st.sampled_from(["a", "b", "x", "y", "n", "kind", "value", "children", "1", "-1", "other", "numbers"])
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
VALUES = PLAIN | PLAIN.map(json.dumps)
TABLES = st.dictionaries(st.sampled_from([*Whole.model_fields, "unknown"]), VALUES, max_size=4)


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table may cost too much."""
    monkeypatch.setattr(bounded, "_AFFORDABLE", 0)


def plain(table: dict[str, Any], adapter: TypeAdapter[Any] = SCHEMA.adapter) -> Any:
    """Pydantic's own result."""
    try:
        return adapter.validate_python(table)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)


def ours(table: dict[str, Any], schema: Schema[Any] = SCHEMA) -> Any:
    """The result at a bounded cost."""
    found = validated(schema, merge([Document(FILE, "", table, TOML)]))
    return found.details if isinstance(found, Errors) else found


def same_places(errors: Any) -> Any:
    """Errors without the names of alternatives, which are arbitrary."""
    if not isinstance(errors, list):
        return errors
    return [(e["type"], e["msg"], [p for p in e["loc"] if not _names_alternative(p)]) for e in errors]


def _in_too_long(error: tuple[str, str, list[Any]], known: list[tuple[str, str, list[Any]]]) -> bool:
    """Whether it is in an array that pydantic itself refuses for its length."""
    return any(kind == "too_long" and error[2][: len(loc)] == loc for kind, _, loc in known)


def _names_alternative(part: int | str) -> bool:
    return isinstance(part, str) and (part.startswith("alternative ") or "[" in part or part in ("A", "B", "Node"))


@pytest.mark.usefixtures("dear")
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=examples(250, 80)
)
@example({"short": [1, 1, 1.5, 1]})
@given(TABLES)
def test_it_is_what_pydantic_says(table):
    """The same values of the same types, or the first of the same errors at the same places."""
    expected, found = plain(table), ours(table)
    assert type(found) is type(expected)
    if isinstance(expected, list):
        known, errors = same_places(expected), same_places(found)
        assert errors[0] == known[0] or _in_too_long(errors[0], known[:1])
        assert all(error in known or _in_too_long(error, known) for error in errors)
    if isinstance(expected, Whole):
        assert repr(found) == repr(expected)
        assert found.model_fields_set == expected.model_fields_set


FLOODS = {
    "steps": [{}],
    "tagged": [{"kind": "a"}],
    "either": [{}],
    "unique": ["x"],
    "frozen": [1.5],
    "tuples": [{}],
    "nested": [[{}, {"a": ""}]],
    "strict": [{"z": 1}],
    "pairs": [["x", 1, 2]],
    "data": [{}],
    "after": ["x"],
    "before": ["x"],
    "maybe": [{}],
    "root": [{}],
}


@pytest.mark.usefixtures("dear")
@pytest.mark.parametrize(
    "table",
    [
        *({name: items * 4_000} for name, items in FLOODS.items()),
        {"table": {str(n): {} for n in range(4_000)}},
        {"keys": {str(-n): ["x"] for n in range(4_000)}},
        {"strict": [{f"k{n}": 0 for n in range(4_000)}]},
        {"node": {"children": [{"children": [{"children": [""] * 4_000}]}]}},
        {"lax": {"numbers": ["1"] * 4_000}},
        {"packed": "[" + "[1.5]," * 4_000 + "{}]"},
    ],
    ids=lambda table: next(iter(table)),
)
def test_floods(table):
    """Of thousands of errors a bounded number is made."""
    errors = validated(SCHEMA, merge([Document(FILE, "", table, TOML)]))
    assert isinstance(errors, Errors)
    assert errors.more
    assert len(errors.details) <= MOST_EXTRAS + 5
    assert len(plain(table)) >= 4_000


@pytest.mark.usefixtures("dear")
def test_each_array_is_judged_up_to_its_first_error():
    """Those beside it are judged as well."""
    table: dict[str, Any] = {name: FLOODS[name] * 4_000 for name in ("steps", "tuples", "nested", "after", "data")}
    errors = ours({**table, "short": [1, 2], "unique": [1] * 10})
    assert len(errors) < 15
    assert {error["loc"][0] for error in errors} == table.keys()


@pytest.mark.usefixtures("dear")
def test_an_alternative_that_is_flooded_does_not_refuse_the_others():
    """The second alternative accepts what the first one finds thousands of errors in."""
    items = [{"b": str(n)} for n in range(4_000)]
    found = ours({"either": items})
    assert [item.b for item in found.either] == [item["b"] for item in items]
    assert ours({"wrapped": [{}] * 4_000}).wrapped == []
    assert len(ours({"either": items, "steps": 1})) == 1


@pytest.mark.usefixtures("dear")
def test_users_validators_are_called_as_pydantic_calls_them():
    """Once for each value, those on the whole array included; not on the whole of one with errors."""
    calls: list[str] = []

    class Counted(BaseModel):
        items: list[int]

        @field_validator("items", mode="after")
        @classmethod
        def _whole(cls, value: list[int]) -> list[int]:
            calls.append("whole")
            return value[:1]

        @field_validator("items", mode="before")
        @classmethod
        def _early(cls, value: Any) -> Any:
            calls.append("before")
            return value

        @model_validator(mode="after")
        def _model(self) -> Counted:
            calls.append("model")
            return self

    assert ours({"items": [5] * 10_000}, Schema(Counted)).items == [5]
    assert calls == ["before", "whole", "model"]
    calls.clear()
    assert len(ours({"items": ["x"] * 10_000}, Schema(Counted))) == 1
    assert calls == ["before"]


def test_what_cannot_cost_much_is_left_to_pydantic(monkeypatch):
    """No second validator is made for a usual file."""
    monkeypatch.setattr(bounded, "SchemaValidator", None)
    assert ours({"steps": [{"a": 1}] * 10}).steps == [A(a=1)] * 10


WIDE = tuple(f"choice-{n}" for n in range(3000))
Wide = Enum("Wide", {f"C{n}": word for n, word in enumerate(WIDE)})  # type: ignore[misc]
Members = [
    type(f"M{n}", (BaseModel,), {"__annotations__": {"kind": Literal[word]}}) for n, word in enumerate(WIDE[:200])
]


def _quotes_all(value: str) -> str:
    raise ValueError(f"{value} is none of {WIDE}")


def _holds_much(value: str) -> str:
    known = list(WIDE)
    if value not in known:
        raise ValueError("unknown")
    return value


class Costly(BaseModel):
    """Errors that take much memory, each, or that a short text makes many of."""

    literals: list[Literal[WIDE]] = []  # type: ignore[valid-type]
    members: dict[str, Wide] = {}
    tagged: list[Annotated[Union[tuple(Members)], Field(discriminator="kind")]] = []  # type: ignore[valid-type]  # noqa: UP007
    patterns: set[Annotated[str, Field(pattern="|".join(WIDE))]] = set()
    quoting: list[Annotated[str, AfterValidator(_quotes_all)]] = []
    holding: tuple[Annotated[str, AfterValidator(_holds_much)], ...] = ()
    pairs: list[Literal[WIDE] | Wide] = []  # type: ignore[valid-type]
    nested: dict[str, list[list[Wide]]] = {}
    split: Annotated[list[int | bool], BeforeValidator(lambda text: text.split(" "))] = []
    packed: Json[list[A | B]] = []
    packed_literals: Json[list[Literal[WIDE]]] = []  # type: ignore[valid-type]


SOME = 8000


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("literals", ["x"] * SOME),
        ("members", {f"k{n}": "x" for n in range(SOME)}),
        ("tagged", [{"kind": "x"}] * SOME),
        ("patterns", [f"x{n}" for n in range(SOME)]),
        ("quoting", ["x"] * SOME),
        ("holding", ["x"] * SOME),
        ("pairs", ["x"] * SOME),
        ("nested", {f"k{n}": [["x"] * 20] * 20 for n in range(SOME // 400)}),
        ("split", "x " * 5 * SOME),
        ("packed", "[" + "{}," * SOME + "{}]"),
        ("packed_literals", "[" + '"x",' * SOME + "1]"),
    ],
)
def test_errors_take_bounded_memory(name, given):
    """Whatever makes them many or large: the text of all of them, and what they hold, stays bounded."""
    text = f"{name} = " + json.dumps(given).replace(": ", " = ").replace('"kind"', "kind")
    errors = validated(Schema(Costly), merge([document(text)]))
    assert isinstance(errors, Errors)
    assert errors.more
    assert len(errors.details) <= 5


class Left(BaseModel):
    child: Left | Right | None = None


class Right(BaseModel):
    child: Left | Right | None = None
    extra: int = 0


class Tree(BaseModel):
    child: Left | Right | None = None
    others: dict[str, Left | Right] = {}


def document(text: str) -> Document:
    """The document that `text` is."""
    found = parse(text.encode(), FILE)
    assert isinstance(found, Document)
    return found


@pytest.mark.parametrize("leaf", ["{}", '{ extra = "x", child = 1 }'])
def test_alternatives_in_alternatives(leaf):
    """Each level doubles pydantic's work: few are accepted as ever, too many are refused, and soon."""
    few, many = (validate(Schema(Tree), merge([document("child." * n + f"child = {leaf}")])) for n in (5, 59))
    assert isinstance(few, Validated if leaf == "{}" else Invalid)
    assert isinstance(many, Invalid)
    told = "Tables are nested too deeply for the alternatives that the model has for each"
    assert [problem.message for problem in many.problems] == [told]


def test_the_end_says_that_there_may_be_more():
    """What was not looked at cannot be counted."""
    verdict = validate(SCHEMA, merge([document("steps=[" + "{}," * 40_000 + "]")]))
    assert isinstance(verdict, Invalid)
    assert verdict.problems[0].message == "Missing required field: steps[0].a"
    assert verdict.problems[-1].message.startswith("… and perhaps more")


def test_an_adapter_with_a_config_of_its_own_is_left_to_pydantic(dear):
    """That config stands nowhere in the core schema."""
    adapter = TypeAdapter(dict[str, list[int]], config=ConfigDict(strict=True))
    table = {"x": ["1"] * 3}
    assert same_places(ours(table, Schema(adapter))) == same_places(plain(table, adapter))
