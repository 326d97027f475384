"""Commands on a configuration whose values name files: they show path and size, and say where a file is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from hotconf.cli.app import hotconf

MODEL: Final = """
from typing import Annotated
from pydantic import BaseModel, Field
from hotconf import Env, HotReloadWatcher, WatchedFile, WatchedFileOptions

class Tls(BaseModel, frozen=True):
    cert: WatchedFile
    key: WatchedFile

class App(BaseModel, frozen=True):
    tls: Tls
    prompt: Annotated[WatchedFile, WatchedFileOptions(keep=True)] = Field("prompt.md", validate_default=True)

def watcher():
    return HotReloadWatcher("etc/config.toml", App, state_dir="states", layers=[Env("NAMED_")])
"""
MAIN: Final = "[tls]\ncert = 'tls.pem'\nkey = 'tls.key'\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, above that of the configuration; contents begin with `hidden`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "named_files_model", raising=False)
    (tmp_path / "named_files_model.py").write_text(MODEL)
    (tmp_path / "etc").mkdir()
    for name, text in {"tls.pem": "hidden-cert", "tls.key": "hidden-key", "prompt.md": "hidden-prompt"}.items():
        (tmp_path / "etc" / name).write_text(text)
    (tmp_path / "etc/config.toml").write_text(MAIN)
    return tmp_path


def run(*arguments: str, status: int = 0) -> Result:
    """Run a command on the program's watcher; its output holds no content of a file."""
    command, *rest = arguments
    result = CliRunner().invoke(hotconf, [command, "--app", "named_files_model:watcher", *rest])
    assert result.exit_code == status, result.output
    assert "hidden" not in result.output
    return result


def test_check(here):
    """0 if all are there; 1 for one that is not, at the line that names it."""
    run("check")
    (here / "etc/tls.pem").unlink()
    result = run("check", status=1)
    assert f"error[missing]: tls.cert: The file does not exist: {here / 'etc/tls.pem'}" in result.output
    assert "config.toml:2:8" in result.output
    found = json.loads(run("check", "--format", "sarif", status=1).stdout)["runs"][0]["results"]
    assert [each["ruleId"] for each in found] == ["missing"]


def test_check_with_a_variable(here, monkeypatch):
    """Relative to the working directory; a file that is missing there is a problem of the variable."""
    monkeypatch.setenv("NAMED_TLS__CERT", "etc/prompt.md")
    run("check")
    monkeypatch.setenv("NAMED_TLS__CERT", "prompt.md")
    result = CliRunner().invoke(hotconf, ["check", "--app", "named_files_model:watcher"])
    assert result.exit_code != 0
    assert f"The file does not exist: {here / 'prompt.md'}" in result.output
    assert "$NAMED_TLS__CERT" in result.output


def test_show_and_explain(here):
    """Path and size; what stands under a secret key is masked."""
    lines = [" ".join(line.split()) for line in run("show").stdout.splitlines()]
    assert lines == [
        'prompt = "prompt.md (13 bytes)" # default',
        "",
        "[tls]",
        'cert = "tls.pem (11 bytes)" # config.toml:2',
        'key = "********" # config.toml:3',
    ]
    assert json.loads(run("show", "--json").stdout)["value"]["tls"]["cert"] == "tls.pem (11 bytes)"
    assert run("explain", "tls.cert").stdout.splitlines() == [
        'tls.cert = "tls.pem (11 bytes)"',
        '  config.toml:2:8  "tls.pem"',
    ]


def test_plan_and_diff(here):
    """Of an edit that names another file, and of one that names none."""
    (here / "edit.toml").write_text(MAIN.replace("tls.pem", "prompt.md"))
    assert 'tls.cert: "tls.pem (11 bytes)" → "prompt.md (13 bytes)"' in run("plan", "edit.toml").stdout
    (here / "edit.toml").write_text(MAIN.replace("tls.pem", "none"))
    said = f"error[missing]: tls.cert: The file does not exist: {here / 'etc/none'}\n --> edit.toml:2:8\n"
    assert run("plan", "edit.toml", status=1).output.startswith(said)
    (here / "etc/edit.toml").write_text(MAIN.replace("tls.pem", "prompt.md"))
    result = run("diff", "etc/config.toml", "etc/edit.toml", status=1)
    assert result.stdout.splitlines()[0] == 'tls.cert: "tls.pem (11 bytes)" → "prompt.md (13 bytes)"'


def test_schema_and_variables(here):
    """They are paths of files."""
    schema: Any = json.loads(run("schema").stdout)
    assert schema["$defs"]["Tls"]["properties"]["cert"] == {"type": "string", "format": "file-path"}
    assert schema["properties"]["prompt"] == {"type": "string", "format": "file-path", "default": "prompt.md"}
    assert run("env").stdout.split()[:3] == ["NAMED_TLS__CERT", "file-path", "(required)"]


@pytest.mark.parametrize("there", [True, False])
def test_init(here, there):
    """The default is the path, whether or not there is such a file yet."""
    if not there:
        (here / "etc/prompt.md").unlink()
    run("init", "new.toml")
    lines = (here / "new.toml").read_text().splitlines()
    assert '#prompt = "prompt.md"' in lines
    assert '#cert = ""' in lines
    assert "# Path of a file. Required." in lines
    run("init", "new.env")
    assert "# NAMED_PROMPT=prompt.md" in (here / "new.env").read_text().splitlines()


def test_history_and_rollback(here):
    """The bytes that are kept come back for showing and comparing; rollback writes configuration only."""
    from named_files_model import watcher  # type: ignore[import-not-found]

    with watcher():
        pass
    (here / "etc/prompt.md").write_text("hidden-prompt-2")
    (here / "etc/config.toml").write_text("# more\n" + MAIN)
    assert '"prompt.md (13 bytes)" → "prompt.md (15 bytes)"' in run("diff", "@1", "etc/config.toml", status=1).stdout
    assert 'prompt = "prompt.md (13 bytes)"' in run("show", "@1").stdout
    assert "1" in run("history").stdout
    run("rollback", "1", "--yes")
    assert (here / "etc/config.toml").read_text() == MAIN
    assert (here / "etc/prompt.md").read_text() == "hidden-prompt-2"
