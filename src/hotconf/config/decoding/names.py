"""Which key a name stands for, such as that of an environment variable: the model's shape says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.shape import Shape
from hotconf.config.walk import value_at
from hotconf.formats.base import MAX_DEPTH
from hotconf.keypath import KeyPath

_MAX_NAMES: Final = 1000
_DEEPEST: Final = 5
_LONGEST: Final = 1000
"""Longer names stand for nothing."""


class At(NamedTuple):
    """The place that a name leads to."""

    path: KeyPath
    shape: Shape
    loose: tuple[KeyPath, ...]
    """Keys of free tables on the way."""
    around: Shape
    whole: bool
    """Not only the beginning of an alias path."""
    secret: bool
    ways: tuple[KeyPath, ...] = ()
    """On an alias path: how it goes on, for each field that has one through here; empty at its end."""

    @property
    def partial(self) -> bool:
        """Whether nothing but a part of alias paths can stand here."""
        return bool(self.ways) and all(self.ways)


class Stray(NamedTuple):
    """A name that leads nowhere: as far as it could be followed."""

    path: KeyPath
    around: Shape
    rest: str
    array: bool = False
    """What it leads to is an array."""


class _Names(NamedTuple):
    """The keys of a table by what names call them."""

    keys: Mapping[str, str]
    heads: frozenset[str]
    """Those that only lead to fields."""


_NAMES: WeakKeyDictionary[Shape, dict[bool, _Names]] = WeakKeyDictionary()


def folded(key: str) -> str:
    """`key` as names of variables are compared: in lower case, with `_` for punctuation."""
    lower = key.lower()
    return lower if lower.isidentifier() else "".join(char if char.isalnum() else "_" for char in lower)


def adopted(layer: LayerTable, below: Mapping[str, Any]) -> LayerTable:
    """`layer` with its keys of free tables spelled as `below`, the table of weaker layers, has them."""
    moves: dict[KeyPath, str] = {}

    def moved(path: KeyPath) -> KeyPath:
        return tuple(moves.get(path[: length + 1], key) for length, key in enumerate(path))

    def renamed(value: Any, path: KeyPath) -> Any:
        if type(value) is not dict:
            return value
        return {moves.get((*path, key), key): renamed(inner, (*path, key)) for key, inner in value.items()}

    for path in sorted(layer.loose, key=len):
        around = value_at(below, moved(path[:-1])) if len(path) > 1 else below
        if isinstance(around, dict) and path[-1] not in around:
            same = [key for key in around if folded(key) == path[-1]]
            if len(same) == 1:
                moves[path] = same[0]
    if not moves:
        return layer
    return replace(
        layer,
        table=renamed(layer.table, ()),
        origins={moved(path): origin for path, origin in layer.origins.items()},
        texts={moved(path): text for path, text in layer.texts.items()},
        hints={moved(path): hint for path, hint in layer.hints.items()},
    )


def _names(shape: Shape, exact: bool) -> _Names:
    known = _NAMES.setdefault(shape, {})
    if exact not in known:
        keys: dict[str, str] = {}
        for key in shape.keys:
            keys.setdefault(key if exact else folded(key), shape.spellings.get(key, key))
        heads = frozenset(key for key in shape.keys if key not in shape.whole_keys)
        known[exact] = _Names(keys, heads)
    return known[exact]


def find(name: str, shape: Shape, given: TextTable) -> At | Stray | None:
    """What `name` stands for; None for what is certainly not meant for this model."""
    key = name if given.case_sensitive else folded(name)
    stray = Stray((), shape, key)
    # The names of fields may contain the delimiter: the longest one that leads anywhere wins.
    todo: list[tuple[str, At]] = [(key, At((), shape, (), shape, whole=True, secret=False))]
    if not 0 < len(key) <= _LONGEST:
        todo.clear()
    seen: set[tuple[int, Shape]] = set()
    while todo:
        rest, here = todo.pop()
        if not rest:
            return here
        if (len(rest), here.shape) in seen:
            continue  # it led nowhere
        seen.add((len(rest), here.shape))
        steps = list(_steps(rest, here, given)) if len(here.path) < MAX_DEPTH else []
        if not steps and len(here.path) >= len(stray.path):
            stray = Stray(here.path, here.shape, rest, any(type(way[0]) is int for way in here.ways if way))
        todo.extend(reversed(steps))
    return stray if given.prefix or stray.path or given.own or given.strict else None


def _steps(rest: str, here: At, given: TextTable) -> Iterator[tuple[str, At]]:
    """How far the beginning of `rest` leads, the longest first, and what remains."""
    names, nested = _names(here.shape, given.case_sensitive), given.nested
    through = _through(here, given)
    ends = [len(rest)]
    if nested:
        ends += [at for at in range(len(rest) - len(nested), 0, -1) if rest.startswith(nested, at)]
    for end in ends:
        if (key := through.get(rest[:end])) is not None:
            ways = tuple(way[1:] for way in here.ways if way[:1] == (key,))
            at = At((*here.path, key), here.shape.child(key), here.loose, here.shape, False, here.secret, ways)
            yield rest[end + len(nested or "") :], at
            continue
        key = names.keys.get(rest[:end])
        if key is not None:
            secret = here.secret or here.shape.names_secret(key)
            whole = key not in names.heads
            path = (*here.path, key)
            kept = whole or here.shape.extras == "allow"
            ways = () if kept else tuple(way[1:] for way in here.shape.ways if way[0] == key)
            yield (
                rest[end + len(nested or "") :],
                At(path, here.shape.child(key), here.loose, here.shape, whole, secret, ways),
            )
    if _is_free(here, given) and not here.partial:
        key, _, more = rest.partition(nested) if nested else (rest, "", "")
        if key not in names.keys and key:
            path = (*here.path, key)
            secret = here.secret or here.shape.keyed
            loose = here.loose if given.case_sensitive else (*here.loose, path)
            yield more, At(path, here.shape.child(key), loose, here.shape, here.whole, secret)


def _through(here: At, given: TextTable) -> Mapping[str, str]:
    """The keys by which alias paths go on, by what names call them."""
    keys = (way[0] for way in here.ways if way and isinstance(way[0], str))
    return {key if given.case_sensitive else folded(key): key for key in keys}


def _is_free(here: At, given: TextTable) -> bool:
    """Whether keys are data here. The root is, if names begin with something."""
    shape = here.shape
    data = shape.extras == "allow" or (shape.extras is None and (shape.free or shape.tables))
    return data and bool(here.path or given.prefix or given.strict)


def all_names(shape: Shape, given: TextTable) -> Iterator[str]:
    """The names that lead to fields, as far as there are not too many."""
    todo: list[tuple[str, Shape, int]] = [("", shape, 0)]
    left = _MAX_NAMES
    while todo:
        begin, here, depth = todo.pop()
        for name, key in _names(here, given.case_sensitive).keys.items():
            left -= 1
            if left < 0:
                return
            yield begin + name
            if given.nested and depth < _DEEPEST and here.child(key).tables:
                todo.append((begin + name + given.nested, here.child(key), depth + 1))


def dotted_keys(shape: Shape) -> Iterator[str]:
    """The dotted keys of fields, in lower case, as far as there are not too many."""
    return all_names(shape, TextTable("", {}, nested="."))


def variable(name: str, prefix: str, nested: str | None, shape: Shape, *, case_sensitive: bool) -> KeyPath | None:
    """The key path that the variable `name` sets; None if it sets none."""
    begins = name.startswith(prefix) if case_sensitive else name.lower().startswith(prefix.lower())
    at = find(name[len(prefix) :], shape, TextTable("", {}, prefix, nested, case_sensitive)) if begins else None
    return at.path if isinstance(at, At) else None
