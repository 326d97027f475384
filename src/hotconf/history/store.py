"""The states that are kept of one configuration: files in a directory of its own, below the state directory.

Rule 1: every state is whole. It is written under another name, flushed to disk, and then renamed; nothing is ever
overwritten.
Rule 2: only what we wrote is read. A directory that another user owns, or that others may write to, is refused; so is
a state that is not a regular file of ours, or that others may read or write.
Rule 3: one process at a time writes. It holds a lock, which is released by its death at the latest.
Rule 4: there is never more than `MAX_STATES` states, and of `MAX_BYTES` only as many as the newest two need.

The state directory itself may be shared by design: sticky as /tmp, or writable to its group with the setgid bit, as
Kubernetes prepares a volume for an `fsGroup`. The directory below it is private all the same, and closed again when
Kubernetes has opened it at a restart; states that others could write meanwhile are not read.

POSIX only.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from hotconf.errors import UsageError
from hotconf.history.record import Damage, Record, decode, encode
from hotconf.system.descriptors import FILE, ClosedError, Descriptor
from hotconf.text import printable

MAX_STATES: Final = 100
MAX_BYTES: Final = 32 << 20
MIN_STATES: Final = 2
"""This many are kept, however large they are."""
SUPPORTED: Final = os.name == "posix"

_LARGEST: Final = 1 << 30
_NAME: Final = re.compile(r"(\d{8,18})\.state")
_TEMPORARY: Final = ".new-"
_LOCK: Final = "lock"
_PART: Final = 1 << 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_PRIVATE: Final = 0o700
_OWN: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_OPEN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | _NO_LINK
_LINK: Final = (errno.ELOOP, errno.EMLINK)
"""Where a link must not be followed."""
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


class StateStore:
    """The states of one configuration. For one thread at a time. Everything here may wait for the disk."""

    __slots__ = ("_lock", "_main", "_root")

    def __init__(self, state_dir: Path, main: Path) -> None:
        """`main` is the configuration's main file, absolute: each has a directory of its own in `state_dir`."""
        self._root = state_dir
        self._main = main
        self._lock: Descriptor | None = None

    @property
    def path(self) -> Path:
        """The directory of this configuration's states."""
        try:
            owner = os.stat(self._root).st_uid
        except OSError:
            owner = os.geteuid()
        return self._root / _directory_of(self._main, owner)

    def check(self) -> None:
        """Raise `UsageError` or `OSError` if no state can be kept in the directories that are there."""
        with suppress(FileNotFoundError), self._opened(to_write=True):
            pass

    # Reading

    def numbers(self) -> tuple[int, ...]:
        """Of all states, the oldest first. Raises `UsageError`, and `OSError` unless there is nothing."""
        try:
            with self._opened() as directory:
                return _numbers(directory)
        except FileNotFoundError:
            return ()

    def read(self, number: int) -> Record | Damage | None:
        """The state with that number, why there is none under its name, or None if nothing is there."""
        try:
            with self._opened() as directory:
                return self._read(directory, number)
        except FileNotFoundError:
            return None

    def newest_first(self) -> Iterator[tuple[int, Record | Damage]]:
        """All states with their numbers. One that is removed meanwhile is passed over."""
        for number in reversed(self.numbers()):
            found = self.read(number)
            if found is not None:
                yield number, found

    def _read(self, directory: Descriptor, number: int) -> Record | Damage:
        try:
            file = _open(_name(number), os.O_RDONLY | _OPEN, directory)
        except FileNotFoundError:
            raise
        except OSError as error:
            return Damage("a link stands in its place" if error.errno in _LINK else _reason(error))
        try:
            with file:
                fault = _fault(file.first)
                return decode(_content(file), number, self._main) if fault is None else Damage(fault)
        except ClosedError:
            raise
        except OSError as error:
            return Damage(_reason(error))

    # Writing

    def claim(self) -> bool:
        """Become the one writer, unless there is another; the directory is made if need be. Ended by `release`.

        Raises `UsageError` if the directory is not to be trusted, and `OSError` if it cannot be used.
        """
        import fcntl  # POSIX only

        with self._opened(to_write=True, make=True) as directory:
            if self._lock is not None and _is(self._lock, directory):
                return True
            self.release()
            lock = _open(_LOCK, os.O_RDWR | os.O_CREAT | _OPEN, directory)
            try:
                fcntl.flock(lock.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException as error:
                lock.close()
                if isinstance(error, BlockingIOError):
                    return False
                raise
            self._lock = lock
            return True

    def write(self, record: Record) -> int:
        """Keep `record` under the next number, and forget the oldest ones. The lock is held.

        When it returns, the state is on the disk. Raises `OSError` if that is uncertain; the older ones stay.
        """
        with self._opened() as directory:
            for name in os.listdir(directory.number):
                if name.startswith(_TEMPORARY):  # left by a process that died
                    os.unlink(name, dir_fd=directory.number)
            numbers = _numbers(directory)
            number = numbers[-1] + 1 if numbers else 1
            temporary = f"{_TEMPORARY}{os.urandom(8).hex()}"
            try:
                _write(temporary, encode(replace(record, number=number)), directory)
                here = directory.number
                os.rename(temporary, _name(number), src_dir_fd=here, dst_dir_fd=here)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=directory.number)
                raise
            _sync(directory)
            _forget_oldest(directory, (*numbers, number))
        return number

    def release(self) -> None:
        """Let another process write. In the child of a fork: close the copy; the parent keeps the lock."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    # The directory

    @contextmanager
    def _opened(self, *, to_write: bool = False, make: bool = False) -> Iterator[Descriptor]:
        """The directory, open, which is ours and which only we can write to.

        `to_write`: it need only be ours; with `make` it is created, or closed to others.
        """
        if make:
            _make(self._root)
        with _open_root(self._root) as root:
            path = self._root / _directory_of(self._main, root.first.st_uid)
            if make:
                with suppress(FileExistsError):
                    _make_private(path.name, root.number)
                    _sync(root)
            directory = _open_directory(path, root)
        with directory:
            if make:
                _close_to_others(directory)
            _refuse(path, os.fstat(directory.number), closed=make or not to_write)
            yield directory


def _open(name: str | Path, flags: int, directory: Descriptor | None = None) -> Descriptor:
    """A file that, if created, its owner may read and write, whatever the umask, and nobody else."""
    file = Descriptor(FILE, partial(os.open, name, flags, _OWN, dir_fd=directory.number if directory else None))
    if flags & os.O_CREAT and file.first.st_mode & _OWN != _OWN:
        with suppress(OSError):
            os.fchmod(file.number, _OWN)
    return file


def _content(file: Descriptor) -> bytes:
    return b"".join(iter(lambda: os.read(file.number, _PART), b""))


def _open_root(path: Path) -> Descriptor:
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
        return _open(path.name, _DIRECTORY | _NO_LINK, root) if root is not None else _open(path, _DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENOTDIR or (root and error.errno in _LINK):
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


def _directory_of(main: Path, owner: int) -> str:
    """A name for the states of `main`: readable, and different for every path; in the directory of another `owner`,
    for every user as well.
    """
    digest = sha256(os.fsencode(main)).hexdigest()[:16]
    user = os.geteuid()
    return f"{_UNSAFE.sub('_', main.name)[:40]}-{digest}" + ("" if owner == user else f"-{user}")


def _name(number: int) -> str:
    return f"{number:08}.state"


def _numbers(directory: Descriptor) -> tuple[int, ...]:
    found = (_NAME.fullmatch(name) for name in os.listdir(directory.number))
    return tuple(sorted(int(match[1]) for match in found if match and match[0] == _name(int(match[1]))))


def _fault(found: os.stat_result) -> str | None:
    """Why a file is not to be trusted."""
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    if found.st_mode & _OTHERS:
        return f"others may read or write it (mode {stat.S_IMODE(found.st_mode):04o})"
    return "too large" if found.st_size > _LARGEST else None


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
    with _open(path.parent, _DIRECTORY) as directory:
        _sync(directory)


def _make_private(name: str | Path, directory: int | None = None) -> None:
    """Create a directory that its owner may use, whatever the umask."""
    os.mkdir(name, _PRIVATE, dir_fd=directory)
    if os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode & _PRIVATE != _PRIVATE:
        os.chmod(name, _PRIVATE, dir_fd=directory)


def _sync(directory: Descriptor) -> None:
    """Flush what was created or renamed in it to disk, unless the file system cannot."""
    try:
        os.fsync(directory.number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _is(lock: Descriptor, directory: Descriptor) -> bool:
    """Whether the lock that we hold is that of this directory. Both may have been removed, and made anew."""
    try:
        named = os.stat(_LOCK, dir_fd=directory.number, follow_symlinks=False)
        return lock.ours and os.path.samestat(named, lock.first)
    except FileNotFoundError:
        return False


def _write(name: str, data: bytes, directory: Descriptor) -> None:
    with _open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, directory) as file:
        fault = _fault(file.first)
        if fault is not None:  # such are file systems that know no modes
            raise OSError(errno.EPERM, f"nothing is private here: {fault}")
        left = memoryview(data)
        while left:
            left = left[os.write(file.number, left) :]
        os.fsync(file.number)


def _forget_oldest(directory: Descriptor, numbers: tuple[int, ...]) -> None:
    size = kept = 0
    for number in reversed(numbers):
        with suppress(FileNotFoundError):
            size += os.stat(_name(number), dir_fd=directory.number, follow_symlinks=False).st_size
        if kept == MAX_STATES or (kept >= MIN_STATES and size > MAX_BYTES):
            break
        kept += 1
    for number in numbers[: len(numbers) - kept]:  # the oldest first: whoever dies here leaves no gap
        with suppress(FileNotFoundError):
            os.unlink(_name(number), dir_fd=directory.number)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _shown(path: Path) -> str:
    return printable(str(path))
