"""`debug.log`: several processes write it, others move, remove and truncate it; no record is lost, nothing hangs."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import socket
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from cli.test_watch_process import DEADLINE, running
from hotconf.cli.logfile import LogFile
from outsiders import outsiders_python
from prefork import Program
from torture.extent import some

SIZE = 2000
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can act as other users")


@pytest.fixture
def said() -> list[str]:
    """The complaints."""
    return []


@pytest.fixture
def log(tmp_path, said):
    """A log of few and small files."""
    handler = LogFile(tmp_path / "debug.log", said.append, size=SIZE, files=5)
    yield handler
    handler.close()


def write(log, *texts):
    """So many records."""
    for text in texts:
        log.handle(logging.LogRecord("hotconf", logging.INFO, "", 0, text, None, None))


def lines(path):
    """All that the generations of the log hold, unordered."""
    files = (file for file in path.parent.glob("debug.log*") if file.is_file())
    return sorted(line for file in files for line in file.read_text().splitlines())


# Moved, removed, truncated


def test_moved_and_made_anew(log, tmp_path, said):
    """`logrotate` with `create`: the new file is written to, and made private."""
    write(log, "1", "2")
    (tmp_path / "debug.log").rename(tmp_path / "debug.log.old")
    (tmp_path / "debug.log").touch(0o644)
    write(log, "3")
    assert (tmp_path / "debug.log").read_text() == "3\n"
    assert (tmp_path / "debug.log.old").read_text() == "1\n2\n"
    assert stat.S_IMODE((tmp_path / "debug.log").stat().st_mode) == 0o600
    assert said == []


def test_moved_or_removed(log, tmp_path, said):
    """It comes back with the next record; so it does when its directory does."""
    write(log, "1")
    (tmp_path / "debug.log").unlink()
    write(log, "2")
    assert (tmp_path / "debug.log").read_text() == "2\n"
    tmp_path.rename(tmp_path.with_name("away"))
    write(log, "3", "4")
    assert said == [f"No log is kept: {tmp_path / 'debug.log'}: No such file or directory"]
    tmp_path.mkdir()
    write(log, "5")
    assert (tmp_path / "debug.log").read_text() == "5\n"
    shutil.rmtree(tmp_path.with_name("away"))


def test_copied_and_cut_off(log, tmp_path):
    """`logrotate` with `copytruncate`: the next record stands at the beginning, with no hole before it."""
    write(log, "1", "2")
    os.truncate(tmp_path / "debug.log", 0)
    write(log, "3")
    assert (tmp_path / "debug.log").read_bytes() == b"3\n"


WRITER = """
import logging, sys
from pathlib import Path
from hotconf.cli.logfile import LogFile
log = LogFile(Path(sys.argv[1]), lambda text: print(text, flush=True), size=int(sys.argv[3]), files=int(sys.argv[4]))
log.ready()
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    text = f"{sys.argv[5]}-{number} " + "x" * 80
    log.handle(logging.LogRecord("hotconf", logging.INFO, "", 0, text, None, None))
"""


@POSIX
@pytest.mark.parametrize("acts", ["none", "rename", "rename and create"])
def test_six_processes(tmp_path, acts):
    """Six processes fill many generations, while the file is moved away: each record is there once, and whole."""
    path, each, size = tmp_path / "debug.log", 300, 10_000
    arguments = [str(path), str(each), str(size), "40"]
    writers = [
        Program(WRITER, *arguments, n, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for n in range(6)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    moved = 0
    while acts != "none" and any(writer.poll() is None for writer in writers):
        with suppress(FileNotFoundError):  # just rotated
            path.rename(path.with_name(f"debug.log.away-{moved}"))
            if "create" in acts:
                path.touch(0o600)
            moved += 1
    for writer in writers:
        assert writer.communicate(timeout=DEADLINE)[0] == ""
    wanted = sorted(f"{n}-{number} {'x' * 80}" for n in range(6) for number in range(each))
    assert lines(path) == wanted
    assert len(list(tmp_path.iterdir())) > 4, "hardly anything was rotated"


def test_rotated(log, tmp_path):
    """As many files as it may have, each private and no larger than it may be; the oldest go."""
    write(log, *(f"{number} {'x' * 100}" for number in range(200)))
    found = sorted(tmp_path.iterdir())
    assert [file.name for file in found] == ["debug.log", *(f"debug.log.{number}" for number in range(1, 5))]
    assert all(file.stat().st_size <= SIZE and stat.S_IMODE(file.stat().st_mode) == 0o600 for file in found)
    assert found[0].read_text().splitlines()[-1].startswith("199 ")


def test_that_cannot_be_rotated(log, tmp_path, said):
    """It grows, and that is reported once: no record is lost."""
    (tmp_path / "debug.log.4").mkdir()
    write(log, *(f"{number} {'x' * 100}" for number in range(100)))
    assert said == [f"{tmp_path / 'debug.log'} cannot be rotated: Is a directory"]
    assert len(lines(tmp_path / "debug.log")) == 100
    assert (tmp_path / "debug.log").stat().st_size > 2 * SIZE


# What is no file of ours


def a_symlink(path):
    """To a file of ours."""
    path.with_name("target").touch()
    path.symlink_to(path.with_name("target"))


def a_link_to_a_device(path):
    """Which takes nothing."""
    path.symlink_to("/dev/full")


def a_dangling_symlink(path):
    """It would make a file elsewhere."""
    path.symlink_to(path.with_name("nothing"))


def a_hard_link(path):
    """To a file of ours."""
    path.with_name("target").touch()
    os.link(path.with_name("target"), path)


def a_pipe(path):
    """Without a reader."""
    os.mkfifo(path)


def a_directory(path):
    """An empty one."""
    path.mkdir()


def a_socket(path):
    """Without a listener."""
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(path.parent)  # its name must be short
        try:
            bound.bind(path.name)
        finally:
            os.chdir(here)


def a_device(path):
    """Which takes everything."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices cannot be made here")


def another_users(path):
    """Open to all."""
    if os.geteuid() != 0:
        pytest.skip("only root can give something away")
    path.touch(0o666)
    os.chown(path, 12345, 12345)


ODD = {
    a_symlink: "it is a symlink",
    a_link_to_a_device: "it is a symlink",
    a_dangling_symlink: "it is a symlink",
    a_hard_link: "it is a hard link to another file",
    a_pipe: "it is a pipe",
    a_directory: "it is a directory",
    a_socket: "it is a socket",
    a_device: "it is a device",
    another_users: "it belongs to another user",
}


@POSIX
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
def test_what_is_no_file_of_ours(log, tmp_path, said, make):
    """Refused and reported, once, at first or later; its target stays as it is; once it is gone a log is kept."""
    path = tmp_path / "debug.log"
    make(path)
    write(log, "1", "2")
    assert said == [f"No log is kept: {path}: {ODD[make]}"]
    assert not path.with_name("nothing").exists()
    assert not path.with_name("target").exists() or path.with_name("target").read_bytes() == b""
    path.rmdir() if path.is_dir() else path.unlink()
    write(log, "3")
    assert path.read_text() == "3\n"
    path.unlink()
    path.with_name("target").unlink(missing_ok=True)
    make(path)
    write(log, "4")
    assert len(said) == 2


@POSIX
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
def test_the_command_goes_on(tmp_path, make):
    """Whatever is in its place, the watch begins, says so on stderr, and ends on request."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "config.toml").write_text('model = "a"\n')
    make(tmp_path / "code" / "debug.log")
    with running(["watch", "--json"], tmp_path / "code") as watch:
        assert watch.event("started")["generation"] == 1
        assert watch.end() == (0, [])
    assert watch.stderr.decode() == f"No log is kept: {tmp_path}/code/debug.log: {ODD[make]}\n"


# Disks


@pytest.mark.parametrize("room", [0, 1, 5, 17])
def test_a_full_disk(log, tmp_path, said, monkeypatch, room):
    """Reported once; a truncated record does not run into the next one."""
    write(log, "first")
    real = os.write

    def full(descriptor, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, bytes(data[:room]))

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        write(log, "a record that is too long", "and another one of these")
    write(log, "last")
    assert said == [f"No log is kept: {tmp_path / 'debug.log'}: No space left on device"]
    found = (tmp_path / "debug.log").read_text().splitlines()
    assert (found[0], found[-1]) == ("first", "last")


@ROOT
@pytest.mark.parametrize("command", ["watch", "run"])
@pytest.mark.parametrize("home", ["/root", "closed", "read-only", "gone", "none"])
def test_a_path_that_was_given_needs_no_home(tmp_path, command, home):
    """Another user's home, one that may not be entered or written, one that is not there, and none at all."""
    base = Path("/tmp") / f"hotconf-{os.getpid()}-{tmp_path.name}"  # where other users may look
    base.mkdir(mode=0o755)
    python, needed = outsiders_python()
    try:
        (base / "config.toml").write_text('model = "a"\n')
        (base / "home" / ".code").mkdir(parents=True)
        (base / "home").chmod({"closed": 0o700}.get(home, 0o755))
        where = {"/root": "/root", "gone": str(base / "gone")}.get(home, str(base / "home"))
        environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "CODE_HOME")}
        options = ["--json"] if command == "watch" else []
        process = subprocess.Popen(
            [python, "-m", "hotconf", command, "--schema", "speckit", *options, str(base / "config.toml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, **needed, **({} if home == "none" else {"HOME": where})},
            cwd=base,
            user=54321,
            group=54321,
            extra_groups=[],
        )
        try:
            first = process.stdout.readline().decode()
            assert ('"generation": 1' if command == "watch" else "(generation 1, ") in first, process.stderr.read()
            process.terminate()
            assert process.wait(DEADLINE) == 0
            told = process.stderr.read().decode()
        finally:
            process.kill()
            process.communicate()
        assert "Traceback" not in told
        assert ("No log is kept: " in told) == (home in ("/root", "closed", "read-only")), told
    finally:
        shutil.rmtree(base)


@ROOT
@pytest.mark.parametrize("home", ["/root", "none"])
def test_other_commands_need_none(tmp_path, home):
    """Each command with an explicit PATH works without a home directory, or with one that may not be entered."""
    base = Path("/tmp") / f"hotconf-{os.getpid()}-{tmp_path.name}"  # where other users may look
    base.mkdir()
    python, needed = outsiders_python()
    try:
        os.chown(base, 54321, 54321)
        path = base / "config.toml"
        path.write_text('model = "a"\n')
        os.chown(path, 54321, 54321)
        commands: list[list[object]] = [
            ["check", "--schema", "speckit", path],
            ["init", "--schema", "speckit", base / "new" / "config.toml"],
            ["history", path, "--state-dir", base / "states"],
            ["show", "--schema", "speckit", path],
            ["show", "--schema", "speckit", path, "--json"],
            ["diff", "--schema", "speckit", path, path],
            ["plan", "--schema", "speckit", path, path],
            ["doctor", "--schema", "speckit", path, "--no-probe"],
            ["schema"],
            ["schema", "--schema", "speckit", "--stamp", path],
        ]
        for arguments in some(commands, 3):
            environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "CODE_HOME")}
            done = subprocess.run(
                [python, "-m", "hotconf", *map(str, arguments)],
                env={**environment, **needed, **({} if home == "none" else {"HOME": home})},
                capture_output=True,
                text=True,
                check=False,
                user=54321,
                group=54321,
                extra_groups=[],
                cwd=base,
            )
            assert done.returncode == 0, (arguments, done.stderr)
            assert "home" not in done.stderr, arguments
        assert json.loads((base / "new" / "config.schema.json").read_text())
    finally:
        shutil.rmtree(base)
