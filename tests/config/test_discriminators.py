"""A stronger layer that changes a discriminator: the weaker layers' other keys of that table are gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field

from hotconf import HotReloadWatcher
from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge
from hotconf.config.shape import Shape, shape_of
from hotconf.schema import Schema


class Options(BaseModel, extra="forbid"):
    a: int = 0
    b: int = 0


class File(BaseModel, extra="forbid"):
    kind: Literal["file"]
    path: str = ""
    options: Options = Options()


class Web(BaseModel, extra="forbid"):
    kind: Literal["web"]
    url: str = ""
    options: Options = Options()


Store = Annotated[File | Web, Field(discriminator="kind")]


class App(BaseModel):
    store: Store
    by_name: dict[str, Store] = {}


SHAPE: Shape = shape_of(Schema(App))


def tables(*given: dict[str, Any]) -> list[LayerTable]:
    """Layers, weakest first."""
    return [LayerTable.of(f"layer{number}", table) for number, table in enumerate(given)]


FILE = {"kind": "file", "path": "p", "options": {"a": 1}}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([{"store": FILE}, {"store": {"kind": "web", "url": "u"}}], {"kind": "web", "url": "u"}),
        ([{"store": FILE}, {"store": {"path": "q"}}], {**FILE, "path": "q"}),
        ([{"store": FILE}, {"store": {"kind": "file", "path": "q"}}], {**FILE, "path": "q"}),
        ([{"store": FILE}, {"store": {"kind": "web"}}, {"store": {"url": "u"}}], {"kind": "web", "url": "u"}),
        (
            [{"store": FILE}, {"store": {"kind": "web", "url": "u"}}, {"store": FILE}],
            FILE,
        ),
        (
            [{"store": FILE}, {"store": {"kind": "web"}}, {"store": {"options": {"b": 2}}}],
            {"kind": "web", "options": {"b": 2}},
        ),
        ([{}, {"store": FILE}], FILE),
    ],
)
def test_other_keys_of_the_table_go(layers: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """Those of the weaker layers only; without a change of the discriminator tables merge."""
    merged = merge(tables(*layers), SHAPE)
    assert merged.table["store"] == expected
    App.model_validate(merged.table)


def test_origins_know_what_went() -> None:
    """What was dropped stands nowhere; what is there has its own layer."""
    given = tables({"by_name": {"x": FILE}}, {"by_name": {"x": {"kind": "web"}}}, {"by_name": {"x": {"url": "u"}}})
    origins = merge(given, SHAPE).origins
    x = ("by_name", "x")
    assert (*x, "path") not in origins
    assert (*x, "options", "a") not in origins
    where = {path: origins[path].where for path in ((*x, "kind"), (*x, "url"), x, ("by_name",))}
    assert where == {(*x, "kind"): "layer1", (*x, "url"): "layer2", x: "layer1", ("by_name",): "layer0"}
    assert set(origins) == {("by_name",), x, (*x, "kind"), (*x, "url")}
    assert [answer.origin.where for answer in origins.explain((*x, "kind"))] == ["layer1", "layer0"]
    assert origins.locate((*x, "path")) == origins[x]


def test_the_layers_stay_as_they_are() -> None:
    """They are used again by the next load."""
    given = tables({"store": FILE}, {"store": {"kind": "web"}}, {"store": {"url": "u"}})
    merge(given, SHAPE)
    assert given[1].table == {"store": {"kind": "web"}}
    assert merge(given, SHAPE).table["store"] == {"kind": "web", "url": "u"}


def test_without_a_tagged_union_nothing_is_asked() -> None:
    """A plain model has none."""

    class Plain(BaseModel):
        kind: str = ""
        path: str = ""

    assert not shape_of(Schema(Plain)).tagged
    merged = merge(tables({"kind": "a", "path": "p"}, {"kind": "b"}), shape_of(Schema(Plain)))
    assert merged.table == {"kind": "b", "path": "p"}
    assert merged.layers[1].origin(("kind",), Path()).where == "layer1"


class First(BaseModel, extra="forbid"):
    kind: Literal["first"]
    number: int = Field(0, validation_alias=AliasChoices("n", "num"))


class Second(BaseModel, extra="forbid"):
    kind: Literal["second"]
    number: int = Field(0, validation_alias=AliasChoices("num", "n"))


class Spelled(BaseModel):
    either: Annotated[First | Second, Field(discriminator="kind")]


@pytest.mark.parametrize("kind", ["first", "second"])
@pytest.mark.parametrize(("weak", "strong"), [("n", "num"), ("num", "n"), ("n", "n")])
@pytest.mark.parametrize("tagged", [0, 1, 2])
@pytest.mark.parametrize("in_files", [True, False])
def test_names_that_members_order_differently_are_those_of_the_member_that_counts(
    tmp_path: Path, kind: str, weak: str, strong: str, tagged: int, in_files: bool
) -> None:
    """Whichever layer has the tag: no weak layer's spelling wins."""
    tables: list[dict[str, Any]] = [{"either": {weak: 1}}, {"either": {strong: 2}}, {}]
    tables[tagged].setdefault("either", {})["kind"] = kind
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for path, table in zip(paths, tables, strict=True):
        path.write_text(json.dumps(table))
    over = [] if in_files else tables[1:]
    more = [path.name for path in paths[1:]] if in_files else []
    with HotReloadWatcher(paths[0], Spelled, watch_paths=more, layers=over) as watcher:
        assert watcher.config.either.number == 2
        where = watcher.snapshot.explain(("either", "n" if kind == "first" else "num"))[0].origin.where
        assert where.startswith("1.json" if in_files else "layers[0]")
