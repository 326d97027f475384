"""Programs that end without closing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    assert done.stderr == "__main__.<lambda> was still running when its watcher was closed\n"


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A program of its own, with every warning an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
