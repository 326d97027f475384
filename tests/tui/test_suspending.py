"""Ctrl+Z, `fg` and what else stops, continues and resizes a program in a terminal."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tui.test_end_to_end import Tmux, home, tmux
from tui.tty import Tty
from waiting import wait_until

__all__ = ["home", "tmux"]
"""Fixtures."""


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A directory with a valid configuration."""
    (tmp_path / "config.toml").write_text("[hot_reload]\ndebounce_ms = 100\n\n[cost]\ndaily_limit_usd = 10.0\n")
    return tmp_path


def test_ctrl_z_goes_back_to_the_shell_and_fg_comes_back(tmux: Tmux, home: Path) -> None:
    """Twice; the shell has its screen meanwhile, and what was saved meanwhile is there."""
    tmux.type("app", "./hotconf run", "Enter")
    tmux.shows("app", "generation 1")
    for generation in (2, 3):
        tmux.press("app", "C-z")
        tmux.shows("app", "Stopped(.|\n)*" * (generation - 1))
        assert "Configuration" not in tmux.screen("app")
        config = home / "config.toml"
        config.write_text(re.sub(r"daily_limit_usd = .*", f"daily_limit_usd = {generation}0.0", config.read_text()))
        tmux.type("app", "fg", "Enter")
        tmux.shows("app", f"generation {generation} ")
        tmux.shows("app", f"daily_limit_usd = {generation}0.0")
        tmux.shows("app", "q Quit")
    tmux.type("app", "q")
    wait_until(lambda: "Configuration" not in tmux.screen("app"))
    tmux.type("app", "echo left $?", "Enter")
    tmux.shows("app", "left 0")  # the process has ended, too


def test_ctrl_z_without_a_shell_goes_on(quick: Path) -> None:
    """As the only program of its terminal it would never be continued."""
    with Tty("run", home=quick) as tty:
        tty.shows("daily_limit_usd")
        tty.type("\x1a")
        tty.shows("daily_limit_usd")  # drawn again
        tty.type("q")
        assert tty.status() == 0
        assert tty.restored


def test_storms_of_signals_are_survived(quick: Path) -> None:
    """Stopped and continued, resized hundreds of times, down to one cell: it is drawn again, and quits."""
    with Tty("run", home=quick) as tty:
        tty.shows("daily_limit_usd")
        for _ in range(50):
            tty.process.send_signal(signal.SIGCONT)  # as `fg` sends it to a job that runs
        for _ in range(3):
            tty.type("")
            tty.process.send_signal(signal.SIGTSTP)  # no shell: it goes on, drawn again
            tty.process.send_signal(signal.SIGCONT)
            tty.shows("daily_limit_usd")
        for number in range(300):
            tty.resize(*((1, 1), (5, 20), (24, 80), (2, 200))[number % 4])
            os.kill(tty.process.pid, signal.SIGWINCH)
        tty.type("j")
        tty.resize(24, 80)
        os.kill(tty.process.pid, signal.SIGWINCH)
        tty.shows("daily_limit_usd")
        tty.type("q")
        assert tty.status() == 0, tty.shown[-2000:]
        assert b"Traceback" not in tty.shown
        assert tty.restored
