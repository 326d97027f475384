"""`repeatedly`: `hotconf check --watch`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hotconf.cli.contact import patiently
from hotconf.cli.echo import echo
from hotconf.sources.files import reading

_PAUSE_S: Final = 0.25


def repeatedly(check: Callable[[], tuple[Any, frozenset[Path]]]) -> None:
    """Call `check`, and again after each change of the files that it names, until Ctrl+C."""
    try:
        while True:
            before = time.time()
            _, files = check()
            seen, touched = _look(files, before)
            many = "1 file" if len(files) == 1 else f"{len(files)} files"
            echo(f"{datetime.now().astimezone():%H:%M:%S} Watching {many}. Ctrl+C to stop.", err=True)
            if touched:
                continue  # perhaps while it was read
            while _look(files, before)[0] == seen:
                time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        echo(err=True)


def _look(files: Iterable[Path], before: float) -> tuple[dict[Path, object], bool]:
    """What changes when one of them does, of a directory when a file comes or goes; and whether one has since
    `before`.
    """
    near = os.path.commonpath(map(os.path.abspath, files))
    return patiently(lambda: (_stamps(files), any(_touched(path, before) for path in files)), Path(near))


def _stamps(files: Iterable[Path]) -> dict[Path, object]:
    every = {each for path in files for each in (path, path.parent)}
    return {path: reading.stat_only(path).stamp for path in every}


def _touched(path: Path, since: float) -> bool:
    try:
        return path.stat().st_mtime >= since
    except OSError:
        return False
