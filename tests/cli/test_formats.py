"""Every command with every format: the same answers, in the file's own words, and never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomli
import yaml
from click.testing import CliRunner, Result

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf

SECRETS = ("hunter2-of-db", "t0ken-by-name", "pw-in-the-url", "geheim-in-list", "line-of-a-block")

MODEL = """
from pydantic import BaseModel, ConfigDict, SecretStr
from hotconf import HotReloadWatcher

class Part(BaseModel):
    model_config = ConfigDict(frozen=True)

class Db(Part):
    url: str = ""
    password: SecretStr = SecretStr("")
    pool: int = 5

class Server(Part):
    host: str = "localhost"
    port: int = 8000
    api_key: str | None = None

class Mirror(Part):
    name: str
    token: SecretStr

class App(Part):
    title: str = "x"
    certificate: SecretStr = SecretStr("")
    db: Db = Db()
    server: Server = Server()
    mirrors: tuple[Mirror, ...] = ()
    limits: dict[str, float] = {}

watcher = HotReloadWatcher(PATH, App, format=FORMAT, state_dir="states")
"""

TEXTS = {
    "toml": """\
# The shop
title = "Shop"
certificate = '''
line-of-a-block
'''

[db]
url = "postgres://user:pw-in-the-url@db/shop"
password = "hunter2-of-db"
pool = 10

[server]
port = 8000 # behind the proxy
api_key = "t0ken-by-name"

[[mirrors]]
name = "eu"
token = "geheim-in-list"

[limits]
cpu = 0.5
""",
    "yaml": """\
# The shop
title: Shop
certificate: |
  line-of-a-block
db:
  url: postgres://user:pw-in-the-url@db/shop
  password: hunter2-of-db
  pool: 10
server:
  port: 8000 # behind the proxy
  api_key: t0ken-by-name
mirrors:
  - name: eu
    token: >-
      geheim-in-list
limits: {cpu: 0.5}
""",
    "json": """\
{
  "title": "Shop",
  "certificate": "line-of-a-block\\n",
  "db": {
    "url": "postgres://user:pw-in-the-url@db/shop",
    "password": "hunter2-of-db",
    "pool": 10
  },
  "server": {
    "port": 8000,
    "api_key": "t0ken-by-name"
  },
  "mirrors": [
    {
      "name": "eu",
      "token":
        "geheim-in-list"
    }
  ],
  "limits": {"cpu": 0.5}
}
""",
}


class Place(NamedTuple):
    """A configuration of a program in the working directory."""

    form: str
    name: str
    app: str

    @property
    def text(self) -> str:
        """What it holds at first."""
        return TEXTS[self.form]

    @property
    def path(self) -> Path:
        """The main file."""
        return Path(self.name)

    def run(self, command: str, *arguments: str) -> Result:
        """A command as the program's owner runs it; no secret is in what it says."""
        result = CliRunner().invoke(hotconf, [command, *arguments, "--app", self.app])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        for secret in SECRETS:
            assert secret not in result.output, (command, arguments, result.output)
        return result

    def json(self, command: str, *arguments: str) -> Any:
        """What `--json` says."""
        return json.loads(self.run(command, *arguments, "--json").stdout)


@pytest.fixture(
    params=[(form, by_suffix) for form in TEXTS for by_suffix in (True, False)],
    ids=lambda each: f"{each[0]}{'' if each[1] else ' by argument'}",
)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """One for each format, by its suffix, and by `format=`."""
    form, by_suffix = request.param
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = f"formats_{form}_{by_suffix}_{abs(hash(tmp_path))}"
    name = f"config.{form}" if by_suffix else "service.conf"
    (tmp_path / name).write_text(TEXTS[form])
    head = f"PATH = {name!r}\nFORMAT = {None if by_suffix else form!r}\n"
    (tmp_path / f"{module}.py").write_text(head + MODEL)
    yield Place(form, name, f"{module}:watcher")


PARSERS = {"toml": tomli.loads, "yaml": yaml.safe_load, "json": json.loads}
VALUES = {"title": "Shop", "limits": {"cpu": 0.5}}


def test_check(place: Place) -> None:
    """Valid; and a wrong value in its place, in every form of report."""
    assert place.run("check").exit_code == 0
    place.path.write_text(place.text.replace("8000", '"many"' if place.form != "yaml" else "many"))
    line = next(n for n, each in enumerate(place.text.splitlines(), 1) if "8000" in each)
    for form in ("text", "concise", "json", "sarif", "github"):
        result = place.run("check", "--format", form)
        assert result.exit_code == 1
        assert "server.port" in result.stdout
        assert str(line) in result.stdout


@pytest.mark.parametrize("asked", [None, *PARSERS])
def test_show(place: Place, asked: str | None) -> None:
    """In the file's own format, or in the one that is asked for; with the lines where there are comments."""
    result = place.run("show", *(() if asked is None else ("--format", asked)))
    form = asked or place.form
    shown = PARSERS[form](result.stdout)
    assert {key: shown[key] for key in VALUES} == VALUES
    assert shown["server"] == {"host": "localhost", "port": 8000, "api_key": "********"}
    assert (f"# {place.name}:" in result.stdout) == (form != "json")


def test_origins_as_json(place: Place) -> None:
    """`show --json` and `explain` name the line in the file."""
    line = next(n for n, each in enumerate(place.text.splitlines(), 1) if "8000" in each)
    shown = place.json("show")
    assert shown["value"]["db"]["password"] == "********"
    assert shown["origins"]["server.port"]["line"] == line
    (explained,) = place.json("explain", "server.port")["values"]
    assert [answer["line"] for answer in explained["answers"]] == [line, None]
    assert f"{place.name}:{line}" in place.run("explain", "server").stdout
    place.run("explain", "db")


def test_diff_and_plan(place: Place) -> None:
    """The values that differ, and what a program would make of them; of secrets only that they do."""
    new = place.text.replace("8000", "9000").replace("hunter2-of-db", "geheim-in-list").replace("pw-in", "xy-in")
    other = Path(f"new{place.path.suffix}")
    other.write_text(new)
    for command, *arguments in (("diff", place.name, str(other)), ("plan", str(other), place.name)):
        result = place.run(command, *arguments)
        assert "server.port: 8000 → 9000" in result.stdout
        assert "db.password: changed (secret)" in result.stdout
        assert "xy-in" not in result.output
        changes = {change["path"]: change for change in place.json(command, *arguments)["changes"]}
        assert changes.keys() == {"server.port", "db.password", "db.url"}
        assert (changes["server.port"]["old"], changes["server.port"]["new"]) == (8000, 9000)


def test_history_and_rollback(place: Place) -> None:
    """A kept state is compared line by line, and comes back byte for byte."""
    import importlib

    model = importlib.import_module(place.app.partition(":")[0])
    how = {} if place.path.suffix != ".conf" else {"format": place.form}
    with HotReloadWatcher(place.path, model.App, debounce_ms=60_000, state_dir="states", **how) as watcher:
        place.path.write_text(place.text.replace("8000", "9000").replace("geheim-in-list", "hunter2-of-db"))
        watcher.reload()
        assert watcher.config.server.port == 9000
    assert "1" in place.run("history").stdout
    assert place.run("diff", "@1", place.name).exit_code == 1
    assert PARSERS[place.form](place.run("show", "@1").stdout)["server"]["port"] == 8000
    result = place.run("rollback", "1", "--yes")
    assert result.exit_code == 0, result.output
    assert "9000" in result.stdout
    assert place.path.read_text() == place.text


def test_schema_is_stamped(place: Place) -> None:
    """The note is all that changes, and the file stays what it is."""
    assert place.run("schema", "--stamp", place.name).exit_code == 0
    text = place.path.read_text()
    assert "schema.json" in text.partition("title")[0]
    assert text.endswith(place.text.removeprefix("{\n"))
    assert place.run("check").exit_code == 0
    assert place.run("schema", "--stamp", place.name).stderr == "Already up to date\n"


def test_init(place: Place) -> None:
    """A new file in its format, which is valid and all defaults."""
    place.path.unlink()
    assert place.run("init").exit_code == 0
    assert place.run("check").exit_code == 0
    shown = place.json("show")["value"]
    assert (shown["title"], shown["server"]["port"]) == ("x", 8000)


def test_no_secret_of_a_broken_file(place: Place) -> None:
    """Wherever it ends, and whatever stands on any of its lines instead."""
    lines = place.text.splitlines(keepends=True)
    broken = ["".join(lines[:count]) for count in range(1, len(lines))]
    for wrong in ("}}\n", "a = [\n", "\tx: 'y\n", '"x\n'):
        broken += ["".join([*lines[:count], wrong, *lines[count:]]) for count in range(len(lines))]
    broken += [place.text.replace(each, each + quote) for each in SECRETS for quote in ('"', "'", "\t:", "\\")]
    for text in broken:
        place.path.write_text(text)
        place.run("check")
        place.run("check", "--format", "json")
