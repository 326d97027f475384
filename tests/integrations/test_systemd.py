"""What systemd is told, as a socket of its kind hears it, and by a real service where there is a real systemd."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotconf import HotReloadWatcher, UsageError
from hotconf.integrations import systemd
from prefork import completed
from realtools import need
from waiting import wait_until

if not hasattr(socket, "AF_UNIX") or sys.platform != "linux":
    pytest.skip("systemd runs on Linux", allow_module_level=True)

EXAMPLE = Path(__file__).parents[2] / "examples" / "systemd"
LONG_S = 60


class Manager:
    """Hears what a service says, and reloads it as systemd does."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.socket.settimeout(LONG_S)

    def hear(self) -> dict[str, str]:
        """The next message."""
        lines = self.socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def reload(self, pid: int) -> str:
        """Send the signal, and wait until the service is ready again: its status then."""
        sent_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        os.kill(pid, signal.SIGHUP)
        while "RELOADING" not in (message := self.hear()):
            assert set(message) == {"STATUS"}
        assert set(message) == {"RELOADING", "MONOTONIC_USEC"}
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert sent_us <= int(message["MONOTONIC_USEC"]) <= now_us
        while "READY" not in (message := self.hear()):
            assert set(message) == {"STATUS"}
        return message["STATUS"]

    def status(self, wanted: str) -> None:
        """Wait until the status is that one."""
        wait_until(lambda: self.hear() == {"STATUS": wanted}, LONG_S)


@pytest.fixture(params=["a path", "an abstract name"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of the socket, as `NOTIFY_SOCKET` has it."""
    return (
        f"@hotconf/{os.getpid()}/{tmp_path.name}" if request.param == "an abstract name" else str(tmp_path / "notify")
    )


@pytest.fixture
def manager(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """Listening."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    manager = Manager(address)
    yield manager
    manager.socket.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration that is valid."""
    path = tmp_path / "config.toml"
    path.write_text("port = 1\n")
    return path


@pytest.fixture
def watcher(path: Path) -> Iterator[HotReloadWatcher[Any]]:
    """Running; it loads only when asked to."""
    before = signal.getsignal(signal.SIGHUP)
    with HotReloadWatcher(path, dict, debounce_ms=60_000, reconcile_s=3600) as watcher:
        yield watcher
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_reload_by_signal_is_announced_and_ends_ready(watcher, manager, path):
    """Whether it goes well or not; the status says which, on one line, with the place."""
    systemd.notify(watcher)
    assert manager.hear() == {"READY": "1", "STATUS": "running generation 1"}
    path.write_text("port = 2\n")
    assert manager.reload(os.getpid()) == "running generation 2"
    path.write_text("port = 3\nwrong\n")
    failed = manager.reload(os.getpid())
    assert re.fullmatch(r"\S*config\.toml:2:\d+: .*\(running generation 2\)", failed), failed
    assert watcher.config == {"port": 2}
    path.write_text("port = 3\n")
    assert manager.reload(os.getpid()) == "running generation 3"


def test_a_reload_without_a_signal_changes_only_the_status(watcher, manager, path):
    """The service was ready all the time."""
    systemd.notify(watcher)
    manager.hear()
    path.write_text("port = 2\n")
    watcher.reload()
    manager.status("running generation 2")
    with watcher.busy("a request"):
        path.write_text("port = 3\n")
        watcher.reload()
        manager.status("deferred while busy: a request (1 change) (running generation 2)")
    manager.status("running generation 3")


def test_signals_that_come_faster_than_the_files_can_be_loaded(watcher, manager, path):
    """Each announcement has its end, and the last end comes after what the last signal asked for."""
    systemd.notify(watcher)
    manager.hear()
    for number in range(2, 40):
        path.write_text(f"port = {number}\n")
        os.kill(os.getpid(), signal.SIGHUP)
    depth, status = 0, ""
    while depth or status != f"running generation {watcher.generation}" or watcher.config != {"port": 39}:
        message = manager.hear()
        depth += ("RELOADING" in message) - ("READY" in message)
        assert depth in (0, 1)
        status = message.get("STATUS", status)


def test_no_secret_and_no_value_is_in_a_status(path, manager):
    """It is on everyone's screen."""
    with HotReloadWatcher(path, dict[str, int], debounce_ms=60_000, reconcile_s=3600) as watcher:
        systemd.notify(watcher)
        said = [manager.hear()["STATUS"]]
        for text in (
            'password = "planted-1"\n',
            'port = "planted-2"\n',
            'x = "planted-3\n',
            "planted-4 = planted-5\n",
        ):
            path.write_text(text)
            said.append(manager.reload(os.getpid()))
        assert "planted" not in "".join(said).replace("planted-4", "")
        assert all(len(each) < 400 and "\n" not in each for each in said)


def test_closing_ends_it_and_the_signal_is_what_it_was(path, manager):
    """A second signal does what it did before; closing the watcher closes this, too; both may be repeated."""
    seen: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: seen.append(number))
    try:
        with HotReloadWatcher(path, dict, debounce_ms=60_000, reconcile_s=3600) as watcher:
            with systemd.notify(watcher) as service:
                manager.hear()
                assert manager.reload(os.getpid()) == "running generation 1"
                assert seen == [signal.SIGHUP]  # what was there before is called, too
            service.close()
            os.kill(os.getpid(), signal.SIGHUP)
            assert len(seen) == 2
            systemd.notify(watcher)
            assert manager.hear()["READY"] == "1"
        os.kill(os.getpid(), signal.SIGHUP)
        assert len(seen) == 3
        manager.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            manager.hear()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_happens_without_systemd(watcher, monkeypatch):
    """Neither a thread nor a handler."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    before = signal.getsignal(signal.SIGHUP), threading.active_count()
    systemd.notify(watcher).close()
    assert (signal.getsignal(signal.SIGHUP), threading.active_count()) == before


@pytest.mark.parametrize(("address", "said"), [("/nowhere/notify", "No such file"), ("vsock:2:1", "neither a path")])
def test_a_manager_that_cannot_be_reached_is_a_warning(watcher, monkeypatch, caplog, address, said):
    """The service runs all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with caplog.at_level(logging.WARNING, "hotconf"):
        systemd.notify(watcher)
        wait_until(lambda: said in caplog.text)
    assert watcher.health().status == "ok"


def test_what_finds_the_socket_full_is_repeated(watcher, manager, address, caplog, monkeypatch):
    """Readiness that got lost would have systemd wait until it kills the service."""
    monkeypatch.setattr(systemd, "_SEND_S", 0.05)
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.setblocking(False)
    with other, pytest.raises(BlockingIOError):
        while True:
            other.sendto(b"WATCHDOG=1", "\0" + address[1:] if address[0] == "@" else address)
    with caplog.at_level(logging.WARNING, "hotconf"), systemd.notify(watcher):
        wait_until(lambda: "does not read" in caplog.text)
        wait_until(lambda: manager.hear().get("READY"), LONG_S)
        os.kill(os.getpid(), signal.SIGHUP)
        assert "RELOADING" in manager.hear()
        assert manager.hear() == {"READY": "1", "STATUS": "running generation 1"}
    assert caplog.text.count("does not read") == 1


def test_closing_ends_the_repetition(watcher, manager, address, monkeypatch):
    """A service that ends does not wait for systemd."""
    monkeypatch.setattr(systemd, "_SEND_S", 0.05)
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.setblocking(False)
    with other, pytest.raises(BlockingIOError):
        while True:
            other.sendto(b"WATCHDOG=1", "\0" + address[1:] if address[0] == "@" else address)
    service = systemd.notify(watcher)
    service.close()
    wait_until(lambda: service._socket is None)


def test_a_watcher_that_does_not_run_is_refused(path, manager):
    """Ready is what works."""
    watcher = HotReloadWatcher(path, dict)
    with pytest.raises(UsageError, match="is not running: start"):
        systemd.notify(watcher)
    with pytest.raises(UsageError, match="give a HotReloadWatcher"):
        systemd.notify(path)


def test_another_thread_cannot_ask_for_signals(watcher, manager):
    """Then nothing is said at all."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            systemd.notify(watcher)
        except UsageError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])
    manager.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        manager.hear()


FORKING = """
import os, signal
from hotconf import HotReloadWatcher
from hotconf.integrations import systemd
from waiting import wait_until
with HotReloadWatcher("config.toml", dict, debounce_ms=60_000, reconcile_s=3600) as watcher:
    systemd.notify(watcher)
    with open("config.toml", "w") as file:
        file.write("port = 2\\n")
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        os.kill(os.getpid(), signal.SIGHUP)
        wait_until(lambda: watcher.generation == 2)
        os._exit(0)
"""


def test_a_forked_child_says_nothing_and_reloads(tmp_path, path, manager, address):
    """systemd listens to the main process only."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    completed(FORKING, cwd=tmp_path, env=env, check=True, ignore_warnings=True)
    assert manager.hear() == {"READY": "1", "STATUS": "running generation 1"}
    manager.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        manager.hear()


# A real systemd


class User:
    """A user manager of systemd: ours, in namespaces of its own, for root where no systemd runs."""

    def __init__(self, root: Path) -> None:
        self.runtime = root / "run"
        self.units = root / "units"
        for folder in (self.runtime, self.units):
            folder.mkdir(mode=0o700)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), "SYSTEMD_UNIT_PATH": f"{self.units}:"}
        self.env.pop("NOTIFY_SOCKET", None)
        manager = "/lib/systemd/systemd --user --unit=basic.target"
        # Not by `exec`: it refuses to be the first process.
        command = f"mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system && {manager}; exit $?"
        namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self.log = root / "log"
        with self.log.open("w") as log:
            command_line = ["unshare", *namespaces, "sh", "-c", command]
            self.process = subprocess.Popen(command_line, env=self.env, stdout=log, stderr=log)

    @property
    def inside(self) -> int:
        """The first process of the namespaces."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())

    def run(self, *arguments: str) -> str:
        """`systemctl`, which must succeed: what it says."""
        done = subprocess.run(
            ["nsenter", f"--target={self.inside}", "--mount", "--pid", "systemctl", "--user", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr, self.log.read_text())
        return done.stdout.strip()

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.run("show", "example", "--value", "--property", name)


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """One that is at work; where there can be none, the test is skipped."""
    for tool in ("systemctl", "unshare", "nsenter"):
        need(tool)
    if os.geteuid() != 0:
        pytest.skip("only root can start a user manager beside the system's")
    user = User(tmp_path)
    try:
        wait_until(lambda: (user.runtime / "systemd" / "private").exists() or user.process.poll() is not None)
        if user.process.poll() is not None:
            pytest.skip(f"no user manager can be started here: {user.log.read_text()}")
        yield user
    finally:
        user.process.kill()  # and with it all in its namespaces
        user.process.wait(LONG_S)


@pytest.mark.real_tool
def test_a_real_service(user: User, tmp_path: Path) -> None:
    """It is active once it is ready; `systemctl reload` waits; a bad file is a status, and no end of the service."""
    version = int(re.findall(r"^systemd (\d+)", user.run("--version"))[0])
    home = tmp_path / "example"
    shutil.copytree(EXAMPLE, home)
    unit = (home / "example.service").read_text().replace("/opt/example/.venv/bin/python", sys.executable)
    if version < 253:
        unit = unit.replace("Type=notify-reload", "Type=notify\nExecReload=kill -HUP $MAINPID")
    (user.units / "example.service").write_text(unit.replace("/opt/example", str(home)))
    user.run("start", "example")
    assert (user.show("ActiveState"), user.show("StatusText")) == ("active", "running generation 1")
    for text, wanted in (
        ('greeting = "good day"\n', "running generation 2"),
        ("greeting = [\n", r"\S*config\.toml:1:\d+: .*\(running generation 2\)"),
        ('greeting = "bye"\n', "running generation 3"),
    ):
        (home / "config.toml").write_text(text)
        user.run("reload", "example")
        wait_until(lambda wanted=wanted: re.fullmatch(wanted, user.show("StatusText")))
        wait_until(lambda: user.show("ActiveState") == "active")
    user.run("stop", "example")
    assert user.show("Result") == "success"
