"""Several documents become one table, and each value keeps its origin."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.config.merge import Origins, merge
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.formats.toml import positions as positions_module
from hotconf.formats.toml.format import TOML
from hotconf.keypath import KeyPath, dotted
from hotconf.keypath import parse as keypath
from hotconf.snapshot import Origin


def documents(*texts: str) -> list[Document]:
    """Documents `0.toml`, `1.toml` and so on of these texts."""
    found = [parse(text.encode(), Path(f"/{index}.toml"), allow_empty=True) for index, text in enumerate(texts)]
    assert all(isinstance(document, Document) for document in found)
    return [document for document in found if isinstance(document, Document)]


def place(origin: Origin | None) -> str | None:
    """`0:3:5`: which document, line and column."""
    return origin and origin.where.replace(".toml", "")


MERGES: list[tuple[list[str], dict[str, Any]]] = [
    ([], {}),
    (["a = 1"], {"a": 1}),
    (["a = 1", "b = 2"], {"a": 1, "b": 2}),
    (["a = 1", "a = 2", "a = 3"], {"a": 3}),
    (["[t]\na = 1\nb = 1", "[t]\nb = 2\nc = 2"], {"t": {"a": 1, "b": 2, "c": 2}}),
    (["t.u.v.a = 1", "t.u.v.b = 2"], {"t": {"u": {"v": {"a": 1, "b": 2}}}}),
    (["a = [1, 2, 3]", "a = [4]"], {"a": [4]}),
    (["[[a]]\nx = 1\n[[a]]\nx = 2", "[[a]]\ny = 3"], {"a": [{"y": 3}]}),
    (["a = {b = 1}", "a = 5"], {"a": 5}),
    (["a = 5", "a = {b = 1}"], {"a": {"b": 1}}),
    (["a = {b = 1}", "a = 5", "a = {c = 1}"], {"a": {"c": 1}}),
    (["a = {b = 1}", "a = [1]"], {"a": [1]}),
    (["a = {b = 1}", "a = {}"], {"a": {"b": 1}}),
]


@pytest.mark.parametrize(("texts", "table"), MERGES)
def test_merge(texts: list[str], table: dict[str, Any]) -> None:
    """Tables merge deeply, everything else is replaced, the last document wins."""
    found = documents(*texts)
    merged = merge(found)
    assert merged.table == table
    assert merged.documents == tuple(found)


def containers(value: object) -> list[object]:
    """Every table and array in `value`."""
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if below is None else [value, *(found for item in below for found in containers(item))]


tables = st.recursive(
    st.integers(0, 3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
).flatmap(lambda value: st.dictionaries(st.sampled_from("abc"), st.just(value) | st.integers(0, 3), max_size=3))


def toml(value: object) -> str:
    """`value` on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else str(value)


def text(table: dict[str, Any]) -> str:
    """`table` as a document, each key on its line."""
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


@given(st.lists(tables, max_size=4))
def test_nothing_is_shared(written: list[dict[str, Any]]) -> None:
    """Whatever is done to the table that the model is given, the documents stay as they were: they are used again."""
    found = documents(*map(text, written))
    merged = merge(found)
    before = copy.deepcopy(merged.table)
    own = merged.own_table()
    assert own == before
    for container in containers(own):
        container.clear()  # type: ignore[attr-defined]
    assert [document.table for document in found] == written
    assert merged.table == before
    kept = merged.own_table()
    for document in found:
        for container in containers(document.table):
            container.clear()  # type: ignore[attr-defined]
    assert kept == before


class Tagged:
    """A naive oracle: merges by the same words, but each value carries the number of its document."""

    def __init__(self, value: object, owner: int) -> None:
        self.owner = owner
        self.is_table = isinstance(value, dict)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        self.below: dict[str | int, Tagged] = {key: Tagged(item, owner) for key, item in items}

    def merged(self, over: Tagged) -> Tagged:
        if not (self.is_table and over.is_table):
            return over
        for key, item in over.below.items():
            self.below[key] = self.below[key].merged(item) if key in self.below else item
        return self

    def owners(self, path: KeyPath = ()) -> dict[KeyPath, int]:
        found = {path: self.owner} if path else {}
        for key, item in self.below.items():
            found |= item.owners((*path, key))
        return found


@given(st.lists(tables, min_size=1, max_size=4))
def test_each_value_has_the_origin_that_won(written: list[dict[str, Any]]) -> None:
    """The origins are those of all values of the merged table, each in the document that a naive merge names."""
    oracle = Tagged(written[0], 0)
    for number, table in enumerate(written[1:], 1):
        oracle = oracle.merged(Tagged(table, number))
    origins = merge(documents(*map(text, written))).origins
    owners = {path: int(origin.file.stem) for path, origin in origins.items()}
    assert owners == oracle.owners()
    assert len(origins) == len(owners)


ORIGINS = [
    (["a = 1\nb = 2"], "b", "0:2:5"),
    (["a = 1", "a = 2"], "a", "1:1:5"),
    (["[t]\na = 1", "\n[t]\nb = 1"], "t", "0:1:2"),
    (["[t]\na = 1", "\n[t]\nb = 1"], "t.a", "0:2:5"),
    (["[t]\na = 1", "\n[t]\nb = 1"], "t.b", "1:3:5"),
    (["a = {b = 1, c = 1}", "a = 5", "a = {c = 2}"], "a", "2:1:5"),
    (["a = {b = 1, c = 1}", "a = 5", "a = {c = 2}"], "a.c", "2:1:10"),
    (["a = {b = 1, c = 1}", "a = 5", "a = {c = 2}"], "a.b", None),
    (["a.b.c = 1", "a.b = 5", "a.b = {}"], "a.b.c", None),
    (["a = [{b = 1}]", "a = {}"], "a[0].b", None),
    (["a = {b = 1}", "a = []"], "a.b", None),
    (["a = [1, 2]", "a = [3]"], "a[0]", "1:1:6"),
    (["a = [1, 2]", "a = [3]"], "a[1]", None),
    (["[[a]]\nb = {x = 1}", "[[a]]\nb = {y = 1}"], "a[0].b", "1:2:5"),
    (["[[a]]\nb = {x = 1}", "[[a]]\nb = {y = 1}"], "a[0].b.x", None),
    (["a = 1"], "a.b", None),
    (["a = 1"], "a[0]", None),
    (["a = [1]"], "a[1]", None),
    (["a = 1"], "b", None),
    ([], "a", None),
]


@pytest.mark.parametrize(("texts", "path", "expected"), ORIGINS)
def test_origin(texts: list[str], path: str, expected: str | None) -> None:
    """A value's origin is the place of its value in the last document that sets it."""
    origins = merge(documents(*texts)).origins
    assert place(origins.get(keypath(path))) == expected
    assert (keypath(path) in origins) == (expected is not None)


def test_the_whole_document_has_no_origin() -> None:
    """`()` is in no one file."""
    origins = merge(documents("a = 1")).origins
    assert origins.get(()) is None
    assert origins.locate(()) is None


NEAREST: list[tuple[list[str], str, Literal["key", "value"], str | None]] = [
    (["a = 1"], "a", "value", "0:1:5"),
    (["a = 1"], "a", "key", "0:1:1"),
    (["x = 1\n[t]\na = 1"], "t.missing", "value", "0:2:2"),
    (["x = 1\n[t]\na = 1"], "t.missing.deep[0]", "key", "0:2:2"),
    (["t = {a = 1}"], "t.missing", "value", "0:1:5"),
    (["t = {a = 1}"], "t.missing", "key", "0:1:1"),
    (["[[agents]]\n[[agents]]\nx = 1"], "agents[1].name", "value", "0:2:3"),
    (["[t]\na = 1", "[t.u]\nb = 1"], "t.missing", "value", "0:1:2"),
    (["[t]\na = 1", "[t.u]\nb = 1"], "t.u.missing", "value", "1:1:4"),
    (["a = {b = {c = 1}}", "a = 5", "\na = {d = 2}"], "a.b.c", "value", "2:2:5"),
    (["a = 1"], "missing", "value", None),
    ([], "missing", "value", None),
]


@pytest.mark.parametrize(("texts", "path", "at", "expected"), NEAREST)
def test_locate(texts: list[str], path: str, at: Literal["key", "value"], expected: str | None) -> None:
    """What is missing is looked for where it would stand: the nearest table that is there."""
    assert place(merge(documents(*texts)).origins.locate(keypath(path), at=at)) == expected


def test_respelled_keys_are_found_as_they_are_written() -> None:
    """The path of the model leads to the key of the text, at each level."""
    [plain] = documents("[model-providers.my-own]\nbase-url = 1\n[model-providers.my-own.http-headers]\nX-A = 2")
    table = {"model_providers": {"my-own": {"base_url": 1, "http_headers": {"X-A": 2}}}}
    spelled: dict[KeyPath, KeyPath] = {
        ("model_providers",): ("model-providers",),
        ("model_providers", "my-own", "base_url"): ("model-providers", "my-own", "base-url"),
        ("model_providers", "my-own", "http_headers"): ("model-providers", "my-own", "http-headers"),
    }
    _, other = documents("", "[model_providers.my-own]\nbase_url = 3")
    origins = merge([Document(plain.path, plain.text, table, TOML, spelled)]).origins
    assert {dotted(path): place(origin) for path, origin in origins.items()} == {
        "model_providers": "0:1:2",
        "model_providers.my-own": "0:1:18",
        "model_providers.my-own.base_url": "0:2:12",
        "model_providers.my-own.http_headers": "0:3:25",
        "model_providers.my-own.http_headers.X-A": "0:4:7",
    }
    both = merge([Document(plain.path, plain.text, table, TOML, spelled), other]).origins
    assert both[keypath("model_providers.my-own.base_url")] == Origin("file", "1.toml:2:12", Path("/1.toml"), 2, 12)
    assert both.locate(keypath("model_providers.my-own.wire_api")) == Origin(
        "file", "0.toml:1:18", Path("/0.toml"), 1, 18
    )


def test_texts_are_scanned_once_and_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load without problems pays nothing for places; later each text is scanned at most once, over all loads."""
    scanned: list[str] = []

    class Counting(positions_module.TomlPlaces):
        def __init__(self, text: str) -> None:
            scanned.append(text)
            super().__init__(text)

    monkeypatch.setattr(positions_module, "TomlPlaces", Counting)
    found = documents("a = 1", "b = 2", "c = 3")
    origins = merge(found).origins
    assert (len(origins), list(origins), scanned) == (3, [("a",), ("b",), ("c",)], [])
    assert origins.get(("nowhere",)) is None
    assert scanned == []
    for _ in range(2):
        assert place(origins[("b",)]) == "1:1:5"
        origins = merge(found).origins
    assert scanned == ["b = 2"]


def test_origins_of_nothing() -> None:
    """Without documents there is an empty mapping."""
    assert dict(Origins([])) == {}


def test_every_layer_answers() -> None:
    """The winner first, then the others, strongest first; a default only where no layer sets the value."""
    found = documents("port = 1\n[t]\na = 1\n", "port = 2\n[t]\nb = 2\n", "port = 3\n")
    origins = merge(found).origins.of({"port": 3, "t": {"a": 1, "b": 2}, "host": "h"})
    said = {
        key: [(answer.origin.where, answer.value) for answer in origins.explain(keypath(key))]
        for key in ("port", "t", "t.b", "host", "t.none")
    }
    assert said == {
        "port": [("2.toml:1:8", 3), ("1.toml:1:8", 2), ("0.toml:1:8", 1)],
        "t": [("0.toml:2:2", {"a": 1}), ("1.toml:2:2", {"b": 2})],
        "t.b": [("1.toml:3:5", 2)],
        "host": [("default", "h")],
        "t.none": [],
    }
