"""What grows, each in a process of its own: the size of the file, fragments, keys, subscribers, storms of events."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.budget import Budget
from bench.models import Config, item, items, values
from bench.table import median

PATIENCE_S = 60
MAX_BYTES = 1 << 21
SLOWER = 5
"""So much more time for saves than for loads: each is waited for."""
LOADS = 5
SAVES = 5
CHANGES = 21
FRAGMENT_LOADS = 15
KEYS = 10_000
"""Of the file that subscribers follow."""


def fragments(directory: Path, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds of a load after one fragment changed; of reading and parsing one, merging and judging all.

    In turn, so that they are compared at the same speed of the machine.
    """
    from hotconf.config.diff import diff
    from hotconf.config.freeze import freeze
    from hotconf.config.merge import merge
    from hotconf.config.validation.validate import Validated, validate
    from hotconf.formats.base import Document
    from hotconf.formats.registry import parse
    from hotconf.runtime.load import load
    from hotconf.schema import Schema
    from hotconf.settings import PinnedSettings
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import Options
    from hotconf.sources.files import reading

    (directory / "parts").mkdir()
    parts = [directory / "parts" / f"{nth:04}.toml" for nth in range(count)]
    for nth, part in enumerate(parts):
        part.write_text(item(nth, 0))
    main = directory / "config.toml"
    main.write_text("# everything is in the fragments\n")
    schema = Schema(Config)
    source = Options(main, schema, PinnedSettings(watch_paths=("parts",)))
    result = load(source)
    good: Any = result.candidate
    loads, least = [], []
    for nth in Budget(seconds).samples(3, FRAGMENT_LOADS):
        version = nth + 1
        published = Snapshot(good.config, version, good.digest, good.loaded_at, good.files, good.origins)
        parts[-1].write_text(item(count - 1, version))
        time.sleep(0.03)
        began = time.perf_counter()
        result = load(source, published, result.files, frozenset([parts[-1]]), baseline=good.baseline)
        loads.append(time.perf_counter() - began)
        good = result.candidate
        began = time.perf_counter()
        one = parse(reading.read(parts[-1], 1 << 20).data, parts[-1])
        documents = [*result.files.documents[:-1], one]
        merged = merge([each for each in documents if isinstance(each, Document)])
        verdict = validate(schema, merged)
        if isinstance(verdict, Validated):
            diff(published.config, freeze(verdict.config))
        least.append(time.perf_counter() - began)
    return [[each * 1e3 for each in took] for took in (loads, least)]


def keys(directory: Path, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds of a load of one file with so many keys."""
    return _loads(directory, lambda version: values(count, version), seconds)


def size(directory: Path, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds of a load of one file of about so many bytes."""
    return _loads(directory, lambda version: items(count, version), seconds)


def _loads(directory: Path, text: Callable[[int], str], seconds: float, loads: int = LOADS) -> list[list[float]]:
    from hotconf import HotReloadWatcher

    path = directory / "config.toml"
    path.write_text(text(0))
    watcher: HotReloadWatcher[Config] = HotReloadWatcher(path, Config, debounce_ms=100, max_bytes=MAX_BYTES)
    times = []
    with watcher:
        for version in Budget(seconds).samples(2, loads + 1):
            path.write_text(text(version + 1))
            began = time.perf_counter()
            watcher.reload()
            times.append(time.perf_counter() - began)
    return [[each * 1e3 for each in times[1:]]]  # the first one starts the loader


def big(directory: Path, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds beyond a window of at least four loads, for a file of about so many bytes; the window."""
    from hotconf import HotReloadWatcher, ReloadSuccess

    load_ms = median(_loads(directory, lambda version: items(count, version), seconds, 2)[0])
    window_ms = max(100, round(4.2 * load_ms))
    path = directory / "config.toml"
    beyond = []
    with HotReloadWatcher(path, Config, debounce_ms=window_ms, max_bytes=MAX_BYTES) as watcher:
        for version in Budget(SLOWER * seconds).samples(2, SAVES):
            time.sleep(0.2)
            path.write_text(items(count, -1 - version))
            until = time.monotonic() + PATIENCE_S
            while watcher.generation < version + 2 and time.monotonic() < until:
                time.sleep(0.02)
            while not isinstance(last := watcher.last, ReloadSuccess) or last.generation < version + 2:
                if time.monotonic() > until:
                    raise SystemExit(f"a save was not followed by a reload: {watcher.last}")
                time.sleep(0.02)
            beyond.append(last.timings.overhead)
    return [beyond, [window_ms]]


def subscribers(directory: Path, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds that the commit takes to tell, and until the one callback of so many runs whose value changed."""
    from hotconf import HotReloadWatcher, ReloadSuccess

    path = directory / "config.toml"
    path.write_text(values(KEYS, 0))
    heard = threading.Event()
    began, ran = [0], [0]

    def hear(_old: object, _new: object) -> None:
        ran[0] = time.monotonic_ns()
        heard.set()

    telling, took = [], []
    with HotReloadWatcher(path, Config, debounce_ms=100) as watcher:
        for nth in range(count - 1):
            watcher.on_change(("values", f"k{nth}"), hear)
        if count:
            watcher.on_change("values.hit", hear)
        bus: Any = watcher._bus
        notify = bus.notify

        def notified(notice: Any) -> None:
            began[0] = time.monotonic_ns()
            notify(notice)
            if isinstance(notice.event, ReloadSuccess):
                telling.append((time.monotonic_ns() - began[0]) / 1e6)

        bus.notify = notified
        for version in Budget(seconds).samples(5, CHANGES):
            heard.clear()
            path.write_text(values(KEYS, version + 1))
            watcher.reload()
            if count:
                if not heard.wait(PATIENCE_S):
                    raise SystemExit("a change was not told")
                took.append((ran[0] - began[0]) / 1e6)
    return [telling, took]


def storms(directory: Path, count: int, _: float) -> list[list[float]]:
    """Microseconds of CPU a write, commits, milliseconds from the last write to the end beyond the window."""
    from hotconf import HotReloadWatcher, ReloadSuccess

    path = directory / "config.toml"
    path.write_text(values(100, 0))
    commits: list[int] = []
    window_ms = 200
    with HotReloadWatcher(path, Config, debounce_ms=window_ms) as watcher:
        watcher.on_event(lambda event: commits.append(1) if isinstance(event, ReloadSuccess) else None)
        before = time.process_time()
        storm = subprocess.run(
            [sys.executable, "-c", _STORM, str(path), str(count), values(100, 7)],
            capture_output=True,
            text=True,
            check=True,
        )
        until = time.monotonic() + PATIENCE_S
        while watcher.config.values["hit"] != 7:
            if time.monotonic() > until:
                raise SystemExit("a storm was not followed by a reload")
            time.sleep(0.001)
        settled = (time.monotonic_ns() - int(storm.stdout)) / 1e6 - window_ms
        used = time.process_time() - before
        time.sleep(0.2)
    return [[used / count * 1e6], [len(commits)], [settled]]


_STORM = """
import os, sys, time
path, count, last = sys.argv[1:]
file = os.open(path, os.O_WRONLY | os.O_TRUNC)
for nth in range(int(count)):
    os.pwrite(file, b"#" if nth % 2 else b"[", 0)
os.pwrite(file, last.encode(), 0)
os.close(file)
print(time.monotonic_ns())
"""


def main() -> None:
    """Arguments: what, a directory, how many, seconds that may be used for samples. Prints what was measured."""
    what, directory, count, seconds = sys.argv[1:]
    print(json.dumps(globals()[what](Path(directory), int(count), float(seconds))))
