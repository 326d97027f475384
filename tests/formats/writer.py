"""`Writer`: random TOML documents in every style, by one who knows where he put each key and each value.

It shares no code with what is tested, and decides by `dice` alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int, int, int]
"""Offsets in the text: where a key begins and ends, where its value does."""

STEMS = [
    *("k", "1", "3", "14", "-", "_", "é", "a.b", "a b", "", "\n", "𝄞", "[#]", "'", '"', "\\", "=", "\t", "a-b"),
    *("1979-05-27", "07:32:00", "true", "inf", "nan", "0x1F", "1e6", "1_000", "e\u0301", "日本", "👩‍👧", "\u202e"),
]
SCALARS = [
    *("1", "-1_000", "0xFF", "0o17", "0b1", "1.5", "-inf", "+nan", "nan", "1e6", "-0.5E-3", "true", "false"),
    *("1979-05-27", "07:32", "07:32:00.5", "1979-05-27 07:32:00", "1979-05-27T07:32:00.5-07:00", "1979-05-27 07:32Z"),
    *('""', '"x"', '"a = [1] # no"', '"\\"\\\\"', '"\\e\\x41\\u00e9"', '"é𝄞"', '"日本\te\u0301"', '"\\\\"', '"\'"'),
    *("''", "'x'", "'\\'", "'a = \"]'", "'{, \\\"'", "'👩‍👧 # '"),
    *('""""""', '"""x"""', '"""\n[a]\nb = 1\n"""', '"""a"" b\\""""""', '"""x"""""', '"""\\\n  x"""', '"""\\\\"""'),
    *('"""\n  one \\\n\n\t two \\  \n  "three\\"\n"""', '"""日本 \\\n # no"""', '"""\n\n"""', '"""\\"""a"""'),
    *("''''''", "'''x'''", "'''\n# ] \\\n'''", "'''a'' b'''''", "'''x''''", "'''\n日本\n\\'''"),
]
COMMENTS = ["# plain", "#", '# ]} = "é [', "# '''", '# """ \\', "# [a]", "# b = 1", "#\t日本 👩‍👧"]


@dataclass(frozen=True)
class Block:
    """A header to be written, with the pairs below it."""

    path: Path
    brackets: int


class Writer:
    """Writes one document. `places` is what is true of `text`; `size` is about how much is written."""

    def __init__(self, dice: random.Random, size: int = 3) -> None:
        self.dice = dice
        self.size = size
        self.newline = dice.choice(["\n", "\n", "\r\n", "mixed"])
        self.out: list[str] = []
        self.at = 0
        self.places: dict[Path, Place] = {}
        self.used: set[str] = set()
        self.gap()
        self.body((), 3)
        for block in self.blocks((), 3):
            self.header(block)
            self.body(block.path, 3)
        self.text = "".join(self.out)

    def put(self, text: str) -> tuple[int, int]:
        """Write `text`; where it begins and ends."""
        if "\n" in text and self.newline != "\n":
            first, *lines = text.split("\n")
            text = first + "".join(self.line_end() + line for line in lines)
        begin = self.at
        self.out.append(text)
        self.at += len(text)
        return begin, self.at

    def line_end(self) -> str:
        return self.dice.choice(["\n", "\r\n"]) if self.newline == "mixed" else self.newline

    def maybe(self, chance: float = 0.3) -> bool:
        return self.dice.random() > 1 - chance  # the least number says no: what fails shrinks to little text

    def blank(self) -> None:
        if self.maybe(0.4):
            self.put(self.dice.choice([" ", "\t ", "  "]))

    def gap(self) -> None:
        """What may stand between statements, and between the items of an array or inline table."""
        for _ in range(self.dice.randrange(3) if self.maybe(0.4) else 0):
            self.put(self.dice.choice([" ", "\n", "\t", self.dice.choice(COMMENTS) + "\n"]))

    def end_of_line(self) -> None:
        self.blank()
        self.put((self.dice.choice(COMMENTS) if self.maybe() else "") + "\n")
        self.gap()

    # Keys: no two are the same.

    def key(self) -> str:
        stem = self.dice.choice(STEMS)
        key = stem if stem not in self.used else f"{stem}_{len(self.used)}"
        self.used.add(key)
        return key

    def put_key(self, key: str) -> tuple[int, int]:
        styles = ["basic", "escaped"]
        if key and all(char.isascii() and (char.isalnum() or char in "-_") for char in key):
            styles += ["bare"] * 4
        if "'" not in key and "\n" not in key:
            styles += ["literal"]
        style = self.dice.choice(styles)
        if style == "bare":
            return self.put(key)
        if style == "literal":
            return self.put(f"'{key}'")
        return self.put('"' + "".join(self.spelled(char, style == "escaped") for char in key) + '"')

    def spelled(self, char: str, escape: bool) -> str:
        if char in '"\\\n':
            return {"\n": "\\n"}.get(char, "\\" + char)
        if not escape or self.maybe(0.5):
            return char
        code = ord(char)
        return self.dice.choice(
            [f"\\U{code:08x}", f"\\u{code:04X}" if code < 0x10000 else char, f"\\x{code:02x}" if code < 256 else char]
        )

    def put_dotted(self, table: Path, keys: list[str]) -> tuple[Path, tuple[int, int]]:
        """Write a dotted key, and note the tables that it names by the way; its path, and where its last part is."""
        part = (self.at, self.at)
        for number, key in enumerate(keys):
            if number:
                self.places.setdefault(table, part * 2)
                self.blank()
                self.put(".")
                self.blank()
            table = (*table, key)
            part = self.put_key(key)
        return table, part

    def pair(self, table: Path, keys: list[str], depth: int) -> None:
        path, key = self.put_dotted(table, keys)
        self.blank()
        self.put("=")
        self.blank()
        self.value(path, key, depth)

    def pairs(self, table: Path, depth: int, separator: Callable[[], None]) -> int:
        """Some pairs, of plain keys and of dotted keys that share their first parts."""
        groups: list[list[str]] = []
        count = self.dice.randrange(self.size + 1)
        for number in range(count):
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
        return count

    # Values

    def value(self, path: Path, key: tuple[int, int] | None, depth: int) -> None:
        begin = self.at
        kind = self.dice.choice(["scalar", "scalar", "array", "table"]) if depth else "scalar"
        if kind == "scalar":
            self.put(self.dice.choice(SCALARS))
        elif kind == "array":
            self.array(path, depth - 1)
        else:
            self.inline_table(path, depth - 1)
        self.places[path] = (*(key or (begin, self.at)), begin, self.at)

    def inline_table(self, path: Path, depth: int) -> None:
        self.put("{")
        self.gap()
        if self.pairs(path, depth, self.comma) and self.maybe():
            self.comma()
        self.gap()
        self.put("}")

    def array(self, path: Path, depth: int) -> None:
        self.put("[")
        self.gap()
        size = self.dice.randrange(self.size + 1)
        for number in range(size):
            if number:
                self.comma()
            self.value((*path, number), None, depth)
        if size and self.maybe():
            self.comma()
        self.gap()
        self.put("]")

    def comma(self) -> None:
        self.gap()
        self.put(",")
        self.gap()

    # Tables

    def blocks(self, path: Path, depth: int) -> list[Block]:
        """Tables below `path`, in an order that TOML allows: those of one table may stand apart."""
        runs = []
        for _ in range(self.dice.randrange(self.size + 1) if depth else 0):
            below = (*path, self.key())
            kind = self.dice.choice(["table", "table", "array", "late", "implicit"])
            if kind == "array":
                count = self.dice.randrange(1, 4)
                items = [[Block((*below, n), 2), *self.blocks((*below, n), depth - 1)] for n in range(count)]
                runs.append([block for item in items for block in item])
            else:
                own = [Block(below, 1)] if kind != "implicit" else []
                inner = self.blocks(below, depth - 1)
                runs.append([*inner, *own] if kind == "late" else [*own, *inner])
        return self.mixed(runs)

    def mixed(self, runs: list[list[Block]]) -> list[Block]:
        """All of them, each run in its own order."""
        if self.maybe(0.5):
            return [block for run in runs for block in run]
        left = [list(reversed(run)) for run in runs if run]
        found = []
        while left:
            run = self.dice.choice(left)
            found.append(run.pop())
            left = [run for run in left if run]
        return found

    def header(self, block: Block) -> None:
        self.put("[" * block.brackets)
        self.blank()
        table: Path = ()
        part = (self.at, self.at)
        first = True
        for key in block.path:
            table = (*table, key)
            if isinstance(key, str):
                if not first:
                    self.blank()
                    self.put(".")
                    self.blank()
                first = False
                part = self.put_key(key)
                self.places.setdefault(table, part * 2)
        self.blank()
        self.put("]" * block.brackets)
        self.places[block.path] = part * 2
        self.end_of_line()

    def body(self, path: Path, depth: int) -> None:
        if self.pairs(path, depth, self.end_of_line):
            self.end_of_line()
