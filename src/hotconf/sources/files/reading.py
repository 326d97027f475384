"""Reading one file: a `Stamp` is what can be known without reading, a `Read` the content of one state, or a problem.

A file that changes while it is read is `unstable`, and read again.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hotconf.formats.base import Document
from hotconf.problems import Kind, Problem
from hotconf.snapshot import SourceFile
from hotconf.sources.files import paths
from hotconf.system.descriptors import FILE, ClosedError, Descriptor
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.sources.source import Fetched

FRESH_NS: Final = 20_000_000
"""A file that changed this shortly before it was read may change again without a new time stamp: the clocks of file
systems tick every 1 to 10 ms."""

# O_NONBLOCK: what was a regular file a moment ago may be a FIFO now, and open() would wait for a writer.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR}
TOGETHER: Final = "The files of layers together are"
PASSING: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.ESTALE}
"""Errors that may have passed by the next poll."""
_WHAT: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


NO_FILE: Final = -1
"""In place of an `errno`: what was read is no file, and nothing is to be looked at."""


class Stamp(NamedTuple):
    """What can be known of a file without reading it. Equal stamps mean that no change is visible."""

    error: int = 0
    """`errno` where `stat` failed."""
    identity: tuple[int, ...] = ()
    """Device, inode and mode; of a regular file also size, mtime_ns and ctime_ns."""
    links: tuple[tuple[str, str], ...] = ()
    """Each link on the way, with its target."""


class Read(NamedTuple):
    """The result of one read: the bytes of the file, or a problem."""

    path: Path
    stamp: Stamp
    data: bytes = b""
    problem: Problem | None = None
    settled: bool = True
    """False if the stamp is too young to be trusted, or the error may pass: read it again later."""
    document: Document | None = None
    """The parsed file, if it could be parsed; used again while the file has not changed."""
    source: SourceFile | None = None
    """That file for snapshots: they share it as long as it has not changed."""
    fetched: Fetched | None = None
    """What it was made of, if that is no file."""

    def __repr__(self) -> str:
        """Never shows the content."""
        return f"Read({self.path!r}, {self.stamp!r}, problem={self.problem!r}, settled={self.settled!r})"

    @property
    def text(self) -> str:
        """The bytes as text, without a byte order mark; invalid UTF-8 is replaced. Empty if nothing was read."""
        return self.data.decode("utf-8-sig", "replace")


class Together:
    """How much the files of layers may hold together: sixteen times what one may."""

    def __init__(self, max_bytes: int) -> None:
        self._most = self._left = 16 * max_bytes

    def within(self, read: Read) -> Read:
        """`read`, which is one more, or a problem."""
        self._left -= len(read.data)
        if self._left >= 0:
            return read
        return Read(read.path, read.stamp, problem=too_large(read.path, self._most, TOGETHER))


def same(path: Path, stamp: Stamp) -> bool:
    """Whether `path` still has `stamp`. Cheaper than `stat_only`: only the known links are followed."""
    return not changed((Read(path, stamp),))


def changed(reads: Iterable[Read]) -> list[Path]:
    """Those whose stamp differs from when they were read, or that were unstable then."""
    found = []
    for path, (error, identity, links), _, problem, *_ in reads:
        if error == NO_FILE:
            continue
        try:
            it = os.stat(path)
        except OSError as failed:
            same = failed.errno == error
        else:
            same = _identity(it) == identity
            if links and same:
                same = all(_points(link, target) for link, target in links)
        if not same or (problem is not None and problem.kind == "unstable"):
            found.append(path)
    return found


def replaced(read: Read, file: Descriptor) -> bool:
    """Whether the only change of `file` since it was read is, surely, that another file took its path."""
    try:
        was = os.fstat(file.number)
        found = os.stat(read.path)
    except OSError:
        return False
    # Its ctime differs, because it lost a name.
    kept = (was.st_size, was.st_mtime_ns) == read.stamp.identity[3:5]
    return kept and (found.st_dev, found.st_ino) != (was.st_dev, was.st_ino)


def read(path: Path, max_bytes: int) -> Read:
    """Read `path` whole, if it is a regular file of at most `max_bytes`. If it changes meanwhile, it is `unstable`.

    Errors are values: the kind of `problem` is missing, unreadable, too_large or unstable. Only regular files are
    opened, so that no pipe or device can block. The stamp is of what was read, never of a later state.
    """
    found, file = opened(path, max_bytes)
    if file is not None:
        file.close()
    return found


def opened(path: Path, max_bytes: int) -> tuple[Read, Descriptor | None]:
    """The same, with the file still open: until it is closed, no other file gets its inode."""
    links = paths.links(path)
    try:
        found = os.stat(path)
    except OSError as error:
        return _failed(path, Stamp(error=error.errno or errno.EIO, links=links), error), None
    if not stat.S_ISREG(found.st_mode):
        return _irregular(path, found, links), None
    try:
        file, kept = Descriptor(FILE, partial(os.open, path, _FLAGS)), None
        try:
            done = _read_regular(path, file, links, max_bytes)
            # Where an open file cannot be renamed over, it must not stay open.
            kept = file if done.problem is None and os.name == "posix" else None
            return done, kept
        finally:
            if kept is None:
                file.close()
    except (ClosedError, FileNotFoundError, NotADirectoryError):  # it was there a moment ago
        return Read(path, _stamp(found, links), problem=_unstable(path), settled=False), None
    except OSError as error:
        return _failed(path, _stamp(found, links), error), None


def stat_only(path: Path) -> Read:
    """The stamp of `path`, or why there is none. Opens nothing; `path` may be a directory."""
    links = paths.links(path)
    try:
        return Read(path, _stamp(os.stat(path), links))
    except OSError as error:
        return _failed(path, Stamp(error=error.errno or errno.EIO, links=links), error)


def is_directory(read: Read) -> bool:
    """Whether a directory was found."""
    mode = read.stamp.identity[2] if read.stamp.identity else 0
    return stat.S_ISDIR(mode)


def unstable(read: Read) -> Read:
    """The same, but changed while it was read."""
    return read._replace(problem=_unstable(read.path), settled=False)


def source_file(
    read: Read, role: Literal["main", "virtual", "fragment", "named"], language: str | None
) -> SourceFile:
    """It for snapshots. `language`: what it is written in, if its name does not say."""
    if (fetched := read.fetched) is not None:
        return SourceFile(read.path, "main", read.data, fetched.format, fetched.version)
    return SourceFile(read.path, "main" if role == "virtual" else role, read.data, language)


def exposed(read: Read) -> Problem | None:
    """The warning that any user may write the file, and so configure the program. None if not, or off POSIX."""
    path, identity = read.path, read.stamp.identity
    mode = identity[2] if len(identity) > 2 else 0
    if not mode & stat.S_IWOTH or not stat.S_ISREG(mode) or os.name != "posix":
        return None
    import shlex  # rarely needed

    text = f"Every user can write to the file (mode {stat.S_IMODE(mode):04o})"
    hint = f"chmod o-w {shlex.quote(printable(str(path)))}"
    return Problem(text, kind="exposed", severity="warning", hint=hint, file=path)


def empty(read: Read) -> Problem | None:
    """The problem of a layer's file with nothing but white space in it, which may be half of a save. None if not."""
    if read.text.strip():
        return None
    return Problem(
        "File is empty", kind="empty", hint="write to it; allow_empty=True lets it be empty", file=read.path
    )


def _read_regular(path: Path, file: Descriptor, links: tuple[tuple[str, str], ...], max_bytes: int) -> Read:
    first = file.first
    if not stat.S_ISREG(first.st_mode):
        return _irregular(path, first, links)
    stamp = _stamp(first, links)
    if first.st_size > max_bytes:
        return Read(path, stamp, problem=too_large(path, max_bytes))
    data = _content(file, min(first.st_size, max_bytes) + 1)
    last = os.fstat(file.number)
    if data and first.st_size == last.st_size == 0:
        # As in procfs: nothing shows whether such a file is whole, or has changed.
        problem = Problem("Cannot read the file: its size is said to be 0, but it is not empty", kind="unreadable")
        return Read(path, _stamp(last, links), problem=replace(problem, file=path))
    if _stamp(last, links) != stamp or len(data) != last.st_size:
        return Read(path, _stamp(last, links), problem=_unstable(path), settled=False)
    settled = abs(time.time_ns() - last.st_ctime_ns) > FRESH_NS
    return Read(path, stamp, data, settled=settled)


def _content(file: Descriptor, left: int) -> bytes:
    """At most `left` bytes, one more than the file had: one more shows that it grew; else `fstat` decides later."""
    parts: list[bytes] = []
    while left > 0 and (part := os.read(file.number, left)):
        parts.append(part)
        left -= len(part)
        if left == 1:
            break
    return b"".join(parts)


def _irregular(path: Path, found: os.stat_result, links: tuple[tuple[str, str], ...]) -> Read:
    what = next((text for test, text in _WHAT if test(found.st_mode)), "not a regular file")
    problem = Problem(f"Cannot read the file: it is {what}", kind="unreadable", file=path)
    return Read(path, _stamp(found, links), problem=problem)


def _failed(path: Path, stamp: Stamp, error: OSError) -> Read:
    return Read(path, stamp, problem=_problem(path, error), settled=error.errno not in PASSING)


def _stamp(found: os.stat_result, links: tuple[tuple[str, str], ...]) -> Stamp:
    return Stamp(identity=_identity(found), links=links)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    mode = found.st_mode
    if not stat.S_ISREG(mode):  # what goes through a pipe is no change, nor is a name in a directory
        return found.st_dev, found.st_ino, mode
    return found.st_dev, found.st_ino, mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _points(link: str, target: str) -> bool:
    try:
        return os.readlink(link) == target
    except OSError:
        return False


def _unstable(path: Path) -> Problem:
    return Problem("The file changed while it was read", kind="unstable", file=path)


def too_large(path: Path, max_bytes: int, what: str = "The file is") -> Problem:
    """The problem of a file that is too large to be read."""
    return Problem(f"{what} larger than {max_bytes} bytes", kind="too_large", file=path)


def _problem(path: Path, error: OSError) -> Problem:
    kind: Kind = "missing" if error.errno in _ABSENT else "unreadable"
    if kind == "missing":
        text = "The file does not exist"
    elif error.errno == errno.ELOOP:
        text = "Cannot read the file: its links lead in a circle"
    elif error.errno in (errno.EACCES, errno.EPERM):
        text = "Cannot read the file: permission denied"
    else:
        text = f"Cannot read the file: {os.strerror(error.errno or errno.EIO)}"
    return Problem(text, kind=kind, file=path)
