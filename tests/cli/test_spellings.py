"""What may be written in two ways, and what is said of a near miss."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf

MODEL = """
from pydantic import BaseModel, SecretStr

class Server(BaseModel):
    host: str = "localhost"

class App(BaseModel):
    dark: bool = False
    server: Server = Server()
    token: SecretStr
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory with a model and a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model_of_spellings.py").write_text(MODEL)
    (tmp_path / "c.yaml").write_text("token: x\n")
    return tmp_path


def run(*arguments, app=False):
    """Run hotconf with the model, as a model or as what should be a watcher."""
    option = "--app" if app else "--schema"
    return CliRunner().invoke(hotconf, [*arguments, option, "model_of_spellings:App"])


@pytest.mark.parametrize(
    "command", [["explain", "dark", "c.yaml"], ["diff", "c.yaml", "c.yaml"], ["plan", "c.yaml", "c.yaml"], ["env"]]
)
def test_json_has_two_spellings(command):
    """--format json is what --json is."""
    long, short = run(*command, "--format", "json"), run(*command, "--json")
    assert json.loads(long.stdout) == json.loads(short.stdout)
    assert long.exit_code == short.exit_code == 0


def test_a_model_is_no_watcher():
    """Who names the model as the program is shown the option for it."""
    result = run("check", "c.yaml", app=True)
    assert result.exit_code == 2
    assert "is a model: name the watcher that has it, or give --schema model_of_spellings:App" in result.stderr


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("dark: ture\n", "write true or false"),
        ("dark: [1]\n", None),
        ("server:\n  host=here\n", "write KEY: VALUE, with a colon and a space after it"),
        ("server: here\n", None),
    ],
)
def test_what_to_write_instead(here, text, hint):
    """A hint where it is sure, and else none."""
    (here / "c.yaml").write_text(f"token: x\n{text}")
    (problem,) = json.loads(run("check", "c.yaml", "--format", "json").stdout)["problems"]
    assert problem["hint"] == hint


def test_a_secret_may_be_required():
    """Both are said of it."""
    assert "(required, secret)" in run("env").stdout


def test_a_key_without_its_dots_is_recognised():
    """An override of `server_host` means `server.host`."""
    from pydantic import BaseModel

    from hotconf import ConfigError, HotReloadWatcher

    class Server(BaseModel, frozen=True):
        host: str = "localhost"

    class App(BaseModel, frozen=True):
        server: Server = Server()
        token: str = ""

    with HotReloadWatcher("c.yaml", App) as watcher, pytest.raises(ConfigError) as caught:
        watcher.override({"server_host": "x"}).__enter__()
    assert 'Unknown key: server_host (did you mean "server.host"?)' in str(caught.value)


@pytest.mark.parametrize("command", ["plan - -", "diff - -", "diff - /dev/stdin", "check - -", "diff @1 - -"])
def test_standard_input_is_one_argument(command):
    """It is read once: a second reading would compare it with nothing, or with itself."""
    result = CliRunner().invoke(
        hotconf, [*command.split(), "--schema", "model_of_spellings:App"], input="token = 'x'"
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("Error: only one argument can be standard input\n")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("extra.日本語", '"extra.日本語" is not a dotted key: write extra."日本語"'),
        ("a.b/c", '"a.b/c" is not a dotted key: unexpected "/": write a."b/c"'),
        ("a..b", '"a..b" is not a dotted key such as server.port or models."gpt-5".tier'),
    ],
)
def test_a_key_that_lacks_quotes(key, hint):
    """The dotted key that was meant."""
    result = run("show", "c.yaml", "--key", key)
    assert (result.exit_code, result.stderr) == (2, f"Error: {hint}\n")


def test_a_theme_that_does_not_exist():
    """Refused also where there is no terminal for the app."""
    pytest.importorskip("textual")
    result = run("run", "c.yaml", "--theme", "nrod")
    assert result.exit_code == 2
    assert "there is no theme 'nrod'; there are: " in result.stderr
