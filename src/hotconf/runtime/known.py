"""What is known of a watcher's files: what the last load saw, and what was touched since it began."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hotconf.runtime.comparing import Found, compare, since
from hotconf.runtime.files import Plain, Read, Stamp
from hotconf.runtime.source import FileSet, Source

_NOTHING: Final[frozenset[Path]] = frozenset()
_REGULAR: Final = 6
"""So many numbers tell one state of a regular file; of anything else fewer do."""


class Known:
    """See the module. Used by the driver's thread; other threads may read `files`."""

    __slots__ = (
        "_dirty",
        "_distrusted",
        "_look_again",
        "_plain",
        "_plain_of",
        "_source",
        "_under_way",
        "before",
        "files",
        "grown",
    )

    files: FileSet
    """What the last load saw."""

    def __init__(self, source: Source[Any]) -> None:
        self.files = FileSet.of(source.path)
        self.before: Mapping[Path, Read] = {}
        """What the files said when the last round ended."""
        self.grown = False
        """`files` name other directories to watch than those of the last load."""
        self._source = source
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

    def abandon(self) -> None:
        """In the child of a fork: no load is under way, and what was touched is not trusted to have been read."""
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

    def differing(self) -> tuple[Path, ...]:
        """Files that differ from what the last load saw; those whose change is known already are left out."""
        if not self._under_way and self.plain and _are_same(self.plain):
            return ()  # nearly always
        asked = self.ask()
        return () if asked is None else self.answer(asked[0], compare(asked[0], self._source, asked[1]))

    def ask(self) -> tuple[FileSet, frozenset[Path]] | None:
        """What to compare the files with, and which to pass over; None while a load is under way: then it is asked
        when that is back.
        """
        self._look_again |= self._under_way
        return None if self._under_way else (self.files, frozenset(self._dirty) if self._dirty else _NOTHING)

    def answer(self, asked: FileSet, found: Found) -> tuple[Path, ...]:
        """A comparison with what was asked for is over: what changed, as far as nobody knows of it yet."""
        if self._under_way or self.files is not asked:
            self._look_again = True  # a load has begun, or is back: it may have read this or not
            return ()
        known = found.over(asked)
        self.grown |= known.folders != asked.folders
        self.files = known
        return tuple(path for path in found.changed if path not in self._dirty)

    @property
    def plain(self) -> tuple[Plain, ...]:
        """The files, if all are regular, with no link on the way and no doubt about the stamps; else none."""
        known = self.files
        if known is not self._plain_of:
            reads = known.reads.values()
            plain = not known.folders and all(read.settled and _is_plain(read.stamp) for read in reads)
            self._plain = tuple((os.fspath(read.path), read.stamp.identity) for read in reads) if plain else ()
            self._plain_of = known
        return self._plain

    def since(self, armed: Iterable[Path]) -> tuple[Path, ...]:
        """Of what is watched only now: what changed between the last load and this moment."""
        known = self.files
        found = since(known, self._source, armed)
        self.files = found.over(known)
        self.grown |= self.files.folders != known.folders
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
