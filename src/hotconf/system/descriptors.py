"""A descriptor is a number, and the program may close ours: a daemon closes all descriptors that it does not know.

The rule: before we use or close a descriptor, we check that the number still refers to what we opened. `fstat`
cannot show that, because the kernel's anonymous files share one inode. So each file is marked when it is
opened, with the signal number of `F_SETSIG`: the kernel keeps it with the open file, in copies after a fork, too, and
it has no effect without `O_ASYNC`. Where files cannot be marked, `/proc/self/fd` must name the kind.

We never write to a descriptor; `timerfd_settime`, `inotify_add_watch` and `epoll_wait` check the kind as well.
"""

from __future__ import annotations

import errno
import itertools
import operator
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final, Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TIMER: Final = "anon_inode:[timerfd]"
EPOLL: Final = "anon_inode:[eventpoll]"
INOTIFY: Final = "anon_inode:inotify"
FILE: Final = "file"
"""Of the file system, on any POSIX system."""
CLOSED: Final = "the program closed a descriptor of hotconf's"

_marks: Final = itertools.cycle(range(36, 65))
"""Real-time signals that no C library reserves. They differ, so that two of our descriptors can be told apart."""
_SET_MARK: Final = getattr(fcntl, "F_SETSIG", None)
_GET_MARK: Final = getattr(fcntl, "F_GETSIG", None)


class ClosedError(OSError):
    """The number no longer refers to what we opened."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, CLOSED)


def refusal(error: Exception) -> str:
    """The text of the error, which names the call that was refused."""
    if not isinstance(error, OSError):
        return str(error) or type(error).__name__
    if error.errno == errno.EBADF:  # closed after our check
        return CLOSED
    text = error.strerror or str(error)
    # The kernel has one number for two limits.
    limits = error.errno == errno.EMFILE and text.startswith("inotify_init1")
    return f"{text} (fs.inotify.max_user_instances, ulimit -n)" if limits else text


def cause(error: BaseException) -> BaseException:
    """`error`, or the refusal of a descriptor that caused it.

    If two threads need the same module, and the first is refused a descriptor for it, the other one gets an
    `ImportError`, which says nothing of that.
    """
    if isinstance(error, ImportError):
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as refused:
            return refused
    return error


class _Owner:
    """Owns a descriptor on systems without epoll."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """The number."""
        return self._number

    def close(self) -> None:
        """Close it."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    __del__ = close


_own: Final[Any] = getattr(getattr(select, "epoll", None), "fromfd", _Owner)
"""Creates an object that owns a descriptor of any kind, and closes it when it is freed."""
_foreign: Final[list[object]] = []
"""Owners of numbers that now refer to something else: they must never be freed."""


class Descriptor:
    """One open file of the kind `TIMER`, `EPOLL`, `INOTIFY` or `FILE`, opened by `make`. Raises what that raises.

    An object in C owns the number, because a signal handler may raise between `make` and an assignment here.
    """

    __slots__ = ("_calls", "_kind", "_mark", "_number", "_owner", "first")

    def __init__(self, kind: str, make: Callable[[], int]) -> None:
        self._kind = kind
        self._calls = _calls(kind)
        self._owner: list[Any] = list(map(_own, map(operator.call, [make])))
        self._number: int = self._owner[0].fileno()
        self.first = os.fstat(self._number)
        """Of a `FILE`: its identity when it was opened."""
        self._mark: int | None = None
        if _SET_MARK is not None:
            mark = next(_marks)
            with suppress(OSError):
                self._mark = mark if self._calls.fcntl(self._number, _SET_MARK, mark) >= 0 else None
            if self._mark is None and not self._is_of_its_kind():
                raise OSError(errno.EPERM, f"fcntl: {os.strerror(errno.EPERM)}")

    @property
    def number(self) -> int:
        """The number, to be used at once. Raises `ClosedError` if the mark, or without one the kind, is another."""
        found = -1
        if self._mark is not None:
            with suppress(OSError):
                found = self._calls.fcntl(self._number, _GET_MARK)
        if found != self._mark and (found >= 0 or not self._is_of_its_kind()):
            raise ClosedError
        return self._number

    @property
    def ours(self) -> bool:
        """Whether the number still stands for it."""
        try:
            return self.number >= 0
        except ClosedError:
            return False

    def close(self) -> None:
        """Close it, unless the program has done so. Idempotent."""
        try:
            ours = self.ours
        except MemoryError:
            ours = self.ours
        self._number = -1
        if ours:
            with suppress(OSError):  # closed, whatever the error
                self._owner.pop().close()
        elif self._owner:
            _foreign.append(self._owner.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_of_its_kind(self) -> bool:
        try:
            if self._kind == FILE:
                return os.path.samestat(self.first, os.fstat(self._number))
            return bool(self._calls.kind_of(self._number) == self._kind)
        except OSError:  # closed, or there is no `/proc`
            return False


def _calls(kind: str) -> ModuleType:
    """The module with `fcntl`, and for the kernel's files `kind_of`.

    Our own keeps the GIL, but needs ctypes, which programs that only read files do not load.
    """
    if kind == FILE and "hotconf.system.linux" not in sys.modules:
        return fcntl
    from hotconf.system import linux

    return linux
