"""Each command reads, shows and writes JSON configurations."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf

MODEL = """
import pydantic
from pydantic import SecretStr, ConfigDict
from hotconf import HotReloadSettings, Schema

class Server(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    port: int = 1
    hosts: tuple[str, ...] = ()

class App(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    server: Server = Server()
    password: SecretStr = SecretStr("")
    ratio: float | None = 0.5

own = Schema(App, template='# all of it\\npassword = "x"\\n[server]\\nport = 1\\n')
"""
GOOD = '{\n  "server": {\n    "port": 8000,\n    "hosts": ["a"]\n  },\n  "password": "hunter2"\n}\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a model and a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "json_model.py").write_text(MODEL)
    (tmp_path / "config.json").write_text(GOOD)
    return tmp_path


def run(command, *arguments):
    """One command with that model."""
    return CliRunner().invoke(hotconf, [command, *map(str, arguments), "--schema", "json_model:own"])


def test_check_is_satisfied(here):
    """With a valid file, also if it names its schema."""
    assert run("check", "config.json").exit_code == 0
    (here / "config.json").write_text(GOOD.replace("{", '{"$schema": "./config.schema.json",', 1))
    result = run("check", "config.json")
    assert (result.exit_code, result.stdout) == (0, run("check", "config.json").stdout)
    assert "nknown" not in result.output


def test_check_shows_the_line_and_what_to_write(here):
    """A syntax error, and a wrong value; no secret."""
    (here / "config.json").write_text(GOOD.replace('["a"]', '["a",]'))
    result = run("check", "config.json")
    assert result.exit_code == 1
    assert "Invalid JSON: trailing comma" in result.output
    assert "config.json:4:18" in result.output
    assert '    "hosts": ["a",]' in result.output
    assert "remove this comma" in result.output
    (here / "config.json").write_text(GOOD.replace("8000", '"hunter2"'))
    result = run("check", "config.json")
    assert result.exit_code == 1
    assert "config.json:3:13" in result.output
    assert "hunter2" not in result.output


def test_what_is_secret_is_hidden_on_every_line(here):
    """Beside a mistake, in tables and arrays below the key, in one line with others."""
    for text in (
        '{"password": "hunter2", "port": 08}',
        '{\n"password":\n"hunter2", "port": 08}',
        '{"secrets": {\n"a": "hunter2",\n"port": 08}}',
        '{"password": [\n"hunter2",\n08]}',
        '{"port": 08, "api_key": "hunter2"}',
    ):
        (here / "config.json").write_text(text)
        result = run("check", "config.json")
        assert result.exit_code == 1
        assert "hunter2" not in result.output, text


def test_show_names_the_lines(here):
    """The effective configuration in its own format; in another one, each value with its origin."""
    result = run("show", "config.json")
    assert json.loads(result.stdout)["server"] == {"port": 8000, "hosts": ["a"]}
    result = run("show", "config.json", "--format", "toml")
    assert result.exit_code == 0
    assert "port = 8000" in result.stdout
    assert "config.json:3" in result.stdout
    assert "hunter2" not in result.stdout


def test_diff_and_plan(here):
    """JSON beside TOML: values count, not how they are written."""
    (here / "other.toml").write_text('password = "hunter2"\n[server]\nport = 9000\nhosts = ["a"]\n')
    result = run("diff", "config.json", "other.toml")
    assert (result.exit_code, result.stdout) == (1, "server.port: 8000 → 9000\n")
    (here / "other.toml").write_text('password = "hunter2"\n[server]\nport = 8000\nhosts = ["a"]\n')
    assert run("diff", "config.json", "other.toml").exit_code == 0


def test_history_and_rollback(here):
    """A kept state shows the difference of the texts, and goes back byte by byte."""
    states = here / "states"
    path = here / "config.json"
    import json_model

    with HotReloadWatcher(path, json_model.own, debounce_ms=60_000, state_dir=states) as watcher:
        path.write_text(GOOD.replace("8000", "9000").replace("hunter2", "hunter3"))
        watcher.reload()
        assert watcher.config.server.port == 9000
    result = run("rollback", 1, "config.json", "--yes", "--state-dir", states)
    assert result.exit_code == 0, result.output
    assert '"port": 9000' in result.output
    assert "hunter" not in result.output
    assert path.read_text() == GOOD


def test_schema_stamp_writes_a_key(here):
    """At the head, once; the file stays valid for a model that forbids other keys."""
    assert run("schema", "config.json", "--stamp").exit_code == 0
    text = (here / "config.json").read_text()
    assert text == '{\n  "$schema": "./config.schema.json",\n' + GOOD.removeprefix("{\n")
    assert json.loads((here / "config.schema.json").read_text())["properties"]
    assert run("schema", "config.json", "--stamp").exit_code == 0
    assert (here / "config.json").read_text() == text
    assert run("check", "config.json").exit_code == 0


def test_schema_stamp_leaves_what_is_broken_or_names_another(here):
    """Nothing is written."""
    for text in ('{"port": 1,}', '{"$schema": "https://example.com/other.json"}'):
        (here / "config.json").write_text(text)
        assert run("schema", "config.json", "--stamp").exit_code == 2
        assert (here / "config.json").read_text() == text
        assert not (here / "config.schema.json").exists()


def test_init_writes_the_values_of_the_template(here):
    """As JSON, with its schema beside it, and valid."""
    result = run("init", "new.json")
    assert result.exit_code == 0, result.output
    assert json.loads((here / "new.json").read_text()) == {
        "$schema": "./new.schema.json",
        "password": "x",
        "server": {"port": 1},
    }
    assert run("check", "new.json").exit_code == 0
