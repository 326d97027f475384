"""`merge`: the documents of one configuration become one table, and it stays known where each value was written.

Tables merge, whatever their depth. Everything else, arrays included, is replaced as a whole by the later document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

from hotconf.changes import MISSING
from hotconf.config.walk import value_at
from hotconf.formats.base import Document, Span
from hotconf.keypath import KeyPath
from hotconf.problems import Problem, Related
from hotconf.snapshot import DEFAULT, Answer, LayeredOrigins, Origin
from hotconf.text import printable


class Merged(NamedTuple):
    """What the documents say together."""

    table: dict[str, Any]
    """Nobody may change it: what only one document has is that document's own."""
    origins: Origins
    documents: tuple[Document, ...]

    def own_table(self) -> dict[str, Any]:
        """The same, for the caller alone: a validator may do to it what it likes, the documents stay as they are."""
        copy: dict[str, Any] = _copied(self.table)
        return copy


def merge(documents: Sequence[Document]) -> Merged:
    """Lay each document over those before it."""
    table: dict[str, Any] = {}
    made = {id(table): table}
    for document in documents:
        _lay(table, document.table, made)
    return Merged(table, Origins(documents), tuple(documents))


def _lay(table: dict[str, Any], over: Mapping[str, Any], made: dict[int, dict[str, Any]]) -> None:
    """`made`: the tables that are of no document, and so may be laid into, by their ids."""
    # Recursion is safe: the parser bounds the depth of documents.
    for key, value in over.items():
        if type(value) is dict and type(below := table.get(key)) is dict:
            if id(below) not in made:
                table[key] = below = below.copy()
                made[id(below)] = below
            _lay(below, value, made)
        else:
            table[key] = value


_CONTAINERS: Final = frozenset({dict, list})


def _copied(value: Any) -> Any:
    """A table or an array with all that is in it anew; `copy.deepcopy` takes twenty times as long.

    What else TOML has is immutable.
    """
    copy = value.copy()
    if type(value) is dict:
        if not _CONTAINERS.isdisjoint(map(type, value.values())):
            for key, item in value.items():
                if type(item) in _CONTAINERS:
                    copy[key] = _copied(item)
    elif not _CONTAINERS.isdisjoint(map(type, value)):
        return [_copied(item) if type(item) in _CONTAINERS else item for item in value]
    return copy


class Origins(LayeredOrigins):
    """Where each value of the merged table was written.

    A value stands in the last document that sets it; a table that several documents fill, in the first of those.
    Nothing is read from the texts before the first question about them.
    """

    __slots__ = ("_config", "_documents")

    def __init__(self, documents: Sequence[Document], config: object = None) -> None:
        self._documents = tuple(documents)
        self._config = config
        """What was made of them; it knows the defaults."""

    def of(self, config: object) -> Origins:
        """The origins of the values of `config`, which was made of these documents."""
        return Origins(self._documents, config)

    def __getitem__(self, path: KeyPath) -> Origin:
        index = _owner(self._documents, path) if path else None
        if index is None:
            raise KeyError(path)
        return self._origin(index, path)

    def __iter__(self) -> Iterator[KeyPath]:
        for index, document in enumerate(self._documents):
            for path in _paths(document.table):
                if _owner(self._documents, path) == index:
                    yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def explain(self, path: KeyPath) -> tuple[Answer, ...]:
        """Every layer's answer, the winner first. A default answers only where no layer sets the value."""
        if not path:
            return ()
        winner = _owner(self._documents, path)
        says = [_says(document.table, path) for document in self._documents]
        losers = [index for index in range(len(says)) if index != winner and says[index] in ("table", "value")]
        answers = [self._answer(index, path) for index in reversed(losers)]
        if winner is not None:
            return (self._answer(winner, path), *answers)
        default = value_at(self._config, path)
        return tuple(answers) if default is MISSING else (Answer(DEFAULT, default), *answers)

    def locate(self, path: KeyPath, *, at: Literal["key", "value"] = "value") -> Origin | None:
        """Where the value at `path` stands, or its key; if there is none, the nearest table or array around it."""
        index, stands = self._nearest(path)
        return None if index is None else self._origin(index, stands, at)

    def order(self, path: KeyPath) -> tuple[int, int, int]:
        """Sorts paths by where `locate` finds them: document, line, column. What stands nowhere comes first."""
        index, stands = self._nearest(path)
        if index is None:
            return (0, 0, 0)
        span = self._span(index, stands, "value")
        return index, span.line, span.column

    def placed(self, problem: Problem, *, at: Literal["key", "value"] = "value") -> Problem:
        """`problem` with its span: that of the value at its path or of the key, or of what is nearest around it.

        Related are the places in earlier documents whose values this one replaces. What stands nowhere is about the
        whole, which goes by the name of the first document.
        """
        index, stands = self._nearest(problem.path)
        if index is None:
            return replace(problem, file=self._documents[0].path if self._documents else None)
        if stands != problem.path:
            at = "value"  # it is the table around it that lacks something, not the key of that table
        line, column, end_line, end_column = self._span(index, stands, at)
        return replace(
            problem,
            file=self._documents[index].path,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            related=(*problem.related, *(self._overridden(problem.path, index) if stands == problem.path else ())),
        )

    def related(self, message: str, path: KeyPath) -> Related | None:
        """The value at `path` as a place to look at, too; None if it stands nowhere."""
        origin = self.get(path)
        return None if origin is None else related(message, origin)

    def _overridden(self, path: KeyPath, owner: int) -> Iterator[Related]:
        merges = _says(self._documents[owner].table, path) == "table"
        for index, document in enumerate(self._documents):
            says = _says(document.table, path)
            if index != owner and (says == "value" or (says == "table" and not merges)):
                yield related("also defined", self._origin(index, path))

    def _nearest(self, path: KeyPath) -> tuple[int | None, KeyPath]:
        """Which document the value at `path`, or what is nearest around it, stands in; and the path of that."""
        for length in range(len(path), 0, -1):
            index = _owner(self._documents, path[:length])
            if index is not None:
                return index, path[:length]
        return None, ()

    def _answer(self, index: int, path: KeyPath) -> Answer:
        return Answer(self._origin(index, path), value_at(self._documents[index].table, path))

    def _origin(self, index: int, path: KeyPath, at: Literal["key", "value"] = "value") -> Origin:
        span, file, home = self._span(index, path, at), self._documents[index].path, self._documents[0].path.parent
        name = file.relative_to(home) if file.is_relative_to(home) else file
        return Origin("file", printable(f"{name}:{span.line}:{span.column}"), file, span.line, span.column)

    def _span(self, index: int, path: KeyPath, at: Literal["key", "value"]) -> Span:
        document = self._documents[index]
        written = _as_written(path, document.spelled)
        return document.places.key(written) if at == "key" else document.places.value(written)


def related(message: str, origin: Origin) -> Related:
    """The place `origin` as one to look at, too."""
    return Related(message, origin.file, origin.line, origin.column, where="" if origin.file else origin.where)


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
