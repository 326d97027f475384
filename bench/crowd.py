"""A process with many watchers, each of a file of its own, that sleeps."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.footprint import resident
from bench.models import Config, values

KEYS = 10


def main() -> None:
    """Argument: how many. Answers each line on stdin with the resident bytes."""
    from hotconf import HotReloadWatcher

    with tempfile.TemporaryDirectory() as name:
        every: list[HotReloadWatcher[Any]] = []
        for nth in range(int(sys.argv[1])):
            path = Path(name) / str(nth) / "config.toml"
            path.parent.mkdir()
            path.write_text(values(KEYS, nth))
            every.append(HotReloadWatcher(path, Config))
            every[-1].start()
        print(json.dumps(None), flush=True)
        for _ in sys.stdin:
            print(json.dumps(resident()), flush=True)
