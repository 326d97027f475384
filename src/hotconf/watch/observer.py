"""What every observer does: it watches files for their owners, and reports which of them may have changed.

`reconcile` finds what events miss. `choice` says which observer is used.
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
"""Why there is polling, where nothing is wrong."""


class Arrival(Enum):
    """How the content of a file came, as far as events show."""

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
        """Its files changed. `arrivals`: of all of its files, if there was an event. `polled`: there was none."""

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare its files with what was read; `then` gets those whose change is not known yet."""


class Changes:
    """What an observer noticed of one owner's files since it was last read."""

    __slots__ = ("arrivals", "at", "compare", "stale", "touched")

    def __init__(self) -> None:
        self.touched: dict[Path, None] = {}
        """These changed, or may have."""
        self.compare = False
        """Something on the way to the files changed: compare them with what was read."""
        self.stale: dict[Path, None] = {}
        """The way to these changed, and they are not watched anew yet, because that would take long: `rearm` them,
        then compare."""
        self.arrivals: Arrivals = UNKNOWN
        """Of all of the owner's files."""
        self.at = time.monotonic_ns()
        """No earlier than the last change in it: windows begin here."""


class Observer:
    """Used by the driver's thread; another one may arm, rearm and disarm files. This one notices nothing.

    To arm a file is to watch it and every directory and link on the way to it.
    """

    __slots__ = ()

    name = "none"
    """What `stats` calls it."""
    notifies = False
    """Whether the system notifies it of changes. If not, they are found by polling only."""

    @property
    def descriptor(self) -> int | None:
        """Readable when there are events; None if it wakes the driver by itself. Raises `OSError` if the program has
        closed it.
        """
        return None

    def arm(self, owner: Owner, files: FileSet) -> bool:
        """Watch these files for `owner`, and no others. Whether any file or folder is watched only now."""
        return False

    def rearm(self, owner: Owner, paths: Iterable[Path] | None = None) -> None:
        """Find the way to these anew, and watch that; without `paths` to all of the owner's: a change was missed."""

    def disarm(self, owner: Owner) -> None:
        """Watch nothing for `owner` any more."""

    def read(self, may_block: Callable[[Owner], bool]) -> dict[Owner, Changes]:
        """What happened since the last call. Stale files of owners that `may_block` are not rearmed here."""
        return {}

    def trouble(self, owner: Owner) -> str | None:
        """Why not every change of the owner's files is reported; None if all is well. From any thread."""
        return None

    def close(self) -> None:
        """Give everything back."""

    def abandon(self) -> None:
        """In the child of a fork: close the copies of descriptors, and change nothing of what the parent watches."""
