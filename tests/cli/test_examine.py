"""What is found out about a path: facts, and nothing is left behind."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from hotconf.cli import examine as module
from hotconf.cli.examine import examine
from hotconf.watch.poll import Poll

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")


@pytest.fixture
def main(tmp_path):
    """A file."""
    main = Path(os.path.realpath(tmp_path)) / "config.toml"
    main.write_text("a = 1\n")
    return main


def test_a_plain_file(main):
    """It is there, it leads to itself, and a write beside it is noticed."""
    seen = examine(main)
    assert (seen.links, seen.target, seen.problem, seen.size) == ((), str(main), None, 6)
    assert [each.path for each in seen.directories] == [str(main.parent)]
    assert seen.directories[0].readable
    assert seen.probe.skipped is None
    assert seen.probe.noticed_ms is not None
    assert list(main.parent.iterdir()) == [main]


def test_a_chain_of_links(main, tmp_path):
    """Every link, and every directory in which one lies."""
    (tmp_path / "home").mkdir()
    middle, link = main.with_name("middle.toml"), tmp_path / "home" / "config.toml"
    middle.symlink_to("config.toml")
    link.symlink_to("../middle.toml")
    seen = examine(link)
    assert [target for _, target in seen.links][-2:] == ["../middle.toml", "config.toml"]
    assert seen.target == str(main)
    assert {each.path for each in seen.directories} >= {str(main.parent), os.path.realpath(link.parent)}


@pytest.mark.parametrize("probe", [True, False])
def test_nothing_there(tmp_path, probe):
    """Nor a directory for it: what is missing is said, and nothing is made."""
    seen = examine(tmp_path / "no" / "config.toml", probe=probe)
    assert (seen.problem, seen.size, seen.probe.noticed_ms) == ("The file does not exist", None, None)
    assert seen.probe.skipped == ("there is no directory to write in" if probe else "turned off by --no-probe")
    assert list(tmp_path.iterdir()) == []


def test_a_loop_of_links(tmp_path):
    """Is found out, not followed for ever."""
    link = tmp_path / "config.toml"
    link.symlink_to("config.toml")
    assert examine(link, probe=False).problem == "Cannot read the file: its links lead in a circle"


def test_a_directory_in_its_place(tmp_path):
    """Has no size."""
    seen = examine(tmp_path, probe=False)
    assert (seen.problem, seen.size) == ("Cannot read the file: it is a directory", None)


@LINUX
def test_limits(main):
    """What this user has in use is within what is allowed, and an instance of ours is among it."""
    from hotconf.watch.inotify import Inotify

    inotify = Inotify()
    seen = examine(main, probe=False)
    inotify.close()
    assert seen.instances is not None
    assert seen.watches is not None
    assert 1 <= seen.instances.used <= seen.instances.allowed
    assert 0 <= seen.watches.used <= seen.watches.allowed


@LINUX
def test_watches_are_counted(main):
    """As the kernel lists them, of this very instance."""
    from hotconf.watch.inotify import MODIFY, Inotify

    inotify = Inotify()
    fdinfo = f"/proc/self/fdinfo/{inotify.descriptor}"
    assert module._watches(fdinfo) == 0
    inotify.add(str(main), MODIFY)
    inotify.add(str(main.parent), MODIFY)
    assert module._watches(fdinfo) == 2
    inotify.close()


def test_a_probe_that_is_not_noticed(main, monkeypatch):
    """It is given up after a while, and removed."""

    class Deaf(Poll):
        def trouble(self, owner):
            return None

    monkeypatch.setattr(module, "PROBE_S", 0.05)
    monkeypatch.setattr(module, "choose", lambda name, wake: Deaf("deaf"))
    probe = examine(main).probe
    assert (probe.noticed_ms, probe.skipped, probe.observer) == (None, None, "poll")
    assert list(main.parent.iterdir()) == [main]


def test_a_probe_where_only_polling_is_left(main, monkeypatch):
    """It would tell nothing: why there is polling is what matters."""
    monkeypatch.setattr(module, "choose", lambda name, wake: Poll("inotify is unavailable"))
    probe = examine(main).probe
    assert (probe.skipped, probe.observer) == ("inotify is unavailable", "poll")
    assert list(main.parent.iterdir()) == [main]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (errno.EROFS, "the directory is not writable"),
        (errno.ENOSPC, "no file could be written: No space left on device"),
    ],
)
def test_a_probe_that_cannot_be_written(main, monkeypatch, code, why):
    """Whatever `access` said."""

    def refuse(**_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module.tempfile, "mkstemp", refuse)
    assert examine(main).probe.skipped == why


def test_a_directory_that_is_not_writable(main, monkeypatch):
    """There is no probe, and nothing is tried."""
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and real(path, mode))
    seen = examine(main)
    assert seen.probe.skipped == "the directory is not writable"
    assert not seen.directories[0].writable
