"""`validated`: a table as pydantic validates it, at a cost bounded by the table.

pydantic creates every error before it returns the first: a megabyte of wrong items in an array of alternatives takes
gigabytes. And it tries all alternatives of a union, so in a recursive model each level doubles the work.

Rule 1: if a table could cause too many errors, each array and free table is validated up to its first error. It is
certain to be refused, so nothing valid is lost. Valid input is validated whole, and once.
Rule 2: of the keys that such a table refuses for lack of a field, a bounded number is checked.
Rule 3: the alternatives of recursive unions are tried a bounded number of times. Then `TooExpensive` is raised.

The model's core schema is changed for this, also in JSON texts, which requires pydantic 2.13. If a table cannot be
expensive, pydantic's own validator is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaError, SchemaValidator

from hotconf.compat import cached
from hotconf.config import coreschema
from hotconf.config.coreschema import Leaf, Node
from hotconf.config.declared import declared
from hotconf.config.merge import Merged
from hotconf.schema import Schema

T = TypeVar("T")

MOST_EXTRAS: Final = 5000
"""How many unknown keys of one table are checked."""
_AFFORDABLE: Final = 100_000
"""If pydantic could create more errors, arrays and free tables are left at their first one."""
_LONG: Final = 2000
"""In estimates an error counts once more for each multiple of this many bytes."""
_BY_USER: Final = 10
"""As how many errors one of a function counts, whose size is unknown."""
_LEAST_FUEL: Final = 100_000
_FUEL_PER_VALUE: Final = 64
_TABLES: Final = "[{"
_VALUES: Final = ",\n="
"""Next to each table and each value of a document is one of these."""
_UNSPLIT: Final = 1 << 16
"""Functions that make many values out of one text matter in documents of more characters than that."""

_PARTS: Final = (
    "choices",
    "definitions",
    "extras_keys_schema",
    "extras_schema",
    "fields",
    "items_schema",
    "keys_schema",
    "lax_schema",
    "python_schema",
    "schema",
    "steps",
    "strict_schema",
    "values_schema",
)
"""Where core schemas nest. Nested elsewhere they stay as they are, at their own cost."""
_ITEMS: Final = ("items_schema", "keys_schema", "values_schema", "extras_schema", "extras_keys_schema")
_CONTAINERS: Final = ("dict", "frozenset", "list", "set", "tuple")
_FEEDS: Final = ("function-before", "function-wrap", "json")
"""Kinds that may make many values out of one."""


class TooExpensive(Exception):  # noqa: N818 - about the files, no failure
    """Alternatives inside alternatives would have to be tried too often."""


class Errors(NamedTuple):
    """The errors that the model finds."""

    details: list[ErrorDetails]
    more: bool
    """Of arrays and free tables only the first one was sought."""


class _Fuel:
    """How many more alternatives to try."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


_FUEL: ContextVar[_Fuel] = ContextVar("_FUEL")


def validated(schema: Schema[T], merged: Merged) -> T | Errors:
    """The configuration made from `merged`, or the errors that the model finds.

    The model and its validators work on tables of their own. Raises what users' code raises, and `TooExpensive`.
    """
    plan = _plan_of(schema)
    text = "\n".join(layer.text for layer in merged.layers)
    tables, values = (1 + sum(map(text.count, marks)) for marks in (_TABLES, _VALUES))
    if plan.feeds and len(text) > _UNSPLIT:
        tables = values = len(text) // 2
    validator = None
    if expensive := tables * plan.fields + values * plan.weight > _AFFORDABLE:
        validator = plan.brief
    elif plan.recursive or plan.declares:
        validator = plan.fuelled
    token = _FUEL.set(_Fuel(_LEAST_FUEL + _FUEL_PER_VALUE * (tables + values)))
    try:
        config: T = plan.validate(schema.adapter, validator, merged.own_table())
    except ValidationError as error:
        return Errors(error.errors(include_input=False, include_url=False), more=expensive and validator is not None)
    finally:
        _FUEL.reset(token)
    return config


def _alternatives(value: Any, handler: Callable[[Any], Any]) -> Any:
    """A recursive union."""
    fuel = _FUEL.get()
    fuel.left -= 1
    if fuel.left < 0:
        raise TooExpensive
    try:
        return handler(value)
    except ValidationError as error:
        fuel.left -= error.error_count()
        raise


def _without_most_extras(known: frozenset[str], value: Any) -> Any:
    """A table that is refused for each key that is not `known`; only the first ones of too many are kept."""
    if type(value) is not dict or len(value) <= len(known) + MOST_EXTRAS:
        return value
    kept = {*known, *islice((key for key in value if key not in known), MOST_EXTRAS)}
    return {key: item for key, item in value.items() if key in kept}


class _Plan:
    """How the tables of one model are validated."""

    def __init__(self, schema: Schema[Any]) -> None:
        adapter = schema.adapter
        self._root = coreschema.root(adapter)
        # Settings given to the adapter, not to a model, are not in the core schema.
        self._is_whole = self._root is not coreschema.UNKNOWN and getattr(adapter, "_config", None) is None
        self._recursive = frozenset(_recursive(self._root))
        self.recursive = any(
            node["type"] == "union" and _leads_to(node, self._recursive) for node in _nodes(self._root)
        )
        """A union may contain itself."""
        repeated = {id(node): node for node in _repeated(self._root)}.values()
        self.fields = sum(node["type"].endswith("field") for node in repeated)
        self.weight = 1 + sum(map(_weight, repeated))
        """How many errors one table, and one value, can cause at most, apart from recursion."""
        self.feeds = any(node["type"] in _FEEDS and any(_repeated(node)) for node in _nodes(self._root))
        """A function may make many values out of one."""
        found = declared(schema)
        self._settings = found.root
        self._declared = frozenset(each.settings for each in found.declarations)
        self.declares = len(self._declared) > (found.root is not None)
        """Below the root are classes whose sources were read as layers."""

    def validate(self, adapter: TypeAdapter[Any], validator: SchemaValidator | None, table: dict[str, Any]) -> Any:
        """What is made of `table`, by the model's own validator, that of `adapter`, if no other is given.

        A `BaseSettings` class makes an instance of its own: it would read its sources again.
        """
        cls = self._settings
        if cls is None:
            return (validator or adapter).validate_python(table)
        return (validator or adapter.validator).validate_python(table, self_instance=cls.__new__(cls))

    @cached
    def brief(self) -> SchemaValidator | None:
        """Stops at the first error of each array and free table; None if the model's own must do."""
        return self._validator(brief=True)

    @cached
    def fuelled(self) -> SchemaValidator | None:
        """Only counts the alternatives of recursive unions, and reads no sources."""
        return self._validator(brief=False)

    def _validator(self, *, brief: bool) -> SchemaValidator | None:
        if not self._is_whole:
            return None
        try:
            return SchemaValidator(
                _Bounding(self._recursive, brief, self._declared).node(self._root, {}), _use_prebuilt=False
            )
        except (TypeError, SchemaError):  # before 2.13 pydantic always uses the models' own validators
            return None


# Cached as the shapes are: an entry lives as long as its adapter, which it must not hold.
_PLANS: WeakKeyDictionary[TypeAdapter[Any], _Plan] = WeakKeyDictionary()


def _plan_of(schema: Schema[Any]) -> _Plan:
    plan = _PLANS.get(schema.adapter)
    if plan is None:
        plan = _PLANS[schema.adapter] = _Plan(schema)
    return plan


class _Bounding(NamedTuple):
    """One walk over a core schema. `recursive`: the references that lead back to themselves.

    `declared`: the classes whose sources are layers. They are not read again.
    """

    recursive: frozenset[str]
    brief: bool
    declared: frozenset[Any]

    def node(self, node: Node, config: Node) -> Any:
        """A copy of `node` that is bounded."""
        kind = node["type"]
        config = node.get("config") or config
        if kind == "generator" or (kind == "json" and _is_strict(node, config)):
            return {**node}  # validated later, or otherwise if functions were in it
        bounded = {**node, **{part: self.part(node[part], config) for part in _PARTS if part in node}}
        if kind == "model" and node["cls"] in self.declared:
            bounded["custom_init"] = False
        if kind == "union":
            pairs = zip(node["choices"], bounded["choices"], strict=True)
            bounded["choices"] = [_named(number, *pair) for number, pair in enumerate(pairs)]
            return _around("function-wrap", _alternatives, bounded) if _leads_to(node, self.recursive) else bounded
        if self.brief and kind in _CONTAINERS:
            bounded["fail_fast"] = True
        leaf = Leaf(node, config, (), preprocessed=False, secret=False)
        if self.brief and coreschema.is_table(node) and coreschema.extras(leaf) == "forbid":
            named = {key for field in coreschema.fields(leaf) for key, _ in field.keys}
            return _around("function-before", partial(_without_most_extras, frozenset(named)), bounded)
        return bounded

    def part(self, part: Any, config: Node) -> Any:
        """What is under a key of a node: a node, or several in an array or a table, some with labels."""
        if isinstance(part, list):
            return [self.part(each, config) for each in part]
        if isinstance(part, tuple):
            return (self.part(part[0], config), *part[1:])
        if not isinstance(part, Mapping):
            return part
        if isinstance(part.get("type"), str):
            return self.node(part, config)
        return {key: self.part(each, config) for key, each in part.items()}


def _around(kind: str, function: Callable[..., Any], node: dict[str, Any]) -> dict[str, Any]:
    """`node` in a `function`; references then lead to that."""
    inner = {key: value for key, value in node.items() if key != "ref"}
    outer = {"type": kind, "function": {"type": "no-info", "function": function}, "schema": inner}
    return {**outer, "ref": node["ref"]} if "ref" in node else outer


def _named(n: int, given: Any, made: Any) -> Any:
    """An alternative `made` from the given one, with a label to distinguish it, as its name may no longer do."""
    return made if isinstance(made, tuple) or made["type"] == given["type"] else (made, f"alternative {n}")


# Looking through core schemas


def _nodes(root: Node) -> Iterator[Node]:
    """All nodes in `root`, wherever they may occur."""
    todo: list[Any] = [root]
    while todo:
        part = todo.pop()
        if isinstance(part, list | tuple):
            todo += part
        elif isinstance(part, Mapping):
            if isinstance(part.get("type"), str):
                yield part
                todo += [part[key] for key in _PARTS if key in part]
            else:
                todo += part.values()


def _repeated(root: Node) -> Iterator[Node]:
    """The nodes in `root` that a document may need any number of times."""
    for node in _nodes(root):
        for part in (*(node[key] for key in _ITEMS if key in node), *node.get("definitions", ())):
            yield from _nodes(part)


def _weight(node: Node) -> int:
    """How many errors a value of this node can cause at most, besides those of the nodes inside."""
    kind, listed = node["type"], node.get("choices", ())
    named = sum(len(str(each)) for each in (*coreschema.allowed(node), *(listed if kind == "tagged-union" else ())))
    own = _BY_USER if kind.startswith("function-") else len(listed)
    return own + 4 * named // _LONG  # which a ValidationError holds four times


def _is_strict(root: Node, config: Node) -> bool:
    return any(node.get("strict") or (node.get("config") or config).get("strict") for node in _nodes(root))


def _references(node: Node) -> set[str]:
    return {each["schema_ref"] for each in _nodes(node) if each["type"] == "definition-ref"}


def _leads_to(node: Node, references: AbstractSet[str]) -> bool:
    return bool(references) and not references.isdisjoint(_references(node))


def _recursive(root: Node) -> Iterator[str]:
    """The references of the definitions that lead back to themselves."""
    definitions = [each for node in _nodes(root) if node["type"] == "definitions" for each in node["definitions"]]
    direct = {each["ref"]: _references(each) for each in definitions}
    for reference in direct:
        found, todo = set[str](), [reference]
        while todo:
            new = direct.get(todo.pop(), set()) - found
            found |= new
            todo += new
        if reference in found:
            yield reference
