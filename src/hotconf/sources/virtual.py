"""Reading what stands in the place of a main file and is none: the document of a source, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.formats.base import Document
from hotconf.formats.registry import DEFAULT, FORMATS
from hotconf.problems import Problem
from hotconf.settings import PinnedSettings
from hotconf.sources.files.reading import NO_FILE, Read, Stamp, too_large
from hotconf.sources.source import Fetched, Link, Source
from hotconf.text import printable, source_name

if TYPE_CHECKING:
    from hotconf.snapshot import SourceFile
    from hotconf.sources.base import Options

T = TypeVar("T")

STAMP: Final = Stamp(error=NO_FILE)
NEW: Final = "(new)"
"""The version of what was never published."""
_FORMATS: Final = frozenset(form.name.lower() for form in FORMATS)


class Fixed(Source):
    """What another source may say, and does not yet, in its place: always the same."""

    __slots__ = ("_fetched", "_of", "kind")

    def __init__(self, of: Source, fetched: Fetched) -> None:
        self._of = of
        self._fetched = fetched
        self.kind = of.kind

    @property
    def name(self) -> str:
        """That of the other one."""
        return self._of.name

    @property
    def path(self) -> Path:
        """That of the other one."""
        return self._of.path

    def read(self) -> Fetched:
        """Always the same."""
        return self._fetched

    def watch(self, link: Link) -> Callable[[], object]:  # noqa: ARG002 - it never changes
        """Nothing."""
        return lambda: None


def offering(options: Options[T], fetched: Fetched) -> Options[T]:
    """The same, as if its source said this."""
    return options if options.source is None else options._replace(source=Fixed(options.source, fetched))


def accepted(given: object, pins: PinnedSettings, form: str | None) -> Source | None:
    """`given`, if it is a source. Raises `UsageError` for what it cannot be combined with."""
    if not isinstance(given, Source):
        return None
    name: object = given.name
    if not isinstance(name, str) or not name or name != printable(name) or source_name(given.path) != name:
        raise arguments.wrong("path.name", name, "a printable name, which is the end of its path")
    if pins.watch_paths:
        raise UsageError(f"watch_paths makes no sense with {name}: it names files next to a main file")
    if form is not None:
        raise UsageError(f"format makes no sense with {name}: each document says what it is written in")
    return given


def read(options: Options[Any], known: Read | None, instead: bytes | None = None) -> Read:
    """What stands in the place of the main file now. `known`: what the load before read; its document is used again
    if the text is the same. `instead`: what counts in place of it, in the same format.
    """
    path, source = options.path, options.source
    if source is None:
        return Read(path, STAMP, document=Document(path, "", {}, DEFAULT))
    found = _asked(source)
    if instead is not None:
        found = Fetched(instead, NEW, found.format if isinstance(found, Fetched) else "toml")
    if isinstance(found, Problem):
        return Read(path, STAMP, problem=replace(found, file=path, line=None, column=None))
    if len(found.data) > options.max_bytes:
        return Read(path, STAMP, problem=too_large(path, options.max_bytes, "The document is"), fetched=found)
    before = None if known is None else known.fetched
    if known is None or before is None or (before.data, before.format) != (found.data, found.format):
        return Read(path, STAMP, found.data, fetched=found)
    same = known.source is not None and before.version == found.version
    return known._replace(fetched=found, source=known.source if same else _versioned(known.source, found))


def kept(file: SourceFile) -> Read:
    """It as a state has it."""
    fetched = Fetched(file.content, file.version, file.format or "toml")  # type: ignore[arg-type]
    return Read(file.path, STAMP, file.content, fetched=fetched)


def _versioned(file: SourceFile | None, found: Fetched) -> SourceFile | None:
    return None if file is None else replace(file, version=found.version)


def _asked(source: Source) -> Fetched | Problem:
    try:
        found: Any = source.read()
    except BaseException as error:  # it may be users' code
        from hotconf.system.exceptions import propagates  # late: only needed once users' code raises

        if propagates(error):
            raise
        return Problem(f"Cannot be read: {type(error).__name__}", kind="unreadable")
    if isinstance(found, Problem):
        return found
    data: object = getattr(found, "data", None)
    version: object = getattr(found, "version", None)
    if not isinstance(found, Fetched) or not isinstance(data, bytes) or found.format not in _FORMATS:
        return Problem(f"Cannot be read: {source.kind} returns no document", kind="internal")
    if not isinstance(version, str) or not version or version != printable(version):
        return Problem(f"Cannot be read: {source.kind} names no version", kind="internal")
    return found
