"""Looking without watching: the state that files are in now, or were in when it was kept, beside another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from hotconf.changes import Change
from hotconf.engine.candidate import Candidate, Valid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.history.record import Record
from hotconf.inspection.problems import Inspection, scrubber_of
from hotconf.runtime.load import judge, load, problems_of
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.missing import NO_BASELINE, Baseline
from hotconf.sources.files.paths import Member
from hotconf.sources.files.reading import Read, Stamp

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State(Generic[T]):
    """A valid configuration as a program that starts now would have it, and how it differs from another one."""

    snapshot: Snapshot[T]
    settings: HotReloadSettings
    """Those that the files ask for."""
    members: tuple[Member, ...]
    """The files, with those that are only watched and those that are not there."""
    inspection: Inspection = field(repr=False)
    """The warnings, and the texts to show them in."""
    changes: tuple[Change, ...] = ()
    """Against the state that it was compared with; empty if with none."""
    summary: tuple[str, ...] = ()
    unchanged: str | None = None
    """Why there are no changes: the files or the values are the same."""


def state_of(
    path: Path,
    schema: Schema[T],
    *,
    against: Snapshot[T] | None = None,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    baseline: Baseline = NO_BASELINE,
) -> State[T] | Inspection:
    """The state of `path`, which is absolute, and its fragments, or why there is none. Starts no thread.

    `against`: the state that it is compared with. `instead`: bytes that count in place of what files hold.
    `baseline`: the state that decides which files are gone.
    """
    result = load(Options(path, schema), against, baseline=baseline, instead=instead)
    return _state(result.candidate, result.files)


def kept_state(record: Record, schema: Schema[T], *, against: Snapshot[T] | None = None) -> State[T] | Inspection:
    """The state that was kept as `record`, judged by the schema and the checks of today; no file is read."""
    candidate = judge(Options(record.files[0].path, schema), record.files, record.at, against)
    members = tuple(Member(file.path, file.role) for file in record.files)
    reads = {file.path: Read(file.path, Stamp(), file.content) for file in record.files}
    parsed = {file.path: parse(file.content, file.path) for file in record.files}
    documents = {path: document for path, document in parsed.items() if isinstance(document, Document)}
    return _state(candidate, FileSet(members, reads=reads, documents=documents))


def _state(found: Candidate[T], files: FileSet) -> State[T] | Inspection:
    inspection = Inspection(problems_of(found), files, scrubber_of(found))
    if not isinstance(found, Valid):
        return inspection
    snapshot = Snapshot(found.config, 1, found.digest, found.loaded_at, found.files, found.origins, found.warnings)
    return State(snapshot, found.settings, files.members, inspection, found.changes, found.summary, found.unchanged)
