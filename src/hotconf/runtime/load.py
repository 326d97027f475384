"""One load: files in, a candidate out: read, parse, merge, validate, freeze, compare, describe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from hotconf.changes import Change
from hotconf.config.freeze import freeze
from hotconf.config.merge import merge
from hotconf.config.shape import settings_path
from hotconf.config.validation.validate import validate
from hotconf.config.walk import value_at
from hotconf.engine.candidate import NOTHING, Candidate, Invalid, Standing, Unstable, Valid
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath
from hotconf.logs.scrubbing import LoadSecrets
from hotconf.problems import Kind, Problem
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot, SourceFile
from hotconf.sources.base import DEFAULT_MAX_BYTES, FileSet, LoadResult, Options
from hotconf.sources.files import absent, paths
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import Read, Stamp
from hotconf.sources.files.set_reader import SetReader

if TYPE_CHECKING:
    from hotconf.config.gone import Verdict
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")

_SAME_FILES: Final = "the files are the same"
_SAME_VALUES: Final = "no value differs"
_OF_FILES: Final[frozenset[Kind]] = frozenset({"missing", "exposed", "copy"})
"""Warnings that are about the files as such: they may come and go while the content stays the same."""
_OFF: Final = "Hot reload is off: edits are not noticed until a restart"


def load(
    options: Options[T],
    published: Snapshot[T] | None = None,
    known: FileSet | None = None,
    touched: frozenset[Path] = frozenset(),
    before: Mapping[Path, Read] = MappingProxyType({}),
    secrets: Scrubber | None = None,
    standing: Standing = NOTHING,
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
) -> LoadResult[T]:
    """Load `options` once and compare it with what is `published`, and the files with what they said `before`.

    Files that `known` holds, whose stamps are the same and that are not in `touched`, are not read again. Those of
    `instead` are taken to exist and to hold the bytes given there, whatever is on the disk. `secrets` knows those in
    what is published, if they were determined. `standing`: the state that decides which files are gone. Never raises
    for anything in the files or in users' checks: those are problems of the candidate.
    """
    work = _Load(options, published, known or FileSet.of(options.path), touched, secrets)
    work.reader.instead, work.standing = instead, standing
    return work.run(before)


def judge(
    options: Options[T], kept: tuple[SourceFile, ...], read_at: datetime, published: Snapshot[T] | None = None
) -> Candidate[T]:
    """What a load would bring back today if the files were as they were kept, read at that time; reads nothing."""
    work = _Load(options, published, FileSet.of(options.path), frozenset())
    members = tuple(Member(file.path, file.role) for file in kept)
    given = work.reader
    given.loaded_at, given.patterns, given.expansion = read_at, (), Expansion(members)
    given.reads = {file.path: Read(file.path, Stamp(), file.content) for file in kept}
    given.parse(members)
    return work.judge()


def drifted(options: Options[T], published: Snapshot[T] | None, known: FileSet) -> bool:
    """Whether the files differ from what is `published`, by their bytes; nothing is validated."""
    return _Load(options, published, known, frozenset(known.reads)).drifted()


class _Load(Generic[T]):
    """One load under way."""

    __slots__ = ("options", "published", "reader", "secrets", "standing")

    def __init__(
        self,
        options: Options[T],
        published: Snapshot[T] | None,
        known: FileSet,
        touched: frozenset[Path],
        secrets: Scrubber | None = None,
    ) -> None:
        self.options = options
        self.published = published
        self.standing = NOTHING
        """Decides which files are gone."""
        self.reader = SetReader(options, known, touched)
        self.secrets = LoadSecrets(self.reader, published, secrets)

    def run(self, before: Mapping[Path, Read]) -> LoadResult[T]:
        work = self.reader
        changed = work.run()
        candidate = Unstable(changed) if changed else self._compared()
        if isinstance(candidate, Invalid) or (isinstance(candidate, Valid) and candidate.unchanged is None):
            candidate = candidate._replace(shrank=self._shrank(before))
        return LoadResult(candidate, work.file_set())

    def _compared(self) -> Valid[T] | Invalid:
        """The result of the files, and which files of the published state are gone."""
        work = self.reader
        disks = absent.disks(work.expansion, work.patterns, work.reads)
        verdict = absent.verdict(self.standing, work.reads, work.expansion, work.patterns, disks)
        if verdict is not None:
            self._tell_gone(verdict)
        candidate = self.judge()
        if isinstance(candidate, Valid):
            candidate = candidate._replace(disks=disks)
        return candidate if verdict is None else candidate._replace(gone=tuple(each.path for each in verdict.files))

    def _tell_gone(self, verdict: Verdict) -> None:
        """Report gone files as gone, and no longer as absent."""
        from hotconf.config.gone import problems

        work, main = self.reader, self.options.path
        pinned, document = self.options.pins.watch_paths is not None, work.documents.get(main)
        origins = merge([document]).origins if document is not None and not pinned else None
        told = problems(verdict, main, origins, settings_path(self.options.schema))
        gone = {*(file.path for file in verdict.files), *(each.entry.path for each in verdict.lost)}
        rest = (each for each in work.problems if each.kind != "missing" or each.file not in gone)
        work.problems = sorted((*rest, *told), key=lambda problem: problem.file != main)

    def drifted(self) -> bool:
        """Whether the files differ from what is published."""
        if self.published is None or self.reader.run() or self.reader.errors():
            return True
        # A bind-mounted single file that was replaced at its source keeps its old content forever.
        return bool(self.reader.file_set().ground.replaced) or _digest(self._sources()) != self.published.digest

    def _shrank(self, before: Mapping[Path, Read]) -> tuple[Path, ...]:
        """Files that say the first part of what they said when the last round ended, or of what is published."""
        reads = self.reader.reads
        # What was used again since then is what it was; most are, and stand where they stood.
        pairs = zip_longest(before.values(), reads.values())
        earlier = [(old.path, old.data) for old, new in pairs if old is not None and old is not new]
        if self.published is not None:
            files = zip_longest(self.published.files, reads.values())
            earlier += [
                (file.path, file.content)
                for file, new in files
                if file is not None and (new is None or file.content is not new.data or file.path is not new.path)
            ]
        return tuple(dict.fromkeys(path for path, old in earlier if path in reads and _begins(reads[path], old)))

    # Judging

    def _sources(self) -> tuple[SourceFile, ...]:
        work = self.reader
        members, reads, documents = work.expansion.members, work.reads.values(), work.documents
        found = list(zip(members, reads, strict=True))
        if len(documents) < len(found):
            found = [each for each in found if each[0].path in documents]
        before = self.published.files if self.published is not None else ()
        # In one go and without calls: nearly all of a thousand may be the same.
        return tuple(
            [
                file
                if file is not None and file.content is read.data and file.path is read.path
                else SourceFile(member.path, member.role, read.data)
                for (member, read), file in zip_longest(found, before[: len(found)])
            ]
        )

    def judge(self) -> Valid[T] | Invalid:
        """What the files that were gathered make."""
        work = self.reader
        if work.errors():
            return self._refused(self._scrubbed(work.problems))
        sources = self._sources()
        digest = _digest(sources)
        if self.published is not None and self.published.digest == digest:
            return self._unchanged(self.published, sources)
        return self._validated(sources, digest)

    def _unchanged(self, published: Snapshot[T], sources: tuple[SourceFile, ...]) -> Valid[T]:
        return Valid(
            config=published.config,
            digest=published.digest,
            loaded_at=self.reader.loaded_at,
            files=sources,
            origins=published.origins,
            settings=self._settings(published.config),
            changes=(),
            summary=(),
            warnings=(*(each for each in published.warnings if each.kind not in _OF_FILES), *self.reader.problems),
            unchanged=_SAME_FILES,
            costs=self.reader.spent,
        )

    def _validated(self, sources: tuple[SourceFile, ...], digest: str) -> Valid[T] | Invalid:
        began = time.perf_counter_ns()
        documents = list(self.reader.documents.values())  # of just these, in their order
        fragments, ignored = _without_watch_paths(documents[1:], settings_path(self.options.schema))
        merged = merge([documents[0], *fragments])
        verdict = validate(self.options.schema, merged, self.secrets.scrubber, _propagates)
        warnings = self._scrubbed(
            [
                *self.reader.problems,
                *(problem for document in documents for problem in document.warnings),
                *(_ignored(document, path) for document, path in ignored),
            ]
        )
        if isinstance(verdict, Invalid):
            return self._refused(self._in_file_order(verdict.problems, warnings))
        config = freeze(verdict.config)
        old = self.published
        changes = self._changes(old.config, config) if old is not None else ()
        settings = self._settings(config)
        summary = self._described(old.config, config, changes) if old is not None and changes else []
        if old is not None and not settings.enabled and self._settings(old.config).enabled:
            summary.append(_OFF)
        self.reader.spend("validate", began)
        return Valid(
            config=config,
            digest=digest,
            loaded_at=self.reader.loaded_at,
            files=sources,
            # Of equal values only one stays in memory.
            origins=merged.origins.of(config if old is None or changes else old.config),
            settings=settings,
            changes=changes,
            summary=tuple(summary),
            warnings=self._in_file_order(verdict.warnings, warnings),
            unchanged=None if old is None or changes else _SAME_VALUES,
            costs=self.reader.spent,
            secrets=self.secrets.current,
        )

    def _described(self, old: T, new: T, changes: tuple[Change, ...]) -> list[str]:
        describe = self.options.schema.describe
        if describe is None:
            return [str(change) for change in changes]
        scrub = self.secrets.scrubber(new, changes)
        try:
            return [scrub(str(line), words=True) for line in describe(old, new, changes)]
        except BaseException as error:
            if _propagates(error):
                raise
            from hotconf.logs import log

            log.refused("describe raised; the changes are listed one by one", error, scrub)
        return [str(change) for change in changes]

    def _changes(self, old: T, new: T) -> tuple[Change, ...]:
        # Imported here: a program whose configuration never changes does not pay for it.
        from hotconf.config.diff import diff

        changes = diff(old, new)
        if not changes:
            return ()
        from hotconf.config.redact import may_quote, scrubbed_change

        if not any(map(may_quote, changes)):
            return changes
        scrub = self.secrets.scrubber(new, changes).longer
        return tuple(scrubbed_change(change, scrub) for change in changes) if scrub.secrets else changes

    def _refused(self, problems: tuple[Problem, ...]) -> Invalid:
        return Invalid(problems, secrets=self.secrets.scrubber())

    def _scrubbed(self, problems: list[Problem]) -> tuple[Problem, ...]:
        """What was found before the files gave a result."""
        if not problems:
            return ()
        from hotconf.config.validation.collector import scrubbed_problem

        scrub = self.secrets.scrubber()
        return tuple(scrubbed_problem(problem, scrub) for problem in problems)

    def _in_file_order(self, told: tuple[Problem, ...], more: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Both, of which `told` is in order already; what is about no file stays last."""
        if not more:
            return told
        rank = {member.path: index for index, member in enumerate(self.reader.expansion.members)}

        def place(problem: Problem) -> tuple[int, int, int]:
            index = len(rank) if problem.file is None else rank.get(problem.file, len(rank))
            return index, problem.line or 0, problem.column or 0

        return tuple(sorted((*told, *more), key=place))

    def _settings(self, config: T) -> HotReloadSettings:
        path = settings_path(self.options.schema)
        found = value_at(config, path) if path is not None else None
        return self.options.pins.over(found if isinstance(found, HotReloadSettings) else HotReloadSettings())


def _digest(sources: tuple[SourceFile, ...]) -> str:
    parts: list[bytes] = []
    for source in sources:
        content = source.content
        parts += (f"{source.path!s}\0{len(content)}\0".encode("utf-8", "surrogateescape"), content)
    return sha256(b"".join(parts), usedforsecurity=False).hexdigest()


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


def _propagates(error: BaseException) -> bool:
    # Imported here: only needed once users' code raises.
    from hotconf.system.exceptions import propagates

    return propagates(error)


def check(path: Path, schema: Schema[Any], *, max_bytes: int = DEFAULT_MAX_BYTES) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a watcher of `path` would find now; starts no thread."""
    schema.complete()
    return problems_of(load(Options(paths.absolute(path), schema, max_bytes=max_bytes)).candidate)


def problems_of(candidate: Candidate[Any]) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a load found."""
    if isinstance(candidate, Valid):
        return candidate.warnings
    if isinstance(candidate, Invalid):
        return candidate.problems
    return tuple(Problem("The file is being written", kind="unstable", file=changed) for changed in candidate.paths)
