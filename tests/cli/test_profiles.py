"""The profiles of a program, as the commands see them. Real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

APP = """\
from pydantic import BaseModel

from hotconf import Env, HotReloadWatcher, Profile


class App(BaseModel, frozen=True):
    port: int


watcher = HotReloadWatcher("config.yaml", App, layers=[Profile(env="APP_PROFILE"), Env("APP_")])
"""


@pytest.fixture
def project(tmp_path):
    """A program with a main file and the files of four profiles."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text('[tool.hotconf]\napp = "app:watcher"\n')
    (tmp_path / "config.yaml").write_text("port: 1\n")
    (tmp_path / "config.prod.yaml").write_text("port: 2\n")
    (tmp_path / "config.empty.yaml").write_text("# nothing\n")
    (tmp_path / "config.many.yaml").write_text("port: many\n")
    (tmp_path / "config.torn.yaml").write_text("port: [\n")
    return tmp_path


def run(project, *arguments, **variables):
    """A command, its status and its stdout."""
    outer = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "HOTCONF", "PYTHON"))}
    command = [sys.executable, "-P", "-m", "hotconf", *arguments]
    done = subprocess.run(
        command,
        cwd=project,
        env={**outer, **variables, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_file_that_cannot_be_read_is_found_before_its_profile_counts(project):
    """Of the profiles that do not count check reads every file; what is torn is an error, whatever counts now."""
    for variables in ({}, {"APP_PROFILE": "prod"}):
        status, stdout = run(project, "check", "--format", "concise", **variables)
        assert (status, stdout.count("\n")) == (1, 1)
        assert "config.torn.yaml:1:" in stdout
        assert ": error: Invalid YAML" in stdout
    (project / "config.torn.yaml").unlink()
    assert run(project, "check")[0] == 0


def test_a_profile_can_be_chosen(project):
    """--profile counts instead of the variable, for all that load the program's file."""
    assert run(project, "check", "--profile", "prod", APP_PROFILE="torn") == (0, "")
    status, stdout = run(project, "check", "--profile", "many", "--format", "concise")
    assert status == 1
    assert "config.many.yaml:1:7: error: Type mismatch: port" in stdout
    assert run(project, "show", "--profile", "prod")[1].startswith("port: 2  # ")
    assert "config.prod.yaml" in run(project, "explain", "port", "--profile", "prod")[1]
    for name in ("no", "../prod"):
        assert run(project, "check", "--profile", name)[0] == 2
        assert run(project, "check", APP_PROFILE=name)[0] == 2


@pytest.mark.parametrize(("name", "status"), [("prod", 0), ("empty", 0), ("many", 1), ("torn", 1)])
def test_the_file_of_a_profile_is_checked_with_the_main_file(project, name, status):
    """As pre-commit names it: over the main file, and not as a whole configuration."""
    found, stdout = run(project, "check", f"config.{name}.yaml", "--format", "concise")
    assert found == status
    assert not stdout or stdout.startswith(f"config.{name}.yaml:1:")


def test_a_program_without_profiles_has_none(project):
    """--profile is refused where it would have no effect."""
    (project / "app.py").write_text(APP.replace('Profile(env="APP_PROFILE"), ', ""))
    assert run(project, "check", "--profile", "prod") == (2, "")


# What else of the program counts


def test_a_variable_stands_for_the_key_that_it_sets(project):
    """explain takes the names that people see in their environment."""
    named = run(project, "explain", "APP_PORT", APP_PORT="7")
    assert named == run(project, "explain", "port", APP_PORT="7")
    assert run(project, "explain", "APP_PROT")[0] == 2
