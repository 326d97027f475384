"""The observer for macOS and Windows, on the package `watchdog`, whose threads only record that something happened.

A watch ends silently with its directory, and an overflow loses events; the reconcile finds both. Events do not show
how a file was written: nothing is eager, and a file that shrank is waited for.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer as Watchdog
from watchdog.observers.api import ObservedWatch

from hotconf.sources.base import FileSet
from hotconf.sources.files import paths
from hotconf.sources.files.paths import Place
from hotconf.system import threads
from hotconf.watch.observer import Changes, Observer, Owner

_OWN_DOING = {"opened", "closed_no_write"}
"""Events that reading a file causes."""


class WatchdogObserver(Observer):
    """Watches the directories on the way to each file."""

    name = "watchdog"
    notifies = True

    __slots__ = ("_armed", "_handler", "_lock", "_trouble", "_watchdog", "_watches", "_ways")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._lock = threads.rlock()
        """Files may be armed on one thread while another reads events."""
        self._handler = _Handler(wake)
        self._watchdog = Watchdog()
        self._watchdog.daemon = True
        self._watchdog.start()
        self._watches: dict[str, tuple[ObservedWatch, tuple[int, int]]] = {}
        self._armed: dict[Owner, FileSet] = {}
        self._ways: dict[tuple[Owner, Path], _Way] = {}
        self._trouble: str | None = None

    def arm(self, owner: Owner, files: FileSet) -> bool:
        """Watch the directories of these files, and no others."""
        with self._lock:
            known = {path for each, path in self._ways if each is owner}
            self._armed[owner] = files
            self._rewatch()
            return any(each is owner and path not in known for each, path in self._ways)

    def rearm(self, owner: Owner, paths: Iterable[Path] | None = None) -> None:
        """Watch all directories of the owner again."""
        with self._lock:
            # A watch whose directory was removed and recreated looks like any other.
            ways = [way for (each, _), way in self._ways.items() if each is owner]
            for directory in {directory for way in ways for directory in way.directories} & self._watches.keys():
                self._unwatch(directory)
            self._rewatch()

    def disarm(self, owner: Owner) -> None:
        """Watch nothing for `owner` any more."""
        with self._lock:
            self._armed.pop(owner, None)
            self._rewatch()

    def read(self, may_block: Callable[[Owner], bool]) -> dict[Owner, Changes]:
        """What watchdog's threads recorded since the last call; nothing is ever stale."""
        with self._lock:
            names = self._handler.take()
            changes: dict[Owner, Changes] = {}
            if not names:
                return changes
            # By the ways as watched, so that what has appeared on a way counts.
            for (owner, path), way in self._ways.items():
                found = [place for place in way.places if os.path.join(place.directory, place.name) in names]
                if way.folder is None and any(not place.lacking for place in found):
                    changes.setdefault(owner, Changes()).touched[path] = None
                elif found or (way.folder is not None and any(os.path.dirname(name) == way.folder for name in names)):
                    changes.setdefault(owner, Changes()).compare = True
            for directory in names & self._watches.keys():
                self._unwatch(directory)  # it was removed, moved or created: the watched inode may be gone
            if self._rewatch():
                # What happened before the new watch was missed.
                for owner in self._armed:
                    changes.setdefault(owner, Changes()).compare = True
            return changes

    def trouble(self, owner: Owner) -> str | None:
        """Which directories, of any owner, cannot be watched; None if all can."""
        return self._trouble

    def close(self) -> None:
        """Stop its threads. In a forked child there are none, and the parent's go on."""
        self._watchdog.stop()
        self._watchdog.join()

    def _rewatch(self) -> bool:
        """Watch the directories that are on the way now, and no others. Returns whether some are watched only now."""
        self._trouble = None
        self._ways = {
            (owner, path): _Way(path, is_folder=is_folder)
            for owner, files in self._armed.items()
            for is_folder, found in ((False, files.watched), (True, files.folders))
            for path in map(Path, found)
        }
        wanted = {directory for way in self._ways.values() for directory in way.directories}
        now = {directory: identity for directory in wanted if (identity := _identity(directory)) is not None}
        for directory, (_, identity) in list(self._watches.items()):
            if now.get(directory) != identity:
                self._unwatch(directory)
        new = now.keys() - self._watches.keys()
        for directory in new:
            try:
                watch = self._watchdog.schedule(self._handler, directory)
            except OSError as error:
                # The reconcile finds changes meanwhile; the next event retries.
                self._trouble = f"{directory} cannot be watched: {error.strerror or error}"
            else:
                self._watches[directory] = (watch, now[directory])
        return bool(new)

    def _unwatch(self, directory: str) -> None:
        watch, _ = self._watches.pop(directory)
        self._watchdog.unschedule(watch)


def _identity(directory: str) -> tuple[int, int] | None:
    """What tells a directory from another in its place, unless that got the same number; None if it is none."""
    try:
        found = os.stat(directory)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


class _Way:
    """What decides where a path leads, as of now."""

    __slots__ = ("directories", "folder", "places")

    def __init__(self, path: Path, *, is_folder: bool) -> None:
        self.folder = os.path.realpath(path) if is_folder else None
        """For a folder, where a new name would be one more file; None for a file."""
        self.places = _places(path)
        self.directories = {place.directory for place in self.places} | ({self.folder} if self.folder else set())


class _Handler(FileSystemEventHandler):
    """Records names. An exception in here would end watchdog's thread, so nothing here can raise."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _OWN_DOING or (event.is_directory and event.event_type == "modified"):
            return  # that a directory was modified says no more than the event of the name in it
        with self._lock:
            self._names.update(os.fsdecode(name) for name in (event.src_path, event.dest_path) if name)
        self._wake()

    def take(self) -> set[str]:
        with self._lock:
            names, self._names = self._names, set()
        return names


def _places(path: Path) -> list[Place]:
    if os.sep != "/":
        return [Place(os.path.dirname(path), os.path.basename(path))]
    return list(paths.places(path))
