"""Where the kernel cannot tell of changes they are found by looking; that is said, and ends when it can."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from hotconf.system import linux
from waiting import wait_until
from watcher.watched import port, save

OFTEN = {"reconcile_s": 0.05}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (errno.ENOSYS, "inotify_init1: Function not implemented"),
        (errno.EMFILE, "inotify_init1: Too many open files (fs.inotify.max_user_instances, ulimit -n)"),
    ],
)
def test_no_inotify(path, watch, monkeypatch, caplog, code, why):
    """Every change is noticed, later; when inotify can be had it is used, without a restart."""
    caplog.set_level(logging.INFO, "hotconf.watch")

    def refuse(*_):
        raise OSError(code, f"inotify_init1: {os.strerror(code)}")

    with monkeypatch.context() as patch:
        patch.setattr(linux, "inotify_init1", refuse)
        watcher, _ = watch(path, **OFTEN)
        assert (watcher.stats.observer, watcher.stats.trouble) == ("poll", f"inotify is unavailable: {why}")
        save(path, port(9000))
        wait_until(lambda: watcher.config.server.port == 9000)
        assert watcher.stats.observer == "poll"
    wait_until(lambda: (watcher.stats.observer, watcher.stats.trouble) == ("inotify", None))
    save(path, port(9001))
    wait_until(lambda: watcher.config.server.port == 9001)
    wait_until(lambda: len(caplog.messages) == 2)
    polling, better = caplog.records
    assert polling.levelname == "WARNING"
    assert polling.getMessage().endswith(f"are found by polling only: inotify is unavailable: {why}")
    assert better.getMessage().endswith("with inotify")


def test_who_asked_for_polling_gets_it(path, watch, monkeypatch):
    """Beside another that only makes do with it."""

    def refuse(*_):
        raise OSError(errno.ENOSYS, "no")

    with monkeypatch.context() as patch:
        patch.setattr(linux, "inotify_init1", refuse)
        asked, _ = watch(path, observer="poll", **OFTEN)
        other, _ = watch(path, **OFTEN)
        late, _ = watch(path, observer="poll", **OFTEN)
        assert [each.stats.trouble for each in (asked, other, late)] == [
            "asked for",
            "inotify is unavailable: no",
            "asked for",
        ]
    wait_until(lambda: other.stats.observer == "inotify")
    assert (asked.stats.observer, late.stats.observer) == ("poll", "poll")


# Real limits, in a user namespace of the test's own

LIMITED = """
import sys, time
from pathlib import Path
from hotconf import HotReloadWatcher

def save(number):
    other = path.with_name("other")  # at once: who looks, rather than hears, may find a file that was only emptied
    other.write_text(f"port = {number}")
    other.replace(path)

limit, path = Path("/proc/sys/user", sys.argv[1]), Path(sys.argv[2])
plenty = limit.read_text()
limit.write_text("0")
watcher = HotReloadWatcher(path, dict, debounce_ms=0, reconcile_s=0.05)
watcher.start()

def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, (watcher.stats, watcher.config)
        time.sleep(0.005)

print(watcher.stats.observer, "|", watcher.stats.trouble)
for number in (9000, 9001, 9002):
    save(number)
    until(lambda: watcher.config.get("port") == number)
limit.write_text(plenty)
until(lambda: watcher.stats.trouble is None)
print(watcher.stats.observer)
save(9003)
until(lambda: watcher.config["port"] == 9003)
watcher.close()
"""


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (
            "max_inotify_instances",
            "poll | inotify is unavailable: inotify_init1: Too many open files "
            "(fs.inotify.max_user_instances, ulimit -n)",
        ),
        (
            "max_inotify_watches",
            "inotify | inotify_add_watch: the limit of inotify watches is reached (fs.inotify.max_user_watches)",
        ),
    ],
)
def test_a_real_limit(path, limit, said):
    """Of the kernel: changes are found all the same, and noticed again when the limit is raised."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    command = [unshare, "-Ur", sys.executable, "-W", "error", "-c", LIMITED, limit, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if "Read-only file system" in done.stderr or "PermissionError" in done.stderr:
        pytest.skip("limits cannot be set here")
    assert done.stderr.endswith(f" are found by polling only: {said.partition(' | ')[2]}\n")
    assert done.stdout == f"{said}\ninotify\n"


EXHAUSTED = """
import os, resource, sys, time
from hotconf import HotReloadWatcher, ReloadFailed

watcher = HotReloadWatcher(sys.argv[1], dict, debounce_ms=0, reconcile_s=0.05)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
watcher.start(require=False)
print(watcher.stats.observer, watcher.last.kind, watcher.last.error.rpartition(": ")[2])
for descriptor in taken:
    os.close(descriptor)
deadline = time.monotonic() + 60
while not (watcher.generation == 1 and watcher.stats.observer == "inotify"):
    assert time.monotonic() < deadline, (watcher.stats, watcher.last)
    time.sleep(0.005)
print(watcher.stats.observer, watcher.stats.trouble)
with open(sys.argv[1], "w") as file:
    file.write("port = 5")
while watcher.config.get("port") != 5:
    assert time.monotonic() < deadline, (watcher.stats, watcher.last)
    time.sleep(0.005)
watcher.close()
print(len(os.listdir("/proc/self/fd")))
"""


def test_no_descriptors_are_left(path):
    """Not one, for anything: the watcher starts, says so, and comes up by itself when there are some."""
    command = [sys.executable, "-W", "error", "-c", EXHAUSTED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr
    assert "Config load failed: config.toml: Cannot read the file: Too many open files" in done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "poll unreadable Too many open files"
    assert second == "inotify None"
    assert int(third) <= 4
