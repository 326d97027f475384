"""The files in which processes say what they run: whole, locked while their process lives, no more than text."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hotconf.errors import UsageError
from hotconf.status import folder, requests
from hotconf.status.folder import StatusFile, contents
from prefork import Program
from waiting import wait_until
from watcher.children import ended, fork

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@pytest.fixture
def states(tmp_path: Path) -> Path:
    """A state directory that is not there yet."""
    return tmp_path / "a" / "states"


def names(states: Path) -> list[str]:
    """Of all that is in the directory."""
    return sorted(path.name for path in (states / "status").iterdir())


def test_what_is_written_is_read_until_it_is_removed(states: Path) -> None:
    """Each time whole; the directory is private, and nothing else is left in it."""
    assert contents(states) == []
    file = StatusFile(states)
    for data in (b"first", b"second " * 1000):
        file.write(data)
        (found,) = contents(states)
        assert found[1] == data
        assert names(states) == [found[0]]
    assert found[0].startswith(f"{os.getpid()}-")
    assert (states / "status").stat().st_mode & 0o777 == 0o700
    assert (states / "status" / found[0]).stat().st_mode & 0o777 == 0o600
    file.remove()
    assert contents(states) == names(states) == []
    file.remove()


KILLED = """
import sys, time
from pathlib import Path
from hotconf.status.folder import StatusFile
files = [StatusFile(Path(sys.argv[1])) for _ in range(2)]
for file in files:
    file.write(b"x")
print("written", flush=True)
time.sleep(60)
"""


def test_a_killed_process_is_dropped(states: Path) -> None:
    """And its files are removed, by whoever reads them first."""
    with Program(KILLED, states, stdout=-1) as process:
        assert process.stdout.readline() == b"written\n"
        assert len(contents(states)) == 2
        process.kill()
        process.wait()
        wait_until(lambda: contents(states) == [])
    assert names(states) == []


def test_a_child_of_a_fork_keeps_no_lock_of_its_parents(states: Path) -> None:
    """It closes its copy: the file counts as long as the parent holds it, and no longer."""
    file = StatusFile(states)
    file.write(b"x")

    def child() -> None:
        file.abandon()
        assert len(contents(states)) == 1
        file.write(b"y")  # the child's own lock
        assert [data for _, data in contents(states)] == [b"y"]

    assert ended(fork(child)) == 0
    wait_until(lambda: contents(states) == [])


def test_what_was_removed_or_closed_is_lost(states: Path) -> None:
    """A daemon closes all descriptors: without its lock the file counts for nobody, and has to be written again."""
    file = StatusFile(states)
    assert not file.lost
    for lose in (lambda: (states / "status" / names(states)[0]).unlink(), lambda: os.close(file._held.number)):
        file.write(b"x")
        assert not file.lost
        lose()
        assert file.lost
        assert contents(states) == []
        file.write(b"y")
        assert [data for _, data in contents(states)] == [b"y"]


def test_a_reader_is_not_confused_by_a_writer(states: Path) -> None:
    """A file that is replaced while it is read is neither lost nor removed."""
    writing = """
import sys
from pathlib import Path
from hotconf.status.folder import StatusFile
file = StatusFile(Path(sys.argv[1]))
file.write(b"0" * 100)
print("begun", flush=True)
for number in range(3000):
    file.write(str(number % 10).encode() * 100)
print("done", flush=True)
sys.stdin.read()
"""
    with Program(writing, states, stdout=-1, stdin=-1) as process:
        assert process.stdout.readline() == b"begun\n"
        counts = []
        while counts[-20:] != [1] * 20 or len(counts) < 300:
            found = contents(states)
            assert all(len(data) == 100 and len(set(data)) == 1 for _, data in found)
            counts.append(len(found))
        assert counts == [1] * len(counts)
        assert process.stdout.readline() == b"done\n"
        process.stdin.close()


def test_what_others_could_have_written_is_not_read(states: Path) -> None:
    """A link, a pipe, a directory, an open mode, a large file, another name."""
    file = StatusFile(states)
    file.write(b"mine")
    directory = states / "status"
    (secret := states / "secret").write_text("774411")
    (directory / f"1-{'a' * 16}.json").symlink_to(secret)
    os.mkfifo(directory / f"2-{'a' * 16}.json")
    (directory / f"3-{'a' * 16}.json").mkdir()
    (directory / f"4-{'a' * 16}.json").write_text("open")
    (directory / f"4-{'a' * 16}.json").chmod(0o666)
    (directory / "other.json").write_text("x")
    assert [data for _, data in contents(states)] == [b"mine"]
    assert secret.read_text() == "774411"
    large = StatusFile(states)
    large.write(b"x" * (folder.MAX_BYTES + 10))
    assert {len(data) for _, data in contents(states)} == {4, folder.MAX_BYTES}
    file.remove()
    large.remove()


def test_temporary_files_are_removed_once_they_are_old(states: Path) -> None:
    """Whoever wrote them died."""
    StatusFile(states).write(b"x")
    young, old = states / "status" / ".new-1", states / "status" / ".new-2"
    for path in (young, old):
        path.touch()
    os.utime(old, (time.time() - 1000,) * 2)
    contents(states)
    assert young.exists()
    assert not old.exists()


def test_a_directory_that_others_may_write_to_is_refused(states: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of another user."""
    StatusFile(states).write(b"x")
    (states / "status").chmod(0o777)
    with pytest.raises(UsageError, match="others may write"):
        contents(states)
    (states / "status").chmod(0o700)
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    with pytest.raises(UsageError, match="another user"):
        contents(states)


def test_requests_rise(states: Path, tmp_path: Path) -> None:
    """Whatever the clock says; each configuration has its own."""
    main, other = tmp_path / "config.toml", tmp_path / "other.toml"
    assert requests.latest(states, main) == 0
    first = requests.ask(states, main)
    assert requests.latest(states, main) == first
    path = requests.path(states, main)
    path.write_text(f'{{"at": {(1 << 62) + 1}}}')
    path.chmod(0o600)
    assert requests.ask(states, main) == (1 << 62) + 2
    assert requests.latest(states, other) == 0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"at": "x"}', '{"at": true}', '{"at": -1}', "[" * 5000, "x" * 9000])
def test_what_makes_no_sense_is_no_request(states: Path, tmp_path: Path, text: str) -> None:
    """It is as if there were none."""
    main = tmp_path / "config.toml"
    requests.ask(states, main)
    requests.path(states, main).write_text(text)
    assert requests.latest(states, main) == 0
