"""Our threads take no signals, so that a signal that the program blocks reaches the thread that waits for it.

Rule 1: a thread of ours blocks all signals, except those of faults in its own code.
Rule 2: while it runs users' code, it blocks what the main thread blocks: child processes inherit that.

Only on Linux, where `/proc` shows the main thread's mask; elsewhere threads keep the masks that they inherit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_FAULTS: Final = ("SIGSEGV", "SIGFPE", "SIGILL", "SIGABRT", "SIGBUS", "SIGTRAP", "SIGSYS")
"""If blocked, they would end the process without a traceback by `faulthandler`."""
_RESERVED: Final = 0b111 << 31
"""Used by C libraries to stop all threads in `setuid`: signals 32 to 34."""
_KEPT: Final = sum(1 << getattr(signal, name) - 1 for name in _FAULTS if hasattr(signal, name))
_ALL: Final = (1 << 64) - 1 & ~(_KEPT | _RESERVED)
"""Bit 0 is signal 1."""


def block() -> None:
    """Block all signals in this thread: it runs no users' code."""
    if _of_main() is not None:  # or `run` could not undo it
        _set(_ALL)


def run(work: Callable[[], object]) -> None:
    """Run users' code in this thread, with the signals blocked that the main thread blocks."""
    blocked = _of_main()
    if blocked is None:
        work()
        return
    _set(blocked & ~_RESERVED)
    try:
        work()
    finally:
        _set(_ALL)


def _of_main() -> int | None:
    """The main thread's mask; None if that cannot be read."""
    if sys.platform != "linux":
        return None
    from hotconf.system import linux

    try:
        status = linux.contents(b"/proc/self/task/%d/status" % os.getpid())
        return int(status.partition(b"\nSigBlk:")[2].split(maxsplit=1)[0], 16)
    except (OSError, MemoryError, IndexError, ValueError):
        return None


def _set(mask: int) -> None:
    import ctypes

    from hotconf.system import linux

    try:
        linux.pthread_sigmask(signal.SIG_SETMASK, (ctypes.c_uint64 * 16)(mask), None)
    except (OSError, MemoryError):  # refused: then it stays as it is
        return
