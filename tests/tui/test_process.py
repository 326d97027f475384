"""The app as a process: how it starts without a terminal or without Textual, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tui.tty import Tty
from waiting import wait_until


@pytest.fixture
def home(tmp_path):
    """A directory with a valid configuration."""
    (tmp_path / "config.toml").write_text("[hot_reload]\ndebounce_ms = 100\n\n[cost]\ndaily_limit_usd = 10.0\n")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_restores_the_terminal(home, number):
    """With status 0, and no traceback; a SIGHUP that is sent by hand is no different."""
    with Tty("run", home=home) as tty:
        tty.shows("daily_limit_usd")
        tty.process.send_signal(number)
        assert tty.status() == 0
        assert tty.restored
        assert b"Traceback" not in tty.shown


@pytest.mark.parametrize("keys", ["q", "\x03"])
def test_the_keys_that_quit_restore_the_terminal(home, keys):
    """`q` and Ctrl+C."""
    with Tty("run", home=home) as tty:
        tty.shows("daily_limit_usd")
        tty.type(keys)
        assert tty.status() == 0
        assert tty.restored


def test_keys_that_arrive_in_one_piece_are_all_there(home):
    """Esc closes the sheet, and `q` quits."""
    with Tty("run", home=home) as tty:
        tty.shows("daily_limit_usd")
        tty.type("?")
        tty.shows("Main screen")
        tty.type("\x1bq")
        assert tty.status() == 0
        assert tty.restored


def test_a_signal_before_the_configuration_is_there_ends_it(home):
    """At any moment of the start."""
    with Tty("run", home=home) as tty:
        tty.shows("Configuration")
        tty.process.send_signal(signal.SIGTERM)
        assert tty.status() == 0
        assert tty.restored


def test_it_ends_when_the_terminal_hangs_up(home):
    """And leaves no process behind that burns the processor."""
    leader = (
        "import os, pty, signal, sys, time\n"
        "pid, master = pty.fork()\n"
        "if not pid:\n"
        "    os.execv(sys.executable, [sys.executable, '-c', 'from hotconf.cli import main; main()', 'run'])\n"
        "shown = b''\n"
        "while b'daily_limit_usd' not in shown: shown += os.read(master, 65536)\n"
        "os.close(master)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", leader],
        env={**os.environ, "CODE_HOME": str(home), "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"0\n"


def test_an_error_restores_the_terminal_and_is_told(home):
    """Whatever goes wrong inside, nobody is left with a broken terminal."""
    (home / "broken.py").write_text(
        "from pydantic import BaseModel\n"
        "import hotconf.tui.view.view\n"
        "def boom(*_):\n"
        "    password = 'hunter'.upper()\n"
        "    raise RuntimeError('out of order')\n"
        "hotconf.tui.view.view.updated = boom\n"
        "class Config(BaseModel): pass\n"
    )
    with Tty("run", "--schema", "broken:Config", home=home) as tty:
        assert tty.status() == 1
        assert tty.restored
        # Python 3.13 colours it.
        assert b"RuntimeError: out of order" in re.sub(rb"\x1b\[[\d;]*m", b"", tty.shown)
        assert b"HUNTER" not in tty.shown  # the values of variables may be secrets


def test_a_schema_that_cannot_be_had_is_refused(home):
    """In a line, as by every command, and not as an error of the app."""
    with Tty("run", "--schema", "nowhere:Config", home=home) as tty:
        assert tty.status() == 2
        assert tty.restored
        assert b"nowhere" in tty.shown
        assert b"Traceback" not in tty.shown


def test_the_editor_has_the_terminal_and_gives_it_back(home, tmp_path):
    """It gets the file and the place, Ctrl+C is its own, and the app is there again when it ends."""
    editor = tmp_path / "editor"
    told = tmp_path / "told"
    editor.write_text(
        f"#!/bin/sh\ntrap 'echo interrupted >> {told}; exit' INT\n"
        f'echo "$@" > {told}\necho EDITING\nwhile :; do sleep 0.02; done\n'
    )
    editor.chmod(0o755)
    with Tty("run", home=home, VISUAL="", EDITOR=str(editor)) as tty:
        tty.shows("daily_limit_usd")
        tty.type("e")
        tty.shows("EDITING")
        tty.type("\x03")
        tty.shows("Configuration")
        assert told.read_text() == f"{home}/config.toml\ninterrupted\n"
        tty.type("q")
        assert tty.status() == 0
        assert tty.restored


def test_a_signal_while_the_editor_has_the_terminal_ends_both(home, tmp_path):
    """Neither is left behind, and the terminal is as it was."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho EDITING\nexec sleep 1000\n")
    editor.chmod(0o755)
    with Tty("run", home=home, VISUAL=str(editor)) as tty:
        tty.shows("daily_limit_usd")
        tty.type("e")
        tty.shows("EDITING")
        tty.process.send_signal(signal.SIGTERM)
        assert tty.status() == 0
        assert tty.restored


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("/nowhere/editor", "No such file or directory"),
        ("vim 'x", "is not a command"),
        (" ", "set VISUAL or EDITOR"),
        ("sh -c 'exit 3' x", "ended with status 3"),
    ],
)
def test_an_editor_that_fails_is_told(home, editor, told):
    """And the app goes on: it has its terminal back, and is asked to quit by a key."""
    with Tty("run", home=home, VISUAL=editor, columns=200) as tty:
        tty.shows("daily_limit_usd")
        tty.type("e")
        tty.shows(told)
        tty.type("q")
        assert tty.status() == 0
        assert tty.restored


def test_no_mouse_leaves_the_mouse_to_the_terminal(home):
    """So that text can be selected as everywhere."""
    with Tty("run", "--no-mouse", home=home) as tty:
        tty.shows("daily_limit_usd")
        tty.type("q")
        assert tty.status() == 0
        assert b"\x1b[?1000h" not in tty.shown


def test_no_colour_reaches_the_terminal(home):
    """NO_COLOR: text styles only."""
    with Tty("run", home=home, NO_COLOR="1") as tty:
        tty.shows("daily_limit_usd")
        tty.type("q")
        assert tty.status() == 0
        assert b"38;2;" not in tty.shown
        assert b"38;5;" not in tty.shown


def test_a_theme_that_does_not_exist_is_refused(home):
    """With those that do, before the terminal is touched."""
    with Tty("run", "--theme", "neon", home=home) as tty:
        assert tty.status() == 2
        assert b"there is no theme 'neon'" in tty.shown
        assert b"gruvbox" in tty.shown
        assert b"\x1b[?1049h" not in tty.shown


def test_a_first_configuration_is_written_and_said(tmp_path):
    """The newcomer is told which key edits it."""
    home = tmp_path / "new"
    home.mkdir()
    with Tty("run", home=home) as tty:
        tty.shows("Wrote a first configuration")
        tty.shows("generation 1")
        assert (home / "config.toml").exists()
        tty.type("q")
        assert tty.status() == 0


def test_a_dumb_terminal_gets_lines(home):
    """As `watch` does, and says why."""
    with Tty("run", home=home, TERM="dumb") as tty:
        tty.shows("cannot show the app")
        tty.shows("debounce 100 ms")
        tty.process.send_signal(signal.SIGTERM)
        assert tty.status() == 0


def test_without_textual_it_names_the_extra_and_watches(home):
    """Who installed the library alone is told what to install."""
    code = (
        "import sys; sys.modules['textual'] = None\n"
        "import importlib.util as u; found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'textual' else found(name, *a)\n"
        "sys.stdin.isatty = sys.stdout.isatty = sys.stderr.isatty = lambda: True\n"
        "from hotconf.cli import main; main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run"],
        env={**os.environ, "CODE_HOME": str(home), "TERM": "xterm", "HOTCONF_LOG": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"Watching")
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert b"pip install 'hotconf[tui]'. Printing events instead." in errors


def test_busy_while_needs_the_app(home):
    """What was asked for is not silently left out."""
    done = subprocess.run(
        [sys.executable, "-c", "from hotconf.cli import main; main()", "run", "--busy-while", "true"],
        env={**os.environ, "CODE_HOME": str(home)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"--busy-while needs the terminal app" in done.stderr


def test_busy_while_runs_and_ends_with_the_app(home, tmp_path):
    """The command, and what it started."""
    pids = tmp_path / "pids"
    with Tty("run", "--busy-while", f"echo $$ > {pids}; sleep 1000", home=home) as tty:
        tty.shows("running for")
        wait_until(lambda: pids.exists() and pids.read_text().strip())
        tty.type("q")
        assert tty.status() == 0
        assert tty.restored
    wait_until(lambda: not Path(f"/proc/{pids.read_text().strip()}").exists())


def test_the_first_frame_waits_for_nothing_heavy():
    """What makes a watcher is loaded when the frame is up: it is half of the time to it."""
    code = "import sys, hotconf.tui.launch; print([n for n in ('pydantic', 'hotconf.watcher') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
