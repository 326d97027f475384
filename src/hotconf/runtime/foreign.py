"""The observer for macOS and Windows: the package `watchdog`, whose threads only note that something happened.

It dies quietly with its directory, and loses what happens in an overflow; the reconcile finds both.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer as Watchdog
from watchdog.observers.api import ObservedWatch

from hotconf.runtime import paths
from hotconf.runtime.load import FileSet
from hotconf.runtime.observe import Heard, Owner

_OWN_DOING = {"opened", "closed_no_write"}
"""Reading a file raises these."""


class WatchdogObserver:
    """See the module."""

    name = "watchdog"
    native = True
    descriptor = None

    __slots__ = ("_armed", "_handler", "_watchdog", "_watches")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._handler = _Handler(wake)
        self._watchdog = Watchdog()
        self._watchdog.daemon = True
        self._watchdog.start()
        self._watches: dict[str, ObservedWatch] = {}
        self._armed: dict[Owner, FileSet] = {}

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """See `Observer.arm`."""
        before = self._armed.get(owner)
        known = {member.path for member in before.members} if before else set()
        self._armed[owner] = files
        self._rewatch()
        return tuple(member.path for member in files.members if member.path not in known)

    def disarm(self, owner: Owner) -> None:
        """See `Observer.disarm`."""
        self._armed.pop(owner, None)
        self._rewatch()

    def heard(self) -> Heard:
        """See `Observer.heard`."""
        heard = Heard()
        names = self._handler.take()
        if not names:
            return heard
        for owner, files in self._armed.items():
            for member in files.members:
                if any(os.path.join(*place) in names for place in _way(member.path)):
                    heard.touch(owner, member.path)
            if any(os.path.dirname(name) in files.folders for name in names):
                heard.suspects.add(owner)
        self._rewatch()
        return heard

    def writing(self, owner: Owner) -> bool:
        """See `Observer.writing`; watchdog does not tell."""
        return False

    def trouble(self, owner: Owner) -> str | None:
        """See `Observer.trouble`."""
        return None

    def close(self) -> None:
        """See `Observer.close`."""
        self._watchdog.stop()
        self._watchdog.join()

    def _rewatch(self) -> None:
        """Watch the directories that are on the way now, and no others."""
        wanted = {
            place[0] for files in self._armed.values() for member in files.members for place in _way(member.path)
        }
        wanted.update(folder for files in self._armed.values() for folder in files.folders)
        for directory in set(self._watches) - wanted:
            self._watchdog.unschedule(self._watches.pop(directory))
        for directory in wanted - set(self._watches):
            if os.path.isdir(directory):
                try:
                    self._watches[directory] = self._watchdog.schedule(self._handler, directory)
                except OSError:
                    # It vanished, or no watch is left: the reconcile stands in, and tries again with the next event.
                    continue


class _Handler(FileSystemEventHandler):
    """Notes names. An exception in here would end watchdog's thread, so there is nothing that could raise one."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _OWN_DOING:
            return
        with self._lock:
            self._names.update(os.fsdecode(name) for name in (event.src_path, event.dest_path) if name)
        self._wake()

    def take(self) -> set[str]:
        with self._lock:
            names, self._names = self._names, set()
        return names


def _way(path: Path) -> list[tuple[str, str]]:
    if os.sep != "/":
        return [(os.path.dirname(path), os.path.basename(path))]
    return [(place.directory, place.name) for place in paths.places(path)]
