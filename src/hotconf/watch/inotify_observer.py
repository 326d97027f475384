"""The Linux observer: which inodes to watch for a set of files, and what their events mean.

Each place on the way to a file (every link, and the file's own name) is watched in its directory for names; that
directory's own name is watched in its parent; and the file's inode is watched for writes, so that writes through
hard links and bind mounts are noticed, and writes to its neighbours are not. When anything happens to a
name or a directory, the way to the file is walked and watched again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import Final

from hotconf.sources.base import FileSet
from hotconf.sources.files.glob import is_own
from hotconf.system import threads
from hotconf.watch import inotify
from hotconf.watch.inotify import Event, Inotify
from hotconf.watch.inotify_watches import NAMES, Armed, Subject, Walk, Watch, endings
from hotconf.watch.observer import Arrival, Changes, Observer, Owner

FEW: Final = 32
"""How many subjects are rearmed at once, which takes two or three milliseconds."""

_MOST_WALKS: Final = 20
"""How often to walk a way that keeps changing; then the reconcile has to find what was missed."""


class InotifyObserver(Observer):
    """The Linux observer. Raises `OSError` if the kernel has no inotify instance left.

    One other thread per owner may arm files while events are read, because that may take long, or hang. Compare the
    files afterwards with what was read: events before a watch was recorded are lost.
    """

    name = "inotify"
    notifies = True

    __slots__ = ("_armed", "_changes", "_inotify", "_lock", "_unsure", "_watches")

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._lock = threads.lock()
        """Held for moments, never during file access."""
        self._watches: dict[int, Watch] = {}
        self._armed: dict[Owner, Armed] = {}
        self._unsure: list[set[int]] = []
        """For each subject that is being armed, the watches that fired or ended meanwhile."""
        self._changes: dict[Owner, Changes] = {}
        """From the events that are being read."""

    @property
    def descriptor(self) -> int:
        """The inotify instance."""
        return self._inotify.descriptor

    def trouble(self, owner: Owner) -> str | None:
        """Which watches the kernel refused; None if it refused none."""
        armed = self._armed.get(owner)
        if armed is None or not armed.trouble:
            return None
        # Called on other threads, too: one call makes the list.
        return next(iter(list(armed.trouble.values())), None)

    def close(self) -> None:
        """Close the instance."""
        self._inotify.close()

    def abandon(self) -> None:
        """Close the copy of the descriptor. The watches end when the parent closes the last one."""
        self._inotify.close()

    # What to watch

    def arm(self, owner: Owner, files: FileSet) -> bool:
        """Watch these files and the directories on the way to them, and nothing else."""
        armed = self._armed.setdefault(owner, Armed())
        new = self._wanted(owner, armed, files)
        self.rearm(owner, dict.fromkeys([*new, *armed.trouble]))
        return bool(new)

    def rearm(self, owner: Owner, paths: Iterable[Path] | None = None) -> None:
        """Walk the way to these files again, and watch it."""
        armed = self._armed.get(owner)
        if paths is None and armed is not None:
            armed.arrivals.clear()
        for path in list(armed.endings) if paths is None and armed is not None else paths or ():
            self._arm(owner, path)

    def disarm(self, owner: Owner) -> None:
        """Watch nothing for `owner` any more."""
        armed = self._armed.pop(owner, None)
        if armed is not None:
            for path in list(armed.uses):
                self._release(owner, armed, path)

    def _wanted(self, owner: Owner, armed: Armed, files: FileSet) -> list[Path]:
        """Record the current subjects and release the others. Returns the new ones."""
        before, armed.files = armed.files, files
        same = before is not None and before.members is files.members and before.folders == files.folders
        if same and before is not None and before.patterns == files.patterns:
            return []
        suffixes = endings(files.patterns)
        wanted: dict[Path, tuple[str, ...] | None] = dict.fromkeys(files.watched)
        wanted.update((Path(folder), suffixes) for folder in files.folders)
        known, armed.endings = armed.endings, wanted
        for path in known.keys() - wanted.keys():
            self._release(owner, armed, path)
        return [path for path, kind in wanted.items() if path not in known or known[path] != kind]

    def _arm(self, owner: Owner, path: Path) -> None:
        """Watch what the subject needs now, and nothing else for it.

        A directory that is removed between its lookup and its watch fires no event, and neither do those above it:
        walk the way again until it exists.
        """
        armed = self._armed.get(owner)
        if armed is None or path not in armed.endings:
            return  # released meanwhile
        walk, unsure = Walk(self._inotify, path, armed.endings[path]), set[int]()
        with self._lock:
            self._unsure.append(unsure)
        try:
            for left in reversed(range(_MOST_WALKS)):
                whole = walk.go()
                with self._lock:
                    # Skip watches that fired or ended before they were recorded.
                    doubtful = [use for use in walk.uses if use[0] in unsure]
                    for use in doubtful:
                        del walk.uses[use]
                    unsure.clear()
                    if left == 0 or (whole and not doubtful):
                        self._record((owner, path), walk)
                        break
        finally:
            with self._lock:
                self._unsure = [each for each in self._unsure if each is not unsure]

    def _record(self, subject: Subject, walk: Walk) -> None:
        """From now on the subject has these watches, and no others. The caller holds the lock."""
        owner, path = subject
        armed = self._armed.get(owner)
        wanted = armed is not None and path in armed.endings  # it may have been released meanwhile
        before = armed.uses.get(path, frozenset()) if armed is not None else frozenset()
        after = frozenset(walk.uses) if wanted else frozenset()
        for wd, name in after:
            self._watches.setdefault(wd, Watch()).add(subject, name, walk.uses[wd, name])
        for wd, name in before - after:
            self._drop(wd, name, subject)
        for wd, _ in walk.uses.keys() - after:
            self._remove_unused(wd)
        if armed is None or not wanted:
            return
        if armed.arrivals.get(path) is Arrival.WRITING:
            del armed.arrivals[path]  # its end may have been missed
        armed.uses[path] = after
        # In one step: another thread must not see no trouble meanwhile.
        if walk.failing is not None:
            armed.trouble[path] = walk.failing
        else:
            armed.trouble.pop(path, None)

    def _release(self, owner: Owner, armed: Armed, path: Path) -> None:
        armed.arrivals.pop(path, None)
        armed.trouble.pop(path, None)
        with self._lock:
            for wd, name in armed.uses.pop(path, frozenset()):
                self._drop(wd, name, (owner, path))

    def _drop(self, wd: int, name: str | None, subject: Subject) -> None:
        watch = self._watches.get(wd)
        if watch is not None:
            watch.drop(subject, name)
            self._remove_unused(wd)

    def _remove_unused(self, wd: int) -> None:
        watch = self._watches.get(wd)
        if watch is None or not watch.used:
            self._watches.pop(wd, None)
            self._inotify.remove(wd)
            self._doubt(wd)

    def _doubt(self, wd: int) -> None:
        """This watch fired or ended: a walk that is about to record it has to know."""
        for unsure in self._unsure:
            unsure.add(wd)

    # What the events mean

    def read(self, may_block: Callable[[Owner], bool]) -> dict[Owner, Changes]:
        """Read the kernel's events. Returns what changed since the last call."""
        events = self._inotify.read()
        if not events:
            return {}
        with self._lock:
            for event in events:
                self._interpret(event)
        changes, self._changes = self._changes, {}
        left = FEW
        for owner, its in changes.items():
            if its.stale and len(its.stale) <= left and not may_block(owner):
                left -= len(its.stale)
                self.rearm(owner, its.stale)
                its.stale = {}
            its.arrivals = dict(self._arrivals(owner))
        return changes

    def _of(self, owner: Owner) -> Changes:
        if owner not in self._changes:
            self._changes[owner] = Changes()
        return self._changes[owner]

    def _arrivals(self, owner: Owner) -> dict[Path, Arrival]:
        armed = self._armed.get(owner)
        return {} if armed is None else armed.arrivals  # None: another thread is just disarming it

    def _interpret(self, event: Event) -> None:
        watch = self._watches.get(event.wd)
        if event.mask & inotify.Q_OVERFLOW:
            self._overflow()
        elif watch is None:
            self._doubt(event.wd)
        elif event.mask & inotify.GONE:
            self._gone(event, watch)
        elif event.name:
            self._named(event, watch)
        else:
            self._written(event, watch)

    def _overflow(self) -> None:
        """Events were lost, for unknown files: compare everything."""
        for owner, armed in self._armed.items():
            writing = [path for path, arrival in list(armed.arrivals.items()) if arrival is Arrival.WRITING]
            self._of(owner).touched.update(dict.fromkeys(writing))
            self._all_stale(owner)

    def _all_stale(self, owner: Owner) -> None:
        """The way to any file of `owner` may have changed; to find out which would take long."""
        armed, changes = self._armed.get(owner), self._of(owner)
        if armed is not None and len(changes.stale) < len(armed.endings):
            armed.arrivals.clear()
            changes.stale = dict.fromkeys(armed.endings)
            changes.compare = True

    def _gone(self, event: Event, watch: Watch) -> None:
        self._way_changed(*watch.names.values(), watch.folders)
        self._way_changed(watch.files, moved=False)
        if not event.mask & inotify.IGNORED:
            # A directory that was moved away would go on reporting its events from its new place.
            self._inotify.remove(event.wd)
        del self._watches[event.wd]
        self._doubt(event.wd)

    def _way_changed(self, *uses: Collection[Subject], moved: bool = True) -> None:
        """The way to these changed. `moved`: the path may lead to another file."""
        if sum(map(len, uses)) > FEW:
            for owner in {owner for subjects in uses for owner, _ in subjects}:
                self._all_stale(owner)
            return
        for owner, path in chain(*uses):
            changes = self._of(owner)
            changes.stale[path] = None
            changes.compare = True
            if moved:
                self._arrivals(owner).pop(path, None)

    def _named(self, event: Event, watch: Watch) -> None:
        others: list[Subject] = []
        for subject, direct in watch.names.get(event.name, {}).items():
            if direct:
                self._own_name(event.mask, *subject)
            else:
                others.append(subject)
        if others and event.mask & NAMES:
            self._way_changed(others)
        if watch.folders and not is_own(event.name):
            for (owner, _), suffixes in watch.folders.items():
                if event.name.endswith(suffixes):
                    self._of(owner).compare = True

    def _own_name(self, mask: int, owner: Owner, path: Path) -> None:
        """Something happened to the file's own name, or to a link on the way to it."""
        changes, arrivals = self._of(owner), self._arrivals(owner)
        changes.touched[path] = None
        if mask & inotify.MOVED_TO:
            arrivals[path] = Arrival.RENAMED
        elif mask & inotify.CLOSE_WRITE:
            arrivals[path] = Arrival.CLOSED
        else:
            arrivals.pop(path, None)
        if mask & NAMES:
            changes.stale[path] = None

    def _written(self, event: Event, watch: Watch) -> None:
        for owner, path in watch.files:
            changes, arrivals = self._of(owner), self._arrivals(owner)
            changes.touched[path] = None
            if event.mask & inotify.MODIFY:
                arrivals[path] = Arrival.WRITING
            if event.mask & inotify.CLOSE_WRITE:
                if arrivals.get(path) is Arrival.WRITING:
                    del arrivals[path]
                if path not in changes.stale:  # else another file may have its name by now
                    arrivals.setdefault(path, Arrival.CLOSED)
