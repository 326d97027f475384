"""Files of the published state that are gone: which they are, and whether the rest may replace that state.

A file is *gone* if it was a fragment of the published state, is absent, is still covered by `watch_paths`, and its
bytes are not in the configuration under a new name in the same directory. An entry of `watch_paths` is *lost* if it
lists a file that is gone, if it had files and has none left, or if some of its files are gone and their directory,
its own, or the target of their symlinks, is now on another device. A lost entry is an error; a file that is gone is a
warning if its entries still have others. A file that no entry covers any more was removed on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.snapshot import SourceFile
from hotconf.text import printable, quoted

if TYPE_CHECKING:
    from hotconf.config.merge import Origins

MOST_NAMED: Final = 10
"""How many files of an entry, or keys of a file, a message names; the others are counted."""


class Disk(NamedTuple):
    """The file system that a directory is on, or the target of a symlink."""

    device: int
    mount: Path
    """The directory at which it is mounted, symlinks followed."""
    target: Path | None = None
    """Of a symlink: where it leads to."""


class Standing(NamedTuple):
    """The published state, as far as it decides which files are gone."""

    files: tuple[SourceFile, ...] = ()
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """For the directories that hold its fragments, those below which globs match, and the fragments that are symlinks
    into another file system; as far as known.
    """


NOTHING: Final = Standing()
"""If nothing is published, nothing can be gone."""

Reason: TypeAlias = Literal["listed", "emptied", "unmounted"]


class Entry(NamedTuple):
    """An entry of `watch_paths`: a file, a directory, or a glob."""

    number: int
    """From 0, in written order."""
    text: str
    """As it is written."""
    path: Path
    """Absolute."""
    base: Path | None = None
    """For a glob: the directory below which it matches."""
    parts: tuple[str, ...] = ()
    """For a glob: what it matches there, name by name."""

    def matches(self, path: Path) -> bool:
        """Whether it is a glob that covers the file at `path`."""
        if self.base is None:
            return False
        above, names = self.base.parts, path.parts
        return names[: len(above)] == above and _match(self.parts, names[len(above) :])


class Found(NamedTuple):
    """What is there now."""

    fragments: Mapping[Path, bytes]
    entries: tuple[Entry, ...]
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """For the directories in `Standing.disks`."""


class Lost(NamedTuple):
    """An entry that lost its files."""

    entry: Entry
    why: Reason
    files: tuple[SourceFile, ...]
    """The files that it covers and that are gone."""


class Verdict(NamedTuple):
    """What is gone."""

    files: tuple[SourceFile, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def fewer(self) -> tuple[SourceFile, ...]:
        """Files that are gone without losing their entry."""
        with_entries = {file.path for each in self.lost for file in each.files}
        return tuple(file for file in self.files if file.path not in with_entries)


def judge(standing: Standing, found: Found) -> Verdict:
    """Which files of the standing state are gone, and which entries are lost."""
    gone: list[SourceFile] = []
    covered: dict[int, list[SourceFile]] = {}
    covering = _Covering(found.entries)
    for file in _absent(standing, found):
        numbers = covering.numbers(file.path)
        if numbers:
            gone.append(file)
        for number in numbers:
            covered.setdefault(number, []).append(file)
    left = _Left(found, {file.path for file in gone})
    entries = {entry.number: entry for entry in found.entries if entry.number in covered}
    reasons = {number: _why(entry, covered[number], standing, found, left) for number, entry in entries.items()}
    lost = [Lost(entries[number], why, tuple(covered[number])) for number, why in reasons.items() if why]
    return Verdict(tuple(gone), tuple(lost))


def _absent(standing: Standing, found: Found) -> Iterator[SourceFile]:
    """Fragments of the standing state that are absent, and not under a new name in the same directory."""
    fragments = found.fragments
    before = {file.path for file in standing.files}
    renamed = {(path.parent, data) for path, data in fragments.items() if path not in before}
    unmounted = {directory for directory in standing.disks if _is_unmounted(directory, standing, found)}
    for file in standing.files:
        if file.role != "fragment" or fragments.get(file.path) == file.content:
            continue
        # A file below a mount point is not the one that was there before the unmount.
        other = bool(unmounted) and not unmounted.isdisjoint((file.path, *file.path.parents))
        if (other or file.path not in fragments) and (file.path.parent, file.content) not in renamed:
            yield file


def _is_unmounted(directory: Path, standing: Standing, found: Found) -> bool:
    then, now = standing.disks[directory], found.disks.get(directory)
    if now is None or now.target != then.target:  # a link that was replaced
        return False
    return now.device != then.device and now.mount in then.mount.parents


def _moved(directory: Path, standing: Standing, found: Found) -> bool:
    """Whether the directory, or the target of the symlink, is now on another device."""
    then, now = standing.disks.get(directory), found.disks.get(directory)
    return then is not None and now is not None and then.device != now.device and then.target == now.target


class _Left:
    """The fragments that are present and not counted as gone."""

    __slots__ = ("_directories", "_paths")

    def __init__(self, found: Found, gone: set[Path]) -> None:
        self._paths = [path for path in found.fragments if path not in gone]
        self._directories = {path.parent for path in self._paths}

    def any_of(self, entry: Entry) -> bool:
        """Whether the directory or glob matches one of them."""
        return entry.path in self._directories or any(map(entry.matches, self._paths))


def _why(entry: Entry, gone: Sequence[SourceFile], standing: Standing, found: Found, left: _Left) -> Reason | None:
    """Why the entry is lost, given that these of its files are gone; None if it is not."""
    paths = {file.path for file in gone}
    if entry.path in paths:
        return "listed"
    directories = {entry.base or entry.path, *paths, *(path.parent for path in paths)}
    if any(_moved(directory, standing, found) for directory in directories):
        return "unmounted"
    return None if left.any_of(entry) else "emptied"


class _Covering:
    """Which entries cover a file. Plain ones are looked up in a table, however many there are."""

    __slots__ = ("_globs", "_plain")

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._plain: dict[Path, list[int]] = {}
        self._globs: list[Entry] = []
        for entry in entries:
            self._plain.setdefault(entry.path, []).append(entry.number)
            if entry.base is not None:
                self._globs.append(entry)

    def numbers(self, path: Path) -> list[int]:
        """The numbers of those that name the file or its directory, or match it."""
        plain = [*self._plain.get(path, ()), *self._plain.get(path.parent, ())]
        return sorted({*plain, *(entry.number for entry in self._globs if entry.matches(path))})


def _match(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the parts of a glob match these names, as in a shell; `**` is any number of directories."""
    parts = (*parts, "*") if parts and parts[-1] == "**" else parts
    reached = _skipped({0}, parts)
    for name in names:
        reached = _skipped({after for at in reached for after in _after(parts, at, name)}, parts)
    return len(parts) in reached


def _skipped(reached: set[int], parts: Sequence[str]) -> set[int]:
    """With those parts behind a `**` that stands for no directory at all."""
    found = set(reached)
    for at in reached:
        while at < len(parts) and parts[at] == "**":
            at += 1
            found.add(at)
    return found


def _after(parts: Sequence[str], at: int, name: str) -> Iterator[int]:
    """How many parts are used up once `name` is."""
    from fnmatch import fnmatchcase  # only paid for when a file is gone

    if at == len(parts):
        return
    part = parts[at]
    if name.startswith(".") and not part.startswith("."):
        return
    if part == "**":
        yield at
    elif part == name or fnmatchcase(name, part):
        yield at + 1


# What is reported


def problems(verdict: Verdict, main: Path, origins: Origins | None, settings: KeyPath | None) -> tuple[Problem, ...]:
    """An error for each entry that is lost, at its place in the main file, and a warning for each other file.

    `settings`: where the main file has them; None for entries given by the program. `origins`: those of the main
    file, if it could be parsed.
    """
    lost = (_lost(each, main, origins, settings) for each in verdict.lost)
    return (*lost, *map(_gone, verdict.fewer))


def _lost(lost: Lost, main: Path, origins: Origins | None, settings: KeyPath | None) -> Problem:
    from hotconf.secrets.credentials import mask_credentials

    text = quoted(mask_credentials(lost.entry.text))
    names = _listed([printable(file.path.name) for file in lost.files])
    told = {
        "listed": f"watch_paths: {text} is gone",
        "emptied": f"watch_paths: nothing is left of {text}, which gave {names}",
        "unmounted": f"watch_paths: {text} is on another device than before, without {names}",
    }
    hint = "restore it; if it is gone on purpose, remove this entry"
    problem = Problem(told[lost.why], kind="missing", file=main, hint=hint)
    if settings is None or origins is None:
        return problem
    return origins.placed(replace(problem, path=(*settings, "watch_paths", lost.entry.number)))


def _gone(file: SourceFile) -> Problem:
    keys = _listed(_keys(file))
    text = f"The file is gone, and with it {keys}" if keys else "The file is gone; it set nothing"
    return Problem(text, kind="missing", severity="warning", file=file.path)


def _keys(file: SourceFile) -> list[str]:
    """The keys that the file set, as people write them."""
    from hotconf.formats.base import Document
    from hotconf.formats.registry import parse
    from hotconf.secrets.credentials import mask_credentials

    document = parse(file.content, file.path, allow_empty=True)
    if not isinstance(document, Document):
        return []
    return [mask_credentials(dotted(path)) for path in _leaves(document.table)]


def _leaves(table: Mapping[str, Any], above: KeyPath = ()) -> Iterator[KeyPath]:
    # Recursion is safe: the parser bounds the depth of documents.
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names if more <= 0 else [*names[:MOST_NAMED], f"{more} more"])
