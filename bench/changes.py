"""CPU of a load in which very much changes, or very little of very much; each in a fresh process."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.models import Config, items
from bench.process import once
from bench.table import Row, median

SECRETS: Final = 4500
SIZE: Final = 1_000_000
ROTATED_S: Final = 0.5
EDITED_S: Final = 1.0


def rows(samples: int) -> list[Row]:
    """Thousands of secrets that all change, and one value of a megabyte."""
    cases = (
        ("rotated", f"a reload in which {SECRETS:,} secret values change: CPU of the load", ROTATED_S),
        ("edited", "1 MB, one value edited: CPU of the load", EDITED_S),
    )
    found = []
    for which, what, most in cases:
        with tempfile.TemporaryDirectory() as name:
            spent = median(once("bench.changes", which, name, samples))
        found.append(Row(what, "", f"≤ {most:g} s", f"{spent:.2f} s", spent <= most, what))
    return found


def rotated(version: int) -> str:
    """A table of secrets, all of them new in each version."""
    return "[values]\n" + "".join(f'k{nth}_token = "secret-{nth:05}-{version}"\n' for nth in range(SECRETS))


def edited(version: int) -> str:
    """A megabyte of which each version changes one value."""
    return items(SIZE, version)


def main() -> None:
    """Arguments: which, a directory, how often. Prints seconds of CPU of each reload."""
    from pydantic import BaseModel

    from hotconf import HotReloadWatcher

    class Vault(BaseModel):
        values: dict[str, str] = {}

    which, name, samples = sys.argv[1:]
    text = {"rotated": rotated, "edited": edited}[which]
    model: Any = {"rotated": Vault, "edited": Config}[which]
    path = Path(name) / "config.toml"
    path.write_text(text(0))
    spent = []
    with HotReloadWatcher(path, model, debounce_ms=100, max_bytes=2 * SIZE) as watcher:
        for version in range(int(samples)):
            path.write_text(text(version + 1))
            began = time.process_time()
            watcher.reload()
            spent.append(time.process_time() - began)
        if watcher.generation != int(samples) + 1:
            raise SystemExit("not every reload was a commit")
    print(json.dumps(spent))
