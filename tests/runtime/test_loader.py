"""The loader: one thread, one load after the other, and nothing that users' code does ends it."""

from __future__ import annotations

import errno
import logging
import os
import threading
from pathlib import Path

import pytest

from hotconf.engine.candidate import Invalid
from hotconf.runtime.driver import Driver, new_loader
from hotconf.runtime.loads import isolated_load
from hotconf.sources.base import FileSet, LoadResult
from hotconf.system.exceptions import in_load
from scarce import no_descriptors
from waiting import wait_until

KNOWN = FileSet.of(Path("/nowhere/config.toml"))


@pytest.fixture
def loader():
    """A loader whose thread is started at once; at the end it has none."""
    loader = new_loader()
    yield loader
    loader.stop(10)
    assert not names()


def names() -> list[str]:
    """The threads of loaders."""
    return [thread.name for thread in threading.enumerate() if thread.name == "hotconf-loader"]


def test_without_a_job_there_is_no_thread(loader):
    """A configuration that never changes needs none, and stopping nothing is no error."""
    assert names() == []
    loader.stop(1)


def test_jobs_run_in_their_order_in_one_thread(loader):
    """Loads of all watchers, one after the other."""
    done: list[tuple[int, str]] = []
    for number in range(100):
        loader.submit(lambda number=number: done.append((number, threading.current_thread().name)))
    loader.stop(10)
    assert done == [(number, "hotconf-loader") for number in range(100)]


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_a_job_raises_the_next_one_runs(loader, caplog, error):
    """Logging runs handlers of the application in there."""

    def fail():
        raise error

    done = threading.Event()
    loader.submit(fail)
    loader.submit(done.set)
    assert done.wait(60)
    told = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("A job of the thread hotconf-loader failed") for text in told)


def test_a_log_that_raises_does_not_end_it_either(loader, monkeypatch):
    """Not even while it is told of what a job raised."""

    def refuse(record=None):
        raise SystemExit

    monkeypatch.setattr(logging.getLogger("hotconf.watch"), "filters", [refuse])
    done = threading.Event()
    loader.submit(refuse)
    loader.submit(done.set)
    assert done.wait(60)


def test_many_threads_that_submit_share_one_thread():
    """The first jobs of a process may come from several at once."""
    driver = Driver()
    driver.begin()
    done: list[str] = []
    ready = threading.Barrier(8)

    def submit():
        ready.wait()
        driver.loader_for(None).submit(lambda: done.append(threading.current_thread().name))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(done) == 8)
    assert names() == ["hotconf-loader"]
    driver.call(lambda: None)
    driver.loader_for(None).stop(10)
    driver.finish(10)
    assert names() == []
    assert set(done) == {"hotconf-loader"}


def test_stopping_waits_no_longer_than_it_should(loader):
    """A check that hangs does not hang the program; the thread ends when the check does."""
    running, ends = threading.Event(), threading.Event()
    loader.submit(lambda: (running.set(), ends.wait(60)))
    assert running.wait(60)
    loader.stop(0.01)
    assert names() == ["hotconf-loader"]
    ends.set()


def test_it_may_be_stopped_from_one_of_its_jobs(loader):
    """A check may close the last watcher."""
    loader.submit(lambda: loader.stop(10))
    wait_until(lambda: not names())


def test_a_thread_that_cannot_be_started_is_tried_again(monkeypatch):
    """The jobs wait for the next attempt, and stopping does not fail over it."""
    loader = new_loader()
    done: list[int] = []

    def refuse(*args):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", refuse)
        loader.submit(lambda: done.append(1))
        assert loader.trouble == "the thread hotconf-loader cannot be started: can't start new thread"
        assert not loader.stop(1)
    loader.submit(lambda: done.append(2))
    loader.stop(10)
    assert done == [1, 2]


# Loads


def test_a_load_knows_that_it_is_one(loader):
    """In its own thread and for as long as it lasts: a check cannot call `reload()`."""
    seen: list[bool] = []

    def work() -> LoadResult[object]:
        seen.append(in_load())
        raise ValueError

    loader.submit(lambda: isolated_load(work, KNOWN))
    loader.submit(lambda: seen.append(in_load()))
    loader.stop(10)
    assert (seen, in_load()) == ([True, False], False)


@pytest.mark.parametrize(
    ("error", "again"),
    [(OSError(errno.EMFILE, "Too many open files"), True), (MemoryError(), True), (ValueError(), False)],
)
def test_what_the_system_refused_is_tried_again(loader, tmp_path, error, again):
    """At the next poll, although nothing about the files has changed; another fault would only repeat itself."""

    def fail():
        raise error

    path = tmp_path / "config.toml"
    path.touch()
    os.utime(path, (1, 1))
    results: list[LoadResult[object]] = []
    loader.submit(lambda: results.append(isolated_load(fail, FileSet.of(path))))
    loader.stop(10)
    [result] = results
    assert result.files.reads[path].settled is not again


def test_an_import_that_failed_with_another_threads_is_tried_again(tmp_path):
    """Another thread was refused a descriptor for the same module: nothing is wrong with the file, nor with us."""

    def fail():
        raise ImportError("cannot import name 'Scrubber' from 'hotconf.secrets.scrubber'")

    path = tmp_path / "config.toml"
    path.touch()
    os.utime(path, (1, 1))
    with no_descriptors():
        refused = isolated_load(fail, FileSet.of(path))
    assert isinstance(refused.candidate, Invalid)
    (problem,) = refused.candidate.problems
    assert (problem.kind, problem.message) == ("unreadable", "Cannot read the file: Too many open files")
    assert not refused.files.reads[path].settled
    assert isolated_load(fail, FileSet.of(path)).files.reads[path].settled


@pytest.mark.parametrize("error", [ValueError("hunter2"), SystemExit(1), RecursionError(), MemoryError()])
def test_whatever_a_load_raises_is_a_problem(loader, tmp_path, caplog, error):
    """Of kind internal, with the file, and the stamps of now; what was raised is in the log only."""

    def fail():
        raise error

    path = tmp_path / "config.toml"
    path.touch()
    known = FileSet.of(path)
    results: list[LoadResult[object]] = []
    loader.submit(lambda: results.append(isolated_load(fail, known)))
    loader.stop(10)
    [result] = results
    assert isinstance(result.candidate, Invalid)
    (problem,) = result.candidate.problems
    assert (problem.kind, problem.file) == ("internal", path)
    assert problem.message == f"Internal error: {type(error).__name__}"
    assert result.files.reads[path].stamp.identity
    assert f"The load of {path} failed" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_programs_is_the_programs_in_its_own_thread(loader, error):
    """The load at start runs in the thread of the caller, where Ctrl-C belongs; in ours it is an error."""

    def interrupt():
        raise error

    with pytest.raises(type(error)):
        isolated_load(interrupt, KNOWN)
    assert not in_load()
    results: list[LoadResult[object]] = []
    loader.submit(lambda: results.append(isolated_load(interrupt, KNOWN)))
    loader.stop(10)
    assert isinstance(results[0].candidate, Invalid)
