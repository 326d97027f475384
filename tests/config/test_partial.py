"""What is refused is judged as far as it is valid: the rest of the problems are found in the same round."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator, model_validator

from hotconf.config.validation.partial import UnknownError
from hotconf.inspection.inspect import inspect
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.settings import PinnedSettings
from hotconf.sources.base import Options
from hotconf.sources.secrets_dir import SecretsDir
from hotconf.speckit import SPECKIT
from torture.extent import examples


class Server(BaseModel):
    host: str
    port: int = 80
    low: int = 1
    high: int = 9

    @field_validator("high")
    @classmethod
    def _above(cls, high: int, info: object) -> int:
        if high <= info.data.get("low", 0):  # type: ignore[attr-defined]
            raise ValueError("crossed")
        return high


class App(BaseModel):
    name: str
    level: str = "info"
    servers: dict[str, Server] = {}
    hosts: list[str] = []
    first: Server | None = None

    @model_validator(mode="after")
    def _named(self) -> App:
        if self.level == "info" and self.name == "default":
            raise ValueError("a default needs a level")
        return self


def check_names(app: App) -> Iterator[Problem]:
    """Looks at one value."""
    if len(app.name) > 3:
        yield Problem("too long a name", "name")


def check_hosts(app: App) -> Iterator[Problem]:
    """Looks at one value, then at another."""
    if not app.level.islower():
        yield Problem("not in lower case", "level")
    for index, host in enumerate(app.hosts):
        if host not in app.servers:
            yield Problem(f"no server {host}", ("hosts", index))


SCHEMA = Schema(App, checks=[check_names, check_hosts])


def said(tmp_path: Path, text: str, schema: Schema = SCHEMA, name: str = "c.toml") -> list[str]:
    """All problems, by line."""
    path = tmp_path / name
    path.write_text(text)
    found = inspect(Options(path, schema, PinnedSettings()))
    return [f"{each.line} {each.message.partition(' at line')[0]}" for each in found.problems]


def test_checks_judge_what_the_model_accepts(tmp_path: Path) -> None:
    """A wrong value elsewhere does not keep them from it."""
    text = 'name = "long"\nlevel = 3\nhosts = ["a"]\n'
    assert said(tmp_path, text) == [
        "1 too long a name",
        "2 Type mismatch: level expected string, got integer",
    ]
    text = 'name = "long"\nlevel = "INFO"\nhosts = ["a"]\n[servers.a]\nport = "x"\n'
    assert said(tmp_path, text)[:2] == ["1 too long a name", "2 not in lower case"]
    assert not any("no server" in line for line in said(tmp_path, text))


def test_mistakes_of_syntax_hide_nothing_else(tmp_path: Path) -> None:
    """Unknown keys, wrong types and what checks find stand beside them."""
    text = 'name = "long"\nlevel = = 1\nhots = 1\n[servers.a]\nhost = "x"\nport = "y"\n'
    assert said(tmp_path, text) == [
        "1 too long a name",
        "2 Invalid TOML: unexpected character '='",
        "3 Unknown key: hots",
        "6 Type mismatch: servers.a.port expected integer, got string",
    ]
    assert said(
        tmp_path, "name: long\nlevel: a: b\nhots: 1\nservers:\n  a:\n    host: x\n    port: y\n", name="c.yaml"
    ) == [
        "1 too long a name",
        "2 Invalid YAML: a second colon",
        "3 Unknown key: hots",
        "7 Type mismatch: servers.a.port expected integer, got string",
    ]
    json = '{"name": "long",\n"level": yes,\n"hots": 1,\n"servers": {"a": {"host": "x",\n"port": "y"}}}'
    assert said(tmp_path, json, name="c.json") == [
        "1 too long a name",
        "2 Invalid JSON: unexpected character 'y'",
        "3 Unknown key: hots",
        "5 Type mismatch: servers.a.port expected integer, got string",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "name = long\n",  # required, and read by a check
        "nme \nlevel = 'x'\n",  # anything may be in that line
        "name = 'a'\n[servers.a]\nhost = x\n",
        "name = 'a'\n[servers.a\nport = 1\n",
        "name = 'a'\nhosts = ['a']\n[my servers]\na = 1\n",  # a table whose name cannot be read
        "name = 'a'\nhosts = ['a', 1 2]\n[servers.b]\nhost = 'x'\n",
        "name = 'default'\nlevel = = 'x'\n",  # a validator would look at the default
        "name = 'a'\n[first]\nhost = 'a'\nlow = = 1\nhigh = 1\n",  # so would one of a value beside it
        "name = 'a'\nhosts = ['a']\nservers = {a = }\n",
        "name = 'a'\nhosts = ['a']\n<<<<<<< x\n[servers.a]\nhost = 'x'\n",
    ],
)
def test_nothing_that_follows_from_a_mistake_is_reported(tmp_path: Path, text: str) -> None:
    """What may be true once it is mended is no problem."""
    assert len(said(tmp_path, text)) == 1


def test_what_is_hidden_cannot_be_looked_at() -> None:
    """In no way, and no `except Exception` gets over it."""
    from hotconf.config.validation.partial import _UNKNOWN as UNKNOWN

    looks = [str, repr, bool, len, iter, hash, int, float, abs, lambda u: u == 1, lambda u: 1 + u, lambda u: u.x]
    looks += [
        lambda u: u[0],
        lambda u: f"{u}",
        lambda u: "x" in u,
        lambda u: u < 1,
        lambda u: u(),
        lambda u: u == "a",
    ]
    for look in looks:
        with pytest.raises(UnknownError):
            look(UNKNOWN)


def test_a_check_that_raises_over_the_valid_part_is_not_blamed(tmp_path: Path) -> None:
    """Perhaps it would not, were the rest there."""

    def check(app: App) -> list[Problem]:
        raise LookupError(app.name)

    assert len(said(tmp_path, "name = 'a'\nlevel = 1\n", Schema(App, checks=[check]))) == 1
    assert said(tmp_path, "name = 'a'\n", Schema(App, checks=[check])) == ["None check check raised LookupError: a"]


GOOD = (
    ('model = "gpt-5"', None),
    ("[cost]\ndaily_limit_usd = 10.0", None),
    ('[[agents]]\nname = "gemini"\ncommand = "sh"', None),
    ("[evidence]\nmax_size_mb = 500", None),
    ("[quality_gates]\nplan = []", None),
    ("[validation]\ncheck_api_keys = false", None),
)
BAD = (
    ("[cost]\ndaily_limit_usd = ", "Invalid TOML"),
    ('[cost]\ndaily_limit_usd = "10"', "Type mismatch: cost.daily_limit_usd"),
    ("[cost]\ndayly_limit_usd = 10.0", "Unknown key: cost.dayly_limit_usd"),
    ("[evidence]\nmax_size_mb = 5000", "Evidence max_size_mb=5000 exceeds limit"),
    ("[evidence]\nmax_size_mb = 500 x", "Invalid TOML"),
    ('[quality_gates]\nplan = ["gemini"', "Invalid TOML"),
    ("[validation]\ncheck_api_keys = yes", "Invalid TOML"),
    ("model = gpt", "Invalid TOML"),
    ("modle = 1", "Unknown key: modle"),
    ('[[agents]]\nname = 7\ncommand = "sh"', "Type mismatch: agents[0].name"),
)


@settings(max_examples=examples(80, 40), deadline=None)
@given(st.integers(0, 10**9))
def test_all_of_several_mistakes_of_all_kinds_are_reported_at_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """At their lines, and none else."""
    dice = random.Random(seed)
    chosen = {}
    for text, wanted in [*GOOD, *dice.sample(BAD, dice.randint(1, 4))]:
        chosen[text.partition("\n")[0].partition("le =")[0].partition("el =")[0][:5]] = (text, wanted)
    parts = sorted(chosen.values(), key=lambda part: part[0].startswith("["))
    lines, wanted = [], []
    for text, message in parts:
        lines += text.split("\n")
        if message is not None:
            line = len(lines) - (2 if "[[" in text else 1) + ("[[" in text)
            wanted.append((line if "[[" in text else len(lines), message))
    found = said(tmp_path_factory.mktemp("p"), "\n".join(lines) + "\n", SPECKIT)
    assert len(found) == len(wanted), ("\n".join(lines), found)
    for got, (line, message) in zip(found, wanted, strict=True):
        assert message in got
        assert got.startswith(f"{line} ")


def test_what_a_broken_file_may_have_elsewhere_is_not_missing(tmp_path: Path) -> None:
    """Secrets are read beside a broken file; fragments that it names are not, so nothing is called missing."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "name").write_text("n")
    (tmp_path / "c.yaml").write_text("level:\n\tb: 1\nhosts: 5\n")
    for over in ((SecretsDir(tmp_path / "secrets"),), ()):
        found = inspect(Options(tmp_path / "c.yaml", Schema(App), layers=over)).problems
        assert [problem.kind for problem in found] == ["syntax", "schema"]
        assert "hosts" in found[1].message
