"""A read of `watcher.config`, beside a read of an attribute of the plainest object with slots, in the same run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from timeit import Timer

from bench import config
from bench.process import once
from bench.table import Row

INLINE = 100
LOOPS = 500
REPEATS = 1000
"""Many short ones: some of them fall between the disturbances of the machine."""


class Plain:
    """One slot."""

    __slots__ = ("config",)

    def __init__(self) -> None:
        self.config = object()


def rows() -> list[Row]:
    """Measured in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        slot, read, method = once("bench.read", directory)
    return [
        Row(
            f"read of `watcher.config`, best of {REPEATS}",
            "< 1 µs",
            "≤ 1.2 × a slot",
            f"{read:.1f} ns = {read / slot:.2f} × ({slot:.1f} ns)",
            read <= 1.2 * slot and read < 1000,
        ),
        Row("  `watcher.get_config()`", "< 1 µs", "", f"{method:.1f} ns", method < 1000),
    ]


def main() -> None:
    """Print nanoseconds a read, without the cost of the loop and the name: slot, `config`, `get_config()`."""
    from hotconf import HotReloadWatcher
    from hotconf.speckit import SPECKIT

    path = Path(sys.argv[1]) / "config.toml"
    path.write_bytes(config.text(0))
    with HotReloadWatcher(path, SPECKIT) as watcher:
        path.write_bytes(config.text(1))
        watcher.reload()
        reads = [("it.config", Plain()), ("it.config", watcher), ("it.get_config()", watcher), ("it", watcher)]
        timers = [Timer(";".join([text] * INLINE), globals={"it": it}) for text, it in reads]
        # In turns, so that a disturbance of the machine hits all of them.
        rounds = [[timer.timeit(LOOPS) for timer in timers] for _ in range(REPEATS)]
    slot, read, method, name = (min(column) / LOOPS / INLINE * 1e9 for column in zip(*rounds, strict=True))
    print([slot - name, read - name, method - name])
