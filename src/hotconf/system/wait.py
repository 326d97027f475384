"""One wait for everything: a descriptor with events, a wake-up from another thread, and a deadline."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from hotconf.system import linux, threads
from hotconf.system.descriptors import EPOLL, TIMER, Descriptor, refusal

NEVER: Final = 1 << 60
"""No deadline."""
LONGEST_NS: Final = 2_000_000_000
"""The longest wait: if the program closes our descriptors, nothing else ends the wait."""

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_ONE: Final = ctypes.c_uint64(1)


class Waiter(Protocol):
    """Waits in one thread; any other may wake it."""

    trouble: str | None
    """Why it cannot wait for descriptors; None if it can."""

    def watch(self, descriptor: int) -> None:
        """Also wait for events of `descriptor`. Raises `OSError` if that is refused."""

    def wait(self, deadline: int) -> None:
        """Wait until `deadline` (`time.monotonic_ns`), a wake-up or events; it may return early.

        Raises `OSError` if it can no longer wait: close it, and use another one.
        """

    def wake(self) -> None:
        """End the current wait, or the next one. Works in any thread and in signal handlers, and when closed."""

    def close(self) -> None:
        """Close the descriptors; in a forked child the copies of the parent's."""


def best_waiter() -> Waiter:
    """The best waiter that works; at worst one without descriptors, which knows why."""
    if sys.platform != "linux":
        return ThreadWaiter("not on this system")
    try:
        return KernelWaiter()
    except Exception as error:  # noqa: BLE001 - lack of memory, for instance
        return ThreadWaiter(refusal(error))


class KernelWaiter:
    """Linux: `epoll` on the descriptors and a timerfd, which is about 0.2 ms late however far the deadline.

    To wake it, the timer is made to fire at once: nothing is written or read. Tries all calls that it needs: raises
    `OSError` if one is refused.
    """

    __slots__ = ("_epoll", "_event", "_spec", "_timer", "_woken")

    trouble: str | None = None

    def __init__(self) -> None:
        self._woken = False
        self._event = linux.EpollEvent(linux.EPOLLIN)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._timer = Descriptor(TIMER, partial(linux.timerfd_create, time.CLOCK_MONOTONIC, flags))
        try:
            self._epoll = Descriptor(EPOLL, partial(linux.epoll_create1, os.O_CLOEXEC))
        except BaseException:
            self._timer.close()
            raise
        try:
            self.watch(self._timer.number)
            self._set(1)
            linux.epoll_wait(self._epoll.number, ctypes.byref(self._event), 1, 0)
        except BaseException:
            self.close()
            raise

    def watch(self, descriptor: int) -> None:
        """Wait for events of `descriptor`, too."""
        event = linux.EpollEvent(linux.EPOLLIN, descriptor)
        linux.epoll_ctl(self._epoll.number, linux.EPOLL_CTL_ADD, descriptor, ctypes.byref(event))

    def wait(self, deadline: int) -> None:
        """Wait until `deadline`, a wake-up or events."""
        now = time.monotonic_ns()
        if not self._woken and deadline > now:
            self._set(deadline)
            # The timer is more precise; but if the program closes it meanwhile, it never fires.
            timeout_ms = -(-min(deadline - now, LONGEST_NS) // _MILLISECOND) + 1
            # A wake-up from here on sets the timer after this.
            if not self._woken:
                linux.epoll_wait(self._epoll.number, ctypes.byref(self._event), 1, timeout_ms)
        self._woken = False

    def _set(self, deadline: int) -> None:
        """Make the timer fire then, instead of at an earlier setting."""
        spec = linux.TimerSpec()
        spec.seconds, spec.nanoseconds = divmod(deadline, _SECOND)
        linux.timerfd_settime(self._timer.number, linux.ABSOLUTE, ctypes.byref(spec), None)

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        self._woken = True
        # Closed, or no memory: the wait ends by itself, and notices then.
        with suppress(OSError, MemoryError):
            self._ring()

    def _ring(self) -> None:
        # Setting a time in the past takes 40 times as long: it sets the processor's own timer, which interrupts.
        try:
            linux.ioctl(self._timer.number, linux.SET_TICKS, ctypes.byref(_ONE))
        except (OSError, MemoryError):
            self._set(1)

    def close(self) -> None:
        """Close the descriptors."""
        self._timer.close()
        self._epoll.close()


class ThreadWaiter:
    """Any system: a lock that is released to wake. Cannot wait for descriptors."""

    __slots__ = ("_asleep", "_longest_ns", "trouble")

    def __init__(self, trouble: str, longest_ns: int = LONGEST_NS) -> None:
        """`longest_ns`: the longest wait."""
        self.trouble: str | None = trouble
        self._longest_ns = longest_ns
        self._asleep = threads.lock()
        self._asleep.acquire()

    def watch(self, descriptor: int) -> None:  # noqa: ARG002 (none can be waited for)
        """Wait for events of `descriptor`, too."""
        raise OSError(errno.ENOSYS, self.trouble)

    def wait(self, deadline: int) -> None:
        """Wait until `deadline`, a wake-up or events."""
        left = min(deadline - time.monotonic_ns(), self._longest_ns)
        self._asleep.acquire(timeout=max(0, left) / _SECOND)

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        with suppress(RuntimeError):  # woken by another thread
            self._asleep.release()

    def close(self) -> None:
        """Nothing to do: there is nothing to close."""
