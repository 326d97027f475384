"""What a load brings back: something to publish, the reasons why not, or "it changed while I read"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

from hotconf.changes import Change
from hotconf.keypath import KeyPath
from hotconf.problems import Kind, Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Origin, SourceFile

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")


class Costs(NamedTuple):
    """How long the parts of a load took, in nanoseconds."""

    read: int = 0
    parse: int = 0
    validate: int = 0


FREE: Final = Costs()


class Disk(NamedTuple):
    """The file system that a directory is on, or the target of a symlink."""

    device: int
    mount: Path
    """The directory at which it is mounted, symlinks followed."""
    target: Path | None = None
    """Of a symlink: where it leads to."""


class Standing(NamedTuple):
    """The published state, as far as `gone` needs it to decide what is gone."""

    files: tuple[SourceFile, ...] = ()
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """For the directories that hold its fragments, those below which globs match, and the fragments that are symlinks
    into another file system; as far as known.
    """


NOTHING: Final = Standing()
"""If nothing is published, nothing can be gone."""


class Valid(NamedTuple, Generic[T]):
    """A valid config, compared with what is published and ready to be published without further work."""

    config: T
    digest: str
    loaded_at: datetime
    files: tuple[SourceFile, ...]
    origins: Mapping[KeyPath, Origin]
    settings: HotReloadSettings
    """In force once this is published."""
    changes: tuple[Change, ...]
    summary: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()
    unchanged: str | None = None
    """Why there is nothing to publish: the files or the values are the same. None if something differs."""
    costs: Costs = FREE
    shrank: tuple[Path, ...] = ()
    """Files that say the first part of what they said before, or nothing: half of a new content may look so."""
    gone: tuple[Path, ...] = ()
    """Files of the published state that are absent, although `watch_paths` still covers them."""
    secrets: Scrubber | None = None
    """Knows its secrets, if they were determined."""
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """As `Standing.disks`."""

    @property
    def standing(self) -> Standing:
        """Decides what is gone, once this is published."""
        return Standing(self.files, self.disks)


class Invalid(NamedTuple):
    """The files are not a valid configuration."""

    problems: tuple[Problem, ...]
    """Errors and warnings, in file order."""
    shrank: tuple[Path, ...] = ()
    """See `Valid.shrank`."""
    gone: tuple[Path, ...] = ()
    """As `Valid.gone`."""
    secrets: Scrubber | None = None
    """Knows the secrets of the files, and of what is published."""

    @property
    def kind(self) -> Kind:
        """The kind of the first error."""
        return self.errors[0].kind

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Without the warnings."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


class Unstable(NamedTuple):
    """These files changed while they were read: what was read is no state of the files."""

    paths: tuple[Path, ...]


Candidate: TypeAlias = Valid[T] | Invalid | Unstable
