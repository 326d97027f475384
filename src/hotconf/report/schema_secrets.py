"""A JSON Schema without the secrets that its model gives away in defaults, choices, examples and texts.

Rule 1: of what is marked `MARKED`, and of all below it, only the structure is left.
Rule 2: elsewhere a keyword whose value holds a secret is left out, so that nothing is refused that the model takes.
Rule 3: texts stay, without credentials and without what was left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from hotconf.changes import MASK
from hotconf.config.coreschema import RESTART
from hotconf.config.redaction.masking import masked
from hotconf.config.redaction.secret_values import secrets_in
from hotconf.secrets.keys import DISTINCTIVE
from hotconf.secrets.scrubber import Scrubber

Node = dict[str, Any]

MARKED: Final = "writeOnly"
"""The keyword that marks what is secret."""

_SCHEMA: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
)
_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_TABLES: Final = frozenset({"$defs", "dependentSchemas", "patternProperties", "properties"})
_TEXTS: Final = frozenset({"$comment", "description", "title"})
_STRUCTURE: Final = frozenset(
    {
        *("$ref", "additionalProperties", "deprecated", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems"),
        *(
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "required",
            "type",
            "uniqueItems",
            MARKED,
            RESTART,
        ),
    }
)
_KNOWN: Final = _SCHEMA | _SCHEMAS | _TABLES | _TEXTS | _STRUCTURE
_DEFS: Final = "#/$defs/"
_WORD: Final = re.compile(r"[\w.+/:=~-]++")


def without_secrets(schema: Node) -> Node:
    """`schema` without secrets."""
    return _Cleaner(schema).node(schema, secret=False)


class _Cleaner:
    def __init__(self, schema: Node) -> None:
        self._defs: dict[str, Node] = schema.get("$defs", {})
        every = [node for top in (schema, *self._defs.values()) for node in _nodes(top)]
        marked = [node for node in every if node.get(MARKED) is True]
        # A definition that is used for a secret is one everywhere.
        self._secret = {id(self._defs[name]) for name in self._named(marked)}
        closed = [*marked, *(node for node in self._defs.values() if id(node) in self._secret)]
        values = [value for node in closed for each in _nodes(node) for _, value in _values(each)]
        for node in every:
            values += [value for _, value in _values(node) if self._holds_secret(node, value)]
            values += [key for _, value in _values(node) for key in _secret_keys(node, value)]
        self._scrub = Scrubber(text for value in values for text in secrets_in(value, ("secret",)))

    def node(self, node: Node, *, secret: bool) -> Node:
        secret = secret or node.get(MARKED) is True or id(node) in self._secret
        kept = {key: self._kept(node, key, value, secret=secret) for key, value in node.items()}
        return {key: value for key, value in kept.items() if value is not None}

    def _kept(self, node: Node, key: str, value: Any, *, secret: bool) -> Any:
        """The value of one keyword; None if it is left out."""
        if key in _TABLES and isinstance(value, dict):
            return {name: self._schema(each, secret=secret and key != "$defs") for name, each in value.items()}
        if key in _SCHEMAS and isinstance(value, list):
            return [self._schema(each, secret=secret) for each in value]
        if key in _SCHEMA:
            return self._schema(value, secret=secret)
        if key in _TEXTS and isinstance(value, str):
            return self._text(value, secret=secret)
        if secret:
            return value if key in _STRUCTURE else None
        return value if key in _STRUCTURE or not self._holds_secret(node, value) else None

    def _schema(self, value: Any, *, secret: bool) -> Any:
        return self.node(value, secret=secret) if isinstance(value, dict) else value

    def _text(self, text: str, *, secret: bool) -> str:
        if not secret:
            return self._scrub.longer(text)
        return _WORD.sub(_unlike_a_token, self._scrub(text, words=True))

    def _holds_secret(self, node: Node, value: object) -> bool:
        """Whether `value`, a default or the like of `node`, holds a secret."""
        if masked((), value) != value:
            return True
        if not isinstance(value, dict | list) or not value:
            return False
        below = [node, *(self._defs[name] for name in self._named([node]))]
        return any(each.get(MARKED) is True for outer in below for each in _nodes(outer))

    def _named(self, nodes: list[Node]) -> set[str]:
        """The definitions that `nodes` lead to."""
        found: set[str] = set()
        todo = list(nodes)
        while todo:
            for node in _nodes(todo.pop()):
                name = str(node.get("$ref", "")).removeprefix(_DEFS)
                if name in self._defs and name not in found:
                    found.add(name)
                    todo.append(self._defs[name])
        return found


def _unlike_a_token(word: re.Match[str]) -> str:
    """The word, masked if it could be the example of a token."""
    text = word[0]
    return MASK if len(text) >= DISTINCTIVE and "://" not in text and any(map(str.isdigit, text)) else text


def _values(node: Node) -> Iterator[tuple[str, object]]:
    """What a schema says about values: defaults, examples, choices."""
    yield from ((key, value) for key, value in node.items() if key not in _KNOWN)


def _secret_keys(node: Node, value: object) -> Iterator[str]:
    names = node.get("propertyNames")
    if isinstance(names, dict) and names.get(MARKED) is True:
        tables = value if isinstance(value, list) else [value]
        yield from (key for table in tables if isinstance(table, dict) for key in table)


def _nodes(schema: Node) -> Iterator[Node]:
    """The schemas in `schema`, itself among them, without what it refers to."""
    todo: list[Any] = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield node
            for key, value in node.items():
                if key in _SCHEMA:
                    todo.append(value)
                elif key in _SCHEMAS and isinstance(value, list):
                    todo += value
                elif key in _TABLES and isinstance(value, dict) and key != "$defs":
                    todo += value.values()
