"""Inspecting files for people: the problems of a configuration, and the texts to show them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hotconf.engine.candidate import Candidate, Unstable
from hotconf.problems import Problem
from hotconf.runtime.load import load, problems_of
from hotconf.schema import Schema
from hotconf.sources.base import DEFAULT_MAX_BYTES, FileSet, Options
from hotconf.sources.files.missing import NO_BASELINE, Baseline

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one load found."""

    problems: tuple[Problem, ...]
    """Errors and warnings, in file order; the files absolute."""
    files: FileSet = field(repr=False)
    known: Scrubber | None = field(default=None, repr=False)
    """Knows the secrets, if they were determined."""

    def text(self, path: Path) -> str:
        """The text of the file at `path` as it was inspected; empty if it was not read."""
        return self.files.text(path)

    def secrets(self, schema: Schema[Any]) -> Scrubber:
        """Knows what is secret in the files, and in the resulting config."""
        from hotconf.config.redaction.secret_values import secrets_of
        from hotconf.config.shape import shape_of
        from hotconf.secrets.scrubber import Scrubber

        return (self.known or Scrubber()).plus(secrets_of(shape_of(schema), self.files.documents.values()))


def scrubber_of(candidate: Candidate[Any]) -> Scrubber | None:
    """The scrubber of a load."""
    return None if isinstance(candidate, Unstable) else candidate.secrets


def inspect(
    path: Path,
    schema: Schema[Any],
    *,
    instead: Mapping[Path, bytes] = MappingProxyType({}),
    baseline: Baseline = NO_BASELINE,
) -> Inspection:
    """Look at `path`, which is absolute, and its fragments as a watcher would; starts no thread.

    `instead`: bytes that count in place of what files hold, or of files that are not there. `baseline`: the state
    that decides which files are gone.
    """
    large = [given for given, data in instead.items() if len(data) > DEFAULT_MAX_BYTES]
    if large:
        from hotconf.sources.files.reading import too_large

        return Inspection(tuple(too_large(given, DEFAULT_MAX_BYTES) for given in large), FileSet.of(path))
    result = load(Options(path, schema), baseline=baseline, instead=instead)
    return Inspection(problems_of(result.candidate), result.files, scrubber_of(result.candidate))
