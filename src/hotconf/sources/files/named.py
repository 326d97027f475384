"""`NamedFiles`: the files that values of a configuration name, read as one state with the files that name them.

Which they are is known only when the model sees the names. So they are read during validation, and all files are
compared once more after it: if nothing differs, all were in place at that moment, as they were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from hotconf.snapshot import SourceFile
from hotconf.sources.files import paths, reading
from hotconf.sources.files.reading import Read

MOST_BYTES: Final = 16 << 20
"""Larger files are refused, unless the field says otherwise."""


class Terms(NamedTuple):
    """How one file is read."""

    max_bytes: int = MOST_BYTES
    keep: bool = False
    """Its bytes are kept with the states."""


Names = Mapping[Path, Terms]
"""The files that values name, in the order in which they were first named."""


class NamedFiles:
    """Those of one load."""

    __slots__ = ("_base", "_known", "_reads", "instead", "names")

    def __init__(self, base: Path, known: Mapping[Path, Read]) -> None:
        """`base`: what relative names are relative to. Files of `known` that are the same are not read again."""
        self._base = base
        self._known = known
        self._reads: dict[Path, Read] = {}
        self.names: dict[Path, Terms] = {}
        """What the values of this load name."""
        self.instead: Mapping[Path, bytes] = MappingProxyType({})
        """Contents to use instead of what is on the disk."""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While a configuration is validated: what it names is read by `self`."""
        token = _READER.set(self)
        try:
            yield
        finally:
            _READER.reset(token)

    def named(self, name: str, base: str | None, terms: Terms) -> Read:
        """The file that a value names. `base`: what it is relative to, unless that is the main file's directory.

        Raises `UsageError` for what is no path.
        """
        path = paths.absolute(name, self._base if base is None else base)
        before = self.names.get(path, terms)
        terms = Terms(max(before.max_bytes, terms.max_bytes), before.keep or terms.keep)
        self.names[path] = terms
        return self._read(path, terms)

    def contents(self, names: Names) -> tuple[tuple[Path, bytes | None], ...]:
        """What these files hold; None for one that cannot be read."""
        found = [(path, self._read(path, terms)) for path, terms in names.items()]
        return tuple([(path, None if read.problem is not None else read.data) for path, read in found])

    def reads(self, names: Names) -> dict[Path, Read]:
        """These files as they were read; those that nobody asked for in this load, as the one before read them."""
        found = ((path, self._reads.get(path) or self._known.get(path)) for path in names)
        return {path: read or self._read(path, names[path]) for path, read in found}

    def kept(self, names: Names) -> Iterator[SourceFile]:
        """Those whose bytes are kept with the state."""
        for path, terms in names.items():
            if terms.keep and (read := self._reads.get(path)) is not None and read.problem is None:
                yield SourceFile(path, "named", read.data)

    @property
    def any_read(self) -> bool:
        """Whether any was read."""
        return bool(self._reads)

    def changed(self, others: Iterable[Read] = ()) -> tuple[Path, ...]:
        """Those of them and of `others` that differ from how they were read."""
        return tuple(dict.fromkeys(reading.changed([*others, *self._reads.values()])))

    def forget(self) -> None:
        """Read all again."""
        self._known, self._reads, self.names = {}, {}, {}

    def _read(self, path: Path, terms: Terms) -> Read:
        found = self._reads.get(path)
        if found is None or _is_too_large(found, terms):
            self._reads[path] = found = self._read_anew(path, terms)
        return found

    def _read_anew(self, path: Path, terms: Terms) -> Read:
        if path in self.instead:
            return Read(path, reading.stat_only(path).stamp, self.instead[path])
        known = self._known.get(path)
        if known is not None and known.settled and known.problem is None and reading.same(path, known.stamp):
            return known
        return reading.read(path, terms.max_bytes)


def _is_too_large(read: Read, terms: Terms) -> bool:
    """Whether it was, for a smaller limit perhaps."""
    return read.problem is not None and read.problem.kind == "too_large" and read.stamp.identity[3] <= terms.max_bytes


_READER: ContextVar[NamedFiles | None] = ContextVar("_READER", default=None)


def read(name: str, base: str | None, terms: Terms) -> Read:
    """The file that a value names: as the load under way reads it; elsewhere relative to the working directory.

    Raises `UsageError` for what is no path.
    """
    reader = _READER.get()
    if reader is not None:
        return reader.named(name, base, terms)
    found = reading.read(paths.absolute(name, base or ""), terms.max_bytes)
    for _ in range(_ATTEMPTS):
        if found.problem is None or found.problem.kind != "unstable":
            break
        found = reading.read(found.path, terms.max_bytes)
    return found


_ATTEMPTS: Final = 10
"""How often a file is read again that changes meanwhile."""
