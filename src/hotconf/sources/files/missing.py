"""Files of the published state that are missing: which they are, and whether the rest may replace that state.

A fragment of the published state is *missing* if it is absent, `watch_paths` still covers it, and its bytes are not
in the configuration under a new name in the same directory. An entry of `watch_paths` is *lost* if it lists a file
that is missing, if it had files and has none left, or if some of its files are missing and their directory, its own,
or the target of their symlinks, is now on another device. A lost entry is an error. A missing file is a warning if
its entries still have others. A file that no entry covers any more was removed on purpose.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from hotconf.errors import UsageError
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.snapshot import SourceFile
from hotconf.sources.files import paths
from hotconf.sources.files.glob import is_glob
from hotconf.sources.files.named import Names
from hotconf.sources.files.reading import Stamp
from hotconf.text import printable, quoted

if TYPE_CHECKING:
    from hotconf.config.merge import Origins
    from hotconf.sources.base import FileSet

MOST_NAMED: Final = 10
"""How many files of an entry, or keys of a file, a message names; the others are counted."""

Reason: TypeAlias = Literal["listed", "emptied", "unmounted"]


class Disk(NamedTuple):
    """The file system that a directory, or the target of a symlink, is on."""

    device: int
    mount: Path
    """The directory at which it is mounted, symlinks followed."""
    target: Path | None = None
    """Of a symlink: its target."""


class Baseline(NamedTuple):
    """What of the published state decides which files are missing, and whether it must be validated anew."""

    files: tuple[SourceFile, ...] = ()
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """The disks, as far as known, of the directories that hold its fragments, of those below which globs match, and
    of fragments that are symlinks into another file system.
    """
    watched: Mapping[Path, Stamp] = MappingProxyType({})
    """The watched files that are no fragments, as they were when it was validated. A `Stamp()` was too young."""
    named: Names = MappingProxyType({})
    """The files that its values name."""


NO_BASELINE: Final = Baseline()
"""Of nothing published: nothing can be missing."""


class Entry(NamedTuple):
    """An entry of `watch_paths`: a file, a directory, or a glob."""

    number: int
    """From 0, in written order."""
    text: str
    """As written in the configuration."""
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
    """What the disk holds now."""

    fragments: Mapping[Path, bytes]
    entries: tuple[Entry, ...]
    disks: Mapping[Path, Disk] = MappingProxyType({})
    """For the directories in `Baseline.disks`."""


class Lost(NamedTuple):
    """An entry that lost its files."""

    entry: Entry
    why: Reason
    files: tuple[SourceFile, ...]
    """The missing files that it covers."""


class Missing(NamedTuple):
    """What is missing."""

    files: tuple[SourceFile, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def fewer(self) -> tuple[SourceFile, ...]:
        """Missing files whose entry still has others."""
        with_entries = {file.path for each in self.lost for file in each.files}
        return tuple(file for file in self.files if file.path not in with_entries)


# The rule


def judge(baseline: Baseline, found: Found) -> Missing:
    """Which files of the baseline are missing, and which entries are lost."""
    globs = [entry for entry in found.entries if entry.base is not None]
    plain: dict[Path, list[Entry]] = {}  # looked up in a table, however many there are
    for entry in found.entries:
        plain.setdefault(entry.path, []).append(entry)
    missing: list[SourceFile] = []
    of_entry: dict[Entry, list[SourceFile]] = {}
    for file in _absent(baseline, found):
        listed = (*plain.get(file.path, ()), *plain.get(file.path.parent, ()))
        covering = {*listed, *(entry for entry in globs if entry.matches(file.path))}
        missing += [file] if covering else []
        for entry in covering:
            of_entry.setdefault(entry, []).append(file)
    left = found.fragments.keys() - {file.path for file in missing}
    directories = {path.parent for path in left}
    lost = []
    for entry in sorted(of_entry):
        emptied = entry.path not in directories and not (entry.base and any(map(entry.matches, left)))
        why = _why(entry, of_entry[entry], baseline, found) or ("emptied" if emptied else None)
        lost += [Lost(entry, why, tuple(of_entry[entry]))] if why else []
    return Missing(tuple(missing), tuple(lost))


def _absent(baseline: Baseline, found: Found) -> Iterator[SourceFile]:
    """Fragments of the baseline that are absent, and not under a new name in the same directory."""
    fragments = found.fragments
    before = {file.path for file in baseline.files}
    renamed = {(path.parent, data) for path, data in fragments.items() if path not in before}
    unmounted = {directory for directory in baseline.disks if _is_unmounted(directory, baseline, found)}
    for file in baseline.files:
        if file.role == "main" or fragments.get(file.path) == file.content:
            continue
        # A file below a mount point is not the one that was there before the unmount.
        other = bool(unmounted) and not unmounted.isdisjoint((file.path, *file.path.parents))
        if (other or file.path not in fragments) and (file.path.parent, file.content) not in renamed:
            yield file


def _is_unmounted(directory: Path, baseline: Baseline, found: Found) -> bool:
    then, now = baseline.disks[directory], found.disks.get(directory)
    return now is not None and _moved(directory, baseline, found) and now.mount in then.mount.parents


def _moved(directory: Path, baseline: Baseline, found: Found) -> bool:
    """Whether the directory, or the target of the symlink, is now on another device."""
    then, now = baseline.disks.get(directory), found.disks.get(directory)
    return then is not None and now is not None and then.device != now.device and then.target == now.target


def _why(entry: Entry, missing: Sequence[SourceFile], baseline: Baseline, found: Found) -> Reason | None:
    files = {file.path for file in missing}
    if entry.path in files:
        return "listed"
    directories = {entry.base or entry.path, *files, *(path.parent for path in files)}
    return "unmounted" if any(_moved(each, baseline, found) for each in directories) else None


def _match(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the parts of a glob match these names, as in a shell; `**` is any number of directories."""
    from fnmatch import fnmatchcase  # only paid for when a file is missing

    def fits(name: str, part: str) -> bool:
        return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))

    # Whether the parts behind this one match the names from each place on.
    rest = [*(False for _ in names), True]
    for part in reversed((*parts, "*") if parts[-1:] == ("**",) else parts):
        if part == "**":
            for at in reversed(range(len(names))):
                rest[at] = rest[at] or (fits(names[at], "*") and rest[at + 1])
        else:
            rest = [*(fits(name, part) and rest[at + 1] for at, name in enumerate(names)), False]
    return rest[0]


# What is there


def find(baseline: Baseline, files: FileSet, disks: Mapping[Path, Disk]) -> Missing | None:
    """What of the baseline is missing in `files`; None if nothing. `disks`: those of `files`, from `disks_of`."""
    expansion, reads = files.expansion, files.reads
    if not baseline.files or expansion is None or expansion.problems:
        return None  # nothing can be missing, or it is unknown what is there, and already an error
    absent = {path for path, read in reads.items() if read.problem is not None and read.problem.kind == "missing"}
    # Nearly always they are the same objects, of which no hash is made: there may be thousands.
    if disks == baseline.disks and not absent and [file.path for file in baseline.files] == [*reads]:
        return None
    there = reads.keys() - absent
    if disks == baseline.disks and all(file.path in there for file in baseline.files):
        return None
    roles = ("fragment", "layer")
    fragments = (member.path for member in files.members if member.role in roles and member.path in there)
    links = {path for path, disk in baseline.disks.items() if disk.target is not None}
    known = {**disks_at(baseline.disks.keys() - links), **_targets(links), **disks}
    now = {path: reads[path].data for path in fragments}
    found = judge(baseline, Found(now, tuple(entries(files.members[0].path, files.patterns)), known))
    return found if found.files else None


def entries(main: Path, patterns: Sequence[str]) -> Iterator[Entry]:
    """The entries of `watch_paths`, without those that are no path; of duplicates only the last."""
    last = {pattern: number for number, pattern in enumerate(patterns)}
    for pattern, number in last.items():
        try:
            path = paths.absolute(pattern, main.parent)
            base, parts = paths.split(pattern, main.parent) if is_glob(pattern) else (None, ())
        except (UsageError, ValueError):
            continue
        yield Entry(number, pattern, path, None if base is None else Path(base), parts)


def disks_of(files: FileSet) -> dict[Path, Disk]:
    """The disks of the directories of all members but the main file, of those below which globs match, and of files
    that were read through a symlink into another file system.
    """
    if not files.patterns or files.expansion is None:
        return {}
    main = files.members[0]
    globs = [pattern for pattern in files.patterns if is_glob(pattern)]
    bases = [entry.base for entry in entries(main.path, globs) if entry.base is not None]
    found = disks_at({*files.expansion.homes, *bases})
    links = [read for read in files.reads.values() if read.stamp.links and read.stamp.identity]
    here = [(read, found.get(read.path.parent)) for read in links]
    away = [read.path for read, disk in here if disk is not None and disk.device != read.stamp.identity[0]]
    return {**found, **_targets(away)}


def _targets(links: Iterable[Path]) -> dict[Path, Disk]:
    """The disk that each of these symlinks leads to; of a broken one, that of the nearest directory."""
    found = {}
    for link in links:
        target = Path(os.path.realpath(link))
        directory = next((each for each in target.parents if os.path.isdir(each)), target)
        for disk in disks_at([directory]).values():
            found[link] = disk._replace(target=target)
    return found


def disks_at(directories: Iterable[Path]) -> dict[Path, Disk]:
    """The disk of each of these directories, without absent ones."""
    found = {}
    for directory in directories:
        try:
            found[directory] = Disk(os.stat(directory).st_dev, _mount_point(directory))
        except OSError:
            continue
    return found


def _mount_point(directory: Path) -> Path:
    """The mount point of the file system that `directory` is on. Raises `OSError`."""
    here = os.path.realpath(directory)
    device = os.stat(here).st_dev
    while (above := os.path.dirname(here)) != here and os.stat(above).st_dev == device:
        here = above
    return Path(here)


# What is reported


def with_emptied(found: Iterable[Problem], baseline: Baseline) -> list[Problem]:
    """The problems `found`, in which it is an error that a file is empty which held something in the baseline."""
    held = {file.path for file in baseline.files if file.content.strip()}
    return [replace(each, severity="error") if each.kind == "empty" and each.file in held else each for each in found]


def problems(
    missing: Missing, main: Path, origins: Origins | None, settings: KeyPath | None, of_layers: Collection[str] = ()
) -> tuple[Problem, ...]:
    """An error for each lost entry, at its place, and a warning for each other missing file.

    `settings`: the key path of the hot reload settings; None if the program gave the entries. `origins`: those of the
    layers, if the main file could be parsed. `of_layers`: the entries of layers.
    """
    lost = (
        _lost_by_layer(each) if each.entry.text in of_layers else _lost(each, main, origins, settings)
        for each in missing.lost
    )
    return (*lost, *map(_fewer, missing.fewer))


def _lost(lost: Lost, main: Path, origins: Origins | None, settings: KeyPath | None) -> Problem:
    from hotconf.secrets.credentials import mask_credentials

    text = quoted(mask_credentials(lost.entry.text))
    names = _listed([printable(file.path.name) for file in lost.files])
    messages: dict[Reason, str] = {
        "listed": f"watch_paths: {text} is gone",
        "emptied": f"watch_paths: nothing is left of {text}, which had {names}",
        "unmounted": f"watch_paths: {text} is on another device than before, without {names}",
    }
    hint = "restore it; if it was removed on purpose, remove this entry"
    problem = Problem(messages[lost.why], kind="missing", file=main, hint=hint)
    if settings is None or origins is None:
        return problem
    return origins.placed(replace(problem, path=(*settings, "watch_paths", lost.entry.number)))


def _lost_by_layer(lost: Lost) -> Problem:
    names = _listed([printable(file.path.name) for file in lost.files])
    messages: dict[Reason, str] = {
        "listed": "The file is gone",
        "emptied": f"Nothing is left of the directory, which had {names}",
        "unmounted": f"It is on another device than before, without {names}",
    }
    path = lost.entry.path if lost.entry.base is None else lost.entry.base
    return Problem(messages[lost.why], kind="missing", file=path, hint="restore it, or start without it")


def _fewer(file: SourceFile) -> Problem:
    if file.role == "watched":  # of a layer
        return Problem("The file is gone, and so is what it set", kind="missing", severity="warning", file=file.path)
    keys = _listed(_keys(file))
    text = f"The file is gone, and with it {keys}" if keys else "The file is gone; it set nothing"
    return Problem(text, kind="missing", severity="warning", file=file.path)


def _keys(file: SourceFile) -> list[str]:
    """The keys that the file set, in dotted form."""
    from hotconf.formats.base import Document
    from hotconf.formats.registry import document_of
    from hotconf.secrets.credentials import mask_credentials

    document = document_of(file)
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
