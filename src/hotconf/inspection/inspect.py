"""Looking at files as a watcher would, without watching them: starts no thread, publishes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hotconf.changes import Change
from hotconf.config.pipeline import in_order
from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.formats.base import Format
from hotconf.formats.registry import format_of
from hotconf.problems import Problem
from hotconf.runtime.load import load, load_kept, problems_of
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files.missing import NO_BASELINE, Baseline
from hotconf.sources.files.reading import too_large

if TYPE_CHECKING:
    from hotconf.config.restarts.start import Start
    from hotconf.history.record import Record
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one load found."""

    problems: tuple[Problem, ...]
    """Errors and warnings, in file order; the files absolute."""
    files: FileSet = field(repr=False)
    scrub: Scrubber | None = field(default=None, repr=False)
    """Removes the secrets of the load, if they were sought."""
    form_of: Callable[[Path], Format] = field(default=format_of, repr=False)
    """What a file is written in."""
    refused: Invalid | None = field(default=None, repr=False)
    """What the load brought back, if that is not valid."""

    def text(self, path: Path) -> str:
        """The text of the file at `path` as it was inspected; empty if it was not read."""
        return self.files.text(path)

    def secrets(self, schema: Schema[Any]) -> Scrubber:
        """Removes what is secret in the files, and in the resulting config."""
        from hotconf.config.redaction.secret_values import secrets_of
        from hotconf.config.shape import shape_of
        from hotconf.secrets.scrubber import Scrubber

        return (self.scrub or Scrubber()).plus(secrets_of(shape_of(schema), self.files.documents))


@dataclass(frozen=True, slots=True)
class State(Inspection, Generic[T]):
    """A valid configuration as a program that starts now would have it, and how it differs from another one."""

    snapshot: Snapshot[T] = field(kw_only=True)
    settings: HotReloadSettings = field(kw_only=True)
    """Those that the files ask for."""
    changes: tuple[Change, ...] = ()
    """Against the state that it was compared with; empty if with none."""
    summary: tuple[str, ...] = ()
    unchanged: str | None = None
    """Why there are no changes: the files or the values are the same."""
    start: Start | None = field(default=None, repr=False)
    """What a program that begins with it keeps until it is restarted."""


def inspect(
    options: Options[T],
    *,
    against: Snapshot[T] | None = None,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    baseline: Baseline = NO_BASELINE,
    start: Start | None = None,
    thorough: bool = False,
) -> State[T] | Inspection:
    """The state that a program which loads `options` would have, or why there is none.

    `against`: the state that it is compared with. `instead`: bytes that count in place of what files hold, or of
    files that are not there. `baseline`: the state that decides which files are missing. `start`: what the program
    keeps; without it, it begins with this state. `thorough`: the problems have values that are not valid, and that
    stronger layers hide.
    """
    most = options.max_bytes
    if large := [given for given, data in instead.items() if len(data) > most]:
        problems = tuple(too_large(given, most) for given in large)
        return Inspection(problems, options.unread, form_of=options.form_of)
    result = load(options, against, baseline=baseline, instead=instead, start=start)
    found = _inspection(result.candidate, result.files, options)
    if thorough and isinstance(found, State) and isinstance(result.candidate, Valid):
        from hotconf.inspection.hidden import hidden

        problems = in_order(found.problems, hidden(options, result.candidate), tuple(result.files.reads))
        return replace(found, problems=problems)
    return found


def inspect_kept(record: Record, options: Options[T], *, against: Snapshot[T] | None = None) -> State[T] | Inspection:
    """The state that was kept as `record`, judged by the schema, checks and layers of today; no file is read."""
    result = load_kept(options._replace(path=record.files[0].path), record.files, record.at, against)
    return _inspection(result.candidate, result.files, options)


def _inspection(found: Candidate[T], files: FileSet, options: Options[T]) -> State[T] | Inspection:
    scrub = None if isinstance(found, Unstable) else found.secrets
    form_of = partial(files.form_of, options=options)
    if not isinstance(found, Valid):
        return Inspection(problems_of(found), files, scrub, form_of, found if isinstance(found, Invalid) else None)
    snapshot = Snapshot(
        found.config,
        1,
        found.digest,
        found.loaded_at,
        found.files,
        found.origins,
        found.warnings,
        found.pending_restart,
    )
    return State(
        found.warnings,
        files,
        scrub,
        form_of,
        snapshot=snapshot,
        settings=found.settings,
        changes=found.changes,
        summary=found.summary,
        unchanged=found.unchanged,
        start=found.start,
    )
