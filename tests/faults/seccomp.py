"""A filter of the kernel's that refuses system calls to this process, for good; it cannot be taken back."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from typing import Final

NUMBERS: Final = {
    "stat": 4,
    "lstat": 6,
    "poll": 7,
    "ioctl": 16,
    "fcntl": 72,
    "readlink": 89,
    "getdents64": 217,
    "epoll_wait": 232,
    "epoll_ctl": 233,
    "inotify_add_watch": 254,
    "inotify_rm_watch": 255,
    "openat": 257,
    "newfstatat": 262,
    "epoll_pwait": 281,
    "timerfd_create": 283,
    "timerfd_settime": 286,
    "eventfd2": 290,
    "epoll_create1": 291,
    "inotify_init1": 294,
    "statx": 332,
    "pidfd_open": 434,
}
"""Of x86-64."""

_SECCOMP: Final = 317
_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1
_NO_NEW_PRIVILEGES: Final = 38
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse(names: Iterable[str], code: int) -> None:
    """Have these calls of all threads fail with `code`. Raises `OSError` where no filter may be set."""
    if os.uname().machine != "x86_64":
        raise OSError("only the numbers of x86-64 are known")
    numbers = [NUMBERS[name] for name in names]
    lines = [(_LOAD, 0, 0, 0)]
    lines += [(_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | code)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = _Program(len(lines), ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(_SECCOMP, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
