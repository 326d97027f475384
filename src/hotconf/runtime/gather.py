"""`Gathering`: the files of a source, read as one state of all of them and parsed. What is known is used again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotconf.core.candidate import Costs
from hotconf.core.document import Document, parse
from hotconf.core.shape import settings_of
from hotconf.problems import Problem
from hotconf.runtime import files, paths
from hotconf.runtime.files import Held, Read
from hotconf.runtime.paths import Expansion, Member
from hotconf.runtime.source import FileSet, Source


class Gathering:
    """One set of files. Of a thousand that nobody touched, each costs no more here than a question for its stamp."""

    __slots__ = (
        "documents",
        "expansion",
        "instead",
        "known",
        "loaded_at",
        "patterns",
        "problems",
        "reads",
        "source",
        "spent",
        "touched",
    )

    loaded_at: datetime
    patterns: tuple[str, ...]

    def __init__(self, source: Source[Any], known: FileSet, touched: frozenset[Path]) -> None:
        self.source = source
        self.known = known
        self.touched = touched
        """Of what is known not to be used again."""
        self.instead: Mapping[Path, bytes] = {}
        self.expansion = Expansion((Member(source.path, "main"),))
        self.reads: dict[Path, Read] = {}
        """In the order of the members."""
        self.documents: dict[Path, Document] = {}
        self.problems: list[Problem] = []
        self.spent = Costs()

    def run(self) -> tuple[Path, ...]:
        """Read and parse the whole set, the main file first, because it names the others. What changed meanwhile."""
        main = self.expansion.members[0]
        with self.spending("read"):
            self.reads[main.path] = self._read(main)
        with Held(self.reads[main.path]) as held:
            with self.spending("parse"):
                self._parse(main, self.reads[main.path])
            self.patterns = self._watch_paths()
            with self.spending("read"):
                self.loaded_at = datetime.now(UTC)
                kept = self._kept_expansion()
                self.expansion = kept or paths.expand(self.source.path, self.patterns, self.known.members)
                self.problems.extend(self.expansion.problems)
                self._read_rest()
                changed = self._changed(held)
        stale = frozenset(path for path in changed if self._is_reused(path))
        if stale or (kept is not None and not paths.same_names(kept)):
            return self._again(stale)
        with self.spending("parse"):
            self._parse_rest()
        return changed

    def file_set(self) -> FileSet:
        """What the next load may use again."""
        found = self.expansion
        return FileSet(found.members, self.patterns, found.folders, self.reads, self.documents, found)

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
        spent = getattr(self.spent, part) + time.perf_counter_ns() - began
        self.spent = self.spent._replace(**{part: spent})

    def _again(self, stale: frozenset[Path]) -> tuple[Path, ...]:
        """What was used again is out of date, though nobody said so: read that as well, and look for all names."""
        self.touched |= stale
        self.known = self.known._replace(expansion=None)
        self.expansion = Expansion(self.expansion.members[:1])
        self.reads, self.documents, self.problems = {}, {}, []
        return self.run()

    def _watch_paths(self) -> tuple[str, ...]:
        """The `watch_paths` of the main file just read; if it is broken, those that were in force."""
        pinned = self.source.pins.watch_paths
        if pinned is not None:
            return pinned
        main = self.documents.get(self.source.path)
        if main is None:
            return self.known.patterns
        return settings_of(self.source.schema, main.table).watch_paths

    def _kept_expansion(self) -> Expansion | None:
        """What `watch_paths` meant before, if it surely means the same as long as the folders hold the same names."""
        known = self.known
        kept = known.expansion
        if kept is None or known.patterns != self.patterns or not self.touched <= known.reads.keys():
            return None
        return kept if paths.stands(kept, self.source.path, self.patterns) else None

    # Reading

    def _read_rest(self) -> None:
        members, known, reads = self.expansion.members, self.known, self.reads
        if members is not known.members or len(known.reads) != len(members):
            reads.update((member.path, self._reuse(member.path) or self._read(member)) for member in members[1:])
            return
        # Nearly all are used again: they are taken over at once, and only the others are dealt with one by one.
        main = members[0].path
        self.reads = {**known.reads, main: reads[main]}
        fresh = self.touched.union(path for path, read in known.reads.items() if not read.settled)
        if len(known.documents) < len(members):
            fresh = fresh.union(path for path in known.reads if path not in known.documents)
        fresh -= {main}
        if fresh:
            self.reads.update((each.path, self._read(each)) for each in members if each.path in fresh)

    def _reuse(self, path: Path) -> Read | None:
        # Only what was parsed is known: a stamp alone is no reason not to read.
        known = self.known.reads[path] if path in self.known.documents else None
        # Whether its stamp is still the same is asked once, when all are read.
        return None if known is None or not known.settled or path in self.touched else known

    def _is_reused(self, path: Path) -> bool:
        read = self.reads.get(path)
        return read is not None and read is self.known.reads.get(path)

    def _read(self, member: Member) -> Read:
        if member.role == "main" and (known := self._reuse(member.path)):
            return known
        if member.role == "watched":
            return files.look(member.path)
        if member.path in self.instead:
            return Read(member.path, files.look(member.path).stamp, self.instead[member.path])
        return files.read(member.path, self.source.max_bytes)

    def _changed(self, held: Held) -> tuple[Path, ...]:
        """What changed between the beginning and the end of the read of the whole set.

        A set of one file was read when that was: what is renamed over it while it is parsed is the next state, and
        whoever saves so without a pause keeps nobody from the one that was read.
        """
        moved = files.moved(self.reads.values())
        if len(moved) == len(self.reads) == 1 and not self.expansion.folders and held.replaced():
            return ()
        expansion = self.expansion
        if expansion.folders and expansion is not self.known.expansion and not paths.same_names(expansion):
            moved.extend(paths.appeared_or_vanished(self.source.path, self.patterns, expansion.members))
        return tuple(dict.fromkeys(moved))

    # Parsing

    def _parse_rest(self) -> None:
        known, ours = self.known, self.documents
        used_again: set[int] = set()
        if self.expansion.members is known.members:
            used_again = set(map(id, known.reads.values())) & set(map(id, self.reads.values()))
            self.documents = {**known.documents, **ours}
            if self.source.path not in ours:
                self.documents.pop(self.source.path, None)
        for member, read in zip(self.expansion.members[1:], list(self.reads.values())[1:], strict=True):
            if id(read) not in used_again or read.problem is not None or files.open_to_all(read.stamp):
                self._parse(member, read)

    def parse(self, members: tuple[Member, ...]) -> None:
        """Parse what stands in `reads`."""
        for member in members:
            self._parse(member, self.reads[member.path])

    def _parse(self, member: Member, read: Read) -> None:
        path, known = member.path, self.known
        self.documents.pop(path, None)
        if read.problem is not None:
            self._refuse(member, read.problem)
            return
        if member.role == "watched":
            return
        exposed = files.exposed(path, read.stamp)
        self.problems.extend([exposed] if exposed else [])
        if known.reads.get(path) is read and path in known.documents:
            self.documents[path] = known.documents[path]
        else:
            self._parse_one(path, read.data)

    def _refuse(self, member: Member, problem: Problem) -> None:
        if problem.kind == "unstable":
            return
        if problem.kind == "missing" and member.role != "main":
            problem = replace(problem, severity="warning", hint="it is read as soon as it appears")
        self.problems.append(problem)

    def _parse_one(self, path: Path, data: bytes) -> None:
        before = self.known.documents.get(path)
        document = parse(data, path, allow_empty=self.source.allow_empty, before=before)
        if isinstance(document, Problem):
            self.problems.append(document)
            return
        respelled: Document | tuple[Problem, ...] = document
        if self.source.schema.kebab:
            from hotconf.core.spelling import respell

            respelled = respell(document, self.source.schema, before)
        if isinstance(respelled, Document):
            self.documents[path] = respelled
        else:
            self.problems.extend(respelled)
