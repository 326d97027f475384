"""Secrets in files of variables and directories: problems name file and line, and no output has a secret."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, Field, SecretStr, field_validator

from hotconf import DotEnv, HotReloadWatcher, Problem, Schema, SecretsDir
from hotconf.cli.app import hotconf

MARK = "hunter2zq7v"


class Server(BaseModel, frozen=True):
    port: int = 1
    name: str = ""
    pin: SecretStr | None = None


class App(BaseModel, frozen=True):
    port: int = 1
    level: Literal["low", "high"] = "low"
    name: str = ""
    size: int | str = 1
    sizes: list[int] = Field(default_factory=list)
    cert: SecretStr = SecretStr("")
    access_key: int = 0
    code: int = Field(0, alias="api_token")
    server: Server = Server()
    headers: dict[str, int] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def short(cls, value: str) -> str:
        if value:
            raise ValueError("too long")
        return value


def check(config: App) -> Iterable[Problem]:
    """Warns about much, whatever it is."""
    for path in ("port", "cert", "access_key", "server", "server.pin", "headers"):
        yield Problem("odd", path=path, severity="warning")


SCHEMA = Schema(App, checks=[check])
watcher = HotReloadWatcher("config.toml", SCHEMA, layers=[SecretsDir("secrets"), DotEnv(".env", "APP_")])


class Case(NamedTuple):
    text: str
    lines: tuple[int, ...]
    """Of its problems."""


CASES = {
    "a secret of a wrong type": Case(f"APP_ACCESS_KEY={MARK}\n", (1,)),
    "a secret by its alias": Case(f"APP_API_TOKEN={MARK}\n", (1,)),
    "a secret by its type": Case(f"APP_CERT={MARK}\n", (1,)),
    "a misspelt secret": Case(f"APP_CRET={MARK}\n", (1,)),
    "an unknown name": Case(f"# a\nAPP_X={MARK}\n", (2,)),
    "a secret in JSON": Case(f'APP_SERVER={{"pin": "{MARK}", "port": "x"}}\n', (1,)),
    "an unknown secret in JSON": Case(f'APP_SERVER={{"pni": "{MARK}"}}\n', (1,)),
    "broken JSON": Case(f"APP_SERVER={{'pin': '{MARK}'}}\n", (1,)),
    "no JSON": Case(f"APP_HEADERS={MARK}\n", ()),  # the message quotes it: nothing says that it is a secret
    "a free table": Case(f'APP_HEADERS={{"Authorization": "{MARK}"}}\n', (1,)),
    "text": Case(f"APP_NAME={MARK}\n", (1,)),
    "a comment": Case(f"APP_PORT=x # {MARK}\n", (1,)),
    "a comment behind quotes": Case(f"APP_LEVEL='x'\t# {MARK}\n", (1,)),
    "a line that is no variable": Case(f"APP_PORT=1\n{MARK}\n", (2,)),
    "a base64 line": Case(f"{MARK}==\n", ()),
    "a colon": Case(f"APP_CERT: {MARK}\n", (1,)),
    "an open quote": Case(f"APP_CERT='{MARK}\n{MARK}\n{MARK}=\n", (1, 2)),
    "more behind quotes": Case(f"APP_CERT='x' {MARK}\n", (1,)),
    "several lines": Case(f"APP_CERT='x\n{MARK}'\nAPP_PORT=x\n", (3,)),
    "carriage returns": Case(f"A=1\rAPP_CERT={MARK}\rAPP_PORT=x\r", (3,)),
    "another variable": Case(f"APP_CERT={MARK}\nAPP_PORT=${{APP_CERT}}\n", ()),
    "given twice": Case(f"APP_CERT={MARK}\napp_cert={MARK}2\n", (2,)),
    "not UTF-8": Case(f"A=1\nAPP_CERT={MARK}\udcff\n", (2,)),
}
FORMS = ("text", "concise", "json", "sarif", "github")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a good configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("port = 1\n")
    (tmp_path / "secrets").mkdir()
    return tmp_path


def checked(home: Path, form: str) -> str:
    """What `hotconf check` says."""
    app = HotReloadWatcher("config.toml", SCHEMA, layers=[SecretsDir("secrets"), DotEnv(".env", "APP_")])
    globals()["watcher"] = app
    done = CliRunner().invoke(hotconf, ["check", "--app", f"{__name__}:watcher", "--format", form])
    assert done.exit_code in (0, 1), done.output
    return done.output


@pytest.mark.parametrize(("what", "form"), list(product(CASES, FORMS)))
def test_no_secret_of_a_file_of_variables_shows(home: Path, what: str, form: str) -> None:
    """Neither in an excerpt nor elsewhere, whatever is wrong with its line."""
    (home / ".env").write_bytes(CASES[what].text.encode("utf-8", "surrogateescape"))
    said = checked(home, form)
    if what not in ("no JSON", "another variable"):
        assert MARK not in said


@pytest.mark.parametrize("what", CASES)
def test_problems_of_a_file_of_variables_have_their_lines(home: Path, what: str) -> None:
    """For programs: the file, and the line as editors count it."""
    case = CASES[what]
    (home / ".env").write_bytes(case.text.encode("utf-8", "surrogateescape"))
    found = json.JSONDecoder().raw_decode(checked(home, "json"))[0]["problems"]
    lines = {each["line"] for each in found if each["file"] == str(home / ".env")}
    assert lines >= set(case.lines)
    assert all(each["file"] for each in found)


@pytest.mark.parametrize("name", ["cert", "access_key", "crets_key", "server__pin", "server", "port", "api_token"])
@pytest.mark.parametrize(
    "data", [MARK.encode(), f"{MARK}\xff".encode("latin-1"), b'{"pin": "' + MARK.encode() + b'"}']
)
def test_no_secret_of_a_directory_shows(home: Path, name: str, data: bytes) -> None:
    """The file is named; no line of it is shown, whatever the key."""
    (home / "secrets" / name).write_bytes(data)
    for form in FORMS:
        assert MARK not in checked(home, form)
    found = json.JSONDecoder().raw_decode(checked(home, "json"))[0]["problems"]
    files = (home / "config.toml", home / "secrets" / name, home / ".env")
    assert {each["file"] for each in found} <= {*map(str, files)}
    assert all(each["line"] is None for each in found if "secrets" in each["file"])


def test_a_value_that_is_no_secret_is_shown(home: Path) -> None:
    """With carets under it: that of a known field which takes no text."""
    (home / ".env").write_text("# x\nexport APP_SERVER__PORT = many # x\nAPP_LEVEL='lo'\n")
    said = checked(home, "text")
    assert "2 │ export APP_SERVER__PORT = many\n  │                           ^^^^\n" in said
    assert "3 │ APP_LEVEL='lo'\n  │           ^^^^\n" in said


def test_each_file_and_each_line_counts(home: Path) -> None:
    """The same may be wrong with several."""
    (home / ".env").write_text("a b\n\nc d\n")
    (home / "secrets" / "cert").write_bytes(b"\xff")
    (home / "secrets" / "access_key").write_bytes(b"\xff")
    places = [line.split(": ")[0] for line in checked(home, "concise").splitlines() if "odd" not in line][:-1]
    assert sorted(places) == [
        ".env:1",
        ".env:3",
        "secrets/access_key:1:1",
        "secrets/cert:1:1",
    ]
