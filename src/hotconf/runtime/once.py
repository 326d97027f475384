"""Looking at files without watching them: the state that they are in now, by itself or beside another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from hotconf.changes import Change
from hotconf.core.candidate import Candidate, Good
from hotconf.core.record import Record
from hotconf.problems import Problem
from hotconf.runtime.load import judge, load, problems_of
from hotconf.runtime.paths import Member
from hotconf.runtime.source import DEFAULT_MAX_BYTES, Source
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot

T = TypeVar("T")

Problems = tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class State(Generic[T]):
    """A valid configuration as a program that starts now would have it, and how it differs from another one."""

    snapshot: Snapshot[T]
    settings: HotReloadSettings
    """Those that the files ask for."""
    members: tuple[Member, ...]
    """The files, with those that are only watched and those that are not there."""
    changes: tuple[Change, ...] = ()
    """Against the state that it was compared with; empty if with none."""
    summary: tuple[str, ...] = ()
    unchanged: str | None = field(default=None)
    """Why there are no changes: the files or the values are the same."""


def state_of(
    path: Path,
    schema: Schema[T],
    *,
    against: Snapshot[T] | None = None,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> State[T] | Problems:
    """The state of `path`, which is absolute, and its fragments, or why there is none. Starts no thread.

    `against`: the state that it is compared with. `instead`: bytes that count in place of what files hold.
    """
    result = load(Source(path, schema, max_bytes=max_bytes), against, instead=instead)
    return _state(result.candidate, result.files.members)


def state_kept(record: Record, schema: Schema[T], *, against: Snapshot[T] | None = None) -> State[T] | Problems:
    """The state that was kept as `record`, by the schema and the checks of today, or why it is none any more."""
    members = tuple(Member(file.path, file.role) for file in record.files)
    return _state(judge(Source(members[0].path, schema), record.files, record.at, against), members)


def _state(found: Candidate[T], members: tuple[Member, ...]) -> State[T] | Problems:
    if not isinstance(found, Good):
        return problems_of(found)
    snapshot = Snapshot(found.config, 1, found.digest, found.loaded_at, found.files, found.origins, found.warnings)
    return State(snapshot, found.settings, members, found.changes, found.summary, found.unchanged)
