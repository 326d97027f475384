"""What a load brings back: something to publish, the reasons why not, or "it changed while I read"."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from hotconf.changes import Change
from hotconf.keypath import KeyPath
from hotconf.problems import Kind, Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Origin, SourceFile, Timings

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")

SourceId: TypeAlias = Hashable
"""Names one source of the configuration; a file's is its path. The engine only compares them."""


SAME_FILES: Final = "the files are the same"
SAME_DOCUMENT: Final = "the document is the same"
"""Of a source that is no file."""
SAME: Final = (SAME_FILES, SAME_DOCUMENT)
"""Why there is nothing to publish, where nothing had to be validated to find that out."""


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
    timings: Timings = Timings()
    """Of the load."""
    shrank: tuple[SourceId, ...] = ()
    """Sources that say the first part of what they said before, or nothing: half of a new content may look so."""
    gone: tuple[SourceId, ...] = ()
    """Sources of the published state that are absent, although the configuration still names them."""
    secrets: Scrubber | None = None
    """Knows its secrets, if they were determined."""
    baseline: Any = None
    """What later loads need to decide which sources are gone, once this is published. Opaque to the engine."""
    made_of: Any = None
    """All layers. Opaque to the engine."""
    bare: Any = None
    """If there are overrides among them: the last good candidate without any; None if there was none."""
    start: Any = None
    """What the values that need a restart keep, if there are such. Opaque to the engine."""
    pending_restart: tuple[Change, ...] = ()
    """What the sources say, and takes effect only after a restart."""


class Invalid(NamedTuple):
    """The files are not a valid configuration."""

    problems: tuple[Problem, ...]
    """Errors and warnings, in file order; at least one is an error."""
    shrank: tuple[SourceId, ...] = ()
    """Files that hold the first part of what they held before, or nothing."""
    gone: tuple[SourceId, ...] = ()
    """Files of the published state that are absent."""
    secrets: Scrubber | None = None
    """Knows the secrets of the files, and of what is published."""
    made_of: Any = None
    """All layers. Opaque to the engine."""

    @property
    def kind(self) -> Kind:
        """The kind of the first error."""
        return self.errors[0].kind

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Without the warnings."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


class Unstable(NamedTuple):
    """Some sources changed while they were read: what was read is no state of them."""

    sources: tuple[SourceId, ...]
    problems: tuple[Problem, ...]
    """What is reported if it does not end."""


Candidate: TypeAlias = Valid[T] | Invalid | Unstable
