"""A program that is imported, and what it does to the process of the command. Real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

HOTCONF = [sys.executable, "-P", "-m", "hotconf"]
GOOD = """\
from pydantic import BaseModel
from hotconf import HotReloadWatcher


class App(BaseModel):
    port: int = 1


watcher = HotReloadWatcher("app.toml", App, state_dir="states")
"""


@pytest.fixture
def start(tmp_path):
    """Starts a command for the program whose text is given."""
    (tmp_path / "app.toml").write_text("port = 2\nunknown = 3\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HOTCONF", "PYTHON"))}
    environment |= {"CODE_HOME": str(tmp_path / "code"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}

    def started(text, *arguments):
        (tmp_path / "app.py").write_text(text)
        return subprocess.Popen(
            [*HOTCONF, *arguments, "--app", "app:watcher"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


def check(start, text):
    """Status, stdout and stderr of `check --format json`."""
    process = start(text, "check", "--format", "json")
    try:
        out, err = process.communicate("PRECIOUS", timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err


HARMLESS = {
    "ends the process in a thread": "import os, threading\nthreading.Thread(target=os._exit, args=[7]).start()\n",
    "ends the process later": "import os, threading\nthreading.Timer(0.01, os._exit, [7]).start()\n",
    "forks": "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n",
    "goes on in a fork": "import os\nos.fork()\n",
    "asks a fork": (
        "import os, sys\npid = os.fork()\nif not pid:\n    sys.exit(5)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5\n"
    ),
    "ends a fork": (
        "import os\npid = os.fork()\nif not pid:\n    os._exit(5)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5\n"
    ),
    "has processes": (
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n    assert pool.apply(abs, (-1,)) == 1\n"
    ),
    "reads the descriptor": "import os\nassert os.read(0, 10) == b''\n",
    "asks": "try:\n    input()\nexcept EOFError:\n    pass\n",
    "sets an alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n",
    "ignores children": "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n",
    "logs": "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level=0)\nlogging.debug('SPOILT')\n",
    "locks its states": (
        "import fcntl, pathlib\npathlib.Path('states').mkdir(exist_ok=True)\n"
        "fcntl.flock(open('states/lock', 'w'), fcntl.LOCK_EX)\nwatcher.start()\n"
    ),
    "is started": "watcher.start()\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_the_output_and_the_status_are_the_commands(start, name):
    """Whatever the program does: one JSON document with the one problem, and status 0."""
    status, out, err = check(start, GOOD + HARMLESS[name])
    assert status == 0, err
    (problem,) = json.loads(out)["problems"]
    assert problem["message"] == "Unknown key: unknown"
    assert "Traceback" not in err
    assert "frozen" not in err


def test_a_fork_that_stays_does_not_keep_the_output_open(start, tmp_path):
    """Who reads it sees its end when the command ends."""
    text = "import os, time\nif not (pid := os.fork()):\n    time.sleep(1000)\nopen('pid', 'w').write(str(pid))\n"
    with start(GOOD + text, "show") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read().startswith("port = 2")
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # raises if it has ended
            assert process.wait(60) == 0
        finally:
            process.kill()


ENDING = {
    "import os\nos._exit(0)\n": "it exited, with status 0 (app.py:",
    "import os\nos.execv('/bin/true', ['true'])\n": "it exited: os.execv() (app.py:",
    "import os\nos.execlp('true', 'true')\n": "it exited: os.exec",
    "import os\nif os.fork():\n    os._exit(0)\n": "it exited, with status 0 (app.py:",
    "import os\nos.closerange(3, 1000)\nkept = open('mine', 'w')\n": "the program closed the command's stdout",
}


@pytest.mark.parametrize("text", ENDING)
def test_a_program_that_ends_the_process(start, tmp_path, text):
    """Never a status that says that all is well: 2, and one line."""
    status, out, err = check(start, GOOD + text)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert ENDING[text] in line
    assert not (tmp_path / "mine").exists() or (tmp_path / "mine").read_text() == ""


HANGING = {
    "sleeps": "import time\nprint('READY', flush=True)\ntime.sleep(1000)\n",
    "swallows": (
        "import time\nprint('READY', flush=True)\n"
        "while True:\n    try:\n        time.sleep(1000)\n    except BaseException:\n        pass\n"
    ),
    "ignores": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('READY', flush=True)\n"
        "time.sleep(1000)\n"
    ),
    "is in C": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nprint('READY', flush=True)\nwhile True:\n    libc.sleep(1000)\n"
    ),
    "is deadlocked": (
        "import threading\nlock = threading.Lock()\nprint('READY', flush=True)\nlock.acquire()\nlock.acquire()\n"
    ),
    "runs a loop": "import asyncio\nprint('READY', flush=True)\nasyncio.run(asyncio.sleep(1000))\n",
}


@pytest.mark.parametrize("name", HANGING)
def test_ctrl_c_ends_a_program_that_hangs(start, name):
    """Status 130, and one line that says what it was waiting for; it has been said before, too."""
    process = start(HANGING[name], "show")
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "READY\n"
        if name == "is in C":
            assert process.stderr.readline().startswith("Importing app:watcher (named by --app), at app.py:5")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    lines = [line for line in err.splitlines() if not line.startswith("Importing ")]
    assert len(lines) == 1, err
    assert lines[0].startswith("Interrupted while importing app:watcher (named by --app), at app.py:")
