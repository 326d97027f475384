"""Paths: what a configured path means, which names lead to its file, and which files a pattern matches."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from hotconf.errors import UsageError
from hotconf.formats.registry import SUFFIXES, is_configuration
from hotconf.problems import Kind, Problem
from hotconf.sources.files.copies import copy_of
from hotconf.sources.files.glob import DIRECTORY, LimitError, Search, is_glob, is_own, listing
from hotconf.text import printable, quoted

MAX_LINKS: Final = 40
"""As many links in one path as Linux follows (path_resolution(7)); more are a loop."""

MOST_FILES: Final = 10_000
"""The most files in a directory of a layer, such as one of secrets."""

_PATH_MAX: Final = 4096 + 1

_SHOWN: Final = 100
"""How much of an invalid pattern a problem shows."""

_URL: Final = r"[A-Za-z][A-Za-z0-9+.-]+://"

_OTHERS: Final = ("main", "virtual", "named")
"""The roles of members that no pattern stands for."""

Role = Literal["main", "virtual", "fragment", "watched", "layer", "named"]
"""`virtual`: in the place of the main file, what is no file; its path is never looked at."""


class Place(NamedTuple):
    """A name in a real directory that decides where a path leads: a link, the file itself, or what is missing."""

    directory: str
    name: str
    lacking: bool = False
    """The name of a directory that does not exist: once it does, there may still be no file."""


class Member(NamedTuple):
    """One file of the set."""

    path: Path
    role: Role


def here() -> str:
    """The working directory; empty if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def absolute(path: str | os.PathLike[str], base: str | os.PathLike[str] = "") -> Path:
    """`path` below `base` (by default the working directory): `~` expanded, links kept, `..` kept where it follows a
    link.

    Raises `UsageError` if there is no such home directory.
    """
    raw = os.path.join(base, expanded(os.fspath(path)))
    if not os.path.isabs(raw):  # only then: the working directory may have been removed
        raw = os.path.join(os.getcwd(), raw)
    neat = os.path.abspath(raw)
    # `link/..` is the parent of the link's target: leave it to the kernel where that is somewhere else.
    same = os.pardir not in raw or os.path.realpath(neat) == os.path.realpath(raw)
    return Path(neat if same else raw)


def expanded(path: str) -> str:
    """`path` with `~` expanded. Raises `UsageError` if there is no such home directory, and for what is no path."""
    if "\0" in path:
        raise UsageError(f"{quoted(path)} is not a path: it contains a null character")
    found = os.path.expanduser(path)
    user, slash, _ = path.partition("/")
    if found != path or not path.startswith("~") or not (slash or user == "~"):
        return found
    # Left as it is, it would name a directory called "~".
    if user == "~":
        raise UsageError(f"{quoted(path)}: there is no home directory: give an absolute path, or set HOME")
    name = printable(user)
    raise UsageError(f"{quoted(path)}: there is no user {name[1:]}: write ./{name} for a directory of that name")


def places(path: str | os.PathLike[str]) -> Iterator[Place]:
    """Every place on the way to `path`: each link, then the file or the first name that does not exist.

    Each place is yielded before it is followed, so that a caller that watches it misses no change of it.
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
        target = _target(step)
        if not todo or target != "":
            yield Place(here, name, lacking=bool(todo) and target is None)
            target = _target(step)  # by now the caller watches it
        if target:
            links += 1
            if links > MAX_LINKS:
                return
            todo.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
            here = "/" if target.startswith("/") else here
        elif not todo or target is None:
            return
        else:
            here = step


def links(path: str | os.PathLike[str]) -> tuple[tuple[str, str], ...]:
    """The links on the way to `path`, each with its target."""
    if os.sep != "/" or _is_real(os.fsencode(path)):
        return ()
    steps = (os.path.join(place.directory, place.name) for place in places(path))
    return tuple((step, target) for step in steps if (target := _target(step)))


def _is_real(path: bytes) -> bool:
    """Whether `path` leads to a file without any link. One system call, where a walk takes three a step: each
    releases the GIL, and beside a busy thread it takes 5 ms to get that back. False where the call is not available.
    """
    # The inotify observer imports it. A command that loads once starts sooner without.
    if sys.platform != "linux" or "ctypes" not in sys.modules:
        return False
    realpath, buffer = _realpath()
    found = buffer()
    return bool(realpath(path, found)) and found.value == path


@cache
def _realpath() -> tuple[Callable[..., Any], Callable[[], Any]]:
    """realpath(3), and the type of its buffer, which ctypes would create for each call."""
    import ctypes

    prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
    return prototype(("realpath", ctypes.CDLL(None))), ctypes.c_char * _PATH_MAX


def _target(path: str) -> str | None:
    """Where the link at `path` leads; empty if it is no link, None if there is nothing."""
    try:
        return os.readlink(path)
    except OSError as error:
        return "" if error.errno == errno.EINVAL else None
    except ValueError:  # a null character
        return None


class Expansion(NamedTuple):
    """What `watch_paths` matches now."""

    members: tuple[Member, ...]
    folders: tuple[str, ...] = ()
    """Directories in which a new name could be a new member, and symlinks that could become such directories."""
    problems: tuple[Problem, ...] = ()
    """Why some patterns could not be searched: `members` may lack files."""
    listed: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    """The names in each of the directories, and their kinds, from `glob.listing`."""
    kinds: frozenset[str] = frozenset()
    """What the patterns are: `directory`, `glob` or `file`."""
    directories: tuple[str, ...] = ()
    """The directories that patterns name: once one is gone, its pattern names a file."""
    homes: frozenset[Path] = frozenset()
    """The directories that the members besides the main file are in."""
    warnings: tuple[Problem, ...] = ()
    """Warnings of members that are obviously copies, and of files that are never members."""


def expand(
    main: Path,
    patterns: Sequence[str],
    known: Sequence[Member] = (),
    of_layers: Collection[str] = (),
    taken: Callable[[Sequence[str]], Collection[str]] = set,
    skipped: re.Pattern[str] | None = None,
) -> Expansion:
    """The main file and the files that `patterns` name, relative to its directory, in the order of merging.

    A directory stands for its configuration files, a glob for its matches, each sorted by name. Hidden files are
    skipped, as in a shell, and `**` follows no links. A file that is named twice counts where it is named last. What
    hotconf writes itself is never a member. Members that are `known` are reused, because making paths takes longest.

    `of_layers`: the patterns among them whose files are those of layers: absolute paths of files, and globs; `taken`:
    which of the matches of a glob count.
    `skipped`: files of profiles, which directories and globs do not stand for; they need no suffix.
    """
    found = _Found(main, known, of_layers, taken, skipped)
    search = found.search
    try:
        for pattern in _last_of_each(patterns):
            found.add(pattern)
    except LimitError as error:
        search.problems.append(replace(error.problem, file=main))
    return Expansion(
        members=(Member(main, "main"), *found.members.values()),
        folders=(*search.folders, *(link for link in search.links if link not in search.folders)),
        problems=tuple(search.problems),
        listed=search.folders,
        kinds=frozenset(found.kinds),
        directories=tuple(found.directories),
        homes=frozenset([path.parent for path in found.members]),
        warnings=tuple(found.warnings),
    )


def _last_of_each(patterns: Sequence[str]) -> list[str]:
    """Without those that are listed again later: that is where their files count."""
    return list(reversed(dict.fromkeys(reversed(patterns))))


class _Found:
    """What the patterns have matched so far."""

    def __init__(
        self,
        main: Path,
        known: Sequence[Member],
        of_layers: Collection[str],
        taken: Callable[[Sequence[str]], Collection[str]],
        skipped: re.Pattern[str] | None,
    ) -> None:
        self._main = main
        self._skipped = skipped
        self._of_layers = of_layers
        self._taken = taken
        self._known = {os.fspath(member.path): member for member in known if member.role not in _OTHERS}
        self.search = Search()
        self.members: dict[Path, Member] = {}
        self.warnings: list[Problem] = []
        self.kinds: set[str] = set()
        self.directories: list[str] = []

    def add(self, pattern: str) -> None:
        """Add what one pattern matches. Raises `LimitError`."""
        if "\0" in pattern or len(pattern) > _PATH_MAX:
            shown = pattern if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]}…"
            self._refuse(f"{quoted(shown)} is not a path")
        elif re.match(_URL, pattern):
            from hotconf.secrets.credentials import mask_credentials  # only needed for this mistake

            text = f"{quoted(mask_credentials(pattern))} is a URL, not a file"
            self._refuse(text, hint="only files can be watched: download it into one")
        else:
            self._add(pattern)

    def _refuse(self, text: str, hint: str | None = None) -> None:
        self.search.problems.append(Problem(f"watch_paths: {text}", kind="schema", file=self._main, hint=hint))

    def _add(self, pattern: str) -> None:
        try:
            path = absolute(pattern, self._main.parent)
        except UsageError as error:
            self._refuse(str(error))
            return
        for member in self._of_layer(path, pattern) if pattern in self._of_layers else self._meant(path, pattern):
            self.members.pop(member.path, None)
            if member.path != self._main:
                self.members[member.path] = member

    def _meant(self, path: Path, pattern: str) -> list[Member]:
        if os.path.isdir(path):
            self.kinds.add("directory")
            self.directories.append(os.fspath(path))
            return self._matches(os.fspath(path), *((f"*{suffix}",) for suffix in SUFFIXES))
        if is_glob(pattern) and not os.path.lexists(path):
            self.kinds.add("glob")
            base, parts = split(pattern, self._main.parent)
            found = self._matches(base, parts)
            if not os.path.lexists(path):  # or it came after the directory was listed
                return found
        self.kinds.add("file")
        if is_own(path.name, os.fspath(path.parent)):
            text = f"watch_paths: {quoted(pattern)} is not watched, because hotconf itself writes it"
            self.warnings.append(Problem(text, kind="schema", severity="warning", file=self._main))
            return []
        of_profile = self._skipped is not None and self._skipped.fullmatch(os.fspath(path))
        return [Member(path, "fragment") if of_profile else _member(path)]

    def _of_layer(self, path: Path, pattern: str) -> list[Member]:
        if not is_glob(path.name):
            return [Member(path, "layer")]
        self.kinds.add("glob")
        base, parts = split(pattern, self._main.parent)
        try:
            if not stat.S_ISDIR(os.stat(base).st_mode):
                self._refuse_directory(base, "It is not a directory")
        except (FileNotFoundError, NotADirectoryError):
            text, hint = "The directory does not exist", "its files are read as soon as it appears"
            self.warnings.append(Problem(text, kind="missing", severity="warning", file=Path(base), hint=hint))
        except OSError as error:
            self._refuse_directory(base, f"Cannot list the directory: {os.strerror(error.errno or errno.EIO)}")
        matches = self.search.matches(base, parts)
        taken = self._taken(matches)
        if len(taken) > MOST_FILES:
            hint = "give the secrets a directory of their own, or a prefix"
            self._refuse_directory(base, f"It has more than {MOST_FILES:,} files", "too_large", hint)
            return []
        return [Member(Path(name), "layer") for name in matches if name in taken]

    def _refuse_directory(self, base: str, text: str, kind: Kind = "unreadable", hint: str | None = None) -> None:
        self.search.problems.append(Problem(text, kind=kind, hint=hint, file=Path(base)))

    def _matches(self, base: str, *patterns: tuple[str, ...]) -> list[Member]:
        """The files below `base` that match one of the patterns; copies among them are reported."""
        names = sorted({name for parts in patterns for name in self.search.matches(base, parts)})
        if self._skipped is not None:
            names = [name for name in names if not self._skipped.fullmatch(name)]
        found = [self._known.get(name) or _member(Path(name)) for name in names]
        for member in found:
            beside = self.search.folders.get(os.path.dirname(member.path), {})
            if (what := copy_of(member.path.name, beside)) is not None:
                self.warnings.append(_copy(member, what))
        return found


def split(pattern: str, base: Path) -> tuple[str, tuple[str, ...]]:
    """The directory below which a glob is searched, and the parts of the rest."""
    parts = pattern.replace(os.sep, "/").split("/")
    plain = next(index for index, part in enumerate(parts) if is_glob(part))
    # Only the pattern is a glob: the directory of the main file may have brackets in its name.
    head = absolute("/".join(parts[:plain]) or ("/" if plain else ""), base)
    return os.fspath(head), tuple(part for part in parts[plain:] if part not in ("", "."))


def _copy(member: Member, what: str) -> Problem:
    effect = "is used like any other fragment" if member.role == "fragment" else "is watched like any other file"
    text = f"{quoted(member.path.name)} looks like a copy ({what}), and {effect}"
    hint = "remove it, move it elsewhere, or list the files to use one by one in watch_paths"
    return Problem(text, kind="copy", severity="warning", hint=hint, file=member.path)


def stands(expansion: Expansion, patterns: Sequence[str]) -> bool:
    """Whether `patterns` surely match the same files, because the folders hold the same names."""
    return may_stand(expansion, patterns) and same_names(expansion)


def may_stand(expansion: Expansion, patterns: Sequence[str]) -> bool:
    """Whether `same_names` is enough to know that."""
    return not expansion.problems and not any(os.pardir in pattern for pattern in patterns)


def same_names(expansion: Expansion) -> bool:
    """Whether the folders still hold the same names; members are not compared."""
    same = _has if expansion.kinds <= {"directory"} else _is_listing
    return all(map(os.path.isdir, expansion.directories)) and all(
        same(folder, names) for folder, names in expansion.listed.items()
    )


def _has(folder: str, names: Mapping[str, int]) -> bool:
    """Whether the folder holds `names`. Without wildcards, of the kinds only that of directories matters."""
    try:
        listed = os.listdir(folder)
    except OSError:
        return False
    if listed != list(names) and names.keys() != {name for name in listed if not is_own(name, folder)}:
        return False
    return all(os.path.isdir(os.path.join(folder, name)) for name, kind in names.items() if kind & DIRECTORY)


def _is_listing(folder: str, names: Mapping[str, int]) -> bool:
    try:
        return listing(folder) == names
    except OSError:
        return False  # unknown


def _member(path: Path) -> Member:
    return Member(path, "fragment" if is_configuration(path) else "watched")


def differing(members: Iterable[Member], others: Iterable[Member]) -> list[Path]:
    """The files that only one of the two sets has."""
    return sorted({member.path for member in members} ^ {member.path for member in others})
