"""`hotconf show`: what is in force on stdout, everything else on stderr."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import tomli
from click.testing import CliRunner

from hotconf.cli.app import hotconf


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory that is also the configuration's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    return tmp_path


def show(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["show", "--schema", "speckit", *map(str, arguments)])


def test_the_effective_configuration_is_valid_toml_with_origins(here):
    """Written values and defaults, each with a comment that says which it is."""
    (here / "config.toml").write_text('model = "x"\n[cost]\ndaily_limit_usd = 20\n')
    result = show()
    assert (result.exit_code, result.stderr) == (0, "")
    config = tomli.loads(result.stdout)
    assert (config["model"], config["cost"]["daily_limit_usd"]) == ("x", 20.0)
    assert config["hot_reload"]["debounce_ms"] == 2000
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "daily_limit_usd = 20.0 # config.toml:3" in lines
    assert "debounce_ms = 2000 # default" in lines


def test_what_is_shown_is_a_valid_configuration(here):
    """It could be saved in the file's place, and would mean the same."""
    (here / "config.toml").write_text('[[agents]]\nname = "a"\ncommand = "sh"\n[quality_gates]\nplan = ["a"]\n')
    (here / "shown.toml").write_text(show().stdout)
    result = CliRunner().invoke(hotconf, ["diff", "--schema", "speckit", "config.toml", "shown.toml"])
    assert (result.exit_code, result.stdout) == (0, "")


def test_one_key_in_either_spelling(here):
    """As a document, or as JSON."""
    (here / "config.toml").write_text("[cost]\ndaily-limit-usd = 20\n")
    assert show("--key", "cost.daily-limit-usd").stdout == "[cost]\ndaily_limit_usd = 20.0  # config.toml:2\n"
    told = json.loads(show("--key", "cost.daily_limit_usd", "--json").stdout)
    assert (told["value"], told["origins"]["cost.daily_limit_usd"]["line"]) == (20.0, 2)


def test_only_what_is_set(here):
    """Defaults can be left out."""
    (here / "config.toml").write_text('model = "x"\n')
    assert show("--no-defaults").stdout == 'model = "x"  # config.toml:1\n'


@pytest.mark.parametrize(
    ("text", "status"), [('approval_policy = "unknown"\n', 1), ("x = [\n", 1), (None, 2), ("\n", 1)]
)
def test_without_a_valid_configuration_there_is_nothing_to_show(here, text, status):
    """The problems are told on stderr, as `check` shows them."""
    if text is not None:
        (here / "config.toml").write_text(text)
    result = show("config.toml")
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith("error[")
    assert "--> config.toml" in result.stderr


def test_warnings_are_told_beside_it(here):
    """They do not keep anything from being shown."""
    (here / "config.toml").write_text('modle = "x"\n')
    result = show("config.toml")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning[schema]: Unknown key: modle")


@pytest.mark.parametrize("key", ["cost.dayly_limit_usd", "a..b", "", "agents[7]"])
def test_a_key_that_is_not_there_is_wrong_usage(here, key):
    """Said on stderr, with status 2."""
    (here / "config.toml").write_text('model = "x"\n')
    result = show("--key", key)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_no_secret_is_shown(here):
    """Neither as TOML nor as JSON."""
    (here / "config.toml").write_text(
        '[model_providers.x]\nbase_url = "http://u:hunter2@h"\nhttp_headers = { Authorization = "hunter2" }\n'
        '[mcp_servers.y]\ntoken = "hunter2"\n'
    )
    for arguments in ([], ["--json"], ["--key", "mcp_servers.y.token"]):
        result = show(*arguments)
        assert result.exit_code == 0
        assert "hunter2" not in result.output


def test_nobody_need_read_to_the_end(here):
    """A reader that goes away is no traceback."""
    (here / "config.toml").write_text("[mcp_servers]\n" + "".join(f'k{n} = "{"x" * 100}"\n' for n in range(5000)))
    shown = subprocess.Popen(
        [sys.executable, "-m", "hotconf", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert shown.stdout.readline()
    shown.stdout.close()
    assert shown.wait(timeout=60) in (0, 1)
    assert shown.stderr.read() == ""
    shown.stderr.close()
