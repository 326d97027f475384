"""What is special about JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem

FILE = Path("/config.json")


def refused(text: str) -> Problem:
    """The problem that `text` is."""
    found = parse(text.encode(), FILE)
    assert isinstance(found, Problem), found
    return found


MISTAKES = {
    '{"a": 1,\n}': ("trailing comma", (1, 8), "remove this comma"),
    '{"a": [1,\n2,]}': ("trailing comma", (2, 2), "remove this comma"),
    '{"a": 1, , "b": 2}': ("unexpected character ','", (1, 10), "remove this comma"),
    "{'a': 1}": ("unexpected character '''", (1, 2), 'write double quotes: "…"'),
    "{\"a\": 'x'}": ("unexpected character '''", (1, 7), 'write double quotes: "…"'),
    "{a: 1}": ("unexpected character 'a'", (1, 2), 'put the key in double quotes: "…"'),
    '{a": 1}': ("unexpected character 'a'", (1, 2), 'put the key in double quotes: "…"'),
    '{"a" = 1}': ("unexpected character '='", (1, 6), 'write "name": value'),
    "a = 1": ("unexpected character 'a'", (1, 1), 'put text in double quotes: "…"'),
    '{"a"}': ("unexpected character '}'", (1, 5), 'write "name": value'),
    '{"a": }': ("missing value", (1, 7), "write a value after the :"),
    '{"a": 1 "b": 2}': ("missing comma", (1, 9), "put a comma between the pairs of an object"),
    '{"a": [1,\n"b": 2}': ("missing closing bracket", (1, 7), 'close it with "]"'),
    '{"a": {"b": 1}': ("missing closing brace", (1, 1), 'close it with "}"'),
    '{"a": 1}}': ("unexpected character '}'", (1, 9), "remove this bracket"),
    '{"a": 1}\n{"b": 2}': (
        "unexpected character '{'",
        (2, 1),
        "a file holds one object: remove this, or put all into one",
    ),
    '{"a": 1} // c': ("comment", (1, 10), "remove it: JSON has no comments"),
    '{"a": 1 /* c */}': ("comment", (1, 9), "remove it: JSON has no comments"),
    "# c\n{}": ("comment", (1, 1), "remove it: JSON has no comments"),
    "[1]": ("not an object", (1, 1), 'write an object: {"name": value}'),
    '"x"': ("not an object", (1, 1), 'write an object: {"name": value}'),
    "12": ("not an object", (1, 1), 'write an object: {"name": value}'),
    '{"a": NaN}': (
        "unexpected character 'N'",
        (1, 7),
        "JSON has no NaN and no Infinity: write null, or a number",
    ),
    '{"a": -Infinity}': (
        "unexpected character '-'",
        (1, 7),
        "JSON has no NaN and no Infinity: write null, or a number",
    ),
    '{"a": None}': ("unexpected character 'N'", (1, 7), "write null"),
    '{"a": +1}': ("unexpected character '+'", (1, 7), "a number has no plus sign: 1"),
    '{"a": 1.}': ("unexpected character '1'", (1, 7), "write a digit after the point: 1.0, not 1."),
    '{"a": 0xff}': ("unexpected character '0'", (1, 7), "write the number in decimal: 255"),
    '{"a": 1_000}': ("unexpected character '1'", (1, 7), "write digits without underscores: 1000"),
    '{"a": 10ms}': ("unexpected character '1'", (1, 7), "write the number alone, or put text in double quotes"),
    '{"a": "b"c"}': ("unexpected character 'c'", (1, 10), 'write \\" for a quote inside a string'),
    '{"a": "b\tc"}': ("control character in a string", (1, 9), "write \\t for a tab"),
    '{"a": "C:\\"}': (
        "unterminated string",
        (1, 7),
        'close it with " on this line; \\n is a line break',
    ),
    '{"a": "\\ud83d"}': (
        "half a character",
        (1, 8),
        "write both halves of the character, or the character itself",
    ),
    '{"\\ude00": 1}': (
        "half a character",
        (1, 3),
        "write both halves of the character, or the character itself",
    ),
    '{"a": "\\u12"}': ("invalid escape", (1, 8), "a backslash begins an escape: write \\\\ for each backslash"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text: str) -> None:
    """What people write, where it is wrong, and what to write instead."""
    problem = refused(text)
    assert problem.line is not None
    found = (
        problem.message.removeprefix("Invalid JSON: ").rpartition(" at line ")[0],
        (problem.line, problem.column),
    )
    assert (*found, problem.hint) == MISTAKES[text]


def test_a_key_given_twice_is_told_with_the_first_one() -> None:
    """At the second, also where an escape spells it."""
    problem = refused('{"a": {"b": 1,\n"\\u0062": 2}}')
    assert (problem.line, problem.column, problem.end_column) == (2, 1, 9)
    (related,) = problem.related
    assert (related.message, related.line, related.column) == ("first defined", 1, 8)


def test_no_message_quotes_the_text() -> None:
    """It may be a secret."""
    for text in ('{"a": hunter2}', "{hunter2: 1}", '{"a": "hunter2}', '{"a": 1 hunter2}', '{"a": "hunter2\\q"}'):
        problem = refused(text)
        assert "hunter" not in f"{problem}{problem.hint}"


def test_what_rfc_8259_allows() -> None:
    """Surrogate pairs, any key, any white space, an empty object."""
    given = '\ufeff\r\n{"": [ ],\t"\\ud83d\\ude00": {"\\u0000": -0.5E+3, "/": "\\/"}, "n": null}\r\n'
    found = parse(given.encode(), FILE)
    assert isinstance(found, Document)
    assert found.table == {"": [], "😀": {"\0": -500.0, "/": "/"}, "n": None}
    empty = parse(b"{}", FILE)
    assert isinstance(empty, Document)
    assert empty.table == {}


def test_a_program_that_allows_deep_recursion_is_safe() -> None:
    """The standard library's parser recurses in C, and would use up the stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        assert "more than 64 levels" in refused('{"a": ' + "[" * 500_000).message
        assert isinstance(parse(b'{"a": [1]}', FILE), Document)
    finally:
        sys.setrecursionlimit(before)


def test_a_windows_path_is_warned_of() -> None:
    """Where its backslashes give control characters."""
    found = parse(b'{"path": "C:\\temp\\new"}', FILE)
    assert isinstance(found, Document)
    (warning,) = found.warnings
    assert (warning.message, warning.hint, warning.column) == (
        "\\t is a tab, in what looks like a Windows path",
        "write \\\\ for each backslash",
        13,
    )
