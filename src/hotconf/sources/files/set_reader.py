"""`SetReader`: reads the main file and its fragments as one state of all of them, and parses them.

What the load before read is used again if its stamp is the same: an untouched file costs one `stat`. If a
file changes while the set is read, the load is unstable, and the machine reads again. A file that is half written and
yet at rest is waited for by the machine: `shrank` in `engine.debounce`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotconf.config.merge import merge
from hotconf.config.reload_settings import settings_of
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.sources import layers
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import mounts, paths, reading
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import KeptOpen, Read
from hotconf.timings import Timings


class SetReader:
    """One read of a set of files."""

    __slots__ = (
        *("_same_names", "cached", "documents", "expansion", "instead", "loaded_at", "patterns", "problems", "reads"),
        *("options", "over", "timings", "touched"),
    )

    loaded_at: datetime
    patterns: tuple[str, ...]

    def __init__(self, options: Options[Any], cached: FileSet, touched: frozenset[Path]) -> None:
        self.options = options
        self.cached = cached
        """What the load before read."""
        self.touched = touched
        """Of that what is not to be used again."""
        self.instead: Mapping[Path, bytes] = {}
        """Contents to take in place of what is on the disk."""
        self.over = layers.read(options.layers)
        """The layers over the files."""
        self.expansion = Expansion((Member(options.path, "main"),))
        self.reads: dict[Path, Read] = {}
        """In the order of the members."""
        self.documents: dict[Path, Document] = {}
        """Likewise, as far as they could be parsed."""
        self._same_names = True
        """Whether the folders held the same names when the set had been read."""
        self.problems: list[Problem] = []
        self.timings = Timings()

    def run(self) -> tuple[Path, ...]:
        """Read the whole set as one state, and parse it. What changed meanwhile.

        The main file names the others, nearly always those that it named before. They are read, and all are compared,
        before it is parsed: that may take long, and a program may save without a pause.
        """
        main = self.expansion.members[0]
        self.patterns = self._cached_patterns()
        with self.spending("read"):
            self.reads[main.path] = self._reuse(main.path) or self._read(main)
        with KeptOpen(self.reads[main.path]) as kept:
            changed = self._read_set(kept)
            if self._is_outdated(changed):
                return self._again(changed)
            with self.spending("parse"):
                self._parse(main)
            patterns = self._watch_paths()
            if patterns != self.patterns:
                self.patterns, self.reads = patterns, {main.path: self.reads[main.path]}
                changed = self._read_set(kept)
            elif not changed and not kept.intact():
                changed = (main.path,)
        if self._is_outdated(changed):
            return self._again(changed)
        self.problems.extend((*self.expansion.problems, *self.expansion.warnings))
        with self.spending("parse"):
            self.parse(self.expansion.members[1:])
        return changed

    def file_set(self) -> FileSet:
        """What to compare the files with, and what the next load may use again."""
        found, cached = self.expansion, self.cached
        new = [read for path, read in self.reads.items() if cached.reads.get(path) is not read]
        folders = None if found is cached.expansion else found.folders
        on = mounts.under(cached.mounts, self.reads.values(), new, folders)
        return FileSet(found.members, self.patterns, found.folders, self.reads, self.documents, found, on)

    def errors(self) -> bool:
        """Whether anything but warnings was found."""
        return any(problem.severity == "error" for problem in self.problems)

    @contextmanager
    def spending(self, part: str) -> Iterator[None]:
        """Count the time that is spent in here as that of `part`."""
        began = time.perf_counter_ns()
        yield
        self.spend(part, began)

    def spend(self, part: str, began: int) -> None:
        """Count the time since then as that of `part`."""
        spent = getattr(self.timings, part) + (time.perf_counter_ns() - began) / 1e6
        self.timings = replace(self.timings, **{part: spent})

    def _is_outdated(self, changed: tuple[Path, ...]) -> bool:
        """Whether anything is used again that is not the same any more, though no event reported it."""
        kept = self.expansion is self.cached.expansion
        return any(map(self._is_reused, changed)) or (kept and not self._same_names)

    def _again(self, changed: tuple[Path, ...]) -> tuple[Path, ...]:
        """Read what was used again and is out of date as well, and look for all names."""
        self.touched |= frozenset(filter(self._is_reused, changed))
        self.cached = self.cached._replace(expansion=None)
        self.expansion = Expansion(self.expansion.members[:1])
        self.reads, self.documents, self.problems = {}, {}, []
        return self.run()

    def _cached_patterns(self) -> tuple[str, ...]:
        """The `watch_paths` in force."""
        pinned = self.options.pins.watch_paths
        return self.cached.patterns if pinned is None else pinned

    def _watch_paths(self) -> tuple[str, ...]:
        """Those of the main file just read and of the layers over it; if it is broken, those that were in force."""
        main = self.documents.get(self.options.path)
        if main is None or self.options.pins.watch_paths is not None:
            return self._cached_patterns()
        table = merge((main, *self.over.tables)).table if self.over.tables else main.table
        return settings_of(self.options.schema, table).watch_paths

    # Reading

    def _read_set(self, main: KeptOpen) -> tuple[Path, ...]:
        """Read what else belongs to the set; what changed until then."""
        with self.spending("read"):
            self.loaded_at = datetime.now(UTC)
            kept = self._kept_expansion()
            self.expansion = kept or paths.expand(self.options.path, self.patterns, self.cached.members)
            for member in self.expansion.members[1:]:
                self.reads[member.path] = self._reuse(member.path) or self._read(member)
            changed = self._changed(main)
            self._same_names = kept is None or paths.same_names(kept)
            return changed

    def _kept_expansion(self) -> Expansion | None:
        """What `watch_paths` meant before, if it means the same as long as the folders hold the same names."""
        cached = self.cached
        kept = cached.expansion
        if kept is None or cached.patterns != self.patterns or not self.touched <= cached.reads.keys():
            return None
        # What is a file may become a directory of files.
        return kept if "file" not in kept.kinds and paths.may_stand(kept, self.patterns) else None

    def _reuse(self, path: Path) -> Read | None:
        """What was read before, if it may be used again: only if it was parsed, or there is nothing to use.

        Whether its stamp is still the same is asked once, when all are read.
        """
        read = self.cached.reads.get(path)
        if read is None or not read.settled or path in self.touched or path not in self.cached.documents:
            return None
        return read

    def _is_reused(self, path: Path) -> bool:
        read = self.reads.get(path)
        return read is not None and read is self.cached.reads.get(path)

    def _read(self, member: Member) -> Read:
        if member.role == "watched":
            return reading.stat_only(member.path)
        if member.path in self.instead:
            return Read(member.path, reading.stat_only(member.path).stamp, self.instead[member.path])
        return reading.read(member.path, self.options.max_bytes)

    def _changed(self, main: KeptOpen) -> tuple[Path, ...]:
        """What changed between the beginning and the end of the read of the whole set.

        A single file is one state by itself: what is renamed over it while it is parsed is the next one, so that a
        program that saves without a pause does not prevent every load.
        """
        moved = reading.changed(self.reads.values())
        if len(moved) == len(self.reads) == 1 and not self.expansion.folders and main.replaced():
            return ()
        expansion = self.expansion
        if expansion.folders and expansion is not self.cached.expansion and not paths.same_names(expansion):
            now = paths.expand(self.options.path, self.patterns)
            moved.extend([] if now.problems else paths.differing(expansion.members, now.members))
        return tuple(dict.fromkeys(moved))

    # Parsing

    def parse(self, members: tuple[Member, ...]) -> None:
        """Parse what stands in `reads`."""
        for member in members:
            self._parse(member)

    def _parse(self, member: Member) -> None:
        path, read = member.path, self.reads[member.path]
        if read.problem is None and member.role != "watched" and (exposed := reading.exposed(path, read.stamp)):
            self.problems.append(exposed)
        document = self._document(member, read)
        if document is not None:
            self.documents[path] = document

    def _document(self, member: Member, read: Read) -> Document | None:
        if read.problem is not None:
            self._refuse(member, read.problem)
            return None
        if member.role == "watched":
            return None
        if self._is_reused(member.path):
            return self.cached.documents[member.path]
        return self._parsed(member.path, read.data)

    def _refuse(self, member: Member, problem: Problem) -> None:
        if problem.kind == "unstable":
            return
        if problem.kind == "missing" and member.role != "main":
            problem = replace(problem, severity="warning", hint="it is read as soon as it appears")
        self.problems.append(problem)

    def _parsed(self, path: Path, data: bytes) -> Document | None:
        document = parse(data, path, allow_empty=self.options.allow_empty)
        if isinstance(document, Problem):
            self.problems.append(document)
            return None
        if "$schema" in document.table:
            from hotconf.config.spelling import without_stamp  # late: few files name one

            document = without_stamp(document, self.options.schema)
        if not self.options.schema.kebab:
            return document
        from hotconf.config.spelling import respell  # only for models with kebab-case keys

        respelled = respell(document, self.options.schema)
        if isinstance(respelled, Document):
            return respelled
        self.problems.extend(respelled)
        return None
