"""The longest time that a reload keeps another thread of the program waiting, beside a bare parse of the same text.

A thread of the process notes the time in a loop. The longest gap between two notes during a reload is the stall; that
of a thread that only parses the text with tomli, measured in turn, is what no Python program can avoid.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.models import Config, items
from bench.process import once
from bench.table import Row, median, spread

KB: Final = 1024
GOALS: Final = {8: 5.0, 64: 30.0}
"""Milliseconds, by the size of the file in KB; or a bare parse and `MORE`, whichever is more."""
MORE: Final = 3.0
QUIET_S: Final = 0.05


def rows(samples: int) -> list[Row]:
    """A row for each size, and the bare parse."""
    found = []
    for size, goal in GOALS.items():
        with tempfile.TemporaryDirectory() as name:
            reloads, parses = once("bench.stall", name, size * KB, samples)
        most = max(goal, median(parses) + MORE)
        what = f"longest stall of another thread in a reload of {size} KB, p50"
        good = median(reloads) <= most
        found += [
            Row(what, "", f"≤ {goal:g} ms, or a bare parse + {MORE:g} ms", spread(reloads), good, what),
            Row(f"  in a bare parse of the same {size} KB", "", "", spread(parses)),
        ]
    return found


class Clock:
    """A thread that notes the time in a loop."""

    def __init__(self) -> None:
        self._longest = 0
        self._on = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def longest_ms(self, work: Callable[[], object]) -> float:
        """The longest gap while `work` ran."""
        time.sleep(QUIET_S)
        self._longest = 0
        work()
        time.sleep(QUIET_S)
        return self._longest / 1e6

    def stop(self) -> None:
        """End the thread."""
        self._on = False
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic_ns()
        while self._on:
            now = time.monotonic_ns()
            self._longest = max(self._longest, now - last)
            last = now


def main() -> None:
    """Arguments: a directory, bytes, how often. Prints the stalls by a reload and by a bare parse, in turn, in ms."""
    import tomli

    from hotconf import HotReloadWatcher

    name, size, samples = sys.argv[1:]
    path = Path(name) / "config.toml"
    path.write_text(items(int(size), 0))
    reloads: list[float] = []
    parses: list[float] = []
    with HotReloadWatcher(path, Config, debounce_ms=100) as watcher:
        clock = Clock()
        for nth in range(int(samples) + 1):
            text = items(int(size), nth + 1)
            path.write_text(text)
            reload = clock.longest_ms(watcher.reload)
            parse = clock.longest_ms(lambda text=text: _beside(lambda: tomli.loads(text)))  # type: ignore[misc]
            if nth:  # the first one starts the loader
                reloads.append(reload)
                parses.append(parse)
        clock.stop()
    print(json.dumps([reloads, parses]))


def _beside(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
