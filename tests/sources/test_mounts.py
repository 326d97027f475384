"""Where a path is mounted."""

from __future__ import annotations

import os
import sys

import pytest

from hotconf.sources.files import mounts
from hotconf.sources.files.mounts import Mount, Mounts, mount_of, parse, read

TABLE = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:28 / /srv ro,nosuid shared:1 master:2 - nfs4 host:/export rw
31 30 254:0 /etc/app /srv/with\040space\134 rw - ext4 /dev/vda rw
32 27 254:0 /etc/app/config.toml /app/config.toml rw - ext4 /dev/vda rw
33 27 0:40 / /srv rw - tmpfs over rw
nonsense
34 27 0:41 / /half rw
"""


def test_what_the_kernel_tells():
    """Escapes are undone, optional fields passed over, and so is what cannot be understood."""
    mounts = parse(TABLE)
    assert len(mounts) == 6
    assert mounts[2] == Mount("/srv", "/", "nfs4", "host:/export", read_only=True)
    assert mounts[3] == Mount("/srv/with space\\", "/etc/app", "ext4", "/dev/vda", read_only=False)


@pytest.mark.parametrize(
    ("path", "point", "kind"),
    [
        ("/", "/", "ext4"),
        ("/etc/x.toml", "/", "ext4"),
        ("/procession", "/", "ext4"),
        ("/proc/1/status", "/proc", "proc"),
        ("/srv/x.toml", "/srv", "tmpfs"),
        ("/srv", "/srv", "tmpfs"),
        ("/srv/with space\\/x", "/srv/with space\\", "ext4"),
        ("/app/config.toml", "/app/config.toml", "ext4"),
    ],
)
def test_the_mount_of_a_path(path, point, kind):
    """The nearest; and of two at the same place the one on top."""
    found = mount_of(path, parse(TABLE))
    assert found is not None
    assert (found.point, found.kind) == (point, kind)


def test_no_mounts_no_answer():
    """Where the system does not tell."""
    assert mount_of("/x", []) is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_this_process():
    """Has at least a root."""
    assert mount_of("/", read()) is not None


MAY_HANG = ("nfs4", "cifs", "9p", "fuse", "fuse.sshfs", "fuse.anything", "virtiofs")
LOCAL = ("ext4", "tmpfs", "overlay", "btrfs", "fuseblk", "fusectl", "fuse.fuse-overlayfs")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
@pytest.mark.parametrize("kind", [*MAY_HANG, *LOCAL])
def test_what_may_hang(kind):
    """By the type of the device's file system; local disks have device numbers of their own."""
    table = f"30 27 0:28 / /srv rw - {kind} host:/export rw\n31 27 0:29 / /tmp rw - tmpfs none rw\n"
    remote, local, disk = os.makedev(0, 28), os.makedev(0, 29), os.makedev(254, 0)
    assert mounts.remote([local, disk, remote], table.encode()) == ("/srv" if kind in MAY_HANG else None)
    assert mounts.remote([local, disk], table.encode()) is None


def test_where_nothing_is_told_nothing_is_far(monkeypatch):
    """Without `/proc`."""
    monkeypatch.setattr(mounts, "_table", bytes)
    assert mounts.remote([28], b"") is None
    assert mounts.under(Mounts(single=("/x",)), [], [], None) == Mounts()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_where_a_part_of_a_file_system_is_mounted(monkeypatch):
    """A directory or a file of it; never on a mount that may hang, because that takes a `stat`."""
    table = TABLE + b"35 27 0:28 /a /far rw - nfs4 host:/export rw\n"
    monkeypatch.setattr(mounts, "_table", lambda: table)
    asked: list[str] = []
    monkeypatch.setattr(os, "stat", lambda path: asked.append(path) or os.lstat("/nowhere"))
    mounts.under(Mounts(single=("/x",)), [], [], None)
    assert asked == ["/srv/with space\\", "/app/config.toml"]
