"""The source line of a problem, with a caret under the place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from hotconf import HotReloadWatcher
from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.config.redaction.secret_values import secrets_in
from hotconf.problems import Problem
from hotconf.report.cells import width
from hotconf.report.problems.excerpt import Excerpts, excerpt, safe_line
from hotconf.schema import Schema

TEXT = """\
[server]
port = "eight"
api_key = "hunter2"
token = [
  "hunter2",
]
note = '''
hunter2
'''
"""


def at(line: int | None, column: int | None = None, kind: str = "schema") -> Problem:
    """A problem there."""
    return Problem("wrong", kind=kind, line=line, column=column)


def test_the_line_with_its_number_and_a_caret():
    """As compilers show it."""
    assert excerpt(at(2, 8), TEXT) == ('2 │ port = "eight"', "  │        ^")


def test_without_a_column_there_is_no_caret():
    """It would point at something."""
    assert excerpt(at(2), TEXT) == ('2 │ port = "eight"',)


@pytest.mark.parametrize("line", [None, 0, 11, 99])
def test_without_a_line_there_is_nothing(line):
    """The file may have changed since, or it is about no line at all."""
    assert excerpt(at(line, 1), TEXT) == ()


@pytest.mark.parametrize(
    ("line", "span", "carets"),
    [
        ('port = "eight"', (1, 8, 1, 15), "       ^^^^^^^"),
        ("port = 1", (1, 8, 1, 8), "       ^"),
        ("port = 1", (1, 8, None, None), "       ^"),
        ("port = 1", (1, 8, 1, 99), "       ^"),
        ("port = 1", (1, 8, 1, 3), "       ^"),
        ("a = '''", (1, 5, 3, 4), "    ^^^"),
        ("a = '''\r", (1, 5, 3, 4), "    ^^^"),
        ("a = [  ", (1, 5, 3, 2), "    ^"),
        ("日本 = '日'", (1, 6, 1, 9), "       ^^^^"),
        ("a\t= '\t'", (1, 5, 1, 8), "      ^^^"),
        ("a\t= '\t'", (1, 1, 1, 3), "^^^^"),
        ("\ufeffa = '\u202e'", (1, 5, 1, 8), "    ^^^^^^^^"),
        ("api_key = 'x'", (1, 11, 1, 14), "          ^"),
        ("api_key = 'x'", (1, 1, 1, 8), "^^^^^^^"),
        ("e\u0301 = 'e\u0301'", (1, 6, 1, 10), "    ^^^"),
    ],
)
def test_all_of_it_is_underlined(line, span, carets):
    """As far as it is on the line, and shown; cells, not characters."""
    first, column, last, end = span
    problem = Problem("wrong", kind="schema", line=first, column=column, end_line=last, end_column=end)
    text = line if last == first or last is None else f"{line}\nx\n'''"
    assert excerpt(problem, text)[1] == "  │ " + carets


def test_many_excerpts_of_a_file_take_one_look_at_it():
    """A thousand problems in a megabyte are shown as quickly as one; a file is read when it is needed."""
    asked = []

    def read(path):
        asked.append(path)
        return TEXT

    excerpts = Excerpts(read, secrets=["eight"])
    assert not asked
    file, other = Path("/a"), Path("/b")
    problems = [Problem("x", file=file, line=2, column=8), Problem("x", file=file), Problem("x", line=1)]
    assert [excerpts.of(problem) for problem in problems] == [('2 │ port = "********"', "  │        ^"), (), ()]
    assert excerpts.of(Problem("x", file=other, line=3)) == ("3 │ api_key = …",)
    assert excerpts.of(Problem("x", file=file, line=1)) == ("1 │ [server]",)
    assert asked == [file, other]


def test_the_lines_around_it():
    """As many as there are, their numbers in a column."""
    text = "\n".join(f"k{n} = {n}" for n in range(1, 13))
    assert excerpt(at(10, 1), text, context=1) == (" 9 │ k9 = 9", "10 │ k10 = 10", "   │ ^", "11 │ k11 = 11")
    assert excerpt(at(1), text, context=1) == ("1 │ k1 = 1", "2 │ k2 = 2")


@pytest.mark.parametrize("kind", ["syntax", "encoding"])
def test_nothing_is_shown_below_what_is_not_toml(kind):
    """Nobody knows what it is: a value on a line of its own, for one."""
    assert excerpt(at(1, 10, kind), 'password=\n"hunter2"', context=2) == ("1 │ password= …", "  │          ^")


@pytest.mark.parametrize(
    ("line", "column", "caret"),
    [
        ("\tx = 1", 2, 4),
        ("\tx = 1", 1, 0),
        ("a\tb", 3, 4),
        ("日本 = 1", 4, 5),
        ("e\u0301 = 1", 4, 2),
        ("\x1b = 1", 2, 4),
        ("abc", 4, 3),
        ("abc", 99, 3),
        ("", 1, 0),
        ("\ufeffx = 1", 1, 0),
        ("abc\r", 4, 3),
    ],
)
def test_the_caret_is_where_a_terminal_shows_the_character(line, column, caret):
    """Whatever stands before it: tabs, wide and combining characters, control characters, a byte order mark."""
    assert excerpt(at(1, column), line)[1] == "  │ " + " " * caret + "^"


def test_a_long_line_is_cut_around_the_column():
    """Both the place and what stands around it are seen."""
    text = "x" * 500 + "HERE" + "y" * 500
    line, caret = excerpt(at(1, 501), text, cells=40)
    assert (len(line), line[4], line[-1]) == (40, "…", "…")
    assert line[caret.index("^") :].startswith("HERE")
    assert excerpt(at(1, 1), text, cells=40) == ("1 │ " + "x" * 35 + "…", "  │ ^")
    line, caret = excerpt(at(1, 1005), text, cells=40)
    assert (line, caret) == ("1 │ …" + "y" * 34, "  │ " + " " * 35 + "^")


@given(
    st.text(alphabet="a日\u0301\t\x1b= ", max_size=120),
    st.integers(1, 130),
    st.integers(20, 60),
    st.integers(0, 130),
)
def test_an_excerpt_fits_and_points_at_its_character(line, column, cells, length):
    """Whatever is on the line, and however narrow the place."""
    problem = replace(at(1, column), end_line=1, end_column=column + length)
    shown, caret = excerpt(problem, line, cells=cells)
    assert shown.isprintable()
    assert width(shown) <= cells
    assert len(caret) <= cells
    if line[column - 1 : column] == "日":
        cell = caret.index("^")
        assert next(char for n, char in enumerate(shown) if width(shown[:n]) == cell and width(char)) == "日"


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        (3, 11, ("3 │ api_key = …", "  │           ^")),
        (3, 1, ("3 │ api_key = …", "  │ ^")),
        (5, 3, ("5 │ …", "  │ ^")),
        (8, 2, ("8 │ …", "  │ ^")),
    ],
)
def test_secrets_are_hidden_and_the_caret_stays_outside_them(line, column, shown):
    """On the line of the key, on the further lines of its value, and in strings of several lines."""
    assert excerpt(at(line, column), TEXT) == shown


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-32"])
def test_what_is_no_text_is_not_shown(coding):
    """In it the words that tell a secret would not be found."""
    text = "api_key = 'hunter2'".encode(coding).decode("utf-8", "replace")
    assert excerpt(at(1, 1, "encoding"), text) == ()


@pytest.mark.parametrize("line", ['nip = "hunter2"', 'a = 1, nip = "hunter2"'])
def test_what_a_problem_withholds_is_not_shown(line):
    """`nip` means the pin, whatever the hint, and without one."""
    column = line.index("nip") + 1
    problem = Problem("Unknown key: nip", ("nip",), "schema", file=Path("c.toml"), line=1, column=column)
    assert "hunter2" in excerpt(problem, line)[0]
    problem = replace(problem, withheld=True)
    assert excerpt(problem, line)[0] == "1 │ " + line.replace('"hunter2"', "…")


def test_known_secrets_are_masked():
    """Those of values that only the model knows to be secret; the caret moves with what comes after them."""
    text = 'pin = { a = "hunter2", b = 1 }'
    assert excerpt(at(1, 24), text, secrets=["hunter2"]) == (
        '1 │ pin = { a = "********", b = 1 }',
        "  │" + " " * 25 + "^",
    )


@pytest.mark.parametrize("kind", ["schema", "syntax", "encoding"])
@pytest.mark.parametrize("line", range(1, 11))
def test_no_excerpt_holds_a_secret(line, kind):
    """Of any line, with all lines around it."""
    assert "hunter2" not in "\n".join(excerpt(at(line, 5, kind), TEXT, context=20))


@pytest.mark.parametrize(
    ("line", "shown", "broken"),
    [
        ("port = 8000", "port = 8000", "port = 8000"),
        ("api_key = 'hunter2'", "api_key = …", "api_key = …"),
        ("api_key 'x'", "api_key 'x'", "api_key …"),
        ("\tu = 'https://ada:hunter2@host/'", "    u = 'https://********@host/'", "    u = 'https://********@host/'"),
        ("x\x1b[0m", "x\\x1b[0m", "x\\x1b[0m"),
    ],
)
def test_one_line_by_itself(line, shown, broken):
    """The same rule, as far as it can be told from the line alone; printable."""
    assert (safe_line(line), safe_line(line, syntax_error=True)) == (shown, broken)


class Config(BaseModel):
    pin: SecretStr = SecretStr("")
    port: int = 1
    url: str = ""


@pytest.mark.parametrize(
    "text",
    [
        "port = 'x'\npin = 'hunter3'\n",
        "pin = ['hunter3']\n",
        "pin = [\n'hunter3'\n]\n",
        "pin = 'hunter3\n",
        "pin = hunter3\n",
        "pin 'hunter3'\n",
        "port = 'x'\nurl = 'ftp://ada:hunter3@host'\n# pin = hunter3\n",
        "port = 'x'\npassword = 'hunter3'\npin = 'hunter2'\n",
    ],
)
def test_neither_new_nor_old_secrets_of_a_file_that_is_refused_are_shown(tmp_path, text):
    """With what is known of them: the published configuration's values, and the keys that the model keeps secret."""
    file = tmp_path / "config.toml"
    file.write_text("pin = 'hunter2'\n")
    schema = Schema(Config)
    with HotReloadWatcher(file, schema) as watcher:
        file.write_text(text)
        event = watcher.reload()
        known = {"secrets": secrets_in(watcher.config), "secret_keys": secret_keys(schema)}
        shown = [line for problem in event.problems for line in excerpt(problem, text, context=9, **known)]
    assert shown
    assert "hunter" not in "\n".join(shown)
