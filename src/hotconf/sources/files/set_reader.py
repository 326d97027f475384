"""`SetReader`: reads the main file and its fragments as one state of all of them, and parses them.

A file that the previous load read is used again if its stamp is the same: an untouched file costs one `stat`. If a
file changes while the set is read, the load is unstable, and the machine loads again. For a half-written file at rest
the machine waits (`shrank` in `engine.debounce`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge
from hotconf.config.reload_settings import settings_of, settings_path
from hotconf.config.spelling import respell, without_stamp
from hotconf.formats.base import Document
from hotconf.formats.registry import named, parse
from hotconf.problems import Problem
from hotconf.snapshot import SourceFile
from hotconf.sources import layers
from hotconf.sources.base import Choice, FileLayer, FileSet, Options
from hotconf.sources.files import mounts, paths, reading
from hotconf.sources.files.named import NamedFiles
from hotconf.sources.files.paths import Expansion, Member, Role
from hotconf.sources.files.reading import Read
from hotconf.system import fork
from hotconf.system.descriptors import Descriptor

if TYPE_CHECKING:
    from hotconf.formats.salvage import Salvage

ATTEMPTS: Final = 10
"""How often files are read again that change meanwhile."""


class SetReader:
    """One read of a set of files."""

    __slots__ = (
        *("_fresh", "_known", "_lapped", "_names_before", "_of_layers", "_overrides", "_same_names", "_together"),
        *("also", "cached", "expansion", "instead", "loaded_at", "named", "names", "options", "over", "parse_ns"),
        *("patterns", "problems", "profile", "read_ns", "reads", "said", "salvaged"),
    )

    loaded_at: datetime
    patterns: tuple[str, ...]

    def __init__(self, options: Options[Any], cached: FileSet, touched: frozenset[Path] = frozenset()) -> None:
        """`cached`: what the previous load read; the `touched` files among it are read again."""
        self.options = options
        self.instead: Mapping[Path, bytes] = {}
        """Contents to use instead of what is on the disk."""
        self.said = layers.read(options.layers)
        """What the layers over the files say."""
        self._overrides = options.overrides.tables
        self.over = (*self.said.decoded(options), *self._overrides)
        """The same and the overrides, weakest first: texts decoded. Without layers of files until these are read."""
        self._of_layers = options.layer_paths
        self.also = self._of_layers
        """What is read besides `watch_paths`: the file of the profile, and those of layers."""
        self.profile: Choice | None = None
        """The profile that counts."""
        self.expansion = Expansion((options.main,))
        self.reads: dict[Path, Read] = {}
        """In the order of the members, with documents where they could be parsed."""
        self.problems: list[Problem] = []
        self.salvaged: dict[Path, Salvage] = {}
        """What is left of files whose syntax is wrong."""
        self.read_ns = self.parse_ns = 0
        """How long reading and parsing took."""
        known = {path: read for path in cached.named if path not in touched and (read := cached.reads.get(path))}
        self.named = NamedFiles(options.base, known)
        """Reads what values name. A load that ended before it knew its values has not read what was touched."""
        self.names = cached.named
        self._names_before = self.names.keys()
        """The files that values name, as far as known."""
        self.cached = cached = cached.without_named()
        self._known = dict(cached.reads)
        self._together = reading.Together(0)
        self._fresh: set[Path] = set()
        """The files that were read anew."""
        self._same_names = True
        """Whether the folders still held the same names after the set was read."""
        self._choose()
        self._distrust(touched)

    def run(self) -> tuple[Path, ...]:
        """Read the whole set as one state, and parse it. Returns the files that changed meanwhile.

        The main file names the others, nearly always the same as before. So they are read, and all are compared,
        before it is parsed: parsing may take long, and a program may save without a pause.
        """
        self._lapped = time.perf_counter_ns()
        pinned = self.options.pins.watch_paths
        self.patterns = self.cached.patterns if pinned is None else (*pinned, *self.also)
        main, file = self._read_main()
        try:
            changed = self._read_set(main, file)
            if not self._is_outdated(changed):
                self.read_ns += self._lap()
                self._parse(self.expansion.members[0], main)
                patterns = self._watch_paths()
                self.parse_ns += self._lap()
                if patterns != self.patterns:
                    self.patterns = patterns
                    changed = self._read_set(self.reads[main.path], file)
                elif not changed and not (reading.same(main.path, main.stamp) or _is_replaced(main, file)):
                    changed = (main.path,)
        finally:
            if file is not None:
                file.close()
        self.read_ns += self._lap()
        if self._is_outdated(changed):
            return self._again(changed)
        self.problems.extend((*self.expansion.problems, *self.expansion.warnings))
        self.parse(1)
        self._look_for_profiles()
        self._add_layers(self.reads)
        if not changed and self.options.rereads:
            changed = self.changed_since("layer")
        self.parse_ns += self._lap()
        return changed

    @property
    def documents(self) -> list[Document]:
        """The files that could be parsed, in the order of the members."""
        return [read.document for read in self.reads.values() if read.document is not None]

    def file_set(self) -> FileSet:
        """What to compare the files with, and what the next load may use again."""
        found, cached = self.expansion, self.cached
        same = found is cached.expansion and self.names.keys() == self._names_before
        folders = None if same else found.folders
        fresh = [self.reads[path] for path in self._fresh if path in self.reads]
        named = self.named.reads(self.names).values()
        on = mounts.under(cached.mounts, [*self.reads.values(), *named], [*fresh, *named], folders)
        files = FileSet(found.members, self.patterns, found.folders, self.reads, found, on)
        return files.with_named(self.names, self.named.reads(self.names)) if self.names else files

    def errors(self) -> bool:
        """Whether anything but warnings was found."""
        return any(problem.severity == "error" for problem in self.problems)

    def _lap(self) -> int:
        """The time since the last call."""
        before, self._lapped = self._lapped, time.perf_counter_ns()
        return self._lapped - before

    def _is_outdated(self, changed: tuple[Path, ...]) -> bool:
        """Whether a file that was used again has changed without an event."""
        kept = self.expansion is self.cached.expansion
        return any(map(self._is_reused, changed)) or (kept and not self._same_names)

    def _is_reused(self, path: Path) -> bool:
        read = self.reads.get(path)
        return read is not None and read is self._known.get(path)

    def _again(self, changed: tuple[Path, ...]) -> tuple[Path, ...]:
        """Read the outdated files that were used again, too, and search for all names."""
        self._distrust(filter(self._is_reused, changed))
        self.cached = self.cached._replace(expansion=None)
        self.expansion = Expansion(self.expansion.members[:1])
        self.reads, self.problems, self.salvaged = {}, [], {}
        self._choose()
        return self.run()

    def _choose(self) -> None:
        """Ask which profile counts."""
        layer = self.options.profile
        if layer is None:
            return
        choice = layer.choice(self.options.path)
        if isinstance(choice, Problem):
            self.problems.append(choice)
        else:
            self.profile = choice
            if self.options.is_virtual:
                choice = self.profile = choice._replace(file=None)
            own = () if choice.file is None else (os.fspath(choice.file),)
            self.also = (*own, *self._of_layers)

    def _distrust(self, touched: Iterable[Path]) -> None:
        """Read these again."""
        for path in touched:
            if path in self._known:
                self._known[path] = self._known[path]._replace(settled=False)
            else:
                self.cached = self.cached._replace(expansion=None)  # it may have become a member

    def _watch_paths(self) -> tuple[str, ...]:
        """Those of the main file just read and of the layers over it; those in force, if it is broken."""
        main = self.reads[self.options.path].document
        if self.options.source is not None:
            return self.also
        if main is None or self.options.pins.watch_paths is not None:
            return (*self.patterns, *(each for each in self.also if each not in self.patterns))
        spelled = (respell(each, self.options.schema) for each in self.over if not each.under)
        over = [each for each in spelled if isinstance(each, LayerTable)]
        table = merge((main, *over)).table if over else main.table
        return (*settings_of(self.options.schema, table).watch_paths, *self.also)

    # Reading

    def _read_main(self) -> tuple[Read, Descriptor | None]:
        """The main file; if it was read now, with the open file, so that no other one gets its inode."""
        path, known = self.options.path, self._known.get(self.options.path)
        if self.options.is_virtual:
            from hotconf.sources import virtual  # late: most programs have a file

            return virtual.read(self.options, known, self.instead.get(path)), None
        if known is not None and _is_usable(known, "main"):
            return known, None
        if path in self.instead:
            return self._read(self.expansion.members[0]), None
        self._fresh.add(path)
        return reading.opened(path, self.options.max_bytes)

    def _read_set(self, main: Read, file: Descriptor | None) -> tuple[Path, ...]:
        """Read the other files of the set. Returns the files that changed until then."""
        self.loaded_at = datetime.now(UTC)
        kept = self._kept_expansion()
        self.expansion = kept or self._expanded(self.cached.members)
        others = self.expansion.members[1:]
        self._together = reading.Together(self.options.max_bytes)
        known: Sequence[Read | None]
        if kept is None:
            self.reads = {main.path: main}
            known = [self._known.get(member.path) for member in others]
        else:  # the same members: to look up thousands of paths takes longer than all the rest
            self.reads = {**self._known, main.path: main}
            known = [*self._known.values()][1:]
        for member, read in zip(others, known, strict=True):
            if read is None or not _is_usable(read, member.role):
                self.reads[member.path] = self._read(member)
            else:
                if kept is None:
                    self.reads[member.path] = read
                if member.role == "layer":
                    self._together.within(read)
        # Compared in the order of reading: what was away only meanwhile would have to go again to be missed.
        self._same_names = paths.same_names(self.expansion)
        return self._changed(main, file)

    def _kept_expansion(self) -> Expansion | None:
        """The previous matches of `watch_paths`, if they are the same as long as the folders hold the same names."""
        kept = self.cached.expansion
        if kept is None or self.cached.patterns != self.patterns:
            return None
        # What is a file may become a directory of files.
        return kept if "file" not in kept.kinds and paths.may_stand(kept, self.patterns) else None

    def _expanded(self, known: Sequence[Member] = ()) -> Expansion:
        return self.options.expand(self.patterns, known)

    def _read(self, member: Member) -> Read:
        path = member.path
        self._fresh.add(path)
        if path in self.instead:
            return Read(path, reading.stat_only(path).stamp, self.instead[path])
        watched = member.role == "watched"
        read = reading.stat_only(path) if watched else reading.read(path, self.options.max_bytes)
        if member.role == "layer":
            return self._together.within(read)
        # A directory is no member: it was none, or not there, when `watch_paths` was looked up a moment ago.
        return reading.unstable(read) if member.role != "main" and reading.is_directory(read) else read

    def _changed(self, main: Read, file: Descriptor | None) -> tuple[Path, ...]:
        """The files that changed while the set was read.

        A single file is one state by itself: a file that is renamed over it while it is parsed is the next state, so
        that a program that saves without a pause does not prevent every load.
        """
        expansion = self.expansion
        members = expansion.members
        if expansion is not self.cached.expansion and not self._same_names:
            now = self._expanded()
            members = members if now.problems else now.members
        moved = reading.changed(self.reads.values())
        if len(moved) == len(self.reads) == 1 and not expansion.folders and _is_replaced(main, file):
            return ()
        if members is not expansion.members:
            moved.extend(paths.differing(expansion.members, members))
        return tuple(dict.fromkeys(moved))

    def changed_since(self, role: Role | None = None) -> tuple[Path, ...]:
        """The files, those of a `role`, that have changed since they were read; also those that values name."""
        if not paths.same_names(self.expansion):
            return (self.options.path,)
        members = (member.path for member in self.expansion.members if role in (None, member.role))
        return self.named.changed([self.reads[path] for path in members])

    # Parsing

    def parse(self, begin: int = 0) -> None:
        """Parse the files in `reads`, from this member on."""
        for member, read in list(zip(self.expansion.members, self.reads.values(), strict=True))[begin:]:
            if read.document is None:
                self._parse(member, read)
            elif exposed := reading.exposed(read):
                self.problems.append(exposed)

    def _parse(self, member: Member, read: Read) -> None:
        if read.problem is not None:
            self._refuse(member, read.problem)
        elif member.role != "watched":
            if exposed := reading.exposed(read):
                self.problems.append(exposed)
            if member.role == "layer":
                self.reads[member.path] = read._replace(source=SourceFile(member.path, "watched", read.data))
                if not self.options.allow_empty and (empty := reading.empty(read)):
                    listed = os.fspath(member.path) in self._of_layers
                    self.problems.append(replace(empty, severity="warning") if listed else empty)
            elif read.document is None and (document := self._parsed(read)) is not None:
                source = reading.source_file(read, member.role, self.options.language(member.path))
                self.reads[member.path] = read._replace(document=document, source=source)

    def _look_for_profiles(self) -> None:
        """If the profile has no file: which ones have."""
        choice, layer = self.profile, self.options.profile
        if choice is not None and layer is not None and choice.file is not None:
            read = self.reads.get(choice.file)
            if read is None or read.document is None:
                self.profile = choice._replace(files=layer.names(self.options.path))

    def _add_layers(self, reads: Mapping[Path, Read]) -> None:
        """Add what the layers of files say, once these are read."""
        if self.options.file_layers:
            files = {path: read.data for path, read in reads.items() if read.problem is None}
            self.said = layers.with_files(self.options.layers, self.said, files)
            of_files = {layer.name for layer in self.options.layers if isinstance(layer, FileLayer)}
            settings = settings_path(self.options.schema)
            over = self.said.decoded(self.options)
            able = [layers.unable(each, settings) if each.layer in of_files else (each, None) for each in over]
            self.problems.extend(problem for _, problem in able if problem is not None)
            self.over = (*(each for each, _ in able), *self._overrides)

    def read_layers(self) -> None:
        """Read the files of layers only, as they are now; if possible, as one state."""
        if not self.options.file_layers:
            return
        for _ in range(ATTEMPTS):
            found = self.options.expand(self._of_layers)
            self._together = reading.Together(self.options.max_bytes)
            alone = [reading.read(each.path, self.options.max_bytes) for each in found.members[1:]]
            reads = {each.path: self._together.within(each) for each in alone}
            if not reading.changed(reads.values()) and paths.same_names(found):
                break
        self.problems.extend((*found.problems, *found.warnings))
        for member in found.members[1:]:
            self._parse(member, reads[member.path])
        self._add_layers(reads)

    def _refuse(self, member: Member, problem: Problem) -> None:
        if problem.kind == "unstable":
            return
        if reading.TOGETHER in problem.message and any(reading.TOGETHER in each.message for each in self.problems):
            return  # one says it for all
        if problem.kind == "missing" and self.profile is not None and member.path == self.profile.file:
            return  # the pipeline knows whether it is needed
        if problem.kind == "missing" and os.fspath(member.path) in self.options.optional_paths:
            return
        if problem.kind == "missing" and member.role not in ("main", "virtual"):
            problem = replace(problem, severity="warning", hint="it is read as soon as it appears")
        self.problems.append(problem)

    def _parsed(self, read: Read) -> Document | None:
        options, path, data = self.options, read.path, read.data
        given = named(read.fetched.format if read.fetched else options.language(path))
        if (form := given or options.form_of(path)).package:
            fork.import_first(form.package)
        document = parse(data, path, allow_empty=options.allow_empty, form=given)
        if isinstance(document, Problem):
            from hotconf.sources.files.broken import salvaged  # late: a good file does not need it

            self.salvaged[path] = rest = salvaged(document, options.schema, path, data, given)
            self.problems.extend(rest.problems)
            return None
        if "$schema" in document.table:
            document = without_stamp(document, self.options.schema)
        respelled = respell(document, self.options.schema)
        if isinstance(respelled, Document):
            return respelled
        self.problems.extend(respelled)
        return None


def _is_usable(read: Read, role: Role) -> bool:
    """Whether it may be used again: only if it was good. Its stamp is compared once, after all are read."""
    return read.settled and (read.document is not None or (role == "layer" and read.problem is None))


def _is_replaced(read: Read, file: Descriptor | None) -> bool:
    return file is not None and reading.replaced(read, file)
