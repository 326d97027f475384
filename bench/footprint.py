"""Memory and time that a started watcher adds to a program, which has imported pydantic and made its model.

`main` runs in the process that is measured. Until the first measurement it imports nothing that pydantic does not.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import Any

from bench import config
from bench.plain import MODELS


def resident() -> int:
    """Bytes, exactly: `VmRSS` in /proc/self/status may be off by some hundred KiB on machines with many cores."""
    gc.collect()
    with open("/proc/self/smaps_rollup", "rb") as lines:  # noqa: PTH123 - pathlib is a cost of the subject's
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Rss:"))


def main() -> None:
    """Arguments: a path, a model, `watcher` or `hand`. Prints bytes added, ms of import, ms of start, threads."""
    path, which, how = sys.argv[1:]
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(config.text(0))
    print({"watcher": _watcher, "hand": _by_hand}[how](path, MODELS[which]()))


def _watcher(path: str, schema: Any) -> list[float]:
    before = resident()
    began = time.perf_counter()
    from hotconf import HotReloadWatcher

    imported = time.perf_counter()
    watcher: HotReloadWatcher[Any] = HotReloadWatcher(path, schema)
    watcher.start()
    started = time.perf_counter()
    added = resident() - before
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    watcher.close()
    return [added, (imported - began) * 1e3, (started - imported) * 1e3, threads]


def _by_hand(path: str, schema: Any) -> list[float]:
    """What a program does that reads its configuration once and does not watch it."""
    before = resident()
    began = time.perf_counter()
    import tomli

    imported = time.perf_counter()
    with open(path, "rb") as file:  # noqa: PTH123
        config = schema.model_validate(tomli.load(file))
    started = time.perf_counter()
    added = resident() - before
    del config
    return [added, (imported - began) * 1e3, (started - imported) * 1e3, 1]
