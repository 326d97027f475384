"""`debug.log`: a log that several processes may write, and that others may move, remove or truncate meanwhile.

Each record is one `write` in append mode, so that records of several processes do not mix. Before each write the name
is checked: if it leads elsewhere, or nowhere, the file is reopened. The process that finds it full rotates it, under
a lock of the directory, so that only one does, and the others follow; records in the old file stay there.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_CAREFUL: Final = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY"))
_PRIVATE: Final = 0o600
_KINDS: Final = {
    stat.S_IFLNK: "a symlink",
    stat.S_IFIFO: "a pipe",
    stat.S_IFDIR: "a directory",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class LogFile(logging.Handler):
    """Writes records to the file at `path`, readable by its owner only; calls `complain` once with the reason if that
    fails.

    It holds at most `size` bytes; then it is renamed to `path.1`, that to `path.2`, and so on up to so many `files`.
    """

    def __init__(self, path: Path, complain: Callable[[str], None], *, size: int, files: int) -> None:
        super().__init__(logging.DEBUG)
        self._path = os.fspath(path)
        self._complain = complain
        self._size = size
        self._files = files
        self._descriptor: int | None = None
        self._said: str | None = None
        self._torn = False
        """A full disk truncated the last record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. Never raises."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a record may hold anything
            self.handleError(record)
            return
        try:
            self._write(f"{line}\n".encode(errors="backslashreplace"))
        except OSError as error:
            self._fail(error)

    def ready(self) -> None:
        """Open the file now, to find out at once whether there will be a log."""
        try:
            self._follow()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Close the file."""
        self._drop()
        super().close()

    def _fail(self, error: OSError) -> None:
        self._drop()
        self._say(f"No log is kept: {self._path}: {error.strerror}")

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._complain(text)

    def _write(self, data: bytes) -> None:
        descriptor = self._follow()
        full = os.fstat(descriptor).st_size + len(data) > self._size
        if full:
            try:
                descriptor = self._rotate(descriptor)
            except OSError as error:  # let it grow rather than lose records
                self._say(f"{self._path} cannot be rotated: {error.strerror}")
        if self._torn:
            data = b"\n" + data
        written = os.write(descriptor, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not full:
            self._said = None

    def _follow(self) -> int:
        """A descriptor of the file that now has the name."""
        if self._descriptor is None or not _leads_to(self._path, self._descriptor):
            self._drop()
            self._descriptor = _opened(self._path)
        return self._descriptor

    def _rotate(self, descriptor: int) -> int:
        """The descriptor to write to: of a new file, unless another process is creating it."""
        with _locked(os.path.dirname(self._path)) as locked:  # noqa: PTH120 - as cheap as it can be
            if not locked or not _leads_to(self._path, descriptor):
                return descriptor
            for number in range(self._files - 1, 0, -1):
                newer = f"{self._path}.{number - 1}" if number > 1 else self._path
                with suppress(FileNotFoundError):
                    os.replace(newer, f"{self._path}.{number}")  # noqa: PTH105
            return self._follow()

    def _drop(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


def _opened(path: str) -> int:
    """A descriptor of the regular file at `path`, ours and private; created if absent."""
    with suppress(FileNotFoundError):
        _refuse(os.lstat(path))  # first: opening a device may have side effects
    descriptor = os.open(path, _FLAGS | _CAREFUL, _PRIVATE)
    try:
        found = os.fstat(descriptor)
        _refuse(found)
        if stat.S_IMODE(found.st_mode) != _PRIVATE and hasattr(os, "fchmod"):  # whatever the umask
            with suppress(OSError):  # a file system without modes
                os.fchmod(descriptor, _PRIVATE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse(found: os.stat_result) -> None:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        raise OSError(errno.EPERM, f"it is {kind}")
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user")
    if found.st_nlink > 1:
        raise OSError(errno.EPERM, "it is a hard link to another file")


def _leads_to(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _locked(directory: str) -> Iterator[bool]:
    """Whether this process may rename files in it: one process at a time, whichever file has the name."""
    try:
        import fcntl  # POSIX only
    except ImportError:
        yield False
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
