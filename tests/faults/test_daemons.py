"""A program that becomes a daemon after it has started a watcher: it forks, and closes whatever it does not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)

from waiting import wait_until
from watcher.watched import port, save

DAEMON = """
import os, sys, time, traceback
from pathlib import Path
from faults.belongings import Belongings
from faults.operations import opened
from hotconf import HotReloadWatcher
from waiting import wait_until
from watcher.watched import App, ours

how, root = sys.argv[1], Path(sys.argv[2])

def by_hand():
    for step in (os.setsid, lambda: None):
        if os.fork():
            os._exit(0)
        step()
    os.closerange(3, 1000)

def by_python_daemon():
    import daemon
    daemon.DaemonContext(working_directory=str(root), umask=0o077).open()

def live():
    mine = Belongings(root / "mine")
    (root / "ready").touch()
    for number in (9000, 9001):
        wait_until(lambda: watcher.config.server.port == number, 30)
        (root / str(number)).touch()
        mine.assert_intact()
    wait_until(lambda: watcher.stats.trouble is None, 30)
    watcher.reload()
    os.closerange(3, 1000)
    mine = Belongings(root / "mine")
    watcher.close()
    mine.assert_intact()
    wait_until(lambda: not ours(), 30)

watcher = HotReloadWatcher(root / "config.toml", App, debounce_ms=10)
watcher.start()
{"hand": by_hand, "python-daemon": by_python_daemon}[how]()
try:
    live()
    said = "well"
except BaseException:
    said = traceback.format_exc()
(root / "new").write_text(said)
(root / "new").rename(root / "said")
os._exit(0)
"""


@pytest.mark.parametrize("how", ["hand", "python-daemon"])
def test_a_daemon_sees_saves_and_keeps_its_files(tmp_path: Path, how: str) -> None:
    """Two forks and a close of all descriptors, by hand and by the package that does it."""
    (tmp_path / "mine").mkdir()
    path = tmp_path / "config.toml"
    path.write_text(port(8000))
    command = [sys.executable, "-W", "ignore", "-c", DAEMON, how, str(tmp_path)]
    tests = Path(__file__).parents[1]
    subprocess.run(command, cwd=tests, check=True, timeout=60, stdin=subprocess.DEVNULL)
    said = tmp_path / "said"
    wait_until(lambda: (tmp_path / "ready").exists() or said.exists())
    for number in (9000, 9001):
        save(path, port(number))
        wait_until(lambda number=number: (tmp_path / str(number)).exists() or said.exists())
    wait_until(said.exists)
    assert said.read_text() == "well"
