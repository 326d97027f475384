"""Whatever happens to stdout and stderr of a command: no traceback, no wrong status, no hang."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from prefork import Program
from torture.extent import FULL

COMMAND = [sys.executable, "-m", "hotconf"]
LONG = "".join(f'k{n} = "{"x" * 100}"\n' for n in range(2000))
"""More than a pipe holds."""
COMMANDS = {
    "check": ["check", "--schema", "speckit", "bad.toml"],
    "check as json": ["check", "--schema", "speckit", "bad.toml", "--format", "json"],
    "show": ["show", "--schema", "speckit", "config.toml"],
    "diff": ["diff", "--schema", "speckit", "config.toml", "other.toml"],
    "plan": ["plan", "--schema", "speckit", "other.toml", "config.toml"],
    "plan of a bad one": ["plan", "--schema", "speckit", "bad.toml", "config.toml"],
    "schema": ["schema"],
    "doctor": ["doctor", "--schema", "speckit", "config.toml", "--no-probe"],
    "history": ["history", "config.toml", "--state-dir", "states"],
    "rollback": ["rollback", "--schema", "speckit", "7", "config.toml", "--state-dir", "states"],
    "wrong usage": ["check", "--nonsense"],
    "help": ["--help"],
    "help of a command": ["watch", "--help"],
    "version": ["--version"],
}
FULL_DEVICE = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


Start: TypeAlias = Callable[..., "subprocess.Popen[bytes]"]


def interpreted(arguments: list[str], **given: Any) -> subprocess.Popen[bytes]:
    """By an interpreter of its own."""
    return subprocess.Popen([*COMMAND, *arguments], **given)


def started(arguments: list[str], **given: Any) -> subprocess.Popen[bytes]:
    """Quickly, to compare with."""
    return Program("from hotconf.cli import main; main()", *arguments, **given)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Files to run on."""
    (tmp_path / "config.toml").write_text(f'model = "a"\n[mcp_servers]\n{LONG}')
    (tmp_path / "other.toml").write_text(f'model = "b"\n[mcp_servers]\n{LONG.replace("x", "y")}')
    (tmp_path / "bad.toml").write_text("model = 1\n" * 1 + "unknown = 2\n")
    return tmp_path


def run(here: Path, name: str, start: Start = interpreted, **streams: object) -> subprocess.Popen[bytes]:
    """Start one of them."""
    environment = {**os.environ, "CODE_HOME": str(here), "HOTCONF_LOG": ""}
    return start(COMMANDS[name], cwd=here, env=environment, **streams)


def chosen(*bounded: str) -> list[str]:
    """All of them in full."""
    return list(COMMANDS) if FULL else list(bounded)


@FULL_DEVICE
@pytest.mark.parametrize("name", chosen("check", "diff", "history", "help"))
def test_stdout_is_full(here: Path, name: str) -> None:
    """One line on stderr, with status 2, if there was something to write."""
    with Path("/dev/full").open("wb") as full:
        process = run(here, name, stdout=full, stderr=subprocess.PIPE)
        told = process.communicate(timeout=60)[1].decode()
    silent = name in ("history", "rollback", "wrong usage")
    assert "Traceback" not in told
    assert "Exception" not in told
    assert process.returncode == (0 if name == "history" else 2)
    assert ("No space left on device" in told) == (not silent), told


@pytest.mark.parametrize("name", chosen("check", "show", "version"))
def test_nobody_reads_stdout(here: Path, name: str) -> None:
    """No output, and never the status of an answer that was not delivered."""
    read, write = os.pipe()
    os.close(read)
    process = run(here, name, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    told = process.communicate(timeout=60)[1].decode()
    assert "Traceback" not in told
    assert "Broken pipe" not in told
    assert process.returncode == (0 if name == "history" else 2)


@pytest.mark.parametrize("name", chosen("check", "history", "help"))
def test_closed_stdout(here: Path, name: str) -> None:
    """From the start, `>&-`: the output is not wanted, the status is the usual one."""
    wanted = run(here, name, start=started, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = wanted.communicate(timeout=60)[1]
    process = run(here, name, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert process.communicate(timeout=60)[1] == told
    assert process.returncode == wanted.returncode


def test_all_three_are_closed(here: Path) -> None:
    """A command that writes nothing to stdout works; no file of ours gets their numbers."""
    environment = {**os.environ, "CODE_HOME": str(here), "HOTCONF_LOG": ""}
    (here / "small.toml").write_text('model = "a"\n')
    code = (
        "import os, sys; from hotconf.cli.echo import prepare; prepare();"
        "names = {os.readlink(f'/proc/self/fd/{n}') for n in range(3)};"
        "open('names', 'w').write(repr(names))"
    )
    for command in (
        [sys.executable, "-c", code],
        [*COMMAND, "schema", "--schema", "speckit", "--stamp", "small.toml"],
    ):
        done = subprocess.run(
            command, cwd=here, env=environment, preexec_fn=lambda: os.closerange(0, 3), check=False, timeout=60
        )
        assert done.returncode == 0
    assert (here / "names").read_text() == "{'/dev/null'}"
    assert (here / "small.toml").read_text() == '#:schema ./small.schema.json\nmodel = "a"\n'


@FULL_DEVICE
@pytest.mark.parametrize("name", [name for name in chosen("check", "wrong usage") if name != "doctor"])
@pytest.mark.parametrize("where", ["full", "nobody", "closed"])
def test_stderr(here: Path, name: str, where: str) -> None:
    """Its output is lost: stdout and status are the same as with a stderr."""
    good = run(here, name, start=started, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wanted = good.communicate(timeout=60)[0]
    read, write = os.pipe()
    os.close(read)
    full = os.open("/dev/full", os.O_WRONLY)
    target = {"full": full, "nobody": write, "closed": subprocess.DEVNULL}[where]
    close = (lambda: os.close(2)) if where == "closed" else None
    process = run(here, name, stdout=subprocess.PIPE, stderr=target, preexec_fn=close)
    os.close(write)
    os.close(full)
    assert process.communicate(timeout=60)[0] == wanted
    assert process.returncode == good.returncode


@FULL_DEVICE
def test_a_watch_on_a_full_disk(here: Path) -> None:
    """It ends, so that a supervisor notices, and says why."""
    environment = {**os.environ, "CODE_HOME": str(here / "none"), "HOTCONF_LOG": ""}
    for option in ([], ["--json"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*COMMAND, "watch", "--schema", "speckit", "config.toml", *option],
                cwd=here,
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (
            2,
            b"Error: stdout cannot be written to: No space left on device\n",
        )
