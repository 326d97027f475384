"""Text on terminals and in pipes: colours and wrapping there, whole values here, and never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from terminal import Terminal

APP: Final = """
from pydantic import BaseModel, SecretStr
from hotconf import Env, HotReloadWatcher

class Server(BaseModel, frozen=True):
    port: int = 8000
    names: list[str] = []

class App(BaseModel, frozen=True):
    title: str
    password: SecretStr | None = None
    server: Server = Server()

watcher = HotReloadWatcher("config.toml", App, layers=[Env("TESTS_OF_TERMINALS_")], state_dir=".hotconf")
"""
LONG: Final = "all of a long title, " * 12
EMPTY: Final = "empty"
"""What has nothing to paint, as it writes messages only."""
CALLS: Final = {
    "run": ["--help"],
    "watch": ["--help"],
    "check": ["broken.toml"],
    "init": [EMPTY],
    "show": [],
    "explain": ["server"],
    "env": [],
    "diff": ["@1", "@2"],
    "plan": ["other.toml"],
    "schema": [],
    "status": [],
    "reload": [EMPTY],
    "fleet": [EMPTY],
    "history": [],
    "rollback": ["1"],
    "doctor": ["--no-probe"],
    "completion": [EMPTY],
}
"""One call of each command whose stdout is worth colours. `--help` of those that go on until they are stopped."""
PAINTED: Final = [name for name, call in CALLS.items() if call not in ([EMPTY], ["--help"])]
ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")


class Model(BaseModel, frozen=True):
    title: str
    password: str | None = None
    server: dict[str, object] = {}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a program that runs in this process, and has published two states."""
    here = tmp_path_factory.mktemp("terminals")
    (here / "app.py").write_text(APP)
    (here / "pyproject.toml").write_text('[tool.hotconf]\napp = "app:watcher"\n')
    (here / "broken.toml").write_text("title = \n")
    (here / "other.toml").write_text('title = "other"\n')
    path = here / "config.toml"
    path.write_text('title = "short"\npassword = "hunter22"\n[server]\nport = 1\n')
    with HotReloadWatcher(path, Model, state_dir=here / ".hotconf") as watcher:
        path.write_text(f'title = "{LONG}"\npassword = "hunter22"\n[server]\nport = 2\nnames = ["a", "b"]\n')
        watcher.reload()
        watcher.flush()
        yield here


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It is the working directory."""
    monkeypatch.chdir(place)
    return place


def said(name: str, *more: str) -> str:
    """What the command writes to stdout, in a pipe."""
    command = hotconf.get_command(click.Context(hotconf), name)
    assert command is not None
    return CliRunner().invoke(hotconf, [name, *CALLS[name], *more], input="n\n", color=True).stdout


def test_each_command_is_tried() -> None:
    """A new one needs a call here."""
    assert list(CALLS) == hotconf.list_commands(click.Context(hotconf))


@pytest.mark.parametrize("name", PAINTED)
def test_colours_add_nothing_but_escapes(here: Path, name: str) -> None:
    """Only on demand, where there is no terminal."""
    plain, painted = said(name), said(name, "--color", "always")
    assert "\x1b" not in plain
    assert ESCAPE.search(painted), plain
    times = re.compile(r"\d+\.\d+ ms|at least \d+")
    assert times.sub("", ESCAPE.sub("", painted)) == times.sub("", plain)
    assert said(name, "--color", "never") == plain or name == "doctor"


def test_values_are_whole_in_a_pipe(here: Path) -> None:
    """However long they are; secrets stay masked."""
    assert f'title: "short" → "{LONG}"' in said("diff")
    assert f'title: "{LONG}" → "other"' in said("plan")
    changes = said("history", "--key", "title")
    assert f'title: "short" → "{LONG}"' in changes
    assert "hunter22" not in said("diff") + said("plan") + said("history", "--key", "password")


def test_no_text_is_wrapped_in_a_pipe(here: Path) -> None:
    """Each paragraph of the help is a line, and so is each option."""
    found = said("check", "--help")
    assert (
        "Check configuration files, each with the files that its watch_paths name. A PATH of - is standard" in found
    )
    assert any("The program's HotReloadWatcher" in line and "pyproject.toml" in line for line in found.splitlines())


@pytest.mark.parametrize(
    ("arguments", "longest"),
    [
        (["check", "--help"], 50),
        (["doctor", "--no-probe"], 50),
        (["explain", "server"], 50),
        (["diff", "@1", "@2"], 50),
        (["history"], 50),
        (["history", "--key", "title"], 60),
        (["show", "--key", "servre.port"], 50),
    ],
)
def test_text_is_as_wide_as_the_terminal(here: Path, arguments: list[str], longest: int) -> None:
    """Words are wrapped, values shortened; a word that is too long alone stays whole, to be copied."""
    command = [sys.executable, "-m", "hotconf", *arguments]
    with Terminal(command, here, {**os.environ, "COLUMNS": "", "TERM": "xterm"}, columns=50) as terminal:
        terminal.status()
        shown = ESCAPE.sub("", terminal.shown.decode()).replace("\r\n", "\n")
    assert shown
    for line in shown.splitlines():
        assert len(line) <= longest or len(line.split()) <= 2, shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_no_command_ends_in_a_traceback_where_stdout_cannot_be_written(here: Path) -> None:
    """A full disk is reported, a reader that is gone is not; the status says that it failed."""
    running = {}
    for name in CALLS:
        arguments = ["--help"] if CALLS[name] == [EMPTY] else CALLS[name]
        for how in ("full", "gone"):
            if how == "full":
                out = os.open("/dev/full", os.O_WRONLY)
            else:
                reader, out = os.pipe()
                os.close(reader)
            running[name, how] = subprocess.Popen(
                [sys.executable, "-m", "hotconf", name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )
            os.close(out)
        for how in ("full", "gone"):
            process = running[name, how]
            _, errors = process.communicate(timeout=60)
            assert "Traceback" not in errors, (name, how, errors)
            assert "BrokenPipe" not in errors, (name, how, errors)
            assert process.returncode == 2, (name, how, errors)
            assert ("No space left on device" in errors) == (how == "full"), (name, how, errors)
