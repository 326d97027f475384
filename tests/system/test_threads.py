"""Native threads and locks, in plain programs and after gevent or eventlet patched."""

import gc
import os
import signal
import sys
import threading
import time
import weakref

import pytest

from hotconf.system import threads
from system.green import ORDERS, run_green
from waiting import wait_until

LONG_S = 30


class Interruption(BaseException):
    """What a signal handler raises."""


def raising(*_: object) -> None:
    """A signal handler that does."""
    raise Interruption


@pytest.fixture
def alarm():
    """Let a signal come soon, whose handler raises."""
    before = signal.signal(signal.SIGALRM, raising)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_it_runs_beside_and_ends():
    """A thread runs its target on a thread of its own; once it has ended it is not alive, and joined."""
    seen = []
    thread = threads.Thread(lambda: seen.append((thread.here, threads.ident())), "hotconf test")
    assert not thread.alive
    thread.start()
    assert thread.join(LONG_S)
    [(here, number)] = seen
    assert here
    assert not thread.here
    assert number != threads.ident()
    assert thread.error is None


def test_it_is_seen_by_name_while_it_runs():
    """`threading.enumerate()` shows it under its name, and no longer when it has ended."""
    going = threads.Event()
    thread = threads.Thread(going.wait, "hotconf test")
    thread.start()
    wait_until(lambda: "hotconf test" in [each.name for each in threading.enumerate()])
    going.set()
    assert thread.join(LONG_S)
    assert "hotconf test" not in [each.name for each in threading.enumerate()]


def test_one_that_raised_is_dead_and_says_why(monkeypatch):
    """Whatever ended it, even in its very last steps, it is not alive; `error` is what it raised."""

    def fail() -> None:
        raise Interruption

    thread = threads.Thread(fail, "hotconf test")
    thread.start()
    assert thread.join(LONG_S)
    assert isinstance(thread.error, Interruption)

    kept = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: kept.append(told.exc_value))  # with its frames
    monkeypatch.setattr(threads, "_take_leave", lambda number: fail())
    thread = threads.Thread(lambda: None, "hotconf test")
    thread.start()
    assert thread.join(LONG_S)
    wait_until(lambda: kept)
    assert not thread.alive


def test_one_that_could_not_start_may_be_started_again(monkeypatch):
    """A start that the system refuses raises `RuntimeError` and leaves the thread as it was."""
    refuse = True
    start = threads.original("_thread", "start_new_thread")

    def start_new_thread(*args: object) -> int:
        if refuse:
            raise RuntimeError("can't start new thread")
        return start(*args)

    monkeypatch.setattr("_thread.start_new_thread", start_new_thread)
    thread = threads.Thread(lambda: None, "hotconf test")
    with pytest.raises(RuntimeError) as caught:
        thread.start()
    assert caught.value
    assert not thread.alive
    refuse = False
    thread.start()
    assert thread.join(LONG_S)


def test_a_thread_is_not_alive_in_the_child_of_a_fork():
    """It runs in the parent only."""
    going = threads.Event()
    thread = threads.Thread(going.wait, "hotconf test")
    thread.start()
    pid = os.fork()
    if pid == 0:
        os._exit(int(thread.alive))
    assert os.waitpid(pid, 0)[1] == 0
    assert thread.alive
    going.set()
    assert thread.join(LONG_S)


def test_a_thread_that_ended_holds_nothing():
    """What it ran can be collected."""

    class Target:
        def __call__(self) -> None:
            pass

    target = Target()
    seen = weakref.ref(target)
    thread = threads.Thread(target, "hotconf test")
    thread.start()
    assert thread.join(LONG_S)
    del target, thread
    gc.collect()
    assert seen() is None


def test_a_signal_is_given_once_and_for_all():
    """Any number of threads waits for it, before and after; setting it twice does no harm."""
    given, woken = threads.Event(), []
    waiting = [threads.Thread(lambda: woken.append(given.wait(LONG_S)), "hotconf test") for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert not given.wait(0.01)
    given.set()
    given.set()
    assert all(thread.join(LONG_S) for thread in waiting)
    assert woken == [True] * 3
    assert given.wait()


def test_an_interrupted_wait_loses_nothing(alarm):
    """A handler that raises ends the wait; the next one sees what was given meanwhile."""
    given = threads.Event()
    alarm()
    with pytest.raises(Interruption):
        given.wait(LONG_S)
    given.set()
    assert given.wait(0)

    lock = threads.lock()
    lock.acquire()
    alarm()
    with pytest.raises(Interruption):
        threads.acquire(lock)
    lock.release()
    assert threads.acquire(lock, 0)


def test_a_lock_is_waited_for_as_long_as_is_said():
    """And a thread that acquires it holds it."""
    lock = threads.lock()
    assert threads.acquire(lock)
    began = time.monotonic()
    assert not threads.acquire(lock, 0.05)
    assert time.monotonic() - began >= 0.05
    assert not threads.acquire(lock, -1)
    lock.release()


@pytest.mark.parametrize(("name", "late"), ORDERS)
def test_a_native_thread_is_native_whatever_was_patched(tmp_path, name, late):
    """It runs next to a greenlet that never yields, and its locks, waits and sleeps stop no greenlet of the main
    thread.
    """
    program = """
        from hotconf.system import threads
        done, here, ticks = threads.Event(), threads.ident(), []
        def work():
            threads.original("time", "sleep")(0.05)
            seen.append(threads.ident() != here)
            done.set()
        seen = []
        thread = threads.Thread(work, "hotconf test")
        thread.start()
        while not done.is_set():  # no greenlet can run meanwhile
            pass
        assert seen == [True] and thread.join(30)

        def tick():
            while True:
                ticks.append(1)
                nap(0.001)
        spawn(tick)
        nap(0.01)
        held = threads.lock()
        held.acquire()
        signal, lock, pause = threads.Event().wait, lambda s: threads.acquire(held, s), threads.pause
        for wait in (lambda: signal(0.2), lambda: lock(0.2), lambda: pause(0.2)):
            before = len(ticks)
            assert not wait()
            assert len(ticks) > before + 5, len(ticks) - before
        assert hasattr(threads.original("select", "epoll"), "poll") or callable(threads.original("select", "epoll"))
        threads.original("select", "poll")().poll(0)
        given = threads.Event()
        threads.Thread(given.set, "hotconf test").start()
        assert given.wait(30)
        print("done")
    """
    assert run_green(program, name, late=late, cwd=tmp_path) == "done\n"


@pytest.mark.parametrize(("name", "late"), ORDERS)
def test_locks_made_before_the_patch_stay_native(tmp_path, name, late):
    """A lock and a thread from before go on as they were."""
    patch = {
        "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
        "eventlet": "import eventlet; eventlet.monkey_patch()",
    }
    program = f"""
        from hotconf.system import threads
        class Kept:
            __slots__ = ("lock",)
        kept = Kept()
        kept.lock = threads.rlock()
        going = threads.Event()
        thread = threads.Thread(going.wait, "hotconf test")
        thread.start()
        {patch[name]}
        for lock in (kept.lock, threads.rlock()):
            assert type(lock).__module__ == "_thread", type(lock)
        going.set()
        assert thread.join(30)
        print("done")
    """
    assert run_green(program, "none", late=late, cwd=tmp_path) == "done\n"
