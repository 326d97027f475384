"""Files that are not TOML: no line is shown that could be the rest of a secret."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from time import process_time

import pytest

from hotconf.config.redaction.source_text import SourceText
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.report.problems.excerpt import excerpt

SECRET = "S3cr3t"
TEXT, LITERAL = '"' * 3, "'" * 3
BEFORE = ("", "a = 1\n", "[credentials]\n", "[credentials.mail]\nuser = 'x'\n", "[[token]]\n", "[a]\nb = 2\n")
VALUES = [
    f"api_key = {LITERAL}{SECRET}{LITERAL}\n{SECRET}{LITERAL}\n",
    f"api_key = {TEXT}{SECRET}\n{SECRET}{TEXT}{TEXT}\n{SECRET}\n",
    f"api_key = {LITERAL}x{LITERAL}\n\n# c\n{SECRET}\n",
    f'password = "{SECRET}\n{SECRET}"\n{SECRET}==\n',
    f'token = [\n "{SECRET}",\n "{SECRET}\n {SECRET}\n]\n',
    f"private_key = {TEXT}\nx{TEXT}\nMII{SECRET}=\n{SECRET}==\n{TEXT}\n",
    f"password: |\n  {SECRET}\n  {SECRET}\n",
    f"api_key\n= {SECRET}\n",
    f"api_key =\n{SECRET}\n",
    f"api_key = \\\n{SECRET}\n",
    f'credentials = {{ a = "{SECRET}",\n b "{SECRET}" \n{SECRET}\n}}\n',
    f"api_key = {LITERAL}\n{SECRET}\n{LITERAL * 3}\n{SECRET}\n",
    f"api_key = {TEXT}{TEXT}{SECRET}{TEXT}\n{SECRET}\n",
    f"api_key = [{TEXT}a\n{SECRET}{TEXT}\n{SECRET}\n",
]
BARE = [
    f"{SECRET}\n",
    f'"{SECRET}"\n',
    f"{SECRET} {SECRET} = 1\n",
    f"'{SECRET}\n",
    f"{SECRET}=\n",
    f"{{ {SECRET} }}\n",
]
CASES = [*product(BEFORE, VALUES), *product(BEFORE[2:5], BARE)]


@pytest.mark.parametrize("more", ["", "z = 1\n", "oops oops\n"])
def test_no_line_shows_the_rest_of_a_secret(more: str) -> None:
    """Neither in an excerpt nor in a difference, below a secret key or a secret table."""
    broken = 0
    for before, value in CASES:
        text = before + value + more
        problem = parse(text.encode(), Path("/c.toml"))
        if isinstance(problem, Problem):
            broken += 1
            source, wrong = SourceText(text), (problem.line or 1) - 1
            lines = [source.shown(n, broken=n >= wrong, strings=True) for n in range(len(source.lines))]
            shown = [*excerpt(problem, text, context=2), *lines]
            assert [line for line in shown if SECRET in line] == [], text
    assert broken > 80


def test_ordinary_lines_are_shown() -> None:
    """With a key of their own, below a header that is not secret, or in front of all secrets."""
    text = 'oops oops\n[a]\nb = 1\npassword = "x\nc = 2\n[d]\nfoo bar\n'
    source = SourceText(text)
    shown = [source.shown(n, broken=True, strings=True) for n in range(7)]
    assert shown == ["oops oops", "[a]", "b = 1", "password = …", "c = 2", "[d]", "foo bar"]


def test_many_lines_are_judged_once() -> None:
    """Each of many broken ones is looked at once, not once for each below."""

    def took(lines: int) -> float:
        begin = process_time()
        source = SourceText("password = [\n" + "oops\n" * lines)
        for n in range(lines):
            source.shown(n, broken=True, strings=True)
        return process_time() - begin

    assert min(took(8000) for _ in range(3)) < max(8 * min(took(2000) for _ in range(3)), 0.1)
