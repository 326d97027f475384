"""What hotconf writes next to a configuration never counts as a change of it; copies are recognised by name."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from hotconf import ReloadSuccess, ReloadUnchanged
from prefork import Program
from waiting import wait_until
from watcher.watched import CHANGED, WINDOW_MS, port


@pytest.fixture
def log(tmp_path):
    """The program's log of hotconf, in the directory of the configuration."""
    handler = logging.FileHandler(tmp_path / "debug.log")
    logger = logging.getLogger("hotconf")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield tmp_path / "debug.log"
    logger.removeHandler(handler)
    logger.setLevel(level)
    handler.close()


@pytest.mark.parametrize("pattern", ["*", "**/*", ".", "*.*"])
@pytest.mark.parametrize("observer", ["auto", "poll"])
def test_the_log_does_not_feed_itself(path, log, watch, calm, pattern, observer):
    """One save is one round, although its log is among the watched files."""
    watcher, seen = watch(path, watch_paths=[pattern], observer=observer, reconcile_s=0.1)
    path.write_text(port(8001))
    wait_until(lambda: watcher.generation == 2)
    calm(10 * WINDOW_MS)
    assert seen.lines == [CHANGED, "ReloadSuccess 2"]
    assert log.read_text()
    assert [source.path.name for source in watcher.snapshot.files] == ["config.toml"]


def test_the_states_do_not_feed_themselves(path, watch, calm):
    """A state directory among the watched files, whatever its name."""
    states = path.parent / "kept"
    watcher, seen = watch(path, watch_paths=["**/*"], state_dir=states, reconcile_s=0.1)
    path.write_text(port(8001))
    wait_until(lambda: watcher.generation == 2)
    wait_until(lambda: len(list(states.rglob("*.state"))) == 2)
    calm(10 * WINDOW_MS)
    assert seen.lines == [CHANGED, "ReloadSuccess 2"]


PRINTING = """
import sys
from hotconf import HotReloadWatcher
watcher = HotReloadWatcher(sys.argv[1], dict, watch_paths=["*"], debounce_ms=20, reconcile_s=0.1)
watcher.on_event(lambda event: print(type(event).__name__, getattr(event, "path", ""), flush=True))
watcher.start()
print("started", flush=True)
sys.stdin.readline()
watcher.close()
"""


def test_output_does_not_feed_itself(path):
    """What a program prints of each event goes to a file in a watched directory."""
    out = path.parent / "out.log"

    def told(what: str) -> list[str]:
        return [line for line in out.read_text().splitlines() if line.startswith(what)]

    with out.open("wb") as stdout:
        process = Program(PRINTING, path, stdout=stdout, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: told("started"))
        for number in range(1, 6):
            path.write_text(port(9000 + number))
            wait_until(lambda number=number: len(told("ReloadSuccess")) == number)
        assert not [line for line in told("FileChanged") if "out.log" in line]
        process.communicate(b"\n", timeout=60)
    finally:
        process.kill()
        process.wait()


def test_a_copy_among_the_fragments_is_told_by_name(path, watch):
    """It counts, as ever; the warning says which file it is, and what to do."""
    (path.parent / "conf.d").mkdir()
    copy = path.parent / "conf.d" / "limits.sync-conflict-20260412-101530-K7QX2PA.toml"
    (path.parent / "conf.d" / "limits.toml").write_text("[server]\n")
    watcher, seen = watch(path, watch_paths=["conf.d"])
    copy.write_text("tags = ['b']\n")
    ending = seen.ending()
    assert isinstance(ending, ReloadSuccess)
    (warning,) = ending.warnings
    assert (warning.kind, warning.severity, warning.file) == ("copy", "warning", copy)
    assert f'"{copy.name}" looks like a copy (a sync conflict of Syncthing)' in warning.message
    assert watcher.config.tags == ["b"]
    copy.unlink()
    assert "copy" not in [warning.kind for warning in seen.ending(2).warnings]


def test_a_copy_with_the_same_values_is_told_and_goes(path, watch):
    """Even where nothing else changes."""
    (path.parent / "conf.d").mkdir()
    watcher, seen = watch(path, watch_paths=["conf.d"])
    copy: Path = path.parent / "conf.d" / "limits (1).toml"
    copy.write_text("# nothing\n")
    ending = seen.ending()
    assert isinstance(ending, ReloadUnchanged)
    assert [warning.kind for warning in ending.warnings] == ["copy"]
    assert [warning.kind for warning in watcher.snapshot.warnings] == ["copy"]


@pytest.mark.parametrize("where", [".", "..", "conf.d", "link"])
def test_fragments_beside_the_states_are_read(path, watch, where):
    """A state directory that is also that of the configuration, above it, or among the fragments."""
    (path.parent / "conf.d").mkdir()
    (path.parent / "link").symlink_to(".")
    (path.parent / "conf.d" / "a.toml").write_text('tags = ["a"]\n')
    watcher, _ = watch(path, watch_paths=["conf.d"], state_dir=path.parent / where)
    assert list(watcher.config.tags) == ["a"]
    wait_until(lambda: list((path.parent / where).glob("*/*.state")))
    (path.parent / "conf.d" / "a.toml").write_text('tags = ["b"]\n')
    wait_until(lambda: list(watcher.config.tags) == ["b"])
    assert watcher.stats.state_trouble is None
