"""Where a model says that a change needs a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from hotconf.config import coreschema
from hotconf.config.shape import Shape
from hotconf.config.walk import bare, kind_of, value_at
from hotconf.keypath import KeyPath

_WATCH_PATHS: Final = "watch_paths"

Table: TypeAlias = Mapping[str, Any]


class Place(NamedTuple):
    """A value that is kept, whole."""

    path: KeyPath
    """Where the layers say it."""
    value: KeyPath
    """Where the configuration has it."""
    around: KeyPath
    """The outermost table around it that only one of two configurations has; `path` if there is none."""


def places(shape: Shape, old: Table, new: Table, config: object, settings: KeyPath | None = None) -> Iterator[Place]:
    """What `new` has to keep from `old`, two tables of the root, of which `shape` is the shape.

    A table that is of another kind than before, by its discriminator, keeps nothing. `config` was made of `old`.
    `settings`: the table whose `watch_paths` are never kept: they decide which files are read.
    """
    if _marked(shape):
        yield from (Place((key,), (key,), (key,)) for key in dict.fromkeys((*old, *new)))
    else:
        yield from _Search(config, settings).table(shape, old, new, _Here((), (), None))


class _Here(NamedTuple):
    path: KeyPath
    value: KeyPath
    around: KeyPath | None

    @property
    def place(self) -> Place:
        return Place(self.path, self.value, self.around or self.path)


class _Search:
    def __init__(self, config: object, settings: KeyPath | None) -> None:
        self._config = config
        self._settings = settings

    def table(self, shape: Shape, old: Table, new: Table, here: _Here) -> Iterator[Place]:
        inside = shape.narrowed(new if _tagged(shape, new) else old)
        if inside is not shape and _tagged(shape, old) and shape.narrowed(old) is not inside:
            return
        for way, name, below in _ways(inside):
            if below.restarts:
                yield from self._value(below, old, new, here, way, name)
        others = inside.child(_NO_KEY)
        if others.restarts:
            for key in dict.fromkeys((*old, *new)):
                if key not in inside.keys:
                    yield from self._value(others, old, new, here, (key,), key)

    def _value(self, shape: Shape, old: Any, new: Any, around: _Here, way: KeyPath, name: str) -> Iterator[Place]:
        here = _Here(around.path, (*around.value, name), around.around)
        for key in way:
            if not isinstance(key, str):
                yield here.place  # of an array
                return
            old, new = _under(old, key), _under(new, key)
            here = here._replace(path=(*here.path, key))
            if here.around is None and isinstance(old, Mapping) is not isinstance(new, Mapping):
                here = here._replace(around=here.path)
        if self._settings is not None and here.path == (*self._settings, _WATCH_PATHS):
            return
        if here.path == self._settings and _marked(shape):
            keys = (key for key in shape.keys if key != _WATCH_PATHS)
            yield from (
                Place((*here.path, key), (*here.value, key), here.around or (*here.path, key)) for key in keys
            )
        elif _marked(shape) or isinstance(old, list) or isinstance(new, list):
            yield here.place
        elif isinstance(old, Mapping) or isinstance(new, Mapping) or self._has_table(here.value):
            yield from self.table(shape, _as_table(old), _as_table(new), here)

    def _has_table(self, path: KeyPath) -> bool:
        return kind_of(type(bare(value_at(self._config, path)))).form == "table"


_NO_KEY: Final = "\0"


def _ways(shape: Shape) -> Iterator[tuple[KeyPath, str, Shape]]:
    """Where a table of `shape` may give each of its fields, the name of the field, and what stands there."""
    found: dict[tuple[KeyPath, str], None] = {}
    for leaf in shape.leaves:
        for field in coreschema.fields(leaf):
            keys = dict(field.keys)
            found |= dict.fromkeys(((key,), field.name) for key, whole in field.keys if whole)
            found |= dict.fromkeys((tuple(way), field.name) for way in field.aliases if way[0] in keys)
    yield from ((way, name, shape.names[name]) for way, name in found)


def _tagged(shape: Shape, table: Table) -> bool:
    return any(key in table for key in shape.discriminators)


def _under(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _as_table(value: Any) -> Table:
    return value if isinstance(value, Mapping) else {}


def needs_restart(shape: Shape, path: KeyPath) -> bool:
    """Whether a change of the value at `path`, as `diff` names it, is one of something that is marked.

    `shape`: that of the root.
    """
    if not shape.restarts:
        return False
    for key in path:
        if _marked(shape):
            return True
        below = shape.names.get(key) if isinstance(key, str) else None
        shape = shape.child(key) if below is None else below
    return shape.restarts


def _marked(shape: Shape) -> bool:
    return any(leaf.restart for leaf in shape.leaves)
