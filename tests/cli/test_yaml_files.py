"""Each command reads, shows and writes YAML configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.test_json_files import MODEL
from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf

GOOD = "# c\nserver:\n  port: 8000\n  hosts: [a]\npassword: hunter2\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model and a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "json_model.py").write_text(MODEL)
    (tmp_path / "config.yaml").write_text(GOOD)
    return tmp_path


def run(command: str, *arguments: Any) -> Result:
    """One command with that model."""
    return CliRunner().invoke(hotconf, [command, *map(str, arguments), "--schema", "json_model:own"])


def test_check_shows_the_line_and_what_to_write(here: Path) -> None:
    """A syntax error, and a wrong value; no secret."""
    assert run("check", "config.yaml").exit_code == 0
    (here / "config.yaml").write_text(GOOD.replace("port: 8000", "port:8000"))
    result = run("check", "config.yaml")
    assert result.exit_code == 1
    assert "config.yaml:3:3" in result.stdout
    assert "write a space after the colon" in result.stdout
    (here / "config.yaml").write_text(GOOD.replace("8000", "many").replace("hunter2", "|\n  hunter2\n"))
    result = run("check", "config.yaml")
    assert "config.yaml:3:9" in result.stdout
    assert "hunter2" not in result.stdout


def test_show_writes_yaml_for_yaml(here: Path) -> None:
    """With the origins as comments; other formats where they are asked for; no secret."""
    shown = run("show", "config.yaml").stdout
    assert yaml.safe_load(shown)["server"] == {"port": 8000, "hosts": ["a"]}
    assert "port: 8000" in shown
    assert "# config.yaml:3" in shown
    assert "hunter2" not in shown
    assert json.loads(run("show", "config.yaml", "--format", "json").stdout)["server"]["port"] == 8000
    assert "[server]" in run("show", "config.yaml", "--format", "toml").stdout


def test_diff_and_plan_read_yaml(here: Path) -> None:
    """Two files, and the masked difference."""
    (here / "new.yaml").write_text(GOOD.replace("8000", "9000").replace("hunter2", "hunter3"))
    for arguments in (("diff", "config.yaml", "new.yaml"), ("plan", "new.yaml", "config.yaml")):
        result = run(*arguments)
        assert "9000" in result.stdout
        assert "hunter" not in result.output


def test_init_writes_yaml_with_the_line_for_editors(here: Path) -> None:
    """A valid configuration, and its schema beside it; `schema --stamp` adds the line once."""
    assert run("init", "new.yaml").exit_code == 0
    text = (here / "new.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./new.schema.json\n")
    assert yaml.safe_load(text) == {"password": "x", "server": {"port": 1}}
    assert (here / "new.schema.json").exists()
    assert run("check", "new.yaml").exit_code == 0
    assert run("schema", "--stamp", "config.yaml").exit_code == 0
    assert (here / "config.yaml").read_text() == f"# yaml-language-server: $schema=./config.schema.json\n{GOOD}"
    assert run("schema", "--stamp", "config.yaml").exit_code == 0
    assert (here / "config.yaml").read_text().count("$schema") == 1


def test_rollback_brings_a_yaml_file_back(here: Path) -> None:
    """As it was, comments included."""
    import json_model  # type: ignore[import-not-found]

    main = here / "config.yaml"
    with HotReloadWatcher(main, json_model.own, state_dir=here / "states") as watcher:
        main.write_text("server: {port: 9000}\n")
        watcher.reload()
    result = run("rollback", "1", "config.yaml", "--yes", "--state-dir", "states")
    assert result.exit_code == 0, result.output
    assert main.read_text() == GOOD
