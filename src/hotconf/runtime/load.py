"""One load: read the files and layers as one state, and have the pipeline make a candidate of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge
from hotconf.config.pipeline import SAME_FILES, Layers, Pipeline
from hotconf.config.reload_settings import settings_path
from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.formats.base import Document
from hotconf.logs.scrubbing import LoadSecrets
from hotconf.problems import Problem
from hotconf.snapshot import Snapshot, SourceFile, Timings
from hotconf.sources import layers
from hotconf.sources.base import FileSet, LoadResult, Options
from hotconf.sources.files.missing import NO_BASELINE, Baseline, Disk, Missing, disks_of, find, problems
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import FRESH_NS, Read, Stamp
from hotconf.sources.files.set_reader import SetReader

if TYPE_CHECKING:
    import re

    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")


def load(
    options: Options[T],
    published: Snapshot[T] | None = None,
    cached: FileSet | None = None,
    touched: frozenset[Path] = frozenset(),
    before: Mapping[Path, Read] = MappingProxyType({}),
    secrets: Scrubber | None = None,
    baseline: Baseline = NO_BASELINE,
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    revalidate: bool = False,
) -> LoadResult[T]:
    """Load `options` once; compare the result with what is `published`, and the files with their content `before`.

    Files in `cached` with the same stamp that are not in `touched` are not read again. `instead` replaces the content
    of files, whether they exist or not. `secrets` knows the secrets of what is published, if they were determined.
    `baseline`: the state that decides which files are missing. Files and layers that say the same are validated
    again only to `revalidate`, or if a watched file that is no fragment differs from that state. Whatever is wrong
    with files, layers or users' checks is a problem of the candidate; nothing is raised.
    """
    reader = SetReader(options, cached or FileSet.of(options.path), touched)
    reader.instead = instead
    changed = reader.run()
    if changed:
        return LoadResult(_unstable(changed), reader.file_set())
    if options.layers and not layers.read(options.layers).same_as(reader.said):
        problem = Problem("A layer changed while the files were read", kind="unstable")
        return LoadResult(Unstable((options.path,), (problem,)), reader.file_set())
    files = reader.file_set()
    disks = disks_of(files)
    if options.profile is not None:
        baseline = _of_profile(baseline, reader, options.profile.files(options.path))
    missing = find(baseline, files, disks)
    if missing is not None:
        _report(reader, missing)
    watched = _watched(reader)
    revalidate = revalidate or watched != baseline.watched or Stamp() in watched.values()
    candidate = _candidate(options, reader, published, secrets, disks, watched, revalidate=revalidate)
    differs = isinstance(candidate, Invalid) or candidate.unchanged is None
    if differs and (shrank := _shrank(reader, before, published)):
        candidate = candidate._replace(shrank=shrank)
    if missing is not None:
        candidate = candidate._replace(gone=tuple(file.path for file in missing.files))
    return LoadResult(candidate, files)


def load_kept(
    options: Options[T], kept: tuple[SourceFile, ...], read_at: datetime, published: Snapshot[T] | None = None
) -> LoadResult[T]:
    """What a load would return if the files were as they were kept; reads no file."""
    reader = SetReader(options, FileSet.of(options.path))
    if reader.profile is not None and options.profile is not None:  # which was another one then, perhaps
        others = options.profile.files(options.path)
        kept = tuple(
            each for each in kept if each.path == reader.profile.file or not others.fullmatch(str(each.path))
        )
    members = tuple(Member(file.path, file.role) for file in kept)
    reader.loaded_at, reader.patterns, reader.expansion = read_at, (), Expansion(members)
    reader.reads = {file.path: Read(file.path, Stamp(), file.content) for file in kept}
    reader.parse()
    reader.read_layers()
    files = FileSet(members, reads=reader.reads)
    return LoadResult(_candidate(options, reader, published), files)


def drifted(options: Options[T], published: Snapshot[T] | None, cached: FileSet) -> bool:
    """Whether the files and layers differ from what is `published`, without validation."""
    reader = SetReader(options, cached, frozenset(cached.reads))
    if published is None or reader.run() or reader.errors() or reader.said.problems:
        return True
    # A bind-mounted single file that was replaced at its source keeps its old content forever.
    return bool(reader.file_set().mounts.replaced) or _layers(reader).digest != published.digest


def problems_of(candidate: Candidate[Any]) -> tuple[Problem, ...]:
    """All problems of a load: errors and warnings."""
    return candidate.warnings if isinstance(candidate, Valid) else candidate.problems


def _candidate(
    options: Options[T],
    reader: SetReader,
    published: Snapshot[T] | None,
    secrets: Scrubber | None = None,
    disks: Mapping[Path, Disk] = MappingProxyType({}),
    watched: Mapping[Path, Stamp] = MappingProxyType({}),
    *,
    revalidate: bool = False,
) -> Valid[T] | Invalid:
    pipeline = Pipeline(
        options.schema,
        options.pins,
        published,
        LoadSecrets(reader, published, secrets),
        _propagates,
        _describe_failed,
        revalidate=revalidate,
    )
    began = time.perf_counter_ns()
    candidate = pipeline.run(_layers(reader))
    if isinstance(candidate, Invalid):
        return candidate
    took = 0 if candidate.unchanged == SAME_FILES else time.perf_counter_ns() - began
    timings = Timings(read=reader.read_ns / 1e6, parse=reader.parse_ns / 1e6, validate=took / 1e6)
    return candidate._replace(timings=timings, baseline=Baseline(tuple(_sources(reader)), disks, watched))


def _watched(reader: SetReader) -> dict[Path, Stamp]:
    """The watched files that are no fragments, as they are now; `Stamp()` for what may change without a new stamp."""
    found = {each.path: reader.reads[each.path].stamp for each in reader.expansion.members if each.role == "watched"}
    aged = int(reader.loaded_at.timestamp() * 1e9) - FRESH_NS
    return {path: stamp if max(stamp.identity[5:], default=0) < aged else Stamp() for path, stamp in found.items()}


def _layers(reader: SetReader) -> Layers:
    documents, wrong = _documents(reader)
    return Layers(
        documents=documents,
        over=reader.over,
        files=tuple([source for source in _sources(reader) if source.role != "watched"]),
        problems=(*reader.problems, *wrong, *reader.said.problems),
        loaded_at=reader.loaded_at,
        order=tuple(reader.reads),
        fileless=reader.options.fileless,
        profile=(reader.profile and reader.profile.name) or "",
    )


def _documents(reader: SetReader) -> tuple[tuple[Document | LayerTable, ...], tuple[Problem, ...]]:
    """What the files say, and what is wrong with the profile."""
    options, choice = reader.options, reader.profile
    if choice is None or options.profile is None:
        return tuple(reader.documents), ()
    return options.profile.lay(reader.documents, choice, options.schema)


def _sources(reader: SetReader) -> list[SourceFile]:
    """The files that were read. Those of layers are `watched`: they are in no snapshot, and never kept."""
    return [read.source for read in reader.reads.values() if read.source is not None]


def _of_profile(baseline: Baseline, reader: SetReader, files: re.Pattern[str]) -> Baseline:
    """Without the `files` of profiles that do not count any more."""
    there = (each for each in baseline.files if each.path in reader.reads or not files.fullmatch(str(each.path)))
    return baseline._replace(files=tuple(there))


def _report(reader: SetReader, missing: Missing) -> None:
    """Report files that are missing from the published state, instead of as merely absent."""
    options, main = reader.options, reader.options.path
    pinned, document = options.pins.watch_paths is not None, reader.reads[main].document
    origins = merge([document, *reader.over]).origins if document is not None and not pinned else None
    found = problems(missing, main, origins, settings_path(options.schema), reader.also)
    known = {*(file.path for file in missing.files), *(each.entry.path for each in missing.lost)}
    rest = (each for each in reader.problems if each.kind != "missing" or each.file not in known)
    reader.problems = sorted((*rest, *found), key=lambda problem: problem.file != main)


def _shrank(reader: SetReader, before: Mapping[Path, Read], published: Snapshot[Any] | None) -> tuple[Path, ...]:
    """Files that hold only the first part of what they held when the last round ended, or of what is published."""
    same = {id(read.data) for read in reader.reads.values()}
    earlier = [(read.path, read.data) for read in before.values() if id(read.data) not in same]
    if published is not None:
        earlier += [(file.path, file.content) for file in published.files if id(file.content) not in same]
    return tuple(dict.fromkeys([path for path, old in earlier if _begins(reader.reads.get(path), old)]))


def _begins(read: Read | None, old: bytes) -> bool:
    """Whether what was read is the first part of `old`, and not all of it."""
    return read is not None and read.problem is None and len(read.data) < len(old) and old.startswith(read.data)


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
