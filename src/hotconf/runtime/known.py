"""What is known of a watcher's files: what the last load saw, and what was touched since it began."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hotconf.runtime import files, paths, states
from hotconf.runtime.files import Plain, Read, Stamp
from hotconf.runtime.source import FileSet, Source

_NOTHING: Final[frozenset[Path]] = frozenset()
_REGULAR: Final = 6
"""So many numbers tell one state of a regular file; of anything else fewer do."""


class Known:
    """See the module. From any thread; only `differing` and `since` look at the files, and are for one thread."""

    __slots__ = (
        "_dirty",
        "_distrusted",
        "_lock",
        "_look_again",
        "_main",
        "_max_bytes",
        "_own",
        "_plain",
        "_plain_of",
        "_under_way",
        "before",
        "files",
    )

    files: FileSet
    """What the last load saw."""

    def __init__(self, source: Source[Any]) -> None:
        self.files = FileSet.of(source.path)
        self.before: Mapping[Path, Read] = {}
        """What the files said when the last round ended."""
        self._main = source.path
        self._max_bytes = source.max_bytes
        self._own = source.own
        # Reentrant: a signal handler may ask for a reload in the midst of anything.
        self._lock = threading.RLock()
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
        with self._lock:
            self._dirty.update(touched)

    def begin(self, *, afresh: bool) -> tuple[FileSet, frozenset[Path]]:
        """A load begins: what it may use again, and of that what it may not."""
        with self._lock:
            touched = frozenset(self.files.reads) if afresh or self._distrusted else frozenset(self._dirty)
            self._dirty.clear()
            self._distrusted = False
            self._under_way = True
            return self.files, touched

    @property
    def lock(self) -> threading.RLock:
        """Guards all of it."""
        return self._lock

    def abandon(self) -> None:
        """In the child of a fork: no load is under way, and what was touched is not trusted to have been read."""
        self._lock = threading.RLock()
        self._dirty.clear()
        self._under_way = self._look_again = False
        self._distrusted = True

    def ended(self) -> None:
        """A round has ended with what the last load saw."""
        self.before = self.files.reads

    def done(self, seen: FileSet) -> bool:
        """A load is back. Whether to look for what changed during it."""
        with self._lock:
            self.files = seen
            self._under_way = False
            again, self._look_again = self._look_again, False
            return again

    def differing(self) -> tuple[Path, ...]:
        """Files that differ from what the last load saw; those whose change is known already are left out."""
        if not self._under_way and self.plain and _are_same(self.plain):
            return ()  # nearly always: without the lock
        with self._lock:
            if self._under_way:
                # What is known is what the load before this one saw: look when this one is back.
                self._look_again = True
                return ()
            known, dirty = self.files, frozenset(self._dirty) if self._dirty else _NOTHING
        newer: dict[Path, Read] = {}
        doubtful = (read for read in _doubtful(known) if read.path not in dirty)
        changed = [read.path for read in doubtful if self._differs(read, newer)]
        if newer:
            self.files = known._replace(reads={**known.reads, **newer})
        if known.folders:
            changed.extend(path for path in self._moved(known) if path not in dirty)
        return tuple(dict.fromkeys(changed))

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
        known, new = self.files, tuple(armed)
        if not known.reads:
            return ()
        reads = [known.reads[path] for path in new if path in known.reads]
        changed = [read.path for read in reads if not files.same(read.path, read.stamp)]
        if len(reads) < len(new):  # there are folders among them
            changed.extend(self._moved(known))
        return tuple(dict.fromkeys(changed))

    def _moved(self, known: FileSet) -> list[Path]:
        found = known.expansion
        if found is not None and paths.stands(found, self._main, known.patterns) and paths.same_names(found):
            return []
        return paths.appeared_or_vanished(self._main, known.patterns, known.members, self._own)

    def _differs(self, read: Read, newer: dict[Path, Read]) -> bool:
        if not files.same(read.path, read.stamp):
            return True
        if read.settled:
            return False
        differs, now = files.changed_within(read.path, read, self._max_bytes)
        if not differs:
            newer[read.path] = now
        return differs


def _doubtful(known: FileSet) -> Iterable[Read]:
    """Those that are not, surely, as they were read; of a thousand files hardly any."""
    reads = list(known.reads.values())
    encoded = known.expansion.encoded if known.expansion is not None else ()
    if not len(encoded) * states.SIZE == len(reads) * states.SIZE == len(known.states):
        return reads
    differing = set(states.differing(states.look(encoded), known.states))
    return [read for rank, read in enumerate(reads) if rank in differing or not read.settled]


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
