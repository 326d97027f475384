"""Files: one read is of one state of a file, or says that it is not; nothing blocks, nothing leaks."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hotconf.schema import Schema
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import reading
from hotconf.sources.files.compare import Difference, compare
from hotconf.sources.files.paths import Member
from hotconf.sources.files.reading import Read, Stamp, read, same, stat_only
from scarce import no_descriptors

MAX = 1000
SECRET = b'key = "hunter2"\n'


@pytest.fixture(autouse=True)
def no_descriptor_leaks():
    """Whatever a read meets, it gives back its descriptor."""
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    yield
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


@pytest.fixture
def path(tmp_path):
    """A file that holds a secret."""
    path = tmp_path / "config.toml"
    path.write_bytes(SECRET)
    return path


def problem_of(path: Path, max_bytes: int = MAX) -> tuple[str, str]:
    """The kind and the message of what is wrong with `path`, which has to be told with the file."""
    found = read(path, max_bytes)
    assert found.problem is not None
    assert (found.problem.file, found.problem.severity, found.data) == (path, "error", b"")
    return found.problem.kind, found.problem.message


def during(monkeypatch, call: str, act) -> None:
    """Have `act` done once, right before the next `os.call`."""
    real = getattr(os, call)

    def once(*given, **named):
        monkeypatch.setattr(os, call, real)
        act()
        return real(*given, **named)

    monkeypatch.setattr(os, call, once)


# What is read


def test_a_file_is_read_whole(path):
    """Its bytes, as they are, up to the cap."""
    assert read(path, MAX).data == SECRET
    assert read(path, len(SECRET)).data == SECRET
    assert read(path, MAX).problem is None


def test_no_content_in_a_repr(path):
    """A read holds secrets, and may end up in a traceback or a log."""
    found = read(path, MAX)
    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(Read(path, found.stamp, SECRET, found.problem))


def test_an_empty_file_is_read(path):
    """Whether that is a configuration is for others to say."""
    path.write_bytes(b"")
    assert read(path, MAX).data == b""
    assert read(path, MAX).problem is None


def test_a_link_is_followed_and_named_in_the_stamp(path):
    """The target is read; the link is part of what must not change."""
    link = path.with_name("link")
    link.symlink_to("config.toml")
    found = read(link, MAX)
    assert (found.data, found.path, found.stamp.links) == (SECRET, link, ((os.fspath(link), "config.toml"),))


def test_a_name_that_is_not_utf8(tmp_path):
    """Any name that the file system allows."""
    path = tmp_path / os.fsdecode(b"\xff\n.toml")
    path.write_bytes(SECRET)
    assert read(path, MAX).data == SECRET


# What is refused


def test_a_missing_file(tmp_path):
    """No file, no directory, a file in the place of a directory, a dangling link: missing, all of them."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("none", "no/such", "file/x", "dangling"):
        assert problem_of(tmp_path / name) == ("missing", "The file does not exist")


def test_a_directory(tmp_path):
    """Never an empty configuration."""
    assert problem_of(tmp_path) == ("unreadable", "Cannot read the file: it is a directory")


def test_a_pipe_does_not_block(tmp_path):
    """Not even one that has a writer, or gets one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert problem_of(pipe) == ("unreadable", "Cannot read the file: it is a named pipe")
    link = tmp_path / "link"
    link.symlink_to(pipe)
    assert problem_of(link)[0] == "unreadable"


def test_a_pipe_in_the_last_moment_does_not_block(path, monkeypatch):
    """Between the look and the opening a file can become a pipe: opening waits for nobody."""

    def swap():
        path.unlink()
        os.mkfifo(path)

    during(monkeypatch, "open", swap)
    assert problem_of(path)[1] == "Cannot read the file: it is a named pipe"


def test_a_socket(tmp_path, monkeypatch):
    """It cannot even be opened."""
    monkeypatch.chdir(tmp_path)  # its name must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert problem_of(tmp_path / "socket") == ("unreadable", "Cannot read the file: it is a socket")


def test_a_device(tmp_path):
    """`/dev/zero` can be read for ever: it is not opened."""
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert problem_of(tmp_path / "zero") == ("unreadable", "Cannot read the file: it is a device")
    assert problem_of(Path("/dev/null"))[0] == "unreadable"


def test_a_loop_of_links(tmp_path):
    """Told in words."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert problem_of(tmp_path / "a") == ("unreadable", "Cannot read the file: its links lead in a circle")


def test_a_name_that_is_too_long(tmp_path):
    """Whatever the system says, in its own words."""
    kind, message = problem_of(tmp_path / ("x" * 300))
    assert (kind, message) == ("unreadable", f"Cannot read the file: {os.strerror(errno.ENAMETOOLONG)}")


def test_a_file_without_permission(tmp_path):
    """Told in words; root may read everything, so another user is asked."""
    path = tmp_path / "config.toml"
    path.write_bytes(SECRET)
    path.chmod(0)
    code = (
        "import os, sys; from pathlib import Path; from hotconf.sources.files.reading import read\n"
        "path = Path(sys.argv[1]); os.chdir(path.parent)\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "print(read(Path(path.name), 1000).problem.message, read(Path(path.name), 1000).settled)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("Cannot read the file: permission denied True\n", "")


def test_a_file_that_is_too_large(path):
    """One byte more than the cap; nothing of it is kept."""
    assert problem_of(path, len(SECRET) - 1) == ("too_large", f"The file is larger than {len(SECRET) - 1} bytes")


def test_a_sparse_file_of_many_gigabytes_is_not_read(path):
    """The size is asked for before anything is read."""
    os.truncate(path, 1 << 40)
    assert problem_of(path)[0] == "too_large"


# What changes during the read


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(SECRET * 2),
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, 3),
        lambda path: path.write_bytes(b"x" * (MAX + 1)),
        lambda path: os.utime(path, ns=(1, 1)),
    ],
    ids=["grown", "emptied", "shrunk", "past the cap", "touched"],
)
def test_a_file_that_changes_while_it_is_read_is_unstable(path, monkeypatch, act):
    """Half of one state and half of another is no state."""
    during(monkeypatch, "read", lambda: act(path))
    found = read(path, MAX)
    assert found.problem is not None
    assert (found.problem.kind, found.data, found.settled) == ("unstable", b"", False)


def test_less_than_the_size_is_not_the_file(path, monkeypatch):
    """A file that shrinks and grows again within one tick of the clock has the same stamp before and after."""
    parts = [SECRET[:5], b""]
    monkeypatch.setattr(os, "read", lambda descriptor, size: parts.pop(0))
    found = read(path, MAX)
    assert found.problem is not None
    assert found.problem.kind == "unstable"


def test_a_file_that_is_replaced_while_it_is_read(path, monkeypatch):
    """What was read is one state; that the path leads elsewhere by now is seen when the set is compared."""

    def replace():
        path.with_name("new").write_bytes(b"new")
        path.with_name("new").rename(path)

    during(monkeypatch, "read", replace)
    found = read(path, MAX)
    if found.problem is None:  # replacing it changed the link count, and so its time, or not yet
        assert found.data == SECRET
    assert not same(path, found.stamp)


def test_a_file_that_vanishes_before_it_is_opened(path, monkeypatch):
    """Unstable, and not the same as what was there: the set of which it is part is read again."""
    during(monkeypatch, "open", path.unlink)
    found = read(path, MAX)
    assert found.problem is not None
    assert found.problem.kind == "unstable"
    assert not same(path, found.stamp)


def test_a_link_that_is_retargeted_before_it_is_opened(path, monkeypatch):
    """The links are taken down before: whoever compares them later sees the difference."""
    link, other = path.with_name("link"), path.with_name("other")
    link.symlink_to(path)
    os.link(path, other)

    def retarget():
        link.unlink()
        link.symlink_to(other)

    during(monkeypatch, "open", retarget)
    found = read(link, MAX)
    assert found.data == SECRET
    assert not same(link, found.stamp)


def test_the_stamp_of_what_was_refused_is_not_of_what_came_after(path, monkeypatch):
    """A directory that became a file right after it was refused has to be noticed."""
    real = os.stat
    path.unlink()
    path.mkdir()

    def swap(given, **named):
        found = real(given, **named)
        monkeypatch.setattr(os, "stat", real)
        path.rmdir()
        path.write_bytes(SECRET)
        return found

    monkeypatch.setattr(os, "stat", swap)
    found = read(path, MAX)
    assert found.problem is not None
    assert not same(path, found.stamp)


# Stamps


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(b"other"),
        lambda path: path.chmod(0o400),
        lambda path: os.utime(path, ns=(1, 1)),
        Path.unlink,
        lambda path: (path.rename(path.with_name("b")), path.write_bytes(SECRET)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["written", "mode", "time", "removed", "replaced", "directory"],
)
def test_a_changed_file_has_another_stamp(path, act):
    """Each of these is a change."""
    stamp = stat_only(path).stamp
    assert same(path, stamp)
    act(path)
    assert not same(path, stamp)
    assert stat_only(path).stamp != stamp


def test_restored_times_do_not_hide_a_change(path):
    """`touch -r` restores the modification time, nothing restores the time of the change."""
    info = path.stat()
    stamp = stat_only(path).stamp
    path.write_bytes(SECRET.swapcase())
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert not same(path, stamp)


def test_a_retargeted_link_is_a_change_even_to_the_same_file(path):
    """Every link of the chain counts."""
    a, b = path.with_name("a"), path.with_name("b")
    a.symlink_to("b")
    b.symlink_to("config.toml")
    stamp = stat_only(a).stamp
    assert same(a, stamp)
    b.unlink()
    b.symlink_to("./config.toml")
    assert not same(a, stamp)


def test_what_cannot_be_found_has_a_stamp(tmp_path):
    """A missing file stays the same until it appears, or until something else is wrong."""
    path = tmp_path / "a" / "config.toml"
    stamp = stat_only(path).stamp
    assert stamp == Stamp(error=errno.ENOENT)
    assert same(path, stamp)
    (tmp_path / "a").symlink_to("a")
    assert not same(path, stamp)


def test_what_is_no_file_changes_only_into_something_else(tmp_path):
    """Names in a directory and bytes in a pipe are no reasons to try again."""
    stamp = stat_only(tmp_path).stamp
    (tmp_path / "new").touch()
    assert same(tmp_path, stamp)


def test_looking_opens_nothing(tmp_path, monkeypatch):
    """A file that is watched only may be anything."""
    monkeypatch.setattr(os, "open", None)
    os.mkfifo(tmp_path / "pipe")
    assert stat_only(tmp_path / "pipe").problem is None
    missing = stat_only(tmp_path / "missing")
    assert missing.problem is not None
    assert missing.problem.kind == "missing"


# What is not settled


def test_a_young_file_is_not_settled(path, monkeypatch):
    """It may change again without a new time stamp; later it cannot."""
    monkeypatch.setattr(reading, "FRESH_NS", 60_000_000_000)
    assert not read(path, MAX).settled
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    assert read(path, MAX).settled


def compared(known: Read) -> Difference:
    """What a comparison finds now."""
    files = FileSet((Member(known.path, "main"),), reads={known.path: known})
    return compare(files, Options(known.path, Schema(dict), max_bytes=MAX))


def test_the_content_of_a_young_file_decides(path, monkeypatch):
    """The same stamp with other bytes is a change, another read of the same bytes is none."""
    known = read(path, MAX)
    assert compared(known._replace(settled=False)) == Difference(newer={path: known})
    forged = Read(path, known.stamp, b"before", settled=False)
    assert compared(forged) == Difference((path,))


def test_no_descriptor_left_is_a_failure_that_passes(path):
    """Not settled, so that it is tried again; then the content differs from the failure."""
    with no_descriptors():
        found = read(path, MAX)
    assert found.problem is not None
    assert (found.problem.kind, found.settled) == ("unreadable", False)
    assert same(path, found.stamp)
    assert compared(found) == Difference((path,))


def test_other_failures_are_settled(tmp_path):
    """They last until something changes, and the stamp tells that."""
    assert read(tmp_path, MAX).settled
    assert read(tmp_path / "missing", MAX).settled


def test_an_error_of_the_device_passes(path, monkeypatch):
    """A disk or a server that answers again is noticed, although nothing changed."""

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", fail)
        found = read(path, MAX)
    assert found.problem is not None
    assert found.problem.message == f"Cannot read the file: {os.strerror(errno.EIO)}"
    assert compared(found) == Difference((path,))


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="there is no procfs")
def test_a_file_that_lies_about_its_size():
    """As those of procfs do: it is never known to be whole, and is told once, not for ever as being written."""
    found = read(Path("/proc/version"), MAX)
    assert found.problem is not None
    assert found.problem.kind == "unreadable"
    assert "its size is said to be 0" in found.problem.message
    assert found.settled
