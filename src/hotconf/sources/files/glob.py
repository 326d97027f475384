"""Which files the patterns of `watch_paths` match, at a cost linear in the tree, whatever the pattern.

Rule 1: each directory is listed once, and each (directory, rest of a pattern) is visited once, however many `**`
could lead to it.
Rule 2: the number of directories, and of names compared with wildcards, is bounded. Beyond that there is one problem.
Rule 3: a symlink also counts as a folder if it could match, or lead to a match, with another target.
Rule 4: hotconf's own files never match.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from hotconf.problems import Problem

MAX_FOLDERS: Final = 10_000
"""The most directories that are searched for matches of `watch_paths`: each is watched and polled."""
MAX_STEPS: Final = 2_000_000
"""The most names that one search compares with wildcards: about a second's work."""
LONGEST_NAME: Final = 255
"""In bytes: no name is longer."""

DIRECTORY: Final = 1
LINK: Final = 2
"""The kind of a name in a listing is the sum of these: a symlink to a directory is both, a file neither."""

_LOG: Final = "debug.log"
_STATES: Final = re.compile(r"(?:-[0-9a-f]{16}|(?:^|/)(?:status|requests))(?:-[0-9]+)?/*\Z")
"""The endings of directories in which watchers keep states, say what they run, and are asked to reload."""
_NONCE: Final = len("-0123456789abcdef.json")


PROFILE: Final = "[A-Za-z0-9_-]+"
"""The name of a profile."""


def of_profiles(main: Path) -> re.Pattern[str]:
    """The paths of the files of all profiles: `config.NAME.toml` beside `config.toml`."""
    return re.compile(f"{re.escape(str(main.with_suffix('')))}\\.({PROFILE}){re.escape(main.suffix)}")


class LimitError(Exception):
    """The search has reached a limit."""

    def __init__(self, text: str) -> None:
        hint = "name the directories that hold configuration"
        self.problem = Problem(f"watch_paths: {text}", kind="schema", hint=hint)


class Search:
    """One search for all patterns; remembers where it searched, and where it could not."""

    __slots__ = ("_left", "bases", "folders", "links", "problems")

    def __init__(self) -> None:
        self.folders: dict[str, Mapping[str, int]] = {}
        """The directories that were listed, with the names in them and their kinds."""
        self.links: dict[str, None] = {}
        """Symlinks to directories that would match if they led to files."""
        self.problems: list[Problem] = []
        self.bases: list[str] = []
        """The directories that patterns name."""
        self._left = MAX_STEPS

    def matches(self, base: str, parts: tuple[str, ...]) -> list[str]:
        """The files that `parts` name below `base`, sorted. Raises `LimitError`."""
        parts = _collapsed(parts)
        if any(len(part) > LONGEST_NAME for part in parts):
            return []
        found: set[str] = set()
        seen: set[tuple[str, int]] = set()
        todo = [(base, 0)]
        while todo:
            state = todo.pop()
            if state not in seen:
                seen.add(state)
                todo.extend(self._steps(*state, parts, found))
        return sorted(found)

    def _steps(
        self, directory: str, index: int, parts: tuple[str, ...], found: set[str]
    ) -> Iterator[tuple[str, int]]:
        """The states that follow from this one; matches are added to `found`."""
        self._spend(1)
        names = self._names(directory)
        part, after, last = parts[index], index + 1, index + 1 == len(parts)
        if part == "**":
            if not last:
                yield directory, after
            for name, kind in self._matching(names, "*"):
                step = os.path.join(directory, name)
                if kind == DIRECTORY:
                    yield step, index
                elif last:
                    self._found(step, kind, found)
            return
        for name, kind in self._matching(names, part) if is_glob(part) else _plain(directory, part, names):
            step = os.path.join(directory, name)
            if last:
                self._found(step, kind, found)
            elif kind:  # a directory, or a symlink, which may lead to one later
                yield step, after

    def _found(self, path: str, kind: int, found: set[str]) -> None:
        if not kind & DIRECTORY:
            found.add(path)
        elif kind & LINK:
            self.links[path] = None

    def _matching(self, names: Mapping[str, int], pattern: str) -> list[tuple[str, int]]:
        """The names that match one part. As in a shell, hidden ones match only a part that begins with a dot."""
        import fnmatch  # only wildcards pay for it

        # Its backtracking is bounded: between two stars the first match is final. Compiling one takes quadratic time.
        self._spend(len(names) + len(pattern) ** 2 // 8)
        hidden = pattern.startswith(".")
        return [(name, names[name]) for name in fnmatch.filter(names, pattern) if hidden or not name.startswith(".")]

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise LimitError("too many names to compare with its wildcards")

    def _names(self, directory: str) -> Mapping[str, int]:
        if directory in self.folders:
            return self.folders[directory]
        if len(self.folders) >= MAX_FOLDERS:
            raise LimitError(f"more than {MAX_FOLDERS:,} directories to look through")
        try:
            names = listing(directory)
        except OSError as error:
            # Not the same as empty: its files would silently be missing from the configuration.
            text = f"Cannot list the directory: {os.strerror(error.errno or errno.EIO)}"
            self.problems.append(Problem(text, kind="unreadable", file=Path(directory)))
            names = {}
        self.folders[directory] = names
        return names


def is_own(name: str, directory: str = "") -> bool:
    """Whether hotconf itself writes files of this name there (log, schemas, states, statuses, temporary files), or
    this process writes its output to it.
    """
    log = name == _LOG or name.startswith(f"{_LOG}.")
    if log or name.endswith(".schema.json") or name == ".hotconf" or name.startswith(".hotconf-"):
        return True
    state = name == "lock" or name.endswith((".state", ".request")) or name.startswith(".new-")
    status = name.endswith(".json") and name[:-_NONCE].isdigit()
    if (state or status) and _STATES.search(directory) is not None:
        return True
    outputs = _outputs()
    return bool(outputs) and _is_one_of(outputs, os.path.join(directory, name))


@cache
def _outputs() -> tuple[os.stat_result, ...]:
    """The files that stdout and stderr go to: `hotconf watch > watch.log` must not cause its own events."""
    found = []
    for number in (1, 2):
        with suppress(OSError):
            found.append(os.fstat(number))
    return tuple(each for each in found if stat.S_ISREG(each.st_mode) and each.st_nlink)


def _is_one_of(outputs: tuple[os.stat_result, ...], path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return any(os.path.samestat(found, each) for each in outputs)


def is_glob(text: str) -> bool:
    """Whether `text` has a wildcard."""
    return any(char in text for char in "*?[")


def listing(directory: str) -> dict[str, int]:
    """The names in a directory, without what hotconf writes itself, and their kinds; empty if there is no such
    directory. Raises `OSError`.
    """
    try:
        with os.scandir(directory) as entries:
            return {entry.name: _kind(entry) for entry in entries if not is_own(entry.name, directory)}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if error.errno != errno.ELOOP:  # a symlink loop leads to no directory
            raise
        return {}


def _kind(entry: os.DirEntry[str]) -> int:
    try:
        return DIRECTORY * entry.is_dir() + LINK * entry.is_symlink()
    except OSError:  # a symlink loop
        return LINK


def _plain(directory: str, part: str, names: Mapping[str, int]) -> list[tuple[str, int]]:
    if part in names:
        return [(part, names[part])]
    # Not in a listing: `..`, and whatever a case-insensitive file system finds.
    path = os.path.join(directory, part)
    if is_own(part, directory) or not os.path.lexists(path):
        return []
    return [(part, DIRECTORY * os.path.isdir(path) + LINK * os.path.islink(path))]


def _collapsed(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Without redundant parts: `**/**` is `**`."""
    return tuple(part for part, before in zip(parts, ("", *parts), strict=False) if (part, before) != ("**", "**"))
