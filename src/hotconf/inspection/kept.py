"""For those who look without watching: a state that was kept, and the files as they are now, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hotconf.config.redaction.secret_keys import ANY_KEY, LEADS, secret_keys
from hotconf.engine.candidate import Candidate, Invalid, Valid
from hotconf.errors import UsageError
from hotconf.formats.base import Document
from hotconf.formats.registry import document_of
from hotconf.history.last_good import Search
from hotconf.history.record import Damage, Record
from hotconf.history.store import StateStore
from hotconf.problems import Problem
from hotconf.runtime.load import load, load_kept
from hotconf.schema import Schema
from hotconf.snapshot import Snapshot, SourceFile
from hotconf.sources.base import Options, ProfileLayer
from hotconf.sources.files import reading
from hotconf.sources.files.missing import NO_BASELINE, Baseline
from hotconf.text import printable, short_path, source_name

_MOST_BYTES: Final = 1 << 26
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Look:
    """Files at one time. `snapshot.config` is for finding secrets only: the files need not be valid."""

    snapshot: Snapshot[Any]
    errors: tuple[Problem, ...]
    """Why they are not a valid configuration."""


def record_of(state_dir: Path, main: Path, number: int, schema: Schema[Any]) -> Record:
    """The state of `main` with that number. Raises `UsageError` if there is none, if it cannot be used, or if it must
    not be shown: `schema` does not know of all that was secret in it.
    """
    found = StateStore(state_dir, main).read(number)
    if found is None:
        raise UsageError(
            f"there is no state {number} of {short_path(main)}: hotconf history lists those that are kept"
        )
    if isinstance(found, Damage):
        raise UsageError(f"state {number} of {short_path(main)} is damaged: {found.reason}")
    unknown = unknown_secrets(found, schema)
    if unknown:
        kept_secret = f"state {number} of {short_path(main)} has keys that its model keeps secret ({unknown})"
        raise UsageError(f"{kept_secret}: name that model with --schema MODULE:NAME")
    return found


def unknown_secrets(record: Record, schema: Schema[Any]) -> str:
    """The keys that are secret by its own model, but not by `schema`; empty if it can be shown."""
    return _listed(sorted(record.secret_keys - secret_keys(schema)))


def _listed(keys: list[str]) -> str:
    named = ["any key" if key == ANY_KEY else key for key in keys if not key.endswith(LEADS)]
    return printable(", ".join([*named[:_MOST_NAMED], "…"] if len(named) > _MOST_NAMED else named))


def as_kept(record: Record, options: Options[Any]) -> Look:
    """The state, judged by the schema, checks and layers of today."""
    result = load_kept(options._replace(path=record.files[0].path), record.files, record.at)
    return _look(result.candidate, record.files, record.at)


def as_given(options: Options[Any], content: bytes | None, form: str) -> Snapshot[Any]:
    """A main file that holds `content`, to be compared with another; None: there is none."""
    at = datetime.now(UTC)
    if content is None:
        return Snapshot({}, 0, "", at, (), MappingProxyType({}))
    files = (SourceFile(options.path, "main", content, form),)
    return _look(load_kept(options, files, at).candidate, files, at).snapshot


def documents(
    options: Options[Any], old: tuple[bytes, str] | None, new: tuple[bytes, str]
) -> tuple[Snapshot[Any], Snapshot[Any]]:
    """Two main documents, each with its format, to be compared: no layer counts, except what a profile takes from
    them. None: there is none.
    """
    layers = tuple(each for each in options.layers if isinstance(each, ProfileLayer))
    alone = options._replace(layers=layers)
    return as_given(alone, old and old[0], (old or new)[1]), as_given(alone, *new)


def baseline_of(state_dir: Path, options: Options[Any]) -> Baseline:
    """The state whose files a program that starts now would find missing; never raises for a state."""

    def judge(files: tuple[SourceFile, ...], at: datetime) -> Candidate[Any]:
        return load_kept(options, files, at).candidate

    try:
        return Search(StateStore(state_dir, options.path), judge, lambda *_: None).baseline()
    except (OSError, UsageError):  # not trustworthy, or unreadable: no program starts from it
        return NO_BASELINE


def on_disk(options: Options[Any], also: Iterable[Path] = ()) -> Look:
    """The main file and its fragments as they are now, and those of `also` that exist.

    Raises `UsageError` for one that is there but cannot be read.
    """
    result = load(options)
    also = [path for path in also if not source_name(path)]
    roles = {path: role for path, role in result.files.members if role == "main" or role == "fragment"}
    found = [read.source for read in result.files.reads.values() if read.source is not None and read.source.version]
    for path in dict.fromkeys((*roles, *also)):
        read = reading.read(path, _MOST_BYTES)
        if read.problem is None:
            found.append(SourceFile(path, roles.get(path, "fragment"), read.data, options.language(path)))
        elif read.problem.kind != "missing":
            raise UsageError(str(read.problem))
    return _look(result.candidate, tuple(found), datetime.now(UTC))


def _look(candidate: Candidate[Any], found: tuple[SourceFile, ...], at: datetime) -> Look:
    # What is not valid holds secrets all the same: those of the raw tables, as far as there are any.
    config = candidate.config if isinstance(candidate, Valid) else _tables(found)
    errors = candidate.errors if isinstance(candidate, Invalid) else ()
    return Look(Snapshot(config, 0, "", at, found, MappingProxyType({})), errors)


def _tables(found: Iterable[SourceFile]) -> list[object]:
    documents = (document_of(file) for file in found)
    return [document.table for document in documents if isinstance(document, Document)]
