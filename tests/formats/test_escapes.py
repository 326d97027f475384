"""Escapes in what looks like a Windows path: one warning each, at the escape, and none for anything else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tomli

from hotconf import Problem
from hotconf.formats.base import Document
from hotconf.formats.escapes import MOST
from hotconf.formats.registry import parse

PATH = Path("/etc/app/config.toml")
CONTROL = set(map(chr, (*range(32), 127, *range(128, 160))))


def warnings(text: str) -> tuple[Problem, ...]:
    """What is misread in a TOML text."""
    document = parse(text.encode(), PATH)
    assert isinstance(document, Document), document
    return document.warnings


@pytest.mark.parametrize(
    ("written", "escape"),
    [
        (r"C:\temp", r"\t"),
        (r"c:\new\files", r"\n"),
        (r"D:\backup", r"\b"),
        (r"C:\files", r"\f"),
        (r"E:\run\\x", r"\r"),
        (r"C:\etc", r"\e"),
        (r"C:\\Users\\bob\\notes\temp", r"\t"),
        (r"C:\\Program Files\\x\bin", r"\b"),
        (r"\\\\server\\share\new", r"\n"),
        (r"\\server\temp", r"\t"),
        (r".\target", r"\t"),
        (r"..\new\file.txt", r"\n"),
        (r"%APPDATA%\temp", r"\t"),
    ],
)
@pytest.mark.parametrize(
    "place", ['a = "{}"', '# "\\\n[t]\nx = [1, "y", "{}"]\n', "a = {{ b = '''\n''', c = \"{}\" }}"]
)
def test_a_path_with_an_escape(written: str, escape: str, place: str) -> None:
    """The warning names the escape, stands at it, and what it says to write is the path."""
    text = place.format(written)
    (problem,) = warnings(text)
    assert problem.message.startswith(f"{escape} is a")
    assert (problem.severity, problem.file) == ("warning", PATH)
    at = text.index(escape, text.index(written))
    lines = text[:at].split("\n")
    assert (problem.line, problem.column) == (len(lines), len(lines[-1]) + 1)
    literal = text.replace(f'"{written}"', f"'{written}'")
    assert warnings(literal) == ()
    assert written in str(tomli.loads(literal)).replace("\\\\", "\\") or "\\\\" in written
    assert "server" not in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    "text",
    [
        r'a = "C:\\temp\\new"',
        r"a = 'C:\temp'",
        r'a = "one\ttwo"',
        r'a = "a:\n  b: 1\n"',
        r'a = "E:\t%s\n"',
        r'a = "x: \t y"',
        r'a = "C:/temp\n"',
        r'a = "...\nmore"',
        r'a = "12:\n30"',
        r'a = "ab:\temp"',
        r'a = "C:\\dir\\\u00e9"',
        r'a = "\t"',
        r'# a = "C:\temp"',
        "a = '''\nx = \"C:\\temp\"\n'''",
        'a = """\nC:\n\ttemp"""',
        r'a = "\\d+\n"',
        r'a = "http://x\ny"',
    ],
)
def test_what_is_no_path(text: str) -> None:
    """Text with tabs and line ends, formats, patterns, comments and literal strings."""
    assert warnings(text) == ()


@pytest.mark.parametrize("seed", range(3))
def test_any_path_without_its_backslashes(seed: int) -> None:
    """Random paths written as people do: there is a warning exactly if the value has a control character."""
    dice = random.Random(seed)
    names = ["temp", "new", "bin", "files", "run", "etc", "data", "Users", "notes", "bob"]
    tried = 0
    for _ in range(300):
        parts = dice.sample(names, dice.randrange(1, 4))
        written = dice.choice(["C:", "d:", "..", "%TMP%"]) + "".join(
            dice.choice(["\\", "\\\\"]) + part for part in parts
        )
        try:
            value = tomli.loads(f'a = "{written}"')["a"]
        except ValueError:
            continue  # an escape that does not exist
        assert bool(warnings(f'a = "{written}"')) == bool(CONTROL & set(value)), written
        tried += 1
    assert tried > 50


def test_of_many_the_first_are_reported() -> None:
    """A file full of them costs no more than a hundred."""
    text = "".join(f'a{number} = "C:\\temp"\n' for number in range(10_000))
    assert [problem.line for problem in warnings(text)] == list(range(1, MOST + 1))
