"""The model whose documents grow: a field for each kind of value that can be large."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, Json, SecretStr, create_model

from hotconf import HotReloadSettings, Problem, Schema

WORDS = tuple(f"choice-number-{n}" for n in range(300))
Wide = Enum("Wide", {f"C{n}": word for n, word in enumerate(WORDS)})  # type: ignore[misc]


class Server(BaseModel):
    name: str = ""
    port: int = 1
    password: str = ""


class A(BaseModel):
    kind: Literal["a"] = "a"
    first: int
    second: str


class B(BaseModel):
    kind: Literal["b"] = "b"
    third: int
    fourth: str


class C(BaseModel):
    kind: Literal["c"] = "c"
    fifth: int
    sixth: str


class Strict(BaseModel, extra="forbid"):
    port: int = 1


class Node(BaseModel):
    name: str = ""
    child: Node | Leaf | None = None
    children: list[Node] = []


class Leaf(BaseModel):
    name: str = ""
    child: Node | Leaf | None = None
    value: int = 0


Broad = create_model("Broad", **{f"field_number_{n}": (int, n) for n in range(300)})  # type: ignore[call-overload]


class Config(BaseModel):
    text: str = ""
    secret: SecretStr = SecretStr("")
    table: dict[str, Any] = {}
    array: list[Any] = []
    ints: list[int] = []
    texts: list[str] = []
    unique: set[str] = set()
    pair: tuple[int, ...] = ()
    steps: list[A | B | C] = []
    by_name: dict[str, A | B | C] = {}
    tagged: list[Annotated[A | B | C, Field(discriminator="kind")]] = []
    choices: list[Literal[WORDS]] = []  # type: ignore[valid-type]
    wide: list[Wide] = []
    items: list[Server] = []
    split: Annotated[list[int | bool], BeforeValidator(lambda text: text.split(" "))] = []
    packed: Json[list[A | B | C]] = []  # type: ignore[assignment]
    servers: dict[str, Server] = {}
    kept: dict[str, SecretStr] = {}
    strict: Strict = Strict()
    node: Node = Node()
    broad: Broad = Broad()  # type: ignore[valid-type]
    broads: dict[str, Broad] = {}  # type: ignore[valid-type]
    negative: list[int] = []
    odd: list[int] = []
    hot_reload: HotReloadSettings = HotReloadSettings()


def quarrelsome(config: Config) -> Iterator[Problem]:
    """A check with something to say of each number; what is about `odd` are errors."""
    for n in range(len(config.negative)):
        yield Problem(f"number {n} is negative", path=("negative", n), severity="warning")
    for n in range(len(config.odd)):
        yield Problem(f"number {n} is odd, {config.text[:20]}", path=("odd", n), mentions=(("as is", f"odd[{n}]"),))


CONFIG = Schema(Config, checks=(quarrelsome,), kebab=True, template="# all defaults\n")


def described(old: Config, new: Config, changes: Any) -> list[str]:
    """A line for each change, quoting what it should not."""
    return [f"{change.dotted} changed, {new.kept}" if not n else str(change) for n, change in enumerate(changes)]


DESCRIBED = Schema(Config, checks=(quarrelsome,), describe=described)
