"""`Snapshot`: one published state: the config, which bytes of which files it was made of, and the time that took."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from hotconf.changes import MISSING, Change
from hotconf.keypath import KeyPath, key_path
from hotconf.problems import Problem

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as it was read."""

    path: Path
    """As configured, absolute; links are not resolved."""
    role: Literal["main", "fragment", "watched", "named"]
    """`watched`: only its changes count, its content is not configuration and is not read. `named`: a value names it,
    a `WatchedFile` that is kept with the state."""
    content: bytes = field(repr=False)
    """The very bytes that were parsed. They may hold secrets."""
    format: str | None = None
    """`toml`, `yaml` or `json`, where the name of the file does not decide."""
    version: str = ""
    """What its source calls it, if it is no file, but the document of a `Source`."""

    @property
    def configures(self) -> bool:
        """Whether its content is configuration."""
        return self.role in ("main", "fragment")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: its layer, and the place there."""

    layer: str
    """`file`, `default`, `computed`, or the name of another layer."""
    where: str
    """As people write it: `config.toml:3:8`, `default`, `computed`, or the name of the layer."""
    file: Path | None = None
    """As configured, absolute; None if no file says it."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1, in characters."""

    @property
    def line_only(self) -> str:
        """`where` without the column: `config.toml:3`."""
        return self.where if self.column is None else self.where.removesuffix(f":{self.column}")


DEFAULT: Final = Origin("default", "default")
"""Of a value that no layer sets."""
COMPUTED: Final = Origin("computed", "computed")
"""Of such a value that is no default: a validator or a factory made it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one layer says about a value."""

    origin: Origin
    value: object = field(repr=False)
    """As it is written there, before validation; `MISSING` if the layer removes it. It may be secret."""


class LayeredOrigins(Mapping[KeyPath, Origin]):
    """Origins that know about the layers that lost, too."""

    __slots__ = ()

    @abstractmethod
    def explain(self, path: KeyPath) -> tuple[Answer, ...]:
        """Every layer's answer, the winner first."""

    @abstractmethod
    def secret_paths(self) -> Iterator[KeyPath]:
        """The key paths of values that are secrets because of the layer that sets them."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot(Generic[T_co]):
    """One published state, immutable; it stays valid for as long as you hold it. It can be pickled and copied, if its
    config can; a pickle holds the secrets in clear.
    """

    config: T_co = field(repr=False)
    """Not in `repr`: a model of your own may show what is secret."""
    generation: int
    """Counts the commits: 1 is the state at start. Rises by one with each, never otherwise."""
    digest: str
    """Of the bytes of all files, in order, as hexadecimal SHA-256."""
    loaded_at: datetime
    """UTC; when the files were read."""
    files: tuple[SourceFile, ...]
    """The main file first, then the fragments in the order in which they were merged."""
    origins: Mapping[KeyPath, Origin] = field(repr=False)
    """Where each value was written, worked out when first asked for. Defaults are not in it."""
    warnings: tuple[Problem, ...] = ()
    """What is odd about the files, but does not make them invalid."""
    pending_restart: tuple[Change, ...] = ()
    """What the files say, but takes effect only after a restart: `old` is in force, `new` is what they say."""

    def origin(self, path: str | KeyPath) -> Origin | None:
        """Where the value at `path` (a dotted key or a tuple) was written; None if there is no such value.

        The origin of a default has the layer `default` and no file.
        """
        answers = self.explain(path)
        return answers[0].origin if answers and answers[0].value is not MISSING else None

    def secret_paths(self) -> frozenset[KeyPath]:
        """The key paths of values that are secrets because of the layer that sets them, as secrets directories do."""
        return frozenset(self.origins.secret_paths()) if isinstance(self.origins, LayeredOrigins) else frozenset()

    def explain(self, path: str | KeyPath) -> tuple[Answer, ...]:
        """What each layer says about the value at `path`: the winner first, then the others, strongest first."""
        key = key_path("path", path)
        if isinstance(self.origins, LayeredOrigins):
            return self.origins.explain(key)
        origin = self.origins.get(key)
        return () if origin is None else (Answer(origin, None),)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a reload went, in milliseconds."""

    detect: float = 0.0
    """From the wake-up by the kernel to the change being known."""
    settle: float = 0.0
    """From the first change of the round to its end: the window and every pause of the writer."""
    read: float = 0.0
    parse: float = 0.0
    validate: float = 0.0
    """Merging, the model, the checks, freezing and comparing included."""
    prepare: float = 0.0
    """Making what is made of the config: the factories of resources."""
    swap: float = 0.0
    """Publishing the snapshot."""
    overhead: float = 0.0
    """From the end of the window (last change + debounce) until readers see the new config."""
