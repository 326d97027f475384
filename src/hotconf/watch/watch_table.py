"""Which inodes are watched for which files: the tables of the Linux observer. Nothing here touches a file.

Adding and dropping one use costs the same, however many there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from hotconf.sources.base import FileSet
from hotconf.watch.arming import Use
from hotconf.watch.observer import Owner

Subject: TypeAlias = tuple[Owner, Path]
"""A file, or a folder of fragments, of one owner."""


class Watch:
    """One watched inode, and for whom."""

    __slots__ = ("files", "folders", "names", "owners")

    def __init__(self) -> None:
        self.names: dict[str, dict[Owner, dict[Path, bool]]] = {}
        """Names in this directory that lead to a subject; True if a change of the name is one of the subject, False
        if it is only the name of a directory on its way, or the subject a folder."""
        self.folders: dict[Subject, str] = {}
        """Folders of fragments, with the ending that counts."""
        self.files: dict[Subject, None] = {}
        self.owners: dict[Owner, int] = {}
        """How often each uses it."""

    def subjects(self) -> set[Subject]:
        """All that use it."""
        named = {(owner, path) for users in self.names.values() for owner, ways in users.items() for path in ways}
        return named | self.files.keys() | self.folders.keys()

    def add(self, subject: Subject, name: str | None, way: bool | str | None) -> None:
        """`subject` uses it: through a name in it, direct or not; as a folder, with its ending; or as the file
        itself.
        """
        owner, path = subject
        before = self._size(subject, name)
        if name is not None:
            self.names.setdefault(name, {}).setdefault(owner, {})[path] = bool(way)
        elif way is None:
            self.files[subject] = None
        else:
            self.folders[subject] = str(way)
        self.owners[owner] = self.owners.get(owner, 0) + self._size(subject, name) - before

    def drop(self, subject: Subject, name: str | None) -> None:
        """The reverse of `add`; the cost does not depend on how many others use it."""
        owner, path = subject
        left = self.owners.get(owner, 0) - self._size(subject, name)
        if name is None:
            self.files.pop(subject, None)
            self.folders.pop(subject, None)
        elif path in (users := self.names.get(name, {})).get(owner, {}):
            del users[owner][path]
            if not users[owner]:
                del users[owner]
            if not users:
                del self.names[name]
        if left > 0:
            self.owners[owner] = left
        else:
            self.owners.pop(owner, None)

    def _size(self, subject: Subject, name: str | None) -> int:
        owner, path = subject
        if name is None:
            return (subject in self.files) + (subject in self.folders)
        return path in self.names.get(name, {}).get(owner, {})

    @property
    def used(self) -> bool:
        """Whether it is used at all."""
        return bool(self.owners)


class Armed:
    """What is watched for one owner."""

    __slots__ = ("endings", "files", "finished", "placed", "trouble", "uses", "writing")

    def __init__(self) -> None:
        self.files: FileSet | None = None
        """Those that it was armed with."""
        self.endings: dict[Path, str | None] = {}
        """Of folders the ending of the names that count; None for files."""
        self.uses: dict[Path, frozenset[Use]] = {}
        """The watches that each subject needs."""
        self.writing: set[Path] = set()
        self.placed: set[Path] = set()
        """Renamed into place, and not written to since."""
        self.finished: set[Path] = set()
        """These, and those closed by their writer since the last write."""
        self.trouble: dict[Path, str] = {}

    def unhear(self, path: Path) -> None:
        """It is no longer known how `path` came."""
        self.writing.discard(path)
        self.placed.discard(path)
        self.finished.discard(path)
