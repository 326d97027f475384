"""gunicorn with real workers of each kind, with an application that the master loaded, or that each loads itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("gunicorn forks", allow_module_level=True)

from torture.extent import FULL
from waiting import wait_until
from watcher.watched import port, save

LONG_S = 60
APPLICATION = """
import contextlib, os, threading
from pathlib import Path
from hotconf import HotReloadWatcher

watcher = HotReloadWatcher("config.toml", dict, debounce_ms=20, reconcile_s=3600)

lock = {lock}

class Pool:
    def __init__(self, port):
        self.pid, self.port, self.open = os.getpid(), port, True

@watcher.resource("server.port")
def pool(port):
    made = Pool(port)
    Path(f"{made.pid}-{port}.made").touch()
    yield made
    made.open = False
    Path(f"{os.getpid()}-{made.port}.closed").touch()

@watcher.on_change("server.port")
def told(old, new):
    with lock:
        write(used())

def used():
    with watcher.pin() as view:
        mine = view[pool]
        assert (mine.port, mine.pid, mine.open) == (view.config["server"]["port"], os.getpid(), True), vars(mine)
        return mine.port

def write(new):
    Path(f"{os.getpid()}.new").write_text(str(new))
    Path(f"{os.getpid()}.new").replace(f"{os.getpid()}.told")

watcher.start()

def application(environ, start_response):
    if environ["PATH_INFO"] == "/reload":
        with watcher.busy("a request"), lock:
            watcher.reload(force=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(used()).encode()]
"""
SETTINGS = """
from pathlib import Path

workers, bind, graceful_timeout, control_socket_disable = 2, "127.0.0.1:0", 20, True
preload_app, worker_class = {preload}, {kind!r}

def post_worker_init(worker):
    Path(f"{worker.pid}.worker").touch()
"""


class Server:
    """gunicorn at work in `root`."""

    def __init__(self, root: Path, kind: str, *, preload: bool) -> None:
        self.root, self.preload = root, preload
        (root / "config.toml").write_text(port(8000))
        # Made before gevent patched, it would be native: a greenlet that waits for it stops the worker for good.
        lock = "contextlib.nullcontext()" if preload and kind == "gevent" else "threading.Lock()"
        (root / "served.py").write_text(APPLICATION.replace("{lock}", lock))
        (root / "settings.py").write_text(SETTINGS.replace("{preload}", str(preload)).replace("{kind!r}", repr(kind)))
        self.log = root / "log"
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "gunicorn", "-c", "settings.py"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*command, "served:application"], cwd=root, stdout=log, stderr=log)

    @property
    def workers(self) -> set[int]:
        """The workers there ever were, by their numbers."""
        return {int(path.stem) for path in self.root.glob("*.worker")}

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for `condition`; if it does not come, the log says more."""
        try:
            wait_until(condition, LONG_S)
        except AssertionError as error:
            error.add_note(self.log.read_text())
            raise

    def all_are_told(self, pids: set[int], number: int) -> None:
        """Wait until each process with one of these numbers was told of that port."""

        def told() -> set[int]:
            texts = {int(path.stem): path.read_text() for path in self.root.glob("*.told")}
            return {pid for pid, text in texts.items() if text == str(number)}

        self.wait(lambda: told() >= pids)

    def pools(self, what: str, *but: int) -> set[str]:
        """The pools that were made, or closed, by process and port; not those of some processes."""
        return {path.stem for path in self.root.glob(f"*.{what}") if int(path.stem.split("-")[0]) not in but}

    @property
    def everybody(self) -> set[int]:
        """The processes that follow the files."""
        return {self.process.pid, *self.workers} if self.preload else self.workers

    def answer(self, path: str = "/") -> str:
        """What some worker answers."""
        [address] = re.findall(r"Listening at: (http://\S+)", self.log.read_text())
        with urllib.request.urlopen(address + path, timeout=LONG_S) as response:
            return response.read().decode()


KINDS = [("sync", True), ("gevent", True), ("gevent", False)]
if FULL:
    KINDS += [("gthread", True), ("gthread", False), ("sync", False)]


@pytest.fixture(params=KINDS, ids=str)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """With two workers that are at work."""
    kind, preload = request.param
    server = Server(tmp_path, kind, preload=preload)
    try:
        server.wait(lambda: len(server.workers) == 2)
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(LONG_S)
        finally:
            server.process.kill()
            server.process.wait()


def test_every_worker_sees_every_save(server):
    """So does one that replaces a killed one, and a master that preloaded the application.

    Each process checks at each change that its pool is its own, is of the configuration that it sees, and is open;
    all that it made are closed by it when it ends.
    """
    save(server.root / "config.toml", port(9000))
    server.all_are_told(server.everybody, 9000)
    assert server.answer() == "9000"
    assert server.answer("/reload") == "9000"

    [killed, survivor] = server.workers
    os.kill(killed, signal.SIGKILL)
    server.wait(lambda: len(server.workers) == 3)
    save(server.root / "config.toml", port(9001))
    server.all_are_told(server.everybody - {killed}, 9001)
    assert survivor in server.workers
    assert server.answer() == "9001"
    save(server.root / "config.toml", port(9002))
    assert server.answer("/reload") in ("9001", "9002")
    server.all_are_told(server.everybody - {killed}, 9002)

    server.process.terminate()
    assert server.process.wait(LONG_S) == 0, server.log.read_text()
    made = {f"{pid}-{number}" for pid in server.everybody - {killed} for number in (9001, 9002)}
    assert made <= server.pools("made", killed)
    assert server.pools("closed", killed) == server.pools("made", killed), server.log.read_text()
