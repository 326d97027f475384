"""Replacing and removing one file, each in steps that can be undone.

Readers see nothing of `prepare`, which does all that may fail for lack of room or permission. `commit` makes the
change. `undo` restores what was there, whether `commit` was called, failed or succeeded.
`clean` leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final

_NOT_OVER: Final = (errno.EBUSY, errno.EXDEV)
"""It is a mount point."""
_NOT_BESIDE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
"""The directory takes no new file, or that cannot have the old one's owner. The old one may be writable even so."""
_FLAGS: Final = (
    getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_PRIVATE: Final = 0o600


class FileWrite:
    """The file at `path` gets the bytes `data`.

    `old` is what it holds, None if it is missing. A missing one is given the mode and owner of `model`; where there
    is none either it is private, for it may hold secrets. `whole`: it is never written in place, where a reader could
    see half of it, and a full disk could destroy it.
    """

    __slots__ = ("_data", "_in_place", "_made", "_model", "_old", "_real", "_renamed", "_temporary", "_whole", "path")

    def __init__(self, path: Path, data: bytes, old: bytes | None, model: Path, *, whole: bool = False) -> None:
        self.path = path
        self._data = data
        self._old = old
        self._model = model
        self._whole = whole
        self._real = os.path.realpath(path)  # now, not later: a link that is changed meanwhile is not followed
        self._temporary: str | None = None
        self._made: list[str] = []
        self._renamed = self._in_place = False

    def prepare(self) -> None:
        """Put the bytes on the disk beside the file, unless it must be written in place."""
        if self._old is None:
            self._make_directories()
            self._temporary = self._beside(self._data)
        elif self._whole or os.stat(self._real).st_nlink == 1:
            try:
                self._temporary = self._beside(self._data)
            except OSError as error:
                if self._whole or error.errno not in _NOT_BESIDE or not os.access(self._real, os.W_OK):
                    raise

    def commit(self) -> None:
        """Rename the new file over the old one, or write into that."""
        if self._temporary is not None:
            try:
                os.replace(self._temporary, self._real)
            except OSError as error:
                if self._whole or self._old is None or error.errno not in _NOT_OVER:
                    raise
            else:
                self._temporary, self._renamed = None, True
                _sync_directory(self._real)
                return
        self._in_place = True
        _write_into(self._real, self._data)

    def undo(self) -> None:
        """Put the old bytes back in the way in which the new ones came, if they did."""
        if self._in_place:
            _write_into(self._real, self._old or b"")
        elif self._renamed and self._old is None:
            os.unlink(self._real)
        elif self._renamed:
            self._temporary = self._beside(self._old or b"")
            os.replace(self._temporary, self._real)
            self._temporary = None

    def clean(self) -> None:
        """Remove what is left: the temporary file, and directories that were made and hold nothing."""
        _discard(self._temporary)
        for directory in reversed(self._made):
            with suppress(OSError):
                os.rmdir(directory)

    def _beside(self, data: bytes) -> str:
        temporary = _name_beside(self._real)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, _PRIVATE)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                _write(file.fileno(), data)
                self._dress(file.fileno())
                os.fsync(file.fileno())
        except BaseException:
            _discard(temporary)
            raise
        return temporary

    def _dress(self, descriptor: int) -> None:
        """Give it the owner, mode and attributes of the old file, or those of the model as far as permitted."""
        if not hasattr(os, "fchown"):
            return
        missing = self._old is None
        try:
            like = os.stat(self._model if missing else self._real)
        except FileNotFoundError:
            return
        with suppress(PermissionError) if missing else nullcontext():
            found = os.fstat(descriptor)
            if (found.st_uid, found.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(like.st_mode))  # after the owner, for a new one clears bits
        if not missing:
            _copy_attributes(self._real, descriptor)

    def _make_directories(self) -> None:
        missing: list[str] = []
        directory = os.path.dirname(self._real)
        while not os.path.isdir(directory):
            missing.append(directory)
            directory = os.path.dirname(directory)
        for each in reversed(missing):
            os.mkdir(each)
            self._made.append(each)


class FileRemoval:
    """The name `path` goes away. If it is a link, its target stays."""

    __slots__ = ("_aside", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside: str | None = None

    def prepare(self) -> None:
        """Nothing."""

    def commit(self) -> None:
        """Put it aside, under a name that no pattern matches."""
        aside = _name_beside(os.fspath(self.path))
        os.rename(self.path, aside)
        self._aside = aside
        _sync_directory(os.fspath(self.path))

    def undo(self) -> None:
        """Give it its name back."""
        if self._aside is not None:
            os.rename(self._aside, self.path)
            self._aside = None

    def clean(self) -> None:
        """Remove it for good."""
        _discard(self._aside)


def _name_beside(path: str) -> str:
    # Hidden, so that it is no fragment; unguessable, so that nobody can put something in its place.
    return os.path.join(os.path.dirname(path), f".hotconf-{os.urandom(8).hex()}.tmp")


def _write_into(path: str, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | _FLAGS), "wb", buffering=0) as file:
        _write(file.fileno(), data)
        os.ftruncate(file.fileno(), len(data))
        os.fsync(file.fileno())


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _copy_attributes(path: str, descriptor: int) -> None:
    """Extended attributes, access control lists among them, as far as the system permits."""
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):
        for name in os.listxattr(path):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def _sync_directory(path: str) -> None:
    """A rename is on the disk when its directory is; some file systems cannot promise that."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _discard(path: str | None) -> None:
    if path is not None:
        with suppress(OSError):
            os.unlink(path)
