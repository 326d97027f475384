"""Compares the files of a load with the disk.

That may take long, or hang, so it may run on any thread: it is given what was read, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from hotconf.snapshot import SourceFile
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import paths, reading
from hotconf.sources.files.paths import Expansion
from hotconf.sources.files.reading import Read


class Difference(NamedTuple):
    """What a comparison found."""

    changed: tuple[Path, ...] = ()
    """Files that differ from what was read, and those that came or went."""
    newer: dict[Path, Read] = {}  # noqa: RUF012 - never changed
    """Files that were in doubt but are the same, with stamps that can be trusted now."""
    expansion: Expansion | None = None
    """What to watch from now on, if the directories differ and the members do not."""

    def over(self, files: FileSet) -> FileSet:
        """`files`, updated with what was found."""
        if self.newer:
            files = files._replace(reads={**files.reads, **self.newer})
        if self.expansion is not None:
            files = files._replace(folders=self.expansion.folders, expansion=self.expansion)
        return files


Arm: TypeAlias = Callable[[FileSet], bool]
"""Watches these files, and no others. Returns whether any is watched only now."""

_MOST_GROWTH: Final = 20
"""How many times in a row new directories are watched at once; the next comparison continues."""


def examine(files: FileSet, options: Options[Any], arm: Arm, skip: Iterable[Path] = ()) -> Difference:
    """Compare all files but those to `skip`. If no load follows, watch new directories at once."""
    return _grown(files, options, arm, compare(files, options, skip))


def watch(files: FileSet, options: Options[Any], arm: Arm, skip: Iterable[Path] = ()) -> Difference:
    """Watch the files of a load. Returns what no event reports: changes of files that were not watched before."""
    new = arm(files)
    return _grown(files, options, arm, compare(files, options, skip)) if new and files.reads else Difference()


def _grown(files: FileSet, options: Options[Any], arm: Arm, found: Difference) -> Difference:
    for _ in range(_MOST_GROWTH):
        now = found.over(files)
        if found.changed or now.folders == files.folders:
            break
        arm(now)
        files = now
        more = compare(files, options)  # a new directory may have got files since it was listed
        found = Difference(more.changed, {**found.newer, **more.newer}, more.expansion or found.expansion)
    return found


def compare(files: FileSet, options: Options[Any], skip: Iterable[Path] = ()) -> Difference:
    """Compare all files but those to `skip`, whose change is known."""
    known = frozenset(skip)
    reads = [read for read in files.reads.values() if read.path not in known] if known else files.reads.values()
    changed, newer = dict.fromkeys(reading.changed(reads)), {}
    for read in reads:
        if read.settled or read.path in changed:
            continue
        now = reading.read(read.path, files.limit(read.path, options.max_bytes))
        if (now.data, now.problem) == (read.data, read.problem):
            newer[read.path] = now._replace(document=read.document, source=read.source)
        else:
            changed[read.path] = None
    came, expansion = _came_or_went(files, options)
    changed.update((path, None) for path in came if path not in known)
    return Difference(tuple(changed), newer, expansion)


def shrank(reads: Mapping[Path, Read], before: Iterable[Read], kept: Iterable[SourceFile]) -> tuple[Path, ...]:
    """Those of the files `reads` that hold only the first part of what they held in one of the others."""
    same = {id(read.data) for read in reads.values()}
    earlier = [(read.path, read.data) for read in before if id(read.data) not in same]
    earlier += [(file.path, file.content) for file in kept if id(file.content) not in same]
    return tuple(dict.fromkeys([path for path, old in earlier if _begins(reads.get(path), old)]))


def _begins(read: Read | None, old: bytes) -> bool:
    """Whether what was read is the first part of `old`, and not all of it."""
    return read is not None and read.problem is None and len(read.data) < len(old) and old.startswith(read.data)


def _came_or_went(files: FileSet, options: Options[Any]) -> tuple[list[Path], Expansion | None]:
    """The files that came or went; if there are none, what to watch now, if that has changed."""
    before = files.expansion
    if before is None or not (files.folders or before.problems) or paths.stands(before, files.patterns):
        return [], None
    now = options.expand(files.patterns, before.members)
    changed = paths.differing(before.members, now.members)
    if not changed and now.problems != before.problems:
        changed = [options.path]  # these are problems of its content
    if changed or (now.listed == before.listed and now.folders == before.folders):
        return changed, None
    # The members stay the same object: this shows a load that it may reuse all of them.
    return [], before._replace(folders=now.folders, listed=now.listed)
