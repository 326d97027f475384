"""One wait for everything: a descriptor with events, a wake-up from another thread, and a deadline."""

from __future__ import annotations

import ctypes
import os
import select
import sys
import threading
import time
from contextlib import suppress
from typing import Final, Protocol

LAST_LEG_NS: Final = 20_000_000
"""`poll` is late by 0.1 % of its timeout; where there is no timerfd a second, short wait makes up for it."""

LONGEST_NS: Final = 3_600_000_000_000
"""`poll` and `Event.wait` refuse some timeouts that are longer; who waits is woken too early, and waits again."""


class Waiter(Protocol):
    """Waits in one thread; may be woken from any other."""

    def watch(self, descriptor: int) -> None:
        """Wait for events of `descriptor`, too."""

    def wait(self, deadline: int | None) -> None:
        """Until `deadline` (`time.monotonic_ns`), a wake-up, or events."""

    def wake(self) -> None:
        """End the wait that is under way, or the next one. From any thread and from signal handlers, even closed."""

    def close(self) -> None:
        """Give back the descriptors."""

    def locks(self) -> tuple[threading.RLock, ...]:
        """What to take before a fork."""

    def abandon(self) -> None:
        """In the child of a fork: close the copies of the descriptors, which are the parent's."""


def best_waiter() -> Waiter:
    """The best one that this platform has."""
    return KernelWaiter() if sys.platform == "linux" else ThreadWaiter()


class KernelWaiter:
    """Linux: `poll` on the descriptor, an eventfd and a timerfd, which is late by 0.2 ms at any distance."""

    __slots__ = ("_lock", "_poll", "_timer", "_wake")

    def __init__(self) -> None:
        # After closing, the number of the eventfd may be somebody else's. Reentrant, for signal handlers.
        self._lock = threading.RLock()
        self._poll = select.poll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._timer = _Timer()
        self._poll.register(self._wake, select.POLLIN)
        if self._timer.descriptor >= 0:
            self._poll.register(self._timer.descriptor, select.POLLIN)

    def watch(self, descriptor: int) -> None:
        """See `Waiter.watch`."""
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, deadline: int | None) -> None:
        """See `Waiter.wait`."""
        ready = self._poll.poll(self._timer.set(deadline))
        # Only what is needed: each system call that gives up the GIL can cost a switch interval before a commit.
        if any(descriptor == self._wake for descriptor, _ in ready):
            os.eventfd_read(self._wake)

    def wake(self) -> None:
        """See `Waiter.wake`."""
        with self._lock, suppress(BlockingIOError):
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """See `Waiter.close`."""
        with self._lock:
            descriptor, self._wake = self._wake, -1
            if descriptor >= 0:
                os.close(descriptor)
        self._timer.close()

    def locks(self) -> tuple[threading.RLock, ...]:
        """See `Waiter.locks`."""
        return (self._lock,)

    def abandon(self) -> None:
        """See `Waiter.abandon`."""
        self._lock = threading.RLock()
        self.close()


class _Itimerspec(ctypes.Structure):
    """Of two times the first, the interval, is left zero: it rings once."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("interval_s", "interval_ns", "seconds", "nanoseconds"))


class _Timer:
    """timerfd_create(2), which Python has from 3.13 on. Without it: timeouts for `poll`."""

    __slots__ = ("_armed", "_libc", "_spec", "descriptor")

    _ABSOLUTE = 1

    def __init__(self) -> None:
        self._libc = ctypes.PyDLL(None)  # keeps the GIL: arming takes less than giving it up
        self._armed: int | None = None
        self._spec = _Itimerspec()
        create = getattr(self._libc, "timerfd_create", None)
        self.descriptor: int = create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC) if create else -1

    def set(self, deadline: int | None) -> float | None:
        """Arm for `deadline`; the timeout to give to `poll`, in milliseconds, None for no limit."""
        if self.descriptor < 0:
            return _timeout_ms(deadline)
        if deadline != self._armed or (deadline is not None and deadline <= time.monotonic_ns()):
            spec = self._spec
            spec.seconds, spec.nanoseconds = divmod(max(deadline, 1) if deadline is not None else 0, 1_000_000_000)
            self._libc.timerfd_settime(self.descriptor, self._ABSOLUTE, ctypes.byref(spec), None)
            self._armed = deadline
        return None

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _timeout_ms(deadline: int | None) -> float | None:
    if deadline is None:
        return None
    left = min(deadline - time.monotonic_ns(), LONGEST_NS)
    if left > 2 * LAST_LEG_NS:
        left -= LAST_LEG_NS
    return max(0.0, left / 1e6)


class ThreadWaiter:
    """Anywhere: an event between threads; there is no descriptor to wait for."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def watch(self, descriptor: int) -> None:  # noqa: ARG002 (none can be waited for)
        """See `Waiter.watch`: on Linux this is only used where none are left, and elsewhere there are none."""
        raise OSError("no descriptors are left to wait with")

    def wait(self, deadline: int | None) -> None:
        """See `Waiter.wait`."""
        timeout = _timeout_ms(deadline)
        self._event.wait(None if timeout is None else timeout / 1000)
        self._event.clear()

    def wake(self) -> None:
        """See `Waiter.wake`."""
        self._event.set()

    def close(self) -> None:
        """See `Waiter.close`."""

    def locks(self) -> tuple[threading.RLock, ...]:
        """See `Waiter.locks`."""
        return ()

    def abandon(self) -> None:
        """See `Waiter.abandon`."""
        self._event = threading.Event()
