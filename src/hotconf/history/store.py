"""The states that are kept of one configuration: files in a directory of its own, below the state directory.

Rule 1: every state is whole. It is written under another name, flushed to disk, and then renamed; nothing is ever
overwritten.
Rule 2: only what we wrote is read: the directory is private (`system.private`).
Rule 3: one process at a time writes. It holds a lock, which is released by its death at the latest.
Rule 4: there is never more than `MAX_STATES` states, and of `MAX_BYTES` only as many as the newest two need.

States that others could write meanwhile, because Kubernetes had opened the directory, are not read.

POSIX only.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from hotconf.history.record import Damage, Record, decode, encode
from hotconf.system import private
from hotconf.system.descriptors import ClosedError, Descriptor

MAX_STATES: Final = 100
MAX_BYTES: Final = 32 << 20
MIN_STATES: Final = 2
"""This many are kept, however large they are."""
SUPPORTED: Final = private.SUPPORTED

Stamp: TypeAlias = tuple[int, int, int, int]
"""Tells a file from what it was before."""

_NAME: Final = re.compile(r"(\d{8,18})\.state")
_TEMPORARY: Final = ".new-"
_LOCK: Final = "lock"
_PART: Final = 1 << 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


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

    def stamps(self) -> Mapping[int, Stamp]:
        """Each state, the oldest first, with what differs once it is written to or replaced. Raises as `numbers`."""
        try:
            with self._opened() as directory:
                found = {number: _stamp(directory, number) for number in _numbers(directory)}
        except FileNotFoundError:
            return {}
        return {number: stamp for number, stamp in found.items() if stamp is not None}

    def newest_first(self) -> Iterator[tuple[int, Record | Damage]]:
        """All states with their numbers. One that is removed meanwhile is passed over."""
        for number in reversed(self.numbers()):
            found = self.read(number)
            if found is not None:
                yield number, found

    def _read(self, directory: Descriptor, number: int) -> Record | Damage:
        try:
            file = private.open_file(_name(number), os.O_RDONLY | private.OPEN, directory)
        except FileNotFoundError:
            raise
        except OSError as error:
            return Damage("there is a link in its place" if error.errno in private.LINK else _reason(error))
        try:
            with file:
                fault = private.fault(file.first)
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
            lock = private.open_file(_LOCK, os.O_RDWR | os.O_CREAT | private.OPEN, directory)
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
                private.write(temporary, encode(replace(record, number=number)), directory)
                here = directory.number
                os.rename(temporary, _name(number), src_dir_fd=here, dst_dir_fd=here)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=directory.number)
                raise
            private.sync(directory)
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
        """The directory, open, which is ours and which only we can write to."""
        name = partial(_directory_of, self._main)
        with private.opened(self._root, name, to_write=to_write, make=make) as directory:
            yield directory


def _content(file: Descriptor) -> bytes:
    return b"".join(iter(lambda: os.read(file.number, _PART), b""))


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


def _stamp(directory: Descriptor, number: int) -> Stamp | None:
    try:
        found = os.stat(_name(number), dir_fd=directory.number, follow_symlinks=False)
    except FileNotFoundError:  # removed meanwhile
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is(lock: Descriptor, directory: Descriptor) -> bool:
    """Whether the lock that we hold is that of this directory. Both may have been removed, and made anew."""
    try:
        named = os.stat(_LOCK, dir_fd=directory.number, follow_symlinks=False)
        return lock.ours and os.path.samestat(named, lock.first)
    except FileNotFoundError:
        return False


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
