"""Celery workers with each pool, started as the example says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals

from hotconf import HotReloadWatcher
from hotconf.integrations.celery import start_in_workers
from torture.extent import FULL
from waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "celery"
ASK = "from tasks import price; print(price.delay(100).get()['price'])"
"""As the page says."""
LONG_S = 60
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class Worker:
    """`celery -A tasks worker` in a copy of the example."""

    def __init__(self, root: Path, *options: str, text: str | None = None) -> None:
        self.root = root / "example"
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns("queue", "results", "__pycache__"))
        if text is not None:
            self.save(text)
        self.log = root / "log"
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "tasks", "worker", *QUIET, *options]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=self.root, stdout=log, stderr=log)
        self.client = Celery("client", broker="filesystem://", backend=f"file://{self.root / 'results'}")
        folders = ("data_folder_in", "data_folder_out", "control_folder")
        self.client.conf.broker_transport_options = dict.fromkeys(folders, str(self.root / "queue"))

    def save(self, text: str) -> None:
        """A new configuration, in one step."""
        (self.root / "new").write_text(text)
        (self.root / "new").replace(self.root / "config.toml")

    @property
    def listens(self) -> bool:
        """Whether it has written, whole, where its tasks and its commands come from."""
        exchanges = (self.root / "queue" / f"{name}.exchange" for name in ("celery", "celery.pidbox"))
        return all(each.exists() and each.read_text().endswith("]") for each in exchanges)

    def ask(self) -> tuple[int, float]:
        """Which process answered, and what."""
        with self.paused():
            task = self.client.send_task("tasks.price", [100])
        answer = task.get(timeout=LONG_S, interval=0.1)
        return answer["process"], answer["price"]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While a message is written: kombu takes half a file for a message, which ends the worker."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for it; if it does not come, the log says more."""
        try:
            wait_until(condition, LONG_S)
        except BaseException as error:
            error.add_note(self.log.read_text())
            raise

    def every_process_answers(self, price: float, processes: int) -> set[int]:
        """Wait until so many processes gave that answer, and return them."""
        found: set[int] = set()

        def all_have() -> bool:
            process, answer = self.ask()
            if answer == price:
                found.add(process)
            return len(found) >= processes

        self.until(all_have)
        return found


@contextmanager
def working(root: Path, *options: str) -> Iterator[Worker]:
    """A worker, which ends well."""
    worker = Worker(root, *options)
    try:
        worker.until(lambda: worker.listens or worker.process.poll() is not None)
        yield worker
        worker.process.terminate()
        assert worker.process.wait(LONG_S) == 0, worker.log.read_text()
    finally:
        worker.process.kill()
        worker.process.wait()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a prefork pool forks")
def test_every_process_of_a_prefork_pool_follows_the_file(tmp_path: Path) -> None:
    """Each sees each save. One that is added while the file is broken has what is in force."""
    with working(tmp_path, "--concurrency=2") as worker:
        first = worker.every_process_answers(125.0, 2)
        assert worker.process.pid not in first
        worker.save("rate = 2.0\n")
        assert worker.every_process_answers(200.0, 2) == first
        worker.save("rate = [\n")
        worker.until(lambda: worker.log.read_text().count("Config reload failed") >= 3)
        with worker.paused():
            worker.client.control.pool_grow(1)
        later = worker.every_process_answers(200.0, 3)
        assert later > first
        worker.save("rate = 3.0\n")
        assert worker.every_process_answers(300.0, 3) == later
        with worker.paused():
            asking = subprocess.Popen([sys.executable, "-c", ASK], cwd=worker.root, stdout=subprocess.PIPE, text=True)
            worker.until(lambda: any(m.stat().st_size for m in (worker.root / "queue").glob("*.celery.msg")))
        assert asking.communicate(timeout=LONG_S) == ("300.0\n", None)
        assert asking.returncode == 0


@pytest.mark.parametrize("pool", ["threads", "solo", "gevent"] if FULL else ["threads"])
def test_pools_of_one_process_follow_the_file(tmp_path: Path, pool: str) -> None:
    """Tasks run in the worker itself."""
    with working(tmp_path, f"--pool={pool}") as worker:
        assert worker.every_process_answers(125.0, 1) == {worker.process.pid}
        worker.save("rate = 2.0\n")
        worker.every_process_answers(200.0, 1)


def test_a_worker_whose_file_is_wrong_does_not_start(tmp_path: Path) -> None:
    """And says what is wrong."""
    worker = Worker(tmp_path, "--pool=solo", text='rate = "x"\n')
    try:
        assert worker.process.wait(LONG_S) == 1
    finally:
        worker.process.kill()
    said = worker.log.read_text()
    assert "The configuration is not valid:\n" in said
    assert "config.toml:1:8" in said
    assert "Traceback" not in said


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[HotReloadWatcher[Any]]:
    """One that is not started."""
    (tmp_path / "config.toml").write_text("port = 1\n")
    watcher = HotReloadWatcher(tmp_path / "config.toml", dict)
    before = {each: list(each.receivers) for each in SIGNALS}
    yield watcher
    watcher.close()
    for each, receivers in before.items():
        each.receivers[:] = receivers
        each.sender_receivers_cache.clear()


SIGNALS = (signals.worker_init, signals.worker_process_init, signals.worker_shutdown, signals.worker_process_shutdown)


def test_only_workers_start_it(watcher: HotReloadWatcher[Any]) -> None:
    """Another program that imports the tasks, to call them, does not; asked for twice, it is started once."""
    before = threading.active_count()
    start_in_workers(watcher)
    start_in_workers(watcher)
    assert (watcher.generation, threading.active_count()) == (0, before)
    for init in (signals.worker_init, signals.worker_process_init):
        assert [answer for _, answer in init.send(sender=None)] == [None]
        assert watcher.generation == 1
    signals.worker_shutdown.send(sender=None)
    assert watcher.health().reason == "closed"


def test_a_process_that_was_not_forked_starts_its_own(watcher: HotReloadWatcher[Any]) -> None:
    """As where processes are spawned: only it is told that it begins."""
    start_in_workers(watcher)
    signals.worker_process_init.send(sender=None)
    assert watcher.config == {"port": 1}
    signals.worker_process_shutdown.send(sender=None)
    assert watcher.health().reason == "closed"


@pytest.mark.parametrize("fault", ["a wrong file", "an async resource"])
def test_what_keeps_it_from_starting_ends_the_worker(watcher: HotReloadWatcher[Any], fault: str) -> None:
    """Celery would only log it, and run tasks without a configuration."""
    if fault == "a wrong file":
        watcher.path.write_text("port = [\n")
    else:

        @watcher.resource("port")
        async def pool(port: int) -> int:
            return port

    start_in_workers(watcher)
    with pytest.raises(SystemExit, match="not valid:\n" if fault == "a wrong file" else "async"):
        signals.worker_init.send(sender=None)


def test_one_that_runs_already_is_left_running(watcher: HotReloadWatcher[Any]) -> None:
    """Who starts it closes it."""
    watcher.start()
    start_in_workers(watcher)
    signals.worker_init.send(sender=None)
    signals.worker_shutdown.send(sender=None)
    assert watcher.health().status == "ok"
