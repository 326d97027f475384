"""What the last load read, for comparisons and for the next load, and which files were touched since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hotconf.formats.base import Format
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import reading
from hotconf.sources.files.compare import Difference
from hotconf.sources.files.reading import Read


class Cache:
    """The files of one watcher. Used on the driver's thread; other threads may read `files`."""

    __slots__ = ("_compare_again", "_distrusted", "_loading", "_options", "before", "files", "touched")

    files: FileSet
    """What the last load read."""

    def __init__(self, options: Options[Any]) -> None:
        self._options = options
        self.files = options.unread
        self.before: Mapping[Path, Read] = {}
        """What was read when the last round ended."""
        self.touched: frozenset[Path] = frozenset()
        """Touched since the last load began."""
        self._loading = False
        """A load is under way: `files` are those of the load before."""
        self._compare_again = False
        """A comparison was due during that load."""
        self._distrusted = False
        """The next load reads everything afresh."""

    def form_of(self, path: Path) -> Format:
        """What the file at `path` is written in."""
        return self.files.form_of(path, self._options)

    def touch(self, paths: Iterable[Path]) -> None:
        """These files changed, as the machine knows."""
        self.touched = self.touched.union(paths)

    def begin(self, *, afresh: bool) -> tuple[FileSet, frozenset[Path]]:
        """A load begins. Returns what it may use again, and which of those files it must read."""
        touched = frozenset(self.files.reads) if afresh or self._distrusted else self.touched
        self.touched = frozenset()
        self._distrusted = False
        self._loading = True
        return self.files, touched

    def done(self, files: FileSet) -> bool:
        """A load is back. Returns whether to compare at once, because a comparison was due meanwhile."""
        self.files = files
        self._loading = False
        again, self._compare_again = self._compare_again, False
        return again

    def distrust(self) -> None:
        """After a fault, or in a forked child: no load is under way; what was touched may not have been read."""
        self.touched = frozenset()
        self._loading = self._compare_again = False
        self._distrusted = True

    def ended(self) -> None:
        """A round has ended with what the last load read."""
        self.before = self.files.reads

    def unchanged(self) -> bool:
        """Whether nothing differs, by one `stat` a file; False if that cannot decide it."""
        files = self.files
        if self._loading or files.folders or not files.reads:
            return False
        reads = files.reads.values()
        return all(read.settled for read in reads) and not reading.changed(reads)

    def ask(self) -> tuple[FileSet, frozenset[Path]] | None:
        """What to compare the files with, and which to skip. None while a load is under way: compare after `done`."""
        self._compare_again |= self._loading
        return None if self._loading else (self.files, self.touched)

    def answer(self, asked: FileSet, found: Difference) -> tuple[Path, ...] | None:
        """A comparison is over: the changes that are not known yet. None if a load came back meanwhile: ask again."""
        if self._loading:
            self._compare_again = True  # the load may or may not have read this
            return ()
        if self.files is not asked:
            return None
        self.files = found.over(asked)
        return tuple(path for path in found.changed if path not in self.touched)
