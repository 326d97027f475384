"""Paths: what a configured path means, which names lead to its file, and which files a pattern stands for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

MAX_LINKS: Final = 40
"""As many links in one path as Linux follows (path_resolution(7)); more are a loop."""

Role = Literal["main", "fragment", "watched"]


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a real directory that decides what a path leads to: a link, the file itself, or what is missing."""

    directory: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the set."""

    path: Path
    role: Role


def absolute(path: str | os.PathLike[str], base: str | os.PathLike[str] = "") -> Path:
    """`path` below `base` (by default the working directory), `~` expanded, links kept, `..` where it must be."""
    raw = os.path.join(os.getcwd(), base, os.path.expanduser(path))
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
        if not todo or os.path.islink(step) or not os.path.lexists(step):
            yield Place(here, name)
        target = _target(step)
        if target is not None:
            links += 1
            if links > MAX_LINKS:
                return
            todo.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
            here = "/" if target.startswith("/") else here
        elif not todo or not os.path.lexists(step):
            return
        else:
            here = step


def links(path: str | os.PathLike[str]) -> tuple[tuple[str, str], ...]:
    """The links on the way to `path`, each with its target."""
    if os.sep != "/":
        return ()
    steps = (os.path.join(place.directory, place.name) for place in places(path))
    return tuple((step, target) for step in steps if (target := _target(step)) is not None)


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Expansion:
    """What `watch_paths` stands for just now."""

    members: tuple[Member, ...]
    folders: tuple[str, ...]
    """Directories in which a new `*.toml` would be one more member."""


def expand(main: Path, patterns: Sequence[str]) -> Expansion:
    """The main file and what `patterns` name, relative to its directory, in merging order.

    A directory means its `*.toml`, a glob its matches, each sorted by name. Hidden files are passed over, as in a
    shell. A file that is named twice counts where it is named last.
    """
    found: dict[Path, Member] = {}
    folders: dict[str, None] = {}
    for pattern in patterns:
        path = absolute(pattern, main.parent)
        for member in _expand_one(path, folders):
            found.pop(member.path, None)
            found[member.path] = member
    found.pop(main, None)
    return Expansion((Member(main, "main"), *found.values()), tuple(folders))


def _expand_one(path: Path, folders: dict[str, None]) -> list[Member]:
    text = os.fspath(path)
    if os.path.isdir(text):
        folders[text] = None
        return [Member(path / name, "fragment") for name in _toml_names(text)]
    if is_glob(text) and not os.path.lexists(text):
        return _matches(text, folders)
    return [_member(path)]


def _member(path: Path) -> Member:
    return Member(path, "fragment" if path.suffix == ".toml" else "watched")


def _toml_names(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return sorted(name for name in names if name.endswith(".toml") and not name.startswith("."))


def is_glob(text: str) -> bool:
    """Whether `text` has a wildcard."""
    return any(char in text for char in "*?[")


def _matches(pattern: str, folders: dict[str, None]) -> list[Member]:
    import glob  # only those who use a glob pay for it

    head = os.path.dirname(pattern)
    for folder in glob.glob(head, recursive=True) if is_glob(head) else [head]:
        folders[folder] = None
    while is_glob(head):
        head = os.path.dirname(head)
    folders[head] = None
    found = sorted(glob.glob(pattern, recursive=True))
    return [_member(Path(name)) for name in found if not os.path.isdir(name)]
