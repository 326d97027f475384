"""What is special about YAML."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import core
from hotconf.config.redaction.source_text import SourceText
from hotconf.formats.base import Document
from hotconf.formats.places import Span
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.report.problems.excerpt import excerpt
from torture.extent import FULL

FILE = Path("/config.yaml")


def parsed(text: str) -> Document:
    """The document that `text` is."""
    found = parse(text.encode(), FILE)
    assert isinstance(found, Document), found
    return found


def refused(text: str) -> Problem:
    """The problem that `text` is."""
    found = parse(text.encode(), FILE)
    assert isinstance(found, Problem), found
    return found


def cut(text: str, span: Span) -> str:
    """What stands there."""
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


# Meaning

MEANINGS: dict[str, Any] = {
    **{
        word: word
        for word in ("no", "yes", "on", "off", "y", "n", "tRUE", "nULL", "0b1", "1_000", "1:30", "12:30:45")
    },
    **{word: word for word in ("2026-01-05", "2026-01-05T09:30:00Z", "0o8", "0x", "0xg", "1e", ".", "+.e1", "inf")},
    **{word: word for word in (".INf", "-.nan", "nan", "1.2.3", "0X1F", "0O17", "~a", "=", "1,5", "٣")},
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "010": 10,
    "-08": -8,
    "+1": 1,
    "0o10": 8,
    "0x1F": 31,
    "1e3": 1000.0,
    ".5": 0.5,
    "1.": 1.0,
    "-1.5E-2": -0.015,
    ".inf": float("inf"),
    "-.Inf": float("-inf"),
    "+.INF": float("inf"),
    ".NaN": float("nan"),
    "!!str 12": "12",
    "! 12": "12",
    '!!int "12"': 12,
    "!!float 1": 1.0,
    "!!null ''": None,
    "&a 12": 12,
    "'12'": "12",
    '"\\t\\x41\\u00e9\\U0001F600"': "\tAé😀",
    "'it''s'": "it's",
    "a b # c": "a b",
    "a#b": "a#b",
    "http://x:y": "http://x:y",
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_value_means_what_the_core_schema_says(text: str) -> None:
    """Of YAML 1.2: nothing else than these is a number, true, false or null."""
    assert repr(parsed(f"a: {text}\n").table) == repr({"a": MEANINGS[text]})
    if text not in ("", "1,5", "a b # c"):
        assert repr(parsed(f"a: [{text}, 1]\n").table["a"][0]) == repr(MEANINGS[text])


@settings(max_examples=500, deadline=None)
@given(st.text("0123456789+-.eExofaInNuUlLtTrRsS~_:", min_size=1, max_size=7))
def test_plain_scalars_mean_the_same_elsewhere(text: str) -> None:
    """As PyYAML reads them, with the resolvers of the core schema."""
    try:
        expected = core.read(f"a: {text}\n")
    except ValueError:
        expected = None
    found = parse(f"a: {text}\n".encode(), FILE)
    assert repr(found.table if isinstance(found, Document) else None) == repr(expected)


def test_merge_keys_are_weaker_than_a_mappings_own() -> None:
    """Whichever stands first; of several mappings the first is strongest; merged mappings may merge."""
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2, z: 2}\nc:\n  y: 3\n  <<: [*b, {x: 9, w: 9}]\n"
    assert parsed(text).table["c"] == {"x": 1, "y": 3, "z": 2, "w": 9}
    assert parsed("a: {'<<': 1}").table == {"a": {"<<": 1}}


@pytest.mark.parametrize("text", ["# c", "---\n# c\n", "# c\n---\n...\n", "%YAML 1.2\n---\n# c"])
def test_comments_alone_are_a_table_without_keys(text: str) -> None:
    """As in the other formats."""
    assert parsed(text).table == {}


# Places


def test_everything_has_a_place_in_block_style() -> None:
    """A mapping or list without brackets stands at its key; other values where they are written."""
    text = (
        "é: 'x😀y'\n"
        "server: # c\n"
        '  "port":   8080  # c\n'
        "  hosts:\n"
        "  - a b\n"
        "  -   - 1\n"
        "      - {n: 2}\n"
        "  text: |\n"
        "    one\n"
        "    two\n"
        "\n"
        "  long: one\n"
        "    two # c\n"
        "  none:\n"
        "  tagged: &x !!str # c\n"
        "    12\n"
        "last: [1,\n"
        "  2]\n"
    )
    places = parsed(text).places
    expected = {
        ("é",): ("é", "'x😀y'"),
        ("server",): ("server", "server"),
        ("server", "port"): ('"port"', "8080"),
        ("server", "hosts"): ("hosts", "hosts"),
        ("server", "hosts", 0): ("a b", "a b"),
        ("server", "hosts", 1): ("- 1\n      - {n: 2}", "- 1\n      - {n: 2}"),
        ("server", "hosts", 1, 0): ("1", "1"),
        ("server", "hosts", 1, 1): ("{n: 2}", "{n: 2}"),
        ("server", "hosts", 1, 1, "n"): ("n", "2"),
        ("server", "text"): ("text", "|\n    one\n    two"),
        ("server", "long"): ("long", "one\n    two"),
        ("server", "none"): ("none", ""),
        ("server", "tagged"): ("tagged", "12"),
        ("last",): ("last", "[1,\n  2]"),
        ("last", 1): ("2", "2"),
    }
    assert {path: (cut(text, places.key(path)), cut(text, places.value(path))) for path in expected} == expected
    for path in [("nowhere",), ("server", "hosts", 2), ("é", 0)]:
        with pytest.raises(KeyError):
            places.key(path)


def test_what_an_alias_stands_for_is_where_it_is_written() -> None:
    """The value at the anchor, the key at the alias; merged keys in the mapping that they come from."""
    text = "a: &a\n  x: 1\n  y: [2]\nb: *a\nc:\n  y: 3\n  <<: *a\n"
    places = parsed(text).places
    assert places.key(("b",))[:2] == (4, 1)
    assert places.value(("b", "x"))[:2] == (2, 6)
    assert places.value(("b", "y", 0))[:2] == (3, 7)
    assert places.value(("c", "x"))[:2] == (2, 6)
    assert places.value(("c", "y"))[:2] == (6, 6)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "\ufeff"])
def test_columns_are_characters(end: str, head: str) -> None:
    """Whatever the line ends, tabs and wide characters before them; a byte order mark is none."""
    text = f"{head}a: 😀😀{end}'😀':\t1{end}b: \"\t😀\" # c{end}c: 2{end}"
    places = parsed(text).places
    assert places.key(("a",)) == (1, 1, 1, 2)
    assert places.value(("a",)) == (1, 4, 1, 6)
    assert places.value(("😀",)) == (2, 6, 2, 7)
    assert places.value(("b",)) == (3, 4, 3, 8)
    assert places.key(("c",)) == (4, 1, 4, 2)


# Mistakes

MISTAKES = {
    "a: 1\n\tb: 2": ("tab in the indentation", 2, 1, None, 2, "indent with spaces"),
    "a:\n\tb: 2": ("tab in the indentation", 2, 1, None, 2, "indent with spaces"),
    "a: 1\nb:2\nc: 3": ("missing space after the colon", 2, 1, None, 4, "write a space after the colon: key: value"),
    "b:2": ("missing space after the colon", 1, 1, None, 4, "write a space after the colon: key: value"),
    "a:\n  b:2\n  c: 3": (
        "missing space after the colon",
        2,
        3,
        None,
        6,
        "write a space after the colon: key: value",
    ),
    'a: "x\nb: 1': ("unterminated string", 1, 4, None, 6, 'close it with "'),
    "a: 'x\nb: 1\n": ("unterminated string", 1, 4, None, 6, "close it with '"),
    "a: [1, 2\nb: 3": ("missing closing bracket", 1, 4, None, 5, 'close it with "]"'),
    "a: {x: 1\nb: 3\n": ("missing closing brace", 1, 4, None, 5, 'close it with "}"'),
    "a: 1\n b: 2": ("bad indentation", 2, 2, None, 3, "indent it like the keys around it"),
    "a:\n  b: 1\n c: 2": ("bad indentation", 3, 2, None, 4, "indent it like the keys around it"),
    "a:\n    b: 1\n  c: 2\n": ("bad indentation", 3, 3, None, 5, "indent it like the keys around it"),
    "a = 1": ("missing colon", 1, 1, None, 6, "write key: value, with a colon"),
    "a: 1\nb = 2": ("missing colon", 2, 1, None, 6, "write key: value, with a colon"),
    "[sec]\na = 1": ("no key", 1, 1, None, 6, "write name: and its keys below it, indented"),
    "[sec]\na: 1": ("no key", 1, 1, None, 6, "write name: and its keys below it, indented"),
    "a: *.log": ("unexpected character '*'", 1, 4, None, 9, "put text that begins with * in quotes"),
    "a: *foo": (
        "unknown alias",
        1,
        4,
        None,
        8,
        "write &name before a value above, or put text that begins with * in quotes",
    ),
    "a: @x": ("unexpected character '@'", 1, 4, None, 6, "put text that begins with @ in quotes"),
    "a: `x`": ("unexpected character '`'", 1, 4, None, 7, "put text that begins with ` in quotes"),
    "a: %x": ("unexpected character '%'", 1, 4, None, 6, "put text that begins with % in quotes"),
    "a: x: y": ("a second colon", 1, 4, None, 8, 'put text with ": " in quotes'),
    'a: "C:\\dir"': (
        "invalid escape",
        1,
        7,
        None,
        9,
        "in \"…\" a backslash begins an escape: write the text in '…', or \\\\ for each backslash",
    ),
    'a: "C:\\\\x\\q"': (
        "invalid escape",
        1,
        10,
        None,
        12,
        "in \"…\" a backslash begins an escape: write the text in '…', or \\\\ for each backslash",
    ),
    "- a\nb: 1": (
        "a key among list items",
        2,
        1,
        None,
        3,
        "indent it more than the - if it belongs to the item, less if it does not",
    ),
    "b: 1\n- a": ("a list item among keys", 2, 1, None, 2, "write the list below a key of its own"),
    "a: |x\n  b": ("unexpected text", 1, 5, None, 6, "write the text in the lines below | or >, indented"),
    "a: 1\n---\nb: 2": ("more than one document", 2, 1, None, 4, "keep one: a file is one document"),
    "a: !foo 1": (
        "unknown tag",
        1,
        4,
        None,
        8,
        "remove it (known is !!str, !!int, !!float, !!bool, !!null), or put text that begins with ! in quotes",
    ),
    "a: &x [*x]": ("an alias inside its own value", 1, 8, None, 10, "write the value out"),
    "? [a]\n: 1": ("a key must be text", 1, 3, None, 4, "put text that begins with a bracket in quotes"),
    "{a: 1, a: 2}": ("duplicate key", 1, 8, None, 9, "set each key once: remove one of the two"),
    "a: [1,,2]": ("unexpected character ','", 1, 7, None, 8, "remove this comma"),
    "a: {,}": ("unexpected character ','", 1, 5, None, 6, "remove this comma"),
    "a: }": ("unexpected character '}'", 1, 4, None, 5, "put text that begins with } in quotes"),
    "a: ]x": ("unexpected character ']'", 1, 4, None, 5, "put text that begins with ] in quotes"),
    "a: ,x": ("unexpected character ','", 1, 4, None, 5, "put text that begins with , in quotes"),
    "a: 'it's'": ("unexpected text after a string", 1, 8, None, 10, "write '' for a quote inside of '…'"),
    'a: "x" y': ("unexpected text after a string", 1, 8, None, 9, 'write \\" for a quote inside of "…"'),
    "<<<<<<< HEAD\na: 1": ("merge conflict", 1, 1, None, 13, "resolve the merge conflict"),
    "a: 1\n<<<<<<< HEAD\nb: 2\n": ("merge conflict", 2, 1, None, 13, "resolve the merge conflict"),
    "a: 1\n// c\nb: 2": ("no key", 2, 1, None, 5, "a comment begins with #"),
    "%foo\na: 1": ("unexpected character '%'", 1, 1, None, 5, "put text that begins with % in quotes"),
    "%YAML 3.0\n---\na: 1": ("unknown version of YAML", 1, 1, None, 6, "remove this line"),
    "%YAML 1.2\na: 1": ("unexpected text", 2, 1, None, 3, "write --- below the lines that begin with %"),
    "a: & b": ("unexpected character '&'", 1, 4, None, 5, "put text that begins with & in quotes"),
    "a: !<x": ("unexpected character '!'", 1, 4, None, 7, "put text that begins with ! in quotes"),
    "a: \x07": ("control character", 1, 4, None, 5, 'remove it, or write it as an escape in "…": \\u0007'),
    "a: >\n\tx": ("tab in the indentation", 2, 1, None, 2, "indent with spaces"),
    "a: |\n  x\n y\n": ("bad indentation", 3, 2, None, 3, "indent it like the keys around it"),
    "a: -\n  - b": ("unexpected list item", 1, 4, None, 5, "write each - item on a line of its own, below the key"),
    "a: - b": ("unexpected list item", 1, 4, None, 5, "write each - item on a line of its own, below the key"),
    "a: ? b": ("unexpected character '?'", 1, 4, None, 5, "put text that begins with ? in quotes"),
    "a:\n  - b\n  c: d": (
        "a key among list items",
        3,
        3,
        None,
        5,
        "indent it more than the - if it belongs to the item, less if it does not",
    ),
    'a: "\\u12"': (
        "invalid escape",
        1,
        5,
        None,
        9,
        "in \"…\" a backslash begins an escape: write the text in '…', or \\\\ for each backslash",
    ),
    "a: 1\n\u200bb 2\n": (
        "unexpected character '\\u200b'",
        2,
        1,
        None,
        2,
        "remove the invisible U+200B (zero width space)",
    ),
    "!!int x: 1": ("this is not an int", 1, 7, None, 8, "remove !!int, or write what it says"),
    "a: 1\n...\nb: 2": ("unexpected text", 3, 1, None, 3, "nothing may follow a line of ..."),
    "a:1\nb:2": ("missing space after the colon", 1, 1, None, 4, "write a space after the colon: key: value"),
    "a: {b: 1 c: 2}": ("missing comma", 1, 11, None, 12, "put a comma between the pairs of a mapping"),
    "- - a\n  b: 1": (
        "a key among list items",
        2,
        3,
        None,
        5,
        "indent it more than the - if it belongs to the item, less if it does not",
    ),
    "a: b\n\t c": ("tab in the indentation", 2, 1, None, 2, "indent with spaces"),
    "a: {{ x }}": ("a key must be text", 1, 5, None, 6, "put text that begins with a bracket in quotes"),
    "{{ x }}: 1": ("a key must be text", 1, 2, None, 3, "put text that begins with a bracket in quotes"),
    "a: 1\n# c\n  b: 2": ("bad indentation", 3, 3, None, 5, "indent it like the keys around it"),
    "  a: 1\nb: 2": ("bad indentation", 2, 1, None, 3, "indent it like the keys around it"),
    " a: 1\n  b: 2": ("bad indentation", 2, 3, None, 4, "indent it like the keys around it"),
    "a b c\nd: 1": ("missing colon", 1, 1, None, 6, "write key: value"),
    "a: &a\n  <<: 1": (
        "<< merges mappings only",
        2,
        7,
        None,
        8,
        'write <<: *name, or a list of such; if it is a key, quote it: "<<"',
    ),
    "1: 2": ("a key must be text, and this is an integer", 1, 1, None, 2, 'quote the key: "…": …'),
    "true: 2": ("a key must be text, and this is true or false", 1, 1, None, 5, 'quote the key: "…": …'),
    ": 2": ("missing key", 1, 1, None, 2, "write key: value"),
    "? \n: 2": ("missing key", 1, 2, None, None, "write key: value"),
    "---\n": ("no content", 2, 1, None, None, "for all defaults, write {}"),
    "null": ("not a mapping", 1, 1, None, 5, "write key: value"),
    "- a": ("not a mapping", 1, 1, None, 4, "write key: value"),
    "a: {": ("missing closing brace", 1, 4, None, 5, 'close it with "}"'),
    "a: [1,": ("missing closing bracket", 1, 4, None, 5, 'close it with "]"'),
    "a: !!int x": ("this is not an int", 1, 10, None, 11, "remove !!int, or write what it says"),
    "!!set {a}": (
        "unknown tag",
        1,
        1,
        None,
        6,
        "remove it (known is !!map), or put text that begins with ! in quotes",
    ),
    "a: \u2028b": ("unexpected character '\\u2028'", 1, 4, None, 5, "remove the invisible U+2028 (line separator)"),
    'a: "x': ("unterminated string", 1, 4, None, 6, 'close it with "'),
    "a: b\n--- 1": ("more than one document", 2, 1, None, 4, "keep one: a file is one document"),
    "a: [b: c: d]": ("missing comma", 1, 9, None, 10, "put a comma between the items of a list"),
    "a: {x: y: z}": ("missing comma", 1, 9, None, 10, "put a comma between the pairs of a mapping"),
    "a:\n  - b\n c: d": ("bad indentation", 3, 2, None, 4, "indent it like the keys around it"),
    "a: |2x\n": ("unexpected text", 1, 6, None, 7, "write the text in the lines below | or >, indented"),
    "a: &x 1\nb: *x y\n": ("unexpected text after a value", 2, 7, None, 8, "put all of it in quotes"),
    "a: 1 b: 2": ("a second colon", 1, 4, None, 10, 'put text with ": " in quotes'),
    "key : 1\nkey: 2": ("duplicate key", 2, 1, None, 4, "set each key once: remove one of the two"),
    "password: a: b": ("a second colon", 1, 11, None, 15, 'put text with ": " in quotes'),
    'a: "b" c: 2': ("unexpected text after a string", 1, 8, None, 10, 'write \\" for a quote inside of "…"'),
    "- a: 1\n  b: 2\n c: 3": (
        "a key among list items",
        3,
        2,
        None,
        4,
        "indent it more than the - if it belongs to the item, less if it does not",
    ),
    'a: "\\xZZ"': (
        "invalid escape",
        1,
        5,
        None,
        9,
        "in \"…\" a backslash begins an escape: write the text in '…', or \\\\ for each backslash",
    ),
    "a: '\\n' b": ("unexpected text after a string", 1, 9, None, 10, "write '' for a quote inside of '…'"),
    "url: http://x:y z: 1": ("a second colon", 1, 6, None, 21, 'put text with ": " in quotes'),
    "time: 12:30\nfoo 12:30\nx: 1": ("missing colon", 2, 1, None, 10, "write key: value"),
    'a: ["b" "c"]': ("missing comma", 1, 9, None, 12, "put a comma between the items of a list"),
    'a: {"b" 1}': ("missing comma", 1, 9, None, 10, "put a comma between the pairs of a mapping"),
    "key:\t- a": ("unexpected list item", 1, 6, None, 7, "write each - item on a line of its own, below the key"),
    "a: *x y": (
        "unknown alias",
        1,
        4,
        None,
        6,
        "write &name before a value above, or put text that begins with * in quotes",
    ),
    "a: &x &y 1": ("unexpected text after a value", 1, 7, None, 9, "put all of it in quotes"),
    "a: <<: 1": ("a second colon", 1, 4, None, 9, 'put text with ": " in quotes'),
    "a: >x": ("unexpected text", 1, 5, None, 6, "write the text in the lines below | or >, indented"),
    "a: >2\n x": ("bad indentation", 2, 2, None, 3, "indent it like the keys around it"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text: str) -> None:
    """What people write, where it is wrong (line, column, end), and what to write instead."""
    problem = refused(text)
    reason = problem.message.removeprefix("Invalid YAML: ").rpartition(" at line ")[0]
    end_line = None if problem.end_line == problem.line else problem.end_line
    found = (reason, problem.line, problem.column, end_line, problem.end_column, problem.hint)
    assert found == MISTAKES[text]


def test_a_key_given_twice_is_shown_with_the_first_one() -> None:
    """At the second, however it is written; merged keys are no second ones, but two `<<` are."""
    problem = refused("a:\n  'b': 1\n  \"\\x62\": 2\n")
    assert (problem.line, problem.column, problem.end_column) == (3, 3, 9)
    (related,) = problem.related
    assert (related.message, related.line, related.column) == ("first defined", 2, 3)
    twice = refused("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a\n")
    assert (twice.line, twice.hint) == (4, "write one: <<: [*first, *second]")


def test_no_message_quotes_the_text() -> None:
    """It may be a secret."""
    for text in MISTAKES:
        for word in ("hunter2", "hunter2: hunter2", "'hunter2"):
            for problem in (parse(f"{text}{word}".encode(), FILE), parse(f"{word}\n{text}".encode(), FILE)):
                if isinstance(problem, Problem):
                    assert "hunter2" not in str(problem.with_hint)


# Doubts

DOUBTS = {
    'a: "C:\\temp"\n': ("\\t is a tab, in what looks like a Windows path", 1, 7, 9),
    'a: &x "C:\\apps"\nb: it\'s\n': ("\\a is a bell, in what looks like a Windows path", 1, 10, 12),
    "a:\n- b\n - c\n": ("this - begins no list item: it goes on with the text of the line above", 3, 2, 3),
    "a:\n  - x.log\n    - c\n": ("this - begins no list item: it goes on with the text of the line above", 3, 5, 6),
    "server:\n  port:8080\n": ("this is text, and no key with a value", 2, 3, 12),
}
NO_DOUBTS = [
    "a: 'C:\\temp'\n",
    "a: C:\\temp\n",
    "a: |\n  - b\n   - c\n  d:\n    e:f\n",
    "a: '\n  - b\n   - c'\n",
    "- - b\n  - c\n",
    "a:\n- b:\n  - c\n- d: |\n    x\n   \n- e\n",
    "a:\n  http://x\n",
    "a: [\n  b:c]\n",
]


@pytest.mark.parametrize("text", DOUBTS)
def test_what_was_probably_not_meant_is_a_warning(text: str) -> None:
    """The file is loaded as it is written."""
    (warning,) = parsed(text).warnings
    assert warning.severity == "warning"
    assert (warning.message, warning.line, warning.column, warning.end_column) == DOUBTS[text]


@pytest.mark.parametrize("text", NO_DOUBTS)
def test_what_is_meant_is_no_warning(text: str) -> None:
    """Also in text that looks the same."""
    found = parse(text.encode(), FILE)
    assert not isinstance(found, Document) or found.warnings == ()


# Bounds


def bomb(levels: int, each: int = 10) -> str:
    """A billion laughs."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join([*lines, *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels))])


def test_aliases_are_bounded() -> None:
    """A hundred thousand values by aliases, and no more: refused at the alias that goes beyond."""
    assert len(parsed(bomb(4)).table) == 4
    problem = refused(bomb(9))
    assert problem.message == "Invalid YAML: aliases for more than 100,000 values at line 5"
    merges = "a: &a {x: [1, 2, 3, 4]}\n" + "".join(f"k{n}: {{<<: *a}}\n" for n in range(20_000))
    assert "aliases for more" in refused(merges).message


def test_depth_counts_what_aliases_stand_for() -> None:
    """64 levels; one more is refused at the alias that goes beyond."""
    deep = "a: &a " + "[" * 32 + "1" + "]" * 32 + "\n"
    parsed(deep + "b: " + "[" * 31 + "*a" + "]" * 31)
    assert "more than 64 levels" in refused(deep + "b: " + "[" * 32 + "*a" + "]" * 32).message


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a a: *b", "a: &a {b: {c: *a}}", "&r a: 1\nb: &r {<<: *r}"])
def test_aliases_that_lead_nowhere_or_into_themselves_are_refused(text: str) -> None:
    """At the alias."""
    assert "alias" in refused(text).message


WHOLE = {
    "keys": lambda n: "".join(f"key{i}: value {i}\n" for i in range(n // 22)),
    "nested": lambda n: "".join(f"s{i}:\n  host: a\n  port: {i}\n  tags: [a, b]\n" for i in range(n // 46)),
    "numbers": lambda n: "a:\n" + "".join(f"- {i}\n" for i in range(n // 8)),
    "flow": lambda n: "a: [" + ", ".join(map(str, range(n // 8))) + "]\n",
    "aliases": lambda n: "a: &a 1\n" + "".join(f"k{i}: *a\n" for i in range(n // 11)),
    "anchors": lambda n: "".join(f"k{i}: &a{i} 1\n" for i in range(n // 18)),
    "quoted": lambda n: "".join(f'"k{i}": "a\\tb"\n' for i in range(n // 17)),
    "strings": lambda n: "".join(f"k{i}: |\n  a\n  b\n" for i in range(n // 18)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_mebibyte_takes_no_longer_than_pyyaml(name: str) -> None:
    """At most twice the CPU time of its C loader."""
    text = WHOLE[name](1 << (20 if FULL else 18))

    def took(load: Any) -> float:
        begin = process_time()
        load()
        return process_time() - begin

    data = text.encode()
    ours = min(took(lambda: parse(data, FILE)) for _ in range(3))
    theirs = min(took(lambda: yaml.load(text, yaml.CSafeLoader)) for _ in range(3))
    assert ours <= 2 * theirs


# The extra

TOML_ONLY = """
import sys
from pathlib import Path
from pydantic import BaseModel
from hotconf import HotReloadWatcher, Schema

class Model(BaseModel):
    a: int = 0

Path("c.toml").write_text("a = 1")
with HotReloadWatcher("c.toml", Model) as watcher:
    Path("c.toml").write_text("a = 'x")
    watcher.reload()
print([name for name in sys.modules if "yaml" in name and name != "hotconf.formats.yaml"])
"""


def test_a_toml_program_imports_no_yaml(tmp_path: Path) -> None:
    """But for the module that says that there is such a format."""
    done = subprocess.run([sys.executable, "-c", TOML_ONLY], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "['hotconf.formats.yaml.format']\n"


def test_without_the_extra_a_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    for name in [name for name in sys.modules if name.startswith("hotconf.formats.yaml.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "yaml", None)
    problem = refused("a: 1")
    assert problem.message == "To read YAML, install PyYAML with libyaml: pip install 'hotconf[yaml]'"
    assert problem.file == FILE


# Secrets

SECRET = "S3cr3t"
BEFORE = ["", "a: 1\n", "a: [1\n", "a: {b:\n", "a:\n  b: [1]\n", "credentials:\n", "x:\n- y: 1\n"]
VALUES = [
    f"password: {SECRET}\n",
    f"password:\n  {SECRET}\n",
    f"password: 'a\n  {SECRET}\n  {SECRET}'\n",
    f'password: "a\n\n  {SECRET}\\\n  {SECRET}"\n',
    f"password: a\n  {SECRET}\n\n  {SECRET}\n",
    f"private_key: |\n  Proc: x\n  {SECRET}\n\n  k: {SECRET}\n # {SECRET}\n",
    f"private_key: >2-\n   {SECRET}\n  {SECRET}\n",
    f"- private_key: !!str |\n   {SECRET}\n   {SECRET}: 1\n",
    f"credentials:\n- {SECRET}\n# c\n- {SECRET}\n- - {SECRET}\n",
    f"credentials:\n  mail: {SECRET}\n  web:\n    deep: {SECRET}\n    list:\n    - {SECRET}\n",
    f"credentials: {{mail: {SECRET}, web: [{SECRET},\n  {SECRET}],\nx: {SECRET}}}\n",
    f"credentials: [\n  {SECRET},\n  {{a: {SECRET}}},\n  {SECRET}\n]\n",
    f"? password\n: {SECRET}\n",
    f"? password\n: |\n  {SECRET}\n  {SECRET}\n",
    f"? credentials\n: a: {SECRET}\n  b: {SECRET}\n",
    f"a: {{password: {SECRET},\n  b: {{password:\n    {SECRET}}}}}\n",
    f"'password': &x {SECRET}\n",
    f'"pass\\x77ord": {SECRET}\n',
    f"password: &p\n  {SECRET}\n",
    f"password: |\n\n  {SECRET}\n",
]
AFTER = ["", "z: 1\n", "\tz: 1\n", "z: [\n", "z: 'x\n", "oops oops\n", "z: @\n"]


@pytest.mark.parametrize("value", VALUES)
def test_no_line_shows_a_secret_or_the_rest_of_one(value: str) -> None:
    """Whatever is before and after it, valid or broken, in an excerpt or a difference."""
    for before in BEFORE:
        for after in AFTER:
            text = before + value + after
            found = parse(text.encode(), FILE)
            form = parsed("a: 1").format
            wrong = (found.line or 1) - 1 if isinstance(found, Problem) else len(text)
            source = SourceText(text, form=form)
            lines = [source.shown(n, broken=n >= wrong, strings=True) for n in range(len(source.lines))]
            lines += [source.shown(n, broken=n >= wrong) for n in range(len(source.lines))]
            if isinstance(found, Problem):
                lines += excerpt(found, text, context=2)
            assert [line for line in lines if SECRET in line] == [], text


AROUND = [
    *(
        "name: 'x",
        'say: "y',
        "a: [1, {b: 2},",
        "] # c",
        "} ",
        "text: |-",
        "  two",
        "  - z: >",
        "folded: &a !!str",
        "? k",
    ),
    *(
        ": v",
        "- - q",
        "---",
        "copy: {<<: *a, port: +1",
        "  plain: a b",
        "    c",
        "\tt: 1",
        "# c",
        "",
        "x = 1",
        "@",
        "'",
    ),
]


def test_whatever_is_around_a_secret_no_line_shows_it() -> None:
    """Random lines before and after it, most of which break the text, and any indentation."""
    dice = random.Random(11)
    form = parsed("a: 1").format
    for _ in range(20_000 if FULL else 600):
        before, after = ("".join(f"{dice.choice(AROUND)}\n" for _ in range(dice.randrange(4))) for _ in range(2))
        indent = "  " * dice.randrange(3)
        value = "".join(f"{indent}{line}\n" for line in dice.choice(VALUES).splitlines())
        text = before + dice.choice(BEFORE) + value + dice.choice(AFTER) + after
        found = parse(text.encode(), FILE)
        wrong = (found.line or 1) - 1 if isinstance(found, Problem) else len(text)
        source = SourceText(text, form=form)
        for strings in (True, False):
            shown = [source.shown(n, broken=n >= wrong, strings=strings) for n in range(len(source.lines))]
            assert [line for line in shown if SECRET in line] == [], text
