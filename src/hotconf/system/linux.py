"""Linux system calls that Python lacks, or has only in a form that releases the GIL.

A failed call raises `OSError`, whose text names the call: `inotify_add_watch: Operation not permitted`. No decisions
here, and nothing else calls the C library, so that tests can make every call fail.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from typing import Any, Final

EPOLLIN: Final = 0x1
EPOLL_CTL_ADD: Final = 1
SET_TICKS: Final = 0x40085400
"""`TFD_IOC_SET_TICKS`: makes a timer fire a number of times. Kernels may be built without it."""
ABSOLUTE: Final = 1
"""`TFD_TIMER_ABSTIME`."""


class EpollEvent(ctypes.Structure):
    """`struct epoll_event`, which x86-64 packs."""

    if sys.platform == "linux" and os.uname().machine == "x86_64":
        _pack_ = 1
    _fields_ = (("events", ctypes.c_uint32), ("data", ctypes.c_uint64))


class TimerSpec(ctypes.Structure):
    """`struct itimerspec`. The interval stays zero: it fires once."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("interval_s", "interval_ns", "seconds", "nanoseconds"))


def _bind(library: ctypes.CDLL | None, name: str, passing: tuple[int, ...] = ()) -> Callable[..., int]:
    """The function of this name; it returns 0 for a failure that is `passing`."""
    function: Any = getattr(library, name, _absent)

    def call(*arguments: Any) -> int:
        result: int = function(*arguments)
        if result < 0:
            code = ctypes.get_errno() or errno.EIO
            if code in passing:
                return 0
            raise OSError(code, f"{name}: {os.strerror(code)}")
        return result

    return call


_NOTHING: Final = (errno.EAGAIN, errno.EINTR)
"""There is nothing to read, or a signal ended the wait: no error, and far too frequent to raise one."""


def kind_of(descriptor: int) -> str:
    """What `/proc` calls the file with this descriptor: `anon_inode:[timerfd]`, `/etc/passwd`."""
    size = 64
    buffer = ctypes.create_string_buffer(size)
    length = readlink(b"/proc/self/fd/%d" % descriptor, buffer, size)
    return os.fsdecode(buffer.raw[:length])


def contents(path: bytes) -> bytes:
    """The first 4 KB of a small file of `/proc`, read without releasing the GIL."""
    buffer = ctypes.create_string_buffer(4096)
    descriptor = open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        length = read(descriptor, buffer, len(buffer))
        return buffer.raw[:length]
    finally:
        close(descriptor)


def _absent(*_: Any) -> int:
    """Stands in for a function that this C library lacks."""
    ctypes.set_errno(errno.ENOSYS)
    return -1


# These keep the GIL: they do not wait, and next to a CPU-bound thread it takes 5 ms to get it back.
_quick: Final = ctypes.PyDLL(None, use_errno=True) if sys.platform == "linux" else None
_slow: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

close: Final = _bind(_quick, "close")
epoll_create1: Final = _bind(_quick, "epoll_create1")
epoll_ctl: Final = _bind(_quick, "epoll_ctl")
epoll_wait: Final = _bind(_slow, "epoll_wait", _NOTHING)
fcntl: Final[Callable[..., int]] = getattr(_quick, "fcntl", _absent)
"""Returns -1 if it fails, without the reason: it is called most often, and no caller needs one."""
inotify_add_watch: Final = _bind(_slow, "inotify_add_watch")
"""It follows a path, which may lead to a slow file system."""
inotify_init1: Final = _bind(_quick, "inotify_init1")
inotify_rm_watch: Final = _bind(_quick, "inotify_rm_watch")
read: Final = _bind(_quick, "read", _NOTHING)
readlink: Final = _bind(_quick, "readlink")
open: Final = _bind(_quick, "open")  # noqa: A001 - the call
pthread_sigmask: Final = _bind(_quick, "pthread_sigmask")
ioctl: Final = _bind(_quick, "ioctl")
timerfd_create: Final = _bind(_quick, "timerfd_create")
timerfd_settime: Final = _bind(_quick, "timerfd_settime")
