"""Where keys and values stand: documents whose writer knows where it put each of them."""

from __future__ import annotations

import random
from dataclasses import astuple
from time import perf_counter
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from hotconf.core.positions import positions

Path = tuple[str | int, ...]
Place = tuple[int, int]


def paths(table: dict[str, Any]) -> set[Path]:
    """Every path of a parsed document."""
    found: set[Path] = set()

    def visit(value: object, path: Path) -> None:
        found.add(path)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            visit(item, (*path, key))

    visit(table, ())
    return found - {()}


class Writer:
    """Writes a random document, and notes where each path begins as it writes it.

    `places` is what `positions` should say. Shape and style are both chosen by `dice`.
    """

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.newline = dice.choice(["\n", "\r\n"])
        self.line, self.column = 1, 1
        self.out: list[str] = []
        self.places: dict[Path, tuple[Place, Place]] = {}
        self.named = 0

    @property
    def here(self) -> Place:
        return self.line, self.column

    def put(self, text: str) -> None:
        text = text.replace("\n", self.newline)
        self.out.append(text)
        for char in text:
            self.line, self.column = (self.line + 1, 1) if char == "\n" else (self.line, self.column + 1)

    def maybe(self, chance: float = 0.3) -> bool:
        return self.dice.random() < chance

    def blank(self) -> None:
        self.put(self.dice.choice(["", "", " ", "\t ", "  "]))

    def comment(self) -> str:
        return self.dice.choice(["# plain", "#", '# ]} = "é [', "# '''", '# """ \\'])

    def gap(self) -> None:
        """What may stand between the items of an array or inline table."""
        for _ in range(self.dice.randrange(3)):
            self.put(self.dice.choice([" ", "\n", "\t", self.comment() + "\n"]))

    def end_of_line(self) -> None:
        self.blank()
        self.put((self.comment() if self.maybe() else "") + "\n")
        for _ in range(self.dice.randrange(2)):
            self.put(self.dice.choice(["\n", "   \n", self.comment() + "\n"]))
        self.put(self.dice.choice(["", "", "\t", "  "]))

    # Keys: each has a number in it, so that no two are the same.

    def key(self) -> str:
        self.named += 1
        stem = self.dice.choice(["k", "1", "-", "é", "a.b", "a b", "", "\n", "𝄞", "[#]", "'", '"', "\\"])
        return f"{stem}_{self.named}"

    def put_key(self, key: str) -> None:
        styles = ["basic", "escaped"]
        if all(char.isascii() and (char.isalnum() or char in "-_") for char in key):
            styles += ["bare", "bare"]
        if "'" not in key and "\n" not in key:
            styles += ["literal"]
        style = self.dice.choice(styles)
        if style == "bare":
            self.put(key)
        elif style == "literal":
            self.put(f"'{key}'")
        else:
            self.put('"' + "".join(self.spelled(char, style == "escaped") for char in key) + '"')

    def spelled(self, char: str, escape: bool) -> str:
        if char in '"\\\n':
            return {"\n": "\\n"}.get(char, "\\" + char)
        if not escape or self.maybe(0.5):
            return char
        code = ord(char)
        return self.dice.choice(
            [f"\\U{code:08x}", f"\\u{code:04X}" if code < 0x10000 else char, f"\\x{code:02x}" if code < 256 else char]
        )

    def put_parts(self, table: Path, keys: list[str]) -> tuple[Path, Place]:
        """Write a dotted key, noting the tables that it names by the way; its path and its last part's place."""
        for number, key in enumerate(keys):
            if number:
                self.blank()
                self.put(".")
                self.blank()
            table = (*table, key)
            place = self.here
            self.put_key(key)
            if number < len(keys) - 1:
                self.places.setdefault(table, (place, place))
        return table, place

    def pair(self, table: Path, keys: list[str], depth: int) -> None:
        path, place = self.put_parts(table, keys)
        self.blank()
        self.put("=")
        self.blank()
        self.places[path] = (place, self.here)
        self.value(path, depth)

    def dotted(self, table: Path, depth: int, separator: Any) -> None:
        """Some pairs, of plain keys and of dotted keys that share their first parts."""
        groups: list[list[str]] = []
        for number in range(self.dice.randrange(4)):
            if number:
                separator()
            if groups and self.maybe(0.4):
                shared = self.dice.choice(groups)
                keys = [*shared[: self.dice.randrange(1, len(shared) + 1)], self.key()]
            else:
                keys = [self.key() for _ in range(self.dice.choice([1, 1, 1, 2, 3]))]
            if len(keys) > 1:
                groups.append(keys[:-1])
            self.pair(table, keys, depth)

    # Values.

    def value(self, path: Path, depth: int) -> None:
        kind = self.dice.choice(["scalar", "scalar", "array", "table"]) if depth else "scalar"
        if kind == "scalar":
            self.put(self.dice.choice(SCALARS))
        elif kind == "array":
            self.array(path, depth - 1)
        else:
            self.put("{")
            self.gap()
            before = len(self.places)
            self.dotted(path, depth - 1, self.comma)
            self.gap()
            if len(self.places) > before and self.maybe():
                self.put(",")
                self.gap()
            self.put("}")

    def comma(self) -> None:
        self.gap()
        self.put(",")
        self.gap()

    def array(self, path: Path, depth: int) -> None:
        self.put("[")
        self.gap()
        size = self.dice.randrange(4)
        for number in range(size):
            if number:
                self.comma()
            self.places[*path, number] = (self.here, self.here)
            self.value((*path, number), depth)
        self.gap()
        if size and self.maybe():
            self.put(",")
            self.gap()
        self.put("]")

    # Tables.

    def header(self, path: Path, brackets: int) -> None:
        """Write a header; the keys that name `path`, without the numbers of items of arrays of tables."""
        self.put("[" * brackets)
        self.blank()
        table: Path = ()
        place = self.here
        keys = [part for part in path if isinstance(part, str)]
        for part in path:
            table = (*table, part)
            if isinstance(part, str):
                if part is not keys[0]:
                    self.blank()
                    self.put(".")
                    self.blank()
                place = self.here
                self.put_key(part)
                self.places.setdefault(table, (place, place))
        self.blank()
        self.put("]" * brackets)
        self.places[path] = (place, place)
        self.end_of_line()

    def table(self, path: Path, depth: int) -> None:
        """What stands below a header: pairs, then tables of its own."""
        self.dotted(path, 3, self.end_of_line)
        self.end_of_line()
        self.tables(path, depth)

    def tables(self, path: Path, depth: int) -> None:
        for _ in range(self.dice.randrange(4) if depth else 0):
            below = (*path, self.key())
            kind = self.dice.choice(["table", "table", "array", "late", "implicit"])
            if kind == "array":
                for number in range(self.dice.randrange(1, 4)):
                    self.header((*below, number), 2)
                    self.table((*below, number), depth - 1)
            elif kind == "table":
                self.header(below, 1)
                self.table(below, depth - 1)
            else:
                self.tables(below, depth - 1)
                if kind == "late":
                    self.header(below, 1)
                    self.dotted(below, 2, self.end_of_line)
                    self.end_of_line()


SCALARS = [
    *("1", "-1_000", "0xFF", "1.5", "-inf", "nan", "1e6", "true", "false"),
    *("1979-05-27", "07:32", "1979-05-27 07:32:00", "1979-05-27T07:32:00.5-07:00"),
    *('""', '"x"', '"a = [1] # no"', '"\\"\\\\"', '"\\e\\x41\\u00e9"', '"é𝄞"'),
    *("''", "'x'", "'\\'", "'a = \"]'"),
    *('""""""', '"""x"""', '"""\n[a]\nb = 1\n"""', '"""a"" b\\""""""', '"""x"""""', '"""\\\n  x"""', '"""\\\\"""'),
    *("''''''", "'''x'''", "'''\n# ] \\\n'''", "'''a'' b'''''", "'''x''''"),
]


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_path_stands_where_the_writer_put_it(dice: random.Random) -> None:
    """In any style of writing, each path has its place, and there are no others."""
    writer = Writer(dice)
    writer.end_of_line()
    writer.table((), 3)
    text = "".join(writer.out)
    found = {path: ((m.line, m.column), (m.value_line, m.value_column)) for path, m in positions(text).items()}
    assert found == writer.places
    assert set(found) == paths(tomli.loads(text))


BY_HAND: list[tuple[str, dict[Path, tuple[int, int, int, int]]]] = [
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
def test_by_hand(text: str, expected: dict[Path, tuple[int, int, int, int]]) -> None:
    """The cases that are easy to get wrong, with places counted by hand."""
    assert {path: astuple(mark) for path, mark in positions(text).items()} == expected
    assert set(expected) == paths(tomli.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"[t{n}]\nx = {n}\n" for n in range(40_000)),
        "x = [" + "{a = [1]}," * 60_000 + "]",
        "[[a]]\n" * 100_000,
        'x = """' + "\n" * 500_000 + '"""',
        "#\n" * 500_000,
    ],
    ids=["tables", "arrays", "arrays of tables", "string", "comments"],
)
def test_linear(text: str) -> None:
    """A file at the size limit takes seconds at most."""
    begin = perf_counter()
    positions(text)
    assert perf_counter() - begin < 10


def test_deep() -> None:
    """As deep as a document may be, arrays and inline tables in turn."""
    text = "a = " + "[{a = " * 31 + "1" + "}]" * 31
    assert set(positions(text)) == paths(tomli.loads(text))
