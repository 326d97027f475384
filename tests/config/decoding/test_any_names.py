"""Whatever stands in the environment: nothing raises, every name has its origin, and no secret shows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    RootModel,
    SecretStr,
    TypeAdapter,
)
from typing_extensions import TypedDict

from hotconf import Origin, Schema
from hotconf.config.decoding.decode import decode
from hotconf.config.decoding.names import adopted
from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.merge import merge
from hotconf.config.shape import shape_of
from hotconf.config.spelling import respell
from hotconf.config.validation.validate import validate
from hotconf.engine.candidate import Invalid
from torture.extent import examples

SECRET = "hunter2-hunter2"


class Node(BaseModel):
    name: str = ""
    kids: list[Node] = []
    by: dict[str, Node] = {}
    next: Node | None = None


class Typed(TypedDict, total=False):
    a: int
    b: list[int]


@dataclass
class Data:
    x: int = 0
    y: tuple[int, str] = (0, "")


class Left(BaseModel):
    kind: Literal["a"]
    v: int = 0


class Right(BaseModel):
    kind: Literal["b"]
    w: str = ""


class Many(BaseModel, extra="allow"):
    node: Node = Node()
    td: Typed = {}
    dc: Data = Data()
    u: Annotated[Left | Right, Field(discriminator="kind")] = Left(kind="a")
    un: Left | Right | None = None
    r: RootModel[list[int]] = RootModel[list[int]]([])
    any: Any = None
    s: SecretStr = SecretStr("")
    password: int = 0
    j: Json[Any] = None
    price: Decimal | None = Field(None, le=1)
    raw: bytes = Field(b"", max_length=2)
    url: HttpUrl | None = None
    al: int = Field(0, validation_alias=AliasChoices("al", AliasPath("deep", "x", 0), "al2"))


class Strict(Many):
    model_config = ConfigDict(strict=True)


MODELS: list[Any] = [Many, Strict, TypeAdapter(dict[str, Many]), TypeAdapter(Typed), TypeAdapter(Left | Right), Node]
PARTS = [
    *("NODE", "NAME", "KIDS", "BY", "NEXT", "TD", "A", "B", "DC", "X", "Y", "U", "KIND", "V", "W", "UN", "R", "ANY"),
    *("J", "0", "PRICE", "RAW", "URL", "AL", "AL2", "DEEP", "__", "é", "ß", "_", "PORT", "SERVICE_HOST"),
]
TEXTS = [
    *("", "1", "x", "[1]", "{}", '{"a":1}', '{"kind":"b"}', "null", "true", "\udcff", "[", "{", '"x"', "tcp://1:2"),
    *("é", "1e999", "9" * 5000, '{"kids":[{"kids":[]}]}', "[[[[1]]]]", "nan", "abc"),
]
NAMES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("__".join)
PUBLIC = st.dictionaries(st.one_of(NAMES, NAMES.map(str.lower)), st.sampled_from(TEXTS), max_size=5)
HIDDEN = st.dictionaries(
    st.sampled_from(["S", "s__x", "PASSWORD", "password", "DC__PASSWORD", "BY__X__PASSWORD"]),
    st.sampled_from([SECRET, f'["{SECRET}"', f'{{"a": "{SECRET}"}}', f"[{SECRET}", f"tcp://{SECRET}:1"]),
    max_size=3,
)


@st.composite
def tables(draw: st.DrawFn) -> TextTable:
    """Any variables of any layer."""
    texts = {**draw(PUBLIC), **draw(HIDDEN)}
    places = {name: (text, Origin("env", f"${name}")) for name, text in texts.items()}
    nested = draw(st.sampled_from(["__", "__", "_", None]))
    prefix = draw(st.sampled_from(["", "APP_"]))
    return TextTable("env", places, prefix, nested, draw(st.booleans()), own=draw(st.booleans()))


@settings(max_examples=examples(2000, 100), deadline=None)
@given(st.sampled_from(MODELS), tables())
def test_nothing_raises_and_no_secret_shows(model: Any, table: TextTable) -> None:
    """Whatever the model, the names and the texts."""
    schema: Schema[Any] = Schema(model)
    shape = shape_of(schema)
    layer = adopted(decode(table, shape), {"any": {"X": 1}})
    respelled = respell(layer, schema)
    if not isinstance(respelled, LayerTable):
        return
    merged = merge([respelled], shape)
    found = validate(schema, merged)
    said = found.problems if isinstance(found, Invalid) else found.warnings
    assert SECRET not in repr(said)
    assert SECRET not in repr(layer)
    for path in merged.origins:
        assert merged.origins[path].where.startswith("$") or merged.origins[path].where == "env"
        assert merged.origins.explain(path)
