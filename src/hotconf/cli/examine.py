"""What can be known of a path before it is watched: where it leads, on which mount, what is left of the limits, and
how long a change beside it takes to be noticed. `report.doctor` says what that means.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from hotconf.report.doctor import Directory, Examination, Limit, Other, Probe
from hotconf.sources.base import DEFAULT_MAX_BYTES, FileSet
from hotconf.sources.files import mounts, paths
from hotconf.sources.files.reading import read
from hotconf.watch.choice import choose

if TYPE_CHECKING:
    from hotconf.sources.files.mounts import Mount
    from hotconf.sources.files.reading import Read
    from hotconf.watch.observer import Observer, Owner

_NAMED_BY: Final = {"layer": "layers", "named": "named files"}
"""What names a file with this role; `watch_paths` otherwise."""
PROBE_S: Final = 2.0
"""How long the probe waits to be noticed."""


def examine(
    path: Path,
    *,
    files: FileSet | None = None,
    probe: bool = True,
    max_bytes: int = DEFAULT_MAX_BYTES,
    lost: tuple[str, ...] = (),
    debounce_ms: int | None = None,
) -> Examination:
    """Look at `path`, which is absolute. With `probe` a file is written next to it, and removed again.

    `files`: all files of the configuration, as a load found them; without it only `path` is looked at.
    `lost`: what that load found missing. `debounce_ms`: the window that it found, if it was valid.
    """
    files = files or FileSet.of(path)
    found = read(path, max_bytes)
    target = os.path.realpath(path)
    table = mounts.read()
    mount = mounts.mount_of(target, table)
    instances, watches = _limits()
    of = {member.path: _NAMED_BY.get(member.role, "watch_paths") for member in files.members}
    skipped = _why_not(probe, os.path.dirname(target))
    return Examination(
        path=path,
        links=paths.links(path),
        target=target,
        problem=found.problem.message if found.problem is not None else None,
        size=_size(target),
        max_bytes=max_bytes,
        directories=tuple(_directories(files)),
        mount=mount,
        mounted_alone=_is_mounted(target, mount),
        instances=instances,
        watches=watches,
        probe=Probe(skipped=skipped) if skipped else _probe(os.path.dirname(target)),
        others=tuple(_other(other, found, table, of[other]) for other, found in files.reads.items() if other != path),
        unresolved=tuple(each.message for each in files.expansion.problems) if files.expansion else (),
        lost=lost,
        debounce_ms=debounce_ms,
    )


def _other(path: Path, found: Read, table: list[Mount], of: str) -> Other:
    target = os.path.realpath(path)
    mount = mounts.mount_of(target, table)
    exists = found.problem is None or found.problem.kind != "missing"
    problem = found.problem.message if found.problem is not None and exists else None
    return Other(str(path), problem, mount, _is_mounted(target, mount), exists, of)


def _is_mounted(target: str, mount: Mount | None) -> bool:
    return mount is not None and mount.point == target and os.path.isfile(target)


def _size(target: str) -> int | None:
    with suppress(OSError):
        found = os.stat(target)
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def _directories(files: FileSet) -> Iterator[Directory]:
    on_the_way = (place.directory for member in files.members for place in paths.places(member.path))
    for directory in dict.fromkeys((*on_the_way, *files.folders)):
        able = [os.access(directory, mode) for mode in (os.F_OK, os.R_OK | os.X_OK, os.W_OK | os.X_OK)]
        yield Directory(directory, *able)


# Limits


def _limits() -> tuple[Limit | None, Limit | None]:
    if sys.platform != "linux":
        return None, None
    instances, watches = _used()
    return _limit("instances", instances), _limit("watches", watches)


def _limit(what: str, used: int) -> Limit | None:
    """Against the lower one of the limits of the system and of the user namespace."""
    found = []
    for name in (f"/proc/sys/fs/inotify/max_user_{what}", f"/proc/sys/user/max_inotify_{what}"):
        with suppress(OSError, ValueError), open(name, encoding="ascii") as file:
            found.append(int(file.read()))
    return Limit(used, min(found)) if found else None


def _used() -> tuple[int, int]:
    """Instances and watches of all processes of this user that may be looked into."""
    instances, watches, me = 0, 0, os.getuid()
    for name in os.listdir("/proc"):
        process = f"/proc/{name}"
        with suppress(OSError):
            if name.isdecimal() and os.stat(process).st_uid == me:
                for descriptor in os.listdir(f"{process}/fd"):
                    with suppress(OSError):
                        if os.readlink(f"{process}/fd/{descriptor}") == "anon_inode:inotify":
                            instances += 1
                            watches += _watches(f"{process}/fdinfo/{descriptor}")
    return instances, watches


def _watches(fdinfo: str) -> int:
    with open(fdinfo, "rb") as file:
        return sum(line.startswith(b"inotify ") for line in file)


# The probe


def _why_not(wanted: bool, directory: str) -> str | None:
    if not wanted:
        return "turned off by --no-probe"
    if not os.path.isdir(directory):
        return "there is no directory to write in"
    if not os.access(directory, os.W_OK | os.X_OK):
        return "the directory is not writable"
    return None


def _probe(directory: str) -> Probe:
    woken = threading.Event()
    observer = choose("auto", woken.set)
    try:
        return _timed(directory, observer, woken)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Probe(skipped="the directory is not writable")
        return Probe(skipped=f"no file could be written: {os.strerror(error.errno or errno.EIO)}")
    finally:
        observer.close()


def _timed(directory: str, observer: Observer, woken: threading.Event) -> Probe:
    # Hidden, and not TOML: no watcher takes it for a fragment.
    descriptor, name = tempfile.mkstemp(prefix=".hotconf-probe-", dir=directory)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            owner = cast("Owner", object())  # only its identity counts
            observer.arm(owner, FileSet.of(Path(name)))
            trouble = observer.trouble(owner)
            if trouble is not None:
                return Probe(observer=observer.name, skipped=trouble)
            began = time.monotonic()
            file.write(b"#")
            while (left := began + PROBE_S - time.monotonic()) > 0:
                _wait(observer, woken, left)
                if owner in observer.read(lambda _: False):
                    return Probe((time.monotonic() - began) * 1000, observer.name)
        return Probe(None, observer.name)
    finally:
        os.unlink(name)


def _wait(observer: Observer, woken: threading.Event, seconds: float) -> None:
    if observer.descriptor is None:
        woken.wait(seconds)
        woken.clear()
        return
    poll = select.poll()
    poll.register(observer.descriptor, select.POLLIN)
    poll.poll(seconds * 1000)
