"""`SetReader`: the files of a source, read as one state of all of them and parsed. What is known is used again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotconf.config.shape import settings_of
from hotconf.engine.candidate import Costs
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import ground, paths, reading, states
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import Held, Read


class SetReader:
    """One set of files. Of a thousand that nobody touched, each costs no more here than a question for its stamp."""

    __slots__ = (
        "_same_names",
        "documents",
        "expansion",
        "instead",
        "known",
        "loaded_at",
        "options",
        "others",
        "patterns",
        "problems",
        "reads",
        "special",
        "spent",
        "states",
        "touched",
    )

    loaded_at: datetime
    patterns: tuple[str, ...]

    def __init__(self, options: Options[Any], known: FileSet, touched: frozenset[Path]) -> None:
        self.options = options
        self.known = known
        self.touched = touched
        """Of what is known not to be used again."""
        self.instead: Mapping[Path, bytes] = {}
        self.expansion = Expansion((Member(options.path, "main"),))
        self.reads: dict[Path, Read] = {}
        """In the order of the members."""
        self.others: list[Member] = []
        """Those that are not simply used again; the main file is never among them."""
        self.documents: dict[Path, Document] = {}
        """Likewise, as far as they could be parsed."""
        self.special: set[Path] = set()
        """See `FileSet.special`."""
        self.states = bytearray()
        """Those in which they were read."""
        self._same_names = True
        """Whether the folders held the same names when the set had been read."""
        self.problems: list[Problem] = []
        self.spent = Costs()

    def run(self) -> tuple[Path, ...]:
        """Read the whole set as one state, and parse it. What changed meanwhile.

        The main file names the others, nearly always those that it named before. They are read, and all are compared,
        before it is parsed: that may take long, and somebody may save without a pause.
        """
        main = self.expansion.members[0]
        self.patterns = self._known_patterns()
        with self.spending("read"):
            self.reads[main.path] = self._read(main)
        with Held(self.reads[main.path]) as held:
            changed = self._read_set(held)
            if self._is_outdated(changed):
                return self._again(changed)
            with self.spending("parse"):
                self._parse(main)
            patterns = self._watch_paths()
            if patterns != self.patterns:
                self.patterns, self.reads = patterns, {main.path: self.reads[main.path]}
                changed = self._read_set(held)
            elif not changed and not held.intact():
                changed = (main.path,)
        if self._is_outdated(changed):
            return self._again(changed)
        self.problems.extend((*self.expansion.problems, *self.expansion.warnings))
        with self.spending("parse"):
            self._parse_rest()
        return changed

    def file_set(self) -> FileSet:
        """What the next load may use again."""
        found = self.expansion
        special, states = frozenset(self.special), bytes(self.states)
        new = (found.members[0].path, *(member.path for member in self.others))
        other = None if found is self.known.expansion else found
        lies_on = ground.under(self.known.ground, self.reads, new, other)
        return FileSet(
            found.members, self.patterns, found.folders, self.reads, self.documents, found, special, states, lies_on
        )

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

    def _is_outdated(self, changed: tuple[Path, ...]) -> bool:
        """Whether anything is used again that is not the same any more, though nobody said so."""
        kept = self.expansion is self.known.expansion
        return any(map(self._is_reused, changed)) or (kept and not self._same_names)

    def _again(self, changed: tuple[Path, ...]) -> tuple[Path, ...]:
        """Read what was used again and is out of date as well, and look for all names."""
        self.touched |= frozenset(filter(self._is_reused, changed))
        self.known = self.known._replace(expansion=None)
        self.expansion = Expansion(self.expansion.members[:1])
        self.reads, self.documents, self.problems, self.special = {}, {}, [], set()
        return self.run()

    def _known_patterns(self) -> tuple[str, ...]:
        """The `watch_paths` in force."""
        pinned = self.options.pins.watch_paths
        return self.known.patterns if pinned is None else pinned

    def _watch_paths(self) -> tuple[str, ...]:
        """The `watch_paths` of the main file just read; if it is broken, those that were in force."""
        main = self.documents.get(self.options.path)
        if main is None or self.options.pins.watch_paths is not None:
            return self._known_patterns()
        return settings_of(self.options.schema, main.table).watch_paths

    def _kept_expansion(self) -> Expansion | None:
        """What `watch_paths` meant before, if it surely means the same as long as the folders hold the same names."""
        known = self.known
        kept = known.expansion
        if kept is None or known.patterns != self.patterns or not self.touched <= known.reads.keys():
            return None
        return kept if paths.stands(kept, self.options.path, self.patterns) else None

    # Reading

    def _read_set(self, held: Held) -> tuple[Path, ...]:
        """Read what else belongs to the set; what changed until then."""
        with self.spending("read"):
            self.loaded_at = datetime.now(UTC)
            kept = self._kept_expansion()
            self.expansion = kept or paths.expand(self.options.path, self.patterns, self.known.members)
            self._read_rest()
            changed = self._changed(held)
            self._same_names = kept is None or paths.same_names(kept)
            return changed

    def _read_rest(self) -> None:
        members, known, reads = self.expansion.members, self.known, self.reads
        main, ranks = members[0].path, self.expansion.ranks
        if members is not known.members or len(known.reads) != len(members):
            self.others = list(members[1:])
            reads.update((member.path, self._reuse(member.path) or self._read(member)) for member in self.others)
            self.states = bytearray().join(map(states.state, reads.values()))
            return
        # Nearly all are used again: they are taken over at once, and only the others are dealt with one by one.
        others = sorted(map(ranks.__getitem__, (self.touched | known.special) - {main}))
        self.others = [members[rank] for rank in others]
        self.reads, self.states = {**known.reads, main: reads[main]}, bytearray(known.states)
        self.reads.update((member.path, self._reuse(member.path) or self._read(member)) for member in self.others)
        for rank in (0, *others):
            self.states[rank * states.SIZE : (rank + 1) * states.SIZE] = states.state(self.reads[members[rank].path])

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
            return reading.look(member.path)
        if member.path in self.instead:
            return Read(member.path, reading.look(member.path).stamp, self.instead[member.path])
        return reading.read(member.path, self.options.max_bytes)

    def _changed(self, held: Held) -> tuple[Path, ...]:
        """What changed between the beginning and the end of the read of the whole set.

        A set of one file was read when that was: what is renamed over it while it is parsed is the next state, and
        whoever saves so without a pause keeps nobody from the one that was read.
        """
        moved = self._moved()
        if len(moved) == len(self.reads) == 1 and not self.expansion.folders and held.replaced():
            return ()
        expansion = self.expansion
        if expansion.folders and expansion is not self.known.expansion and not paths.same_names(expansion):
            moved.extend(paths.appeared_or_vanished(self.options.path, self.patterns, expansion.members))
        return tuple(dict.fromkeys(moved))

    def _moved(self) -> list[Path]:
        """The members that are not any more what they were when they were read."""
        members, found = self.expansion.members, []
        for rank in states.differing(states.look(self.expansion.encoded), self.states):
            read = self.reads[members[rank].path]
            if states.state(read) != states.OTHER or reading.moved((read,)):
                found.append(read.path)
        return found

    # Parsing

    def _parse_rest(self) -> None:
        known, main = self.known.documents, self.expansion.members[0].path
        kept = self.expansion.members is self.known.members
        if kept:
            parsed = self.documents.get(main)
            self.documents = (
                {**known, main: parsed} if parsed else {path: known[path] for path in known if path != main}
            )
        for member in self.others:
            self._parse(member)
        if kept and any(path in self.documents and path not in known for path in (main, *_paths(self.others))):
            # What was repaired belongs where its file does.
            ranks = self.expansion.ranks
            self.documents = dict(sorted(self.documents.items(), key=lambda item: ranks[item[0]]))

    def parse(self, members: tuple[Member, ...]) -> None:
        """Parse what stands in `reads`."""
        for member in members:
            self._parse(member)

    def _parse(self, member: Member) -> None:
        path, read = member.path, self.reads[member.path]
        exposed = reading.exposed(path, read.stamp) if read.problem is None and member.role != "watched" else None
        self.problems.extend([exposed] if exposed else [])
        document = self._document(member, read)
        if document is None:
            self.documents.pop(path, None)
        else:
            self.documents[path] = document
        if document is None or exposed or not read.settled:
            self.special.add(path)

    def _document(self, member: Member, read: Read) -> Document | None:
        if read.problem is not None:
            self._refuse(member, read.problem)
            return None
        if member.role == "watched":
            return None
        known = self.known
        if known.reads.get(member.path) is read and member.path in known.documents:
            return known.documents[member.path]
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
        if not self.options.schema.kebab:
            return document
        from hotconf.config.spelling import respell

        respelled = respell(document, self.options.schema)
        if isinstance(respelled, Document):
            return respelled
        self.problems.extend(respelled)
        return None


def _paths(members: list[Member]) -> Iterator[Path]:
    return (member.path for member in members)
