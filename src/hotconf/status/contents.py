"""What the files of a configuration hold, as a digest that two processes can compare: fragments and profile included.

Files of other layers, and those that values name, are not in it: the digest of a short secret can be guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.sources.files import paths, reading
from hotconf.sources.files.glob import of_profiles

if TYPE_CHECKING:
    from hotconf.sources.base import FileSet, Options
    from hotconf.sources.files.reading import Read

DIGITS: Final = 12
"""How much of a digest is shown."""


class Contents(NamedTuple):
    """Which files a configuration has."""

    patterns: tuple[str, ...] = ()
    """Those of `watch_paths`, and the profile's own file."""
    profiles: bool = False
    """Directories and globs do not stand for files of profiles."""
    max_bytes: int = 1 << 20

    @classmethod
    def of(cls, files: FileSet, options: Options[object]) -> Contents:
        """Those of a load."""
        others = frozenset(options.layer_paths)
        patterns = tuple(pattern for pattern in files.patterns if pattern not in others)
        return cls(patterns, options.profile is not None, options.max_bytes)

    def digest(self, main: Path) -> str:
        """What they hold now. Reads them."""
        skipped = None
        if self.profiles:
            skipped = of_profiles(main)
        members = paths.expand(main, self.patterns, skipped=skipped).members
        reads = (reading.read(each.path, self.max_bytes) for each in members if each.role in _COUNT)
        return _digest(reads)


def as_read(files: FileSet) -> str | None:
    """What they held when they were read; None if that is not known any more."""
    counting = [member.path for member in files.members if member.role in _COUNT]
    reads = [files.reads[path] for path in counting if path in files.reads]
    if len(reads) < len(counting) or any(_is_bare(read) for read in reads):
        return None
    return _digest(reads)


_COUNT: Final = ("main", "virtual", "fragment")


def _digest(reads: Iterable[Read]) -> str:
    digest = sha256(usedforsecurity=False)
    for read in reads:
        if read.problem is None:
            digest.update(b"\0%d\0" % len(read.data) + read.data)
        else:
            digest.update(b"\1" + read.problem.kind.encode())
    return digest.hexdigest()[:DIGITS]


def _is_bare(read: Read) -> bool:
    """Whether only its stamp is known."""
    return not read.data and read.problem is None and read.document is None and bool(read.stamp.identity)
