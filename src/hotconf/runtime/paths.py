"""Paths: what a configured path means, which names lead to its file, and which files a pattern stands for."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from hotconf.problems import Problem
from hotconf.text import quoted

MAX_LINKS: Final = 40
"""As many links in one path as Linux follows (path_resolution(7)); more are a loop."""

MAX_FOLDERS: Final = 10_000
"""So many directories are looked through for the matches of `watch_paths`: each is watched, and looked at again."""

_PATH_MAX: Final = 4096 + 1

_URL: Final = r"[A-Za-z][A-Za-z0-9+.-]+://"

Role = Literal["main", "fragment", "watched"]


class Place(NamedTuple):
    """A name in a real directory that decides what a path leads to: a link, the file itself, or what is missing."""

    directory: str
    name: str
    lacking: bool = False
    """It is the name of a directory that is not there: once it is, there may still be no file."""


class Member(NamedTuple):
    """One file of the set."""

    path: Path
    role: Role


def absolute(path: str | os.PathLike[str], base: str | os.PathLike[str] = "") -> Path:
    """`path` below `base` (by default the working directory), `~` expanded, links kept, `..` where it must be."""
    raw = os.path.join(base, os.path.expanduser(path))
    if not os.path.isabs(raw):  # only then: the working directory may have been removed
        raw = os.path.join(os.getcwd(), raw)
    neat = os.path.abspath(raw)
    # `link/..` is the parent of the link's target: leave it to the kernel where that is somewhere else.
    same = os.pardir not in raw or os.path.realpath(neat) == os.path.realpath(raw)
    return Path(neat if same else raw)


def places(path: str | os.PathLike[str]) -> Iterator[Place]:
    """Every place on the way to `path`: each link, and at last the file, or the first name that does not exist.

    A place is yielded before it is followed, so that a caller who watches it then misses no change of it.
    """
    todo = [part for part in reversed(os.fspath(path).split("/")) if part not in ("", ".")]
    here = "/"
    links = 0
    while todo:
        name = todo.pop()
        if name == "..":
            here = os.path.dirname(here)
            continue
        step = os.path.join(here, name)
        exists = os.path.lexists(step)
        decides = not todo or not exists or os.path.islink(step)
        if decides:
            yield Place(here, name, lacking=bool(todo) and not exists)
        target = _target(step)
        stays = target is None and _is_no_link(step)  # one look decides: between two of them it may go
        if not decides and not stays:
            todo.append(name)  # it was a directory a moment ago
        elif target is not None:
            links += 1
            if links > MAX_LINKS:
                return
            todo.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
            here = "/" if target.startswith("/") else here
        elif not todo or not stays:
            return
        else:
            here = step


def links(path: str | os.PathLike[str]) -> tuple[tuple[str, str], ...]:
    """The links on the way to `path`, each with its target."""
    if os.sep != "/" or _is_real(os.fsencode(path)):
        return ()
    steps = (os.path.join(place.directory, place.name) for place in places(path))
    return tuple((step, target) for step in steps if (target := _target(step)) is not None)


def _is_real(path: bytes) -> bool:
    """Whether `path` leads to a file by no link at all. One call to the system, where a walk takes three a step: each
    costs a turn of the interpreter's lock, which beside a busy thread is 5 ms. False where that call is not at hand.
    """
    # inotify brings it. A command that loads once does without, and starts sooner for it.
    if sys.platform != "linux" or "ctypes" not in sys.modules:
        return False
    realpath, buffer = _realpath()
    found = buffer()
    return bool(realpath(path, found)) and found.value == path


@cache
def _realpath() -> tuple[Callable[..., Any], Callable[[], Any]]:
    """realpath(3), and what makes room for its answer: a type, which ctypes would make again and again."""
    import ctypes

    prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
    return prototype(("realpath", ctypes.CDLL(None))), ctypes.c_char * _PATH_MAX


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _is_no_link(path: str) -> bool:
    """Whether something else than a link is there."""
    try:
        return not stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


class Expansion(NamedTuple):
    """What `watch_paths` stands for just now."""

    members: tuple[Member, ...]
    folders: tuple[str, ...] = ()
    """Directories in which a new name could be one more member."""
    problems: tuple[Problem, ...] = ()
    """Why it is not known what some of them stand for: `members` may lack files."""
    listed: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
    """The names in each of the folders, and whether they are directories."""
    bases: tuple[str, ...] = ()
    """The directories that the patterns name, if each names one."""
    encoded: tuple[bytes, ...] = ()
    """The paths of the members, as the system takes them."""
    ranks: Mapping[Path, int] = MappingProxyType({})
    """Where each member stands among them."""


def expand(main: Path, patterns: Sequence[str], known: Sequence[Member] = ()) -> Expansion:
    """The main file and what `patterns` name, relative to its directory, in merging order.

    A directory means its `*.toml`, a glob its matches, each sorted by name. Hidden files are passed over, as in a
    shell, and `**` follows no links. A file that is named twice counts where it is named last. Members that are
    `known` are taken as they are: to make a path is what takes longest here.
    """
    found: dict[Path, Member] = {}
    search = _Search({os.fspath(member.path): member for member in known if member.role != "main"})
    for pattern in patterns:
        if "\0" in pattern:
            search.problems.append(Problem(f"watch_paths: {quoted(pattern)} is no path", kind="schema", file=main))
            continue
        if re.match(_URL, pattern):
            search.problems.append(_no_file(main, pattern))
            continue
        for member in _expand_one(main.parent, pattern, search):
            found.pop(member.path, None)
            found[member.path] = member
    found.pop(main, None)
    bases = tuple(search.bases) if len(search.bases) == len(patterns) else ()
    return Expansion(
        members=(Member(main, "main"), *found.values()),
        folders=tuple(search.folders),
        problems=tuple(search.problems),
        listed=search.folders,
        bases=bases,
        encoded=(os.fsencode(main), *map(os.fsencode, found)),
        ranks={path: rank for rank, path in enumerate((main, *found))},
    )


def _no_file(main: Path, url: str) -> Problem:
    from hotconf.core.redact import mask_urls  # only who makes this mistake needs it

    text = f"watch_paths: {quoted(mask_urls(url))} is a URL, and not a file"
    return Problem(text, kind="schema", file=main, hint="only files can be watched: fetch it into one")


def stands(expansion: Expansion, main: Path, patterns: Sequence[str]) -> bool:
    """Whether `patterns`, of which `expansion` was made, mean the same while the folders hold the `same_names`.

    So it is where they name directories: what is in those decides alone.
    """
    bases = expansion.bases
    if not bases or expansion.problems or not all(map(expansion.listed.get, bases)):
        return False
    return [os.fspath(absolute(pattern, main.parent)) for pattern in patterns] == list(bases)


def same_names(expansion: Expansion) -> bool:
    """Whether the folders still hold what they did; what became of members in them is not looked at."""
    if expansion.bases:  # no name in them means anything but itself, unless it is that of a directory
        return all(_has(folder, names) for folder, names in expansion.listed.items())
    return all(_listing(folder) == names for folder, names in expansion.listed.items())


def _has(folder: str, names: Mapping[str, bool]) -> bool:
    try:
        listed = os.listdir(folder)
    except FileNotFoundError:
        return not names
    except OSError:
        return False
    if listed != list(names) and names.keys() != set(listed):  # nearly always they come in the same order
        return False
    return all(os.path.isdir(os.path.join(folder, name)) for name, is_directory in names.items() if is_directory)


def _listing(folder: str) -> dict[str, bool]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _is_directory(entry) for entry in entries}
    except FileNotFoundError:
        return {}
    except OSError:
        return {"": True}  # not known, and so never the same


def _expand_one(base: Path, pattern: str, search: _Search) -> list[Member]:
    path = absolute(pattern, base)
    if os.path.isdir(path):
        search.bases.append(os.fspath(path))
        found = search.matches(os.fspath(path), ("*.toml",))
    elif is_glob(pattern) and not os.path.lexists(path):
        parts = pattern.replace(os.sep, "/").split("/")
        plain = next(index for index, part in enumerate(parts) if is_glob(part))
        # Only the pattern is one: the directory of the main file may well have brackets in its name.
        head = absolute("/".join(parts[:plain]) or ("/" if plain else ""), base)
        found = search.matches(os.fspath(head), tuple(part for part in parts[plain:] if part not in ("", ".")))
    else:
        return [_member(path)]
    names = (name for name in sorted(set(found)) if not search.is_directory(name))
    return [search.known.get(name) or _member(Path(name)) for name in names]


def _member(path: Path) -> Member:
    return Member(path, "fragment" if path.suffix == ".toml" else "watched")


def is_glob(text: str) -> bool:
    """Whether `text` has a wildcard."""
    return any(char in text for char in "*?[")


class _Search:
    """A search for matches: where it looked, and where it could not look."""

    __slots__ = ("bases", "folders", "known", "problems")

    def __init__(self, known: Mapping[str, Member]) -> None:
        self.known = known
        self.folders: dict[str, dict[str, bool]] = {}
        """With the names in them, and whether they are directories; listed once."""
        self.problems: list[Problem] = []
        self.bases: list[str] = []
        """The directories that patterns name."""

    def matches(self, base: str, parts: tuple[str, ...]) -> Iterator[str]:
        """What `parts` name below `base`; directories are among them."""
        if not parts:
            yield base
            return
        first, rest = parts[0], parts[1:]
        names = self._names(base)
        if first == "**":
            yield from self.matches(base, rest or ("*",))
            for step in _steps(base, names, "*"):
                if self.is_directory(step) and not os.path.islink(step):
                    yield from self.matches(step, parts)
        elif is_glob(first):
            for step in _steps(base, names, first):
                yield from self.matches(step, rest)
        elif os.path.lexists(step := os.path.join(base, first)):
            yield from self.matches(step, rest)

    def is_directory(self, path: str) -> bool:
        """Whether `path` is one, by the listing of its folder where there is one."""
        folder, name = os.path.split(path)
        listed = self.folders.get(folder, {})
        return listed[name] if name in listed else os.path.isdir(path)

    def _names(self, directory: str) -> Iterable[str]:
        if directory in self.folders:
            return self.folders[directory]
        try:
            with os.scandir(directory) as entries:
                names = {entry.name: _is_directory(entry) for entry in entries}
        except NotADirectoryError:
            return []
        except FileNotFoundError:
            names = {}
        except OSError as error:
            # Not the same as empty: what it holds would silently be missing from the configuration.
            text = f"Cannot list the directory: {os.strerror(error.errno or errno.EIO)}"
            self.problems.append(Problem(text, kind="unreadable", file=Path(directory)))
            names = {}
        if len(self.folders) == MAX_FOLDERS:
            text = f"watch_paths: more than {MAX_FOLDERS:,} directories to look through"
            hint = "name the directories that hold configuration"
            self.problems.append(Problem(text, kind="schema", file=Path(directory), hint=hint))
        elif len(self.folders) > MAX_FOLDERS:
            return []
        self.folders[directory] = names
        return names


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles: no directory, and the others can be listed all the same
        return False


def _steps(base: str, names: Iterable[str], pattern: str) -> list[str]:
    import fnmatch  # only those who watch directories pay for it

    found = fnmatch.filter(names, pattern)
    return [os.path.join(base, name) for name in found if pattern.startswith(".") or not name.startswith(".")]


def appeared_or_vanished(main: Path, patterns: Sequence[str], members: Sequence[Member]) -> list[Path]:
    """The files by which `members` differs from what `patterns` mean now; none where that cannot be told."""
    expansion = expand(main, patterns)
    if expansion.problems:
        return []
    return sorted({member.path for member in members} ^ {member.path for member in expansion.members})
