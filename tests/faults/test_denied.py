"""Calls that the kernel refuses to the process, as container runtimes and sandboxes have it do (seccomp)."""

from __future__ import annotations

import errno
import os
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("seccomp is Linux's", allow_module_level=True)

from faults.injection import FOR_GOOD, named
from faults.seccomp import refuse
from faults.trials import Trial, faults_of
from hotconf import ConfigError, HotReloadWatcher, ReloadFailed
from waiting import wait_until
from watcher.watched import App, ours, port, save

OFTEN_S = 0.1
ONCE = ["timerfd_create", "epoll_create1", "epoll_ctl", "inotify_init1"]
"""Called at the start only."""
REFUSED = [*ONCE, "timerfd_settime", "epoll_wait", "inotify_add_watch"]
UNUSED = ["poll", "eventfd2", "statx", "pidfd_open", "inotify_rm_watch", "ioctl"]
"""Without these nothing is missing: they are not called, or nothing depends on what they say."""
MARKS = ["fcntl", "readlink"]
"""Without one of these the other does."""
ALSO = {"epoll_wait": ["epoll_pwait"], "stat": ["newfstatat", "statx", "lstat"]}


def started(directory, **options):
    """A watcher that looks often."""
    path = directory / "config.toml"
    path.write_text(port(8000))
    watcher = HotReloadWatcher(path, App, debounce_ms=10, reconcile_s=OFTEN_S, **options)
    watcher.start()
    return path, watcher


def sees(path, watcher, *numbers):
    """Saves, one after the other, are published."""
    for number in numbers:
        save(path, port(number))
        wait_until(lambda number=number: watcher.config.server.port == number, 20)


def denied(*names, code):
    """Refuse the calls, and what the C library has in their place; skips where that cannot be done."""
    try:
        refuse([each for name in names for each in (name, *ALSO.get(name, []))], code)
    except OSError as error:
        os.write(2, f"skipped: {error}".encode())
        os._exit(0)


def judge(*works):
    """Each in a process of its own."""
    faults = faults_of([Trial(work.__name__, work) for work in works])
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("code", FOR_GOOD, ids=named)
@pytest.mark.parametrize("call", [*REFUSED, *UNUSED, *MARKS])
def test_saves_are_seen_and_the_call_is_named(tmp_path, call, code, when):
    """Whether it is refused before the start or from some time on; and `close()` gives everything back."""

    def work():
        if when == "before":
            denied(call, code=code)
        path, watcher = started(tmp_path)
        if when == "meanwhile":
            denied(call, code=code)
        sees(path, watcher, 9000, 9001)
        watcher.reload()
        if when == "meanwhile" and call in ONCE:
            assert watcher.stats.trouble is None
        elif call in REFUSED:
            said = f"{call}: {os.strerror(code)}"
            wait_until(lambda: said in str(watcher.stats.trouble), 20)
        else:
            assert watcher.stats.trouble is None
        watcher.close()
        wait_until(lambda: not ours(), 20)
        left = [name for name in os.listdir("/proc/self/fd") if 3 <= int(name) < 900]  # noqa: PTH208
        assert len(left) == 1, left  # what lists them

    judge(work)


@pytest.mark.parametrize("code", FOR_GOOD, ids=named)
def test_where_ours_cannot_be_told_from_others_there_is_polling(tmp_path, code):
    """Neither a mark nor `/proc`: no descriptor is kept that might be the program's one day."""

    def work():
        denied("fcntl", "readlink", code=code)
        path, watcher = started(tmp_path)
        assert watcher.stats.observer == "poll"
        assert "fcntl: " in str(watcher.stats.trouble)
        sees(path, watcher, 9000, 9001)
        watcher.close()

    judge(work)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES], ids=named)
@pytest.mark.parametrize("call", ["openat", "stat", "getdents64"])
def test_files_that_cannot_be_read_are_told(tmp_path, call, code):
    """At the start, and later: a failure, as for files without permission."""

    def at_the_start():
        (tmp_path / "conf.d").mkdir(exist_ok=True)
        watcher = HotReloadWatcher(tmp_path / "config.toml", App, watch_paths=["conf.d"])
        (tmp_path / "config.toml").write_text(port(8000))

        denied(call, code=code)
        with pytest.raises(ConfigError):
            watcher.start()
        assert not ours()

    def later():
        directory = tmp_path / "later"
        (directory / "conf.d").mkdir(parents=True)
        path, watcher = started(directory, watch_paths=["conf.d"])
        failed = []
        watcher.on_event(lambda event: failed.append(event) if isinstance(event, ReloadFailed) else None)
        temporary = path.with_name("new")
        temporary.write_text(port(9000))
        denied(call, code=code)
        temporary.rename(path)
        wait_until(lambda: failed, 20)
        assert watcher.config.server.port == 8000
        watcher.close()

    judge(at_the_start, later)
