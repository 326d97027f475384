"""The environment variables of a model: their names, types, defaults and meanings, without secrets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.config.decoding.names import folded
from hotconf.keypath import dotted
from hotconf.report.cells import cut, steady, width
from hotconf.report.jsonschema import json_schema
from hotconf.report.schema_secrets import MARKED
from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hotconf.keypath import KeyPath
    from hotconf.report.ndjson import Json
    from hotconf.schema import Schema

_DEEPEST: Final = 8
_LONGEST: Final = 40
_WIDEST: Final = 28
"""Columns of types and defaults are no wider on a terminal."""
_BARE: Final = re.compile(r"[\w./:@%+,-]+")
_DEFS: Final = "#/$defs/"


class Naming(NamedTuple):
    """How variables are called."""

    prefix: str = ""
    nested: str | None = "__"
    """Stands between the keys; None: only keys of the root have variables."""
    case_sensitive: bool = False
    aliases: frozenset[str] = frozenset()
    """Keys of the root whose names have no prefix."""

    def name(self, path: KeyPath) -> str:
        """The variable for the value at `path`."""
        keys = [str(key) if self.case_sensitive else folded(str(key)).upper() for key in path]
        prefix = "" if path[0] in self.aliases else self.prefix if self.case_sensitive else self.prefix.upper()
        return prefix + (self.nested or "").join(keys)


class Variable(NamedTuple):
    """One variable."""

    name: str
    path: KeyPath
    type: str
    default: Json
    """None: there is none, or it is not known; that of a secret is never shown."""
    required: bool
    """The program does not start without the value."""
    secret: bool
    description: str


def variables(schema: Schema[Any], naming: Naming) -> list[Variable]:
    """Those of all fields, in their order. Raises `UsageError` for a model that has no JSON Schema."""
    root = json.loads(json_schema(schema))
    walk = _Walk(root.get("$defs", {}), naming)
    return list(walk.table(root, (), required=True, secret=False))


def of_profile(name: str) -> Variable:
    """The one that names the profile: it stands for no key, and counts in the environment only."""
    return Variable(name, (), "text", None, False, False, "The profile to use.")


class _Walk:
    def __init__(self, defs: Mapping[str, Any], naming: Naming) -> None:
        self._defs = defs
        self._naming = naming

    def table(self, node: Any, path: KeyPath, *, required: bool, secret: bool) -> Iterator[Variable]:
        """The variables of a table at `path`. `required`: it has to be there."""
        found = self._resolved(node)
        needed = found.get("required", ()) if required else ()
        properties, given = found.get("properties", {}), found.get("default")
        for key, field in properties.items():
            if "-" in key and key.replace("-", "_") in properties:
                continue  # the other spelling
            if isinstance(given, dict) and key in given:  # the table has defaults of its own
                field = {**self._resolved(field), "default": given[key]}
            yield from self._field(field, (*path, key), required=key in needed, secret=secret)

    def _field(self, field: Any, path: KeyPath, *, required: bool, secret: bool) -> Iterator[Variable]:
        found = self._resolved(field)
        secret = secret or found.get(MARKED) is True
        if found.get("properties") and self._naming.nested and len(path) < _DEEPEST:
            yield from self.table(found, path, required=required, secret=secret)
            return
        default = None if secret else field.get("default", found.get("default"))
        text = field.get("description") or found.get("description") or ""
        yield Variable(self._naming.name(path), path, self._type(found), default, required, secret, text)

    def _resolved(self, node: Any) -> dict[str, Any]:
        """`node` with what it refers to."""
        for _ in range(_DEEPEST):
            if not isinstance(node, dict) or not str(node.get("$ref", "")).startswith(_DEFS):
                break
            target = self._defs.get(node["$ref"].removeprefix(_DEFS), {})
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node if isinstance(node, dict) else {}

    def _type(self, node: Any) -> str:
        found = self._resolved(node)
        allowed = [found["const"]] if "const" in found else found.get("enum")
        if allowed:
            return " | ".join(each if isinstance(each, str) else json.dumps(each) for each in allowed)
        if "type" not in found:
            choices = [self._type(each) for each in (*found.get("anyOf", ()), *found.get("oneOf", ()))]
            return " | ".join(dict.fromkeys(choices)) or "anything"
        if found["type"] in ("array", "object"):
            return "JSON array" if found["type"] == "array" else "JSON table"
        kind = found.get("format", found["type"])
        return "text" if kind in ("string", "password") else str(kind)


def as_text(found: Iterable[Variable], *, shorten: bool = False) -> str:
    """A line for each, in columns: name, type, default, meaning. `shorten`: types and defaults, for a terminal."""
    rows = [_cells(each) for each in found]
    if shorten:
        rows = [(name, cut(kind, _WIDEST), cut(default, _WIDEST), text) for name, kind, default, text in rows]
    columns = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join((*_padded(row[:3], columns[:3]), row[3])).rstrip() for row in rows)


def _cells(variable: Variable) -> tuple[str, str, str, str]:
    meaning = variable.description.partition("\n")[0]
    return steady(variable.name), steady(variable.type), steady(_shown(variable)), steady(meaning)


def _padded(cells: tuple[str, ...], columns: list[int]) -> list[str]:
    return [cell + " " * (column - width(cell)) for cell, column in zip(cells, columns, strict=True)]


def _shown(variable: Variable) -> str:
    if variable.default is None:
        marks = ["required"] * variable.required + ["secret"] * variable.secret
        return f"({', '.join(marks)})" if marks else "-"
    return shortened(_text(variable.default), _LONGEST)


def _text(value: Json) -> str:
    """`value` as the text of a variable."""
    return value if isinstance(value, str) else json.dumps(value)


def as_json(found: Iterable[Variable]) -> Json:
    """The same for programs."""
    values: list[Json] = [
        {
            "name": each.name,
            "key": dotted(each.path),
            "type": each.type,
            "default": each.default,
            "required": each.required,
            "secret": each.secret,
            "description": each.description,
        }
        for each in found
    ]
    return {"variables": values}


def as_dotenv(found: Iterable[Variable]) -> str:
    """A `.env` file in which all is a comment: each variable with its default, below its meaning and its type."""
    blocks = []
    for each in found:
        lines = [printable(line) for line in each.description.splitlines()]
        kind = each.type + (", required" if each.required else "") + (", secret" if each.secret else "")
        head = [*(f"# {line}".rstrip() for line in lines), f"# ({printable(kind)})"]
        default = "" if each.default is None else _quoted(_text(each.default))
        blocks.append("\n".join([*head, f"# {each.name}={default}"]))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    """`text` as python-dotenv reads it back."""
    if _BARE.fullmatch(text) or not text:
        return text
    escaped = text.replace("\\", "\\\\")
    if "\n" not in text and "\r" not in text:
        return "'" + escaped.replace("'", "\\'") + "'"
    return '"' + escaped.replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
