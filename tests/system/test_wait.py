"""One wait for everything: a wake-up, a deadline, a descriptor."""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from hotconf.system import linux, wait
from hotconf.system.wait import NEVER, KernelWaiter, ThreadWaiter, best_waiter

if sys.platform != "linux":
    pytest.skip("the kernel's waiter is Linux's", allow_module_level=True)

SECOND = 1_000_000_000
SOON = 30_000_000


@pytest.fixture(params=["kernel", "no ioctl", "threads"])
def waiter(request, monkeypatch):
    """Each kind of waiter; the descriptors that it took, it gives back."""
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names only)
    waiter = ThreadWaiter("no descriptors") if request.param == "threads" else KernelWaiter()
    if request.param == "no ioctl":
        monkeypatch.setattr(linux, "SET_TICKS", 0)
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


def test_the_longest_wait_of_a_thread():
    """May be another one; it is woken as ever."""
    for longest in (1, SOON, 1 << 50):
        waiter = ThreadWaiter("no descriptors", longest)
        if longest <= SOON:
            waiter.wait(NEVER)
        waiter.wake()
        waiter.wait(NEVER)


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
    waiter.wait(NEVER)
    deadline = time.monotonic_ns() + SOON
    while time.monotonic_ns() < deadline:
        waiter.wait(deadline)


def test_a_wake_up_from_another_thread_ends_the_wait(waiter):
    """With a deadline far away, or none."""
    for deadline in (NEVER, time.monotonic_ns() + 3600 * SECOND):
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
    waiter.wait(NEVER)
    assert time.monotonic_ns() - began > 20_000_000
    timer.join()


def test_a_deadline_in_a_thousand_years_is_no_error(waiter):
    """Whatever a user takes for a long time."""
    waiter.wake()
    waiter.wait(time.monotonic_ns() + 10**12 * SECOND)


def test_a_wake_up_after_closing_touches_nothing():
    """The numbers of its descriptors may be those of the application's own timers by then."""
    waiter = KernelWaiter()
    waiter.close()
    timers = [linux.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK) for _ in range(4)]
    waiter.wake()
    for timer in timers:
        with pytest.raises(BlockingIOError):
            os.read(timer, 8)
        os.close(timer)


def test_a_signal_handler_may_wake_it(waiter):
    """In the midst of a wake-up in the same thread."""
    handler = signal.signal(signal.SIGUSR1, lambda *_: waiter.wake())
    try:
        for _ in range(100):
            waiter.wake()
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, handler)
    waiter.wait(NEVER)


@pytest.fixture
def kernel():
    """The kernel's waiter."""
    waiter = KernelWaiter()
    yield waiter
    waiter.close()


def test_events_end_the_wait(kernel, pipe):
    """For as long as they are there."""
    kernel.watch(pipe[0])
    kernel.wake()
    kernel.wait(NEVER)
    os.write(pipe[1], b"x")
    kernel.wait(NEVER)
    kernel.wake()
    kernel.wait(NEVER)
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
        kernel.wait(NEVER)
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
        kernel.wait(NEVER)
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


def descriptors(kind: str) -> list[int]:
    """Those of this kind in this process."""
    links = {int(each.name): each for each in Path("/proc/self/fd").iterdir()}
    return [number for number, link in links.items() if link.is_symlink() and kind in os.fspath(link.readlink())]


def test_descriptors_are_not_inherited(kernel):
    """A program that is executed gets none of ours."""
    ours = descriptors("eventpoll") + descriptors("timerfd")
    assert len(ours) >= 2
    assert not any(map(os.get_inheritable, ours))


def test_threads_can_wait_for_no_descriptor(pipe):
    """It says why, rather than stay silent."""
    with pytest.raises(OSError, match="epoll_create1: Function not implemented"):
        ThreadWaiter("epoll_create1: Function not implemented").watch(pipe[0])


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM, errno.EMFILE, errno.ENOMEM])
@pytest.mark.parametrize("call", ["timerfd_create", "timerfd_settime", "epoll_create1", "epoll_ctl", "epoll_wait"])
def test_what_the_kernel_refuses_is_named(monkeypatch, call, code):
    """Threads do instead; nothing is left open."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 (names only)

    def refuse(*_: object) -> int:
        raise OSError(code, f"{call}: {os.strerror(code)}")

    monkeypatch.setattr(linux, call, refuse)
    waiter = best_waiter()
    assert isinstance(waiter, ThreadWaiter)
    assert waiter.trouble == f"{call}: {os.strerror(code)}"
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_no_wait_is_for_ever(kernel, monkeypatch):
    """If the program closes the timer after it is set, it never fires."""
    epoll_wait = linux.epoll_wait
    timer = max(descriptors("timerfd"))

    def close_and_wait(*arguments: object) -> int:
        os.close(timer)
        return epoll_wait(*arguments)

    monkeypatch.setattr(wait, "LONGEST_NS", SOON)
    monkeypatch.setattr(linux, "epoll_wait", close_and_wait)
    kernel.wait(NEVER)


@pytest.mark.parametrize("error", [OSError(1, "no"), MemoryError()])
def test_who_wakes_is_told_of_no_trouble(kernel, monkeypatch, error):
    """It is not theirs. The next wait is none."""

    def refuse(*_: object) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(linux, "ioctl", refuse)
        patch.setattr(linux, "timerfd_settime", refuse)
        kernel.wake()
        kernel.wait(NEVER)


@pytest.mark.parametrize("which", ["_timer", "_epoll"])
def test_descriptors_that_the_program_closed_are_not_used(kernel, which):
    """Not even if the number stands for another file of the same kind."""
    ours = getattr(kernel, which)
    number = ours.number
    make = partial(linux.timerfd_create, time.CLOCK_MONOTONIC, 0) if which == "_timer" else select.epoll
    os.close(number)
    theirs = make()
    assert (theirs if which == "_timer" else theirs.fileno()) == number
    with pytest.raises(OSError, match="the program closed a descriptor"):
        kernel.wait(time.monotonic_ns() + SOON)
    kernel.wake()
    kernel.close()
    os.close(number) if which == "_timer" else theirs.close()
