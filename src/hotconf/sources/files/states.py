"""States of many regular files as bytes, side by side, and the look whether the files are still in them.

What takes long in such a look, after a while of rest, is to fetch into the processor's caches what it needs.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable
from typing import Final

from hotconf.sources.files.reading import Read

_STATE: Final = struct.Struct("=QQIqqq")
"""One state, as `Stamp.identity` has it."""
SIZE: Final = _STATE.size
OTHER: Final = bytes(SIZE)
"""In the place of a state: it is more than that what tells whether the file is the same. No file has the mode 0."""
_GONE: Final = b"\xff" * SIZE
NEVER: Final = 1 << 63


def state(read: Read) -> bytes:
    """The state in which a regular file was read to which no link leads, or `OTHER`."""
    identity = read.stamp.identity
    if read.problem is not None or read.stamp.links or len(identity) != len(_STATE.unpack(OTHER)):
        return OTHER
    return packed(identity)


def packed(identity: tuple[int, ...]) -> bytes:
    """The state of a regular file."""
    try:
        return _STATE.pack(*identity)
    except struct.error:  # numbers that no file system gives
        return OTHER


def look(paths: Iterable[bytes], until: int = NEVER) -> bytearray:
    """The states of these files, or of the first of them, one at the least, if it takes until then."""
    stat, pack, clock = os.stat, _STATE.pack, time.monotonic_ns
    found = bytearray()
    for path in paths:
        try:
            it = stat(path)
            found += pack(it.st_dev, it.st_ino, it.st_mode, it.st_size, it.st_mtime_ns, it.st_ctime_ns)
        except (OSError, struct.error):
            found += _GONE
        if clock() >= until:
            break
    return found


def differing(found: bytes | bytearray, known: bytes | bytearray) -> list[int]:
    """Which of the files that were looked at are not in the state that is known."""
    if found == known:
        return []
    return [at // SIZE for at in range(0, len(found), SIZE) if found[at : at + SIZE] != known[at : at + SIZE]]
