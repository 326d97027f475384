"""Private directories: below one that others may share, such as the state directory, a directory of our own.

Rule 1: only what we wrote is read. A directory that another user owns, or that others may write to, is refused; so is
a file in it that is not a regular file of ours, or that others may read or write.
Rule 2: no link is followed below the shared directory.

The shared directory may be shared by design: sticky as /tmp, or writable to its group with the setgid bit, as
Kubernetes prepares a volume for an `fsGroup`. The directory below it is private all the same, and closed again when
Kubernetes has opened it at a restart.

POSIX only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from hotconf.errors import UsageError
from hotconf.system.descriptors import FILE, Descriptor
from hotconf.text import printable

SUPPORTED: Final = os.name == "posix"
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
OPEN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | NO_LINK
"""How files in a private directory are opened."""
LINK: Final = (errno.ELOOP, errno.EMLINK)
"""Where a link must not be followed."""

_LARGEST: Final = 1 << 30
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_PRIVATE: Final = 0o700
_OWN: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def opened(
    shared: Path, name: Callable[[int], str], *, to_write: bool = False, make: bool = False
) -> Iterator[Descriptor]:
    """A directory below `shared`, open, which is ours and which only we can write to. `name` gets the owner of
    `shared`, and returns its name.

    `to_write`: it need only be ours; with `make` it is created, or closed to others. Raises `UsageError` if it is not
    to be trusted, and `OSError` if it cannot be used.
    """
    if make:
        _make(shared)
    with _open_shared(shared) as root:
        path = shared / name(root.first.st_uid)
        if make:
            with suppress(FileExistsError):
                _make_private(path.name, root.number)
                sync(root)
        directory = _open_directory(path, root)
    with directory:
        if make:
            _close_to_others(directory)
        _refuse(path, os.fstat(directory.number), closed=make or not to_write)
        yield directory


def open_file(name: str | Path, flags: int, directory: Descriptor | None = None) -> Descriptor:
    """A file that, if created, its owner may read and write, whatever the umask, and nobody else."""
    file = Descriptor(FILE, partial(os.open, name, flags, _OWN, dir_fd=directory.number if directory else None))
    if flags & os.O_CREAT and file.first.st_mode & _OWN != _OWN:
        with suppress(OSError):
            os.fchmod(file.number, _OWN)
    return file


def fault(found: os.stat_result) -> str | None:
    """Why a file is not to be trusted."""
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    if found.st_mode & _OTHERS:
        return f"others may read or write it (mode {stat.S_IMODE(found.st_mode):04o})"
    return "too large" if found.st_size > _LARGEST else None


def create(name: str, directory: Descriptor) -> Descriptor:
    """A new file, open for writing."""
    file = open_file(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN, directory)
    found = fault(file.first)
    if found is not None:  # such are file systems that know no modes
        file.close()
        raise OSError(errno.EPERM, f"nothing is private here: {found}")
    return file


def write_all(file: Descriptor, data: bytes) -> None:
    """Write all of `data`."""
    left = memoryview(data)
    while left:
        left = left[os.write(file.number, left) :]


def write(name: str, data: bytes, directory: Descriptor) -> None:
    """Write a new file, which is on the disk on return."""
    with create(name, directory) as file:
        write_all(file, data)
        os.fsync(file.number)


def _open_shared(path: Path) -> Descriptor:
    """The state directory. A link to it is as good as its owner: ours, or the system's."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise UsageError(f"{_shown(path)} is another user's link: name the state directory itself")
    root = _open_directory(path)
    try:
        if not _shared_by_design(root.first):
            _refuse(path, root.first)
    except BaseException:
        root.close()
        raise
    return root


def _open_directory(path: Path, root: Descriptor | None = None) -> Descriptor:
    """The directory `path`. In `root` it must not be a link."""
    try:
        return open_file(path.name, _DIRECTORY | NO_LINK, root) if root is not None else open_file(path, _DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENOTDIR or (root and error.errno in LINK):
            how = "remove it, or move it away" if root else "give another state directory"
            raise UsageError(f"{_shown(path)} is not a directory: {how}") from error
        raise


def _shared_by_design(found: os.stat_result) -> bool:
    """Whether each user may have a directory of its own here."""
    for_a_group = stat.S_ISGID | stat.S_IWGRP
    return bool(found.st_mode & stat.S_ISVTX) or found.st_mode & for_a_group == for_a_group


def _close_to_others(directory: Descriptor) -> None:
    """Take back a directory of ours that was opened to others, as Kubernetes does to a volume at every restart."""
    found = directory.first
    if found.st_uid != os.geteuid() or not found.st_mode & _OTHERS_WRITE:
        return
    os.fchmod(directory.number, _PRIVATE)
    for name in os.listdir(directory.number):  # theirs could block us: a lock, or the highest number
        with suppress(OSError):
            if os.stat(name, dir_fd=directory.number, follow_symlinks=False).st_uid != os.geteuid():
                os.unlink(name, dir_fd=directory.number)


def _refuse(path: Path, found: os.stat_result, *, closed: bool = True) -> None:
    if found.st_uid != os.geteuid():
        raise UsageError(f"{_shown(path)} belongs to another user: give a state directory of your own")
    if closed and found.st_mode & _OTHERS_WRITE:
        raise UsageError(f"others may write to {_shown(path)}: chmod go-w it, or give another state directory")


def _make(path: Path) -> None:
    """Create a private directory, and its parents, durably on disk, unless something exists there."""
    try:
        _make_private(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make(path.parent)
        _make_private(path)  # raises where the parent is a dangling symlink, or in a file system without it
    with open_file(path.parent, _DIRECTORY) as directory:
        sync(directory)


def _make_private(name: str | Path, directory: int | None = None) -> None:
    """Create a directory that its owner may use, whatever the umask."""
    os.mkdir(name, _PRIVATE, dir_fd=directory)
    if os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode & _PRIVATE != _PRIVATE:
        os.chmod(name, _PRIVATE, dir_fd=directory)


def sync(directory: Descriptor) -> None:
    """Flush what was created or renamed in it to disk, unless the file system cannot."""
    try:
        os.fsync(directory.number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _shown(path: Path) -> str:
    return printable(str(path))
