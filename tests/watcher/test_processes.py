"""Forks, and programs that end without closing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from hotconf import HotReloadWatcher
from waiting import wait_until
from watcher.watched import CHANGED, App, port


def test_a_child_of_a_fork(path, watch):
    """After `fork` the child reads the config and closes, without waiting and without harm to the parent."""
    watcher, seen = watch(path)
    watcher.reload()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: that is what is tried here
        child = os.fork()
    if child == 0:
        good = False
        try:
            good = watcher.config.server.port == 8000 and watcher.get_config() is watcher.snapshot.config
            with watcher.busy("child"):
                pass
            watcher.close()
            watcher.close()
        finally:
            os._exit(0 if good else 1)
    assert exit_code(child) == 0
    path.write_text(port(9000))
    seen.exactly("ReloadUnchanged", CHANGED, "ReloadSuccess 2")
    watcher.close()


def test_a_watcher_of_the_childs_own(path, watch):
    """A child may start a watcher of its own, which works like any."""
    watcher, seen = watch(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        good = False
        try:
            with HotReloadWatcher(path, App, debounce_ms=0) as own:
                path.write_text(port(9000))
                wait_until(lambda: own.config.server.port == 9000)
                good = True
        finally:
            os._exit(0 if good else 1)
    assert exit_code(child) == 0
    seen.exactly(CHANGED, "ReloadSuccess 2")
    watcher.close()


def exit_code(child: int) -> int:
    """Wait for a child process."""
    found: list[int] = []

    def ended() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            found.append(os.waitstatus_to_exitcode(status))
        return bool(pid)

    try:
        wait_until(ended)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return found[0]


SCRIPT = """
import sys, threading
from hotconf import HotReloadWatcher
watcher = HotReloadWatcher(sys.argv[1], dict, debounce_ms=0)
{more}
watcher.start()
watcher.reload()
print(watcher.config["server"]["port"])
{end}
"""


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ("", ""),
        ("watcher.on_event(print)", ""),
        ("stream = watcher.subscribe()\nthreading.Thread(target=list, args=(stream,)).start()", "watcher.close()"),
        ("stream = watcher.subscribe()\nthreading.Thread(target=list, args=(stream,), daemon=True).start()", ""),
        ("", "raise SystemExit(0)"),
        ("watcher.busy('for ever').__enter__()", "import pathlib\npathlib.Path(sys.argv[1]).write_text('a = 1')"),
    ],
    ids=["bare", "callback", "stream", "daemon", "exit", "busy"],
)
def test_a_program_that_never_closes(path, more, end):
    """It ends when its main thread does, promptly, silently, with its own exit code."""
    done = run(SCRIPT.format(more=more, end=end), path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "8000" in done.stdout


def test_a_program_that_ends_while_a_callback_is_stuck(path):
    """It is waited for as in `close()`, and named."""
    more = "entered = threading.Event()\nwatcher.on_event(lambda event: entered.set() or threading.Event().wait())"
    done = run(SCRIPT.format(more=more, end="entered.wait()"), path)
    assert done.returncode == 0
    assert done.stderr == "__main__.<lambda> was still running 2 s after its watcher was closed\n"


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A program of its own, with every warning an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
