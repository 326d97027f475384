"""The Linux observer: which inodes to watch for a set of files, and what their events mean.

Each place on the way to a file (every link, and the file's own name) is watched in its directory for names; that
directory's own name is watched in its parent; and the file's inode is watched for writing, so that hard links and
bind mounts are heard, and a busy neighbour is not. Whatever happens to a name or a directory, the way to the file
is walked and watched anew.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final, TypeAlias

from hotconf.runtime import inotify, paths
from hotconf.runtime.descriptors import CLOSED
from hotconf.runtime.inotify import Event, Inotify
from hotconf.runtime.observe import Heard, Owner
from hotconf.runtime.search import is_glob, is_own
from hotconf.runtime.source import FileSet

Subject: TypeAlias = tuple[Owner, Path]
"""A file, or a folder of fragments, of one owner."""

_NAMES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
# Who closes a file that has been replaced says nothing of the one that has its name now.
_OF_CHILDREN: Final = inotify.CLOSE_WRITE | inotify.EXCL_UNLINK
_DIRECTORY: Final = _NAMES | inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.ONLYDIR | _OF_CHILDREN
_FILE: Final = inotify.MODIFY | inotify.ATTRIB | inotify.CLOSE_WRITE
_MOST_WALKS: Final = 20
"""So often the way to a file is gone, if it changes all the while; then the reconcile has to find what was missed."""
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""There is nothing to watch at that path, which is no trouble: it is watched for in the directory above."""


def _means_toml(pattern: str) -> bool:
    """Whether names of another ending, in the folders that `pattern` stands for, can never mean a thing."""
    head, name = os.path.split(pattern)
    return not is_glob(pattern) or (not is_glob(head) and name.endswith(".toml"))


def _may_be_file(path: str) -> bool:
    """Whether what is written under this name is a change: not to a device, all the world may write to it, which is
    looked at when a name on the way changes. One look decides: between two of them the file may appear.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True  # what comes may be a file


def _refusal(error: OSError, path: str) -> str:
    """Why something is not watched."""
    if error.errno == errno.ENOSPC:
        return "inotify_add_watch: the limit of inotify watches is reached (fs.inotify.max_user_watches)"
    return f"{error.strerror or error}: {path}"


class _Watch:
    """One watched inode, and for whom."""

    __slots__ = ("files", "folders", "names")

    def __init__(self) -> None:
        self.names: dict[str, dict[Subject, bool]] = {}
        """Names in this directory that lead to a subject; True if a change of the name is one of the subject, False
        if it is only the name of a directory on its way, or the subject a folder."""
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

    __slots__ = (
        "_endings",
        "_failing",
        "_finished",
        "_inotify",
        "_placed",
        "_subjects",
        "_trouble",
        "_watches",
        "_writing",
    )

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._watches: dict[int, _Watch] = {}
        self._subjects: dict[Subject, frozenset[int]] = {}
        """Which watches each needs."""
        self._endings: dict[Subject, str | None] = {}
        """Of folders the ending of the names that count; None for files."""
        self._writing: set[Subject] = set()
        self._placed: set[Subject] = set()
        """Renamed into place, and not written to since."""
        self._finished: set[Subject] = set()
        """Those, and what was closed by a writer since it was written to."""
        self._trouble: dict[Subject, str] = {}
        self._failing: dict[Subject, str] = {}
        """Trouble of the subject that is being armed."""

    @property
    def descriptor(self) -> int:
        """The inotify instance."""
        return self._inotify.descriptor

    # What to watch

    def arm(self, owner: Owner, files: FileSet) -> tuple[Path, ...]:
        """See `Observer.arm`."""
        ending = ".toml" if all(map(_means_toml, files.patterns)) else ""
        wanted: dict[Subject, str | None] = {(owner, member.path): None for member in files.members}
        wanted.update({(owner, Path(folder)): ending for folder in files.folders})
        for subject in self._of(owner):
            if subject not in wanted:
                self._release(subject)
        known = self._endings
        new = [subject for subject, kind in wanted.items() if subject not in known or known[subject] != kind]
        for subject in dict.fromkeys([*new, *(each for each in self._trouble if each[0] is owner)]):
            known[subject] = wanted[subject]
            self._arm(subject)
        return tuple(path for _, path in new)

    def rearm(self, owner: Owner) -> None:
        """See `Observer.rearm`."""
        for subject in self._of(owner):
            self._placed.discard(subject)
            self._finished.discard(subject)
            self._arm(subject)

    def disarm(self, owner: Owner) -> None:
        """See `Observer.disarm`."""
        for subject in self._of(owner):
            self._release(subject)

    def writing(self, owner: Owner) -> bool:
        """See `Observer.writing`."""
        return any(each is owner for each, _ in self._writing)

    def placed(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.placed`."""
        return frozenset(path for each, path in self._placed if each is owner)

    def finished(self, owner: Owner) -> frozenset[Path]:
        """See `Observer.finished`."""
        return frozenset(path for each, path in self._finished if each is owner)

    def trouble(self, owner: Owner) -> str | None:
        """See `Observer.trouble`."""
        if not self._inotify.ours:
            return CLOSED
        if not self._trouble:
            return None
        # Asked from other threads, too: the list is made in one go.
        return next((text for subject, text in list(self._trouble.items()) if subject[0] is owner), None)

    @property
    def troubled(self) -> bool:
        """See `Observer.troubled`."""
        return bool(self._trouble)

    def close(self) -> None:
        """See `Observer.close`."""
        self._inotify.close()

    def abandon(self) -> None:
        """See `Observer.abandon`: the watches end with the last copy of the instance, which is the parent's."""
        self._inotify.close()

    def _of(self, owner: Owner) -> list[Subject]:
        return [subject for subject in self._subjects if subject[0] is owner]

    def _arm(self, subject: Subject) -> None:
        """Watch all that the subject needs now, and nothing else for it any more."""
        self._writing.discard(subject)
        self._failing.pop(subject, None)
        before = self._subjects.get(subject, frozenset())
        for wd in before:
            if wd in self._watches:
                self._watches[wd].forget(subject)
        used = self._arm_way(subject)
        used.update(self._arm_itself(subject))
        self._subjects[subject] = frozenset(used)
        # In one step: who asks meanwhile, from another thread, is not told that all is well.
        if subject in self._failing:
            self._trouble[subject] = self._failing.pop(subject)
        else:
            self._trouble.pop(subject, None)
        for wd in before - used:
            self._drop(wd, subject)

    def _arm_way(self, subject: Subject) -> set[int]:
        """Watch every place on the way to the subject; each before it is followed, so that no change is missed.

        A directory that was removed between the look at it and its watch can tell of nothing, and nor can those above
        it that went with it: the way is gone again, until it is one that is there.
        """
        used: set[int] = set()
        for _ in range(_MOST_WALKS):
            if self._walk(subject, used):
                break
        return used

    def _walk(self, subject: Subject, used: set[int]) -> bool:
        """Watch the way as it is now; whether all of it was still there to be watched."""
        path = os.fspath(subject[1])
        whole = True
        is_file = self._endings[subject] is None and _may_be_file(path)
        for place in paths.places(subject[1]):
            parent, name = os.path.split(place.directory)
            if name:  # first: if a file is in the directory's place, this tells when it goes
                whole &= self._watch_name(subject, parent, name, used, direct=False)
            direct = is_file and not place.lacking
            whole &= self._watch_name(subject, place.directory, place.name, used, direct=direct)
        return whole

    def _arm_itself(self, subject: Subject) -> set[int]:
        path, ending = os.fspath(subject[1]), self._endings[subject]
        if ending is None and not os.path.isfile(path):
            return set()  # a directory or device in the file's place may be written to all the time
        wd = self._add(subject, path, _FILE if ending is None else _DIRECTORY)
        if wd is None:
            return set()
        if ending is None:
            self._watches[wd].files.add(subject)
        else:
            self._watches[wd].folders[subject] = ending
        return {wd}

    def _watch_name(self, subject: Subject, directory: str, name: str, used: set[int], *, direct: bool) -> bool:
        """Watch a name in a directory; False if there is no such directory any more."""
        # That something was written in a directory further up says nothing, and there may be much of it.
        wd = self._add(subject, directory, _DIRECTORY if direct else _DIRECTORY & ~inotify.CLOSE_WRITE)
        if wd is not None:
            users = self._watches[wd].names.setdefault(name, {})
            users[subject] = direct or users.get(subject, False)
            used.add(wd)
        # What is a file now is watched as a name in the directory above already.
        return wd is not None or subject in self._failing or os.path.isfile(directory)

    def _add(self, subject: Subject, path: str, mask: int) -> int | None:
        try:
            wd = self._inotify.add(path, mask | inotify.MASK_ADD)
        except OSError as error:
            told = error.errno not in _ABSENT and (error.errno != errno.EACCES or mask & inotify.ONLYDIR)
            if told:  # a file that may not be read is watched as a name
                self._failing[subject] = _refusal(error, path)
            return None
        self._watches.setdefault(wd, _Watch())
        return wd

    def _release(self, subject: Subject) -> None:
        self._writing.discard(subject)
        self._placed.discard(subject)
        self._finished.discard(subject)
        self._trouble.pop(subject, None)
        self._endings.pop(subject, None)
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
        events = self._inotify.read()
        heard = Heard()
        stale: dict[Subject, None] = {}
        for event in events:
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
                self._written(event, watch, heard, stale)
        for subject in stale:
            if subject in self._subjects:
                self._arm(subject)
        return heard

    def _overflow(self, heard: Heard, stale: dict[Subject, None]) -> None:
        """Events were lost, of whom is not said: look at everything again."""
        for owner, path in self._writing:
            heard.touch(owner, path)
        self._writing.clear()
        self._placed.clear()
        self._finished.clear()
        for subject in self._subjects:
            stale[subject] = None
            heard.suspects.add(subject[0])

    def _gone(self, event: Event, watch: _Watch, heard: Heard, stale: dict[Subject, None]) -> None:
        for subject in watch.subjects():
            if subject not in watch.files:
                self._finished.discard(subject)  # a directory is gone, and who knows what comes in its place
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
                (self._placed.add if event.mask & inotify.MOVED_TO else self._placed.discard)(subject)
                over = event.mask & (inotify.MOVED_TO | inotify.CLOSE_WRITE)
                (self._finished.add if over else self._finished.discard)(subject)
            elif event.mask & _NAMES:
                self._finished.discard(subject)
                heard.suspects.add(subject[0])
            if event.mask & _NAMES:
                stale[subject] = None
        if not event.name.startswith(".") and not is_own(event.name):
            for (owner, _), ending in watch.folders.items():
                if event.name.endswith(ending):
                    heard.suspects.add(owner)

    def _written(self, event: Event, watch: _Watch, heard: Heard, stale: dict[Subject, None]) -> None:
        for subject in watch.files:
            heard.touch(*subject)
            if event.mask & inotify.MODIFY:
                self._writing.add(subject)
                self._placed.discard(subject)
                self._finished.discard(subject)
            if event.mask & inotify.CLOSE_WRITE:
                self._writing.discard(subject)
                if subject not in stale:  # another file may be under its name by now, of which this says nothing
                    self._finished.add(subject)
