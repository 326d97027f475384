"""A real limit on processes (RLIMIT_NPROC, as a pids limit of a container): no room for some of our threads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

if sys.platform != "linux" or os.geteuid() != 0:
    pytest.skip("another user's processes are limited", allow_module_level=True)

from outsiders import outsiders_python
from torture.extent import FULL

FIRST_USER = 61000
"""The limit is for all processes of a user: each run has a user of its own."""
PROGRAM = """
import json, resource, sys, threading, time
from pathlib import Path
from hotconf import HotReloadWatcher

path, told, room = Path("config.toml").resolve(), [], int(sys.argv[1])
path.write_text("n = 1")

def limit(processes):
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, 100))

def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())

def save(n):
    path.with_name("new").write_text(f"n = {n}")
    path.with_name("new").rename(path)

watcher = HotReloadWatcher(path, dict, debounce_ms=0)
watcher.on_event(told.append)
limit(room)
refused = None
try:
    watcher.start()
except (RuntimeError, OSError) as error:
    refused = str(error)
    limit(100)
    watcher = HotReloadWatcher(path, dict, debounce_ms=0)
    watcher.on_event(told.append)
    watcher.start()
save(2)
heard = until(lambda: (watcher.config["n"] == 2 and told) or watcher.stats.trouble, 30)
trouble = watcher.stats.trouble
reloaded = watcher.reload() is not None
limit(100)
save(3)
seen = until(lambda: watcher.config["n"] == 3 and told and told[-1].__class__.__name__ == "ReloadSuccess", 30)
well = until(lambda: watcher.stats.trouble is None, 30)
watcher.close()
print(json.dumps([refused, trouble, heard, reloaded, seen, well]))
"""


@pytest.fixture
def lives():
    """Runs the program with room for so many processes, its own thread included."""
    python, environment = outsiders_python()
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)

    def run(room: int) -> list[object]:
        root = base / str(room)
        root.mkdir()
        user = FIRST_USER + os.getpid() % 1000 * 16 + room
        os.chown(root, user, user)
        command = [python, "-W", "ignore", "-c", PROGRAM, str(room)]
        done = subprocess.run(
            command,
            cwd=root,
            env={**os.environ, **environment, "HOME": str(root)},
            user=user,
            group=user,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found: list[object] = json.loads(done.stdout)
        return found

    yield run
    shutil.rmtree(base)


def test_room_for_a_few_processes(lives):
    """`start()` raises, or a save is published and told, or the trouble is; with room again all is well."""
    rooms = range(1, 9) if FULL else (1, 2, 3, 9)
    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(rooms, pool.map(lives, rooms), strict=True))
    for room, (refused, trouble, heard, reloaded, seen, well) in results.items():
        assert (heard, reloaded, seen, well) == (True, True, True, True), results
        assert all("thread" in str(each) for each in (refused, trouble) if each), results
        assert (refused is not None) == (room == 1), results
    assert any(trouble for _, trouble, *_ in results.values())
