"""A worker runs its jobs in order, whatever happens to its thread, and reports what happened."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hotconf.system import threads, worker
from hotconf.system.worker import Worker
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


def kill() -> None:
    """Raise `Death` in the threads of workers, wherever they are."""
    for thread in threading.enumerate():
        if thread.name == "hotconf test":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Death))


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
        wait_until(lambda: not names())  # its last job is done, and it ends


@pytest.mark.parametrize("rescue", ["supervise", "join"])
def test_a_refused_thread_is_told_once_and_tried_again(make, told, monkeypatch, rescue):
    """By its supervisor, and by who waits for its end; the jobs wait, and the trouble is over when they run."""
    made, done = make(stays=rescue == "supervise"), []
    with monkeypatch.context() as patch:
        refused(patch)
        made.submit(lambda: done.append(1))
        made.submit(lambda: done.append(2))
        made.supervise()
        assert made.at_work
        assert made.trouble == "the thread hotconf test cannot be started: can't start new thread"
        assert not made.join(0.1)
    assert not done
    assert made.join(LONG_S) if rescue == "join" else made.supervise()
    wait_until(lambda: done == [1, 2])
    assert made.trouble is None
    assert told == ["the thread hotconf test cannot be started: can't start new thread"]


@pytest.mark.parametrize("rescue", ["submit", "supervise", "join"])
def test_a_dead_thread_is_replaced(rescue):
    """Its job is rerun first: by the next job's thread, by supervision, or while a caller waits for the end."""
    told, done = Told(), []

    def report(text: str, error: BaseException | None) -> None:
        told(text, error)
        if len(told) == 1:
            raise Death

    def fail_once() -> None:
        done.append(1)
        if len(done) == 1:
            raise Death

    made = Worker("hotconf test", report, stays=True)
    made.submit(fail_once)
    wait_until(lambda: told and not names())
    if rescue == "submit":
        made.submit(lambda: done.append(2))
    elif rescue == "supervise":
        made.supervise()
    else:
        assert not made.join(0.1)
    wait_until(lambda: done == ([1, 1, 2] if rescue == "submit" else [1, 1]))
    assert told == [
        "a job of the thread hotconf test failed: Death",
        "the thread hotconf test died and is replaced: Death",
    ]
    assert made.stop(LONG_S)


@pytest.mark.usefixtures("untraced")
def test_death_at_any_moment_loses_no_job(make, told):
    """A hundred exceptions sent into the thread while it works: with supervision every job is done, in the end."""
    made, done = make(stays=True), set()
    number, until = 0, time.monotonic() + 5
    while number < 100 and time.monotonic() < until:
        made.submit(lambda number=number: (sum(range(1000)), done.add(number)))
        time.sleep(0.001)
        kill()
        made.supervise()
        number += 1
    made.submit(lambda: done.add(-1))
    wait_until(lambda: (made.supervise(), done == {*range(number), -1})[1])
    assert any("Death" in text for text in told), told


def test_a_job_that_always_fails_does_not_spin(make, monkeypatch):
    """It is retried after a pause, and later jobs run meanwhile."""
    monkeypatch.setattr(worker, "RETRY_S", 0.3)
    made, tries, done = make(stays=True), [], threading.Event()

    def fail() -> None:
        tries.append(time.monotonic())
        raise Death

    made.submit(fail)
    made.submit(done.set)
    assert done.wait(LONG_S)
    wait_until(lambda: len(tries) >= 6)
    assert tries[5] - tries[0] >= 0.6


def test_after_a_stop_no_job_is_rerun(make, told):
    """What failed is reported, and the thread ends."""
    made, tries, running, gate = make(), [], threading.Event(), threading.Event()

    def fail() -> None:
        tries.append(1)
        running.set()
        gate.wait(LONG_S)
        raise Death

    made.submit(fail)
    assert running.wait(LONG_S)
    assert not made.stop(0)
    gate.set()
    assert made.join(LONG_S)
    assert tries == [1]
    assert told == ["a job of the thread hotconf test failed: Death"]


def test_who_knows_its_jobs_says_what_hangs(told, monkeypatch):
    """In the report and in `trouble`."""
    monkeypatch.setattr(worker, "HUNG_NS", 0)
    made, gate, running = Worker("hotconf test", told, lambda job, s: f"{job.__name__}: {s} s"), threading.Event(), []

    def load() -> None:
        running.append(1)
        gate.wait(LONG_S)

    made.submit(load)
    wait_until(lambda: running)
    made.supervise()
    assert made.trouble == "load: 0 s"
    assert told == ["load: 0 s"]
    gate.set()
    assert made.stop(LONG_S)


@pytest.mark.parametrize("hung", [1, 2, 9, 30])
def test_what_hangs_delays_others_once(make, monkeypatch, hung):
    """However many jobs hang: as soon as the first is overtaken all others begin, and later ones at once."""
    monkeypatch.setattr(worker, "SLOW_NS", 10**18)
    made, gate, done, begun = make(stays=True, parallel=True), threading.Event(), [], []
    for _ in range(hung):
        made.submit(lambda: (begun.append(1), gate.wait(LONG_S)))
    made.submit(lambda: done.append(1))
    wait_until(lambda: begun)
    made.supervise()
    assert len(begun) == 1
    monkeypatch.setattr(worker, "SLOW_NS", 0)
    made.supervise()
    monkeypatch.setattr(worker, "SLOW_NS", 10**18)
    wait_until(lambda: done)
    assert len(begun) == hung
    assert made.supervise(), "what hangs is supervised on"
    made.submit(lambda: (begun.append(1), gate.wait(LONG_S)))
    made.submit(lambda: done.append(2))
    wait_until(lambda: done == [1, 2])
    gate.set()
    wait_until(lambda: (made.supervise(), len(names()) <= 1)[1])


def test_slow_threads_are_limited(make, monkeypatch):
    """Beyond the limit jobs wait; all are done once the others return."""
    monkeypatch.setattr(worker, "SLOW_NS", 0)
    monkeypatch.setattr(worker, "MAX_SLOW", 3)
    made, gate, done, begun = make(stays=True, parallel=True), threading.Event(), [], []
    for _ in range(6):
        made.submit(lambda: (begun.append(1), gate.wait(LONG_S)))
    made.submit(lambda: done.append(1))
    wait_until(lambda: (made.supervise(), len(begun) == 4)[1])
    made.supervise()
    assert len(names()) == 4
    assert not done
    gate.set()
    wait_until(lambda: done)
    wait_until(lambda: (made.supervise(), len(names()) == 1)[1])


def test_what_hangs_is_told(make, told, monkeypatch):
    """Each job that hangs once, in `trouble` the longest and how many more; until they return."""
    monkeypatch.setattr(worker, "SLOW_NS", 0)
    monkeypatch.setattr(worker, "HUNG_NS", 0)
    made, gate, begun = make(stays=True, parallel=True), threading.Event(), []
    for _ in range(3):
        made.submit(lambda: (begun.append(1), gate.wait(LONG_S)))
    wait_until(lambda: (made.supervise(), len(begun) == 3)[1])
    made.supervise()
    made.supervise()
    assert made.trouble == "the thread hotconf test has been running one job for 0 s, and 2 more"
    assert told == 3 * ["the thread hotconf test has been running one job for 0 s"]
    gate.set()
    wait_until(lambda: made.trouble is None)


def test_a_slow_job_that_fails_is_rerun(make, told, monkeypatch):
    """As any other job, although its thread is not the worker's any more."""
    monkeypatch.setattr(worker, "SLOW_NS", 0)
    made, gate, tries, done = make(stays=True, parallel=True), threading.Event(), [], []

    def fail_once() -> None:
        tries.append(1)
        gate.wait(LONG_S)
        if len(tries) == 1:
            raise Death

    made.submit(fail_once)
    made.submit(lambda: done.append(1))
    wait_until(lambda: (made.supervise(), done)[1])
    gate.set()
    wait_until(lambda: len(tries) == 2)
    assert told == ["a job of the thread hotconf test failed: Death"]


def test_jobs_that_are_not_parallel_wait(make, monkeypatch):
    """Callbacks come one at a time, however long one takes."""
    monkeypatch.setattr(worker, "SLOW_NS", 0)
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


def test_the_end_of_the_process_is_no_death(make, told):
    """Its thread is ended, and the job is done by another one, without a word."""
    done = []

    def job() -> None:
        done.append(1)
        if len(done) == 1:
            raise threads.ExitingError

    made = make()
    made.submit(job)
    assert made.join(LONG_S)
    assert len(done) == 2
    assert told == []
