"""What importing hotconf takes, in a process that has a model of pydantic's, as all have that use hotconf."""

from __future__ import annotations

import time

from pydantic import BaseModel, TypeAdapter

__all__ = ["Model", "TypeAdapter", "main"]


class Model(BaseModel):
    """The first one has pydantic import what it needs for every other."""

    port: int = 8000


def main() -> None:
    """Print milliseconds of the package, of the package and its watcher, and of CPU for both."""
    began, used = time.perf_counter(), time.process_time()
    import hotconf

    package = time.perf_counter()
    _ = hotconf.HotReloadWatcher
    watcher, cpu = time.perf_counter(), time.process_time()
    print([(package - began) * 1e3, (watcher - began) * 1e3, (cpu - used) * 1e3])
