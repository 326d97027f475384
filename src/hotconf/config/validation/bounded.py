"""`validated`: a table as pydantic validates it, at a cost bounded by the table.

pydantic creates every error before it returns the first: a megabyte of wrong items in an array of alternatives takes
gigabytes. And it tries all alternatives of a union, so in a recursive model each level doubles the work.

Rule 1: once an array or a free table has as many errors as are reported, the rest of it is skipped. It is certain to
be refused, so nothing valid is lost. Valid input is validated whole, and once. An error that takes much memory, for a
long message or for the variables of the validator that raised it, counts as several.
Rule 2: of the keys that a table refuses for lack of a field, a bounded number is checked.
Rule 3: the alternatives of recursive unions are tried a bounded number of times. Then `TooExpensive` is raised.

Functions inserted into the model's core schema do this, also in JSON texts; they require pydantic 2.13. If a table
cannot be expensive, pydantic's own validator is used; likewise for JSON in strict mode, where they would change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from functools import partial
from itertools import islice
from sys import getsizeof
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaError, SchemaValidator

from hotconf.compat import cached
from hotconf.config import coreschema
from hotconf.config.coreschema import Leaf, Node
from hotconf.config.merge import Merged
from hotconf.schema import Schema

T = TypeVar("T")

MOST_ERRORS: Final = 5000
"""How many errors to find in one array or free table."""
_LONG: Final = 2000
"""An error counts once more for each multiple of this many bytes."""
_BY_USER: Final = 50
"""As how many errors one of a function counts, whose size is unknown, in estimates."""
_AFFORDABLE: Final = 100_000
"""If pydantic could create more errors, its own validator is not used."""
_LEAST_FUEL: Final = 100_000
_FUEL_PER_VALUE: Final = 64
_MARKS: Final = ",\n[{="
"""Each value of a document, and each table, is next to one of them. Functions may split texts into more values."""

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
_LAZY: Final = ("generator", "function-plain")
"""Kinds whose items this call does not validate."""
_FEEDS: Final = ("function-before", "function-wrap", "json")
"""Kinds that may make many values out of one."""
_CATCHES: Final = ("custom-error", "function-wrap", "union")
"""Kinds that may catch errors: an error inside need not be one outside."""


class TooExpensive(Exception):  # noqa: N818 - about the files, no failure
    """Alternatives inside alternatives would have to be tried too often."""


class Errors(NamedTuple):
    """The errors that the model finds."""

    details: list[ErrorDetails]
    more: bool
    """Not everything was checked, because there were too many errors."""


class _Run:
    """One validation. `left`: how many more errors to find in the current container."""

    __slots__ = ("fuel", "left", "stopped")

    def __init__(self, fuel: int) -> None:
        self.fuel = fuel
        self.left = MOST_ERRORS
        self.stopped = False


_RUN: ContextVar[_Run] = ContextVar("_RUN")


def validated(schema: Schema[T], merged: Merged) -> T | Errors:
    """The configuration made from `merged`, or the errors that the model finds.

    The model and its validators work on tables of their own. Raises what users' code raises, and `TooExpensive`.
    """
    plan = _plan_of(schema.adapter)
    texts = [layer.text for layer in merged.layers]
    marks = sum(text.count(mark) for text in texts for mark in _MARKS)
    values = 1 + max(marks, sum(map(len, texts)) // 2 if plan.feeds else 0)
    bounds = plan.recursive or values * plan.weight > _AFFORDABLE
    validator = plan.validator if bounds else None
    run = _Run(_LEAST_FUEL + _FUEL_PER_VALUE * values)
    token = _RUN.set(run)
    try:
        config: T = (validator or schema.adapter).validate_python(merged.own_table())
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        return Errors(details, more=run.stopped and _size(details) >= MOST_ERRORS)
    finally:
        _RUN.reset(token)
    return config


# The functions in the core schema


_Handler: TypeAlias = Callable[[Any], Any]


def _array(value: Any, handler: _Handler) -> Any:
    """An array or a free table; what surrounds it decides whether its errors count."""
    run = _RUN.get()
    before, run.left = run.left, MOST_ERRORS
    try:
        return handler(value)
    finally:
        run.left = before


def _refused_array(value: Any, handler: _Handler) -> Any:
    """One whose errors certainly count outside. At least one error of each is found."""
    run = _RUN.get()
    before, run.left = run.left, max(run.left, 1)
    try:
        found = handler(value)
    except ValidationError as error:
        run.left = before - _size(error.errors(include_input=False, include_url=False))
        raise
    run.left = before
    return found


def _item(value: Any, handler: _Handler) -> Any:
    """An item, key or value of one."""
    run = _RUN.get()
    before = run.left
    if before <= 0:
        run.stopped = True
        return None
    try:
        return handler(value)
    except ValidationError as error:
        run.left = before - _size(error.errors(include_input=False, include_url=False))
        raise


def _size(errors: list[ErrorDetails]) -> int:
    """As how many errors of ordinary size these count."""
    texts = sum(len(error["msg"]) for error in errors)
    raised = (error["ctx"].get("error") for error in errors if "ctx" in error)
    return len(errors) + (texts + sum(_held(each) for each in raised if isinstance(each, Exception))) // _LONG


def _held(error: Exception) -> int:
    """The bytes that the variables of the functions hold that `error` went through."""
    held, at = 0, error.__traceback__
    while at is not None:
        held += sum(map(getsizeof, at.tb_frame.f_locals.values()))
        at = at.tb_next
    return held


def _alternatives(value: Any, handler: _Handler) -> Any:
    """A recursive union."""
    run = _RUN.get()
    run.fuel -= 1
    if run.fuel < 0:
        raise TooExpensive
    try:
        return handler(value)
    except ValidationError as error:
        run.fuel -= error.error_count()
        raise


def _without_most_extras(known: frozenset[str], value: Any) -> Any:
    """A table that is refused for each key that is not `known`; checks only the first ones of too many."""
    if type(value) is not dict or len(value) <= len(known) + MOST_ERRORS:
        return value
    extras = islice((key for key in value if key not in known), MOST_ERRORS)
    kept = {*known, *extras}
    _RUN.get().stopped = True
    return {key: item for key, item in value.items() if key in kept}


# Inserting them


class _Plan:
    """How the tables of one model are validated. Determined for the first table that may be expensive."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self._root = coreschema.root(adapter)
        # Settings given to the adapter, not to a model, are not in the core schema.
        self._is_whole = self._root is not coreschema.UNKNOWN and getattr(adapter, "_config", None) is None
        self._recursive = frozenset(_recursive(self._root))
        self.recursive = any(
            node["type"] == "union" and _leads_to(node, self._recursive) for node in _nodes(self._root)
        )
        """A union may contain itself."""
        self.weight = 1 + sum(map(_weight, {id(node): node for node in _repeated(self._root)}.values()))
        """How many errors one value can cause at most, apart from recursion."""
        self.feeds = any(node["type"] in _FEEDS and any(_repeated(node)) for node in _nodes(self._root))
        """A function may make many values out of one."""

    @cached
    def validator(self) -> SchemaValidator | None:
        """The bounded validator; None if the model's own must do."""
        if not self._is_whole:
            return None
        node: Any = _Bounding(self._recursive).node(self._root, {}, certain=True)
        try:
            return SchemaValidator(node, _use_prebuilt=False)
        except (
            TypeError,
            SchemaError,
        ):  # before 2.13 pydantic always uses the models' own validators
            return None


# Cached as the shapes are: an entry lives as long as its adapter.
_PLANS: WeakKeyDictionary[TypeAdapter[Any], _Plan] = WeakKeyDictionary()


def _plan_of(adapter: TypeAdapter[Any]) -> _Plan:
    plan = _PLANS.get(adapter)
    if plan is None:
        plan = _PLANS[adapter] = _Plan(adapter)
    return plan


class _Bounding(NamedTuple):
    """One walk over a core schema. `recursive`: the references that lead back to themselves."""

    recursive: frozenset[str]

    def node(self, node: Node, config: Node, *, certain: bool) -> dict[str, Any]:
        """`node` with the functions in it; `certain`: an error in it counts for the array, or the whole, around
        it.
        """
        kind = node["type"]
        config = node.get("config") or config
        if kind in _LAZY or (kind == "json" and _is_strict(node, config)):
            return {**node}
        inside = kind not in _CATCHES and node.get("on_error", "raise") == "raise"
        is_array = any(part in node for part in _ITEMS) and node.get("variadic_item_index", 0) is not None
        parts = {
            part: self.part(node[part], config, certain=(certain and inside) or is_array)
            for part in _PARTS
            if part in node
        }
        if kind == "definitions":
            parts["definitions"] = [self.node(each, config, certain=False) for each in node["definitions"]]
        if kind == "union":
            parts["choices"] = [
                _named(n, *pair) for n, pair in enumerate(zip(node["choices"], parts["choices"], strict=True))
            ]
        if is_array:
            parts.update((part, _of_each(parts[part])) for part in _ITEMS if part in parts)
        return self._around({**node, **parts}, config, certain=certain, is_array=is_array)

    def part(self, part: Any, config: Node, *, certain: bool) -> Any:
        """What is under a key of a node: a node, or several in an array or a table, some with labels."""
        if isinstance(part, list):
            return [self.part(each, config, certain=certain) for each in part]
        if isinstance(part, tuple):
            return (self.part(part[0], config, certain=certain), *part[1:])
        if not isinstance(part, Mapping):
            return part
        if isinstance(part.get("type"), str):
            return self.node(part, config, certain=certain)
        return {key: self.part(each, config, certain=certain) for key, each in part.items()}

    def _around(self, node: dict[str, Any], config: Node, *, certain: bool, is_array: bool) -> dict[str, Any]:
        if is_array:
            return _wrapped(_refused_array if certain else _array, node)
        if node["type"] == "union" and _leads_to(node, self.recursive):
            return _wrapped(_alternatives, node)
        leaf = Leaf(node, config, (), preprocessed=False, secret=False)
        if coreschema.is_table(node) and coreschema.extras(leaf) == "forbid":
            named = {
                key for name, field in coreschema.fields(leaf) for key, _ in coreschema.keys(name, field, config)
            }
            return _preceded(partial(_without_most_extras, frozenset(named)), node)
        return node


def _wrapped(function: Callable[..., Any], node: Any) -> dict[str, Any]:
    return _around({"type": "function-wrap", "function": {"type": "no-info", "function": function}}, node)


def _preceded(function: Callable[..., Any], node: Any) -> dict[str, Any]:
    return _around({"type": "function-before", "function": {"type": "no-info", "function": function}}, node)


def _around(outer: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """`outer` with `node` in it; references then lead to it."""
    if "ref" in node:
        outer["ref"] = node["ref"]
        node = {key: value for key, value in node.items() if key != "ref"}
    return {**outer, "schema": node}


def _of_each(items: Any) -> Any:
    return [*map(_of_each, items)] if isinstance(items, list) else _wrapped(_item, items)


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
    own = _BY_USER if kind.startswith("function-") else kind.endswith("field") + len(listed)
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
