"""What a watcher loads, and what a load brings back: a candidate, and the files that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from hotconf.config.layers import LayerTable
from hotconf.engine.candidate import Candidate
from hotconf.formats.base import Document
from hotconf.schema import Schema
from hotconf.settings import PinnedSettings
from hotconf.sources.files import reading
from hotconf.sources.files.mounts import Mounts
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import Read

T = TypeVar("T")

DEFAULT_MAX_BYTES: Final = 1 << 20


class Layer(Protocol):
    """Where values over the files come from. A class of the program's own will do."""

    @property
    def name(self) -> str:
        """As origins and problems show it; unique among the layers of a watcher."""

    def read(self) -> Mapping[str, Any] | LayerTable:
        """What it says now: text keys, and values that a file could hold. Called by each load, in its thread.

        What it raises is a problem of the load.
        """


@runtime_checkable
class WatchedLayer(Layer, Protocol):
    """A layer that notices when it says something else."""

    def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
        """From now on call `changed`, from any thread, after each change; what is returned ends that.

        A forked child reads the layer, but does not watch it.
        """


class Options(NamedTuple, Generic[T]):
    """What a watcher loads: the main file, the model for it, and the limits."""

    path: Path
    schema: Schema[T]
    pins: PinnedSettings = PinnedSettings()
    max_bytes: int = DEFAULT_MAX_BYTES
    allow_empty: bool = False
    layers: tuple[Layer, ...] = ()
    """Over the files, weakest first."""


class FileSet(NamedTuple):
    """The files of one load: what to watch, and what is known of each."""

    members: tuple[Member, ...]
    patterns: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    reads: Mapping[Path, Read] = MappingProxyType({})
    """In the order of the members."""
    expansion: Expansion | None = None
    """What the patterns meant; None where nobody looked."""
    mounts: Mounts = Mounts()
    """Which mounts they are on."""

    @classmethod
    def of(cls, path: Path) -> FileSet:
        """Only the main file, of which nothing is known yet."""
        return cls((Member(path, "main"),))

    @property
    def documents(self) -> list[Document]:
        """What was parsed."""
        return [read.document for read in self.reads.values() if read.document is not None]

    def text(self, path: Path) -> str:
        """The text of the file at `path` as it was read; empty if it was not."""
        read = self.reads.get(path)
        return "" if read is None else read.text

    def restamped(self, *, settled: bool = True) -> FileSet:
        """The same files with their current stamps, and nothing known of their content.

        If they have changed, the next poll finds out.
        """
        reads = {member.path: reading.stat_only(member.path)._replace(settled=settled) for member in self.members}
        return FileSet(self.members, self.patterns, self.folders, reads, mounts=self.mounts)


class LoadResult(NamedTuple, Generic[T]):
    """A candidate, and the files that it was made of or failed on."""

    candidate: Candidate[T]
    files: FileSet
