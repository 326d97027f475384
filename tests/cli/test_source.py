"""Commands for a program whose main document comes from a source: what they show, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from cli.test_program import HOTCONF, run
from waiting import wait_until

APP = """\
import os

from pydantic import BaseModel

from hotconf import HotReloadWatcher, Problem
from hotconf.sources.source import Fetched, Source


class Server(BaseModel, frozen=True):
    port: int = 1


class App(BaseModel, frozen=True):
    server: Server = Server()


class Published(Source):
    kind = "etcd"
    name = "shop/prod"

    def read(self):
        if os.environ.get("CUT_OFF"):
            return Problem("Cannot be reached: connection refused", kind="unreadable")
        return Fetched(b"[server]\\nport = 8001\\n", "v1")

    def watch(self, link):
        raise AssertionError("a command only looks")

    def as_observer(self):
        return Observed()


class Observed(Published):
    def watch(self, link):
        return print


watcher = HotReloadWatcher(Published(), App, state_dir="states")
"""


@pytest.fixture
def project(tmp_path):
    """Such a program."""
    (tmp_path / "code").mkdir()
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text(APP)
    (root / "new.toml").write_text("[server]\nport = 9\n")
    (root / "pyproject.toml").write_text('[tool.hotconf]\napp = "app:watcher"\n')
    return root


def test_what_is_published_is_shown(project):
    """And what is not yet is compared with it."""
    assert run(project, "check").returncode == 0
    shown = run(project, "explain", "server.port").stdout
    assert "shop/prod:2:8" in shown
    assert "server.port: 8001 → 9" in run(project, "plan", "new.toml").stdout
    cut_off = run(project, "check", CUT_OFF="1")
    assert cut_off.returncode != 0
    assert "Cannot be reached: connection refused" in cut_off.stdout + cut_off.stderr
    assert "shop/prod" in cut_off.stdout + cut_off.stderr
    assert "/(etcd)" not in cut_off.stdout + cut_off.stderr


@pytest.mark.parametrize("command", [["init"], ["doctor"], ["schema", "--stamp"]], ids=" ".join)
def test_what_is_done_to_a_file_is_refused(project, command):
    """Nothing is written where the source has its name."""
    done = run(project, *command)
    assert done.returncode == 2
    assert "shop/prod is no file: give a PATH, or see `hotconf fleet --help`" in done.stderr
    assert not os.path.exists("/(etcd)")  # noqa: PTH110


@pytest.mark.parametrize("command", ["watch", "run"])
def test_watching_it_takes_no_part(project, command):
    """It is watched as by an observer; without a terminal `run` does the same."""
    environment = {**os.environ, "CODE_HOME": str(project.parent / "code"), "TERM": "dumb"}
    arguments = [*HOTCONF, command, "--app", "app:watcher"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(arguments, cwd=project, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "Watching shop/prod (generation 1). Ctrl+C to stop.\n"
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="states are kept on POSIX only")
def test_rollback_says_what_goes_back(project):
    """The state is kept, and written nowhere."""
    code = "import app; app.Published.watch = lambda *_: print\nwith app.watcher: pass"
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True)
    assert "  version v1  " in run(project, "history").stdout
    (state,) = map(json.loads, run(project, "history", "--json").stdout.splitlines())
    assert state["files"] == [{"path": "shop/prod", "role": "main", "size": 21, "version": "v1"}]
    done = run(project, "rollback", "1", "--yes")
    assert done.returncode == 2
    assert "shop/prod is no file, and not written here: `hotconf fleet rollback shop/prod` goes back" in done.stderr


def test_a_plan_says_when_a_published_document_takes_effect(project):
    """At once: no file has to settle."""
    (project / "edit.toml").write_text("[server]\nport = 8002\n")
    done = run(project, "plan", "edit.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("✅ Would be accepted\n\n- takes effect as soon as it is published\n")


@pytest.mark.skipif(sys.platform == "win32", reason="states are kept on POSIX only")
@pytest.mark.parametrize("named", [(), ("--app", "app:watcher")], ids=["by pyproject", "by option"])
def test_what_status_advises_works(project, named):
    """Of a process that started on its last good state, `status` names the command that shows why."""
    start = "import app; app.Published.watch = lambda *_: print\nwith app.watcher: "
    subprocess.run([sys.executable, "-c", f"{start}pass"], cwd=project, check=True)
    if named:
        (project / "pyproject.toml").unlink()
    environment = {**os.environ, "CUT_OFF": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    code = f"{start}print('up', flush=True), input()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=project, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "up\n"
        wait_until(lambda: "degraded" in run(project, "status", *named).stdout)
        advice = re.search(r"`hotconf (.*)` shows the problems in full", run(project, "status", *named).stderr)
        process.communicate("\n", timeout=60)
    shown = run(project, *advice[1].split(), CUT_OFF="1")
    assert shown.returncode == 2
    assert "Cannot be reached: connection refused" in shown.stdout + shown.stderr


def test_what_is_published_is_called_a_document(project):
    """Nothing speaks of its file, or of a path that is none."""
    for command in (["check"], ["check", "--format", "json"], ["show"], ["explain", "server.port", "--json"]):
        done = run(project, *command)
        assert not re.search(r"\b[Ff]ile\b(?!\")|/\(etcd\)", done.stdout + done.stderr), command
    assert "1 document checked" in run(project, "check").stderr
