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
    assert result.stdout == ""
