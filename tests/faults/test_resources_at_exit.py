"""The process ends while resources are leased, or while their code runs: quietly, and with its own status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys, threading, time
from pathlib import Path
from pydantic import BaseModel
from hotconf import HotReloadWatcher

logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")
what = sys.argv[1]
making = threading.Event()

class App(BaseModel, frozen=True):
    port: int = 1

watcher = HotReloadWatcher("config.toml", App)

@watcher.resource("port")
def pool(port):
    yield port
    while what == "closing":
        time.sleep(0.001)

@watcher.resource("port")
def more(port):
    while what == "making" and port == 2:
        making.set()
        time.sleep(0.001)
    yield port

watcher.start()
if what == "leased":
    lease = pool.use()
    lease.__enter__()
if what == "making":
    Path("config.toml").write_text("port = 2")
    watcher.reload(wait=False)
    making.wait(60)
sys.exit(3)
"""


@pytest.mark.parametrize("what", ["idle", "leased", "closing", "making"])
def test_it_ends_without_noise(tmp_path: Path, what: str) -> None:
    """What is not closed is a warning; that threads are ended is nobody's error."""
    (tmp_path / "config.toml").write_text("port = 1")
    command = [sys.executable, "-W", "error", "-c", PROGRAM, what]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith(("DEBUG", "INFO"))]
    begins = {
        "idle": [],
        "leased": ["WARNING __main__.pool is still leased after its watcher was closed"],
        "closing": ["WARNING Closing __main__.pool has not returned"],
        "making": ["WARNING The factory __main__.more has not returned"],
    }[what]
    assert len(said) == len(begins), done.stderr
    assert all(line.startswith(begin) for line, begin in zip(said, begins, strict=True)), done.stderr
