"""A worker runs its jobs in order, whatever happens to its thread, and reports what happened."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hotconf.runtime import threads, worker
from hotconf.runtime.worker import MOST_HUNG, Worker
from waiting import wait_until

LONG_S = 30


class Told(list[str]):
    """What a worker reported."""

    def __call__(self, text: str, error: BaseException | None) -> None:
        self.append(f"{text}: {type(error).__name__}" if error is not None else text)


@pytest.fixture
def told() -> Told:
    """What the worker of `make` reports."""
    return Told()


@pytest.fixture
def make(told: Told) -> Iterator[Callable[..., Worker]]:
    """Makes workers; at the end none has a thread."""
    made: list[Worker] = []

    def make(**how: bool) -> Worker:
        made.append(Worker("hotconf test", told, **how))
        return made[-1]

    yield make
    for each in made:
        assert each.stop(LONG_S)
    assert not names()


def names() -> list[str]:
    """The threads of workers."""
    return [thread.name for thread in threading.enumerate() if thread.name == "hotconf test"]


class Death(BaseException):
    """Sent into a thread."""


def kill(thread: threads.Thread) -> None:
    """Raise `Death` in it, wherever it is."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread._ident), ctypes.py_object(Death))


def refused(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No thread can be started."""

    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    return monkeypatch


@pytest.mark.parametrize("stays", [False, True])
def test_jobs_are_done_in_order_from_any_thread(make, stays):
    """By one thread at a time, none twice; one that does not stay leaves no thread."""
    made, done = make(stays=stays), []
    submitting = [
        threading.Thread(
            target=lambda first=first: [made.submit(lambda n=n: done.append(n)) for n in range(first, 3000, 3)]
        )
        for first in range(3)
    ]
    for thread in submitting:
        thread.start()
    for thread in submitting:
        thread.join()
    wait_until(lambda: len(done) == 3000)
    assert sorted(done) == list(range(3000))
    for first in range(3):
        assert [n for n in done if n % 3 == first] == list(range(first, 3000, 3))
    if not stays:
        assert made.join(LONG_S)
        assert not names()


def test_a_refused_thread_is_told_once_and_tried_again(make, told, monkeypatch):
    """By the next job, and by its supervisor; the jobs wait, and the trouble is over when they run."""
    made, done = make(stays=True), []
    with monkeypatch.context() as patch:
        refused(patch)
        made.submit(lambda: done.append(1))
        made.submit(lambda: done.append(2))
        made.supervise()
        assert made.at_work
        assert made.trouble.text == "the thread hotconf test cannot be started: can't start new thread"
        assert not made.join(0.1)
    assert not done
    made.supervise()
    wait_until(lambda: done == [1, 2])
    assert made.trouble is None
    assert told == ["the thread hotconf test cannot be started: can't start new thread"]


@pytest.mark.parametrize("rescue", ["submit", "supervise"])
def test_a_dead_thread_is_replaced(make, told, monkeypatch, rescue):
    """Its job is rerun, first, by the next job's thread or under supervision."""
    made, done, running = make(stays=True, again=True), [], threading.Event()
    dying = True

    def serve(self: Worker, shift: worker._Shift) -> None:
        if not dying:
            return served(self, shift)
        shift.job = self._jobs.popleft()
        running.set()
        raise Death

    served = Worker._serve
    monkeypatch.setattr(Worker, "_serve", serve)
    monkeypatch.setattr(Worker, "_run", lambda self, shift: self._serve(shift))  # so that nothing guards it
    made.submit(lambda: done.append(1))
    assert running.wait(LONG_S)
    wait_until(lambda: not made._shift.thread.alive)
    dying = False
    if rescue == "submit":
        made.submit(lambda: done.append(2))
    else:
        made.supervise()
    wait_until(lambda: done == ([1, 2] if rescue == "submit" else [1]))
    assert told == ["the thread hotconf test died, and another is started: Death"]


def test_death_at_any_moment_loses_no_job(make, told):
    """A hundred exceptions sent into the thread while it works: with supervision every job is done, in the end."""
    made, done = make(stays=True, again=True), set()
    number, until = 0, time.monotonic() + 5
    while number < 100 and time.monotonic() < until:
        made.submit(lambda number=number: (sum(range(1000)), done.add(number)))
        thread = made._shift and made._shift.thread
        time.sleep(0.001)
        if thread is not None and thread.alive:
            kill(thread)
        made.supervise()
        number += 1
    made.submit(lambda: done.add(-1))
    wait_until(lambda: (made.supervise(), done == {*range(number), -1})[1])
    assert any("Death" in text for text in told), told


def test_a_job_that_always_fails_does_not_spin(make, monkeypatch):
    """It is retried after a pause, and later jobs run meanwhile."""
    monkeypatch.setattr(worker, "AGAIN_S", 0.3)
    made, tries, done = make(stays=True, again=True), [], threading.Event()

    def fail() -> None:
        tries.append(time.monotonic())
        raise Death

    made.submit(fail)
    made.submit(done.set)
    assert done.wait(LONG_S)
    wait_until(lambda: len(tries) >= 6)
    assert tries[5] - tries[0] >= 0.6


def test_without_again_a_job_runs_once(make, told):
    """What may have been half done is not repeated, but reported."""
    made, tries = make(), []

    def fail() -> None:
        tries.append(1)
        raise Death

    made.submit(fail)
    assert made.join(LONG_S)
    assert tries == [1]
    assert told == ["a job of the thread hotconf test failed: Death"]


def test_what_hangs_is_overtaken_and_told(make, told, monkeypatch):
    """Jobs behind it get another thread, up to a limit; then the trouble remains."""
    monkeypatch.setattr(worker, "OVERTAKE_NS", 0)
    monkeypatch.setattr(worker, "HUNG_NS", 0)
    made, gate, done, begun = make(stays=True, overtakes=True), threading.Event(), [], []
    for number in range(MOST_HUNG + 1):
        made.submit(lambda: (begun.append(1), gate.wait(LONG_S)))
        wait_until(lambda number=number: (made.supervise(), len(begun) == number + 1)[1])
    made.submit(lambda: done.append(1))
    made.supervise()
    assert len(names()) == MOST_HUNG + 1
    assert not done
    assert made.trouble.hung
    assert "has been at one job for" in made.trouble.text
    assert any("has been at one job for" in text for text in told)
    gate.set()
    wait_until(lambda: done)
    wait_until(lambda: (made.supervise(), len(names()) == 1)[1])
    wait_until(lambda: made.trouble is None)


def test_who_does_not_overtake_waits(make, monkeypatch):
    """Callbacks come one at a time, however long one takes."""
    monkeypatch.setattr(worker, "OVERTAKE_NS", 0)
    made, gate, done, begun = make(stays=True), threading.Event(), [], threading.Event()
    made.submit(lambda: (begun.set(), gate.wait(LONG_S)))
    made.submit(lambda: done.append(1))
    assert begun.wait(LONG_S)
    made.supervise()
    assert len(names()) == 1
    assert not done
    gate.set()
    wait_until(lambda: done)


def test_it_never_waits_for_itself(make):
    """A job may stop its own worker."""
    made, results = make(stays=True), []
    made.submit(lambda: results.append(made.stop(LONG_S)))
    wait_until(lambda: results == [False])
    wait_until(lambda: not names())


def test_a_child_of_a_fork_begins_anew(make):
    """Its worker has no jobs and no thread, and does the child's."""
    made, gate = make(stays=True), threading.Event()
    made.submit(lambda: gate.wait(LONG_S))
    made.submit(lambda: None)
    pid = os.fork()
    if pid == 0:
        made.abandon()
        done = threading.Event()
        made.submit(done.set)
        os._exit(0 if done.wait(LONG_S) else 1)
    gate.set()
    assert os.waitpid(pid, 0)[1] == 0
