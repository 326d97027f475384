"""One load: read all layers as one state, and let the pipeline make a candidate of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from hotconf.config.merge import merge
from hotconf.config.pipeline import SAME_FILES, Layers, Pipeline
from hotconf.config.reload_settings import settings_path
from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.logs.scrubbing import LoadSecrets
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.snapshot import Snapshot, SourceFile
from hotconf.sources import layers
from hotconf.sources.base import DEFAULT_MAX_BYTES, FileSet, LoadResult, Options
from hotconf.sources.files import paths
from hotconf.sources.files.missing import NO_BASELINE, Baseline, Missing, disks_of, find, problems
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import Read, Stamp
from hotconf.sources.files.set_reader import SetReader

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")


def load(
    options: Options[T],
    published: Snapshot[T] | None = None,
    known: FileSet | None = None,
    touched: frozenset[Path] = frozenset(),
    before: Mapping[Path, Read] = MappingProxyType({}),
    secrets: Scrubber | None = None,
    baseline: Baseline = NO_BASELINE,
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
) -> LoadResult[T]:
    """Load `options` once and compare it with what is `published`, and the files with what they said `before`.

    Files that `known` holds, whose stamps are the same and that are not in `touched`, are not read again. Those of
    `instead` are taken to exist and to hold the bytes given there, whatever is on the disk. `secrets` removes
    those in what is published, if they were sought. `baseline`: the state that decides which files are missing. Never
    raises for anything in the layers or in users' checks: those are problems of the candidate.
    """
    reader = SetReader(options, known or FileSet.of(options.path), touched)
    reader.instead = instead
    changed = reader.run()
    if changed:
        return LoadResult(_unstable(changed), reader.file_set())
    if options.layers and layers.read(options.layers) != reader.over:
        problem = Problem("A layer changed while the files were read", kind="unstable")
        return LoadResult(Unstable((options.path,), (problem,)), reader.file_set())
    disks = disks_of(reader.expansion, reader.patterns, reader.reads)
    missing = find(baseline, reader.reads, reader.expansion, reader.patterns, disks)
    if missing is not None:
        _report(reader, missing)
    candidate = _candidate(options, reader, published, secrets)
    if isinstance(candidate, Valid):
        candidate = candidate._replace(baseline=Baseline(candidate.files, disks))
    if isinstance(candidate, Invalid) or candidate.unchanged is None:
        candidate = candidate._replace(shrank=_shrank(reader, before, published))
    if missing is not None:
        candidate = candidate._replace(gone=tuple(file.path for file in missing.files))
    return LoadResult(candidate, reader.file_set())


def load_kept(
    options: Options[T], kept: tuple[SourceFile, ...], read_at: datetime, published: Snapshot[T] | None = None
) -> LoadResult[T]:
    """What a load would bring back today if the files were as they were kept, read at that time; reads no file."""
    reader = SetReader(options, FileSet.of(options.path), frozenset())
    members = tuple(Member(file.path, file.role) for file in kept)
    reader.loaded_at, reader.patterns, reader.expansion = read_at, (), Expansion(members)
    reader.reads = {file.path: Read(file.path, Stamp(), file.content) for file in kept}
    reader.parse(members)
    files = FileSet(members, reads=reader.reads, documents=reader.documents)
    return LoadResult(_candidate(options, reader, published), files)


def drifted(options: Options[T], published: Snapshot[T] | None, known: FileSet) -> bool:
    """Whether the layers differ from what is `published`, by their bytes; nothing is validated."""
    reader = SetReader(options, known, frozenset(known.reads))
    if published is None or reader.run() or reader.errors() or reader.over.problems:
        return True
    # A bind-mounted single file that was replaced at its source keeps its old content forever.
    return bool(reader.file_set().mounts.replaced) or _layers(reader, published).digest != published.digest


def check(path: Path, schema: Schema[Any], *, max_bytes: int = DEFAULT_MAX_BYTES) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a watcher of `path` would find now; starts no thread."""
    schema.complete()
    return problems_of(load(Options(paths.absolute(path), schema, max_bytes=max_bytes)).candidate)


def problems_of(candidate: Candidate[Any]) -> tuple[Problem, ...]:
    """Every problem, errors and warnings, that a load found."""
    return candidate.warnings if isinstance(candidate, Valid) else candidate.problems


def _candidate(
    options: Options[T], reader: SetReader, published: Snapshot[T] | None, secrets: Scrubber | None = None
) -> Valid[T] | Invalid:
    pipeline = Pipeline(
        options.schema,
        options.pins,
        published,
        LoadSecrets(reader, published, secrets),
        _propagates,
        _describe_failed,
    )
    began = time.perf_counter_ns()
    candidate = pipeline.run(_layers(reader, published))
    if isinstance(candidate, Invalid):
        return candidate
    if candidate.unchanged != SAME_FILES:
        reader.spend("validate", began)
    return candidate._replace(timings=reader.timings, baseline=Baseline(candidate.files))


def _layers(reader: SetReader, published: Snapshot[Any] | None) -> Layers:
    members, reads, documents = reader.expansion.members, reader.reads.values(), reader.documents
    found = list(zip(members, reads, strict=True))
    if len(documents) < len(found):
        found = [each for each in found if each[0].path in documents]
    before = published.files if published is not None else ()
    # In one go and without calls: nearly all of a thousand may be the same.
    files = [
        file
        if file is not None and file.content is read.data and file.path is read.path
        else SourceFile(member.path, member.role, read.data)
        for (member, read), file in zip_longest(found, before[: len(found)])
    ]
    order = tuple(member.path for member in members)
    over, problems = reader.over
    return Layers(
        tuple(documents.values()), over, tuple(files), (*reader.problems, *problems), reader.loaded_at, order
    )


def _report(reader: SetReader, missing: Missing) -> None:
    """Report what the published state lacks now in place of files that are simply absent."""
    options, main = reader.options, reader.options.path
    pinned, document = options.pins.watch_paths is not None, reader.documents.get(main)
    origins = merge([document, *reader.over.tables]).origins if document is not None and not pinned else None
    found = problems(missing, main, origins, settings_path(options.schema))
    known = {*(file.path for file in missing.files), *(each.entry.path for each in missing.lost)}
    rest = (each for each in reader.problems if each.kind != "missing" or each.file not in known)
    reader.problems = sorted((*rest, *found), key=lambda problem: problem.file != main)


def _shrank(reader: SetReader, before: Mapping[Path, Read], published: Snapshot[Any] | None) -> tuple[Path, ...]:
    """Files that say the first part of what they said when the last round ended, or of what is published."""
    reads = reader.reads
    # What was used again since then is what it was; most are, and stand where they stood.
    pairs = zip_longest(before.values(), reads.values())
    earlier = [(old.path, old.data) for old, new in pairs if old is not None and old is not new]
    if published is not None:
        files = zip_longest(published.files, reads.values())
        earlier += [
            (file.path, file.content)
            for file, new in files
            if file is not None and (new is None or file.content is not new.data or file.path is not new.path)
        ]
    return tuple(dict.fromkeys(path for path, old in earlier if path in reads and _begins(reads[path], old)))


def _begins(read: Read, old: bytes) -> bool:
    """Whether what was read is the first part of `old`, and not all of it."""
    return read.problem is None and len(read.data) < len(old) and old.startswith(read.data)


def _unstable(changed: tuple[Path, ...]) -> Unstable:
    problems = (Problem("The file is being written", kind="unstable", file=path) for path in changed)
    return Unstable(changed, tuple(problems))


def _propagates(error: BaseException) -> bool:
    # Imported here: only needed once users' code raises.
    from hotconf.system.exceptions import propagates

    return propagates(error)


def _describe_failed(error: BaseException, scrub: Scrubber) -> None:
    from hotconf.logs.records import ERROR, emit

    emit("reload", ERROR, "describe raised; the changes are listed one by one", error=error, scrub=scrub)
