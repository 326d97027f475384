"""Requests to reload: a file for each configuration in `requests`, a private directory in the state directory.

It is not next to the status files: writing those would wake everything that watches for
requests. A request is an instant; later ones stand for earlier ones.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from hotconf.errors import UsageError
from hotconf.status.folder import named
from hotconf.system import private

FOLDER: Final = "requests"
_MOST: Final = 4096
_LATEST: Final = 1 << 63


def key(main: Path) -> str:
    """Stands for a configuration, by its main file."""
    return sha256(os.fsencode(main), usedforsecurity=False).hexdigest()[:16]


def path(state_dir: Path, main: Path) -> Path:
    """Where requests for this configuration are."""
    try:
        owner = os.stat(state_dir).st_uid
    except OSError:
        owner = os.geteuid()
    return state_dir / named(owner, FOLDER) / _name(main)


def ask(state_dir: Path, main: Path) -> int:
    """Request that all processes reload it. Returns the instant. Raises `UsageError` and `OSError`."""
    with private.opened(state_dir, partial(named, name=FOLDER), to_write=True, make=True) as directory:
        at = max(time.time_ns(), latest(state_dir, main) + 1)
        temporary = f".new-{os.urandom(8).hex()}"
        try:
            private.write(temporary, json.dumps({"at": at}).encode("ascii"), directory)
            os.rename(temporary, _name(main), src_dir_fd=directory.number, dst_dir_fd=directory.number)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory.number)
            raise
    return at


def latest(state_dir: Path, main: Path) -> int:
    """The latest request, in nanoseconds since 1970; 0 if there is none that could be trusted."""
    try:
        with (
            private.opened(state_dir, partial(named, name=FOLDER)) as directory,
            private.open_file(_name(main), os.O_RDONLY | private.OPEN, directory) as file,
        ):
            if private.fault(file.first) is not None:
                return 0
            at = json.loads(os.read(file.number, _MOST))["at"]
    except (OSError, UsageError, ValueError, TypeError, KeyError, RecursionError):
        return 0
    return at if isinstance(at, int) and not isinstance(at, bool) and 0 < at < _LATEST else 0


def _name(main: Path) -> str:
    return f"{key(main)}.request"
