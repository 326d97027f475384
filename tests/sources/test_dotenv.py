"""`DotEnv` reads what python-dotenv reads."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from hotconf import UsageError
from hotconf.sources.dotenv import DotEnv
from hotconf.sources.secrets_dir import SecretsDir

LINES = [
    "A=1",
    "export B = two ",
    "C='single $A'",
    'D="double ${A} \\n x"',
    'E="two\nlines"',
    "F=${A}-${NONE:-default}",
    "G=# comment",
    "H=x # comment",
    "# comment",
    "",
    "I",
    "J='unclosed",
    "a b",
    "K=é",
    "A=again",
    "=x",
    "export",
    "L.M=1",
    "'N'=1",
    "O=${I:-default}${NONE}",
]


@given(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join))
def test_values_are_those_of_python_dotenv(text: str) -> None:
    """In the order of the file; a key without a value is none."""
    layer = DotEnv("x.env")
    found = layer.parse({layer.path: text.encode()}).texts
    expected = {key: value for key, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
    assert {name: value for name, (value, _) in found.items()} == expected


def test_lines_are_those_of_the_names() -> None:
    """Of a name that is given twice, the last; blank lines and comments count."""
    layer = DotEnv("x.env", "APP_")
    text = "\n\n# one\nAPP_A=1\n\n\nexport APP_B='x\ny'\nAPP_C=3\nAPP_A=2\nOTHER=1\n"
    found = layer.parse({layer.path: b"\xef\xbb\xbf" + text.encode()}).texts
    places = {name: (value, origin.where) for name, (value, origin) in found.items()}
    assert places == {"A": ("2", "x.env:10"), "B": ("x\ny", "x.env:7"), "C": ("3", "x.env:9")}


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("A='x", "The quotes are not closed", "close it"),
        ('A="x\\"', "The quotes are not closed", "close it"),
        ("A='x' y", "Text after the closing quote", "put it inside the quotes, or write # before it"),
        ("A: 1", "Not a variable", "write NAME=value, with = and no colon"),
        ("export A", "Not a variable", "write NAME=value"),
        ("=1", "Not a variable", "write NAME=value"),
    ],
)
def test_what_to_write_instead_of_a_line_that_is_ignored(line: str, message: str, hint: str) -> None:
    """At its place; the lines around it count."""
    layer = DotEnv("x.env")
    said = layer.parse({layer.path: f"B=1\n\n{line}\nC=2\n".encode()})
    assert {name: value for name, (value, _) in said.texts.items()} == {"B": "1", "C": "2"}
    places = [(each.where, each.message, each.hint, each.severity) for each in said.problems]
    assert places == [("x.env:3", f"{message}: the line is ignored", hint, "warning")]


def test_its_size_is_bounded() -> None:
    """In lines, and in what `${OTHER}` stands for; below the bounds nothing is left out."""
    layer = DotEnv("x.env")
    most = layer.parse({layer.path: "".join(f"A{number}=1\n" for number in range(9_999)).encode()})
    assert len(most.texts) == 9_999
    for text in ("#\n" * 10_001, "A=" + "x" * 100_000 + "\n" + "B=" + "${A}" * 50):
        said = layer.parse({layer.path: text.encode()})
        assert [(each.kind, each.severity) for each in said.problems] == [("too_large", "error")]
        assert not said.texts


def test_what_is_not_there_says_nothing() -> None:
    """And what others say is not read."""
    assert DotEnv("x.env").parse({Path("/other"): b"A=1"}).texts == {}
    assert SecretsDir("/run/x").parse({Path("/other/a"): b"1", Path("/run/x/b/c"): b"1"}).texts == {}


def test_secrets_may_have_a_prefix() -> None:
    """In any case, unless case counts."""
    directory = Path("/run/x")
    files = {directory / name: b" v\r\n" for name in ("app_a", "APP_B", "other", "app_")}
    assert set(SecretsDir(directory, "app_").parse(files).texts) == {"a", "B"}
    assert set(SecretsDir(directory, "app_", case_sensitive=True).parse(files).texts) == {"a"}
    assert SecretsDir(directory).parse(files).texts["app_a"][0] == "v"


def test_a_directory_may_have_any_name(tmp_path: Path) -> None:
    """Brackets in it are no wildcards."""
    assert SecretsDir(tmp_path / "a[b]*").paths == (f"{tmp_path}/a[[]b][*]/*",)


def test_without_python_dotenv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the layer is made, not when a load needs it."""
    monkeypatch.setitem(sys.modules, "dotenv", None)
    monkeypatch.setitem(sys.modules, "dotenv.main", None)
    with pytest.raises(UsageError) as raised:
        DotEnv()
    assert str(raised.value) == "DotEnv needs python-dotenv: pip install 'hotconf[dotenv]'"


@pytest.mark.parametrize("layer", [DotEnv, SecretsDir])
@pytest.mark.parametrize("path", ["", None, 7])
def test_a_path_that_is_none_is_refused(layer: type, path: object) -> None:
    """As that of the main file is."""
    with pytest.raises(UsageError):
        layer(path)
