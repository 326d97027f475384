"""`Crowd`: regular files of many watchers, looked at one after the other. The watchers themselves are not touched as
long as all is as it was: there may be hundreds, and what has been at rest for seconds is slow to fetch.
"""

from __future__ import annotations

import os
from itertools import islice

from hotconf.sources.files import states
from hotconf.sources.files.reading import Plain
from hotconf.watch.observer import Observer, Owner


class Crowd:
    """See the module; for one thread."""

    __slots__ = ("_files", "_from", "_known", "_laid_out", "_paths", "_whose", "at", "observer", "period")

    def __init__(self, observer: Observer, period: int, at: int) -> None:
        self.observer = observer
        """Theirs."""
        self.period = period
        """How often it is looked at."""
        self.at = at
        """When it is looked at next."""
        self._files: dict[Owner, tuple[Plain, ...]] = {}
        self._laid_out = False
        """Whether what follows is of these files. Until a look is over it goes on with those that it began with."""
        self._whose: list[Owner] = []
        self._paths: list[bytes] = []
        self._known = b""
        """The states that the files are compared with."""
        self._from = 0
        """The file that the look goes on with."""

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose files it looks at."""
        return tuple(self._files)

    def add(self, owner: Owner, files: tuple[Plain, ...]) -> None:
        """Look at these for `owner`, too, which were looked at just now."""
        self._files[owner] = files
        self._laid_out = False

    def drop(self, owner: Owner) -> None:
        """Look at nothing for `owner` any more."""
        del self._files[owner]
        self._laid_out = False

    def look(self, until: int) -> tuple[list[Owner], bool]:
        """Look until then, but at one file at the least. Whose files differ, or cannot be looked at; and whether all
        have been looked at: if not, the next look goes on.
        """
        if not self._from and not self._laid_out:
            self._lay_out()
        begin, size = self._from, states.SIZE
        found = states.look(islice(self._paths, begin, None), until)
        end = begin + len(found) // size
        self._from = end if end < len(self._paths) else 0
        differing = states.differing(found, self._known[begin * size : end * size])
        owners = dict.fromkeys(self._whose[begin + index] for index in differing)
        return [owner for owner in owners if owner in self._files], not self._from

    def _lay_out(self) -> None:
        every = [(owner, path, identity) for owner, files in self._files.items() for path, identity in files]
        self._whose = [owner for owner, _, _ in every]
        self._paths = [os.fsencode(path) for _, path, _ in every]
        self._known = b"".join(states.packed(identity) for _, _, identity in every)
        self._laid_out = True
