"""The commands with a `BaseSettings` class as the model: what it declares counts for them, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="APP_", env_file=".env", cli_parse_args=True)
    port: int
    host: str = "localhost"
    password: SecretStr = SecretStr("")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A program, its configuration and its `.env`."""
    (tmp_path / "settingsapp.py").write_text(PROGRAM)
    (tmp_path / "config.toml").write_text('host = "file"\n')
    (tmp_path / ".env").write_text("APP_PASSWORD=swordfish-of-env\n")
    return tmp_path


def hotconf(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `home`."""
    model = () if "--app" in arguments else ("--schema", "settingsapp:Settings")
    command = [sys.executable, "-m", "hotconf", *arguments, *model]
    environment = {**os.environ, "PYTHONPATH": str(home), "NO_COLOR": "1", **environ}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=60)


def test_check_reads_the_sources(home: Path) -> None:
    """A variable that is missing or broken is a problem, and the command's own options are not the program's."""
    assert hotconf(home, "check", "config.toml", APP_PORT="1").returncode == 0
    missing = hotconf(home, "check", "config.toml")
    assert missing.returncode == 1
    assert "Missing required field: port" in missing.stdout
    broken = hotconf(home, "check", "config.toml", APP_PORT="many")
    assert broken.returncode == 1
    assert 'Type mismatch: port expected integer, got "many"\n --> $APP_PORT\n' in broken.stdout


def test_show_says_where_values_come_from(home: Path) -> None:
    """The variable, the file, and no secret."""
    done = hotconf(home, "show", "config.toml", APP_PORT="9000")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        "port = 9000 # $APP_PORT",
        'host = "file" # config.toml:1',
        'password = "********" # .env:1',
    ]
    assert "swordfish" not in done.stderr


def test_the_programs_own_watcher_reads_no_options_of_a_command(home: Path) -> None:
    """It is made while the command runs, whose command line is not its own."""
    with (home / "settingsapp.py").open("a") as program:
        program.write("from hotconf import HotReloadWatcher\nwatcher = HotReloadWatcher('config.toml', Settings)\n")
    done = hotconf(home, "check", "--app", "settingsapp:watcher", APP_PORT="1")
    assert (done.returncode, done.stderr) == (0, "1 file and its layers checked, no problems\n")
