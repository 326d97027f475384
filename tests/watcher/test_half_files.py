"""Files that are half written: what can be known of that is used, and no half is published."""

from __future__ import annotations

import os

import pytest

from hotconf import ReloadFailed, ReloadSuccess
from waiting import wait_until
from watcher.watched import CHANGED, save

LONG_MS = 400
LONGER_MS = 3000
"""Long enough to do something in it on a machine that is slow."""
WHOLE = "tags = ['a']\n[server]\nport = 8000\nhost = 'x'\n"
NEW = "tags = ['a']\n[server]\nport = 8000\nhost = 'y'\n"
HALF = "tags = ['a']\n[server]\nport = 8000\n"


@pytest.fixture
def path(path):
    """A configuration whose first part is one, too."""
    path.write_text(WHOLE)
    return path


@pytest.mark.parametrize("part", [HALF, ""], ids=["a valid half", "nothing"])
def test_a_writer_that_opens_the_file_twice(path, watch, part):
    """The first part is written and closed; the rest comes within a window: one round, with the whole."""
    watcher, seen = watch(path, debounce_ms=LONGER_MS)
    path.write_text(part)
    wait_until(lambda: watcher.shrank == (path,))
    with path.open("a") as file:
        file.write(NEW[len(part) :])
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.host == "y"
    assert watcher.shrank == ()


def test_a_file_that_really_shrank(path, watch):
    """It waits two windows, not one, and is published then: deleting the last lines is a change like any."""
    watcher, seen = watch(path, debounce_ms=LONG_MS)
    path.write_text(HALF)
    ending = seen.exactly(CHANGED, "ReloadSuccess 2")
    assert isinstance(ending, ReloadSuccess)
    assert ending.timings.settle >= 2 * LONG_MS
    assert watcher.config.server.host == "localhost"


def test_a_file_that_is_emptied_for_good(path, watch):
    """It is a failure, after two windows."""
    watcher, seen = watch(path, debounce_ms=LONG_MS)
    os.truncate(path, 0)
    ending = seen.ending()
    assert isinstance(ending, ReloadFailed)
    assert ending.kind == "empty"
    assert watcher.config.server.host == "x"


def test_a_shorter_file_that_was_renamed_into_place(path, watch):
    """An atomic save is whole by its nature: nothing is waited for but the window."""
    watcher, seen = watch(path, debounce_ms=LONG_MS)
    save(path, HALF)
    wait_until(lambda: seen.events or None)
    waited = False
    while len(seen.events) < 2:
        waited = waited or bool(watcher.shrank)
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert not waited


def test_a_writer_that_keeps_the_file_open(path, watch):
    """However long it pauses, within the ceiling, nothing is read as final before it closes."""
    watcher, seen = watch(path, debounce_ms=LONGER_MS)
    with path.open("w") as file:
        file.write(HALF)
        file.flush()
        wait_until(lambda: seen.events)
        wait_until(lambda: watcher.has_drift())
        file.write(NEW[len(HALF) :])
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.host == "y"


def test_polling_waits_for_whatever_shrank(path, watch):
    """Where nobody tells how a file came, a shorter one may be half of one."""
    watcher, seen = watch(path, debounce_ms=LONGER_MS, observer="poll", reconcile_s=0.02)
    save(path, HALF)
    wait_until(lambda: watcher.shrank == (path,))
    watcher.reload()  # which waits for nothing
    seen.exactly(CHANGED, "ReloadSuccess 2")
