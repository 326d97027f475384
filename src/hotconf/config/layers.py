"""`LayerTable`: what one layer says, and where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from hotconf.arguments import of_type
from hotconf.config.walk import value_at
from hotconf.errors import UsageError
from hotconf.formats.base import MAX_DEPTH, MAX_DIGITS, Document
from hotconf.formats.places import Span
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem, Related
from hotconf.snapshot import Origin

if TYPE_CHECKING:
    from hotconf.formats.gaps import Gap
from hotconf.text import printable, shortened, source_name

At: TypeAlias = Literal["key", "value"]

FILE: Final = "file"
"""The name of the layer of files."""
OVERRIDE: Final = "override"
"""The name of the strongest layers, those of `HotReloadWatcher.override`."""
_LARGEST: Final = 10**MAX_DIGITS
_LONGEST: Final = 100
_SCALARS: Final = frozenset({str, int, float, bool, date, datetime, time, type(None)})


@dataclass(frozen=True)
class LayerTable:
    """One table of a layer. It is kept and used again: nobody may change `table`."""

    layer: str
    table: dict[str, Any] = field(repr=False)
    document: Document | None = field(default=None, repr=False)
    """The text that the table was parsed from."""
    origins: Mapping[KeyPath, Origin] = field(default_factory=dict, repr=False)
    """Where values without a document were written. The name of the layer stands for the others."""
    spelled: Mapping[KeyPath, KeyPath] = field(default_factory=dict, repr=False)
    """For each path of `table` that ends differently in what is written: the path there."""
    at: KeyPath = ()
    """Where `table` stands in the document: `()` if it is all of it."""
    texts: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    """The values that were decoded from text: as they are written."""
    hints: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    """What to say of values that turn out to be wrong."""
    loose: frozenset[KeyPath] = field(default=frozenset(), repr=False)
    """Keys of free tables whose case and punctuation are not known: those of weaker layers decide."""
    replaces: frozenset[KeyPath] = field(default=frozenset(), repr=False)
    """Tables that replace those of weaker layers, because they are of another kind."""
    removes: frozenset[KeyPath] = field(default=frozenset(), repr=False)
    """What is taken away from weaker layers. `table` has nothing there or below."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """What is wrong with single values; where there are errors, `table` is as far as it could be read."""
    earlier: Mapping[KeyPath, tuple[Any, ...]] = field(default_factory=dict, repr=False)
    """What it said before, as it was written."""
    secret: bool = False
    """All its values are secrets."""
    under: bool = False
    """The files override it."""
    fills: KeyPath | None = None
    """All others override it, and it counts only where they set something, below this table."""
    plain: bool = True
    """It holds only what a file could."""

    @classmethod
    def of(cls, layer: str, table: Mapping[str, Any]) -> LayerTable:
        """A copy of `table`. Raises `UsageError` if it holds anything that no file could."""
        if not isinstance(table, Mapping):
            raise UsageError(f"{layer} is {of_type(table)}: give a mapping")
        return cls(layer, copied(layer, table, ()))

    @classmethod
    def of_file(cls, document: Document) -> LayerTable:
        """What a file says."""
        return cls(FILE, document.table, document, spelled=document.spelled)

    def filling(self, below: object) -> LayerTable:
        """Only what is under the keys of `below`, what the other layers have at `fills`."""
        table: Any = self.table
        for key in self.fills or ():
            table = table[key]
        said = below if isinstance(below, Mapping) else {}
        kept: dict[str, Any] = {key: value for key, value in table.items() if key in said}
        return replace(self, table=nested(self.fills or (), kept) if kept else {})

    @property
    def text(self) -> str:
        """Equal only for tables that say the same."""
        if self.document is not None:
            return self.document.text
        said = self.table if self.plain else _revealed(self.table)
        more = (*self.problems, *sorted(self.removes, key=repr))
        return repr((said, more)) if more else repr(said)

    def span(self, path: KeyPath, at: At) -> Span | None:
        """Where the value at `path`, or its key, begins and ends; None if there is no text."""
        if self.document is None:
            return None
        places, written = self.document.places, (*self.at, *self.as_written(path))
        return places.key(written) if at == "key" else places.value(written)

    def origin(self, path: KeyPath, home: Path, at: At = "value") -> Origin:
        """Where the value at `path` was written; files below `home` are named relative to it."""
        span = self.span(path, at)
        if span is None or self.document is None:
            written = self.as_written(path)
            known = (self.origins.get(written[:length]) for length in range(len(written), 0, -1))
            return next(filter(None, known), None) or self._around(written)
        file = self.document.path
        name = source_name(file) or (file.relative_to(home) if file.is_relative_to(home) else file)
        where = printable(f"{name}:{span.line}:{span.column}")
        return Origin(self.layer, where, file, span.line, span.column)

    def _around(self, written: KeyPath) -> Origin:
        """Of a table: that of the one value in it; of several the layer, and their file if they have but one."""
        below = [origin for path, origin in self.origins.items() if path[: len(written)] == written]
        if len(below) == 1:
            return below[0]
        files = {origin.file for origin in below}
        return Origin(self.layer, self.layer, files.pop() if len(files) == 1 else None)

    def as_written(self, path: KeyPath) -> KeyPath:
        """`path` as the layer spells it."""
        if not self.spelled:
            return path
        written: KeyPath = ()
        for length, key in enumerate(path, 1):
            written = self.spelled.get(path[:length]) or (*written, key)
        back = any(type(key) is int and key < 0 for key in written)
        return _from_start(self.table, written) if back else written


@dataclass(frozen=True)
class TextTable:
    """What a layer says in texts, under names such as those of environment variables; `decode` reads them."""

    layer: str
    texts: Mapping[str, tuple[Any, Origin]] = field(repr=False)
    """By name, without the prefix. What is no text is taken as it is."""
    prefix: str = ""
    """What the names began with. If there is something, a name without a field is probably misspelt."""
    nested: str | None = "__"
    """Stands between the keys in a name; None: names are single keys."""
    case_sensitive: bool = False
    secret: bool = False
    """All its values are secrets."""
    own: bool = False
    """The names are those of this program: also without a prefix, one that is almost that of a field is misspelt."""
    strict: bool = False
    """A name without a field is an error."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """What else is wrong."""
    beside: Mapping[str, Origin] = field(default_factory=dict, repr=False)
    """The names without the prefix: it may be misspelt."""
    earlier: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)
    """By name, what it said before."""

    @property
    def text(self) -> str:
        """Equal only for tables that say the same."""
        return repr(({name: text for name, (text, _) in self.texts.items()}, self.problems, [*self.beside]))


def _from_start(table: object, path: KeyPath) -> KeyPath:
    """`path`, in which positions that alias paths count from the end of an array are counted from its start."""
    found: KeyPath = ()
    for key in path:
        if isinstance(table, list) and isinstance(key, int) and key < 0:
            key += len(table)
        found = (*found, key)
        table = value_at(table, (key,))
    return found


def related(message: str, origin: Origin) -> Related:
    """The place `origin` as one to look at, too."""
    where = "" if origin.file and origin.layer == FILE else origin.where
    return Related(message, origin.file, origin.line, origin.column, where=where)


def at_origin(problem: Problem, origin: Origin) -> Problem:
    """`problem` at the place `origin`, which is not in the text of a configuration; the value there is withheld."""
    return replace(
        problem, file=origin.file, line=origin.line, column=origin.column, where=origin.where, withheld=True
    )


def _revealed(value: Any) -> Any:
    """`value` with what its `repr` would not show."""
    if type(value) is int:
        return hex(value)  # of any length
    if isinstance(value, Mapping):
        return {key: _revealed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_revealed(inner) for inner in value]
    if isinstance(value, BaseModel):
        return type(value), _revealed(value.__dict__)
    if isinstance(value, SecretStr | SecretBytes | Secret):
        return type(value), value.get_secret_value()
    return value


def nested(path: KeyPath, table: dict[str, Any]) -> dict[str, Any]:
    """A table with `table` at `path`."""
    for key in reversed(path):
        table = {str(key): table}
    return table


def copied(layer: str, value: object, path: KeyPath) -> Any:
    """A copy of `value`, which stands at `path`. Raises `UsageError` for what no file could hold."""
    if isinstance(value, Mapping) and len(path) < MAX_DEPTH:
        if wrong := [key for key in value if type(key) is not str]:
            raise UsageError(f"{layer}: {_shown(path) or 'it'} has a key {of_type(wrong[0])}: keys must be strings")
        return {key: copied(layer, inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple) and len(path) < MAX_DEPTH:
        return [copied(layer, inner, (*path, place)) for place, inner in enumerate(value)]
    large = type(value) is int and abs(value) >= _LARGEST
    if type(value) in _SCALARS and not large:
        return value
    deep = "nested too deeply" if isinstance(value, Mapping | list | tuple) else of_type(value)
    raise UsageError(f"{layer}: {_shown(path)} is {'too large' if large else deep}: give what a file can hold")


def _shown(path: KeyPath) -> str:
    return shortened(dotted(path), _LONGEST)


Rest: TypeAlias = "tuple[tuple[Document | LayerTable, ...], tuple[Gap, ...]]"
"""What files say without their mistakes of syntax, and what they lack."""
