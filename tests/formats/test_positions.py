"""Where keys and values stand: documents whose writer knows where he put each, and a corpus of tricky ones."""

from __future__ import annotations

import gc
import random
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import tomli
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from formats.writer import Path as KeyPath
from formats.writer import Place, Writer
from hotconf.formats.base import Document
from hotconf.formats.places import Span
from hotconf.formats.registry import parse
from hotconf.formats.toml.positions import TomlPlaces
from hotconf.keypath import dotted
from torture.extent import examples

FILE = Path("/etc/app/config.toml")
CORPUS = sorted(Path(__file__).with_name("places").glob("*.toml"))
SIZES = [*[1] * 3, *[2] * 12, *[3] * 4, 4]
"""Of the documents of a batch, the small ones first: what fails is told of the smallest."""


def document(data: bytes) -> Document:
    """The document that `data` is."""
    found = parse(data, FILE, allow_empty=True)
    assert isinstance(found, Document), found
    return found


def values(table: dict[str, Any]) -> dict[KeyPath, Any]:
    """What stands at each path of a parsed document."""
    found: dict[KeyPath, Any] = {}

    def visit(value: object, path: KeyPath) -> None:
        found[path] = value
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            visit(item, (*path, key))

    visit(table, ())
    del found[()]
    return found


def told(value: object) -> object:
    """`value` with its types, so that 1, 1.0 and true differ and NaN equals NaN."""
    if isinstance(value, dict):
        return {key: told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [told(item) for item in value]
    return type(value), repr(value)


def counted(text: str) -> list[tuple[int, int]]:
    """Line and column of each offset, counted one by one."""
    line, column = 1, 1
    found = [(line, column)]
    for char in text:
        line, column = (line + 1, 1) if char == "\n" else (line, column + 1)
        found.append((line, column))
    return found


def check(text: str, places: dict[KeyPath, Place], *, bom: bool, dice: random.Random) -> None:
    """Every path stands where `places` says, in whatever order one asks, and each leaf's text is its value."""
    found = document(text.encode("utf-8-sig" if bom else "utf-8"))
    expected = values(found.table)
    assert set(places) == set(expected), f"the writer is wrong about {text!r}"
    where, lines = counted(text), text.split("\n")
    asked = list(places)
    dice.shuffle(asked)
    for path in asked:
        key_begin, key_end, begin, end = places[path]
        assert found.places.key(path) == where[key_begin] + where[key_end], f"key {path} of {text!r}"
        assert found.places.value(path) == where[begin] + where[end], f"value {path} of {text!r}"
        if not isinstance(expected[path], dict | list):
            alone = cut(lines, found.places.value(path))
            assert told(tomli.loads(f"x = {alone}")["x"]) == told(expected[path]), f"text of {path} of {text!r}"


def cut(lines: list[str], span: Span) -> str:
    """The characters of `span`."""
    lines = lines[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


@settings(max_examples=examples(300, 50), deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.booleans())
def test_every_path_stands_where_the_writer_put_it(dice: random.Random, size: int, bom: bool) -> None:
    """In any style of writing each path has its span; a failure is shrunk to a small document."""
    writer = Writer(dice, size)
    check(writer.text, writer.places, bom=bom, dice=dice)


@pytest.mark.timeout(900)
@settings(max_examples=examples(500, 30), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 2**64))
def test_many_documents(seed: int) -> None:
    """The same for ten thousand in full, in batches whose smallest documents come first instead of being shrunk."""
    dice = random.Random(seed)
    for number, size in enumerate(SIZES):
        writer = Writer(dice, size)
        check(writer.text, writer.places, bom=number % 5 == 1, dice=dice)


def test_the_corpus_is_there() -> None:
    """Each of its documents says what it expects."""
    assert len(CORPUS) > 10
    assert all(path.with_suffix(".places").exists() for path in CORPUS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path: Path) -> None:
    """Of each document, every path with the spans of its key and its value, as counted by hand."""
    found = document(path.read_bytes())
    lines = [
        f"{dotted(at)}  {shown(found.places.key(at))}  {shown(found.places.value(at))}" for at in values(found.table)
    ]
    assert lines == path.with_suffix(".places").read_text("utf-8").splitlines()


def shown(span: Span) -> str:
    """`3:1-3:5`."""
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def by_line(places: TomlPlaces, text: str) -> dict[KeyPath, tuple[int, int, int, int]]:
    """Of every path, line and column of key and value."""
    return {path: (*places.key(path)[:2], *places.value(path)[:2]) for path in values(tomli.loads(text))}


BY_HAND: list[tuple[str, dict[KeyPath, tuple[int, int, int, int]]]] = [
    ("", {}),
    ("# only\n", {}),
    ("a=1", {("a",): (1, 1, 1, 3)}),
    ('\r\n  "é" = 1\r\n', {("é",): (2, 3, 2, 9)}),
    ("a.b.c = 1", {("a",): (1, 1, 1, 1), ("a", "b"): (1, 3, 1, 3), ("a", "b", "c"): (1, 5, 1, 9)}),
    (
        "a.b = 1\na.c = 2",
        {("a",): (1, 1, 1, 1), ("a", "b"): (1, 3, 1, 7), ("a", "c"): (2, 3, 2, 7)},
    ),
    # A table with a header of its own stands there, even if a longer header came before.
    ("[a.b]\n[a]", {("a",): (2, 2, 2, 2), ("a", "b"): (1, 4, 1, 4)}),
    ("[ a . 'b' ] # c", {("a",): (1, 3, 1, 3), ("a", "b"): (1, 7, 1, 7)}),
    # Headers below an array of tables belong to its last item.
    (
        "[[a]]\n[a.b]\n[[a]]\n[a.b]",
        {
            ("a",): (1, 3, 1, 3),
            ("a", 0): (1, 3, 1, 3),
            ("a", 0, "b"): (2, 4, 2, 4),
            ("a", 1): (3, 3, 3, 3),
            ("a", 1, "b"): (4, 4, 4, 4),
        },
    ),
    (
        "[[a.b]]\n[[a.b.c]]\nx=1\n[[a.b]]\n[[a.b.c]]",
        {
            ("a",): (1, 3, 1, 3),
            ("a", "b"): (1, 5, 1, 5),
            ("a", "b", 0): (1, 5, 1, 5),
            ("a", "b", 0, "c"): (2, 7, 2, 7),
            ("a", "b", 0, "c", 0): (2, 7, 2, 7),
            ("a", "b", 0, "c", 0, "x"): (3, 1, 3, 3),
            ("a", "b", 1): (4, 5, 4, 5),
            ("a", "b", 1, "c"): (5, 7, 5, 7),
            ("a", "b", 1, "c", 0): (5, 7, 5, 7),
        },
    ),
    (
        "a = [ # ]\n  1,\n  [], {b=2},\n]",
        {
            ("a",): (1, 1, 1, 5),
            ("a", 0): (2, 3, 2, 3),
            ("a", 1): (3, 3, 3, 3),
            ("a", 2): (3, 7, 3, 7),
            ("a", 2, "b"): (3, 8, 3, 10),
        },
    ),
    ('a = """\n[b]\n""""" # "\nc = 1', {("a",): (1, 1, 1, 5), ("c",): (4, 1, 4, 5)}),
    (
        "a = {\n  b.c = 1, # }\n  b.d = '}',\n}\ne = 1",
        {
            ("a",): (1, 1, 1, 5),
            ("a", "b"): (2, 3, 2, 3),
            ("a", "b", "c"): (2, 5, 2, 9),
            ("a", "b", "d"): (3, 5, 3, 9),
            ("e",): (5, 1, 5, 5),
        },
    ),
    ('"\\u0061\\n\\x41\\e" = 1', {("a\nA\x1b",): (1, 1, 1, 20)}),
    ('[""]\n"" = 1', {("",): (1, 2, 1, 2), ("", ""): (2, 1, 2, 6)}),
    ("1.5 = 1979-05-27 07:32:00 # x\nb = 1", {("1",): (1, 1, 1, 1), ("1", "5"): (1, 3, 1, 7), ("b",): (2, 1, 2, 5)}),
]


@pytest.mark.parametrize(("text", "expected"), BY_HAND)
def test_by_hand(text: str, expected: dict[KeyPath, tuple[int, int, int, int]]) -> None:
    """The cases that are easy to get wrong, with their beginnings counted by hand."""
    assert by_line(TomlPlaces(text), text) == expected


@pytest.mark.parametrize("path", [(), ("b",), ("a", "b"), ("a", 0), ("c", 2), ("c", 0, 0), ("d", "e", "f")])
def test_what_is_not_there(path: KeyPath) -> None:
    """There is no place of what the document does not have."""
    places = TomlPlaces("a = 1\nc = [1, 2]\nd = {e = 1}")
    for _ in range(2):
        with pytest.raises(KeyError):
            places.key(path)
        with pytest.raises(KeyError):
            places.value(path)


LARGE = {
    "tables": ("".join(f"[t{n}]\nx = {n}\n" for n in range(40_000)), ("t39999", "x")),
    "arrays": ("x = [" + "{a = [1]}," * 60_000 + "]", ("x", 59_999, "a", 0)),
    "arrays of tables": ("[[a]]\n" * 100_000, ("a", 99_999)),
    "string": ('x = """' + "\n" * 500_000 + '"""', ("x",)),
    "comments": ("#\n" * 500_000 + "x = 1", ("x",)),
    "commented out": ("# x = [1]\n" * 100_000 + "x = 1\n" + "# y = 1\n" * 10_000, ("x",)),
    "spaces": ("x = 1" + " " * 1_000_000 + "\n", ("x",)),
}


@pytest.mark.parametrize("name", LARGE)
def test_linear(name: str) -> None:
    """A file at the size limit takes seconds at most; what is quadratic in it would take minutes."""
    text, path = LARGE[name]
    begin = process_time()
    TomlPlaces(text).value(path)
    assert process_time() - begin < 100


def test_many_questions() -> None:
    """Each further question about a large array is quick."""
    places = TomlPlaces("x = [" + "{a = [1]}," * 60_000 + "]")
    begin = process_time()
    for number in range(0, 60_000, 10):
        places.value(("x", number, "a", 0))
    assert process_time() - begin < 50


def test_deep() -> None:
    """As deep as a document may be, arrays and inline tables in turn."""
    text = "a = " + "[{a = " * 31 + "1" + "}]" * 31
    assert by_line(TomlPlaces(text), text)["a", *(0, "a") * 31] == (1, 187, 1, 191)


def test_places_are_freed_without_the_garbage_collector() -> None:
    """A cycle for each load would pile up until a full collection: 1.8 MB after 1,000 reloads."""
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each) is TomlPlaces for each in gc.get_objects())  # other tests keep some
        places = TomlPlaces("[a]\nb = 1\nc = 2\n")
        assert places.key(("a", "b"))  # the reading has begun, and is not at its end
        del places
        assert sum(type(each) is TomlPlaces for each in gc.get_objects()) == before
    finally:
        gc.enable()
