"""One load: files in, a candidate out: read, parse, merge, validate, freeze, compare, describe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from hotconf.changes import Change
from hotconf.core.candidate import Bad, Candidate, Costs, Good, Unstable
from hotconf.core.document import Document, parse
from hotconf.core.freeze import freeze
from hotconf.core.merge import merge
from hotconf.core.shape import settings_of, settings_path
from hotconf.core.validate import Invalid, validate
from hotconf.core.walk import value_at
from hotconf.keypath import KeyPath
from hotconf.problems import Kind, Problem
from hotconf.runtime import files, paths
from hotconf.runtime.files import Read, Stamp
from hotconf.runtime.paths import Expansion, Member
from hotconf.runtime.source import DEFAULT_MAX_BYTES, FileSet, Result, Source
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot, SourceFile

T = TypeVar("T")

_SAME_FILES: Final = "the files are the same"
_SAME_VALUES: Final = "no value differs"
_OF_FILES: Final[frozenset[Kind]] = frozenset({"missing", "exposed"})
"""Warnings that are about the files as such: they may come and go while the content stays the same."""
_OFF: Final = "Hot reload is off: edits are not noticed until a restart"


def load(
    source: Source[T],
    published: Snapshot[T] | None = None,
    known: FileSet | None = None,
    touched: frozenset[Path] = frozenset(),
    before: Mapping[Path, Read] = MappingProxyType({}),
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
) -> Result[T]:
    """Load `source` once and compare it with what is `published`, and the files with what they said `before`.

    Files that `known` holds, whose stamps are the same and that are not in `touched`, are not read again. Those of
    `instead` are taken to exist and to hold the bytes given there, whatever is on the disk. Never raises for anything
    in the files or in users' checks: those are problems of the candidate.
    """
    return _Load(source, published, known or FileSet.of(source.path), touched, instead).run(before)


def judge(
    source: Source[T], kept: tuple[SourceFile, ...], read_at: datetime, published: Snapshot[T] | None = None
) -> Candidate[T]:
    """What a load would bring back today if the files were as they were kept, read at that time; reads nothing."""
    work = _Load(source, published, FileSet.of(source.path), frozenset())
    members = [Member(file.path, file.role) for file in kept]
    work.loaded_at, work.patterns, work.expansion = read_at, (), Expansion(tuple(members))
    work.reads = {file.path: Read(file.path, Stamp(), file.content) for file in kept}
    work._parse(members)
    return work._judge()


def drifted(source: Source[T], published: Snapshot[T] | None, known: FileSet) -> bool:
    """Whether the files differ from what is `published`, by their bytes; nothing is validated."""
    return _Load(source, published, known, frozenset(known.reads)).drifted()


class _Load(Generic[T]):
    """One load under way."""

    __slots__ = (
        "documents",
        "expansion",
        "instead",
        "known",
        "loaded_at",
        "patterns",
        "problems",
        "published",
        "reads",
        "source",
        "spent",
        "touched",
    )

    expansion: Expansion
    loaded_at: datetime
    patterns: tuple[str, ...]

    def __init__(
        self,
        source: Source[T],
        published: Snapshot[T] | None,
        known: FileSet,
        touched: frozenset[Path],
        instead: Mapping[Path, bytes] = MappingProxyType({}),
    ) -> None:
        self.source = source
        self.instead = instead
        self.published = published
        self.known = known
        self.touched = touched
        self.reads: dict[Path, Read] = {}
        self.documents: dict[Path, Document] = {}
        self.problems: list[Problem] = []
        self.spent = Costs()

    def run(self, before: Mapping[Path, Read]) -> Result[T]:
        changed = self.gather()
        candidate = Unstable(changed, self.spent) if changed else self._judge()
        if isinstance(candidate, Bad) or (isinstance(candidate, Good) and candidate.unchanged is None):
            candidate = replace(candidate, shrank=self._shrank(before))
        files = FileSet(self.expansion.members, self.patterns, self.expansion.folders, self.reads, self.documents)
        return Result(candidate, files)

    def gather(self) -> tuple[Path, ...]:
        """Read and parse the whole set, the main file first, because it names the others. What changed meanwhile."""
        main = Member(self.source.path, "main")
        with self._spending("read"):
            self._read([main])
        with self._spending("parse"):
            self._parse([main])
        self.patterns = self._watch_paths()
        with self._spending("read"):
            self.loaded_at = datetime.now(UTC)
            self.expansion = paths.expand(self.source.path, self.patterns, self.known.members)
            self.problems.extend(self.expansion.problems)
            self._read(self.expansion.members[1:])
            changed = self._changed()
        stale = frozenset(
            path
            for path in changed
            if self.reads.get(path) is not None and self.reads[path] is self.known.reads.get(path)
        )
        if stale:
            return self._again(stale)
        with self._spending("parse"):
            self._parse(self.expansion.members[1:])
        return changed

    def _again(self, stale: frozenset[Path]) -> tuple[Path, ...]:
        """What was used again is out of date, though nobody said so: read that as well."""
        self.touched |= stale
        self.reads, self.documents, self.problems = {}, {}, []
        return self.gather()

    def drifted(self) -> bool:
        """Whether the files differ from what is published."""
        if self.published is None or self.gather() or self._errors():
            return True
        return _digest(self._sources()) != self.published.digest

    @contextmanager
    def _spending(self, part: str) -> Iterator[None]:
        began = time.perf_counter_ns()
        yield
        self._spend(part, began)

    def _spend(self, part: str, began: int) -> None:
        spent = getattr(self.spent, part) + time.perf_counter_ns() - began
        self.spent = self.spent._replace(**{part: spent})

    # Reading

    def _read(self, members: Iterable[Member]) -> None:
        for member in members:
            self.reads[member.path] = self._reuse(member.path) or self._read_one(member)

    def _reuse(self, path: Path) -> Read | None:
        # Only what was parsed is known: a stamp alone is no reason not to read.
        known = self.known.reads[path] if path in self.known.documents else None
        # Whether its stamp is still the same is asked once, when all are read.
        return None if known is None or not known.settled or path in self.touched else known

    def _read_one(self, member: Member) -> Read:
        if member.role == "watched":
            return files.look(member.path)
        if member.path in self.instead:
            return Read(member.path, files.look(member.path).stamp, self.instead[member.path])
        return files.read(member.path, self.source.max_bytes)

    def _watch_paths(self) -> tuple[str, ...]:
        """The `watch_paths` of the main file just read; if it is broken, those that were in force."""
        pinned = self.source.pins.watch_paths
        if pinned is not None:
            return pinned
        main = self.documents.get(self.source.path)
        if main is None:
            return self.known.patterns
        return settings_of(self.source.schema, main.table).watch_paths

    def _changed(self) -> tuple[Path, ...]:
        """What changed between the beginning and the end of the read of the whole set."""
        moved = [
            path
            for path, read in self.reads.items()
            if (read.problem is not None and read.problem.kind == "unstable") or not files.same(path, read.stamp)
        ]
        if self.expansion.folders and not paths.same_names(self.expansion):
            moved.extend(paths.appeared_or_vanished(self.source.path, self.patterns, self.expansion.members))
        return tuple(dict.fromkeys(moved))

    def _shrank(self, before: Mapping[Path, Read]) -> tuple[Path, ...]:
        """Files that say the first part of what they said when the last round ended, or of what is published."""
        earlier = [(path, read.data) for path, read in before.items()]
        if self.published is not None:
            earlier += [(file.path, file.content) for file in self.published.files]
        reads = self.reads
        return tuple(dict.fromkeys(path for path, old in earlier if path in reads and _begins(reads[path], old)))

    # Parsing

    def _parse(self, members: Iterable[Member]) -> None:
        for member in members:
            read = self.reads[member.path]
            if read.problem is not None:
                self._refuse(member, read.problem)
                continue
            if member.role == "watched":
                continue
            exposed = files.exposed(member.path, read.stamp)
            self.problems.extend([exposed] if exposed else [])
            if self.known.reads.get(member.path) is read and member.path in self.known.documents:
                self.documents[member.path] = self.known.documents[member.path]
            else:
                self._parse_one(member.path, read.data)

    def _refuse(self, member: Member, problem: Problem) -> None:
        if problem.kind == "unstable":
            return
        if problem.kind == "missing" and member.role != "main":
            problem = replace(problem, severity="warning", hint="it is read as soon as it appears")
        self.problems.append(problem)

    def _parse_one(self, path: Path, data: bytes) -> None:
        document = parse(data, path, allow_empty=self.source.allow_empty)
        if isinstance(document, Problem):
            self.problems.append(document)
            return
        respelled: Document | tuple[Problem, ...] = document
        if self.source.schema.kebab:
            from hotconf.core.spelling import respell

            respelled = respell(document, self.source.schema)
        if isinstance(respelled, Document):
            self.documents[path] = respelled
        else:
            self.problems.extend(respelled)

    # Judging

    def _errors(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def _sources(self) -> tuple[SourceFile, ...]:
        return tuple(
            SourceFile(member.path, member.role, self.reads[member.path].data)
            for member in self.expansion.members
            if member.path in self.documents
        )

    def _judge(self) -> Candidate[T]:
        if self._errors():
            return Bad(tuple(self.problems), self.spent)
        sources = self._sources()
        digest = _digest(sources)
        if self.published is not None and self.published.digest == digest:
            return self._unchanged(self.published, sources)
        return self._validated(sources, digest)

    def _unchanged(self, published: Snapshot[T], sources: tuple[SourceFile, ...]) -> Good[T]:
        return Good(
            config=published.config,
            digest=published.digest,
            loaded_at=self.loaded_at,
            files=sources,
            origins=published.origins,
            settings=self._settings(published.config),
            changes=(),
            summary=(),
            warnings=(*(each for each in published.warnings if each.kind not in _OF_FILES), *self.problems),
            unchanged=_SAME_FILES,
            costs=self.spent,
        )

    def _validated(self, sources: tuple[SourceFile, ...], digest: str) -> Candidate[T]:
        began = time.perf_counter_ns()
        documents = [self.documents[source.path] for source in sources]
        fragments, ignored = _without_watch_paths(documents[1:], settings_path(self.source.schema))
        merged = merge([documents[0], *fragments])
        verdict = validate(self.source.schema, merged)
        warnings = (*self.problems, *(_ignored(document, path) for document, path in ignored))
        if isinstance(verdict, Invalid):
            self._spend("validate", began)
            return Bad(self._in_file_order(verdict.problems, warnings), self.spent)
        config = freeze(verdict.config)
        old = self.published
        changes = _changes(old.config, config) if old is not None else ()
        settings = self._settings(config)
        summary = _describe(self.source.schema, old.config, config, changes) if old is not None and changes else []
        if old is not None and not settings.enabled and self._settings(old.config).enabled:
            summary.append(_OFF)
        self._spend("validate", began)
        return Good(
            config=config,
            digest=digest,
            loaded_at=self.loaded_at,
            files=sources,
            origins=merged.origins,
            settings=settings,
            changes=changes,
            summary=tuple(summary),
            warnings=self._in_file_order(verdict.warnings, warnings),
            unchanged=None if old is None or changes else _SAME_VALUES,
            costs=self.spent,
        )

    def _in_file_order(self, told: tuple[Problem, ...], more: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Both, of which `told` is in order already; what is about no file stays last."""
        if not more:
            return told
        rank = {member.path: index for index, member in enumerate(self.expansion.members)}

        def place(problem: Problem) -> tuple[int, int, int]:
            index = len(rank) if problem.file is None else rank.get(problem.file, len(rank))
            return index, problem.line or 0, problem.column or 0

        return tuple(sorted((*told, *more), key=place))

    def _settings(self, config: T) -> HotReloadSettings:
        path = settings_path(self.source.schema)
        found = value_at(config, path) if path is not None else None
        return self.source.pins.over(found if isinstance(found, HotReloadSettings) else HotReloadSettings())


def _digest(sources: tuple[SourceFile, ...]) -> str:
    total = sha256(usedforsecurity=False)
    for source in sources:
        total.update(f"{source.path}\0{len(source.content)}\0".encode("utf-8", "surrogateescape"))
        total.update(source.content)
    return total.hexdigest()


def _without_watch_paths(
    fragments: list[Document], settings: KeyPath | None
) -> tuple[list[Document], list[tuple[Document, KeyPath]]]:
    """Fragments may not name more fragments: drop their `watch_paths`, and say where."""
    if settings is None:
        return fragments, []
    (name,) = settings
    kept: list[Document] = []
    ignored: list[tuple[Document, KeyPath]] = []
    for fragment in fragments:
        table = fragment.table.get(str(name))
        if isinstance(table, dict) and "watch_paths" in table:
            rest = {key: value for key, value in table.items() if key != "watch_paths"}
            ignored.append((fragment, (*settings, "watch_paths")))
            fragment = replace(fragment, table={**fragment.table, str(name): rest})
        kept.append(fragment)
    return kept, ignored


def _ignored(fragment: Document, path: KeyPath) -> Problem:
    problem = Problem(
        "watch_paths counts only in the main file",
        path,
        kind="schema",
        severity="warning",
        hint="move it to the main file",
    )
    return merge([fragment]).origins.placed(problem, at="key")


def _begins(read: Read, old: bytes) -> bool:
    """Whether what was read is the first part of `old`, and not all of it."""
    return read.problem is None and len(read.data) < len(old) and old.startswith(read.data)


def _changes(old: object, new: object) -> tuple[Change, ...]:
    # Here and not above: a program whose configuration never changes does not pay for it.
    from hotconf.core.diff import diff

    return diff(old, new)


def _describe(schema: Schema[T], old: T, new: T, changes: tuple[Change, ...]) -> list[str]:
    if schema.describe is not None:
        from hotconf.core.redact import scrub, secrets_in

        secrets = secrets_in(old) | secrets_in(new)
        try:
            return [scrub(str(line), secrets) for line in schema.describe(old, new, changes)]
        except BaseException as error:  # noqa: BLE001 - users' code
            from traceback import format_exception

            from hotconf.runtime import log

            log.refused(
                "describe raised; the changes are told one by one", scrub("".join(format_exception(error)), secrets)
            )
    return [str(change) for change in changes]


def check(path: Path, schema: Schema[Any], *, max_bytes: int = DEFAULT_MAX_BYTES) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a watcher of `path` would find now; starts no thread."""
    return problems_of(load(Source(paths.absolute(path), schema, max_bytes=max_bytes)).candidate)


def problems_of(candidate: Candidate[Any]) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a load found."""
    if isinstance(candidate, Good):
        return candidate.warnings
    if isinstance(candidate, Bad):
        return candidate.problems
    return tuple(Problem("The file is being written", kind="unstable", file=changed) for changed in candidate.paths)
