"""`merge`: the documents of one configuration become one table, and it stays known where each value was written.

Tables merge, whatever their depth. Everything else, arrays included, is replaced as a whole by the later document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hotconf.core.document import Document
from hotconf.keypath import KeyPath
from hotconf.snapshot import Origin

if TYPE_CHECKING:
    from hotconf.core.positions import Mark


class Merged(NamedTuple):
    """What the documents say together."""

    table: dict[str, Any]
    """The caller's own: a validator may do to it what it likes, the documents stay as they are."""
    origins: Origins
    documents: tuple[Document, ...]


def merge(documents: Sequence[Document]) -> Merged:
    """Lay each document over those before it. The documents share no table or array with the result."""
    table: dict[str, Any] = {}
    for document in documents:
        _lay(table, document.table)
    return Merged(table, Origins(documents), tuple(documents))


def _lay(table: dict[str, Any], over: Mapping[str, Any]) -> None:
    # Recursion is safe: the parser bounds the depth of documents.
    for key, value in over.items():
        if type(value) is dict:
            below = table.get(key)
            if type(below) is not dict:
                below = table[key] = {}
            _lay(below, value)
        else:
            table[key] = _copied(value) if type(value) is list else value


def _copied(value: Any) -> Any:
    """Tables and arrays anew; `copy.deepcopy` takes ten times as long. What else TOML has is immutable."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) is list:
        return [_copied(item) for item in value]
    return value


class Origins(Mapping[KeyPath, Origin]):
    """Where each value of the merged table was written.

    A value stands in the last document that sets it; a table that several documents fill, in the first of those.
    Nothing is read from the texts before the first question about them.
    """

    __slots__ = ("_documents", "_marks")

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = tuple(documents)
        self._marks: dict[int, dict[KeyPath, Mark]] = {}

    def __getitem__(self, path: KeyPath) -> Origin:
        found = self._found(path, "value")
        if found is None:
            raise KeyError(path)
        return found[1]

    def __iter__(self) -> Iterator[KeyPath]:
        for index, document in enumerate(self._documents):
            for path in _paths(document.table):
                if _owner(self._documents, path) == index:
                    yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def locate(self, path: KeyPath, *, at: Literal["key", "value"] = "value") -> Origin | None:
        """Where the value at `path` stands, or its key; if there is none, the nearest table or array around it."""
        found = self._nearest(path, at)
        return found and found[1]

    def order(self, path: KeyPath) -> tuple[int, int, int]:
        """Sorts paths by where `locate` finds them: document, line, column. What stands nowhere comes first."""
        found = self._nearest(path, "value")
        return (0, 0, 0) if found is None else (found[0], found[1].line, found[1].column)

    def _nearest(self, path: KeyPath, at: Literal["key", "value"]) -> tuple[int, Origin] | None:
        prefixes = (path[:length] for length in range(len(path), 0, -1))
        return next((found for prefix in prefixes if (found := self._found(prefix, at))), None)

    def _found(self, path: KeyPath, at: Literal["key", "value"]) -> tuple[int, Origin] | None:
        index = _owner(self._documents, path) if path else None
        if index is None:
            return None
        document = self._documents[index]
        mark = self._scanned(index)[_as_written(path, document.spelled)]
        place = (mark.line, mark.column) if at == "key" else (mark.value_line, mark.value_column)
        return index, Origin(document.path, *place)

    def _scanned(self, index: int) -> dict[KeyPath, Mark]:
        marks = self._marks.get(index)
        if marks is None:
            # Late, and its patterns with it: a load that finds nothing wrong asks for no place.
            from hotconf.core.positions import positions

            marks = self._marks[index] = positions(self._documents[index].text)
        return marks


def _as_written(path: KeyPath, spelled: Mapping[KeyPath, str]) -> KeyPath:
    if not spelled:
        return path
    return tuple(spelled.get(path[: length + 1], key) for length, key in enumerate(path))


def _owner(documents: Sequence[Document], path: KeyPath) -> int | None:
    """Which document the value at `path` stands in once all are merged; None if in none, or if it was replaced."""
    owner: int | None = None
    fills = False  # it is a table, which tables of later documents go into
    for index, document in enumerate(documents):
        says = _says(document.table, path)
        if says == "nothing":
            continue
        if says == "absent":
            owner = None
        elif not (fills and says == "table"):
            owner = index
        fills = says == "table"
    return owner


def _says(table: dict[str, Any], path: KeyPath) -> Literal["nothing", "absent", "table", "value"]:
    """What one document says of `path`: nothing, or (in what replaces earlier documents) that there is no such thing;
    a table that merges with earlier ones, or a value that replaces them.
    """
    here: object = table
    replaces = False
    for key in path:
        if isinstance(here, dict) and isinstance(key, str):
            if key not in here:
                return "absent" if replaces else "nothing"
            here = here[key]
        elif isinstance(here, list) and isinstance(key, int) and 0 <= key < len(here):
            here, replaces = here[key], True
        else:
            return "absent"
    return "table" if isinstance(here, dict) and not replaces else "value"


def _paths(table: dict[str, Any]) -> Iterator[KeyPath]:
    left: list[tuple[KeyPath, object]] = [((), table)]
    while left:
        path, value = left.pop()
        if path:
            yield path
        if isinstance(value, dict | list):
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            left.extend(((*path, key), item) for key, item in reversed(items))
