"""`hotconf doctor`: findings on stdout, the verdict in the exit status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf


def doctor(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["doctor", "--schema", "speckit", *map(str, arguments)])


def test_a_file_that_is_well(tmp_path):
    """Exit 0, and nothing is left beside it."""
    main = tmp_path / "config.toml"
    main.write_text("a = 1\n")
    result = doctor(main)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == str(main)
    assert "was noticed after" in result.stdout
    assert list(tmp_path.iterdir()) == [main]


def test_a_file_that_is_missing(tmp_path):
    """Exit 1: there is something to fix."""
    result = doctor("--no-probe", tmp_path / "config.toml")
    assert result.exit_code == 1
    assert "fix   file         The file does not exist" in result.stdout
    assert "skipped: turned off by --no-probe" in result.stdout


def test_a_fragment_that_cannot_be_read(tmp_path):
    """It is as much to fix as the main file; the directories on the way to it are looked at, too."""
    main, folder = tmp_path / "config.toml", tmp_path / "models"
    main.write_text('[hot_reload]\nwatch_paths = ["models/*.toml", "notes.txt"]\n')
    folder.mkdir()
    (folder / "a.toml").write_text("a = 1\n")
    (folder / "absent.toml").symlink_to("nowhere")  # which is a warning of a load, too
    (tmp_path / "notes.txt").write_text("only watched\n")
    result = doctor("--no-probe", main)
    assert result.exit_code == 0
    assert f"note  watch_paths  {folder}/absent.toml does not exist" in result.stdout
    os.mkfifo(folder / "b.toml")
    result = doctor("--no-probe", main)
    assert result.exit_code == 1
    assert f"fix   watch_paths  {folder}/b.toml: " in result.stdout
    assert "watch_paths  2 files on " in result.stdout
    assert "2 directories on the way" in result.stdout


def test_json(tmp_path, monkeypatch):
    """Of the default path."""
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text("a = 1\n")
    result = doctor("--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (0, True)
    assert told["facts"]["path"] == str(tmp_path / "config.toml")


def test_wrong_usage():
    """Exit 2."""
    assert doctor("--bogus").exit_code == 2


def test_a_file_that_is_mounted_by_itself(tmp_path):
    """As containers do it: a save that replaces the file outside is never seen inside, and that is told."""
    unshare = shutil.which("unshare")
    probe = [unshare, "-Urm", "true"]
    if unshare is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    (tmp_path / "host.toml").write_text("a = 1\n")
    (tmp_path / "config.toml").touch()
    doctor = 'exec "$2" -m hotconf doctor --schema speckit "$1/config.toml"'
    script = f'mount --bind "$1/host.toml" "$1/config.toml" && {doctor}'
    command = [unshare, "-Urm", "sh", "-c", script, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "mount:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 1, done.stderr
    assert "mounted as a single file" in done.stdout
    assert "→ mount its directory instead" in done.stdout


def test_the_program_has_layers_and_a_window(tmp_path):
    """The file of a secret is not one of `watch_paths`, and the window is the program's own; if it is known."""
    secret = tmp_path / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("hunter2")
    (tmp_path / "config.toml").write_text("a = 1\n")
    (tmp_path / "app.py").write_text(
        "from pydantic import BaseModel, SecretStr\n"
        "from hotconf import HotReloadWatcher, SecretsDir\n"
        "class App(BaseModel):\n    a: int\n    key: SecretStr\n"
        "watcher = HotReloadWatcher('config.toml', App, layers=[SecretsDir('secrets')], debounce_ms=300)\n"
    )
    command = [sys.executable, "-m", "hotconf", "doctor", "--no-probe", "--app", "app:watcher"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert f"layers       {secret} on " in done.stdout
    assert "watch_paths" not in done.stdout
    assert "and loaded after 300 ms without changes" in done.stdout
    (tmp_path / "config.toml").write_text('a = "no"\n')
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "and loaded after its debounce window without changes" in done.stdout
