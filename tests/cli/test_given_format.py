"""A main file whose format is given, not named: every command reads, shows and masks it by that format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, SecretStr

from hotconf import HotReloadWatcher, Profile, ReloadFailed
from hotconf.cli.app import hotconf
from hotconf.report.difference import unified

SECRET = "hunter2-in-yaml"
APP = """\
from pydantic import BaseModel, SecretStr
from hotconf import HotReloadWatcher, Profile


class App(BaseModel, frozen=True):
    port: int = 1
    passwords: tuple[SecretStr, ...] = ()


watcher = HotReloadWatcher(NAME, App, format="yaml", layers=[Profile(env="FORM_PROFILE")], state_dir="states")
"""
GOOD = f"port: 80\npasswords:\n  -\n    {SECRET}\n"
BROKEN = f"port: 80\npasswords:\n  - >-\n    {SECRET}\n  - x\nport: [\n"
WRONG = f"port: many\npasswords:\n  - {SECRET}\n"


class App(BaseModel, frozen=True):
    port: int = 1
    passwords: tuple[SecretStr, ...] = ()


@pytest.fixture(params=["app.conf", "settings", "config.toml", "config.json"])
def main(request, tmp_path, monkeypatch):
    """A YAML file of another name, in a program."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path / "code"))
    monkeypatch.delenv("FORM_PROFILE", raising=False)
    module = f"formed_{abs(hash((request.param, str(tmp_path))))}"
    (tmp_path / f"{module}.py").write_text(APP.replace("NAME", repr(str(tmp_path / request.param))))
    monkeypatch.setenv("HOTCONF_APP", f"{module}:watcher")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / request.param
    file.write_text(GOOD)
    return file


def run(*arguments: object):
    """A command; no secret is in what it says."""
    done = CliRunner().invoke(hotconf, list(map(str, arguments)))
    assert SECRET not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def test_what_is_good(main):
    """`check`, `show` and `explain`."""
    assert run("check").exit_code == 0
    shown = run("show").output
    assert shown.splitlines()[0].split() == ["port:", "80", "#", f"{main.name}:1"]
    assert f"{main.name}:1:7" in run("explain", "port").output


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github"])
def test_what_is_wrong(main, form):
    """In each form the problem has its place; excerpts are masked by the rules of YAML."""
    main.write_text(WRONG)
    done = run("check", "--format", form)
    assert done.exit_code == 1
    assert "Type mismatch" in done.output
    if form == "text":
        assert "1 │ port: many" in done.output
    main.write_text(BROKEN)
    done = run("check", "--format", form)
    assert done.exit_code == 1
    assert "Invalid YAML" in done.output


def test_the_excerpt_of_a_secret_in_yaml(main):
    """An item below its key is that of a secret, which TOML would not see."""
    main.write_text(f"port: 80\npasswords:\n- {SECRET}: 1\n- {SECRET}\n")
    done = run("check")
    assert done.exit_code == 1
    assert "passwords[0]" in done.output


def test_states_are_compared_and_brought_back(main):
    """`history`, `diff`, `plan` and `rollback`; a state knows its format."""
    with HotReloadWatcher(main, App, format="yaml", state_dir="states"):
        pass
    main.write_text(GOOD.replace("80", "81"))
    assert "port: 80 → 81" in run("diff", "@1", main, "--state-dir", "states").output
    assert "81 → 80" in run("diff", main, "@1", "--state-dir", "states").output
    back = run("rollback", "1", "--yes", "--state-dir", "states")
    assert back.exit_code == 0, back.output
    assert "-port: 81" in back.output
    assert main.read_text() == GOOD
    edit = main.with_name("edit.yaml")
    edit.write_text(GOOD.replace("80", "82"))
    assert "port: 80 → 82" in run("plan", edit, main).output


def test_a_profile_is_written_in_it_too(main, monkeypatch):
    """Its file is named like the main one."""
    main.with_name(f"{main.stem}.prod{main.suffix}").write_text("port: 8080\n")
    monkeypatch.setenv("FORM_PROFILE", "prod")
    assert "port: 8080" in run("show").output
    main.with_name(f"{main.stem}.prod{main.suffix}").write_text(BROKEN)
    done = run("check")
    assert done.exit_code == 1
    assert "Invalid YAML" in done.output


def test_differences_know_the_format_of_each_state(main, tmp_path):
    """Also of what could not be published."""
    watcher = HotReloadWatcher(main, App, format="yaml", layers=[Profile(env="FORM_PROFILE")])
    with watcher:
        old = watcher.snapshot
        assert {file.format for file in old.files} == {"yaml"}
        main.write_text(GOOD.replace("80", "81"))
        watcher.reload()
        lines = unified(old, watcher.snapshot)
        main.write_text(BROKEN)
        assert isinstance(watcher.reload(), ReloadFailed)
    assert "+port: 81" in lines
    assert SECRET not in "\n".join(lines)


def test_json_that_is_given(tmp_path):
    """A file of another name is read, and its states, too."""
    file = tmp_path / "app.conf"
    file.write_text(json.dumps({"port": 8}))
    with HotReloadWatcher(file, App, format="json", state_dir=tmp_path / "states"):
        pass
    file.write_text("{")
    with HotReloadWatcher(file, App, format="json", state_dir=tmp_path / "states") as watcher:
        assert watcher.stats.degraded
        assert watcher.config.port == 8
        assert Path(watcher.snapshot.files[0].path) == file
