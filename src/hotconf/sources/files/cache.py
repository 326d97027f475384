"""What is known of a watcher's files: what the last load saw, and what was touched since it began."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.compare import Found
from hotconf.sources.files.reading import Plain, Read, Stamp

_NOTHING: Final[frozenset[Path]] = frozenset()
_REGULAR: Final = 6
"""So many numbers tell one state of a regular file; of anything else fewer do."""


class Cache:
    """What one watcher knows of its files. Used by the driver's thread; other threads may read `files`."""

    __slots__ = (
        "_dirty",
        "_distrusted",
        "_look_again",
        "_plain",
        "_plain_of",
        "_under_way",
        "before",
        "files",
    )

    files: FileSet
    """What the last load saw."""

    def __init__(self, options: Options[Any]) -> None:
        self.files = FileSet.of(options.path)
        self.before: Mapping[Path, Read] = {}
        """What the files said when the last round ended."""
        self._dirty: set[Path] = set()
        """Touched since the last load began."""
        self._under_way = False
        """A load is: `files` are those of the load before."""
        self._look_again = False
        """Something may have changed during that load, of which nobody said what."""
        self._distrusted = False
        """What was touched is not known any more: the next load reads everything afresh."""
        self._plain: tuple[Plain, ...] = ()
        self._plain_of: FileSet | None = None
        """Whose files those are."""

    def touch(self, touched: Iterable[Path]) -> None:
        """These changed, and it is known."""
        self._dirty.update(touched)

    def begin(self, *, afresh: bool) -> tuple[FileSet, frozenset[Path]]:
        """A load begins: what it may use again, and of that what it may not."""
        touched = frozenset(self.files.reads) if afresh or self._distrusted else frozenset(self._dirty)
        self._dirty.clear()
        self._distrusted = False
        self._under_way = True
        return self.files, touched

    def distrust(self) -> None:
        """After a fault, or in a forked child: no load is under way; what was touched may not have been read."""
        self._dirty = set()
        self._under_way = self._look_again = False
        self._distrusted = True

    def ended(self) -> None:
        """A round has ended with what the last load saw."""
        self.before = self.files.reads

    def done(self, seen: FileSet) -> bool:
        """A load is back. Whether to look for what changed during it."""
        self.files = seen
        self._under_way = False
        again, self._look_again = self._look_again, False
        return again

    def at_rest(self) -> bool:
        """Whether nothing differs for certain; False if finding out takes longer."""
        return not self._under_way and bool(self.plain) and _are_same(self.plain)

    def ask(self) -> tuple[FileSet, frozenset[Path]] | None:
        """What to compare the files with, and which to skip; None while a load is under way: ask again when it is
        back.
        """
        self._look_again |= self._under_way
        return None if self._under_way else (self.files, frozenset(self._dirty) if self._dirty else _NOTHING)

    def answer(self, asked: FileSet, found: Found) -> tuple[Path, ...] | None:
        """A comparison is over: what changed, except for known changes. None: ask again, because a load came back
        meanwhile.
        """
        if self._under_way:
            self._look_again = True  # it may or may not have read this
            return ()
        if self.files is not asked:
            return None
        self.files = found.over(asked)
        return tuple(path for path in found.changed if path not in self._dirty)

    @property
    def plain(self) -> tuple[Plain, ...]:
        """The files, if all are regular and local, without symlinks on the way and doubts about stamps; else none."""
        known = self.files
        if known is not self._plain_of:
            reads = known.reads.values()
            local = known.ground.mount is None
            plain = local and not known.folders and all(read.settled and _is_plain(read.stamp) for read in reads)
            self._plain = tuple((os.fspath(read.path), read.stamp.identity) for read in reads) if plain else ()
            self._plain_of = known
        return self._plain

    def take(self, asked: FileSet, found: Found) -> tuple[Path, ...]:
        """The files of a load are watched now: what changed in between."""
        if self.files is asked:
            self.files = found.over(asked)
        return found.changed


def _is_plain(stamp: Stamp) -> bool:
    return len(stamp.identity) == _REGULAR and not stamp.links


def _are_same(plain: tuple[Plain, ...]) -> bool:
    """As `files.same` for each, with as little as possible around the one system call."""
    for path, identity in plain:
        try:
            found = os.stat(path)
        except OSError:
            return False
        now = found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        if now != identity:
            return False
    return True
