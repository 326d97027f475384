"""inotify(7) through ctypes: add, remove, read. No decisions."""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from hotconf.system import linux
from hotconf.system.descriptors import INOTIFY, Descriptor

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
"""The watched inode was moved or removed."""

_HEADER: Final = struct.Struct("iIII")
_BUFFER: Final = 1 << 13
_LARGEST: Final = _HEADER.size + 256
"""The size of an event with the longest name."""


class Event(NamedTuple):
    """One event. For an overflow `wd` is -1 and `name` is empty."""

    wd: int
    mask: int
    name: str


class Inotify:
    """One inotify instance. Raises `OSError` if the kernel has none left, or no inotify."""

    __slots__ = ("_buffer", "_instance")

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(_BUFFER)
        self._instance = Descriptor(INOTIFY, partial(linux.inotify_init1, os.O_NONBLOCK | os.O_CLOEXEC))

    @property
    def descriptor(self) -> int:
        """Wait for it at once. Raises `ClosedError` if the program has closed it."""
        return self._instance.number

    @property
    def ours(self) -> bool:
        """Whether it is open: neither the program nor we closed it."""
        return self._instance.ours

    def add(self, path: str, mask: int) -> int:
        """Watch the inode at `path`, following links. An inode always gets the same number. Raises `OSError`."""
        number, name = self._instance.number, os.fsencode(path)
        try:
            return linux.inotify_add_watch(number, name, ctypes.c_uint32(mask))
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from None

    def remove(self, wd: int) -> None:
        """Stop watching; not an error if the kernel has dropped the watch already."""
        with suppress(OSError):
            linux.inotify_rm_watch(self._instance.number, wd)

    def read(self) -> list[Event]:
        """All waiting events. Raises `OSError`."""
        # This keeps the GIL, because the data is there already: next to a CPU-bound thread it takes 5 ms to get it
        # back, and windows begin when events have been read.
        events: list[Event] = []
        while (size := linux.read(self._instance.number, self._buffer, _BUFFER)) > 0:
            events.extend(_decoded(self._buffer.raw[:size]))
            if size < _BUFFER - _LARGEST:
                break
        return events

    def close(self) -> None:
        """Close the instance; the kernel drops its watches. Does nothing if the program has closed it."""
        self._instance.close()


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
