"""Completion by real shells: what Tab puts on the line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from hotconf import HotReloadWatcher
from realtools import need
from terminal import Terminal
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_BEGIN: Final = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'PS1="> "; eval "$(hotconf completion bash)"; echo re""ady\r'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'PS1="> "; autoload -U compinit; compinit -u -D; eval "$(hotconf completion zsh)"; echo re""ady\r',
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        'function fish_prompt; echo "> "; end; hotconf completion fish | source; echo re""ady\r',
    ),
}


class App(BaseModel, frozen=True):
    port: int = 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a program, and two kept states."""
    here = tmp_path_factory.mktemp("shells")
    (here / "app.py").write_text(
        "from pydantic import BaseModel\nfrom hotconf import HotReloadWatcher\n"
        "class Server(BaseModel, frozen=True):\n    port: int = 1\n"
        "class App(BaseModel, frozen=True):\n    port: int = 1\n    server: Server = Server()\n"
        'watcher = HotReloadWatcher("config.toml", App, state_dir=".hotconf")\n'
    )
    (here / "pyproject.toml").write_text('[tool.hotconf]\napp = "app:watcher"\n')
    path = here / "config.toml"
    path.write_text("port = 1\n")
    with HotReloadWatcher(path, App, state_dir=here / ".hotconf") as watcher:
        path.write_text("port = 2\n")
        watcher.reload()
    return here


@contextmanager
def shell(name: str, place: Path) -> Iterator[Terminal]:
    """It, with the completion of hotconf loaded, at work in `place`."""
    need(name)
    command, begin = _BEGIN[name]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(place), "TERM": "xterm", "CODE_HOME": str(place)}
    with Terminal(command, place, environment, columns=100) as terminal:
        terminal.type(begin)
        terminal.shows("ready\r\n")
        yield terminal


def text(terminal: Terminal) -> str:
    """What was shown since the last keys, without what moves the cursor."""
    return re.sub(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\(B|\][^\x07]*\x07)|\x07", "", terminal.answer.decode(errors="replace"))


@pytest.mark.parametrize("name", _BEGIN)
def test_tab_completes(name: str, place: Path) -> None:
    """Commands, keys of the model, kept states, themes."""
    with shell(name, place) as terminal:
        for typed, line in (
            ("hotconf his", "hotconf history "),
            ("hotconf explain server.p", "server.port "),
            ("hotconf explain --app app:watcher server.p", "server.port "),
            ("hotconf history --key por", "port "),
            ("hotconf show @2", "@2 "),
            ("hotconf diff @1 @2", "@2 "),
            ("hotconf rollback @2", "@2 "),
            ("hotconf run --theme nor", "nord "),
        ):
            terminal.type(f"{typed}\t")
            wait_until(lambda line=line: line in text(terminal), 60)
            terminal.type("\x15")


@pytest.mark.parametrize("name", _BEGIN)
def test_tab_lists_the_states(name: str, place: Path) -> None:
    """All that are kept, also as a second argument."""
    with shell(name, place) as terminal:
        for typed in ("hotconf show @", "hotconf diff @1 @", "hotconf rollback @"):
            terminal.type(f"{typed}\t\t")
            wait_until(lambda: "@2" in text(terminal), 60)
            terminal.type("\x15")
