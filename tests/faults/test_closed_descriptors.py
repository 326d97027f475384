"""The program closes descriptors that it does not know, ours among them, and opens files of its own in their place.

Each case runs in a forked child: pytest needs its own descriptors.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)

from faults.belongings import Belongings
from hotconf import HotReloadWatcher
from hotconf.system.descriptors import CLOSED
from torture.extent import FULL
from waiting import wait_until
from watcher.children import ended, fork
from watcher.watched import App, ours, port, save

FIRST = 3
CLOSINGS = 100 if FULL else 4


@pytest.fixture
def dice(request) -> random.Random:
    """Chance, the same for the same seed."""
    return random.Random(f"{os.environ.get('HOTCONF_SEED', '')}{request.node.nodeid}")


def close_all() -> None:
    """As daemons do."""
    os.closerange(FIRST, 1000)


def opened() -> list[str]:
    """What is open, without the standard streams and what lists it."""
    return [name for name in os.listdir("/proc/self/fd") if int(name) >= FIRST][:-1]  # noqa: PTH208 (names only)


def started(path: Path, **options: object) -> HotReloadWatcher[App]:
    """A watcher at work."""
    path.write_text(port(8000))
    watcher = HotReloadWatcher(path, App, debounce_ms=20, **options)  # type: ignore[arg-type]
    watcher.start()
    return watcher


def sees(watcher: HotReloadWatcher[App], number: int) -> None:
    """Wait until that is the port."""
    wait_until(lambda: watcher.config.server.port == number, 20)


def in_a_child(work: Callable[[], object]) -> None:
    """Do `work` in a forked process; it raises nothing."""

    def alone() -> None:
        # What pytest logs to and prints to has numbers, too, which others get.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        logging.getLogger().handlers[:] = [logging.NullHandler()]
        work()

    assert ended(fork(alone)) == 0


@pytest.mark.parametrize("observer", ["auto", "inotify", "poll"])
@pytest.mark.parametrize("before", ["idle", "in a window", "reloading"])
def test_all_are_closed(tmp_path, observer, before):
    """Nothing of the program's is touched; the next saves are seen, and not taken for trouble."""

    belongings = tmp_path / "mine"
    belongings.mkdir()

    def work():
        close_all()
        path = tmp_path / "config.toml"
        watcher = started(path, observer=observer)
        asked = watcher.stats.trouble
        if before == "in a window":
            save(path, port(8001))
        elif before == "reloading":
            watcher.reload(wait=False)
        close_all()
        mine = Belongings(belongings)
        for number in (9000, 9001):
            save(path, port(number))
            watcher.reload(wait=False)
            sees(watcher, number)
            mine.assert_intact()
        assert watcher.stats.trouble == asked
        assert watcher.stats.last_trouble == (None if observer == "poll" else CLOSED)
        close_all()
        mine = Belongings(belongings)
        watcher.close()
        mine.assert_intact()
        assert not ours()

    in_a_child(work)


@pytest.mark.parametrize("first", range(FIRST, FIRST + 4))
@pytest.mark.parametrize("last", range(FIRST + 1, FIRST + 5))
def test_some_are_closed(tmp_path, first, last):
    """Whichever it is, those that are still ours are closed in the end."""

    def work():
        close_all()
        path = tmp_path / "config.toml"
        watcher = started(path)
        os.closerange(first, last)
        save(path, port(9000))
        sees(watcher, 9000)
        save(path, port(9001))
        sees(watcher, 9001)
        watcher.close()
        assert not opened()

    in_a_child(work)


def test_at_any_moment(tmp_path, dice):
    """Repeatedly, in a window, in a load, while descriptors are recreated: the last save is seen, nothing is
    touched.
    """
    belongings = tmp_path / "mine"
    belongings.mkdir()

    def work():
        path = tmp_path / "config.toml"
        close_all()
        watcher = started(path, reconcile_s=0.1)
        for turn in range(CLOSINGS):
            save(path, port(9000 + turn))
            time.sleep(dice.uniform(0, 0.04))
            close_all()
            mine = Belongings(belongings)
            sees(watcher, 9000 + turn)
            mine.assert_intact()
        wait_until(lambda: watcher.stats.trouble is None, 20)
        watcher.close()
        mine.assert_intact()
        assert not ours()

    in_a_child(work)
