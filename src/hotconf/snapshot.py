"""`Snapshot`: one published state: the config, and which bytes of which files it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, Literal, TypeVar

from hotconf.keypath import KeyPath, key_path
from hotconf.problems import Problem

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as it was read."""

    path: Path
    """As configured, absolute; links are not resolved."""
    role: Literal["main", "fragment", "watched"]
    """`watched`: only its changes count, its content is not configuration and is not read."""
    content: bytes = field(repr=False)
    """The very bytes that were parsed. They may hold secrets."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written."""

    file: Path
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot(Generic[T_co]):
    """One published state, immutable; it stays valid for as long as you hold it."""

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
    """Where each value stands, worked out when first asked for. Values that are defaults are not in it."""
    warnings: tuple[Problem, ...] = ()
    """What is odd about the files, but does not make them invalid."""

    def origin(self, path: str | KeyPath) -> Origin | None:
        """Where the value at `path` (a dotted key or a tuple) was written; None if it is a default."""
        return self.origins.get(key_path("path", path))
