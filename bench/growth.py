"""How cost grows: with the size of the file, fragments, keys, subscribers, storms of events, and watchers."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.footprint import resident
from bench.process import once
from bench.table import Row, median

FRAGMENTS = (1, 10, 100, 1000)
KEYS = (10, 100, 1000, 10_000, 50_000)
SUBSCRIBERS = (0, 10, 100, 1000, 10_000)
SIZES = (1_000, 8_000, 64_000, 250_000, 1_000_000)
STORMS = (1_000, 10_000, 100_000)
WATCHERS = (1, 200)


class Item(BaseModel):
    """A table with a few values."""

    model_config = ConfigDict(frozen=True)
    name: str
    size: int
    tags: list[str] = []


class Config(BaseModel):
    """Many of them, and many plain values."""

    model_config = ConfigDict(frozen=True)
    items: dict[str, Item] = {}
    values: dict[str, int] = {}


def item(nth: int, version: int) -> str:
    """One table of a file."""
    return f'[items.item{nth}]\nname = "item {nth}"\nsize = {version}\ntags = ["a", "b"]\n'


def values(count: int, version: int) -> str:
    """So many keys, one of which changes."""
    return "[values]\n" + "".join(f"k{nth} = {nth}\n" for nth in range(count - 1)) + f"hit = {version}\n"


def fragments(directory: Path, count: int) -> list[float]:
    """Milliseconds of a load after one fragment changed; of reading and parsing one, merging and judging all."""
    from hotconf.core.diff import diff
    from hotconf.core.document import Document, parse
    from hotconf.core.freeze import freeze
    from hotconf.core.merge import merge
    from hotconf.core.validate import Valid, validate
    from hotconf.runtime import files
    from hotconf.runtime.load import load
    from hotconf.runtime.source import Pins, Source
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot

    (directory / "parts").mkdir()
    parts = [directory / "parts" / f"{nth:04}.toml" for nth in range(count)]
    for nth, part in enumerate(parts):
        part.write_text(item(nth, 0))
    main = directory / "config.toml"
    main.write_text("# everything is in the fragments\n")
    schema = Schema(Config)
    source = Source(main, schema, Pins(watch_paths=("parts",)))
    result = load(source)
    good: Any = result.candidate
    loads, least = [], []
    for version in range(1, 12):
        published = Snapshot(good.config, version, good.digest, good.loaded_at, good.files, good.origins)
        parts[-1].write_text(item(count - 1, version))
        time.sleep(0.03)
        began = time.perf_counter()
        result = load(source, published, result.files, frozenset([parts[-1]]))
        loads.append(time.perf_counter() - began)
        good = result.candidate
        began = time.perf_counter()
        one = parse(files.read(parts[-1], 1 << 20).data, parts[-1])
        documents = [*list(result.files.documents.values())[:-1], one]
        merged = merge([each for each in documents if isinstance(each, Document)])
        verdict = validate(schema, merged)
        if isinstance(verdict, Valid):
            diff(published.config, freeze(verdict.config))
        least.append(time.perf_counter() - began)
    return [min(loads) * 1e3, min(least) * 1e3]


def keys(directory: Path, count: int) -> list[float]:
    """Milliseconds of a load of one file with so many keys, and its size."""
    return _loads(directory, lambda version: values(count, version))


def size(directory: Path, count: int) -> list[float]:
    """Milliseconds of a load of one file of about so many bytes, and its size."""
    tables = max(1, count // len(item(1000, 0)))
    return _loads(directory, lambda version: "".join(item(nth, version if nth == 0 else 0) for nth in range(tables)))


def _loads(directory: Path, text: Callable[[int], str]) -> list[float]:
    from hotconf import HotReloadWatcher

    path = directory / "config.toml"
    path.write_text(text(0))
    watcher: HotReloadWatcher[Config] = HotReloadWatcher(path, Config, debounce_ms=100, max_bytes=1 << 21)
    times = []
    with watcher:
        for version in range(1, 6):
            path.write_text(text(version))
            began = time.perf_counter()
            watcher.reload()
            times.append(time.perf_counter() - began)
    return [min(times) * 1e3, path.stat().st_size]


def big(directory: Path, count: int) -> list[float]:
    """Milliseconds beyond a window of four loads, median and worst, for a file of about so many bytes."""
    from hotconf import HotReloadWatcher, ReloadSuccess

    tables = max(1, count // len(item(1000, 0)))
    path = directory / "config.toml"
    path.write_text("".join(item(nth, 0) for nth in range(tables)))
    load_ms = size(directory, count)[0]
    window_ms = max(100, round(5 * load_ms))
    beyond: list[float] = []
    with HotReloadWatcher(path, Config, debounce_ms=window_ms, max_bytes=1 << 21) as watcher:
        for version in range(1, 6):
            time.sleep(0.3)
            path.write_text("".join(item(nth, version if nth == 0 else 0) for nth in range(tables)))
            until = time.monotonic() + 30
            while watcher.generation <= version and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.2)
            if isinstance(watcher.last, ReloadSuccess):
                beyond.append(watcher.last.timings.overhead)
    return [median(beyond), max(beyond), window_ms]


def subscribers(directory: Path, count: int) -> list[float]:
    """Milliseconds from the commit to the one callback of so many whose value changed."""
    from hotconf import HotReloadWatcher

    path = directory / "config.toml"
    path.write_text(values(max(count, 1), 0))
    told, heard = threading.Event(), [0]

    def hear(_old: object, _new: object) -> None:
        heard[0] = time.monotonic_ns()
        told.set()

    took = []
    with HotReloadWatcher(path, Config, debounce_ms=100) as watcher:
        for nth in range(count - 1):
            watcher.on_change(("values", f"k{nth}"), hear)
        watcher.on_change("values.hit", hear)
        bus: Any = watcher._bus
        publish = bus.publish

        def published(event: Any, snapshot: Any) -> None:
            began[0] = time.monotonic_ns()
            publish(event, snapshot)

        began = [0]
        bus.publish = published
        for version in range(1, 12):
            told.clear()
            path.write_text(values(max(count, 1), version))
            watcher.reload()
            told.wait(30)
            took.append((heard[0] - began[0]) / 1e6)
    return [median(took)]


def storms(directory: Path, count: int) -> list[float]:
    """Seconds of CPU a thousand writes, rounds, and seconds from the last write to the end, less the window."""
    from hotconf import HotReloadWatcher

    path = directory / "config.toml"
    path.write_text(values(100, 0))
    ended: list[int] = []
    with HotReloadWatcher(path, Config, debounce_ms=200) as watcher:
        watcher.on_event(lambda event: ended.append(1) if hasattr(event, "generation") else None)
        child = os.fork()
        if child == 0:
            descriptor = os.open(path, os.O_WRONLY)
            for nth in range(count):
                os.pwrite(descriptor, b"#" if nth % 2 else b"[", 0)
            os.pwrite(descriptor, values(100, 7).encode(), 0)
            os._exit(0)
        before = time.process_time()
        os.waitpid(child, 0)
        last = time.monotonic()
        while watcher.config.values["hit"] != 7 and time.monotonic() < last + 30:
            time.sleep(0.001)
        settled = time.monotonic() - last - 0.2
        used = time.process_time() - before
        time.sleep(0.2)
    return [used / count * 1e6, len(ended), settled * 1e3]


def watchers(directory: Path, count: int) -> list[float]:
    """Threads, KB for each one more, per cent of CPU while nothing happens."""
    from hotconf import HotReloadWatcher

    every: list[HotReloadWatcher[Config]] = []
    before = 0
    for nth in range(count):
        path = directory / f"{nth}" / "config.toml"
        path.parent.mkdir()
        path.write_text(values(10, nth))
        watcher: HotReloadWatcher[Config] = HotReloadWatcher(path, Config)
        watcher.start()
        every.append(watcher)
        before = before or resident()
    each = (resident() - before) / max(count - 1, 1) / 1e3
    time.sleep(2)
    used = time.process_time()
    time.sleep(10)
    used = time.process_time() - used
    threads = len(list(Path("/proc/self/task").iterdir()))
    for watcher in every:
        watcher.close()
    return [threads, each, used * 10]


def main() -> None:
    """Arguments: what, a directory, how many. Prints what was measured."""
    what, directory, count = sys.argv[1:]
    print(json.dumps(globals()[what](Path(directory), int(count))))


def measured(what: str, counts: tuple[int, ...]) -> dict[int, list[float]]:
    """In a process and a directory of its own for each."""
    import tempfile

    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as directory:
            found[count] = once("bench.growth", what, directory, count)
    return found


Series = dict[str, dict[int, list[float]]]


def measure(*, quick: bool) -> Series:
    """Everything; `quick` leaves the largest out."""
    chosen = {
        "size": SIZES[:4] if quick else SIZES,
        "big": (8_000, 250_000 if quick else 1_000_000),
        "fragments": FRAGMENTS[::3] if quick else FRAGMENTS,
        "keys": KEYS[:4] if quick else KEYS,
        "subscribers": SUBSCRIBERS[1::3] if quick else SUBSCRIBERS[1:],
        "storms": STORMS[:1] if quick else STORMS,
        "watchers": WATCHERS,
    }
    return {what: measured(what, counts) for what, counts in chosen.items()}


def rows(series: Series) -> list[Row]:
    """As a table, with the goals."""
    small, large = (series["big"][count] for count in sorted(series["big"]))
    load, least = series["fragments"][max(series["fragments"])]
    alone, many = (series["watchers"][count] for count in WATCHERS)
    crowd = series["subscribers"][max(series["subscribers"])][0]
    # Below this, a difference is that of the machine.
    bound = max(2 * small[0], 0.2)
    return [
        *(
            Row(f"load, file of {count:,} bytes", "", "", f"{took[0]:.2f} ms")
            for count, took in series["size"].items()
        ),
        *(Row(f"load, {count:,} keys", "", "", f"{took[0]:.2f} ms") for count, took in series["keys"].items()),
        *(
            Row(f"load, one of {count:,} fragments changed", "", "", f"{took[0]:.2f} ms")
            for count, took in series["fragments"].items()
        ),
        Row(
            f"  {max(series['fragments']):,} fragments ÷ reading one, merging and judging all",
            "",
            "≤ 1.2 ×",
            f"{load / least:.2f} ×",
            load <= 1.2 * least,
        ),
        Row(
            f"overhead, {max(series['big']):,} bytes (window {large[2]:.0f} ms), against 8,000",
            "",
            "≤ 2 ×",
            f"{large[0]:.2f} ms against {small[0]:.2f} ms",
            large[0] <= bound,
        ),
        *(
            Row(f"commit → the one callback of {count:,} that it concerns", "", "", f"{took[0]:.2f} ms")
            for count, took in series["subscribers"].items()
        ),
        Row("  with the most", "", "≤ 2 ms", f"{crowd:.2f} ms", crowd <= 2),
        *(
            Row(
                f"storm of {count:,} writes",
                "",
                "",
                f"{took[0]:.1f} µs of CPU a write, {took[1]:.0f} commits, settled {took[2]:.1f} ms after the window",
            )
            for count, took in series["storms"].items()
        ),
        Row("200 watchers: threads more than with one", "", "0", f"{many[0] - alone[0]:.0f}", many[0] <= alone[0]),
        Row("  memory for each, config of 10 keys included", "", "≤ 100 KB", f"{many[1]:.1f} KB", many[1] <= 100),
        Row("  CPU while nothing happens", "", "≤ 0.1 %", f"{many[2]:.3f} %", many[2] <= 0.1),
    ]
