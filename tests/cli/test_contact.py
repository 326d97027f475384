"""Commands and mounts that do not answer: the mount is named, and a signal ends the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

from hanging import hanging
from hotconf.cli import contact
from hotconf.sources.files import mounts
from prefork import Program
from torture.extent import FULL
from waiting import wait_until

SOON = "import hotconf.cli.contact as contact; contact.SILENT_S = 0.3; from hotconf.cli import main; main()"
SPECKIT = ["--schema", "speckit"]
COMMANDS = {
    "check": ["check", *SPECKIT, "{path}"],
    "check a directory": ["check", *SPECKIT, "{path.parent}"],
    "check stdin": ["check", *SPECKIT, "-", "--stdin-filename", "{path}"],
    "show": ["show", *SPECKIT, "{path}"],
    "show a state": ["show", *SPECKIT, "@1", "{path}"],
    "diff": ["diff", *SPECKIT, "{local}", "{path}"],
    "diff states": ["diff", *SPECKIT, "@1", "@2", "{path}"],
    "plan": ["plan", *SPECKIT, "{local}", "{path}"],
    "plan it": ["plan", *SPECKIT, "{path}", "{local}"],
    "doctor": ["doctor", *SPECKIT, "{path}", "--no-probe"],
    "history": ["history", "{path}"],
    "rollback": ["rollback", *SPECKIT, "1", "{path}", "--yes"],
    "stamp": ["schema", *SPECKIT, "--stamp", "{path}"],
    "init": ["init", *SPECKIT, "{new}"],
    "watch": ["watch", *SPECKIT, "{path}"],
    "watch as json": ["watch", *SPECKIT, "--json", "{path}"],
    "run": ["run", *SPECKIT, "{path}"],
}
WHERE = ["main", "above", "link", "fragment", "states", "home", "default"]
UNTOUCHED = {
    "above": {"init"},
    "link": {"init", "history", "show a state", "diff states"},
    "fragment": {"init", "check stdin", "history", "show a state", "diff states"},
    "main": {"history", "show a state", "diff states"},
    "states": {"stamp", "init", "run"},
    "home": {"stamp", "init"},
    "default": {"check stdin", "diff", "diff states", "plan", "plan it"},
}
"""Commands that do not read what hangs, or have no such case."""
CASES = [case for case in product(COMMANDS, WHERE) if case[0] not in UNTOUCHED[case[1]]]
BOUNDED = [("check", "main"), ("show", "states"), ("watch as json", "fragment"), ("watch", "home")]


@pytest.fixture
def far(tmp_path):
    """A mount that may hang, with a configuration, and a local file that has a fragment there."""
    with hanging(tmp_path) as mount:
        for name in ("d", "states", "home"):
            (mount.shown / name).mkdir()
        for name in ("config.toml", "home/config.toml"):
            (mount.shown / name).write_text('model = "a"\n')
        (mount.shown / "d" / "a.toml").write_text('model_verbosity = "low"\n')
        yield mount


def command(far, root: Path, name: str, where: str) -> tuple[list[str], dict[str, str]]:
    """Its arguments and environment."""
    local = root / "local.toml"
    local.write_text('model = "a"\n')
    (root / "fragment.toml").write_text(f'[hot_reload]\nwatch_paths = ["{far.point}/d"]\n')
    (root / "link.toml").symlink_to(far.point / "config.toml")
    path = {
        "main": far.point / "config.toml",
        "above": Path("..", root.name, "far", "point", "config.toml"),
        "link": root / "link.toml",
        "fragment": root / "fragment.toml",
    }.get(where, local)
    new = path.with_name("new.toml") if where in ("main", "above") else root / "new.toml"
    given = [
        each.format(path=path, local=local, new=new)
        for each in COMMANDS[name]
        if where != "default" or "{" not in each
    ]
    states = ["--state-dir", str(far.point / "states")] if where == "states" else []
    home = far.point / "home" if where in ("home", "default") else root
    return [*given, *states], {"CODE_HOME": str(home), "HOTCONF_LOG": ""}


@pytest.mark.parametrize(("name", "where"), CASES if FULL else BOUNDED)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT] if FULL else [signal.SIGTERM])
def test_a_mount_that_hangs(far, tmp_path, name, where, number):
    """It is named on stderr; a command that can do without it does, and a signal ends each of them."""
    arguments, environment = command(far, tmp_path, name, where)
    far.hang()
    with Program(
        SOON,
        *arguments,
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            # Beside other tests there are other such mounts, which may be named, too.
            told = (f"{far.point} does not answer", "the disk does not respond")
            assert any(any(each in line for each in told) for line in process.stderr)
            process.send_signal(number)
            process.wait(60)
        finally:
            process.kill()
            far.answer()


def test_a_mount_that_hangs_while_it_is_checked_again(far, tmp_path):
    """It is named, and a signal ends the command."""
    arguments, environment = command(far, tmp_path, "check", "fragment")
    with Program(
        SOON,
        *arguments,
        "--watch",
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert any("Watching 2 files" in line for line in process.stderr)
            far.hang()
            assert any(f"{far.point} does not answer" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
            far.answer()


def test_nothing_is_completed_from_a_mount_that_hangs(far, tmp_path):
    """The shell is not kept waiting."""
    words = ["hotconf", "diff", "--state-dir", str(far.point / "states"), "@"]
    shell = {"_HOTCONF_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    far.hang()
    with Program(
        SOON,
        cwd=tmp_path,
        env={**os.environ, "CODE_HOME": str(tmp_path), **shell},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            out, errors = process.communicate(timeout=60)
            assert (out.strip(), errors) == (b"", b"")
        finally:
            process.kill()
            far.answer()


def test_it_goes_on_once_the_mount_answers(far, tmp_path):
    """As if nothing had been."""
    arguments, environment = command(far, tmp_path, "show", "fragment")
    far.hang()
    with Program(
        SOON,
        *arguments,
        "--json",
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            waiting = f"Waiting for {tmp_path}/fragment.toml: {far.point} does not answer\n"
            assert waiting in process.stderr
            far.answer()
            out, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, told
    assert '"model_verbosity"' in json.dumps(json.loads(out))


@pytest.mark.parametrize("written", [True, False])
def test_a_log_on_a_mount_that_hangs(far, tmp_path, written):
    """The watch goes on, and a signal ends it, whether a record is being written or not."""
    (far.shown / "home" / "debug.log").touch(0o600)
    (far.point / "home" / "config.toml").read_text()  # the kernel learns that there is no `flush`
    local = tmp_path / "local.toml"
    local.write_text('model = "a"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "hotconf", "watch", "--json", "--schema", "speckit", "--debounce-ms", "0", str(local)],
        env={**os.environ, "CODE_HOME": str(far.point / "home"), "HOTCONF_LOG": ""},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert '"started"' in process.stdout.readline()
            wait_until(lambda: "Watching" in (far.shown / "home" / "debug.log").read_text())
            far.hang()
            if written:
                local.write_text("model = [\n")
                next(line for line in process.stdout if "reload_failed" in line)
                wait_until(lambda: far.hangs)
                local.write_text('model = "b"\n')
                next(line for line in process.stdout if "reload_success" in line)
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            far.answer()


def test_other_mounts_are_not_blamed(monkeypatch, tmp_path):
    """If a path lies on a mount, it alone is asked; otherwise a link may lead to any of them."""
    found = [str(tmp_path), "/elsewhere"]
    monkeypatch.setattr(mounts, "remotes", lambda: found)
    assert contact._suspects(tmp_path / "x" / "y.toml") == [str(tmp_path)]
    assert contact._suspects(tmp_path.parent / "link.toml") == found


def test_no_thread_without_such_mounts(monkeypatch):
    """Where nothing can hang, nothing is read twice."""
    monkeypatch.setattr(mounts, "remotes", list)
    monkeypatch.setattr(contact, "_settle", None)
    assert contact.patiently(lambda: 7, Path("x")) == 7


def test_errors_are_those_of_the_read(monkeypatch):
    """Raised in the caller, from whichever thread."""
    monkeypatch.setattr(mounts, "remotes", lambda: None)

    def read() -> None:
        raise TimeoutError("of a soft mount")

    with pytest.raises(TimeoutError, match="soft"):
        contact.patiently(read, Path("x"))


def test_slow_is_not_silent(monkeypatch, tmp_path):
    """What takes long is waited for, without blaming a mount that answers."""
    monkeypatch.setattr(mounts, "remotes", lambda: [str(tmp_path)])
    monkeypatch.setattr(contact, "SILENT_S", 0.01)
    said: list[str] = []
    until = time.monotonic() + 0.2

    def read() -> int:
        wait_until(lambda: time.monotonic() > until)
        return 7

    assert contact.patiently(read, tmp_path, say=said.append) == 7
    assert said == []
