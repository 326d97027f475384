"""`hotconf env` lists variables, and `hotconf init .env` writes them."""

from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf

MODEL = '''
from pydantic import BaseModel, SecretStr

class Db(BaseModel):
    pool: int = 5
    """How many connections."""
    password: SecretStr = SecretStr("hunter2-hunter2")

class App(BaseModel):
    db: Db = Db()
'''


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory with a module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model_of_env.py").write_text(MODEL)
    return tmp_path


def run(*arguments):
    """Run hotconf with the model."""
    return CliRunner().invoke(hotconf, [*arguments, "--schema", "model_of_env:App"])


def test_variables_are_listed():
    """For people and for programs."""
    result = run("env", "--prefix", "APP_")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "APP_DB__POOL      integer  5         How many connections.\nAPP_DB__PASSWORD  text     (secret)\n"
    )
    (pool, password) = json.loads(run("env", "--nested", "_", "--json").stdout)["variables"]
    assert (pool["name"], pool["key"], pool["default"]) == ("DB_POOL", "db.pool", 5)
    assert (password["secret"], password["default"]) == (True, None)


def test_the_variable_of_the_profile_is_listed(here):
    """It stands for no key."""
    program = (
        MODEL
        + """
from hotconf import Env, HotReloadWatcher, Profile
watcher = HotReloadWatcher("config.toml", App, layers=[Profile(env="MY_PROFILE"), Env("MY_")])
"""
    )
    (here / "app_of_env.py").write_text(program)
    result = CliRunner().invoke(hotconf, ["env", "--app", "app_of_env:watcher"])
    assert result.stdout.splitlines()[2:] == ["MY_PROFILE       text     -         The profile to use."]


@pytest.mark.parametrize("name", [".env", ".env.local", "prod.env"])
def test_a_file_of_variables_is_written(here, name):
    """All of it comments, for its owner only; what exists is never touched."""
    result = run("init", name, "--prefix", "APP_")
    assert (result.exit_code, result.stderr) == (0, f"Wrote {name}\n")
    assert (here / name).read_text() == (
        "# How many connections.\n# (integer)\n# APP_DB__POOL=5\n\n# (text, secret)\n# APP_DB__PASSWORD=\n"
    )
    assert stat.S_IMODE((here / name).stat().st_mode) == 0o600
    assert run("init", name).exit_code == 2


def test_options_of_variables_are_for_such_files():
    """Elsewhere they would do nothing."""
    assert run("init", "config.toml", "--prefix", "APP_").exit_code == 2
