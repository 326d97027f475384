"""A hanging mount delays only the watchers with files on it; it is reported, and they recover."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hanging import Hanging, hanging
from hotconf import HotReloadWatcher
from hotconf.watch import background
from prefork import Program
from waiting import wait_until
from watcher.watched import WINDOW_MS, port

LOOKS = {"reconcile_s": 0.1}
MAIN = "[server]\nport = 8000\n"


@pytest.fixture
def far(tmp_path):
    """A mount that may hang; all see it."""
    with hanging(tmp_path) as mount:
        yield mount


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Silence is reported after half a second."""
    monkeypatch.setattr(background, "SILENT_NS", 500_000_000)


@pytest.fixture
def local(path, watch):
    """Another watcher, of a local file."""
    return watch(path)[0]


def save(path: Path, number: int) -> None:
    """In place: the mount is read-only, its source is not."""
    path.write_text(port(number))


def layout(far: Hanging, root: Path, how: str) -> tuple[Path, Path, list[str]]:
    """A main file, the file on the mount, as it is written to, and `watch_paths`."""
    if how == "main":
        save(far.shown / "config.toml", 8000)
        return far.point / "config.toml", far.shown / "config.toml", []
    main = root / "main.toml"
    main.write_text("# all of it lies elsewhere\n")
    if how == "link":
        save(far.shown / "real.toml", 8000)
        main.unlink()
        main.symlink_to(far.point / "real.toml")
        return main, far.shown / "real.toml", []
    (far.shown / "d").mkdir()
    save(far.shown / "d" / "a.toml", 8000)
    if how == "link to a fragment":
        (root / "conf.d").mkdir()
        (root / "conf.d" / "a.toml").symlink_to(far.point / "d" / "a.toml")
        return main, far.shown / "d" / "a.toml", ["conf.d"]
    patterns = {"fragment": "a.toml", "directory": "", "glob": "*.toml"}
    return main, far.shown / "d" / "a.toml", [f"{far.point}/d/{patterns[how]}"]


HOWS = ["main", "link", "fragment", "directory", "glob", "link to a fragment"]


@pytest.mark.parametrize("how", HOWS)
def test_a_mount_that_hangs_holds_up_only_its_own_watcher(far, tmp_path, path, watch, how):
    """Whatever leads to it: others go on, the log and `stats` say why, and once it answers all is well."""
    main, written, patterns = layout(far, tmp_path, how)
    remote, _ = watch(main, watch_paths=patterns, **LOOKS)
    local, _ = watch(path, **LOOKS)
    assert remote.config.server.port == 8000
    assert remote.stats.trouble is None
    save(written, 8001)
    wait_until(lambda: remote.config.server.port == 8001)
    far.hang()
    wait_until(lambda: remote.stats.trouble == f"{far.point} does not answer")
    for number in range(9001, 9004):
        save(path, number)
        wait_until(lambda number=number: local.config.server.port == number)
    assert local.stats.trouble is None
    save(written, 8002)
    far.answer()
    wait_until(lambda: remote.config.server.port == 8002)
    wait_until(lambda: remote.stats.trouble is None)


def test_it_is_logged_once(far, path, watch, caplog):
    """And so is its end."""
    main, _, _ = layout(far, path.parent, "main")
    remote, _ = watch(main, **LOOKS)
    far.hang()
    wait_until(lambda: remote.stats.trouble)
    wait_until(lambda: "has not answered" in caplog.text)
    far.answer()
    wait_until(lambda: remote.stats.trouble is None)
    wait_until(lambda: caplog.text.count("has not answered") == 1)


def test_the_driver_does_not_wait_for_it(far, path, watch, local):
    """Not even for a moment: requests of others are served at once."""
    main, _, _ = layout(far, path.parent, "main")
    remote, _ = watch(main, **LOOKS)
    far.hang()
    wait_until(lambda: remote.stats.trouble)
    for _ in range(20):
        with local.busy("work"):
            pass
    assert local.reload() is not None


def test_closing_does_not_wait_for_it(far, path, watch, local):
    """The other watcher, and the one with files there, which waits no longer than for users' code."""
    main, _, _ = layout(far, path.parent, "main")
    remote = HotReloadWatcher(main, dict[str, Any], debounce_ms=WINDOW_MS, **LOOKS)
    remote.start()
    far.hang()
    wait_until(lambda: remote.stats.trouble)
    began = time.monotonic()
    local.close()
    remote.close()
    assert time.monotonic() - began < 30  # as good as never, on a slow machine
    far.answer()


@pytest.mark.parametrize("how", ["main", "directory"])
def test_a_reload_that_hangs_holds_up_no_other(far, path, watch, local, how):
    """The load waits for the mount; those of others do not wait for it."""
    main, written, patterns = layout(far, path.parent, how)
    remote, _ = watch(main, watch_paths=patterns, **LOOKS)
    far.hang()
    remote.reload(wait=False)
    for number in range(9001, 9004):
        save(path, number)
        wait_until(lambda number=number: local.config.server.port == number)
    save(written, 8003)
    far.answer()
    wait_until(lambda: remote.config.server.port == 8003)


def test_new_watch_paths_that_lead_there(far, path, watch, local):
    """Added while the program runs: from then on no other watcher waits for it."""
    main, written, patterns = layout(far, path.parent, "fragment")
    main.write_text("tags = ['a']\n")
    remote, _ = watch(main, **LOOKS)
    main.write_text(f"tags = ['b']\n[hot_reload]\nwatch_paths = ['{patterns[0]}']\n")
    wait_until(lambda: remote.config.server.port == 8000 and remote.config.tags == ["b"])
    far.hang()
    wait_until(lambda: remote.stats.trouble)
    save(path, 9001)
    wait_until(lambda: local.config.server.port == 9001)
    far.answer()
    save(written, 8004)
    wait_until(lambda: remote.config.server.port == 8004)


PROGRAM = """
import signal, sys, time
from hotconf import HotReloadWatcher

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
watchers = [HotReloadWatcher(path, dict, reconcile_s=0.1) for path in sys.argv[1:]]
for watcher in watchers:
    watcher.start()
print("ready", flush=True)
time.sleep(600)
"""


def test_the_process_ends_on_a_signal(far, path):
    """While the mount hangs, without a `close()`: at once, and with its own exit code."""
    main, _, _ = layout(far, path.parent, "main")
    with Program(PROGRAM, main, path, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        far.hang()
        wait_until(lambda: far.hangs)
        program.terminate()
        try:
            assert program.wait(60) == 7
        finally:
            program.kill()
            far.answer()
