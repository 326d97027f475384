"""A descriptor is a number, and the program may close any of them: a daemon closes all that it does not know.

The rule: before we use or close a descriptor of ours, we check that the number still stands for what we opened.
`fstat` cannot show that, because the kernel's anonymous files share one inode. So each file is marked when it is
opened, with the signal number of `F_SETSIG`: the kernel keeps it with the open file, in copies after a fork, too, and
it has no effect without `O_ASYNC`. In addition, `/proc/self/fd` must name the kind.

We never write to a descriptor: `timerfd_settime`, `inotify_add_watch` and `epoll_wait` check the kind themselves.
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

from hotconf.system.memory import retried

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TIMER: Final = "anon_inode:[timerfd]"
EPOLL: Final = "anon_inode:[eventpoll]"
INOTIFY: Final = "anon_inode:inotify"
FILE: Final = "file"
"""One of the file system, on any POSIX system."""

_own: Final[Any] = getattr(getattr(select, "epoll", None), "fromfd", None)
"""Makes an object that owns a descriptor of any kind, and silently closes it when it is freed."""
_foreign: Final[list[object]] = []
"""Owners of numbers that now stand for something else: they are never freed."""

_marks: Final = itertools.cycle(range(36, 65))
"""Real-time signals that no C library reserves. They differ, so that two of our descriptors can be told apart."""
_SET_MARK: Final = getattr(fcntl, "F_SETSIG", None)
_GET_MARK: Final = getattr(fcntl, "F_GETSIG", None)


CLOSED: Final = "the program closed a descriptor of hotconf's"


class ClosedError(OSError):
    """The number no longer stands for what we opened."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, CLOSED)


def refusal(error: Exception) -> str:
    """What was refused; it names the call."""
    if not isinstance(error, OSError):
        return str(error) or type(error).__name__
    if error.errno == errno.EBADF:  # closed after our check
        return CLOSED
    text = error.strerror or str(error)
    # The kernel has one number for two limits.
    limits = error.errno == errno.EMFILE and text.startswith("inotify_init1")
    return f"{text} (fs.inotify.max_user_instances, ulimit -n)" if limits else text


class Descriptor:
    """One open file of the kind `TIMER`, `EPOLL`, `INOTIFY` or `FILE`, opened by `make`. Raises what that raises.

    If `make` is in C, a signal handler may raise after it has opened a `FILE` and before its number is assigned: so a
    C object owns the number, and closes it when the object is freed.
    """

    __slots__ = ("_calls", "_first", "_kind", "_mark", "_number", "_owner")

    def __init__(self, kind: str, make: Callable[[], int]) -> None:
        self._kind = kind
        self._calls = _calls(kind)
        self._mark: int | None = None
        self._first: os.stat_result | None = None
        self._owner: list[Any] = []
        if kind == FILE and _own is not None:
            self._owner.extend(map(_own, map(operator.call, [make])))
        self._number = self._owner[0].fileno() if self._owner else make()
        try:
            self._mark = self._marked()
            if kind == FILE:
                self._first = os.fstat(self._number)
        except BaseException:
            if not self._owner:
                os.close(self._number)
            raise

    @property
    def first(self) -> os.stat_result:
        """For a `FILE`: what `fstat` said when it was opened."""
        if self._first is None:
            raise AssertionError("files of the kernel's are all alike")
        return self._first

    @property
    def ours(self) -> bool:
        """Whether the number still stands for it."""
        if self._number < 0:
            return False
        if self._mark is None:
            return self._is_of_kind(otherwise=False)
        for _ in range(2):  # again, if that fails for lack of memory
            try:
                return bool(self._calls.fcntl(self._number, _GET_MARK) == self._mark)
            except OSError as error:
                if error.errno == errno.EBADF:
                    return False
        return self._is_of_kind(otherwise=False)

    @property
    def number(self) -> int:
        """For a call that checks the kind, or is harmless. Use it at once. Raises `ClosedError`."""
        if not self.ours:
            raise ClosedError
        return self._number

    @property
    def sure(self) -> int:
        """To read, write or close. Use it at once. Raises `ClosedError`."""
        if not self.ours or (self._kind != FILE and not self._is_of_kind(otherwise=True)):
            raise ClosedError
        return self._number

    def close(self) -> None:
        """Close it, unless the program has done so. Idempotent."""
        retried(self._close)

    def _close(self) -> None:
        try:
            number = self.sure
        except ClosedError:
            number = -1
        # Forgotten before it is closed: after a fork in between, the child must not close another file.
        self._number = -1
        if self._owner:
            if number >= 0:
                self._owner.pop().close()
            else:
                _foreign.append(self._owner.pop())
        elif number >= 0:
            with suppress(OSError):  # closed, whatever the error
                # Closing these takes no time, so do it at once.
                (self._calls.close if self._kind in (TIMER, EPOLL) else os.close)(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_of_kind(self, *, otherwise: bool) -> bool:
        """As the system reports; `otherwise` if it does not."""
        if self._first is not None:
            return _is_open(self._first, self._number)
        try:
            found: str = self._calls.kind_of(self._number)
        except OSError:  # there is no `/proc`
            return otherwise
        return found == self._kind

    def _marked(self) -> int | None:
        """Mark it. None if that is impossible: then its kind, or its inode, must do.

        Raises `OSError` if the kind of a kernel file cannot be determined, either: then it must not be used.
        """
        mark = next(_marks)
        if _SET_MARK is None:
            return None
        try:
            self._calls.fcntl(self._number, _SET_MARK, mark)
        except OSError:
            if self._kind != FILE and not self._is_of_kind(otherwise=False):
                raise
            return None
        return mark


def _calls(kind: str) -> ModuleType:
    """What has `fcntl`, and for kernel files `close` and `kind_of`.

    Preferably without releasing the GIL. But that takes ctypes, which programs that only read files do not load.
    """
    if kind == FILE and "hotconf.system.linux" not in sys.modules:
        return fcntl
    from hotconf.system import linux

    return linux


def _is_open(file: os.stat_result, number: int) -> bool:
    try:
        return os.path.samestat(file, os.fstat(number))
    except OSError:
        return False
