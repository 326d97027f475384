"""States on disk: what is there is whole and ours, whoever dies, whatever is full, whoever else is there."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from hotconf.errors import UsageError
from hotconf.history import store
from hotconf.history.record import Damage, Record
from hotconf.history.store import MIN_STATES, StateStore
from hotconf.snapshot import SourceFile
from prefork import Program

pytestmark = pytest.mark.skipif(not store.SUPPORTED, reason="POSIX only")

MAIN = Path("/etc/app/config.toml")
AT = datetime(2026, 11, 25, tzinfo=UTC)


def record(data: bytes, number: int = 1, main: Path = MAIN) -> Record:
    """A state of one file."""
    return Record(number, AT, (SourceFile(main, "main", data),))


def write(states: StateStore, *contents: bytes) -> None:
    """Keep so many states."""
    assert states.claim()
    for data in contents:
        states.write(record(data))


def good(states: StateStore) -> list[tuple[int, bytes]]:
    """What can be used, the newest first."""
    return [(n, found.files[0].content) for n, found in states.newest_first() if isinstance(found, Record)]


def names(states: StateStore) -> list[str]:
    """Everything that is in the directory."""
    return sorted(path.name for path in states.path.iterdir())


def damage(states: StateStore, number: int) -> str:
    """Why that state cannot be used."""
    found = states.read(number)
    assert isinstance(found, Damage), found
    return found.reason


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The state directory, which is not there yet."""
    return tmp_path / "state"


@pytest.fixture
def states(root: Path):
    """The states of `MAIN`."""
    found = StateStore(root, MAIN)
    yield found
    found.release()


# What is there


def test_there_and_back(states):
    """What is kept can be read, the newest first; numbers rise."""
    write(states, b"a = 1\n", b"a = 2\n")
    assert good(states) == [(2, b"a = 2\n"), (1, b"a = 1\n")]
    assert good(StateStore(states.path.parent, MAIN)) == good(states)


def test_nothing_is_made_by_looking(states, root):
    """Who only reads leaves no trace."""
    assert states.numbers() == ()
    assert states.read(1) is None
    states.check()
    assert not root.exists()


def test_private(states, root):
    """Directories are 0700, files 0600, whatever the umask: the files may hold secrets."""
    before = os.umask(0)
    try:
        write(states, b"")
    finally:
        os.umask(before)
    found = [root, states.path, *states.path.iterdir()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in found] == [0o700, 0o700, *[0o600] * (len(found) - 2)]


def test_configurations_do_not_mix(states, root):
    """Each main file has a directory of its own, whatever it is called; a state that strays is not taken."""
    other = StateStore(root, Path("/srv/app/config.toml"))
    odd = StateStore(root, Path("/srv/\udcff\n/../\u202econfig .toml"))
    write(states, b"a = 1\n")
    write(odd, b"")
    assert other.numbers() == ()
    assert len({states.path, other.path, odd.path}) == 3
    assert odd.path.name.isascii()
    other.path.mkdir(0o700)
    (states.path / "00000001.state").rename(other.path / "00000001.state")
    assert damage(other, 1) == "it belongs to another configuration"
    odd.release()


def test_bounded_in_number(states, monkeypatch):
    """Only so many are kept, the newest; numbers go on rising."""
    monkeypatch.setattr(store, "MAX_STATES", 3)
    write(states, *(b"%d" % n for n in range(7)))
    assert states.numbers() == (5, 6, 7)


def test_bounded_in_bytes(states, monkeypatch):
    """Only so many bytes are kept, but always the newest two: one to use, and one if that is damaged."""
    monkeypatch.setattr(store, "MAX_BYTES", 1000)
    write(states, *[b"#" * 100] * 9)
    assert 2 < len(states.numbers()) < 9
    write(states, b"#" * 5000, b"#" * 5000)
    assert len(states.numbers()) == MIN_STATES
    assert len(good(states)) == MIN_STATES


def test_removed_meanwhile(states, monkeypatch):
    """A state that the writer forgets while another process reads is passed over."""
    write(states, b"1", b"2", b"3")
    found = states.newest_first()
    assert next(found)[0] == 3
    (states.path / "00000002.state").unlink()
    assert [number for number, _ in found] == [1]


# Damage


def test_cut_off_at_any_byte(states):
    """However much of the newest is lost, it is detected, and the older one is there."""
    write(states, b"a = 1\n", b"a = 2\n")
    newest = states.path / "00000002.state"
    data = newest.read_bytes()
    for end in range(len(data)):
        newest.write_bytes(data[:end])
        assert good(states) == [(1, b"a = 1\n")], end


def test_any_byte_altered(states):
    """Whatever byte is altered, it is detected, and the older one is there."""
    write(states, b"a = 1\n", b"a = 2\n")
    newest = states.path / "00000002.state"
    data = newest.read_bytes()
    for at in range(len(data)):
        newest.write_bytes(data[:at] + bytes([data[at] ^ random.Random(at).randint(1, 255)]) + data[at + 1 :])
        assert good(states) == [(1, b"a = 1\n")], at


def test_a_link_in_its_place(states, tmp_path):
    """What stands elsewhere is not used, even if it is a state."""
    write(states, b"a = 1\n", b"a = 2\n")
    (states.path / "00000002.state").rename(tmp_path / "elsewhere")
    (states.path / "00000002.state").symlink_to(tmp_path / "elsewhere")
    assert damage(states, 2) == "there is a link in its place"
    assert good(states) == [(1, b"a = 1\n")]


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o640, 0o604])
def test_wrong_mode(states, mode):
    """A state that others can write, or read, is not used."""
    write(states, b"a = 1\n", b"a = 2\n")
    (states.path / "00000002.state").chmod(mode)
    assert damage(states, 2) == f"others may read or write it (mode {mode:04o})"
    assert good(states) == [(1, b"a = 1\n")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give something away")
def test_wrong_owner(states):
    """A state that belongs to another user is not used."""
    write(states, b"a = 1\n", b"a = 2\n")
    os.chown(states.path / "00000002.state", 12345, 12345)
    assert damage(states, 2) == "it belongs to another user"
    assert good(states) == [(1, b"a = 1\n")]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_no_file_at_all(states, make):
    """A directory or a pipe in its place is passed over, and nobody waits for it."""
    write(states, b"a = 1\n")
    make(states.path / "00000002.state", 0o600)
    assert "regular" in damage(states, 2) or "directory" in damage(states, 2)
    assert good(states) == [(1, b"a = 1\n")]


def test_what_is_damaged_keeps_its_number(states):
    """No number is used twice, so that people can tell states apart by it."""
    write(states, b"1", b"2")
    (states.path / "00000002.state").write_bytes(b"")
    write(states, b"3")
    assert good(states) == [(3, b"3"), (1, b"1")]


def test_names_that_are_not_ours(states):
    """Other files in the directory mean nothing."""
    write(states, b"1")
    for name in ("notes", "1.state", "000000001.state", "00000009.state~", "0000000a.state"):
        (states.path / name).write_bytes(b"")
    assert states.numbers() == (1,)


# Refusals


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_others_may_write(states, root, mode):
    """A state directory that others may write to is refused, for reading, too, with the remedy."""
    write(states, b"1")
    root.chmod(mode)
    for use in (states.check, states.numbers, states.claim, partial(states.read, 1)):
        with pytest.raises(UsageError, match="chmod go-w") as raised:
            use()
        assert str(root) in str(raised.value)
    root.chmod(0o700)
    assert good(states) == [(1, b"1")]


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o2770])
def test_a_directory_of_ours_that_was_opened(states, mode):
    """Nothing is read from it until it has been closed again, which the next writer does."""
    write(states, b"1")
    states.path.chmod(mode)
    states.check()
    for use in (states.numbers, partial(states.read, 1)):
        with pytest.raises(UsageError, match="others may write"):
            use()
    assert stat.S_IMODE(states.path.stat().st_mode) == mode, "who only reads changes nothing"
    write(states, b"2")
    assert stat.S_IMODE(states.path.stat().st_mode) & 0o777 == 0o700
    assert good(states)[0] == (2, b"2")


@pytest.mark.parametrize("mode", [0o1777, 0o3777, 0o2770, 0o2775, 0o2777])
def test_shared_by_design(states, root, mode):
    """In a directory that is sticky, or that is a group's, there is a private one."""
    root.mkdir()
    root.chmod(mode)
    write(states, b"1")
    assert good(states) == [(1, b"1")]
    assert stat.S_IMODE(states.path.stat().st_mode) & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give something away")
def test_one_name_for_each_user_in_the_directory_of_another(states, root):
    """Two users of one file, below /tmp: neither gets in the other's way."""
    root.mkdir()
    root.chmod(0o1777)
    os.chown(root, 12345, 12345)
    write(states, b"1")
    assert states.path.name.endswith(f"-{os.geteuid()}")
    assert good(states) == [(1, b"1")]


def test_modes_that_cannot_be_changed(states, monkeypatch):
    """A mount that shows everything as open to all: what cannot be closed is refused."""
    write(states, b"1")
    states.path.chmod(0o777)
    monkeypatch.setattr(os, "fchmod", lambda descriptor, mode: None)
    with pytest.raises(UsageError, match="others may write"):
        states.claim()


def test_another_users(states, monkeypatch):
    """A directory that another user owns is refused."""
    write(states, b"1")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    for use in (states.check, states.numbers, states.claim):
        with pytest.raises(UsageError, match="belongs to another user"):
            use()


def test_not_a_directory(states, root):
    """A file in the place of either directory is the caller's mistake."""
    root.write_bytes(b"")
    with pytest.raises(UsageError, match="is not a directory"):
        states.check()
    root.unlink()
    root.mkdir(0o700)
    states.path.write_bytes(b"")
    with pytest.raises(UsageError, match="is not a directory"):
        states.check()


def test_a_link_to_the_state_directory(states, root, tmp_path, monkeypatch):
    """One of our own, or of the system's, is followed; another user's is refused."""
    (tmp_path / "real").mkdir(0o700)
    root.symlink_to(tmp_path / "real")
    write(states, b"1")
    assert good(states) == [(1, b"1")]
    real = os.lstat

    def theirs(path: str | Path) -> os.stat_result:
        found = real(path)
        return os.stat_result((*found[:4], os.geteuid() + 1, *found[5:])) if Path(path) == root else found

    monkeypatch.setattr(os, "lstat", theirs)
    with pytest.raises(UsageError, match="another user's link"):
        states.check()


def test_a_link_below_the_state_directory(states, root, tmp_path):
    """The directory of the states itself is no link: nothing is read or written elsewhere."""
    (tmp_path / "real").mkdir(0o700)
    root.mkdir(0o700)
    states.path.symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="is not a directory"):
        states.claim()
    assert list((tmp_path / "real").iterdir()) == []


# Writers


def test_one_writes(states, root):
    """The second one may read, but not write, until the first lets go."""
    second = StateStore(root, MAIN)
    write(states, b"1")
    assert states.claim()
    assert not second.claim()
    assert good(second) == [(1, b"1")]
    states.release()
    write(second, b"2")
    assert good(states) == [(2, b"2"), (1, b"1")]
    second.release()


def test_the_directory_is_removed_and_made_anew(states, root):
    """The lock of a directory that is gone protects nothing: the new one has its own."""
    write(states, b"1")
    shutil.rmtree(root)
    write(states, b"2")
    assert good(states) == [(1, b"2")]
    assert not StateStore(root, MAIN).claim()


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV])
def test_a_mount_that_died(states, monkeypatch, error):
    """The lock is silently lost: closing a file there fails, but the descriptor is gone."""
    write(states, b"1")
    real = os.close

    def fail(descriptor: int) -> None:
        real(descriptor)
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as dead:
        dead.setattr(os, "close", fail)
        states.release()
    assert StateStore(states.path.parent, MAIN).claim()


def test_a_lock_that_the_program_closed(states, root, tmp_path):
    """A program that closes all descriptors may get the number again: its own file is not closed."""
    write(states, b"1")
    held = [each for each in Path("/proc/self/fd").iterdir() if os.path.realpath(each) == str(states.path / "lock")]
    (number,) = (int(each.name) for each in held)
    own = os.open(tmp_path / "own", os.O_RDWR | os.O_CREAT)
    os.dup2(own, number)
    other = StateStore(root, MAIN)
    assert other.claim(), "the lock went with its descriptor"
    assert not states.claim()
    states.release()
    other.release()
    write(states, b"2")
    assert os.write(number, b"mine") == 4
    os.close(number)
    os.close(own)
    assert good(states) == [(2, b"2"), (1, b"1")]


def test_what_a_dead_writer_left(states):
    """Half a state under another name is removed by the next writer, and never read."""
    write(states, b"1")
    (states.path / ".new-0123456789abcdef").write_bytes(b"hotconf state 1\n")
    assert good(states) == [(1, b"1")]
    write(states, b"2")
    assert names(states) == ["00000001.state", "00000002.state", "lock"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_disk_that_fails(states, monkeypatch, call, error):
    """What cannot be written leaves nothing behind, and what was there stays."""

    def fail(*args: object, **options: object) -> None:
        raise OSError(error, os.strerror(error))

    write(states, b"1")
    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(error)):
            states.write(record(b"2"))
    assert names(states) == ["00000001.state", "lock"]
    write(states, b"3")
    assert good(states) == [(2, b"3"), (1, b"1")]


def test_a_disk_that_takes_a_little_at_a_time(states, monkeypatch):
    """A short write is continued."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:7])))
    write(states, b"a = 1\n" * 50)
    assert good(states) == [(1, b"a = 1\n" * 50)]


def test_a_state_is_on_the_disk_before_it_has_its_name(states, monkeypatch):
    """The file is flushed, then renamed, then the directory is flushed; so are those that were made for it."""
    flushed: list[object] = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda number: (flushed.append(os.fstat(number).st_ino), fsync(number)))
    monkeypatch.setattr(os, "rename", lambda *a, **b: (flushed.append("rename"), rename(*a, **b)))
    deep = StateStore(states.path.parent / "a" / "b", MAIN)
    assert deep.claim()
    made = [path.stat().st_ino for path in (deep.path.parent, deep.path.parent.parent, states.path.parent)]
    assert set(made) <= set(flushed)
    flushed.clear()
    deep.write(record(b"1"))
    [state] = deep.path.glob("*.state")
    assert flushed == [state.stat().st_ino, "rename", deep.path.stat().st_ino]


def test_the_one_who_writes_goes_on_writing(states, monkeypatch):
    """The lock is not given up between two states: nobody else can take it."""
    write(states, b"1")

    def refuse(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("fcntl.flock", refuse)
    write(states, b"2")
    assert good(states) == [(2, b"2"), (1, b"1")]


def test_a_state_that_is_too_large_is_not_read(states):
    """Whatever made it grow."""
    write(states, b"1")
    os.truncate(states.path / "00000001.state", (1 << 30) + 1)
    assert damage(states, 1) == "too large"


def test_a_umask_keeps_nothing_from_its_owner(states):
    """Files that are made under one can be read by us, and by nobody else."""
    before = os.umask(0o777)
    try:
        write(states, b"1")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in states.path.iterdir()} == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes files of others")
def test_what_others_put_into_our_directory_goes(states):
    """A state with a higher number would block ours."""
    write(states, b"1")
    theirs = states.path / "00000009.state"
    theirs.write_bytes(b"theirs")
    os.chown(theirs, 65534, 65534)
    states.path.chmod(0o770)
    states.release()
    write(states, b"2")
    assert names(states) == ["00000001.state", "00000002.state", "lock"]


def test_a_file_system_without_modes(states, monkeypatch):
    """Where nothing is private, nothing is kept."""
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777, **options: _shared(real, path, flags, options))
    assert states.claim()
    with pytest.raises(OSError, match="nothing is private here"):
        states.write(record(b"1"))
    assert states.numbers() == ()


def _shared(real, path, flags, options) -> int:
    descriptor: int = real(path, flags, 0o600, **options)
    if flags & os.O_EXCL:
        os.fchmod(descriptor, 0o755)
    return descriptor


WRITER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from hotconf.history.record import Record
from hotconf.history.store import StateStore
from hotconf.snapshot import SourceFile

main = Path({main!r})
calls, die_at = 0, {die_at}

def counted(real):
    def call(*args, **options):
        global calls
        calls += 1
        if calls == die_at:
            os._exit(9)
        return real(*args, **options)
    return call

def record(number):
    return Record(number, datetime.now(UTC), (SourceFile(main, "main", b"%d" % number * 3000),))

states = StateStore(Path(sys.argv[1]), main)
assert states.claim()
if die_at:
    for name in ("open", "write", "fsync", "rename", "unlink", "close", "listdir", "fstat"):
        setattr(os, name, counted(getattr(os, name)))
for _ in range({times}):
    print(states.write(record((states.numbers() or (0,))[-1] + 1)), flush=True)
"""


def writer(root: Path, *, die_at: int = 0, times: int = 1_000_000) -> Program:
    """A process that keeps one state after the other, says each number when it is kept, and dies when told."""
    script = WRITER.format(main=str(MAIN), die_at=die_at, times=times)
    return Program(script, root, stdout=subprocess.PIPE, text=True)


def assert_whole(states: StateStore, said: list[int]) -> None:
    """All that is there is whole, and what was said to be kept is there, the newest at least."""
    numbers = states.numbers()
    assert numbers == tuple(range(numbers[0], numbers[-1] + 1)) if numbers else not said
    assert good(states) == [(number, b"%d" % number * 3000) for number in reversed(numbers)]
    if said:
        assert said[-1] <= numbers[-1] <= said[-1] + 1


def test_killed_at_any_moment(states, root):
    """A writer that is killed, at random moments, leaves the newest state or the one before it, whole."""
    for _ in range(8):
        process = writer(root)
        assert process.stdout is not None
        said = [int(process.stdout.readline())]
        time.sleep(random.random() / 20)
        process.kill()
        said += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
        process.stdout.close()
        assert_whole(states, said)
    assert states.claim(), "the lock died with its holder"


def test_dead_at_each_system_call(states, root):
    """Wherever in its work a writer dies, the states are whole, and the next writer goes on."""
    die_at, status = 0, 9
    while status == 9:
        die_at += 1
        process = writer(root, die_at=die_at, times=1)
        out, _ = process.communicate(timeout=60)
        status = process.returncode
        assert status in (0, 9)
        assert_whole(states, [int(line) for line in out.splitlines()])
    assert die_at > 10, "it hardly did anything"
    write(states, b"")
    assert not [name for name in names(states) if name.startswith(".new")]


def test_a_full_disk_for_real(states, root):
    """The system itself refuses to write more: nothing is left behind, and what was there stays."""
    write(states, b"1")
    states.release()
    script = WRITER.format(main=str(MAIN), die_at=0, times=1)
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert "File too large" in done.stderr
    assert names(states) == ["00000001.state", "lock"]
    assert good(states) == [(1, b"1")]
