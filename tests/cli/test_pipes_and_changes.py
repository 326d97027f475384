"""Content from pipes, whole directories, repeated checks, commands after reloads, and the past of one value."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.speckit import SPECKIT
from waiting import wait_until

HOTCONF = [sys.executable, "-m", "hotconf"]
FAST = "[hot_reload]\ndebounce_ms = 100\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $CODE_HOME, which is the working directory, too."""
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*arguments: str, stdin: str = "", status: int = 0) -> Result:
    """The result of a command."""
    done = CliRunner().invoke(hotconf, arguments, input=stdin)
    assert done.exit_code == status, done.output
    return done


def keep(home: Path, *texts: str) -> None:
    """The states that a program has kept which had these contents one after the other."""
    path = home / "config.toml"
    path.write_text(texts[0])
    with HotReloadWatcher(path, SPECKIT, state_dir=home / ".hotconf", debounce_ms=0) as watcher:
        for text in texts[1:]:
            path.write_text(text)
            watcher.reload()


def limit(amount: str, model: str = "a") -> str:
    """A configuration."""
    return f'model = "{model}"\n[cost]\ndaily_limit_usd = {amount}\n'


def test_every_change_of_one_value_is_a_line(home: Path) -> None:
    """The newest first, with the state that brought it; what changed beside it is no matter."""
    keep(home, limit("1.0"), limit("2.0"), limit("2.0", "b"), limit("3.0", "b"))
    lines = ran("history", "--key", "cost.daily_limit_usd").stdout.splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["@4", "@2"]
    assert lines[0].endswith("cost.daily_limit_usd: 2.0 → 3.0")
    assert lines[1].endswith("cost.daily_limit_usd: 1.0 → 2.0")
    assert ran("history", "--key", "cost").stdout.splitlines() == lines
    [change] = map(json.loads, ran("history", "--key", "model", "--json").stdout.splitlines())
    assert (change["number"], change["change"]["old"], change["change"]["new"]) == (3, "a", "b")
    assert ran("history", "--key", "profile").stderr == "No change of profile is kept\n"
    assert 'did you mean "daily_limit_usd"?' in ran("history", "--key", "cost.dayly_limit_usd", status=2).stderr


def test_no_secret_is_in_the_past_of_a_value(home: Path) -> None:
    """Only that it changed."""
    keep(home, 'api_key = "first-secret"\n', 'api_key = "second-secret"\n')
    done = ran("history", "--key", "api_key")
    assert done.stdout.rstrip().endswith("api_key: changed (secret)")
    assert "first-secret" not in done.output + ran("history", "--key", "api_key", "--json").output


def test_states_of_a_path_given_as_an_option(home: Path) -> None:
    """As the argument."""
    keep(home, limit("1.0"), limit("2.0"))
    assert (
        ran("diff", "@1", "@2", "--path", "config.toml", status=1).stdout
        == ran("diff", "@1", "@2", "config.toml", status=1).stdout
    )


def test_standard_input_takes_the_place_of_the_file(home: Path) -> None:
    """In `diff` of the other file, in `show` of the default one; its places are called so."""
    (home / "config.toml").write_text(limit("1.0"))
    assert "cost.daily_limit_usd: 1.0 → 2.0" in ran("diff", "config.toml", "-", stdin=limit("2.0"), status=1).stdout
    assert "cost.daily_limit_usd: 2.0 → 1.0" in ran("diff", "-", "config.toml", stdin=limit("2.0"), status=1).stdout
    assert "daily_limit_usd = 7.0" in ran("show", "-", "--no-defaults", stdin=limit("7.0")).stdout
    for arguments in (["diff", "-", "config.toml"], ["show", "-"]):
        done = ran(*arguments, stdin="model = = 1\n", status=2 if arguments[0] == "diff" else 1)
        assert "--> <stdin>:1:9" in done.stderr


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no pipes with names")
def test_a_pipe_is_a_file(home: Path) -> None:
    """As `<(git show HEAD:config.toml)` gives one; it is read once."""
    (home / "config.toml").write_text(limit("1.0"))
    reading, writing = os.pipe()
    threading.Thread(target=lambda: (os.write(writing, limit("2.0").encode()), os.close(writing))).start()
    try:
        done = ran("diff", f"/dev/fd/{reading}", "config.toml", status=1)
    finally:
        os.close(reading)
    assert "cost.daily_limit_usd: 2.0 → 1.0" in done.stdout


def test_a_directory_is_checked_file_by_file(home: Path) -> None:
    """Without what is hidden, and what is no configuration."""
    for name in ("a.toml", "sub/b.toml", ".git/c.toml", "d.schema.json", "e.txt"):
        (home / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "conf" / name).write_text("x = ")
    done = ran("check", "conf", "--schema", "speckit", "--format", "concise", status=1)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["conf/a.toml", "conf/sub/b.toml"]
    assert done.stderr == "2 files checked, 2 errors\n"
    (home / "empty").mkdir()
    (home / "conf" / "gone.toml").symlink_to("nowhere")
    done = ran("check", "empty", "conf", status=2)
    assert "--> empty\n  = help: it contains no configuration file\n" in done.stdout
    assert "--> conf/gone.toml\n" in done.stdout
    assert done.stderr.startswith("4 files checked, 4 errors\n")


def test_a_quiet_check_says_only_what_is_wrong(home: Path) -> None:
    """The status stays."""
    (home / "config.toml").write_text(limit("1.0"))
    assert ran("check", "-q").output == ""
    (home / "config.toml").write_text("x = ")
    done = ran("check", "-q", status=1)
    assert (bool(done.stdout), done.stderr) == (True, "")


def test_a_check_is_repeated_when_a_file_changes(home: Path) -> None:
    """Until Ctrl+C."""
    (home / "config.toml").write_text("x = ")
    seen: list[str] = []
    done = subprocess.Popen(
        [*HOTCONF, "check", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.stdout is not None
    reader = threading.Thread(target=lambda: seen.extend(iter(done.stdout.readline, "")))
    reader.start()
    try:
        wait_until(lambda: any("Watching 1 file" in line for line in seen))
        assert any("1 error" in line for line in seen)
        (home / "config.toml").write_text(limit("1.0"))
        wait_until(lambda: any("no problems" in line for line in seen))
        (home / "config.toml").write_text("x = ")
        wait_until(lambda: sum("1 error" in line for line in seen) > 1)
    finally:
        done.send_signal(signal.SIGINT)
        assert done.wait(30) == 0
        reader.join()
        done.stdout.close()


def test_a_command_is_run_after_each_reload(home: Path) -> None:
    """With the outcome, the generation and the changed keys, and without any value."""
    path, log = home / "config.toml", home / "log.txt"
    path.write_text(FAST + limit("1.0").partition("\n")[2])
    command = f'echo "$HOTCONF_OUTCOME $HOTCONF_GENERATION $HOTCONF_KEYS" >> {log}'
    done = subprocess.Popen([*HOTCONF, "watch", "--exec", command], stdout=subprocess.PIPE, text=True)
    assert done.stdout is not None
    try:
        assert "Watching" in done.stdout.readline()
        path.write_text(FAST + "[cost]\ndaily_limit_usd = 22.5\n")
        wait_until(lambda: log.exists() and log.read_text() == "success 2 cost.daily_limit_usd\n")
        path.write_text(FAST + "x = ")
        wait_until(lambda: log.read_text().endswith("\nfailed 2 \n"))
    finally:
        done.terminate()
        assert done.wait(30) == 0
        done.stdout.close()
