"""One interface over every way to hear of changes, and the choice among them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from hotconf.engine.protocol import Input
from hotconf.errors import UsageError
from hotconf.sources.base import FileSet
from hotconf.sources.files.cache import Cache
from hotconf.system.descriptors import refusal

ObserverName: TypeAlias = Literal["auto", "inotify", "watchdog", "poll"]


class Owner(Protocol):
    """Whose files they are: one watcher, as the driver and its observers see it. Told apart by identity."""

    reconcile_ns: int

    @property
    def cache(self) -> Cache:
        """What is known of its files."""

    @property
    def deadline(self) -> int | None:
        """When its machine wants a `Due`."""

    @property
    def watching(self) -> bool:
        """Whether its files are watched just now."""

    def observe(self, observer: Observer) -> None:
        """Be watched with `observer` from now on, or try once more with the one in use."""

    def feed(self, given: Input) -> None:
        """Give its machine an input."""

    def heard(self, paths: tuple[Path, ...], now: int, detect_ns: int, *, sure: bool = True) -> None:
        """Its files changed."""

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare its files with what was read; `then` gets those whose change is not known yet."""

    def supervise(self) -> bool:
        """Repair its threads if they failed; whether there is something to do."""

    def recover(self) -> None:
        """On the driver's thread, after it failed: start again whatever may be lost."""

    def close(self) -> None:
        """The process ends."""


class Heard:
    """What an observer heard since it was last asked."""

    __slots__ = ("at", "stale", "suspects", "touched")

    def __init__(self) -> None:
        self.touched: dict[Owner, dict[Path, None]] = {}
        """These files changed, or may have."""
        self.suspects: set[Owner] = set()
        """Something on the way to their files changed: compare the files with what was read."""
        self.stale: dict[Owner, dict[Path, None]] = {}
        """The way to these changed, and they are not re-armed yet, because that would take long: `renew` them, then
        compare.
        """
        self.at = time.monotonic_ns()
        """No earlier than the last change in it: windows begin here."""

    def touch(self, owner: Owner, path: Path) -> None:
        """Add one file."""
        self.touched.setdefault(owner, {})[path] = None

    def renew(self, owner: Owner, path: Path) -> None:
        """Mark one file or folder as stale."""
        self.stale.setdefault(owner, {})[path] = None


Away: TypeAlias = Callable[[Owner], bool]


def nobody(_: Owner) -> bool:
    """Owners whose files another thread handles."""
    return False


class Observer(Protocol):
    """Hears of changes. Used by the driver's thread; another one may arm, renew and disarm files."""

    away: Away
    """Owners whose files another thread handles: their stale files are left to it."""

    @property
    def name(self) -> str:
        """What `stats` calls it."""

    @property
    def native(self) -> bool:
        """The system tells of changes. False: they are found by the reconcile only."""

    @property
    def descriptor(self) -> int | None:
        """Readable when there are events; None if it wakes the driver by itself. Raises `OSError` if the program has
        closed it.
        """

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """Watch these files for `owner`, and no others. Returns the files and folders that are watched only now."""

    def rearm(self, owner: Owner) -> None:
        """Something was not heard: find the way to each of the owner's files anew, and watch that."""

    def renew(self, owner: Owner, paths: Iterable[Path]) -> None:
        """Walk the stale way to these again."""

    def disarm(self, owner: Owner) -> None:
        """Watch nothing for `owner` any more."""

    def heard(self) -> Heard:
        """What happened since the last call."""

    def writing(self, owner: Owner) -> bool:
        """Whether some writer has one of the owner's files open and has not finished."""

    def placed(self, owner: Owner) -> frozenset[Path]:
        """Those of the owner's files that were renamed into place, and not written to since, as far as is known."""

    def finished(self, owner: Owner) -> frozenset[Path]:
        """Those that came by an act that is over, a rename or the close of a writer, as far as is known."""

    def trouble(self, owner: Owner) -> str | None:
        """Why not every change of the owner's files is heard; None if all is well."""

    @property
    def troubled(self) -> bool:
        """Whether there is trouble of any owner's."""

    def close(self) -> None:
        """Give everything back."""

    def abandon(self) -> None:
        """In the child of a fork: close the copies of descriptors, and change nothing of what the parent watches."""


ASKED_FOR: Final = "asked for"
"""Why there is polling, where nothing is wrong."""


class Poll:
    """Hears nothing: the reconcile finds every change, later."""

    __slots__ = ("_why", "away", "stopgap")

    name = "poll"
    native = False
    descriptor = None

    def __init__(self, why: str, *, stopgap: bool = False) -> None:
        self._why = why
        self.away: Away = nobody
        self.stopgap = stopgap
        """Only until something better can be had."""

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """See `Observer.arm`."""
        return ()

    def rearm(self, owner: Owner) -> None:
        """See `Observer.rearm`."""

    def renew(self, owner: Owner, paths: Iterable[Path]) -> None:
        """As `Observer.renew`."""

    def disarm(self, owner: Owner) -> None:
        """See `Observer.disarm`."""

    def heard(self) -> Heard:
        """See `Observer.heard`."""
        return Heard()

    def writing(self, owner: Owner) -> bool:
        """See `Observer.writing`."""
        return False

    def placed(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.placed`."""
        return frozenset()

    def finished(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.finished`."""
        return frozenset()

    def trouble(self, owner: Owner) -> str | None:
        """See `Observer.trouble`."""
        return self._why

    @property
    def troubled(self) -> bool:
        """See `Observer.troubled`."""
        return True

    def close(self) -> None:
        """See `Observer.close`."""

    def abandon(self) -> None:
        """See `Observer.abandon`."""


def preferred(name: ObserverName) -> ObserverName:
    """The one that `name` comes to where everything works: `auto` is the platform's own, so that all share it."""
    if name != "auto":
        return name
    return "inotify" if sys.platform == "linux" else "watchdog"


def choose(name: ObserverName, wake: Callable[[], None]) -> Observer:
    """The observer called `name`; `auto` is the best that works here. `wake` is called when one without a descriptor
    has heard something. Raises `UsageError` if a particular one was asked for and cannot be had.
    """
    if name == "poll":
        return Poll(ASKED_FOR)
    if name == "watchdog" or (name == "auto" and sys.platform != "linux"):
        return _watchdog(name, wake)
    return _inotify(name)


def _inotify(name: str) -> Observer:
    try:
        from hotconf.watch.inotify_observer import InotifyObserver  # which takes a descriptor, too

        return InotifyObserver()
    except (OSError, ImportError) as error:
        if name != "auto":
            raise UsageError(f'observer="inotify" cannot be had: {refusal(error)}; use "auto" or "poll"') from error
        return Poll(f"inotify cannot be had: {refusal(error)}", stopgap=True)


def _watchdog(name: str, wake: Callable[[], None]) -> Observer:
    try:
        from hotconf.watch.watchdog_observer import WatchdogObserver
    except ImportError as error:
        if name != "auto":
            raise UsageError('observer="watchdog" needs the package watchdog: pip install watchdog') from error
        return Poll("the package watchdog is not installed")
    return WatchdogObserver(wake)
