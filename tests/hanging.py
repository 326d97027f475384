"""A FUSE file system that can be made to hang, like a network mount whose server is gone. Linux, as root.

It has no `flush`: the kernel lets no process end that waits for one, not even by SIGKILL.

It shows another directory, whose files can be written to. While the file `hang` is in its control directory it
answers no request. As a program: `hanging.py SHOWN MOUNTED CONTROL`; it ends when it is unmounted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_IN: Final = struct.Struct("<IIQQIIII")
_OUT: Final = struct.Struct("<IiQ")
_ATTR: Final = struct.Struct("<6Q10I")
_LOOKUP, _FORGET, _GETATTR, _READLINK, _OPEN, _READ, _WRITE, _STATFS = 1, 2, 3, 5, 14, 15, 16, 17
_RELEASE, _INIT, _OPENDIR, _READDIR, _RELEASEDIR = 18, 26, 27, 28, 29
_INTERRUPT, _DESTROY, _BATCH_FORGET = 36, 38, 42
_SILENT: Final = {_FORGET, _BATCH_FORGET, _INTERRUPT}
_DIRECT: Final = 1
_DETACH, _FORCE = 2, 1


class Server:
    """Answers the kernel's questions about `shown`, one after the other."""

    def __init__(self, shown: str, device: int) -> None:
        self._device = device
        self._paths = {1: shown}
        self._nodes = {shown: 1}

    def answer(self, request: bytes) -> bytes | None:
        """What to write back; None if nothing is expected."""
        _, opcode, unique, node, *_ = _IN.unpack_from(request)
        if opcode in _SILENT:
            return None
        try:
            body = self._body(opcode, self._paths.get(node, ""), request[_IN.size :])
        except OSError as error:
            return _OUT.pack(_OUT.size, -(error.errno or errno.EIO), unique)
        return _OUT.pack(_OUT.size + len(body), 0, unique) + body

    def _body(self, opcode: int, path: str, given: bytes) -> bytes:
        if opcode == _INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0)
        if opcode == _LOOKUP:
            return self._entry(os.path.join(path, os.fsdecode(given.split(b"\0")[0])))
        if opcode == _GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self._attributes(path)
        if opcode == _READLINK:
            return os.fsencode(os.readlink(path))
        if opcode in (_OPEN, _OPENDIR):
            os.stat(path)
            return struct.pack("<QII", 0, _DIRECT, 0)
        if opcode == _READ:
            _, offset, size = struct.unpack_from("<QQI", given)
            return Path(path).read_bytes()[offset : offset + size]
        if opcode == _WRITE:
            _, offset, size = struct.unpack_from("<QQI", given)
            with Path(path).open("r+b") as file:
                file.seek(offset)
                return struct.pack("<II", file.write(given[40 : 40 + size]), 0)
        if opcode == _READDIR:
            _, offset, size = struct.unpack_from("<QQI", given)
            return self._entries(path, offset, size)
        if opcode == _STATFS:
            return struct.pack("<5QIIII24x", 1, 1, 1, 1, 1, 4096, 255, 4096, 0)
        if opcode in (_RELEASE, _RELEASEDIR, _DESTROY):
            return b""
        raise OSError(errno.ENOSYS, "no such call")

    def _attributes(self, path: str) -> bytes:
        it = os.lstat(path)
        times = [divmod(ns, 1_000_000_000) for ns in (it.st_atime_ns, it.st_mtime_ns, it.st_ctime_ns)]
        seconds, rest = [each[0] for each in times], [each[1] for each in times]
        owner = (it.st_mode, it.st_nlink, it.st_uid, it.st_gid, 0, 4096, 0)
        return _ATTR.pack(it.st_ino, it.st_size, 1, *seconds, *rest, *owner)

    def _entry(self, path: str) -> bytes:
        attributes = self._attributes(path)
        node = self._nodes.setdefault(path, len(self._nodes) + 1)
        self._paths[node] = path
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + attributes

    def _entries(self, path: str, offset: int, size: int) -> bytes:
        found = b""
        for number, name in enumerate(sorted(os.listdir(path))[offset:], offset + 1):
            mode = os.lstat(os.path.join(path, name)).st_mode
            raw = os.fsencode(name)
            entry = struct.pack("<QQII", number, number, len(raw), stat.S_IFMT(mode) >> 12) + raw
            entry += bytes(-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found

    def _keep_waiting(self, hang: str) -> None:
        Path(f"{hang}s").touch()
        while os.path.exists(hang):
            time.sleep(0.01)
        Path(f"{hang}s").unlink()

    def run(self, control: str) -> None:
        """Until it is unmounted."""
        hang = os.path.join(control, "hang")
        while True:
            # The caller can be killed until its request is read; after that the kernel waits for the answer.
            select.select([self._device], [], [])
            if os.path.exists(hang):
                self._keep_waiting(hang)
            try:
                request = os.read(self._device, 1 << 17)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                    continue
                return
            reply = self.answer(request)
            if reply is not None:
                with suppress(OSError):  # the caller is gone
                    os.write(self._device, reply)


def _mount(point: str) -> int:
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"hanging", os.fsencode(point), b"fuse.hanging", 0, options.encode()) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), point)
    return device


def unmount(point: str) -> None:
    """Waiting requests get an error."""
    ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(point), _DETACH | _FORCE)


class Hanging:
    """A directory that may hang: `point` shows what is in `shown`."""

    def __init__(self, root: Path) -> None:
        self.shown, self.point, self._control = root / "shown", root / "point", root / "control"
        for directory in (self.shown, self.point, self._control):
            directory.mkdir(parents=True)

    def hang(self) -> None:
        """From now on no request gets an answer."""
        (self._control / "hang").touch()

    def answer(self) -> None:
        """Answer all requests again."""
        (self._control / "hang").unlink(missing_ok=True)

    @property
    def hangs(self) -> bool:
        """Whether a request is waiting."""
        return (self._control / "hangs").exists()

    @contextmanager
    def mounted(self) -> Iterator[Hanging]:
        """Raises `OSError` where that is not possible."""
        command = [sys.executable, __file__, str(self.shown), str(self.point), str(self._control)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                if server.stdout is None or server.stdout.readline() != "mounted\n":
                    raise OSError(errno.EPERM, "nothing can be mounted here")
                yield self
            finally:
                self.answer()
                unmount(str(self.point))
                server.kill()


@contextmanager
def hanging(root: Path) -> Iterator[Hanging]:
    """One that is mounted. Where that is not possible, the test is skipped."""
    mount = Hanging(Path(os.path.realpath(root)) / "far")
    try:
        with mount.mounted():
            yield mount
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOENT, errno.EACCES, errno.ENODEV):
            raise
        import pytest

        pytest.skip(f"no FUSE here: {error}")


if __name__ == "__main__":
    shown, point, control = sys.argv[1:]
    server = Server(shown, _mount(point))
    print("mounted", flush=True)  # noqa: T201 - told to the test that started it
    server.run(control)
