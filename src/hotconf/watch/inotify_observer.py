"""The Linux observer: which inodes to watch for a set of files, and what their events mean.

Each place on the way to a file (every link, and the file's own name) is watched in its directory for names; that
directory's own name is watched in its parent; and the file's inode is watched for writing, so that hard links and
bind mounts are heard, and a busy neighbour is not. Whatever happens to a name or a directory, the way to the file
is walked and watched anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hotconf.sources.base import FileSet
from hotconf.sources.files.glob import is_own
from hotconf.system import threads
from hotconf.watch import inotify
from hotconf.watch.arming import NAMES, Walk, ending
from hotconf.watch.inotify import Event, Inotify
from hotconf.watch.observer import Away, Heard, Owner, nobody
from hotconf.watch.watch_table import Armed, Subject, Watch

FEW: Final = 32
"""So many subjects are re-armed as soon as events say so: that takes two or three milliseconds."""

_MOST_WALKS: Final = 20
"""So often the way to a file is gone, if it changes all the while; then the reconcile has to find what was missed."""


class InotifyObserver:
    """The Linux observer. Raises `OSError` if the kernel has no inotify instance left.

    Files may be armed on one other thread per owner, because that may take long, or hang, while events are read.
    Compare them afterwards with what was read: events before the watch was recorded are lost.
    """

    name = "inotify"
    native = True

    __slots__ = ("_armed", "_doubts", "_inotify", "_lock", "_unsure", "_walking", "_watches", "away")

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._lock = threads.lock()
        """Held for moments only: never during file access."""
        self._watches: dict[int, Watch] = {}
        self._armed: dict[Owner, Armed] = {}
        self._walking = 0
        """How many subjects are being armed."""
        self._doubts = 0
        self._unsure: dict[int, int] = {}
        """Watches that fired, or ended, while a subject was being armed; with the number of the doubt."""
        self.away: Away = nobody

    @property
    def descriptor(self) -> int:
        """The inotify instance."""
        return self._inotify.descriptor

    # What to watch

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """See `Observer.arm`."""
        armed = self._armed.setdefault(owner, Armed())
        new = self._wanted(owner, armed, files)
        for path in dict.fromkeys([*new, *armed.trouble]):
            self._arm((owner, path))
        return tuple(new)

    def _wanted(self, owner: Owner, armed: Armed, files: FileSet) -> list[Path]:
        """Record the current subjects, and release the others; returns the new ones."""
        before, armed.files = armed.files, files
        same = before is not None and before.members is files.members and before.folders == files.folders
        if same and before is not None and before.patterns == files.patterns:
            return []
        suffix = ending(files.patterns)
        wanted: dict[Path, str | None] = dict.fromkeys((member.path for member in files.members), None)
        wanted.update((Path(folder), suffix) for folder in files.folders)
        known = armed.endings
        new = [path for path, kind in wanted.items() if path not in known or known[path] != kind]
        old = [path for path in known if path not in wanted]
        armed.endings = wanted
        for path in old:
            self._release(owner, armed, path)
        return new

    def rearm(self, owner: Owner) -> None:
        """See `Observer.rearm`."""
        armed = self._armed.get(owner)
        if armed is not None:
            armed.placed.clear()
            armed.finished.clear()
            self.renew(owner, list(armed.endings))

    def renew(self, owner: Owner, paths: Iterable[Path]) -> None:
        """As `Observer.renew`."""
        for path in paths:
            self._arm((owner, path))

    def disarm(self, owner: Owner) -> None:
        """See `Observer.disarm`."""
        armed = self._armed.pop(owner, None)
        if armed is not None:
            for path in list(armed.uses):
                self._release(owner, armed, path)

    def writing(self, owner: Owner) -> bool:
        """See `Observer.writing`."""
        return owner in self._armed and bool(self._armed[owner].writing)

    def placed(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.placed`."""
        return frozenset(self._armed[owner].placed) if owner in self._armed else frozenset()

    def finished(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.finished`."""
        return frozenset(self._armed[owner].finished) if owner in self._armed else frozenset()

    def trouble(self, owner: Owner) -> str | None:
        """See `Observer.trouble`."""
        armed = self._armed.get(owner)
        if armed is None or not armed.trouble:
            return None
        # Asked from other threads, too: the list is made in one go.
        return next(iter(list(armed.trouble.values())), None)

    @property
    def troubled(self) -> bool:
        """See `Observer.troubled`."""
        return any(armed.trouble for armed in self._armed.values())

    def close(self) -> None:
        """See `Observer.close`."""
        self._inotify.close()

    def abandon(self) -> None:
        """See `Observer.abandon`: the watches end with the last copy of the instance, which is the parent's."""
        self._inotify.close()

    def _arm(self, subject: Subject) -> None:
        """Watch all that the subject needs now, and nothing else for it.

        A directory removed between its lookup and its watch fires no event, and neither do removed ones above it:
        walk the way again until it exists.
        """
        owner, path = subject
        armed = self._armed.get(owner)
        if armed is None or path not in armed.endings:
            return  # released meanwhile
        walk = Walk(self._inotify, path, armed.endings[path])
        with self._lock:
            self._walking += 1
            since = self._doubts
        try:
            for left in reversed(range(_MOST_WALKS)):
                whole = walk.go()
                with self._lock:
                    since, sure = self._sift(walk, since)
                    if left == 0 or (whole and sure):
                        self._note(subject, walk)
                        break
        finally:
            with self._lock:
                self._walking -= 1
                if not self._walking:
                    self._unsure.clear()

    def _sift(self, walk: Walk, since: int) -> tuple[int, bool]:
        """Skip the watches that fired or ended unnoticed since then. Returns when the next walk begins, and whether
        there were none; under the lock.
        """
        doubtful = [use for use in walk.uses if self._unsure.get(use[0], 0) > since]
        for use in doubtful:
            del walk.uses[use]
        return self._doubts, not doubtful

    def _note(self, subject: Subject, walk: Walk) -> None:
        """From now on the subject has these watches, and no others; under the lock."""
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
        armed.writing.discard(path)
        armed.uses[path] = after
        # In one step: another thread that asks meanwhile must not see that all is well.
        if walk.failing is not None:
            armed.trouble[path] = walk.failing
        else:
            armed.trouble.pop(path, None)

    def _release(self, owner: Owner, armed: Armed, path: Path) -> None:
        armed.unhear(path)
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
        """A walk that is about to record this watch does not know that it fired or ended."""
        if self._walking:
            self._doubts += 1
            self._unsure[wd] = self._doubts

    # What the events mean

    def heard(self) -> Heard:
        """See `Observer.heard`."""
        events = self._inotify.read()
        heard = Heard()
        with self._lock:
            for event in events:
                self._meant(event, heard)
        self._renew_few(heard)
        return heard

    def _renew_few(self, heard: Heard) -> None:
        left = FEW
        for owner, stale in list(heard.stale.items()):
            if owner not in self._armed:
                del heard.stale[owner]
            elif len(stale) <= left and not self.away(owner):
                left -= len(stale)
                self.renew(owner, heard.stale.pop(owner))

    def _meant(self, event: Event, heard: Heard) -> None:
        if event.mask & inotify.Q_OVERFLOW:
            self._overflow(heard)
            return
        watch = self._watches.get(event.wd)
        if watch is None:
            self._doubt(event.wd)
        elif event.mask & inotify.GONE:
            self._gone(event, watch, heard)
        elif event.name:
            self._named(event, watch, heard)
        else:
            self._written(event, watch, heard)

    def _overflow(self, heard: Heard) -> None:
        """Events were lost, of whom is not said: look at everything again."""
        for owner, armed in self._armed.items():
            for path in armed.writing:
                heard.touch(owner, path)
            armed.writing.clear()
            self._all_stale(owner, heard)

    def _all_stale(self, owner: Owner, heard: Heard) -> None:
        """The way to everything watched for `owner` may have changed; finding out which would take long."""
        armed = self._armed.get(owner)
        if armed is not None and len(heard.stale.get(owner, ())) < len(armed.endings):
            armed.placed.clear()
            armed.finished.clear()
            heard.stale[owner] = dict.fromkeys(armed.endings)
            heard.suspects.add(owner)

    def _gone(self, event: Event, watch: Watch, heard: Heard) -> None:
        if sum(watch.owners.values()) > FEW:
            for owner in watch.owners:
                self._all_stale(owner, heard)
        else:
            for owner, path in watch.subjects():
                if (owner, path) not in watch.files and owner in self._armed:
                    self._armed[owner].finished.discard(path)  # anything may come in the directory's place
                heard.renew(owner, path)
                heard.suspects.add(owner)
        if not event.mask & inotify.IGNORED:
            # A directory that was moved away would go on telling of what happens in it, at its new place.
            self._inotify.remove(event.wd)
        del self._watches[event.wd]
        self._doubt(event.wd)

    def _named(self, event: Event, watch: Watch, heard: Heard) -> None:
        for owner, ways in watch.names.get(event.name, {}).items():
            armed = self._armed.get(owner)
            if armed is not None and len(ways) > FEW:  # the name of a directory
                if event.mask & NAMES:
                    self._all_stale(owner, heard)
            elif armed is not None:
                for path, direct in ways.items():
                    self._way(event.mask, owner, armed, path, heard, direct=direct)
        if not is_own(event.name):
            for (owner, _), suffix in watch.folders.items():
                if event.name.endswith(suffix):
                    heard.suspects.add(owner)

    def _way(self, mask: int, owner: Owner, armed: Armed, path: Path, heard: Heard, *, direct: bool) -> None:
        """Something happened to a name on the way to `path`."""
        if direct:
            heard.touch(owner, path)
            armed.writing.discard(path)
            (armed.placed.add if mask & inotify.MOVED_TO else armed.placed.discard)(path)
            over = mask & (inotify.MOVED_TO | inotify.CLOSE_WRITE)
            (armed.finished.add if over else armed.finished.discard)(path)
        elif mask & NAMES:
            armed.finished.discard(path)
            heard.suspects.add(owner)
        if mask & NAMES:
            heard.renew(owner, path)

    def _written(self, event: Event, watch: Watch, heard: Heard) -> None:
        for owner, path in watch.files:
            armed = self._armed.get(owner)
            if armed is None:
                continue
            heard.touch(owner, path)
            if event.mask & inotify.MODIFY:
                armed.writing.add(path)
                armed.placed.discard(path)
                armed.finished.discard(path)
            if event.mask & inotify.CLOSE_WRITE:
                armed.writing.discard(path)
                if path not in heard.stale.get(owner, ()):  # another file may have its name by now
                    armed.finished.add(path)
