"""One wait for everything: a wake-up, a deadline, a descriptor."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time

import pytest

from hotconf.runtime import wait
from hotconf.runtime.wait import KernelWaiter, ThreadWaiter, best_waiter

if sys.platform != "linux":
    pytest.skip("the kernel's waiter is Linux's", allow_module_level=True)

SECOND = 1_000_000_000
SOON = 30_000_000


def without_timerfd(patch: pytest.MonkeyPatch) -> KernelWaiter:
    """A waiter on a system whose C library has no timerfd."""
    patch.setattr(wait.ctypes, "PyDLL", lambda name: object())
    return KernelWaiter()


@pytest.fixture(params=["timerfd", "no timerfd", "threads"])
def waiter(request, monkeypatch):
    """Each kind of waiter; the descriptors that it took, it gives back."""
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names only)
    if request.param == "threads":
        waiter = ThreadWaiter()
    else:
        waiter = KernelWaiter() if request.param == "timerfd" else without_timerfd(monkeypatch)
    yield waiter
    waiter.close()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.fixture
def pipe():
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_the_best_one_here_is_the_kernels():
    """Elsewhere threads have to do."""
    waiter = best_waiter()
    assert isinstance(waiter, KernelWaiter)
    waiter.close()


def test_it_waits_until_the_deadline_and_no_less(waiter):
    """Also the second time for the same one, and for the next ones, later or earlier."""
    for distance in (SOON, 2 * SOON, SOON // 2):
        deadline = time.monotonic_ns() + distance
        while time.monotonic_ns() < deadline:
            waiter.wait(deadline)
        began = time.monotonic_ns()
        waiter.wait(deadline)
        assert time.monotonic_ns() - began < SECOND


def test_a_deadline_in_the_past_is_no_wait(waiter):
    """Whether it is long past or was never ahead."""
    for deadline in (0, 1, time.monotonic_ns(), 0):
        waiter.wait(deadline)


def test_a_wake_up_before_the_wait_ends_it(waiter):
    """It is not lost, however many there were; and it ends one wait only."""
    for _ in range(1000):
        waiter.wake()
    waiter.wait(None)
    deadline = time.monotonic_ns() + SOON
    while time.monotonic_ns() < deadline:
        waiter.wait(deadline)


def test_a_wake_up_from_another_thread_ends_the_wait(waiter):
    """With a deadline far away, or none."""
    for deadline in (None, time.monotonic_ns() + 3600 * SECOND):
        timer = threading.Timer(0.02, waiter.wake)
        timer.start()
        waiter.wait(deadline)
        timer.join()


def test_a_deadline_that_is_gone_wakes_nobody(waiter):
    """After a wait for a near deadline comes one for none."""
    waiter.wait(time.monotonic_ns() + SOON)
    timer = threading.Timer(0.05, waiter.wake)
    timer.start()
    began = time.monotonic_ns()
    waiter.wait(None)
    assert time.monotonic_ns() - began > 20_000_000
    timer.join()


def test_a_deadline_in_a_thousand_years_is_no_error(waiter):
    """Whatever a user takes for a long time."""
    waiter.wake()
    waiter.wait(time.monotonic_ns() + 10**12 * SECOND)


@pytest.mark.parametrize("make", [KernelWaiter, ThreadWaiter])
def test_a_wake_up_after_closing_touches_nothing(make):
    """The number of its descriptor may be somebody else's by then: bytes too many in a file of the application's."""
    waiter = make()
    waiter.close()
    ends = [os.pipe() for _ in range(4)]
    waiter.wake()
    for reader, writer in ends:
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 8)
        os.close(reader)
        os.close(writer)


def test_a_signal_handler_may_wake_it(waiter):
    """In the midst of a wake-up in the same thread."""
    handler = signal.signal(signal.SIGUSR1, lambda *_: waiter.wake())
    try:
        for _ in range(100):
            waiter.wake()
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, handler)
    waiter.wait(None)


@pytest.fixture(params=["timerfd", "no timerfd"])
def kernel(request, monkeypatch):
    """The kernel's waiter, with and without timerfd."""
    waiter = KernelWaiter() if request.param == "timerfd" else without_timerfd(monkeypatch)
    yield waiter
    waiter.close()


def test_events_end_the_wait(kernel, pipe):
    """For as long as they are there."""
    kernel.watch(pipe[0])
    kernel.wake()
    kernel.wait(None)
    os.write(pipe[1], b"x")
    kernel.wait(None)
    kernel.wake()
    kernel.wait(None)
    os.read(pipe[0], 1)
    deadline = time.monotonic_ns() + SOON
    while time.monotonic_ns() < deadline:
        kernel.wait(deadline)


def test_each_of_several_descriptors_ends_it(kernel, pipe):
    """Two observers may be in use in one process."""
    others = os.pipe()
    kernel.watch(pipe[0])
    kernel.watch(others[0])
    for reader, writer in (pipe, others):
        os.write(writer, b"x")
        kernel.wait(None)
        os.read(reader, 1)
        kernel.wait(time.monotonic_ns())
    for end in others:
        os.close(end)


def test_descriptors_past_1024(pipe):
    """An application may have many files open: `select` would raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("no such descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    blocked = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while blocked[-1] < 1100:
            blocked.append(os.dup(blocked[0]))
        kernel, high = KernelWaiter(), os.dup(pipe[0])
        kernel.watch(high)
        os.write(pipe[1], b"x")
        assert high > 1024
        kernel.wait(None)
        os.read(high, 1)
        deadline = time.monotonic_ns() + SOON
        while time.monotonic_ns() < deadline:
            kernel.wait(deadline)
        kernel.close()
        os.close(high)
    finally:
        for descriptor in blocked:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_are_not_inherited(kernel):
    """A program that is executed gets none of ours."""
    assert not os.get_inheritable(kernel._wake)
    if kernel._timer.descriptor >= 0:
        assert not os.get_inheritable(kernel._timer.descriptor)


def test_threads_can_wait_for_no_descriptor(pipe):
    """It says so, rather than never to tell."""
    with pytest.raises(OSError, match="no descriptors are left"):
        ThreadWaiter().watch(pipe[0])


def test_no_timer_left_is_no_failure(monkeypatch):
    """Where the kernel gives no timerfd, timeouts do."""
    ends = os.pipe()

    class NoTimers:
        def timerfd_create(self, clock: int, flags: int) -> int:
            return -1

    monkeypatch.setattr(wait.ctypes, "PyDLL", lambda name: NoTimers())
    waiter = KernelWaiter()
    deadline = time.monotonic_ns() + SOON
    while time.monotonic_ns() < deadline:
        waiter.wait(deadline)
    waiter.close()
    for end in ends:
        os.close(end)
