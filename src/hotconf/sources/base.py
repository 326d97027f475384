"""What a watcher loads (`Options`, `Layer`), and what a load returns (`LoadResult`, `FileSet`)."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from hotconf.config.layers import LayerTable, TextTable
from hotconf.engine.candidate import Candidate
from hotconf.formats.base import Document, Format
from hotconf.formats.registry import DEFAULT, format_of, named
from hotconf.schema import Schema
from hotconf.settings import PinnedSettings
from hotconf.sources.files import paths, reading
from hotconf.sources.files.mounts import Mounts
from hotconf.sources.files.named import Names
from hotconf.sources.files.paths import Expansion, Member
from hotconf.sources.files.reading import Read
from hotconf.sources.mapping import NO_OVERRIDES, Overrides

if TYPE_CHECKING:
    import re

    from hotconf.keypath import KeyPath
    from hotconf.sources.source import Source
from hotconf.problems import Problem

T = TypeVar("T")

DEFAULT_MAX_BYTES: Final = 1 << 20
WATCHED_FILE: Final = "hotconf.sources.files.watched_file"
"""The module that a program has imported if its model names files."""


class Layer(Protocol):
    """A source of values that override the files. Programs may write their own."""

    @property
    def name(self) -> str:
        """Shown in origins and problems; unique among the layers of a watcher."""

    def read(self) -> Mapping[str, Any] | LayerTable | TextTable:
        """Its current values: a table with text keys, and values that a file could hold; or texts to decode.

        Each load calls it, in its thread. An exception is a problem of the load.
        """


class OwnLayer:
    """A layer that comes with hotconf: what type checkers find in common in a list of several."""

    __slots__ = ()


GivenLayer: TypeAlias = Mapping[str, Any] | Layer | OwnLayer
"""What a watcher takes as a layer."""


@runtime_checkable
class WatchedLayer(Layer, Protocol):
    """A layer that notices when its values change."""

    def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
        """From now on call `changed` after each change, from any thread. Returns a function that ends this.

        A forked child reads the layer, but does not watch it.
        """


class CheckedLayer(OwnLayer, Layer, ABC):
    """A layer that may say what the model does not have, and would be the program's mistake."""

    @abstractmethod
    def check(self, schema: Schema[Any]) -> None:
        """Raises `UsageError` for that, as far as the model is complete."""


class TextLayer(OwnLayer, ABC):
    """A layer of texts under names."""

    __slots__ = ()

    @abstractmethod
    def way(self, path: KeyPath, *, secret: bool) -> str | None:
        """How people set the value at `path` there: `set $APP_PORT`; None if that cannot be, or is not done."""


class FileLayer(OwnLayer, ABC):
    """A layer of files. They are read, and watched, with the files of the configuration as one state of all."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Shown in origins and problems; unique among the layers of a watcher."""

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """The files: absolute paths, and globs whose last part only has wildcards. Always the same."""

    def taken(self, found: Sequence[str], schema: Schema[Any]) -> Iterable[str]:  # noqa: ARG002 - for those with globs
        """Those of the files `found` by globs that count; the others are not looked at."""
        return ()

    def spelling(self, path: Path) -> str:  # noqa: ARG002 - for those with globs
        """How people write this file, if it is one of its own: `secrets/db_password`; empty for its plain name."""
        return ""

    @abstractmethod
    def parse(self, files: Mapping[Path, bytes]) -> LayerTable | TextTable | tuple[LayerTable, ...]:
        """What they say; of several layers, weakest first. `files`: those of all such layers that could be read."""

    @property
    def required(self) -> bool:
        """It is a warning if its files are not there at the start."""
        return True

    @property
    def reads_itself(self) -> bool:
        """`parse` reads files again: they are compared once more after it."""
        return False


class Choice(NamedTuple):
    """Which profile counts."""

    name: str | None
    """None: none does."""
    where: str
    """What says so: `$APP_PROFILE`."""
    file: Path | None = None
    """Its own file, whether or not there is one."""
    files: tuple[str, ...] = ()
    """The names that have a file, as far as they were asked for."""


class ProfileLayer(FileLayer):
    """Chooses which tables, and which further file, count as part of the configuration."""

    env: str | None
    """The variable that names it, if one does."""
    fixed: str | None
    """Its name, if that does not change."""

    @abstractmethod
    def choosing(self, name: str) -> ProfileLayer:
        """The same with that profile, whatever the variable says."""

    @abstractmethod
    def choice(self, main: Path) -> Choice | Problem:
        """The profile that counts now, for this main file."""

    @abstractmethod
    def files(self, main: Path) -> re.Pattern[str]:
        """The paths of the files of all profiles."""

    @abstractmethod
    def names(self, main: Path) -> tuple[str, ...]:
        """The profiles that have a file."""

    @abstractmethod
    def lay(
        self, documents: Sequence[Document], choice: Choice, schema: Schema[Any]
    ) -> tuple[tuple[Document | LayerTable, ...], tuple[Problem, ...]]:
        """The files and tables to merge, weakest first, and what is wrong: if the profile is nowhere, for one."""

    @abstractmethod
    def tables(self, documents: Iterable[Document]) -> Iterator[LayerTable]:
        """The tables of all profiles, whether they count or not."""


def check_model(schema: Schema[Any]) -> None:
    """Raise `UsageError` for defaults that name files which are not read, if the model is complete."""
    if WATCHED_FILE in sys.modules and schema.adapter.pydantic_complete:
        from hotconf.sources.files.named_defaults import check_defaults

        check_defaults(schema)


class Options(NamedTuple, Generic[T]):
    """What a watcher loads: the main file, the model for it, and the limits."""

    path: Path
    schema: Schema[T]
    pins: PinnedSettings = PinnedSettings()
    max_bytes: int = DEFAULT_MAX_BYTES
    allow_empty: bool = False
    layers: tuple[Layer | FileLayer, ...] = ()
    """They override the files; weakest first."""
    format: Format | None = None
    """That was given for the main file; None if its suffix decides."""
    fileless: bool = False
    """There is no main file: nothing is at `path`, and it is not looked at."""
    home: str = ""
    """The working directory at construction; empty: that of the moment."""
    overrides: Overrides = NO_OVERRIDES
    """Those in force: they lie over all layers."""
    source: Source | None = None
    """Where the main document comes from, if that is no file; `path` is only its name."""

    @property
    def given(self) -> str | Source | None:
        """What the watcher was given in the place of its path."""
        return self.source or (None if self.fileless else str(self.path))

    @property
    def is_virtual(self) -> bool:
        """Whether there is no main file: nothing is at `path`, and it is never looked at."""
        return self.fileless or self.source is not None

    @property
    def main(self) -> Member:
        """The main file, or what stands in its place."""
        return Member(self.path, "virtual" if self.is_virtual else "main")

    @property
    def unread(self) -> FileSet:
        """Only that, not read yet."""
        return FileSet((self.main,))

    def files_in(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """Those of `paths` that are files: what the source says has no id of its own for the machine."""
        return paths if self.source is None else tuple([path for path in paths if path != self.path])

    @property
    def base(self) -> Path:
        """What names of files in the main document are relative to."""
        return self.path.parent if self.source is None else Path(self.home)

    @property
    def form(self) -> Format:
        """What the main file is written in."""
        return self.form_of(self.path)

    def form_of(self, path: Path) -> Format:
        """What the file at `path` is written in: the one place that decides."""
        return self._given(path) or format_of(path)

    def language(self, path: Path) -> str | None:
        """`toml`, `yaml` or `json` if that was given for the file at `path`; None if its name decides."""
        given = self._given(path)
        return None if given is None else given.name.lower()

    def _given(self, path: Path) -> Format | None:
        """Files of profiles have the name of the main file, so they are written in its format."""
        if self.format is None or path == self.path:
            return self.format
        return self.format if self.profile and self.profile.files(self.path).fullmatch(str(path)) else None

    def complete(self) -> None:
        """Build what of the model was postponed. Raises `UsageError` if it cannot work."""
        self.schema.complete()
        check_model(self.schema)

    @property
    def file_layers(self) -> list[FileLayer]:
        """The layers of files."""
        return [layer for layer in self.layers if isinstance(layer, FileLayer)]

    @property
    def rereads(self) -> bool:
        """Some of them read files again."""
        return any(layer.reads_itself for layer in self.file_layers)

    @property
    def layer_paths(self) -> tuple[str, ...]:
        """The files of layers."""
        return tuple([path for layer in self.file_layers for path in layer.paths])

    @property
    def optional_paths(self) -> tuple[str, ...]:
        """Those of them that need not be there."""
        return tuple([path for layer in self.file_layers if not layer.required for path in layer.paths])

    def spelt(self, problem: Problem) -> Problem:
        """With the place as people write it, if it is a file of a layer."""
        file = None if problem.where or problem.line is not None else problem.file
        names = [] if file is None else [layer.spelling(file) for layer in self.file_layers]
        return replace(problem, where=next(filter(None, names), "")) if any(names) else problem

    @property
    def profile(self) -> ProfileLayer | None:
        """The layer that chooses a profile."""
        return next((layer for layer in self.layers if isinstance(layer, ProfileLayer)), None)

    def expand(self, patterns: Sequence[str], known: Sequence[Member] = ()) -> Expansion:
        """What the patterns match, those of layers included."""
        skip = None if self.profile is None else self.profile.files(self.path)
        found = paths.expand(self.path, patterns, known, self.layer_paths, self._taken, skip)
        return found._replace(members=(self.main, *found.members[1:])) if self.is_virtual else found

    def _taken(self, found: Sequence[str]) -> set[str]:
        return {path for layer in self.file_layers for path in layer.taken(found, self.schema)}


class FileSet(NamedTuple):
    """The files of one load: what to watch, and what was read of each."""

    members: tuple[Member, ...]
    patterns: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    reads: Mapping[Path, Read] = MappingProxyType({})
    """In the order of the members."""
    expansion: Expansion | None = None
    """What the patterns matched; None if that was not looked up."""
    mounts: Mounts = Mounts()
    """Which mounts they are on."""
    named: Names = MappingProxyType({})
    """The files that values name: they are the last members, and read and compared as the others are."""

    @classmethod
    def of(cls, path: Path) -> FileSet:
        """Only this main file, not read yet."""
        return cls((Member(path, "main"),))

    @property
    def has_files(self) -> bool:
        """Whether there is a file, or may be one: else nothing can change."""
        return bool(self.patterns or self.folders or self.watched)

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files to watch, those that do not exist yet among them."""
        return tuple([member.path for member in self.members if member.role != "virtual"])

    def with_named(self, names: Names, reads: Mapping[Path, Read]) -> FileSet:
        """The same and the files that values name, as they were read."""
        if not names:
            return self
        others = {path: read for path, read in reads.items() if (it := self.reads.get(path)) is None or not it.source}
        members = (*self.members, *(Member(path, "named") for path in names if path not in self.reads))
        return self._replace(members=members, reads={**self.reads, **others}, named=names)

    def without_named(self) -> FileSet:
        """The same without them."""
        if not self.named:
            return self
        members = tuple(member for member in self.members if member.role != "named")
        reads = {path: read for member in members if (read := self.reads.get(path := member.path)) is not None}
        return self._replace(members=members, reads=reads, named=MappingProxyType({}))

    def limit(self, path: Path, max_bytes: int) -> int:
        """How large the file at `path` may be: `max_bytes` of configuration."""
        terms = self.named.get(path)
        return max_bytes if terms is None else terms.max_bytes

    @property
    def documents(self) -> list[Document]:
        """The files that could be parsed."""
        return [read.document for read in self.reads.values() if read.document is not None]

    def form_of(self, path: Path, options: Options[Any]) -> Format:
        """What the file at `path` is written in; of a document of a source, as it was read."""
        read = self.reads.get(path)
        fetched = None if read is None else read.fetched
        return options.form_of(path) if fetched is None else named(fetched.format) or DEFAULT

    def text(self, path: Path) -> str:
        """The text of the file at `path` as it was read; empty if it was not read."""
        read = self.reads.get(path)
        return "" if read is None else read.text

    def restamped(self, *, settled: bool = True) -> FileSet:
        """The same files with their current stamps, without their contents. The next poll finds later changes."""
        reads = {path: reading.stat_only(path)._replace(settled=settled) for path in self.watched}
        return FileSet(self.members, self.patterns, self.folders, reads, mounts=self.mounts)


class LoadResult(NamedTuple, Generic[T]):
    """A candidate, and the files that it was loaded from."""

    candidate: Candidate[T]
    files: FileSet
