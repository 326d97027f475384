"""Whatever stands in the file's place: the right kind of failure, its place, the old snapshot; then life goes on."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import Field

from hotconf import ConfigError, HotReloadWatcher
from hotconf.engine.candidate import Unstable
from hotconf.problems import Problem
from hotconf.runtime import loads
from hotconf.sources.base import FileSet, LoadResult
from waiting import wait_until
from watcher.watched import CHANGED, Frozen, port, save

MAX_BYTES = 200_000


class Server(Frozen):
    port: int = Field(default=8000, ge=1)


class Strict(Frozen):
    """Something for each kind of fault of a value; everything else is free."""

    server: Server = Server()
    mode: str = Field(default="a", pattern="^[ab]$")
    a: object = None


class Bad(NamedTuple):
    """What stands there, and what is to be said of it; lines and columns from 1."""

    put: Callable[[Path], object]
    kind: str
    line: int | None = None
    column: int | None = None


def torn(path: Path) -> Unstable:
    """The file changed while it was read."""
    return Unstable((path,), (Problem("The file is being written", kind="unstable", file=path),))


def content(data: bytes | str, kind: str, line: int | None = None, column: int | None = None) -> Bad:
    """A file with bad content."""
    raw = data if isinstance(data, bytes) else data.encode()
    return Bad(lambda path: path.write_bytes(raw), kind, line, column)


def instead(put: Callable[[Path], object], kind: str = "unreadable") -> Bad:
    """Something else in the file's place, put there in one step."""

    def replace(path: Path) -> None:
        beside = path.with_name("beside")
        put(beside)
        beside.replace(path)

    return Bad(replace, kind)


def listen(path: Path) -> None:
    """A socket; its address may be no longer than 107 bytes, so it is given relative to the directory."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def grow(path: Path) -> None:
    """A gigabyte of nothing that takes no space."""
    with path.open("wb") as file:
        file.truncate(1 << 30)


def directory(path: Path) -> None:
    """Cannot be put in a file's place in one step."""
    path.unlink()
    path.mkdir()


BAD = {
    # There is no file, or nothing in it
    "removed": Bad(Path.unlink, "missing"),
    "dangling link": instead(lambda path: path.symlink_to("nowhere.toml"), "missing"),
    "empty": content(b"", "empty"),
    "white space": content(" \n\t\r\n  \n", "empty"),
    "byte order mark": content(b"\xef\xbb\xbf\n", "empty"),
    # It is no file that can be read
    "directory": Bad(directory, "unreadable"),
    "named pipe": instead(os.mkfifo),
    "socket": instead(listen),
    "endless device": instead(lambda path: path.symlink_to("/dev/zero")),
    "loop of links": instead(lambda path: path.symlink_to("config.toml")),
    # There is too much of it
    "too large": content("#" * MAX_BYTES + "\n", "too_large"),
    "a gigabyte": Bad(grow, "too_large"),
    # It is not text
    "latin-1": content("[server]\nport = 1 # M\xfcnchen\n".encode("latin-1"), "encoding", 2, 13),
    "UTF-16": content("[server]\n".encode("utf-16"), "encoding", 1, 1),
    "cut in a character": content("a = 'ü".encode()[:-1], "encoding", 1, 6),
    "binary": content(bytes(range(256)), "encoding", 2, 118),
    # It is not TOML
    "half a table": content("[server", "syntax", 1, 1),
    "half a key": content("[server]\npo", "syntax", 2, 3),
    "half a value": content("[server]\nport = ", "syntax", 2, 8),
    "half a string": content("[server]\nport = 'ab", "syntax", 2, 8),
    "half an array": content("a = [1,\n2,\n", "syntax", 1, 5),
    "NUL": content("a = 1\n\0\0\0\0", "syntax", 2, 1),
    "NUL in a string": content("a = 'x\0y'", "syntax", 1, 7),
    "a key twice": content("a = 1\nb = 2\na = 3\n", "syntax", 3, 1),
    "a table twice": content("[server]\n[a]\n[server]\n", "syntax", 3, 1),
    "a table over a value": content("a = 1\n[a.b]\n", "syntax", 2, 1),
    "deep arrays": content("a = 1\nb = " + "[" * 7000, "syntax", 2),
    "deep arrays that close": content("b = " + "[" * 65 + "]" * 65, "syntax", 1),
    "deep inline tables": content("b = " + "{a = " * 70 + "1" + "}" * 70, "syntax", 1),
    "deep tables": content("\n[" + ".".join("a" * 70) + "]\n", "syntax", 2),
    "deep dotted keys": content(".".join("a" * 70) + " = 1\n", "syntax", 1),
    "fifty thousand dots": content(".".join("a" * 50_000) + " = 1\n", "syntax", 1),
    "5,000 digits": content("a = 1\nb = " + "1" * 5000, "syntax", 2, 5),
    "5,000 hexadecimal digits": content("b = 0x" + "f" * 5000, "syntax", 1, 5),
    # It is another configuration
    "wrong type": content("[server]\nport = 'a'\n", "schema", 2, 8),
    "a value for a table": content("server = 1\n", "schema", 1, 10),
    "out of range": content("[server]\nport = 0\n", "schema", 2, 8),
    "wrong pattern": content("mode = 'c'\n", "schema", 1, 8),
    "not a number": content("[server]\nport = nan\n", "schema", 2, 8),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_save(path, watch, bad):
    """It is refused with its kind and place, readers keep the same snapshot, and the next good save is published."""
    watcher, seen = watch(path, Strict, max_bytes=MAX_BYTES)
    snapshot = watcher.snapshot
    bad.put(path)
    event = seen.exactly(CHANGED, f"ReloadFailed {bad.kind}")
    problem = next(each for each in event.problems if each.severity == "error")
    assert (problem.kind, problem.severity, problem.file) == (bad.kind, "error", path)
    assert problem.line == bad.line
    assert bad.column in (None, problem.column)
    assert event.error.startswith("config.toml:" if bad.line else "config.toml: ")
    assert event.error.isprintable()
    assert watcher.snapshot is snapshot
    if bad.put is directory:
        path.rmdir()
    save(path, port(9000))
    seen.exactly(CHANGED, f"ReloadFailed {bad.kind}", CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_start(path, bad):
    """`start()` raises with the same kind and place; it neither hangs nor starts."""
    bad.put(path)
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(path, Strict, max_bytes=MAX_BYTES).start()
    problem = next(each for each in raised.value.problems if each.severity == "error")
    assert (problem.kind, problem.line) == (bad.kind, bad.line)


def test_the_directory_is_gone(tmp_path, watch):
    """The whole directory is removed, and comes back."""
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    path.write_text(port(8000))
    watcher, seen = watch(path, reconcile_s=3600.0)
    shutil.rmtree(path.parent)
    seen.exactly(CHANGED, "ReloadFailed missing")
    path.parent.mkdir()
    path.write_text(port(9000))
    wait_until(lambda: watcher.config.server.port == 9000)


def test_a_file_in_place_of_the_directory(tmp_path, watch):
    """What was a directory on the way is a file now: the config is missing."""
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    path.write_text(port(8000))
    watcher, seen = watch(path)
    path.parent.rename(tmp_path / "away")
    path.parent.write_text("no directory")
    seen.exactly(CHANGED, "ReloadFailed missing")
    assert watcher.config.server.port == 8000


def test_a_device_that_everybody_writes_to(path, watch, calm):
    """A link to `/dev/null` is one failure, not one for each program that writes there."""
    watcher, seen = watch(path)
    link = path.with_name("link.toml")
    link.symlink_to(os.devnull)
    link.replace(path)
    seen.exactly(CHANGED, "ReloadFailed unreadable")
    Path(os.devnull).write_text("x")
    calm()
    seen.exactly(CHANGED, "ReloadFailed unreadable")
    save(path, port(9000))
    seen.exactly(CHANGED, "ReloadFailed unreadable", CHANGED, "ReloadSuccess 2")
    assert watcher.config.server.port == 9000


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_no_permission(path, watch):
    """A file that may not be read is unreadable, and read when it may."""
    watcher, seen = watch(path)
    path.chmod(0)
    seen.exactly(CHANGED, "ReloadFailed unreadable")
    path.chmod(0o600)
    seen.exactly(CHANGED, "ReloadFailed unreadable", CHANGED, "ReloadUnchanged")
    assert watcher.generation == 1


def test_a_bad_fragment(path, watch):
    """The problem names the fragment; the main file is not blamed, and the snapshot stays."""
    extra = path.with_name("extra.toml")
    extra.write_text("a = 1\n")
    watcher, seen = watch(path, Strict, watch_paths=["extra.toml"])
    snapshot = watcher.snapshot
    expected: list[str] = []
    for text, kind, line in (("a = [", "syntax", 1), ("", "empty", None), ("\n[server]\nport = ''", "schema", 3)):
        extra.write_text(text)
        expected += ["FileChanged extra.toml", f"ReloadFailed {kind}"]
        problem = seen.exactly(*expected).problems[0]
        assert (problem.kind, problem.file, problem.line) == (kind, extra, line)
        assert watcher.snapshot is snapshot
    extra.write_text(port(9000))
    seen.exactly(*expected, "FileChanged extra.toml", "ReloadSuccess 2")


def test_both_files_are_bad(path, watch):
    """The problems of all files are told, each with its file."""
    extra = path.with_name("extra.toml")
    extra.write_text("a = 1\n")
    watcher, _ = watch(path, Strict, watch_paths=["extra.toml"], debounce_ms=60_000)
    path.write_text("[server")
    extra.write_text("a = ")
    event = watcher.reload()
    assert [problem.file for problem in event.problems] == [path, extra]
    assert event.error.endswith("(+1 more)")


def test_a_file_that_is_never_still(path, watch, monkeypatch):
    """No read is of one state, past the ceiling: `unstable`; the next still state is published."""
    watcher, seen = watch(path)
    snapshot = watcher.snapshot
    load = loads.load
    monkeypatch.setattr(loads, "load", lambda *_, **__: LoadResult(torn(path), FileSet.of(path).restamped()))
    path.write_text(port(9000))
    event = seen.ending()
    assert (event.kind, event.problems[0].file) == ("unstable", path)
    assert watcher.snapshot is snapshot
    monkeypatch.setattr(loads, "load", load)
    path.write_text(port(9001))
    seen.exactly(CHANGED, "ReloadFailed unstable", CHANGED, "ReloadSuccess 2")


def test_reload_of_a_file_that_is_never_still(path, watch, monkeypatch):
    """`reload()` gives up after some reads, without waiting for a ceiling."""
    watcher, _ = watch(path, debounce_ms=60_000)
    reads = []

    def never_still(*_: object, **__: object) -> LoadResult[object]:
        reads.append(1)
        return LoadResult(torn(path), FileSet.of(path).restamped())

    monkeypatch.setattr(loads, "load", never_still)
    assert watcher.reload().kind == "unstable"
    assert 3 <= len(reads) < 10  # the round that this opens reads ahead, on a slow machine more than once already


def test_one_bad_file_after_the_other(path, watch):
    """A series of failures, each with its own reason, ends with the first good file."""
    watcher, seen = watch(path, Strict, max_bytes=MAX_BYTES)
    snapshot = watcher.snapshot
    series = [bad for bad in BAD.values() if bad.kind in ("empty", "encoding", "syntax", "schema", "too_large")]
    for count, bad in enumerate(series, start=1):
        bad.put(path)
        assert watcher.reload().kind == bad.kind
        wait_until(lambda count=count: len(seen.endings) >= count)
    assert watcher.snapshot is snapshot
    path.write_text(port(9000))
    wait_until(lambda: watcher.config.server.port == 9000)
