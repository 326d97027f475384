"""`Shape`: what a model accepts at each place of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter

from hotconf.compat import cached
from hotconf.config import coreschema
from hotconf.config.coreschema import Field, Leaf, Node, last_key
from hotconf.keypath import KeyPath
from hotconf.schema import Schema
from hotconf.secrets.keys import is_secret_key, secrecy

Extras: TypeAlias = Literal["forbid", "ignore", "preprocessed", "allow"]
"""What becomes of a key that no field has. `preprocessed`: a function of the model's sees the table first."""

_LENIENCY: Final = ("forbid", "ignore", "preprocessed", "allow")
_MAX_TABLES: Final = 5000
_DEEPEST: Final = 8


class Shape:
    """What may stand at one place. Where a union stands, whatever any of its members accepts.

    It is worked out as deep as it is asked for, so that recursive models end; each place only once.
    """

    def __init__(self, nodes: tuple[Node, ...], book: _Book) -> None:
        self._book = book
        # Each only once: in a recursive model their number would double with every level.
        leaves = (leaf for node in nodes for leaf in coreschema.leaves(node, book.definitions))
        self._leaves = tuple({leaf.identity: leaf for leaf in leaves}.values())
        self._children: dict[str | int | None, Shape] = {}
        self.alias_homes: tuple[Any, ...] | None = None
        """What `config.ways` has found out about it. A table there would keep the shapes that its values name."""

    @cached
    def free(self) -> bool:
        """Anything may stand here, as far as is known."""
        return any(coreschema.is_unknown(leaf.node) for leaf in self._leaves)

    @cached
    def keys(self) -> Mapping[str, str]:
        """The keys of the model's fields, as a document writes them, with the names that the model has for them."""
        return {key: field.name for field in self._fields for key, _ in field.keys}

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The schemas that take what stands here."""
        return self._leaves

    @cached
    def whole_keys(self) -> frozenset[str]:
        """Those of the `keys` under which a field itself stands; the others begin an alias path."""
        return frozenset(key for field in self._fields for key, whole in field.keys if whole)

    @cached
    def ways(self) -> tuple[KeyPath, ...]:
        """The alias paths of several keys, each from a key of this table on."""
        return tuple(tuple(way) for field in self._fields for way in field.aliases if len(way) > 1)

    @cached
    def spellings(self) -> Mapping[str, str]:
        """For other keys of a field that has several: the first of them. None where another field shares one."""
        users: dict[str, set[str]] = {}
        firsts: dict[str, set[str]] = {}
        for key, name in ((key, field.name) for field in self._fields for key, _ in field.keys):
            users.setdefault(key, set()).add(name)
        for whole in ([key for key, whole in field.keys if whole] for field in self._fields):
            for key in whole if all(len(users[key]) == 1 for key in whole) else ():
                firsts.setdefault(key, set()).add(whole[0])
        return {key: min(first) for key, first in firsts.items() if len(first) == 1 and key not in first}

    @cached
    def aliased(self) -> bool:
        """Fields here or below may have several keys."""
        return coreschema.any_alias([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def forked(self) -> bool:
        """Fields here or below may have alias paths, or several aliases."""
        return coreschema.any_choice([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def tagged(self) -> bool:
        """A tagged union may stand here or below."""
        own = any(leaf.tagged for leaf in self._leaves)
        return own or coreschema.any_tagged([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def names_files(self) -> bool:
        """Texts here or below may name files."""
        return coreschema.any_file([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def restarts(self) -> bool:
        """A change of something here or below may need a restart."""
        nodes = [leaf.node for leaf in self._leaves]
        return any(leaf.restart for leaf in self._leaves) or coreschema.any_restart(nodes, self._book.definitions)

    @cached
    def only_tables(self) -> bool:
        """Nothing but a table may stand here."""
        return all(
            not leaf.nullable and (coreschema.is_table(leaf.node) or coreschema.values(leaf.node) is not None)
            for leaf in self._leaves
        )

    @cached
    def extras(self) -> Extras | None:
        """What becomes of other keys, by the most lenient table that may stand here; None if keys are just data."""
        if self.free or any(coreschema.values(leaf.node) is not None for leaf in self._leaves):
            return None
        found = [coreschema.extras(leaf) for leaf in self._leaves if coreschema.is_table(leaf.node)]
        return max(found, key=_LENIENCY.index, default=None)

    @cached
    def keyless(self) -> bool:
        """No table of fields can stand here or below, so that no key in it can be an unknown one."""
        return self._holds_no_fields(_DEEPEST)

    def _holds_no_fields(self, depth: int) -> bool:
        if self.free:
            return True
        if not depth or any(coreschema.is_table(leaf.node) for leaf in self._leaves):
            return False
        return all(shape._holds_no_fields(depth - 1) for shape in self.inner)

    @cached
    def inner(self) -> tuple[Shape, ...]:
        """What may stand in an array, or under a key that no field has."""
        items = [self.child(place) for place in range(self._width + 1)] if self._items else []
        return (*items, self._child(None)) if self._others else tuple(items)

    @cached
    def branches(self) -> frozenset[str] | None:
        """The keys of a table below which it is not `keyless`; None if those of no field may be such."""
        if not self._child(None).keyless:
            return None
        return frozenset(key for key in self.keys if not self.child(key).keyless)

    @cached
    def tables(self) -> bool:
        """A table may stand here, of fields or with any keys."""
        return any(
            coreschema.is_table(leaf.node) or coreschema.values(leaf.node) is not None for leaf in self._leaves
        )

    @cached
    def allowed(self) -> tuple[object, ...]:
        """The values that literals and enumerations allow here, in their order."""
        return tuple(value for leaf in self._leaves for value in coreschema.allowed(leaf.node))

    def takes(self, value: object) -> bool:
        """May `value`, a scalar, surely stand here, as far as its type goes?"""
        kinds = [coreschema.scalar(leaf.node) for leaf in self._leaves]
        known = any(type(value) is type(other) and value == other for other in self.allowed)
        return known or type(value) in kinds or (type(value) is int and float in kinds)

    def takes_in_array(self, value: object) -> bool:
        """May an array that holds only `value`, a scalar, surely stand here?"""
        return any(coreschema.holds_one(leaf.node) for leaf in self._leaves) and self.child(0).takes(value)

    @cached
    def classes(self) -> tuple[type, ...]:
        """The models and dataclasses that are made of what stands here."""
        return tuple(made for leaf in self._leaves for made in leaf.classes)

    @cached
    def secret(self) -> bool:
        """The model keeps what stands here as a secret."""
        return any(leaf.secret for leaf in self._leaves)

    @cached
    def secretive(self) -> bool:
        """The model may keep something as a secret, here or below."""
        return self.secret or coreschema.any_secret([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def keyed(self) -> bool:
        """The keys of a table that may stand here are secrets."""
        keys = [leaf.node.get("keys_schema") for leaf in self._leaves]
        return coreschema.any_secret([key for key in keys if isinstance(key, dict)], self._book.definitions)

    @cached
    def opaque(self) -> bool:
        """A secret is made here in a way that does not show: from text in JSON, or by a function."""
        return self.secretive and not (self.tables or self.inner)

    @cached
    def opaquely_keyed(self) -> bool:
        """Likewise, and keys may be among them."""
        return self.opaque and coreschema.any_secret_key([leaf.node for leaf in self._leaves], self._book.definitions)

    @cached
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of the fields that hold secrets, by their type or by their name."""
        return tuple(key for key in self.keys if self.child(key).secretive or self.names_secret(key))

    def names_secret(self, key: str) -> bool:
        """Whether `key`, or another name of the field that is read from it, is that of a secret."""
        return is_secret_key(key) or key in self.renamed_keys

    @cached
    def renamed_keys(self) -> frozenset[str]:
        """The names of fields that are secret because another of their names is."""
        secret = (field.names for field in self._fields if any(map(is_secret_key, field.names)))
        return frozenset(key for names in secret if len(names) > 1 for key in names if secrecy(key) is None)

    @cached
    def renamed(self) -> tuple[KeyPath, ...]:
        """Where the values of those may stand."""
        ways = (way for field in self._fields for way in (*field.aliases, [field.name]))
        return tuple(tuple(way) for way in ways if last_key(way) in self.renamed_keys)

    @cached
    def names(self) -> Mapping[str, Shape]:
        """What stands in each field, by all of its names."""
        nodes: dict[str, tuple[Node, ...]] = {}
        for field in self._fields:
            for key in field.names:
                nodes[key] = (*nodes.get(key, ()), field.schema)
        return {key: self._book.shape(found) for key, found in nodes.items()}

    @cached
    def secret_names(self) -> frozenset[str]:
        """The names of the fields that hold secrets, whether or not a document may use them."""
        return frozenset(key for key, shape in self.names.items() if shape.secretive or self.names_secret(key))

    @cached
    def secret_detours(self) -> tuple[tuple[KeyPath, Shape], ...]:
        """The alias paths of several keys that lead to secrets, and what stands at their ends."""
        return tuple(
            (tuple(way), shape)
            for field in self._fields
            for way in field.aliases
            if len(way) > 1 and (shape := self._book.shape((field.schema,))).secretive
        )

    @cached
    def positions(self) -> tuple[str, ...]:
        """The names of an array's items: those of a named tuple."""
        return next((names for leaf in self._leaves if (names := coreschema.positions(leaf.node))), ())

    @cached
    def holds_secrets(self) -> bool:
        """Whether the model marks something, here or below, as secret, by type or by key."""
        return self._holds_secrets(_DEEPEST)

    @cached
    def secret_children(self) -> Mapping[str, Shape]:
        """What stands in each field that `holds_secrets`."""
        return {key: below for key in self.keys if (below := self.child(key)).holds_secrets}

    @cached
    def secret_others(self) -> Shape | None:
        """What stands under keys that no field has, if it `holds_secrets`."""
        return other if (other := self._child(None)).holds_secrets else None

    def _holds_secrets(self, depth: int) -> bool:
        if self.secretive or self.secret_keys or any(map(is_secret_key, self.positions)):
            return True
        below = (*map(self.child, self.keys), *self.inner)
        return not depth or any(shape._holds_secrets(depth - 1) for shape in below)

    @cached
    def union(self) -> bool:
        """The errors of what stands here may be those of several alternatives."""
        return any(leaf.union for leaf in self._leaves)

    @cached
    def tags(self) -> Mapping[object, Shape]:
        """The members of a tagged union by their tags; empty where there is none, or something besides it."""
        unions = {id(leaf.tagged): leaf.tagged for leaf in self._leaves}
        tagged = next(iter(unions.values()), None)
        if tagged is None or len(unions) > 1:
            return {}
        return {tag: self._book.shape((node,)) for tag, node in coreschema.choices(tagged).items()}

    @cached
    def discriminators(self) -> tuple[str, ...]:
        """The keys that may hold the tag, the first that is there does; none where a function finds it."""
        tagged = self._leaves[0].tagged if self.tags else None
        return tuple(key for key in coreschema.discriminators(tagged) if key in self.keys) if tagged else ()

    @cached
    def homes(self) -> Mapping[str, KeyPath]:
        """Of each key that exactly one of the tables below has a field for, the path of that table.

        Tables in arrays, or under keys of one's choice, count, but have no path. Of too many tables nothing is known.
        """
        found: dict[str, KeyPath] = {}
        todo: list[tuple[KeyPath, Shape, tuple[Shape, ...]]] = [((), self, ())]
        for _ in range(_MAX_TABLES):
            if not todo:
                return {key: path for key, path in found.items() if path}
            path, shape, around = todo.pop()
            if shape.free:
                continue
            if shape in around:
                found |= dict.fromkeys(shape.keys, ())
                continue
            inside = (*around, shape)
            for key in shape.keys:
                if around:
                    found[key] = () if key in found else path
                todo.append(((*path, key) if path or not around else (), shape.child(key), inside))
            if shape._items or shape._others:
                todo.append(((), shape.child(0 if shape._items else ""), inside))
        return {}

    def child(self, key: str | int) -> Shape:
        """What may stand under `key` of a table, or at a position of an array."""
        return self._child(min(key, self._width) if isinstance(key, int) else key if key in self._nodes else None)

    def items(self) -> Iterator[Shape]:
        """What may stand at each position of an array, without end."""
        return chain(map(self.child, range(self._width)), repeat(self.child(self._width)))

    def _child(self, place: str | int | None) -> Shape:
        if place not in self._children:
            self._children[place] = self._book.shape(self._nodes_at(place))
        return self._children[place]

    def default(self, key: str) -> object:
        """The value of the field at `key` when a document does not give it; None where that is not known."""
        return next((coreschema.default(node) for node in self._nodes.get(key, ())), None)

    def narrowed(self, value: object) -> Shape:
        """The member of a tagged union that `value` has the tag of; else the shape itself."""
        if not self.tags or not isinstance(value, dict):
            return self
        tag = next((value[key] for key in self.discriminators if key in value), None)
        member = self.tags.get(tag) if isinstance(tag, str | int) else None
        return self if member is None else member.narrowed(value)

    @cached
    def _fields(self) -> tuple[Field, ...]:
        return tuple(field for leaf in self._leaves for field in coreschema.fields(leaf))

    @cached
    def _nodes(self) -> Mapping[str, tuple[Node, ...]]:
        """What may stand under each of the `keys`."""
        nodes: dict[str, tuple[Node, ...]] = {}
        for field in self._fields:
            for key, whole in field.keys:
                nodes[key] = (*nodes.get(key, ()), field.schema if whole else coreschema.UNKNOWN)
        return nodes

    @cached
    def _others(self) -> tuple[Node, ...]:
        found = [coreschema.values(leaf.node) or leaf.node.get("extras_schema") for leaf in self._leaves]
        return tuple(node for node in found if node is not None)

    @cached
    def _items(self) -> tuple[list[Node], ...]:
        return tuple(filter(None, (coreschema.items(leaf.node) for leaf in self._leaves)))

    @cached
    def _width(self) -> int:
        """The position after which all items are alike."""
        return max(map(len, self._items), default=1) - 1

    def _nodes_at(self, place: str | int | None) -> tuple[Node, ...]:
        if isinstance(place, int):
            return tuple(items[min(place, len(items) - 1)] for items in self._items)
        return self._others if place is None else self._nodes[place]


class _Book:
    """The shapes of one schema, by the schemas that they are made of, and the definitions those refer to."""

    def __init__(self) -> None:
        self.definitions: dict[str, Node] = {}
        self._shapes: dict[tuple[int, ...], Shape] = {}

    def shape(self, nodes: tuple[Node, ...]) -> Shape:
        # The identities hold: the nodes are parts of the core schema, which the shapes keep alive.
        nodes = nodes or (coreschema.UNKNOWN,)
        key = tuple(map(id, nodes))
        if key not in self._shapes:
            self._shapes[key] = Shape(nodes, self)
        return self._shapes[key]


# A cache, nothing more: an entry lives as long as its adapter, and losing a race costs a little work.
_SHAPES: WeakKeyDictionary[TypeAdapter[Any], Shape] = WeakKeyDictionary()


def shape_of(schema: Schema[Any]) -> Shape:
    """What a document for `schema` may hold. Of types that are not fully defined: anything."""
    shape = _SHAPES.get(schema.adapter)
    if shape is None:
        shape = _SHAPES[schema.adapter] = _Book().shape((coreschema.root(schema.adapter),))
    return shape
