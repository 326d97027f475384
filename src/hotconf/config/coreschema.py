"""Reading pydantic's core schemas: the one module that knows their format. What is new to it is called unknown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import PydanticUserError, Secret, SecretBytes, SecretStr, TypeAdapter

Node: TypeAlias = Mapping[str, Any]
"""One core schema: a tree of mappings with a `type`, whose format pydantic documents in `pydantic_core`."""

UNKNOWN: Node = {"type": "any"}
_SECRETS = (Secret, SecretBytes, SecretStr)
FILE: Final = {"hotconf": "file"}
"""The metadata of the schema of a text that names a file."""
RESTART: Final = "x-restart-required"
"""What JSON Schema says of a value whose change needs a restart; the core schema says it in its metadata."""
WATCHED_FILE: Final = "watched_file"
"""The type of the errors of such a file; their context has the kind of the problem, the reason, and the path."""
# The wrappers that take the same input as the schema inside them, and where that schema stands.
_WRAPPERS = {
    "custom-error": "schema",
    "dataclass": "schema",
    "default": "schema",
    "definitions": "schema",
    "function-after": "schema",
    "function-before": "schema",
    "function-wrap": "schema",
    "json-or-python": "python_schema",
    "lax-or-strict": "lax_schema",
    "model": "schema",
    "nullable": "schema",
}


class Leaf(NamedTuple):
    """A schema that takes the input itself, reached through wrappers and unions."""

    node: Node
    config: Node
    """The configuration of the model that it belongs to."""
    classes: tuple[type, ...]
    """The models and dataclasses that it makes, outermost first."""
    preprocessed: bool
    """A function of the user's sees the input first and may change it."""
    secret: bool
    union: bool = False
    """It is one of several alternatives, which errors name on their way."""
    tagged: Node | None = None
    """The tagged union that it is a member of, if it is of one."""
    nullable: bool = False
    """Null may stand there as well."""
    restart: bool = False
    """A change of it needs a restart."""

    @property
    def identity(self) -> tuple[object, ...]:
        """The same for equivalent leaves: for schemas, which are large, their identities."""
        return (id(self.node), id(self.config), *self[2:6], id(self.tagged), self.nullable, self.restart)


def root(adapter: TypeAdapter[Any]) -> Node:
    """The core schema of `adapter`; the unknown one if its types are not all defined."""
    try:
        schema: Node = adapter.core_schema
        return schema if schema["type"] else UNKNOWN  # looking inside builds a schema that was put off
    except PydanticUserError:
        return UNKNOWN


def is_settings(given: object) -> bool:
    """Whether it is a `BaseSettings` class."""
    base = getattr(sys.modules.get("pydantic_settings"), "BaseSettings", None)
    return base is not None and isinstance(given, type) and issubclass(given, base)


def model_of(node: Node) -> Any:
    """The class of the model that `node` is the schema of; None if it is that of something else."""
    definitions = {each["ref"]: each for each in node.get("definitions", ())}
    while node["type"] != "model":
        inner = definitions.get(node["schema_ref"]) if node["type"] == "definition-ref" else node.get("schema")
        if not isinstance(inner, Mapping):
            return None
        node = inner
    return node["cls"]


def leaves(node: Node, definitions: dict[str, Node]) -> Iterator[Leaf]:
    """What may stand where `node` does, in the order of the unions; `definitions` is filled on the way."""
    seen: set[str] = set()
    todo = [Leaf(node, {}, (), preprocessed=False, secret=False)]
    while todo:
        leaf = todo.pop()
        inner = _inside(leaf, definitions, seen)
        if inner is None:
            yield leaf._replace(restart=True) if needs_restart(leaf.node) else leaf
        else:
            todo.extend(reversed(inner))


def _inside(leaf: Leaf, definitions: dict[str, Node], seen: set[str]) -> list[Leaf] | None:
    node, kind = leaf.node, leaf.node["type"]
    if kind == "definition-ref":
        ref = node["schema_ref"]
        if ref in seen:
            return []
        seen.add(ref)
        return [_within(leaf, definitions.get(ref, UNKNOWN))]
    if kind in ("union", "tagged-union"):
        return [_within(leaf, choice) for choice in choices(node).values()]
    if kind == "chain":
        return [_within(leaf, _first_step(node["steps"]))]
    if kind not in _WRAPPERS:
        return None
    if kind == "definitions":
        definitions.update((definition["ref"], definition) for definition in node["definitions"])
    return [_within(leaf, node[_WRAPPERS[kind]])]


def _within(outer: Leaf, node: Node) -> Leaf:
    wrapper = outer.node
    made = wrapper["cls"] if wrapper["type"] in ("model", "dataclass") else None
    own_init = bool(wrapper.get("custom_init")) and not is_settings(made)  # of which only the sources matter
    by_user = wrapper["type"] in ("function-before", "function-wrap") or own_init
    return Leaf(
        node,
        config=wrapper.get("config") or outer.config,
        classes=outer.classes if made is None else (*outer.classes, made),
        preprocessed=outer.preprocessed or by_user,
        secret=outer.secret or makes_secret(wrapper),
        union=outer.union or (wrapper["type"] == "union" and "custom_error_type" not in wrapper),
        tagged=outer.tagged or (wrapper if wrapper["type"] == "tagged-union" else None),
        nullable=outer.nullable or wrapper["type"] == "nullable",
        restart=outer.restart or needs_restart(wrapper),
    )


def _first_step(steps: list[Node]) -> Node:
    """The step of a chain that decides what is accepted: not one that only tests the class."""
    return next((step for step in steps if step["type"] != "is-instance"), steps[-1])


def makes_secret(node: Node) -> bool:
    """Whether a function of one of pydantic's secret types makes the value."""
    function = (node.get("function") or {}).get("function")
    if isinstance(function, type):
        return issubclass(function, _SECRETS)
    # Secret[T] is made by a function inside that class; nothing else in its schema shows it.
    name = getattr(function, "__qualname__", "")
    return getattr(function, "__module__", "") == Secret.__module__ and name.startswith("Secret.")


def any_secret(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether anything in `nodes`, however deep, may be what a secret is made by."""
    return any(isinstance(node.get("function"), dict) and makes_secret(node) for node in _every(nodes, definitions))


def any_secret_key(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether the keys of any table in `nodes`, however deep, may be secrets."""
    found = (node["keys_schema"] for node in _every(nodes, definitions) if isinstance(node.get("keys_schema"), dict))
    return any_secret(found, definitions)


def any_alias(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether any field in `nodes`, however deep, has an alias."""
    return any(node.get("validation_alias") is not None for node in _every(nodes, definitions))


def any_choice(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether any field in `nodes`, however deep, has an alias path, or several aliases."""
    return any(isinstance(node.get("validation_alias"), list) for node in _every(nodes, definitions))


def any_tagged(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether there is a tagged union in `nodes`, however deep."""
    return any(node.get("type") == "tagged-union" for node in _every(nodes, definitions))


def any_file(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether a text in `nodes`, however deep, may name a file."""
    return any(map(names_file, _every(nodes, definitions)))


def names_file(node: Node) -> bool:
    """Whether it is the schema of a text that names a file: of what makes a `WatchedFile`."""
    return FILE.items() <= (node.get("metadata") or {}).items()


def any_restart(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> bool:
    """Whether a change of anything in `nodes`, however deep, needs a restart."""
    return any(map(needs_restart, _every(nodes, definitions)))


def needs_restart(node: Node) -> bool:
    """Whether `RestartRequired` marks what it is the schema of."""
    return RESTART in ((node.get("metadata") or {}).get("pydantic_js_updates") or ())


def _every(nodes: Iterable[Node], definitions: Mapping[str, Node]) -> Iterator[Node]:
    """All that is in `nodes`, as plain data."""
    seen: set[int] = set()
    todo: list[object] = list(nodes)
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            yield node
            if node.get("type") == "definition-ref":
                todo.append(definitions.get(node["schema_ref"]))
            todo += [value for value in node.values() if isinstance(value, dict | list | tuple)]
        elif isinstance(node, list | tuple):
            todo += node


def closed(node: Node, definitions: Mapping[str, Node]) -> Node:
    """`node`, a part of a schema, together with the definitions that it refers to."""
    refs = {each["schema_ref"] for each in _every([node], definitions) if each.get("type") == "definition-ref"}
    found = [definitions[ref] for ref in sorted(refs) if ref in definitions]
    return {"type": "definitions", "schema": node, "definitions": found} if found else node


def choices(node: Node) -> dict[object, Node]:
    """The members of a union by their tags; those of an untagged one by their position."""
    members = node["choices"]
    if isinstance(members, Mapping):
        return {getattr(tag, "value", tag): member for tag, member in members.items()}
    return {n: member[0] if isinstance(member, tuple) else member for n, member in enumerate(members)}


def discriminators(node: Node) -> list[str]:
    """The keys that may hold the tag of a tagged union, in the order of search; none where a function finds it."""
    named = node["discriminator"]
    if isinstance(named, str):
        return [named]
    return [way[0] for way in named if len(way) == 1] if isinstance(named, list) else []


class Field(NamedTuple):
    """A field of a table of fields."""

    name: str
    """As the model has it."""
    schema: Node
    aliases: list[list[Any]]
    """The paths of its validation aliases, each from a key of its table on."""
    config: Node
    optional: bool = False
    """It may be left out, though it has no default."""

    @property
    def ways(self) -> list[tuple[Any, ...]]:
        """The paths by which a document may give it, from keys of its table on; the first that is there counts."""
        if not self.aliases:
            return [(self.name,)]
        by_name = self.config.get("validate_by_name", self.config.get("populate_by_name", False))
        found: list[tuple[Any, ...]] = [(self.name,)] if by_name else []
        if not self.config.get("validate_by_alias", True):
            return found
        return [tuple(way) for way in self.aliases] + found

    @property
    def keys(self) -> list[tuple[str, bool]]:
        """The keys under which a document may give it; false with those that only lead to it."""
        return [(way[0], len(way) == 1) for way in self.ways]

    @property
    def names(self) -> frozenset[str]:
        """The model's own and the last key of each alias, whether or not a document may use it."""
        return frozenset((self.name, *map(last_key, self.aliases)))


def fields(leaf: Leaf) -> list[Field]:
    """The fields of a table; empty if `leaf` is not a table of fields."""
    if not is_table(leaf.node):
        return []
    given = leaf.node["fields"]
    if leaf.node["type"] == "dataclass-args":
        given = {field["name"]: field for field in given if field.get("init", True)}
    return [
        Field(name, field["schema"], _alias_paths(field), leaf.config, field.get("required") is False)
        for name, field in given.items()
    ]


def _alias_paths(field: Node) -> list[list[Any]]:
    alias = field.get("validation_alias")
    if alias is None:
        return []
    return [[alias]] if isinstance(alias, str) else alias if isinstance(alias[0], list) else [alias]


def last_key(way: Sequence[str | int]) -> str:
    """The last part of an alias path that is a key; positions in an array may follow it."""
    return next(key for key in reversed(way) if isinstance(key, str))


def extras(leaf: Leaf) -> Literal["forbid", "ignore", "preprocessed", "allow"]:
    """What a table of fields does with other keys. `preprocessed`: a function of the user's sees it first."""
    own = leaf.node.get("extra_behavior") or leaf.config.get("extra_fields_behavior")
    if own in ("allow", "forbid"):
        return own  # type: ignore[no-any-return]
    return "preprocessed" if leaf.preprocessed else "ignore"


def default(node: Node) -> object:
    """The default of a field; None where there is none, or where it is made anew each time."""
    return node.get("default") if node["type"] == "default" else None


def is_table(node: Node) -> bool:
    """Is it a table whose keys are the names of fields?"""
    return node["type"] in ("dataclass-args", "model-fields", "typed-dict")


def values(node: Node) -> Node | None:
    """The schema of the values of a free table; None if it is none."""
    if node["type"] not in ("counter", "dict", "frozendict", "ordered-dict"):
        return None
    found: Node = node.get("values_schema", UNKNOWN)
    return found


def items(node: Node) -> list[Node]:
    """The schemas of an array's items by position, the last one for all that follow; empty if it is none."""
    kind = node["type"]
    if kind in ("list", "set", "frozenset", "deque", "generator"):
        return [node.get("items_schema", UNKNOWN)]
    if kind != "tuple":
        return []
    schemas, variadic = node["items_schema"], node.get("variadic_item_index")
    return [*schemas, UNKNOWN] if variadic is None else list(schemas[: variadic + 1])


def positions(node: Node) -> tuple[str, ...]:
    """The names of the items of a named tuple; empty if it is none."""
    made = node.get("cls" if node["type"] == "named-tuple" else "function")  # before pydantic 2.13 it was a call
    return tuple(getattr(made, "_fields", ())) if isinstance(made, type) and issubclass(made, tuple) else ()


def holds_one(node: Node) -> bool:
    """May an array of one item stand here, as far as its length goes?"""
    several = node["type"] in ("list", "set", "frozenset") or (
        node["type"] == "tuple" and node.get("variadic_item_index") == 0 and len(node["items_schema"]) == 1
    )
    return several and (node.get("min_length") or 0) <= 1


def scalar(node: Node) -> type | None:
    """The type of the one kind of scalars that is taken here; None if it is no scalar, or not sure."""
    return {"bool": bool, "float": float, "int": int, "str": str}.get(node["type"])


def is_unknown(node: Node) -> bool:
    """Could a table stand here about which nothing is known?"""
    kind = node["type"]
    if kind == "is-instance":
        try:
            return issubclass(dict, node["cls"])
        except TypeError:
            return True
    return kind in ("any", "arguments", "arguments-v3", "call", "function-plain", "named-tuple")


def allowed(node: Node) -> list[object]:
    """The values that a literal or an enumeration allows, as a document writes them."""
    values = node.get("expected", ()) if node["type"] == "literal" else node.get("members", ())
    return [getattr(value, "value", value) for value in values]
