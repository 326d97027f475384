"""`hotconf explain`: why a value is what it is."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory with a configuration of two files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('[cost]\ndaily-limit-usd = 20\n[hot_reload]\nwatch_paths = ["more.toml"]\n')
    (tmp_path / "more.toml").write_text("[cost]\ndaily_limit_usd = 30\n")
    return tmp_path


def explain(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["explain", *map(str, arguments)])


def test_every_file_answers():
    """The winner first; either spelling will do."""
    for key in ("cost.daily-limit-usd", "cost.daily_limit_usd"):
        result = explain(key)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines()[:3] == [
            "cost.daily_limit_usd = 30.0",
            "  more.toml:2:19    30",
            "  config.toml:2:19  20",
        ]


def test_json_is_one_object(here):
    """For programs."""
    said = json.loads(explain("cost.daily_limit_usd", "--json", here / "config.toml").stdout)
    assert [answer["line"] for answer in said["values"][0]["answers"]][:2] == [2, 2]


def test_what_is_wrong_has_its_status(here):
    """1 for what is not valid, 2 for what is not there."""
    assert explain("cost.dayly").exit_code == 2
    assert explain("cost", "nowhere.toml").exit_code == 2
    assert explain().exit_code == 2
    (here / "more.toml").write_text("[cost]\ndaily_limit_usd = true\n")
    result = explain("cost")
    assert result.exit_code == 1
    assert "more.toml:2:19" in result.stderr
    (here / "more.toml").write_text("[cost\n")
    assert (explain("cost").exit_code, explain("cost").stdout) == (1, "")


def test_the_valid_rest_is_explained_while_another_key_is_broken(here):
    """The answer is that of the valid rest; stderr says what is broken, which is marked where it is shown."""
    (here / "more.toml").write_text('[cost]\ndaily_limit_usd = 30\n[models.m]\nmodel = "m"\ntemperature = 5\n')
    result = explain("cost.daily_limit_usd")
    assert result.exit_code == 1
    assert "more.toml:5:15" in result.stderr
    assert result.stdout.splitlines()[:2] == ["cost.daily_limit_usd = 30.0", "  more.toml:2:19    30"]
    lines = explain("models.m.temperature").stdout.splitlines()
    assert lines[0] == "models.m.temperature = 5  # as written, not valid"
    assert lines[1].split() == ["more.toml:5:15", "5"]
    said = json.loads(explain("models.m.temperature", "--json").stdout)
    assert [each["valid"] for each in said["values"]] == [False]
    assert explain("cost.dayly").exit_code == 2


MODEL = """
from pydantic import BaseModel, SecretStr

class Db(BaseModel):
    host: str
    user: str
    password: SecretStr = SecretStr("")

class Config(BaseModel):
    db: Db
    n: int = 0
"""


def test_what_is_missing_leaves_the_rest_explained(here, monkeypatch):
    """Without a key that the model requires the others are shown as they are written, without their secrets."""
    (here / "app_of_db.py").write_text(MODEL)
    monkeypatch.syspath_prepend(here)
    (here / "config.toml").write_text('n = 1\n[db]\nhost = "x"\npassword = "hunter2hunter2"\n')
    arguments = ("--schema", "app_of_db:Config", here / "config.toml")
    result = explain("db.host", *arguments)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, 'db.host = "x"  # as written, not valid')
    assert "db.user" in result.stderr
    whole = explain("db", *arguments)
    assert "hunter2" not in whole.stdout + whole.stderr
    assert "db.password" in whole.stdout
    missing = explain("db.user", *arguments)
    assert (missing.exit_code, missing.stdout) == (1, "")
