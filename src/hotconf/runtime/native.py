"""The Linux observer: which inodes to watch for a set of files, and what their events mean.

Each place on the way to a file (every link, and the file's own name) is watched in its directory for names; that
directory's own name is watched in its parent; and the file's inode is watched for writing, so that hard links and
bind mounts are heard, and a busy neighbour is not. Whatever happens to a name or a directory, the way to the file
is walked and watched anew.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from hotconf.runtime import inotify, paths
from hotconf.runtime.inotify import Event, Inotify
from hotconf.runtime.load import FileSet
from hotconf.runtime.observe import Heard, Owner

Subject: TypeAlias = tuple[Owner, Path]
"""A file, or a folder of fragments, of one owner."""

_NAMES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
_DIRECTORY: Final = _NAMES | inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.CLOSE_WRITE | inotify.ONLYDIR
_FILE: Final = inotify.MODIFY | inotify.ATTRIB | inotify.CLOSE_WRITE
_EXHAUSTED: Final = {errno.ENOSPC, errno.ENOMEM, errno.EMFILE}


class _Watch:
    """One watched inode, and for whom."""

    __slots__ = ("files", "folders", "names")

    def __init__(self) -> None:
        self.names: dict[str, dict[Subject, bool]] = {}
        """Names in this directory that lead to a subject; True if one is on the subject's own path, False if it is
        only the name of a directory on it."""
        self.folders: dict[Subject, str] = {}
        """Folders of fragments, with the ending that counts."""
        self.files: set[Subject] = set()

    def subjects(self) -> set[Subject]:
        named = {subject for users in self.names.values() for subject in users}
        return named | self.files | set(self.folders)

    def forget(self, subject: Subject) -> bool:
        """Drop `subject`; True if nobody is left."""
        self.files.discard(subject)
        self.folders.pop(subject, None)
        for name, users in list(self.names.items()):
            users.pop(subject, None)
            if not users:
                del self.names[name]
        return not (self.names or self.files or self.folders)


class InotifyObserver:
    """See the module. Raises `OSError` if the kernel has no inotify instance left."""

    name = "inotify"
    native = True

    __slots__ = ("_inotify", "_subjects", "_trouble", "_watches", "_writing")

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._watches: dict[int, _Watch] = {}
        self._subjects: dict[Subject, frozenset[int]] = {}
        self._writing: set[Subject] = set()
        self._trouble: dict[Owner, str] = {}

    @property
    def descriptor(self) -> int:
        """The inotify instance."""
        return self._inotify.descriptor

    # What to watch

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """See `Observer.arm`."""
        wanted = {(owner, member.path): None for member in files.members}
        folders = {(owner, Path(folder)): None for folder in files.folders}
        for subject in [each for each in self._subjects if each[0] is owner]:
            if subject not in wanted and subject not in folders:
                self._release(subject)
        new = [subject for subject in wanted if subject not in self._subjects]
        self._trouble.pop(owner, None)
        for subject in new:
            self._arm_file(subject)
        ending = "" if any(paths.is_glob(pattern) for pattern in files.patterns) else ".toml"
        for subject in folders:
            self._arm_folder(subject, ending)
        return tuple(path for _, path in new)

    def disarm(self, owner: Owner) -> None:
        """See `Observer.disarm`."""
        for subject in [each for each in self._subjects if each[0] is owner]:
            self._release(subject)
        self._trouble.pop(owner, None)

    def writing(self, owner: Owner) -> bool:
        """See `Observer.writing`."""
        return any(each is owner for each, _ in self._writing)

    def trouble(self, owner: Owner) -> str | None:
        """See `Observer.trouble`."""
        return self._trouble.get(owner)

    def close(self) -> None:
        """See `Observer.close`."""
        self._inotify.close()

    def _arm_again(self, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            known = self._subjects.get(subject, frozenset())
            endings = [self._watches[wd].folders.get(subject) for wd in known if wd in self._watches]
            ending = next((each for each in endings if each is not None), None)
            if ending is None:
                self._arm_file(subject)
            else:
                self._arm_folder(subject, ending)

    def _arm_file(self, subject: Subject) -> None:
        self._writing.discard(subject)
        used = self._arm_way(subject)
        wd = self._add(subject, os.fspath(subject[1]), _FILE)
        if wd is not None:
            self._watches[wd].files.add(subject)
            used.add(wd)
        self._use(subject, used)

    def _arm_folder(self, subject: Subject, ending: str) -> None:
        used = self._arm_way(subject)
        wd = self._add(subject, os.fspath(subject[1]), _DIRECTORY)
        if wd is not None:
            self._watches[wd].folders[subject] = ending
            used.add(wd)
        self._use(subject, used)

    def _arm_way(self, subject: Subject) -> set[int]:
        """Watch every place on the way to the subject; each before it is followed, so that no change is missed."""
        used: set[int] = set()
        for wd in self._subjects.get(subject, frozenset()):
            if wd in self._watches:
                self._watches[wd].forget(subject)
        for place in paths.places(subject[1]):
            self._watch_name(subject, place.directory, place.name, used, direct=True)
            parent, name = os.path.split(place.directory)
            if name:
                self._watch_name(subject, parent, name, used, direct=False)
        return used

    def _watch_name(self, subject: Subject, directory: str, name: str, used: set[int], *, direct: bool) -> None:
        wd = self._add(subject, directory, _DIRECTORY)
        if wd is not None:
            users = self._watches[wd].names.setdefault(name, {})
            users[subject] = direct or users.get(subject, False)
            used.add(wd)

    def _add(self, subject: Subject, path: str, mask: int) -> int | None:
        try:
            wd = self._inotify.add(path, mask | inotify.MASK_ADD)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._trouble[subject[0]] = "the limit of inotify watches is reached (fs.inotify.max_user_watches)"
            elif error.errno in (errno.EACCES, errno.EPERM) and mask & inotify.ONLYDIR:
                self._trouble[subject[0]] = f"no permission to watch {path}"
            return None
        self._watches.setdefault(wd, _Watch())
        return wd

    def _use(self, subject: Subject, used: set[int]) -> None:
        """From now on the subject needs these watches and no others."""
        before = self._subjects.get(subject, frozenset())
        self._subjects[subject] = frozenset(used)
        for wd in before - used:
            self._drop(wd, subject)

    def _release(self, subject: Subject) -> None:
        self._writing.discard(subject)
        for wd in self._subjects.pop(subject, frozenset()):
            self._drop(wd, subject)

    def _drop(self, wd: int, subject: Subject) -> None:
        watch = self._watches.get(wd)
        if watch is not None and watch.forget(subject):
            del self._watches[wd]
            self._inotify.remove(wd)

    # What the events mean

    def heard(self) -> Heard:
        """See `Observer.heard`."""
        heard = Heard()
        stale: dict[Subject, None] = {}
        for event in self._inotify.read():
            if event.mask & inotify.Q_OVERFLOW:
                self._overflow(heard, stale)
                continue
            watch = self._watches.get(event.wd)
            if watch is None:
                continue
            if event.mask & inotify.GONE:
                self._gone(event, watch, heard, stale)
            elif event.name:
                self._named(event, watch, heard, stale)
            else:
                self._written(event, watch, heard)
        self._arm_again(subject for subject in stale if subject in self._subjects)
        return heard

    def _overflow(self, heard: Heard, stale: dict[Subject, None]) -> None:
        """Events were lost, of whom is not said: look at everything again."""
        for owner, path in self._writing:
            heard.touch(owner, path)
        self._writing.clear()
        for subject in self._subjects:
            stale[subject] = None
            heard.suspects.add(subject[0])

    def _gone(self, event: Event, watch: _Watch, heard: Heard, stale: dict[Subject, None]) -> None:
        for subject in watch.subjects():
            stale[subject] = None
            heard.suspects.add(subject[0])
        if not event.mask & inotify.IGNORED:
            # A directory that was moved away would go on telling of what happens in it, at its new place.
            self._inotify.remove(event.wd)
        del self._watches[event.wd]

    def _named(self, event: Event, watch: _Watch, heard: Heard, stale: dict[Subject, None]) -> None:
        for subject, direct in watch.names.get(event.name, {}).items():
            if direct:
                heard.touch(*subject)
                self._writing.discard(subject)
            elif event.mask & _NAMES:
                heard.suspects.add(subject[0])
            if event.mask & _NAMES:
                stale[subject] = None
        if not event.name.startswith("."):
            for (owner, _), ending in watch.folders.items():
                if event.name.endswith(ending):
                    heard.suspects.add(owner)

    def _written(self, event: Event, watch: _Watch, heard: Heard) -> None:
        for subject in watch.files:
            heard.touch(*subject)
            if event.mask & inotify.MODIFY:
                self._writing.add(subject)
            if event.mask & inotify.CLOSE_WRITE:
                self._writing.discard(subject)
