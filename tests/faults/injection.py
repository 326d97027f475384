"""Makes hotconf's system calls fail: the n-th of one name, once, or all of them.

The calls that count are those in `SYSTEM` (of `hotconf.system.linux`), in `OS` and in `THREADS`, if hotconf's own
code makes them, directly or through `os.path` and the like. Those of the program, of pytest and of logging do not.

    faults = Faults()
    with faults.armed(Once("os.open", 2, errno.EMFILE)):  # or Always("system.epoll_wait", errno.EPERM), or Count()
        ...
    faults.calls, faults.hits  # the names of the calls that were made, and of those that failed

To have another call fail, add its name to the tuple that it belongs to.
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple, Protocol

import pytest

from hotconf.system import linux

SYSTEM: Final = (
    *("close", "epoll_create1", "epoll_ctl", "epoll_wait", "fcntl", "inotify_add_watch"),
    *("inotify_init1", "inotify_rm_watch", "ioctl", "read", "readlink", "timerfd_create", "timerfd_settime"),
)
OS: Final = (
    *("access", "close", "fchmod", "fchown", "fstat", "fsync", "ftruncate", "listdir", "lstat", "mkdir", "open"),
    *("pread", "read", "readlink", "rename", "replace", "rmdir", "scandir", "stat", "unlink", "urandom", "write"),
)
THREADS: Final = ((_thread, "start_new_thread"), (threading, "_start_new_thread"))
_write: Final = os.write
CLOSE: Final = "close"
"""Whatever it returns, the descriptor is closed."""
BETWEEN: Final = {"posixpath", "genericpath", "pathlib", "pathlib._local", "threading", "contextlib", "os"}
"""Modules through which hotconf calls the system."""
MEMORY: Final = -1
"""In the place of an error number: `MemoryError`."""
ONCE: Final = (errno.EMFILE, errno.EAGAIN, errno.ENOMEM, errno.EINTR, MEMORY)
FOR_GOOD: Final = (errno.ENOSYS, errno.EPERM)


class Rule(Protocol):
    """Which calls fail, and with what."""

    code: int

    def strikes(self, number: int, name: str) -> bool:
        """Whether the n-th call of that name fails, counted from 1."""


class Count(NamedTuple):
    """None fails."""

    code: int = 0

    def strikes(self, number: int, name: str) -> bool:
        return False


class Once(NamedTuple):
    """The n-th of that name: so it is the same one, in whatever order the threads come."""

    name: str
    at: int
    code: int

    def strikes(self, number: int, name: str) -> bool:
        return (name, number) == (self.name, self.at)


class Always(NamedTuple):
    """All of that name."""

    name: str
    code: int

    def strikes(self, number: int, name: str) -> bool:
        return name == self.name


class Faults:
    """Injects faults, in the whole process and all of its threads."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.hits: list[str] = []
        self._rule: Rule = Count()

    @contextmanager
    def armed(self, rule: Rule) -> Iterator[None]:
        """While this lasts, calls fail by `rule`, and are counted from 0."""
        self.calls, self.hits, self._rule = [], [], rule
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name in SYSTEM:
                self._wrap(patch, linux, name, f"system.{name}")
            for name in OS:
                self._wrap(patch, os, name, f"os.{name}")
            for module, name in THREADS:
                self._wrap(patch, module, name, "thread")
            for name in ("fcntl", "flock"):
                self._wrap(patch, fcntl, name, f"fcntl.{name}")
            yield

    def _wrap(self, patch: pytest.MonkeyPatch, module: Any, name: str, shown: str) -> None:
        real: Callable[..., Any] = getattr(module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if not _is_ours(sys._getframe(1)) or not self._strikes(shown):
                return real(*arguments, **named)
            if name == CLOSE:
                real(*arguments, **named)
            raise _error(self._rule.code, shown)

        patch.setattr(module, name, call)

    def _strikes(self, shown: str) -> bool:
        self.calls.append(shown)
        if not self._rule.strikes(self.calls.count(shown), shown):
            return False
        self.hits.append(shown)
        if len(self.hits) == 1:
            _write(2, f"fails: {shown}\n".encode())  # for those that hang
        return True


def _is_ours(frame: Any) -> bool:
    """Whether hotconf makes the call."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("hotconf."):
            return True
        if name not in BETWEEN:
            return False
        frame = frame.f_back
    return False


def _error(code: int, shown: str) -> BaseException:
    if code == MEMORY:
        return MemoryError(f"injected into {shown}")
    if shown == "thread":
        return RuntimeError("can't start new thread")
    return OSError(code, f"{shown.removeprefix('system.')}: {os.strerror(code)}")


def named(code: object) -> str:
    """`EMFILE`, or `MemoryError`; what is no number as it is."""
    if not isinstance(code, int):
        return str(code)
    return "MemoryError" if code == MEMORY else errno.errorcode[code]
