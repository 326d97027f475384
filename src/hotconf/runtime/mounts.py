"""Where a path is mounted, as Linux tells it: proc_pid_mountinfo(5)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount."""

    point: str
    root: str
    """What of the file system is mounted; `/` unless a part of it is, as with a bind mount."""
    kind: str
    """The type of the file system, such as `ext4`."""
    source: str
    read_only: bool


def parse(table: bytes) -> list[Mount]:
    """The mounts of a `mountinfo` file, in its order; lines that cannot be understood are passed over."""
    found = []
    for line in table.splitlines():
        before, separator, after = line.partition(b" - ")
        fields, kind = before.split(b" "), after.split(b" ")
        if not separator or len(fields) < 6 or len(kind) < 2:
            continue
        options = fields[5].split(b",")
        texts = [_text(field) for field in (fields[4], fields[3], kind[0], kind[1])]
        found.append(Mount(texts[0], texts[1], texts[2], texts[3], read_only=b"ro" in options))
    return found


def mount_of(path: str, mounts: list[Mount]) -> Mount | None:
    """The mount that `path`, which has no links in it, lies on: the nearest, and of several there the topmost."""
    best = None
    for mount in mounts:
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def read() -> list[Mount]:
    """The mounts that this process sees; none where the system does not tell."""
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            return parse(table.read())
    except OSError:
        return []


def _text(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), field))
