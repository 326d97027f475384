"""Which mounts files are on, and so whether access may hang, and which changes can never be noticed.

The table is Linux's: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from hotconf.sources.files import paths
from hotconf.sources.files.reading import NO_FILE, Read
from hotconf.text import printable

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


# The table


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount."""

    point: str
    root: str
    """The mounted part of the file system: `/`, or a directory or file of it for a bind mount."""
    kind: str
    """The type of the file system, such as `ext4`."""
    source: str
    read_only: bool
    device: int = field(default=0, compare=False)
    """As `stat` reports it."""

    @property
    def remote(self) -> bool:
        """Whether another machine or program serves it, and so may stop answering."""
        return self.kind in NETWORK or (self.kind.split(".")[0] == "fuse" and self.kind not in _LOCAL_FUSE)


def parse(table: bytes) -> list[Mount]:
    """The mounts of a `mountinfo` file, in its order; malformed lines are skipped."""
    found = []
    for line in table.splitlines():
        before, separator, after = line.partition(b" - ")
        fields, kind = before.split(b" "), after.split(b" ")
        if not separator or len(fields) < 6 or len(kind) < 2:
            continue
        point, root, name, source = (_text(each) for each in (fields[4], fields[3], kind[0], kind[1]))
        read_only = b"ro" in fields[5].split(b",")
        found.append(Mount(point, root, name, source, read_only, _device(fields[2])))
    return found


def mount_of(path: str, mounts: list[Mount]) -> Mount | None:
    """The mount that `path`, which has no links in it, is on: the nearest; of several at one point the topmost."""
    best = None
    for mount in mounts:
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def read() -> list[Mount]:
    """The mounts that this process sees; empty where the system has no table."""
    return parse(_table())


def remotes() -> list[str] | None:
    """The mount points of all remote ones; None where the system has no table."""
    table = _table()
    if not _may_be_remote(table):
        return [] if table else None
    return [mount.point for mount in parse(table) if mount.remote]


def remote(devices: Iterable[int], table: bytes) -> str | None:
    """The mount point of a remote file system among these; None if all are local or it is unknown."""
    if not _may_be_remote(table):
        return None  # nearly always, also in a container: nothing is parsed
    # Local disks have device numbers of their own.
    unnamed = {device for device in devices if os.major(device) == 0}
    return next((mount.point for mount in parse(table) if mount.device in unnamed and mount.remote), None)


def _may_be_remote(table: bytes) -> bool:
    return any(map(table.__contains__, _SIGNS))


def _table() -> bytes:
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            return table.read()
    except OSError:
        return b""


def _device(number: bytes) -> int:
    major, _, minor = number.partition(b":")
    return os.makedev(int(major), int(minor)) if major.isdigit() and minor.isdigit() else 0


def _text(escaped: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), escaped))


# The mounts of some files


class Mounts(NamedTuple):
    """The mounts of the files of a load."""

    remote: str | None = None
    """The network or FUSE mount that any of the files is on: access to it may block forever."""
    single: tuple[str, ...] = ()
    """Bind-mounted single files: their replacement outside is never visible here."""
    replaced: tuple[str, ...] = ()
    """Those of them that were replaced or removed outside."""
    table: int = 0
    """The hash of the mount table; if it differs, something was mounted or unmounted."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Which changes are not noticed, and what to do about it."""
        lost = [
            f"{printable(path)} was replaced or removed outside, and here its mount goes on showing the old file: "
            "start the container again, or mount the directory"
            for path in self.replaced
        ]
        single = [
            f"{printable(path)} is mounted as a single file, so a save that replaces it outside is never seen here: "
            "mount its directory"
            for path in self.single
            if path not in self.replaced
        ]
        return (*lost, *single)


def around(path: Path) -> Mounts:
    """The mounts of a file that was not read yet."""
    return Mounts(remote(_devices_around([os.fspath(path), *(link for link, _ in paths.links(path))]), _table()))


def under(before: Mounts, reads: Iterable[Read], new: Iterable[Read], folders: Iterable[str] | None) -> Mounts:
    """The mounts of the files of a load. `new`: those that were not reused; `folders`: the directories, if they
    differ from those of the load before. Local files that were reused stay local.
    """
    table = _table()
    is_same = hash(table) == before.table and not before.single
    again = folders is not None or before.remote is not None or not is_same
    fresh = list(reads if again else new)
    ways = [os.fspath(read.path) for read in fresh if not read.stamp.identity and read.stamp.error != NO_FILE]
    ways.extend(link for read in fresh for link, _ in read.stamp.links)
    devices = {read.stamp.identity[0] for read in fresh if read.stamp.identity}
    where = remote(devices | _devices_around((*ways, *(folders or ()))), table)
    return Mounts(where, *_single(fresh, table), hash(table)) if again else before._replace(remote=where)


def _single(reads: Iterable[Read], table: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of the files are mount points, and which of those have no name left at their source."""
    points = dict.fromkeys(mount.point for mount in parse(table) if mount.root != "/" and not mount.remote)
    identities = {each.stamp.identity[:2] for each in reads} if points else ()
    single, replaced = [], []
    for point in points:
        try:
            it = os.stat(point)
        except OSError:
            continue
        if stat.S_ISREG(it.st_mode) and (it.st_dev, it.st_ino) in identities:
            single.append(point)
            if it.st_nlink == 0:
                replaced.append(point)
    return tuple(single), tuple(replaced)


def _devices_around(found: Iterable[str]) -> set[int]:
    """The devices of these paths, or of their nearest existing parent directories."""
    devices = set()
    for path in dict.fromkeys(found):
        for place in (path, *map(str, Path(path).parents)):
            try:
                devices.add(os.stat(place).st_dev)
                break
            except OSError:
                continue
    return devices
