"""One load: read the files and layers as one state, and have the pipeline make a candidate of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from hotconf.config.layers import LayerTable
from hotconf.config.merge import Merged, merge
from hotconf.config.pipeline import Layers, Merging, Pipeline
from hotconf.config.reload_settings import settings_path
from hotconf.engine.candidate import SAME, Candidate, Invalid, Unstable, Valid
from hotconf.formats.base import Document
from hotconf.formats.registry import named
from hotconf.logs.scrubbing import LoadSecrets
from hotconf.problems import Problem
from hotconf.snapshot import Snapshot, SourceFile, Timings
from hotconf.sources import layers
from hotconf.sources.base import WATCHED_FILE, FileSet, LoadResult, Options
from hotconf.sources.files.compare import shrank
from hotconf.sources.files.missing import NO_BASELINE, Baseline, Missing, disks_of, find, problems, with_emptied
from hotconf.sources.files.named import NamedFiles, Names
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import FRESH_NS, Read, Stamp, stat_only
from hotconf.sources.files.set_reader import ATTEMPTS, SetReader

if TYPE_CHECKING:
    import re

    from hotconf.config.layers import Rest
    from hotconf.config.restarts.start import Start
    from hotconf.formats.salvage import Salvage
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
    good: Valid[T] | None = None,
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    revalidate: bool = False,
    start: Start | None = None,
) -> LoadResult[T]:
    """Load `options` once; compare the result with what is `published`, and the files with their content `before`.

    Files in `cached` with the same stamp that are not in `touched` are not read again. `instead` replaces the content
    of files, whether they exist or not. `secrets` knows the secrets of what is published, if they were determined.
    `baseline`: the state that decides which files are missing. `good`: the candidate that was published. `start`:
    what was published first, if that is not known from `good`.

    Files and layers that say the same are validated again only to `revalidate`, or if a watched file that is no
    fragment differs from `baseline`. Whatever is wrong with files, layers or users' checks is a problem of the
    candidate; nothing is raised.
    """
    reader = SetReader(options, cached or options.unread, touched)
    reader.instead = reader.named.instead = instead
    changed = reader.run()
    if changed:
        return LoadResult(_unstable(options, changed), reader.file_set())
    if _layers_changed(options, reader):
        return LoadResult(_layer_unstable(options), reader.file_set())
    files = reader.file_set()
    disks = disks_of(files)
    if options.profile is not None:
        baseline = _of_profile(baseline, reader, options.profile.files(options.path))
    missing = find(baseline, files, disks)
    if missing is not None:
        _report(reader, missing)
    if reader.problems:
        reader.problems = with_emptied([*map(options.spelt, reader.problems)], baseline)
    watched = _watched(reader)
    revalidate = revalidate or watched != baseline.watched or Stamp() in watched.values()
    known = baseline._replace(disks=disks, watched=watched)
    candidate = _candidate(options, reader, published, secrets, known, good, start, revalidate=revalidate)
    if reader.named.any_read:
        if changed := reader.changed_since():
            return LoadResult(_unstable(options, changed), reader.file_set())
        if _layers_changed(options, reader):
            return LoadResult(_layer_unstable(options), reader.file_set())
    if reader.names or files.named:
        files = reader.file_set()
    differs = isinstance(candidate, Invalid) or candidate.unchanged is None
    if differs and (half := _shrank(reader, before, published, baseline)):
        candidate = candidate._replace(shrank=half)
    if missing is not None:
        candidate = candidate._replace(gone=tuple(file.path for file in missing.files))
    return LoadResult(candidate, files)


def load_kept(
    options: Options[T], kept: tuple[SourceFile, ...], read_at: datetime, published: Snapshot[T] | None = None
) -> LoadResult[T]:
    """What a load would return if the files were as they were kept; reads no file."""
    options = options._replace(format=named(kept[0].format) or options.format)
    reader = SetReader(options, options.unread)
    if reader.profile is not None and options.profile is not None:  # which was another one then, perhaps
        own, profiles = reader.profile.file, options.profile.files(options.path)
        others = [each for each in kept if each.path != own and profiles.fullmatch(str(each.path))]
        if others and own is not None and own not in {each.path for each in kept} and not stat_only(own).problem:
            text = f"The state is of another profile: {own.name} is not kept with it"
            return LoadResult(Invalid((Problem(text, kind="missing", file=own),)), options.unread)
        kept = tuple(each for each in kept if each not in others)
    configuring = [file for file in kept if file.configures]
    members = tuple(options.main if each.role == "main" else Member(each.path, each.role) for each in configuring)
    reader.loaded_at, reader.patterns, reader.expansion = read_at, (), Expansion(members)
    reader.reads = {file.path: _kept(file) for file in kept if file.configures}
    reader.named.instead = {file.path: file.content for file in kept if not file.configures}
    reader.parse()
    reader.read_layers()
    files = FileSet(members, reads=reader.reads)
    for _ in range(ATTEMPTS):
        candidate = _candidate(options, reader, published)
        if not (changed := reader.named.changed()):
            return LoadResult(candidate, files)
        reader.named.forget()
    return LoadResult(Invalid(_unstable(options, changed).problems), files)


def _kept(file: SourceFile) -> Read:
    if file.version:
        from hotconf.sources import virtual  # late: most programs have a file

        return virtual.kept(file)
    return Read(file.path, Stamp(), file.content)


def drifted(options: Options[T], published: Snapshot[T] | None, cached: FileSet) -> bool:
    """Whether the files and layers differ from what is `published`, without validation."""
    reader = SetReader(options, cached, frozenset(cached.reads))
    if published is None or reader.run() or reader.errors() or reader.said.problems:
        return True
    # A bind-mounted single file that was replaced at its source keeps its old content forever.
    return bool(reader.file_set().mounts.replaced) or _layers(reader, cached.named).digest != published.digest


def problems_of(candidate: Candidate[Any]) -> tuple[Problem, ...]:
    """All problems of a load: errors and warnings."""
    return candidate.warnings if isinstance(candidate, Valid) else candidate.problems


def _candidate(
    options: Options[T],
    reader: SetReader,
    published: Snapshot[T] | None,
    secrets: Scrubber | None = None,
    known: Baseline = NO_BASELINE,
    good: Valid[T] | None = None,
    start: Start | None = None,
    *,
    revalidate: bool = False,
) -> Valid[T] | Invalid:
    """`known`: what is published, but with the disks and watched files of now."""
    given = LoadSecrets(reader, published, secrets)
    start = start if good is None else good.start
    pipeline = _pipeline(options, published, given, revalidate=revalidate, start=start)
    began = time.perf_counter_ns()
    layers, named = _layers(reader), reader.named
    baseline = known._replace(files=tuple(_sources(reader)))
    candidate = _run(pipeline, layers, named, baseline)
    if isinstance(candidate, Invalid):
        reader.names = named.names or reader.names
        return _advised(candidate, options) if options.layers else candidate
    reader.names = candidate.baseline.named
    took = 0 if candidate.unchanged in SAME else time.perf_counter_ns() - began
    timings = Timings(read=reader.read_ns / 1e6, parse=reader.parse_ns / 1e6, validate=took / 1e6)
    candidate = candidate._replace(timings=timings)
    if not layers.overrides:
        return candidate
    bare = None if good is None else bare_of(good)
    if candidate.unchanged not in SAME:
        alone = _pipeline(options, None, LoadSecrets(reader, published, secrets), start=candidate.start)
        found = _run(alone, layers.with_overrides(()), named, baseline)
        bare = found if isinstance(found, Valid) else bare
    return candidate._replace(bare=bare)


def _advised(refused: Invalid, options: Options[Any]) -> Invalid:
    from hotconf.sources.advice import with_ways  # late: for mistakes only

    return refused._replace(problems=with_ways(refused.problems, options))


def _run(pipeline: Pipeline[T], layers: Layers, named: NamedFiles, known: Baseline) -> Valid[T] | Invalid:
    """The candidate that `layers` make; `named` reads the files that its values name. `known`: those of now."""
    if layers.home is None:  # no value names a file
        candidate = pipeline.run(layers)
        candidate = candidate._replace(made_of=layers)
        return candidate if isinstance(candidate, Invalid) else candidate._replace(baseline=known)
    named.names = {}
    layers = layers._replace(named=named.contents(known.named), own_named=lambda: named.contents(named.names))
    with named.reading():
        candidate = pipeline.run(layers)
    if isinstance(candidate, Invalid):
        return candidate._replace(made_of=layers)
    names = known.named if candidate.unchanged in SAME else dict(named.names)
    return candidate._replace(
        files=(*candidate.files, *named.kept(names)),
        baseline=known._replace(named=names),
        made_of=layers._replace(named=named.contents(names), own_named=tuple),
    )


def _layers_changed(options: Options[Any], reader: SetReader) -> bool:
    return bool(options.layers) and not layers.read(options.layers).same_as(reader.said)


def _layer_unstable(options: Options[Any]) -> Unstable:
    problem = Problem("A layer changed while the files were read", kind="unstable")
    return Unstable(options.files_in((options.path,)), (problem,))


def _pipeline(
    options: Options[T],
    published: Snapshot[T] | None,
    secrets: LoadSecrets,
    *,
    revalidate: bool = False,
    start: Start | None = None,
) -> Pipeline[T]:
    given = options.schema, options.pins, published, secrets, _propagates, _describe_failed
    return Pipeline(*given, revalidate=revalidate, start=start)


class _Published:
    """What is published, as if it had been read now."""

    __slots__ = ("cached", "documents", "options", "over", "reads", "salvaged")

    def __init__(self, options: Options[Any], layers: Layers) -> None:
        self.options = options
        self.documents = [each for each in layers.documents if isinstance(each, Document)]
        self.over = (*(each for each in layers.documents if isinstance(each, LayerTable)), *layers.over)
        self.cached = options.unread
        self.reads: Mapping[Path, Read] = {}
        self.salvaged: Mapping[Path, Salvage] = {}


def bare_of(good: Valid[T]) -> Valid[T] | None:
    """The same without overrides; where that is not valid, the last that was."""
    return good.bare if good.made_of.overrides else good


def overlaid(
    options: Options[T],
    good: Valid[T],
    published: Snapshot[T],
    secrets: Scrubber | None,
    overrides: tuple[LayerTable, ...],
    *,
    leaving: bool,
) -> Valid[T] | Invalid:
    """What the layers of `good`, which was published, say with these overrides instead. Reads only what these name.

    When one is `leaving`, and that is not valid without it: what the last layers say that were good without any.
    """
    bare = bare_of(good)

    def pipeline(layers: Layers) -> Pipeline[T]:
        known = LoadSecrets(_Published(options, layers), published, secrets)
        return _pipeline(options, published, known, revalidate=True, start=good.start)

    if not overrides and bare is not None:  # valid already
        return pipeline(bare.made_of).compared(bare, published)
    found: list[Valid[T] | Invalid] = []
    for base in (good, bare) if leaving and bare is not None and bare is not good else (good,):
        layers: Layers = base.made_of.with_overrides(overrides)
        named = NamedFiles(options.base, {})
        named.instead = {path: data for path, data in layers.named if data is not None}
        for _ in range(ATTEMPTS):
            candidate = _run(pipeline(layers), layers, named, base.baseline)
            if not named.changed():
                break
            named.forget()
        if isinstance(candidate, Valid):
            return candidate._replace(bare=bare)
        found.append(candidate)
    return found[0]


class Part:
    """Some of the layers of a load, judged by themselves. Reads only the files that their values name."""

    def __init__(self, options: Options[T], all_layers: Layers, part: Layers) -> None:
        self._pipeline = _pipeline(options, None, LoadSecrets(_Published(options, all_layers), None, None))
        self._named = NamedFiles(options.base, {})
        self._part = part

    def merged(self) -> Merged | None:
        """What they say together; None if they cannot be merged."""
        merging = self._pipeline.merged(self._part)
        return merging.merged if isinstance(merging, Merging) else None

    def errors(self) -> tuple[Problem, ...]:
        """Why they are not valid."""
        candidate = _run(self._pipeline, self._part, self._named, NO_BASELINE)
        return candidate.errors if isinstance(candidate, Invalid) else ()


def _watched(reader: SetReader) -> dict[Path, Stamp]:
    """The watched files that are no fragments, as they are now; `Stamp()` for what may change without a new stamp."""
    found = {each.path: reader.reads[each.path].stamp for each in reader.expansion.members if each.role == "watched"}
    aged = int(reader.loaded_at.timestamp() * 1e9) - FRESH_NS
    return {path: stamp if max(stamp.identity[5:], default=0) < aged else Stamp() for path, stamp in found.items()}


def _layers(reader: SetReader, names: Names = MappingProxyType({})) -> Layers:
    """`names`: the files that values of what is published name."""
    documents, wrong = _documents(reader)
    return Layers(
        documents=documents,
        over=reader.over,
        files=tuple([source for source in _sources(reader) if source.role != "watched"]),
        problems=(*reader.problems, *wrong, *reader.said.problems),
        loaded_at=reader.loaded_at,
        order=tuple(reader.reads),
        fileless=reader.options.fileless,
        source="" if reader.options.source is None else reader.options.source.name,
        profile=(reader.profile and reader.profile.name) or "",
        named=reader.named.contents(names),
        rest=_rest(reader) if reader.salvaged else None,
        home=reader.options.home if WATCHED_FILE in sys.modules else None,
    )


def _rest(reader: SetReader) -> Rest | None:
    from hotconf.sources.files.broken import rest  # late: a good file does not need it

    problems = [*reader.problems, *reader.said.problems]
    return rest(reader.options, reader.reads, reader.salvaged, problems, reader.profile)


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


def _shrank(
    reader: SetReader, before: Mapping[Path, Read], published: Snapshot[Any] | None, baseline: Baseline
) -> tuple[Path, ...]:
    """Files that hold only the first part of what they held when the last round ended, or of what is published."""
    kept = () if published is None else (*published.files, *baseline.files)  # only the latter has those of layers
    reads = {**reader.named.reads(reader.names), **reader.reads}
    return reader.options.files_in(shrank(reads, before.values(), kept))


def _unstable(options: Options[Any], changed: tuple[Path, ...]) -> Unstable:
    problems = (Problem("The file is being written", kind="unstable", file=path) for path in changed)
    return Unstable(options.files_in(changed), tuple(problems))


def _propagates(error: BaseException) -> bool:
    # Imported here: only needed once users' code raises.
    from hotconf.system.exceptions import propagates

    return propagates(error)


def _describe_failed(error: BaseException, scrub: Scrubber) -> None:
    from hotconf.logs.records import ERROR, emit

    emit("reload", ERROR, "describe raised; the changes are listed one by one", error=error, scrub=scrub)
