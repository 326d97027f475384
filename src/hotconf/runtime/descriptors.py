"""A descriptor is a number, and the program may close any number: a daemon closes all that it does not know.

The rule: a descriptor of ours is used or closed only after it was made sure that the number still stands for what we
opened. `fstat` cannot tell, because the kernel's anonymous files share one inode. So each open file is marked when it
is opened, with the signal number of `F_SETSIG`: the kernel keeps it with the open file, for copies after a fork, too,
and it has no effect unless somebody asks for `O_ASYNC`. Beside it, `/proc/self/fd` must name the kind.

Nothing of ours is ever written to: `timerfd_settime`, `inotify_add_watch` and `epoll_wait` check the kind themselves.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hotconf.runtime import system

TIMER: Final = "anon_inode:[timerfd]"
EPOLL: Final = "anon_inode:[eventpoll]"
INOTIFY: Final = "anon_inode:inotify"

_marks: Final = itertools.cycle(range(36, 65))
"""Real-time signals that no C library keeps for itself. They differ, so that of two of ours each is known."""
_LONGEST: Final = 64


CLOSED: Final = "the program closed a descriptor of hotconf's"


class ClosedError(OSError):
    """The number does not stand any more for what we opened."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, CLOSED)


class Descriptor:
    """One open file of the kernel's, of the kind `TIMER`, `EPOLL` or `INOTIFY`, made by `make`. Raises `OSError`."""

    __slots__ = ("_kind", "_mark", "_number")

    def __init__(self, kind: str, make: Callable[[], int]) -> None:
        self._kind = kind
        self._number = make()
        self._mark = _marked(self._number)

    @property
    def ours(self) -> bool:
        """Whether the number stands for it."""
        if self._number < 0:
            return False
        try:
            mark = system.fcntl(self._number, system.F_GETSIG)
        except OSError as error:
            return error.errno != errno.EBADF and self._is_of_kind(otherwise=False)
        return mark == self._mark or (self._mark is None and self._is_of_kind(otherwise=False))

    @property
    def number(self) -> int:
        """For a call that checks the kind. Use it at once. Raises `ClosedError`."""
        if not self.ours:
            raise ClosedError
        return self._number

    @property
    def sure(self) -> int:
        """To read from or to close. Use it at once. Raises `ClosedError`."""
        if not (self.ours and self._is_of_kind(otherwise=True)):
            raise ClosedError
        return self._number

    def close(self) -> None:
        """Close it, unless the program has done so. May be repeated."""
        try:
            number = self.sure
        except ClosedError:
            number = -1
        # Forgotten before it is closed: a fork between the two must not have the child close another's.
        self._number = -1
        if number >= 0:
            with suppress(OSError):  # whatever is said, it is closed
                (system.close_slowly if self._kind == INOTIFY else system.close)(number)

    def _is_of_kind(self, *, otherwise: bool) -> bool:
        """As `/proc` says; `otherwise` if there is no `/proc`."""
        buffer = ctypes.create_string_buffer(_LONGEST)
        try:
            length = system.readlink(b"/proc/self/fd/%d" % self._number, buffer, _LONGEST)
        except OSError:
            return otherwise
        return os.fsdecode(buffer.raw[:length]) == self._kind


def _marked(number: int) -> int | None:
    """Mark it. None where that is refused: then the kind has to do."""
    mark = next(_marks)
    try:
        system.fcntl(number, system.F_SETSIG, mark)
    except OSError:
        return None
    return mark
