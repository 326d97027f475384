"""Compares the files of a load with what they are now. It may take long, or hang: it runs on any thread, with what
was known when it began, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import paths, reading, states
from hotconf.sources.files.paths import Expansion
from hotconf.sources.files.reading import Read


class Found(NamedTuple):
    """What a comparison found."""

    changed: tuple[Path, ...] = ()
    """Files that differ from what was read, and those that came or went."""
    newer: dict[Path, Read] = {}  # noqa: RUF012 - never changed
    """Files that were in doubt and are the same: now with stamps that can be trusted."""
    expansion: Expansion | None = None
    """If the members are the same and the directories are not: what to watch from now on."""

    def over(self, known: FileSet) -> FileSet:
        """`known`, updated with what was found."""
        if self.newer:
            known = known._replace(reads={**known.reads, **self.newer})
        if self.expansion is not None:
            known = known._replace(folders=self.expansion.folders, expansion=self.expansion)
        return known


Arm: TypeAlias = Callable[[FileSet], tuple[Path, ...]]
"""Watches these files, and no others; returns the newly watched ones."""

_MOST_GROWTH: Final = 20
"""So many times new directories are watched at once, if there are more each time; the next poll continues."""


def examine(known: FileSet, options: Options[Any], arm: Arm, passing_over: Iterable[Path] = ()) -> Found:
    """Compare all files; unless a load follows, watch new places at once."""
    return _grown(known, options, arm, compare(known, options, passing_over))


def watch(known: FileSet, options: Options[Any], arm: Arm) -> Found:
    """Watch the files of a load; return what changed between the load and now."""
    return _grown(known, options, arm, since(known, options, arm(known)))


def _grown(known: FileSet, options: Options[Any], arm: Arm, found: Found) -> Found:
    for _ in range(_MOST_GROWTH):
        now = found.over(known)
        if found.changed or now.folders == known.folders:
            break
        # A directory is new, and may have got files since it was listed.
        new, known = arm(now), now
        more = since(known, options, new)
        more = more if more.changed else compare(known, options)
        found = Found(more.changed, {**found.newer, **more.newer}, more.expansion or found.expansion)
    return found


def compare(known: FileSet, options: Options[Any], passing_over: Iterable[Path] = ()) -> Found:
    """Compare all files, except those already known to have changed."""
    dirty = frozenset(passing_over)
    newer: dict[Path, Read] = {}
    doubtful = (read for read in _doubtful(known) if read.path not in dirty)
    changed = [read.path for read in doubtful if _differs(read, newer, options.max_bytes)]
    moved, expansion = _moved(known, options)
    changed.extend(path for path in moved if path not in dirty)
    return Found(tuple(dict.fromkeys(changed)), newer, expansion)


def since(known: FileSet, options: Options[Any], armed: Iterable[Path]) -> Found:
    """What changed between the load and now in newly watched places."""
    new = tuple(armed)
    if not known.reads:
        return Found()
    reads = [known.reads[path] for path in new if path in known.reads]
    changed = [read.path for read in reads if not reading.same(read.path, read.stamp)]
    if len(reads) == len(new):
        return Found(tuple(changed))
    moved, expansion = _moved(known, options)  # there are folders among them
    return Found(tuple(dict.fromkeys((*changed, *moved))), expansion=expansion)


def _moved(known: FileSet, options: Options[Any]) -> tuple[list[Path], Expansion | None]:
    """The files that came or went; if there are none, what to watch, if that has changed."""
    before = known.expansion
    if before is None or not (known.folders or before.problems) or _stands(before, known.patterns):
        return [], None
    now = paths.expand(options.path, known.patterns, known.members)
    changed = sorted({member.path for member in known.members} ^ {member.path for member in now.members})
    if not changed and now.problems != before.problems:
        changed = [options.path]  # these are problems of its content
    if changed or (now.listed == before.listed and now.folders == before.folders):
        return changed, None
    # The members stay the same object: this shows a load that it may reuse all of them.
    return [], before._replace(folders=now.folders, listed=now.listed)


def _stands(expansion: Expansion, patterns: tuple[str, ...]) -> bool:
    """Whether the patterns certainly match the same files, because the directories are unchanged."""
    elsewhere = any(os.pardir in pattern for pattern in patterns)
    return not expansion.problems and not elsewhere and paths.same_names(expansion)


def _differs(read: Read, newer: dict[Path, Read], max_bytes: int) -> bool:
    if not reading.same(read.path, read.stamp):
        return True
    if read.settled:
        return False
    differs, now = reading.changed_within(read.path, read, max_bytes)
    if not differs:
        newer[read.path] = now
    return differs


def _doubtful(known: FileSet) -> Iterable[Read]:
    """Those not certain to be as they were read; of a thousand files hardly any."""
    reads = list(known.reads.values())
    encoded = known.expansion.encoded if known.expansion is not None else ()
    if not len(encoded) * states.SIZE == len(reads) * states.SIZE == len(known.states):
        return reads
    differing = set(states.differing(states.look(encoded), known.states))
    return [read for rank, read in enumerate(reads) if rank in differing or not read.settled]
