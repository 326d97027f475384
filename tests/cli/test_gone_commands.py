"""The commands report files that are gone as a starting or running program would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.history import store
from hotconf.speckit import SPECKIT

pytestmark = pytest.mark.skipif(not store.SUPPORTED, reason="POSIX only")

QUIET = "[validation]\ncheck_api_keys = false\ncheck_commands = false\n"
LISTS = f"{QUIET}[hot_reload]\nwatch_paths = ['conf.d']\n"
LOST = 'watch_paths: nothing is left of "conf.d", which had limits.toml'
FEWER = "The file is gone, and with it cost.daily_limit_usd"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration's directory; an app has run there, with a limit in a fragment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/limits.toml").write_text("[cost]\ndaily_limit_usd = 5\n")
    (tmp_path / "config.toml").write_text(LISTS)
    ran(tmp_path, tmp_path / ".hotconf")
    return tmp_path


def ran(home: Path, states: Path) -> None:
    """A program has run, and kept its state there."""
    with HotReloadWatcher(home / "config.toml", SPECKIT, state_dir=states):
        pass


def command(*arguments: Any) -> Result:
    """Run a command."""
    return CliRunner().invoke(hotconf, [str(argument) for argument in arguments])


def started(home: Path) -> str:
    """What a program reports that starts now: its failure, or its warnings."""
    with HotReloadWatcher(home / "config.toml", SPECKIT, state_dir=home / ".hotconf") as watcher:
        last = watcher.last
        return getattr(last, "error", None) or "; ".join(str(warning) for warning in watcher.warnings)


def test_what_is_lost(home):
    """`check`, `show`, `diff` and `doctor` refuse what a start refuses, at the same place."""
    shutil.rmtree(home / "conf.d")
    assert command("check", "config.toml", "--format", "concise").stdout.startswith(
        f"config.toml:5:16: error: {LOST}"
    )
    assert command("check").exit_code == 1
    assert (command("show").exit_code, LOST in command("show").stderr) == (1, True)
    assert (command("diff", "@1", "config.toml").exit_code, command("diff", "@1", "@1").exit_code) == (2, 0)
    result = command("doctor", "--no-probe")
    assert result.exit_code == 1
    assert f"fix   watch_paths  {LOST.removeprefix('watch_paths: ')}" in result.stdout
    assert LOST in started(home)


def test_what_is_fewer(home):
    """All commands warn about what is only a warning."""
    (home / "conf.d/other.toml").write_text("model = 'x'\n")
    ran(home, home / ".hotconf")
    (home / "conf.d/limits.toml").unlink()
    result = command("check", "config.toml", "--format", "concise")
    assert (result.exit_code, result.stdout) == (0, f"conf.d/limits.toml:1:1: warning: {FEWER}\n")
    result = command("show", "--key", "cost.daily_limit_usd")
    assert (result.exit_code, FEWER in result.stderr) == (0, True)
    assert started(home) == f"limits.toml: {FEWER}"


def test_a_plan_that_keeps_the_entry_and_one_that_removes_it(home):
    """What FILE would do to a program that had the fragment: refused, or the limit is given up on purpose."""
    shutil.rmtree(home / "conf.d")
    (home / "edit.toml").write_text(LISTS + "[evidence]\nretention_days = 30\n")
    result = command("plan", "edit.toml")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"error[missing]: {LOST}\n --> edit.toml:5:16\n")
    (home / "edit.toml").write_text(QUIET)
    result = command("plan", "edit.toml")
    assert result.exit_code == 0, result.output


def test_without_a_kept_state_nothing_is_missed(home):
    """A file that is listed and was never there is a warning."""
    shutil.rmtree(home / "conf.d")
    shutil.rmtree(home / ".hotconf")
    for name in ("check", "show", "doctor"):
        assert command(name, *(["--no-probe"] if name == "doctor" else [])).exit_code == 0
    assert "warning: The file does not exist" in command("check", "--format", "concise").stdout


@pytest.mark.parametrize("name", ["check", "show", "plan", "doctor"])
def test_another_state_directory(home, name):
    """With `--state-dir` a program's own states count."""
    ran(home, home / "elsewhere")
    shutil.rmtree(home / ".hotconf")
    shutil.rmtree(home / "conf.d")
    (home / "edit.toml").write_text(LISTS)
    given = {"plan": ["edit.toml"], "doctor": ["--no-probe"]}.get(name, [])
    assert command(name, *given).exit_code == 0
    assert command(name, *given, "--state-dir", home / "elsewhere").exit_code == 1


def test_a_kept_state_that_is_not_to_be_believed(home):
    """One that others may write to does not decide what is gone."""
    shutil.rmtree(home / "conf.d")
    (home / ".hotconf").chmod(0o777)
    assert command("check").exit_code == 0


def test_an_editors_buffer(home):
    """stdin is checked in place of the file: there the entry may be gone already."""
    shutil.rmtree(home / "conf.d")
    arguments = ["check", "-", "--stdin-filename", "config.toml", "--format", "json"]
    assert json.loads(CliRunner().invoke(hotconf, arguments, input=QUIET).stdout) == {"problems": []}
    assert CliRunner().invoke(hotconf, arguments, input=LISTS).exit_code == 1
