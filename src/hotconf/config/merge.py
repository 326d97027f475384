"""`merge`: the layers of one configuration become one table, and it stays known where each value was written.

Tables merge, whatever their depth. Everything else, arrays included, is replaced as a whole by the stronger layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from hotconf.changes import MISSING
from hotconf.config.layers import At, LayerTable, at_origin, related
from hotconf.config.shape import Shape
from hotconf.config.walk import value_at
from hotconf.formats.base import Document, Format
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem, Related
from hotconf.snapshot import Answer, LayeredOrigins, Origin


class Merged(NamedTuple):
    """What the layers say together."""

    table: dict[str, Any]
    """Nobody may change it: what only one layer has is that layer's own."""
    origins: Origins
    layers: tuple[LayerTable, ...]
    moved: Mapping[KeyPath, KeyPath] = {}
    """What values are called that stand elsewhere in `table`, because the model prefers that."""
    problems: tuple[Problem, ...] = ()
    """Where it cannot be given what counts."""

    def home(self, path: KeyPath) -> KeyPath:
        """What the value at `path` of `table` is called."""
        way = next((way for way in self.moved if path[: len(way)] == way), None)
        return path if way is None else (*self.moved[way], *path[len(way) :])

    @property
    def documents(self) -> tuple[Document, ...]:
        """The files among them."""
        return tuple(layer.document for layer in self.layers if layer.document is not None)

    @property
    def form(self) -> Format:
        """What the main file is written in."""
        documents = self.documents
        return documents[0].format if documents else DEFAULT

    def own_table(self) -> dict[str, Any]:
        """The same, for the caller alone: a validator may do to it what it likes, the layers stay as they are."""
        copy: dict[str, Any] = _copied(self.table)
        return copy


def merge(layers: Sequence[Document | LayerTable], shape: Shape | None = None) -> Merged:
    """Lay each layer over those before it.

    `shape`: a table that changes the discriminator of one of its tagged unions replaces that of weaker layers, and of
    the ways to give a field only that counts which the strongest layer uses.
    """
    tables = [LayerTable.of_file(each) if isinstance(each, Document) else each for each in layers]
    table: dict[str, Any] = {}
    made = {id(table): table}
    for index, layer in enumerate(tables):
        if shape is not None and shape.tagged and index and (of_other_kinds := [*_others(table, layer.table, shape)]):
            tables[index] = layer = replace(layer, replaces=frozenset(of_other_kinds))
        for path in layer.removes:
            _remove(table, path, made)
        _lay(table, layer.table, made, layer.replaces)
    origins = Origins(tables, shape=shape)
    if shape is None or not shape.forked:
        return Merged(table, origins, tuple(tables))
    from hotconf.config.ways import delivered  # late: few models have such fields

    table, moved, problems = delivered(table, shape)
    return Merged(table, origins, tuple(tables), moved, problems)


def _others(below: Mapping[str, Any], over: Mapping[str, Any], shape: Shape, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The tables of `over` whose discriminators say something else than those of `below`."""
    if any(key in below and key in over and below[key] != over[key] for key in shape.discriminators):
        yield path
        return
    inside = shape.narrowed(over if any(key in over for key in shape.discriminators) else below)
    for key, value in over.items():
        if type(value) is dict and type(weaker := below.get(key)) is dict:
            yield from _others(weaker, value, inside.child(key), (*path, key))


def _lay(
    table: dict[str, Any],
    over: Mapping[str, Any],
    made: dict[int, dict[str, Any]],
    replaces: Collection[KeyPath] = (),
    path: KeyPath = (),
) -> None:
    """`made`: the tables that are of no layer, and so may be laid into, by their ids."""
    # Recursion is safe: the parser bounds the depth of documents.
    for key, value in over.items():
        replaced = bool(replaces) and (*path, key) in replaces
        if type(value) is dict and not replaced and type(below := table.get(key)) is dict:
            if id(below) not in made:
                table[key] = below = below.copy()
                made[id(below)] = below
            _lay(below, value, made, replaces, (*path, key) if replaces else ())
        else:
            table[key] = value


def _remove(table: dict[str, Any], path: KeyPath, made: dict[int, dict[str, Any]]) -> None:
    """Take away what stands at `path`. `made`: as for `_lay`."""
    *way, last = path
    for key in way:
        below = table.get(str(key))
        if type(below) is not dict:
            return
        if id(below) not in made:
            table[str(key)] = below = below.copy()
            made[id(below)] = below
        table = below
    table.pop(str(last), None)


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


class Written(NamedTuple):
    """The text that a value was decoded from."""

    text: str
    hint: str | None
    """What to say if it is wrong."""
    secret: bool


class Origins(LayeredOrigins):
    """Where each value of the merged table was written.

    A value stands in the strongest layer that sets it; a table that several layers fill, in the weakest of those.
    Nothing is read from the texts before the first question about them.
    """

    __slots__ = ("_config", "_home", "_shape", "layers")

    def __init__(self, layers: Sequence[LayerTable], config: object = None, shape: Shape | None = None) -> None:
        self.layers = tuple(layers)
        self._shape = None if shape is None or not shape.forked else shape  # of others it would not be asked
        self._config = config
        """What was made of them; it knows the defaults."""
        files = (layer.document.path.parent for layer in layers if layer.document is not None)
        self._home = next(files, Path())

    def of(self, config: object) -> Origins:
        """The origins of the values of `config`, which was made of these layers."""
        return Origins(self.layers, config, self._shape)

    def __getitem__(self, path: KeyPath) -> Origin:
        path = self._written(path)
        index = _owner(self.layers, path) if path else None
        if index is None:
            raise KeyError(path)
        return self._origin(index, path)

    def __iter__(self) -> Iterator[KeyPath]:
        for index, layer in enumerate(self.layers):
            yield from (path for path in _paths(layer.table) if _owner(self.layers, path) == index)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def explain(self, path: KeyPath) -> tuple[Answer, ...]:
        """Every layer's answer, the winner first. A default answers only where no layer sets the value."""
        if not path:
            return ()
        asked, path = path, self._written(path)
        winner = _owner(self.layers, path)
        says = [_says(layer, path) for layer in self.layers]
        losers = [index for index in range(len(says)) if index != winner and says[index] not in ("nothing", "absent")]
        answers = [self._answer(index, path) for index in reversed(losers)]
        if (remover := self._remover(path)) is not None:
            answers.insert(0, Answer(Origin(self.layers[remover].layer, self.layers[remover].layer), MISSING))
        if winner is not None:
            return (self._answer(winner, path), *answers)
        default = value_at(self._config, asked)
        if default is MISSING:
            return tuple(answers)
        from hotconf.config.validation.unset import origin_of_unset  # late: few values are asked about

        origin = origin_of_unset(self._config, asked, lambda part: part in self)
        return (Answer(origin, default), *answers)

    def locate(self, path: KeyPath, *, at: At = "value") -> Origin | None:
        """Where the value at `path` stands, or its key; if there is none, the nearest table or array around it."""
        index, stands = self._nearest(self._written(path))
        return None if index is None else self._origin(index, stands, at)

    def placed(self, problem: Problem, *, at: At = "value") -> Problem:
        """`problem` with the place of the value at its path or of the key, or of what is nearest around it.

        Related are the places in weaker layers whose values this one replaces, and the layers beside the files that
        fill the same table. What stands nowhere is about the whole, which goes by the name of the main file.
        """
        path = self._written(problem.path)
        index, stands = self._nearest(path)
        if stands != path and (remover := self._remover(path)) is not None:
            below = (index for index in range(remover) if _says(self.layers[index], path) != "nothing")
            there = (related("also defined", self._origin(index, path)) for index in below)
            return replace(problem, related=(*problem.related, *there), where=self.layers[remover].layer)
        if index is None:
            file = next((layer.document.path for layer in self.layers if layer.document is not None), None)
            return replace(problem, file=file, related=(*problem.related, *self._beside_files(path)))
        if stands != path:
            at = "value"  # it is the table around it that lacks something, not the key of that table
        origin, span = self._origin(index, stands, at), self.layers[index].span(stands, at)
        if self.layers[index].document is None:
            problem = at_origin(problem, origin)
        return replace(
            problem,
            file=origin.file,
            line=origin.line,
            column=origin.column,
            end_line=None if span is None else span.end_line,
            end_column=None if span is None else span.end_column,
            related=(*problem.related, *(self._elsewhere(path, index) if stands == path else ())),
        )

    def written(self, path: KeyPath) -> Written | None:
        """The text that the value at `path` was decoded from; None if from none."""
        path = self._written(path)
        index = _owner(self.layers, path) if any(layer.secret or layer.texts for layer in self.layers) else None
        if index is None:
            return None
        layer = self.layers[index]
        text = layer.texts.get(layer.as_written(path))
        if text is None and not layer.secret:
            return None
        return Written(text or "", layer.hints.get(path), layer.secret)

    def text_at(self, path: KeyPath) -> KeyPath | None:
        """The path of the text that the value there, or around it, was decoded from; None if from none, or all of it
        is secret.
        """
        index, stands = self._nearest(self._written(path))
        if index is None or (layer := self.layers[index]).secret:
            return None
        ways = (stands[:length] for length in range(len(stands), 0, -1))
        return next((way for way in ways if layer.as_written(way) in layer.texts), None)

    def hidden(self) -> Iterator[Problem]:
        """A warning for each text that has changed without effect: a stronger layer has what it was before."""
        for index, layer in enumerate(self.layers):
            for path, texts in layer.earlier.items():
                owner = _owner(self.layers, path)
                over = self.layers[index if owner is None else owner].texts.get(path)
                if over in texts and over != layer.texts.get(path):
                    name = self[path].where
                    text = f"{dotted(path)} is hidden by {name}, which has the value that {layer.layer} had before"
                    hint = f"unset {name}; load_dotenv() sets such variables, and DotEnv needs none"
                    yield at_origin(Problem(text, path, "schema", "warning", hint), self._origin(index, path))

    def secret_paths(self) -> Iterator[KeyPath]:
        """The key paths that layers set all of whose values are secrets."""
        for layer in (each for each in self.layers if each.secret):
            from hotconf.config.ways import called  # late: few programs have such layers

            yield from called(layer.texts, self._shape)

    def related(self, message: str, path: KeyPath) -> Related | None:
        """The value at `path` as a place to look at, too; None if it stands nowhere."""
        origin = self.get(path)
        return None if origin is None else related(message, origin)

    def _elsewhere(self, path: KeyPath, owner: int) -> Iterator[Related]:
        merges = _says(self.layers[owner], path) in _TABLES
        for index, layer in enumerate(self.layers):
            says = _says(layer, path)
            if index != owner and (says == "value" or (says in _TABLES and not merges)):
                yield related("also defined", self._origin(index, path))
        if merges and self.layers[owner].document is not None:
            yield from self._beside_files(path)

    def _beside_files(self, path: KeyPath) -> Iterator[Related]:
        """The layers beside the files that put values into the table at `path`."""
        for index, layer in enumerate(self.layers):
            if layer.document is None and _says(layer, path) in _TABLES:
                yield related("partly set", self._origin(index, path))

    def _remover(self, path: KeyPath) -> int | None:
        """Which layer took away what weaker ones have at `path`; None if there is none, or something stands there."""
        for index in reversed(range(len(self.layers))):
            says = _says(self.layers[index], path)
            if says != "nothing":
                return index if says == "absent" and self.layers[index].removes else None
        return None

    def _written(self, path: KeyPath) -> KeyPath:
        """Where the value at `path` of the configuration is written: an alias path may lead there."""
        if self._shape is None:
            return path
        from hotconf.config.ways import detour  # late: few models have such fields

        return detour(path, self._shape, lambda part: _owner(self.layers, part) is not None)

    def _nearest(self, path: KeyPath) -> tuple[int | None, KeyPath]:
        """Which layer the value at `path`, or what is nearest around it, stands in; and the path of that."""
        for length in range(len(path), 0, -1):
            index = _owner(self.layers, path[:length])
            if index is not None:
                return index, path[:length]
        return None, ()

    def _answer(self, index: int, path: KeyPath) -> Answer:
        return Answer(self._origin(index, path), _raw(self.layers[index].table, path))

    def _origin(self, index: int, path: KeyPath, at: At = "value") -> Origin:
        return self.layers[index].origin(path, self._home, at)


def _owner(layers: Sequence[LayerTable], path: KeyPath) -> int | None:
    """Which layer the value at `path` stands in after the merge; None if in none, or if it was replaced."""
    owner: int | None = None
    fills = False  # it is a table, which tables of stronger layers go into
    for index, layer in enumerate(layers):
        says = _says(layer, path)
        if says == "nothing":
            continue
        if says == "absent":
            owner = None
        elif not (fills and says == "table"):
            owner = index
        fills = says in _TABLES
    return owner


_Says: TypeAlias = Literal["nothing", "absent", "table", "new table", "value"]
_TABLES: Final = ("table", "new table")


def _says(layer: LayerTable, path: KeyPath) -> _Says:
    """What one layer says about `path`: nothing, or (in what replaces or removes) that there is no such thing;
    a table that merges with weaker ones or replaces them, or a value that does.
    """
    if layer.removes and any(path[:length] in layer.removes for length in range(1, len(path) + 1)):
        return "absent"
    here: object = layer.table
    in_array = anew = False
    for length, key in enumerate(path, 1):
        if isinstance(here, dict) and isinstance(key, str):
            if key not in here:
                return "absent" if in_array or anew else "nothing"
            here = here[key]
            anew = anew or (bool(layer.replaces) and path[:length] in layer.replaces)
        elif isinstance(here, list) and isinstance(key, int) and -len(here) <= key < len(here):
            here, in_array = here[key], True
        else:
            return "absent"
    if not isinstance(here, dict) or in_array:
        return "value"
    return "new table" if anew else "table"


def _raw(table: dict[str, Any], path: KeyPath) -> object:
    """What stands at `path`. `value_at` looks at all keys on the way, of which there may be thousands."""
    here: Any = table
    for depth, key in enumerate(path):
        if type(here) not in _CONTAINERS:
            return value_at(here, path[depth:])
        here = here[key]
    return here


def _paths(table: dict[str, Any]) -> Iterator[KeyPath]:
    left: list[tuple[KeyPath, object]] = [((), table)]
    while left:
        path, value = left.pop()
        if path:
            yield path
        if isinstance(value, dict | list):
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            left.extend(((*path, key), item) for key, item in reversed(items))
