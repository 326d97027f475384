"""What checks yield may be malformed in any way: each round has one ending, and nothing spins."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hotconf import HotReloadWatcher, Problem, ReloadFailed, UsageError
from hotconf.problems import Related
from hotconf.runtime import process
from waiting import wait_until
from watcher.watched import CHANGED, App, port


class Unprintable:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


HARMLESS = {
    "a file as text": {"file": "config.toml"},
    "a path as a list": {"path": ["server", "port"]},
    "a place whose file is text": {"related": [Related("there", "config.toml", 1, 1)]},
}
"""Accepted for what is meant."""
MALFORMED = {
    "no problem": "port is taken",
    "nothing": None,
    "an exception": ValueError("x"),
    "a file of another type": {"file": 5},
    "a line that is no number": {"line": "x"},
    "a hint that is no text": {"hint": 5},
    "a message that is no text": {"message": 5},
    "a column that is no number": {"line": 1, "column": 1.5},
    "an end as text": {"end_line": "x"},
    "a kind that there is not": {"kind": "wrong"},
    "a kind that is no text": {"kind": ["semantic"]},
    "a severity that there is not": {"severity": 3},
    "a path of other things": {"path": (None, 1.5)},
    "a path that is no path": {"path": 5},
    "related to something else": {"related": ["there"]},
    "related that is no sequence": {"related": 5},
    "a message that cannot be shown": {"message": Unprintable()},
    "a hint that cannot be shown": {"hint": Unprintable()},
}
"""An internal failure, which names the check."""


def checking(given: object):
    """A check that yields it for one configuration."""

    def odd(config: App):
        if config.server.port == 9000:
            yield Problem(**{"message": "no", **given}) if isinstance(given, dict) else given

    return odd


@pytest.mark.parametrize("given", HARMLESS.values(), ids=HARMLESS)
def test_what_is_meant_is_clear(path, watch, given):
    """It is reported as a problem of the check."""
    _, seen = watch(path, checks=[checking(given)])
    path.write_text(port(9000))
    event = seen.exactly(CHANGED, "ReloadFailed semantic")
    assert all(isinstance(problem.file, Path) for problem in event.problems)
    assert str(event.problems[0])


@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED)
def test_what_cannot_be_told(path, watch, given):
    """One failure, and the next good save is published."""
    watcher, seen = watch(path, checks=[checking(given)])
    path.write_text(port(9000))
    event = seen.exactly(CHANGED, "ReloadFailed internal")
    assert "check odd" in event.error
    path.write_text(port(9001))
    wait_until(lambda: watcher.config.server.port == 9001)


def test_the_driver_rests_after_it(path, watch):
    """It has used next to no processor time."""
    _, seen = watch(path, checks=[checking({"file": "config.toml"})])
    path.write_text(port(9000))
    seen.ending()
    runs = process.current()
    before = runs.call(time.thread_time)
    until = time.monotonic() + 0.5
    wait_until(lambda: time.monotonic() > until)
    assert runs.call(time.thread_time) - before < 0.25


# Checks that make calls which would wait for their own load


@pytest.mark.parametrize("asked", ["start", "reload", "reload of another", "reload without waiting"])
def test_a_check_that_would_wait_for_itself(path, watch, tmp_path, asked):
    """It is refused at once, whichever watcher it asks: all share one loader."""
    other_path = tmp_path / "other.toml"
    other_path.write_text(port(1))
    other, _ = watch(other_path)
    unstarted = HotReloadWatcher(other_path, App)
    mine = []
    raised: list[str] = []

    def check(config: App):
        if config.server.port == 9000:
            try:
                {
                    "start": unstarted.start,
                    "reload": lambda: mine[0].reload(),
                    "reload of another": other.reload,
                    "reload without waiting": lambda: other.reload(wait=False),
                }[asked]()
            except UsageError as error:
                raised.append(str(error))
        return []

    watcher, _ = watch(path, checks=[check])
    mine.append(watcher)
    path.write_text(port(9000))
    wait_until(lambda: watcher.config.server.port == 9000)
    assert len(raised) == 1
    assert "cannot be called from a check" in raised[0]


def test_a_check_may_be_busy_but_not_close(path, watch, tmp_path):
    """Holds of any watcher end in it, and do not wait for the load; no watcher is closed by it."""
    other_path = tmp_path / "other.toml"
    other_path.write_text(port(1))
    other, _ = watch(other_path)
    mine = []

    def check(config: App):
        if config.server.port == 9000:
            with other.busy("x"), mine[0].busy("y"):
                pass
            other.close()
        return []

    watcher, seen = watch(path, checks=[check])
    mine.append(watcher)
    path.write_text(port(9000))
    assert "close() cannot be called from a check" in seen.ending().error
    assert watcher.watching
    assert other.watching


def test_a_start_in_a_start(tmp_path):
    """The first load runs in the caller's thread; a check in it that starts another watcher is refused, too."""
    path = tmp_path / "config.toml"
    path.write_text(port(8000))
    inner = HotReloadWatcher(path, App)

    def check(_: App):
        inner.start()

    failing = HotReloadWatcher(path, App, checks=[check])
    failing.start(require=False)
    assert isinstance(failing.last, ReloadFailed)
    assert "start() cannot be called from a check" in failing.last.error
    failing.close()
