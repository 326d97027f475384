"""Which inodes are watched for which file: the walk that watches them, and the table of their uses."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final, TypeAlias

from hotconf.formats.registry import SUFFIXES
from hotconf.sources.base import FileSet
from hotconf.sources.files import paths
from hotconf.sources.files.glob import is_glob
from hotconf.watch import inotify
from hotconf.watch.inotify import Inotify
from hotconf.watch.observer import Arrival, Owner

Subject: TypeAlias = tuple[Owner, Path]
"""A file, or a folder of fragments, of one owner."""
Use: TypeAlias = tuple[int, str | None]
"""A watch, and the name in its directory that counts; None if the subject itself is watched."""
How: TypeAlias = bool | tuple[str, ...] | None
"""For a name, whether its change is a change of the subject: False for a directory on the way. For a folder, the
endings of the names that count. For a file, None."""

NAMES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
# To close a file that has been replaced means nothing for the one that has its name now.
_OF_CHILDREN: Final = inotify.CLOSE_WRITE | inotify.EXCL_UNLINK
_DIRECTORY: Final = NAMES | inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.ONLYDIR | _OF_CHILDREN
_FILE: Final = inotify.MODIFY | inotify.ATTRIB | inotify.CLOSE_WRITE
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""The path does not exist, which is fine: the directory above is watched for it."""


class Watch:
    """One watched inode, and its uses. To add or drop one takes the same time however many there are."""

    __slots__ = ("files", "folders", "names")

    def __init__(self) -> None:
        self.names: dict[str, dict[Subject, bool]] = {}
        """Names in this directory that lead to a subject."""
        self.folders: dict[Subject, tuple[str, ...]] = {}
        self.files: dict[Subject, None] = {}

    def add(self, subject: Subject, name: str | None, how: How) -> None:
        """`subject` uses it."""
        if name is not None:
            self.names.setdefault(name, {})[subject] = bool(how)
        elif isinstance(how, tuple):
            self.folders[subject] = how
        else:
            self.files[subject] = None

    def drop(self, subject: Subject, name: str | None) -> None:
        """The reverse of `add`."""
        if name is None:
            self.files.pop(subject, None)
            self.folders.pop(subject, None)
        elif name in self.names:
            self.names[name].pop(subject, None)
            if not self.names[name]:
                del self.names[name]

    @property
    def used(self) -> bool:
        """Whether it is used at all."""
        return bool(self.names or self.files or self.folders)


class Armed:
    """What is watched for one owner."""

    __slots__ = ("arrivals", "endings", "files", "trouble", "uses")

    def __init__(self) -> None:
        self.files: FileSet | None = None
        """What it was armed with."""
        self.endings: dict[Path, tuple[str, ...] | None] = {}
        """For folders the endings of the names that count; None for files."""
        self.uses: dict[Path, frozenset[Use]] = {}
        """The watches that each subject needs."""
        self.arrivals: dict[Path, Arrival] = {}
        self.trouble: dict[Path, str] = {}
        """Why something is not watched."""


class Walk:
    """One walk along the way to a subject that watches each place before it is followed."""

    __slots__ = ("_endings", "_inotify", "_path", "failing", "uses")

    def __init__(self, kernel: Inotify, path: os.PathLike[str], endings: tuple[str, ...] | None) -> None:
        self._inotify = kernel
        self._path = os.fspath(path)
        self._endings = endings
        self.uses: dict[Use, How] = {}
        """What is watched so far."""
        self.failing: str | None = None
        """Why something is not watched."""

    def go(self) -> bool:
        """Watch every place on the way and the subject itself. Returns whether the whole way exists."""
        self.failing = None
        whole = True
        is_file = self._endings is None and _may_be_file(self._path)
        for place in paths.places(self._path):
            parent, name = os.path.split(place.directory)
            if name:  # first: if a file is in the directory's place, its removal shows here
                whole &= self._watch_name(parent, name, direct=False)
            direct = is_file and not place.lacking
            whole &= self._watch_name(place.directory, place.name, direct=direct)
        self._watch_itself()
        return whole

    def _watch_itself(self) -> None:
        if self._endings is None and not os.path.isfile(self._path):
            return  # a directory or device in the file's place may be written to all the time
        wd = self._add(self._path, _FILE if self._endings is None else _DIRECTORY)
        if wd is not None:
            self.uses[wd, None] = self._endings

    def _watch_name(self, directory: str, name: str, *, direct: bool) -> bool:
        """Watch a name in a directory; False if that directory no longer exists."""
        # Writes in a directory further up do not matter, and there may be many.
        wd = self._add(directory, _DIRECTORY if direct else _DIRECTORY & ~inotify.CLOSE_WRITE)
        if wd is not None:
            self.uses[wd, name] = direct or self.uses.get((wd, name), False)
        # What is a file now is already watched as a name in the directory above.
        return wd is not None or self.failing is not None or os.path.isfile(directory)

    def _add(self, path: str, mask: int) -> int | None:
        try:
            return self._inotify.add(path, mask | inotify.MASK_ADD)
        except OSError as error:
            # An unreadable file is watched as a name.
            unreadable = error.errno == errno.EACCES and not mask & inotify.ONLYDIR
            if error.errno == errno.ENOSPC:
                limit = "the limit of inotify watches is reached (fs.inotify.max_user_watches)"
                self.failing = f"inotify_add_watch: {limit}"
            elif error.errno not in _ABSENT and not unreadable:
                self.failing = f"{error.strerror or error}: {path}"
            return None


def endings(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The endings of the names that matter in the folders of `patterns`; an empty one if all names do."""
    return SUFFIXES if all(map(_means_configuration, patterns)) else ("",)


def _means_configuration(pattern: str) -> bool:
    head, name = os.path.split(pattern)
    return not is_glob(pattern) or (not is_glob(head) and name.endswith(SUFFIXES))


def _may_be_file(path: str) -> bool:
    """Whether writes to this name are changes: not to a device, which anyone may write to. Checked when a name on the
    way changes. A single `stat` decides, because between two of them the file may appear.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True  # a file may come next
