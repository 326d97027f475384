"""The status files of all processes: `PID-NONCE.json` in `status`, a private directory in the state directory.

Rule 1: a file is whole: it is written and locked under another name, and then renamed.
Rule 2: it is locked (`flock`) for as long as its process lives. Readers remove one that is not.
Rule 3: what others could have written is not read, nor more of a file than `MAX_BYTES`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from hotconf.system import private
from hotconf.system.descriptors import Descriptor

FOLDER: Final = "status"
MAX_BYTES: Final = 1 << 18
MAX_FILES: Final = 10_000
"""More files are not read."""

_NAME: Final = re.compile(r"[0-9]{1,10}-[0-9a-f]{16}\.json")
_TEMPORARY: Final = ".new-"
_LEFT_S: Final = 60.0
"""A temporary file that is older was left by a process that died."""
_ATTEMPTS: Final = 10


def named(owner: int, name: str = FOLDER) -> str:
    """The name of a directory in that of another `owner`, where each user has one."""
    user = os.geteuid()
    return name if owner == user else f"{name}-{user}"


class StatusFile:
    """That of one watcher in this process. For one thread at a time; everything here may wait for the disk."""

    __slots__ = ("_held", "_name", "_path", "_state_dir")

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._name = f"{os.getpid()}-{os.urandom(8).hex()}.json"
        self._path = ""
        self._held: Descriptor | None = None

    @property
    def lost(self) -> bool:
        """Whether it was written, and has been removed since, or the program has closed it and so lost the lock."""
        held = self._held
        return held is not None and not (held.ours and os.path.exists(self._path))

    def write(self, data: bytes) -> None:
        """Replace it whole. Raises `UsageError` and `OSError` as a private directory does."""
        import fcntl  # POSIX only

        with private.opened(self._state_dir, named, to_write=True, make=True) as directory:
            temporary = f"{_TEMPORARY}{os.urandom(8).hex()}"
            new = private.create(temporary, directory)
            try:
                fcntl.flock(new.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                private.write_all(new, data)
                os.rename(temporary, self._name, src_dir_fd=directory.number, dst_dir_fd=directory.number)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=directory.number)
                new.close()
                raise
            folder = named(os.stat(self._state_dir).st_uid)
            self._path = os.path.join(self._state_dir, folder, self._name)
            old, self._held = self._held, new
            if old is not None:
                old.close()

    def remove(self) -> None:
        """Its watcher is closed."""
        if self._held is not None:
            with private.opened(self._state_dir, named, to_write=True) as directory, suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=directory.number)
            self.abandon()

    def abandon(self) -> None:
        """In the child of a fork: close the copy; the parent keeps the lock."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


def contents(state_dir: Path) -> list[tuple[str, bytes]]:
    """The names and bytes of the files of living processes; those of dead ones are removed.

    Raises `UsageError` for a directory that is not to be trusted, and `OSError`.
    """
    try:
        with private.opened(state_dir, named) as directory:
            return list(_living(directory))
    except FileNotFoundError:
        return []


def _living(directory: Descriptor) -> Iterator[tuple[str, bytes]]:
    for name in sorted(os.listdir(directory.number))[:MAX_FILES]:
        with suppress(OSError):
            if _NAME.fullmatch(name):
                data = _read(name, directory)
                if data is not None:
                    yield name, data
            elif name.startswith(_TEMPORARY):
                left = os.stat(name, dir_fd=directory.number, follow_symlinks=False)
                if left.st_mtime < time.time() - _LEFT_S:
                    os.unlink(name, dir_fd=directory.number)


def _read(name: str, directory: Descriptor) -> bytes | None:
    """What a living process wrote; None if there is none, or it is not to be trusted."""
    import fcntl

    for _ in range(_ATTEMPTS):
        with private.open_file(name, os.O_RDONLY | private.OPEN, directory) as file:
            if private.fault(file.first) is not None:
                return None
            try:
                fcntl.flock(file.number, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return os.read(file.number, MAX_BYTES)
            # Its process died; or has replaced the file since it was opened.
            if os.path.samestat(os.stat(name, dir_fd=directory.number, follow_symlinks=False), file.first):
                os.unlink(name, dir_fd=directory.number)
                return None
    return None
