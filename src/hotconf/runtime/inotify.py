"""inotify(7) through ctypes: add, remove, read. Nothing is decided here."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final, NamedTuple

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
Q_OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
ONLYDIR: Final = 0x1000000
EXCL_UNLINK: Final = 0x4000000
MASK_ADD: Final = 0x20000000

GONE: Final = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
"""The watched inode is no longer where it was, or no longer there."""

_HEADER: Final = struct.Struct("iIII")
_BUFFER: Final = 1 << 13
_LARGEST: Final = _HEADER.size + 256
"""An event with the longest name."""


class Event(NamedTuple):
    """One event as the kernel tells it. `wd` is -1 and `name` empty for an overflow."""

    wd: int
    mask: int
    name: str


class Inotify:
    """One inotify instance. Raises `OSError` where the kernel has none left or does not know inotify."""

    __slots__ = ("_buffer", "_libc", "_quick", "descriptor")

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        # Keeps the interpreter's lock. What is read is there already, so that to copy it takes less than to get the
        # lock back: 5 ms beside a thread that never pauses. And windows begin when events have been read.
        self._quick = ctypes.PyDLL(None, use_errno=True)
        self._buffer = ctypes.create_string_buffer(_BUFFER)
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise _error("inotify_init1")

    def add(self, path: str, mask: int) -> int:
        """Watch the inode at `path`, links followed; the same inode always has the same number. Raises `OSError`."""
        wd: int = self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), ctypes.c_uint32(mask))
        if wd < 0:
            raise _error(path)
        return wd

    def remove(self, wd: int) -> None:
        """Stop watching; a number that the kernel has dropped already is no error."""
        self._libc.inotify_rm_watch(self.descriptor, wd)

    def read(self) -> list[Event]:
        """All events that are waiting; empty if none is."""
        events: list[Event] = []
        while True:
            size: int = self._quick.read(self.descriptor, self._buffer, _BUFFER)
            if size < 0 and ctypes.get_errno() == errno.EAGAIN:
                return events
            if size < 0:
                raise _error("inotify")
            events.extend(_decoded(self._buffer.raw[:size]))
            if size < _BUFFER - _LARGEST:
                return events

    def close(self) -> None:
        """Close the instance; the kernel drops its watches."""
        # First forgotten, then closed: a fork between the two must not have the child close somebody else's.
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _decoded(data: bytes) -> list[Event]:
    events: list[Event] = []
    position = 0
    while position < len(data):
        wd, mask, _, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        name = data[position : position + length].rstrip(b"\0")
        position += length
        events.append(Event(wd, mask, os.fsdecode(name)))
    return events


def _error(what: str) -> OSError:
    code = ctypes.get_errno() or errno.EIO
    return OSError(code, os.strerror(code), what)
