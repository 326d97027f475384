"""The interface of observers: they watch files for their owners, and report which of them may have changed.

`reconcile` finds what events miss; `choice` chooses the observer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from hotconf.sources.base import FileSet
from hotconf.sources.files.cache import Cache

ObserverName: TypeAlias = Literal["auto", "inotify", "watchdog", "poll"]

ASKED_FOR: Final = "asked for"
"""Why there is only polling, where nothing is wrong."""


class Arrival(Enum):
    """How a file was last written, as far as events show."""

    WRITING = "a writer has it open"
    CLOSED = "its writer has closed it"
    RENAMED = "it was renamed into place"


Arrivals: TypeAlias = Mapping[Path, Arrival]
UNKNOWN: Final[Arrivals] = MappingProxyType({})


class Owner(Protocol):
    """One watcher, whose files are watched. Compared by identity."""

    reconcile_ns: int

    @property
    def cache(self) -> Cache:
        """What the last load read."""

    def touch(
        self,
        paths: tuple[Path, ...],
        now: int,
        detect_ns: int = 0,
        *,
        arrivals: Arrivals | None = None,
        polled: bool = False,
    ) -> None:
        """These files changed. `arrivals`: of all its files, if an event said so. `polled`: found by polling."""

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare its files with what was read; call `then` with those whose change is not known yet."""


class Changes:
    """What an observer noticed of one owner's files since it was last read."""

    __slots__ = ("arrivals", "at", "compare", "stale", "touched")

    def __init__(self) -> None:
        self.touched: dict[Path, None] = {}
        """Files that changed, or may have."""
        self.compare = False
        """Something on the way to the files changed: compare them with what was read."""
        self.stale: dict[Path, None] = {}
        """The way to these files changed. Rearming takes long: do it in the background, then compare."""
        self.arrivals: Arrivals = UNKNOWN
        """Of all of the owner's files."""
        self.at = time.monotonic_ns()
        """Not before the last of these changes: windows begin here."""


class Observer:
    """Used by the driver's thread; other threads may arm, rearm and disarm files. This base class notices nothing.

    To arm a file is to watch it, and every directory and link on the way to it.
    """

    __slots__ = ()

    name = "none"
    """Its name in `stats`."""
    notifies = False
    """Whether the system reports changes. If not, they are found only by polling."""

    @property
    def descriptor(self) -> int | None:
        """Readable when there are events; None if the observer wakes the driver by itself. Raises `OSError` if the
        program has closed it.
        """
        return None

    def arm(self, owner: Owner, files: FileSet) -> bool:
        """Watch these files for `owner`, and no others. Returns whether any file or folder is watched only now."""
        return False

    def rearm(self, owner: Owner, paths: Iterable[Path] | None = None) -> None:
        """A change was missed: walk and watch the way to these files again; without `paths`, to all of the owner."""

    def disarm(self, owner: Owner) -> None:
        """Watch nothing for `owner` any more."""

    def read(self, may_block: Callable[[Owner], bool]) -> dict[Owner, Changes]:
        """What happened since the last call. Files of owners that `may_block` are not rearmed here, but stale."""
        return {}

    def trouble(self, owner: Owner) -> str | None:
        """Why some changes of the owner's files are not reported; None if all are. May be called on any thread."""
        return None

    def close(self) -> None:
        """Release all resources."""

    def abandon(self) -> None:
        """In a forked child: close the copies of descriptors, without affecting what the parent watches."""
