"""A person at a terminal: tmux, vim and the app, from the start to the end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from waiting import wait_until

pytestmark = [pytest.mark.real_tool, pytest.mark.timeout(600)]

CHECKOUT = Path(__file__).parents[2]
HOTCONF = f"""\
#!/bin/sh
exec {sys.executable} -c '
import hotconf.tui.operations.rehearsals as operations
operations.SHORTEST_S = operations.LONGEST_S = 3600.0
from hotconf.cli import main
main()
' "$@"
"""
"""The command, with a rehearsal that is not over before the file is saved, however slow the machine."""
CONFIG = """\
[hot_reload]
debounce_ms = 300

[validation]
check_api_keys = false

[cost]
daily_limit_usd = 10.0

[quality_gates]
plan = ["gemini"]

[[agents]]
name = "gemini"
command = "true"
"""


class Tmux:
    """A terminal with a shell in each of its windows, on a server of its own."""

    def __init__(self, own: Path, home: Path) -> None:
        # A relative name, for that of a socket must be short.
        self._tmux = ["tmux", "-S", "socket", "-f", "/dev/null"]
        self._own, self._home = own, home

    def open(self, window: str) -> None:
        """A window with a plain shell."""
        shell = "env PS1='$ ' sh"
        if window == "app":
            self._run("new-session", "-d", "-x", "80", "-y", "24", "-n", window, "-c", str(self._home), shell)
        else:
            self._run("new-window", "-d", "-n", window, "-c", str(self._home), shell)
        self._run("pipe-pane", "-t", window, f"cat >> '{self._own / window}'")

    def type(self, window: str, *keys: str) -> None:
        """Press keys; names such as Enter and Escape are keys."""
        for key in keys:
            self._run("send-keys", "-t", window, *((key,) if key in ("Enter", "Escape") else ("-l", key)))

    def press(self, window: str, key: str) -> None:
        """Press a key that has a name of tmux's, such as `C-z`."""
        self._run("send-keys", "-t", window, key)

    def command(self, window: str, title: str) -> None:
        """Choose a command of the app from its palette."""
        self.press(window, "C-p")
        self.shows(window, "Search for commands")
        self.type(window, title)
        wait_until(lambda: self.screen(window).count(title) == 2)  # as it was typed, and as it was found
        self.type(window, "Enter")

    def screen(self, window: str) -> str:
        """What the window shows."""
        return self._run("capture-pane", "-p", "-t", window)

    def shows(self, window: str, text: str) -> str:
        """Wait until it shows `text`."""
        try:
            wait_until(lambda: re.search(text, self.screen(window)))
        except AssertionError:
            raise AssertionError(f"no {text!r} in\n{self.screen(window)}") from None
        return self.screen(window)

    def has_shown(self, window: str, text: str) -> None:
        """Wait until it has shown `text`, be it gone again."""
        wait_until(lambda: text.encode() in (self._own / window).read_bytes())

    def close(self) -> None:
        """End the server, and all that runs in it."""
        subprocess.run([*self._tmux, "kill-server"], cwd=self._own, check=False, capture_output=True)

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], cwd=self._own, check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that is not below /tmp: vim saves in another way there."""
    work = CHECKOUT / ".test-work"
    work.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=work, prefix="app-"))
    (home / "config.toml").write_text(CONFIG)
    # Typed by its short name, so that the line fits the terminal wherever the checkout is.
    (home / "hotconf").write_text(HOTCONF)
    (home / "hotconf").chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def tmux(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    """The terminal; skipped where it is not installed, except in CI."""
    for tool in ("tmux", "vim"):
        if shutil.which(tool) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{tool} is not installed")
            pytest.skip(f"{tool} is not installed")
    monkeypatch.setenv("CODE_HOME", str(home))
    monkeypatch.setenv("HOTCONF_LOG", "")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("TMUX", raising=False)
    tmux = Tmux(tmp_path, home)
    try:
        for window in ("app", "vim"):
            (tmp_path / window).touch()
            tmux.open(window)
        yield tmux
    finally:
        tmux.close()


def test_a_session_from_start_to_end(tmux: Tmux, home: Path) -> None:
    """Start, edit, see it; break, see why and where; gate, edit, see it wait; finish, see it applied; quit."""
    tmux.shows("app", r"\$")
    tmux.type("app", "./hotconf run", "Enter")
    tmux.shows("app", "generation 1 ")

    tmux.type("vim", "vim -u NONE -N config.toml", "Enter")
    tmux.shows("vim", r'"config.toml" \d+L')
    tmux.type("vim", ":%s/10.0/20.0/", "Enter", ":write", "Enter")
    tmux.shows("app", r"Cost limits changed \(\$10/day → \$20/day\)")
    tmux.shows("app", "generation 2 +✓ reloaded")

    tmux.type("vim", ":%s/20.0/20.0]/", "Enter", ":write", "Enter")
    tmux.shows("app", r"✗ failed: config.toml:8:\d+: Invalid TOML")
    tmux.shows("app", r"8 │ daily_limit_usd = 20.0\]")
    tmux.shows("app", "generation 2 ")

    tmux.command("app", "Start quality gate")
    tmux.shows("app", "quality gate rehearsal")
    tmux.type("vim", ":%s/20.0./30.0/", "Enter", ":write", "Enter")
    tmux.shows("app", "1 reload queued: waiting for quality gate .press f to apply it now.")
    tmux.shows("app", "generation 2 ")
    tmux.command("app", "Finish quality gate")
    tmux.shows("app", "generation 3 +✓ reloaded")
    wait_until(lambda: "✗ failed: " not in tmux.screen("app"))
    assert "daily_limit_usd = 30.0" in (home / "config.toml").read_text()

    tmux.type("app", "q")
    tmux.shows("app", r"hotconf run\n\$")
    wait_until(lambda: "Configuration" not in tmux.screen("app"))
    tmux.type("app", "stty -a | grep -c ' -echo '; echo left $?", "Enter")
    tmux.shows("app", "0\nleft 1")
