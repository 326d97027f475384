"""Fields with several ways to be given, alias paths among them: one way of each, its home, stands for all.

`homes_of` says which. `respell` gives each layer a copy of the value at home, so that tables merge there, and
`delivered` takes the other ways out of what was merged: the model's order of names decides within one layer only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from hotconf.changes import MISSING
from hotconf.config import coreschema
from hotconf.config.coreschema import Field, Leaf
from hotconf.config.shape import Shape
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem

_GONE: Final = object()


class Other(NamedTuple):
    """A way of a field that is not its home."""

    way: KeyPath
    drop: KeyPath | None
    """What can be taken away, in which no other field is interested; None if it is an item of an array that stays."""
    alone: bool
    """No other field reads this very place."""


class Home(NamedTuple):
    """Where a field stands after merging."""

    key: str
    """What it is called in the configuration."""
    path: KeyPath
    """One of the `ways`; or, if none will do, a key that nobody writes."""
    ways: tuple[KeyPath, ...]
    """All of them; the first that is there counts within one layer."""
    shape: Shape
    others: tuple[Other, ...]
    drop: KeyPath
    """What can be taken away with it."""


def homes_of(shape: Shape) -> tuple[Home, ...]:
    """The fields of a table that have alias paths or shared keys, and other ways besides.

    None of a `BaseSettings` class, whose order of names counts for all its sources, and none that the members of an
    untagged union do not agree about.
    """
    if shape.alias_homes is None:
        shape.alias_homes = tuple(_homes(shape)) if shape.forked and shape.extras is not None else ()
    return shape.alias_homes


def _homes(shape: Shape) -> Iterator[Home]:
    tables = [leaf for leaf in shape.leaves if coreschema.is_table(leaf.node)]
    if any(coreschema.is_settings(made) for leaf in tables for made in leaf.classes):
        return
    found = [_in_table(leaf, shape) for leaf in tables]
    every = [coreschema.fields(leaf) for leaf in tables]
    for name, home in {name: home for homes in found for name, home in homes.items()}.items():
        agreed = (
            homes.get(name) == home
            if any(field.name == name for field in fields)
            else not any(_meet(way, other) for field in fields for way in field.ways for other in home.ways)
            for homes, fields in zip(found, every, strict=True)
        )
        if all(agreed):
            yield home


def _in_table(leaf: Leaf, shape: Shape) -> dict[str, Home]:
    fields = coreschema.fields(leaf)
    paths = {field.name: path for field in fields if (path := _home(field, fields)) is not None}
    rest = [way for field in fields if field.name not in paths for way in field.ways]
    homes = {}
    for field in fields:
        if (path := paths.get(field.name)) is not None:
            read = [*rest, *(at_home for name, at_home in paths.items() if name != field.name)]
            # Without a way as home it is given by one of them in the end, which nobody else may take away.
            for other in fields:
                if other is not field and other.name in paths and paths[other.name] not in other.ways:
                    read += other.ways
            every = [way for other in fields if other is not field for way in other.ways]
            others = tuple(_other(way, [*read, path], every) for way in field.ways if way != path)
            drop = _free(path, read) or path
            homes[field.name] = Home(_key(field), path, tuple(field.ways), shape.names[field.name], others, drop)
    return homes


def _home(field: Field, fields: Sequence[Field]) -> KeyPath | None:
    """The way of `field` that all layers are rewritten to: a key of its own, if it has one; None if none will do."""
    ways = field.ways
    others = [way for other in fields if other.name != field.name for way in other.ways]
    if len(ways) == 1 or all(len(way) == 1 and way not in others for way in ways):
        return None  # another name is only another spelling
    alone = [way for way in ways if not any(_meet(way, other) for other in others)]
    keys = [way for way in alone if all(isinstance(part, str) for part in way)]
    return min(keys, key=lambda way: len(way) > 1, default=(f"<{field.name}>",))


def _other(way: KeyPath, read: Sequence[KeyPath], every: Sequence[KeyPath]) -> Other:
    drop = _free(way, read)
    alone = not any(_meet(way, other) for other in every)
    return Other(way, drop if drop and isinstance(drop[-1], str) else None, alone)


def _free(way: KeyPath, read: Sequence[KeyPath]) -> KeyPath | None:
    """How much of `way` only leads there, as seen from those that are still `read`."""
    parts = (way[:length] for length in range(1, len(way) + 1))
    return next((part for part in parts if not any(_meet(part, other) for other in read)), None)


def _meet(one: KeyPath, other: KeyPath) -> bool:
    """Whether one leads to what the other leads to or through; positions from the end may be any."""
    for key, also in zip(one, other, strict=False):
        from_end = isinstance(key, int) and isinstance(also, int) and (key < 0) != (also < 0)
        if key != also and not from_end:
            return False
    return True


def at(value: Any, way: KeyPath) -> Any:
    """What the model finds there; `MISSING` if nothing."""
    for key in way:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return MISSING
    return value


def removed(path: KeyPath, root: Shape) -> Iterator[KeyPath]:
    """The homes of fields that are gone if `path` is."""
    shape = root
    for length, key in enumerate(path):
        for home in homes_of(shape):
            rest = path[length:]
            if any(way[: len(rest)] == rest or rest[: len(way)] == way for way in home.ways):
                yield (*path[:length], *home.path)
        shape = shape.child(key)


def called(paths: Iterable[KeyPath], root: Shape | None) -> Iterator[KeyPath]:
    """What stands at these paths, also by the names of the fields that alias paths read there."""
    for path in paths:
        yield path
        shape = root
        for length, key in enumerate(path):
            if shape is None or not shape.forked:
                break
            for field in _fields(shape):
                if any(_meet(way, path[length:]) for way in field.ways if len(way) > 1):
                    yield (*path[:length], _key(field))
            shape = shape.child(key)


class Delivered(NamedTuple):
    """What the model is given."""

    table: dict[str, Any]
    moved: dict[KeyPath, KeyPath]
    """Where values stand that the model has to be given elsewhere."""
    problems: tuple[Problem, ...]
    """Where it cannot be given what counts."""


def delivered(table: dict[str, Any], shape: Shape) -> Delivered:
    """The merged `table`, which stays as it is, without ways that the model would prefer to a home."""
    work = _Delivery()
    return Delivered(work.inside(table, shape, ()), work.moved, tuple(work.problems))


class _Delivery:
    def __init__(self) -> None:
        self.moved: dict[KeyPath, KeyPath] = {}
        self.problems: list[Problem] = []

    def inside(self, value: Any, shape: Shape, path: KeyPath) -> Any:
        # Recursion is safe: the parser bounds the depth of documents.
        if not shape.forked:
            return value
        if type(value) is list:
            pairs = zip(value, shape.items(), strict=False)
            items = [self.inside(item, below, (*path, place)) for place, (item, below) in enumerate(pairs)]
            return items if any(item is not other for item, other in zip(items, value, strict=True)) else value
        if type(value) is not dict:
            return value
        shape = shape.narrowed(value)
        for key, item in value.items():
            below = self.inside(item, shape.child(key), (*path, key))
            if below is not item:
                value = {**value, key: below}
        homes = homes_of(shape)
        return _without_unread(self._settled(value, homes, path), value, homes, shape) if homes else value

    def _settled(self, table: dict[str, Any], homes: Iterable[Home], path: KeyPath) -> dict[str, Any]:
        settled = table
        for home in homes:
            there = [way for way in home.ways if at(table, way) is not MISSING]
            at_home = home.path in home.ways or at(table, home.path) is MISSING
            kept = home.path if at_home or not there else there[0]
            for other in home.others:
                if other.drop is not None and other.way in there and not _meet(other.drop, kept):
                    settled = changed(settled, other.drop, _GONE)
        for home in homes:
            wanted = at(settled, home.path)
            way = next((way for way in home.ways if at(settled, way) is not MISSING), home.path)
            if way == home.path:
                settled = settled if way in home.ways else changed(settled, way, _GONE)
                continue
            here, there_too = (*path, home.key), (*path, *way)
            if wanted is not MISSING and not _same(at(settled, way), wanted):
                if any(other.way == way and other.alone for other in home.others):
                    settled = changed(settled, way, wanted)
                    self.moved[there_too] = here
                else:
                    self.problems.append(_impossible(here, there_too))
            elif wanted is MISSING:  # it was removed
                self.problems.append(_impossible(here, there_too))
            settled = changed(settled, home.drop, _GONE)
        return settled


def _without_unread(
    settled: dict[str, Any], table: dict[str, Any], homes: Iterable[Home], shape: Shape
) -> dict[str, Any]:
    """`settled` without the keys that led to something in `table`, and do no more: they are no unknown keys."""
    led = {way[0] for home in homes for way in home.ways if at(table, way) is not MISSING}
    read = (next((way[0] for way in field.ways if at(settled, way) is not MISSING), None) for field in _fields(shape))
    unread = led.difference(read)
    return {key: value for key, value in settled.items() if key not in unread} if unread else settled


def _impossible(home: KeyPath, way: KeyPath) -> Problem:
    text = f"{dotted(home)} cannot have its value: the model prefers {dotted(way)}, which another field needs"
    return Problem(text, home, "schema", hint=f"set {dotted(way)} instead")


def _same(one: object, other: object) -> bool:
    return one is other or (type(one) is type(other) and one == other)


def changed(around: Any, path: KeyPath, value: object) -> Any:
    """A copy of `around`, with `value` at `path`, or without what is there."""
    if at(around, path[:1]) is MISSING:
        return around
    copy = around.copy()
    key, rest = path[0], path[1:]
    if rest:
        copy[key] = changed(copy[key], rest, value)
    elif value is _GONE:
        del copy[key]
    else:
        copy[key] = value
    return copy


def detour(path: KeyPath, shape: Shape, is_set: Callable[[KeyPath], bool]) -> KeyPath:
    """Where the value at `path` of the configuration stands in the layers: perhaps where an alias path leads."""
    found: KeyPath = ()
    for key in path:
        field = next((each for each in _fields(shape) if key == _key(each)), None)
        homes = (home for home in homes_of(shape) if field is not None and home.key == key)
        ways = [home.path for home in homes if any(is_set((*found, *way)) for way in home.ways)]
        if field is not None and not is_set((*found, key)):
            ways += field.ways
        way = next((way for way in ways if is_set((*found, *way))), None)
        found = (*found, *(way or (key,)))
        shape = shape.names[field.name] if field and way else shape.child(key)
    return found


def _key(field: Field) -> str:
    """What it is called in the configuration."""
    return str(next((way[0] for way in field.ways if len(way) == 1), field.name))


def _fields(shape: Shape) -> Iterator[Field]:
    return (field for leaf in shape.leaves for field in coreschema.fields(leaf))
