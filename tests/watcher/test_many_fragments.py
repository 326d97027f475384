"""Many fragments delay nothing: whatever happens to them, the driver makes hardly any system calls."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotconf import HotReloadWatcher
from hotconf.runtime.driver import Driver
from hotconf.watch.inotify import Inotify
from waiting import wait_until
from watcher.watched import WINDOW_MS, port

if sys.platform != "linux":
    pytest.skip("counts what Linux is asked for", allow_module_level=True)

COUNT = 400
MOST = 150
"""How many system calls one turn of the driver may make for two watchers: enough for a few files, not for 400."""


@pytest.fixture
def turns(monkeypatch):
    """How many calls each turn of the driver made."""
    made: list[int] = []
    driving: list[int] = []

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if driving and threading.get_native_id() == driving[0]:
                made[-1] += 1
            return real(*args, **options)

        return call

    def turn(driver: Driver, real: Callable[[Driver], None] = Driver.turn) -> None:
        made.append(0)
        driving[:] = [threading.get_native_id()]
        try:
            real(driver)
        finally:
            driving.clear()

    for name in ("stat", "lstat", "scandir", "listdir", "readlink", "open"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    for name in ("add", "remove"):
        monkeypatch.setattr(Inotify, name, counted(getattr(Inotify, name)))
    monkeypatch.setattr(Driver, "turn", turn)
    return made


@pytest.fixture
def many(tmp_path):
    """A main file with a directory of fragments."""
    root = Path(os.path.realpath(tmp_path)) / "many"
    (root / "conf.d").mkdir(parents=True)
    (root / "main.toml").write_text("# all of it is in the fragments\n")
    for number in range(COUNT):
        (root / "conf.d" / f"{number}.toml").write_text(f"k{number} = 1\n")
    return root


def test_many_fragments_hold_up_nobody(path, many, watch, turns):
    """Start, replace the directory, write all, add one, other `watch_paths`, close: nothing waits, and all is
    seen.
    """
    local, _ = watch(path)
    saved = iter(range(9001, 10000))

    def others_go_on() -> None:
        number = next(saved)
        path.write_text(port(number))
        wait_until(lambda: local.config.server.port == number)

    watcher = HotReloadWatcher(many / "main.toml", dict[str, Any], debounce_ms=WINDOW_MS, watch_paths=["conf.d"])
    watcher.start()
    others_go_on()
    shutil.copytree(many / "conf.d", many / "new")
    (many / "new" / "7.toml").write_text("k7 = 2\n")
    (many / "conf.d").rename(many / "old")
    (many / "new").rename(many / "conf.d")
    others_go_on()
    wait_until(lambda: watcher.config["k7"] == 2)
    for number in range(COUNT):
        (many / "conf.d" / f"{number}.toml").write_text(f"k{number} = 3\n")
    others_go_on()
    wait_until(lambda: watcher.config[f"k{COUNT - 1}"] == 3 and watcher.config["k0"] == 3)
    (many / "conf.d" / "new.toml").write_text("new = 1\n")
    others_go_on()
    wait_until(lambda: "new" in watcher.config)
    (many / "conf.d" / "7.toml").write_text("k7 = 4\n")
    wait_until(lambda: watcher.config["k7"] == 4)
    watcher.close()
    others_go_on()
    assert max(turns) <= MOST


def test_other_watch_paths_let_many_go(many, path, watch, turns):
    """A hundred times as many: forgotten elsewhere, and no longer noticed."""
    local, _ = watch(path)
    main = many / "main.toml"
    main.write_text("a = 1\n[hot_reload]\nwatch_paths = ['conf.d']\n")
    watcher, _ = watch(main)
    assert len(watcher.snapshot.files) == COUNT + 1
    main.write_text("a = 2\n[hot_reload]\nwatch_paths = ['conf.d/1.toml']\n")
    wait_until(lambda: len(watcher.snapshot.files) == 2)
    path.write_text(port(9001))
    wait_until(lambda: local.config.server.port == 9001)
    (many / "conf.d" / "1.toml").write_text(port(9002))
    wait_until(lambda: watcher.config.server.port == 9002)
    assert max(turns) <= MOST
