"""The thread that runs loads: one a process, for all watchers, one load after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from hotconf.logs import log
from hotconf.system.worker import Worker
from hotconf.text import short_path

HUNG_NS: Final = 5_000_000_000
"""A load that takes longer is reported."""


class LoadJob:
    """One load, as a job."""

    __slots__ = ("_run", "path")

    def __init__(self, path: Path, run: Callable[[], None]) -> None:
        self.path = path
        self._run = run

    def __call__(self) -> None:
        """Run it."""
        self._run()


class Loader(Worker):
    """The thread that runs loads, one after the other. A slow one does not delay other watchers."""

    def __init__(self) -> None:
        super().__init__("hotconf-loader", log.thread, _describe, stays=True, parallel=True, hung_ns=HUNG_NS)


def _describe(job: Callable[[], None], seconds: int) -> str:
    path = short_path(job.path) if isinstance(job, LoadJob) else "some files"
    return f"the load of {path} has not returned for {seconds} s: a validator or check may hang"
