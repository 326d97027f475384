"""Where a path is mounted, as Linux tells it: proc_pid_mountinfo(5)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

NETWORK: Final = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
        *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs-fuse"),
    )
)
"""File systems that other machines write to as well."""
_LOCAL_FUSE: Final = frozenset(("fuse.fuse-overlayfs",))
"""The root of a container, if its runtime has no privileges."""
_SIGNS: Final = tuple(f" - {kind}".encode() for kind in {kind.split(".")[0] for kind in NETWORK})
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
    device: int = field(default=0, compare=False)
    """As `stat` reports it."""

    @property
    def remote(self) -> bool:
        """Whether another machine or program serves it, which may stop doing so."""
        return self.kind in NETWORK or (self.kind.split(".")[0] == "fuse" and self.kind not in _LOCAL_FUSE)


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
        device = _device(fields[2])
        found.append(Mount(texts[0], texts[1], texts[2], texts[3], read_only=b"ro" in options, device=device))
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
    return parse(_table())


def remote(devices: Iterable[int]) -> str | None:
    """The mount point of a remote one among these file systems; None if all are local, or if it is unknown."""
    # Local disks have device numbers of their own.
    unnamed = {device for device in devices if sys.platform == "linux" and os.major(device) == 0}
    table = _table() if unnamed else b""
    if not any(sign in table for sign in _SIGNS):
        return None  # nearly always, also in a container: nothing is parsed
    return next((mount.point for mount in parse(table) if mount.device in unnamed and mount.remote), None)


def remotes() -> list[str] | None:
    """The mount points of all remote ones; None where the system does not tell."""
    table = _table()
    if not any(sign in table for sign in _SIGNS):
        return [] if table else None
    return [mount.point for mount in parse(table) if mount.remote]


def parts() -> list[str]:
    """Mount points of parts of a local file system, which may be single files."""
    if sys.platform != "linux":
        return []
    return [mount.point for mount in read() if mount.root != "/" and not mount.remote]


def _table() -> bytes:
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            return table.read()
    except OSError:
        return b""


def _device(field: bytes) -> int:
    major, _, minor = field.partition(b":")
    return os.makedev(int(major), int(minor)) if major.isdigit() and minor.isdigit() else 0


def _text(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), field))
