"""The mounts of a load's files, as far as they decide which changes can be noticed, and who may have to wait."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from hotconf.sources.files import mounts, paths
from hotconf.sources.files.paths import Expansion
from hotconf.sources.files.reading import Read
from hotconf.text import printable


class Ground(NamedTuple):
    """What a load found out."""

    mount: str | None = None
    """The network or FUSE mount that any of the files is on: touching it may block forever."""
    alone: tuple[str, ...] = ()
    """Bind-mounted single files: their replacement outside is never visible here."""
    replaced: tuple[str, ...] = ()
    """Those of them that were replaced, or removed, outside."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not noticed, and what to do."""
        lost = [
            f"{printable(path)} was replaced or removed outside, and here its mount goes on showing the old file: "
            "start the container again, or mount the directory"
            for path in self.replaced
        ]
        alone = [
            f"{printable(path)} is mounted by itself, so that a save which replaces it outside is never seen here: "
            "mount its directory"
            for path in self.alone
            if path not in self.replaced
        ]
        return (*lost, *alone)


def before(path: Path) -> Ground:
    """For a file that was not read yet."""
    return Ground(mounts.remote(_devices_around([os.fspath(path), *(link for link, _ in paths.links(path))])))


def under(known: Ground, reads: Mapping[Path, Read], new: Iterable[Path], found: Expansion | None) -> Ground:
    """For the files of a load. `new`: those that were not simply reused; `found`: the directories, if they differ
    from the load before. Untouched local files stay local.
    """
    again = found is not None or known.mount is not None or bool(known.alone)
    fresh = [reads[path] for path in (reads if again else new)]
    folders = found.folders if found is not None else ()
    ways = [os.fspath(read.path) for read in fresh if not read.stamp.identity]
    ways.extend(link for read in fresh for link, _ in read.stamp.links)
    devices = {read.stamp.identity[0] for read in fresh if read.stamp.identity}
    remote = mounts.remote({*devices, *_devices_around(ways), *_devices_around(folders)})
    return Ground(remote, *_alone(fresh)) if again else Ground(remote)


def _alone(reads: Iterable[Read]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of the files are mount points, and which of those have no name left at their source."""
    points = mounts.parts()
    identities = {read.stamp.identity[:2] for read in reads} if points else ()
    alone, replaced = [], []
    for point in points:
        try:
            it = os.stat(point)
        except OSError:
            continue
        if stat.S_ISREG(it.st_mode) and (it.st_dev, it.st_ino) in identities:
            alone.append(point)
            if it.st_nlink == 0:
                replaced.append(point)
    return tuple(dict.fromkeys(alone)), tuple(dict.fromkeys(replaced))


def _devices_around(found: Iterable[str]) -> set[int]:
    """The devices of these paths, or of their nearest existing parent directories."""
    return {device for path in dict.fromkeys(found) if (device := _device(path)) is not None}


def _device(path: str) -> int | None:
    while True:
        try:
            return os.stat(path).st_dev
        except OSError:
            parent = os.path.dirname(path)
            if parent == path:
                return None
            path = parent
