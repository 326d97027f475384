"""Which files of the published state are gone: what `core.gone` needs from the file system to decide that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hotconf.config.gone import Disk, Entry, Found, Standing, Verdict, judge
from hotconf.errors import UsageError
from hotconf.sources.files import paths
from hotconf.sources.files.glob import is_glob
from hotconf.sources.files.paths import Expansion
from hotconf.sources.files.reading import Read


def verdict(
    standing: Standing,
    reads: Mapping[Path, Read],
    expansion: Expansion,
    patterns: Sequence[str],
    disks: Mapping[Path, Disk],
) -> Verdict | None:
    """What is gone from `standing`, given what was read and what `patterns` mean now; None if nothing is.

    `disks`: the devices of their directories.
    """
    if expansion.problems:
        return None  # unknown what is there, and already an error
    if _all_there(standing, reads) and disks == standing.disks:
        return None
    main, *others = expansion.members
    there = {
        member.path: reads[member.path].data
        for member in others
        if member.role == "fragment" and not _is_missing(reads[member.path])
    }
    links = [path for path, disk in standing.disks.items() if disk.target is not None]
    known = {**of(standing.disks.keys() - set(links)), **_targets(links), **disks}
    found = judge(standing, Found(there, tuple(entries(main.path, patterns)), known))
    return found if found.files else None


def _all_there(standing: Standing, reads: Mapping[Path, Read]) -> bool:
    files = standing.files
    if len(files) == len(reads) and [file.path for file in files] == list(reads):
        return not any(map(_is_missing, reads.values()))
    return all(file.path in reads and not _is_missing(reads[file.path]) for file in files)


def _is_missing(read: Read) -> bool:
    return read.problem is not None and read.problem.kind == "missing"


def entries(main: Path, patterns: Sequence[str]) -> Iterator[Entry]:
    """The entries of `watch_paths`; of duplicates only the last, without those that are no path."""
    last = {pattern: number for number, pattern in enumerate(patterns)}
    for pattern, number in last.items():
        try:
            path = paths.absolute(pattern, main.parent)
            base, parts = paths.split(pattern, main.parent) if is_glob(pattern) else (None, ())
        except (UsageError, ValueError):
            continue
        yield Entry(number, pattern, path, None if base is None else Path(base), parts)


def disks(expansion: Expansion, patterns: Sequence[str], reads: Mapping[Path, Read]) -> dict[Path, Disk]:
    """The devices of the directories of all members but the main file, and of those below which globs match; also of
    what was read through a symlink into another file system.
    """
    directories = {os.path.dirname(member.path) for member in expansion.members[1:]}
    main, globs = expansion.members[0].path, [pattern for pattern in patterns if is_glob(pattern)]
    if globs:
        directories |= {os.fspath(entry.base) for entry in entries(main, globs) if entry.base is not None}
    found = of(map(Path, directories))
    links = [read for read in reads.values() if read.stamp.links and read.stamp.identity]
    return {**found, **_targets(read.path for read in links if _leads_away(read, found))} if links else found


def _leads_away(read: Read, disks: Mapping[Path, Disk]) -> bool:
    disk = disks.get(read.path.parent)
    return disk is not None and disk.device != read.stamp.identity[0]


def _targets(links: Iterable[Path]) -> dict[Path, Disk]:
    """The device that each of these symlinks leads to; if nothing is there, that of the nearest directory."""
    found = {}
    for link in links:
        target = Path(os.path.realpath(link))
        directory = next((each for each in target.parents if os.path.isdir(each)), target)
        for disk in of([directory]).values():
            found[link] = disk._replace(target=target)
    return found


def of(directories: Iterable[Path]) -> dict[Path, Disk]:
    """The device of each of these directories; absent ones are left out."""
    found = {}
    for directory in directories:
        try:
            found[directory] = Disk(os.stat(directory).st_dev, _mount_point(directory))
        except OSError:
            continue
    return found


def _mount_point(directory: Path) -> Path:
    """The directory at which the file system is mounted that `directory` is on. Raises `OSError`."""
    here = os.path.realpath(directory)
    device = os.stat(here).st_dev
    while (above := os.path.dirname(here)) != here and os.stat(above).st_dev == device:
        here = above
    return Path(here)
