"""What a JSON Schema says of a value, in words, and an example of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from hotconf.text import printable, shortened

Node = dict[str, Any]

_DEFS: Final = "#/$defs/"
_DEEPEST: Final = 8
_LONGEST: Final = 60
_TYPES: Final = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
    "null": "nothing",
}
_FORMATS: Final = {
    "binary": "text",
    "date": "date",
    "date-time": "date and time",
    "duration": "duration, such as PT30S",
    "email": "e-mail address",
    "file-path": "path of a file",
    "directory-path": "path of a directory",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "multi-host-uri": "URL",
    "password": "text",
    "path": "path",
    "regex": "regular expression",
    "time": "time",
    "uri": "URL",
    "uuid": "UUID",
}
_COUNTED: Final = frozenset(("integer", "number", "list", "table", "path", "date", "duration", "URL", "UUID"))
_PLURALS: Final = {"path of a file": "paths of files", "path of a directory": "paths of directories"}
_EXAMPLES: Final[dict[str, object]] = {
    "date": date(2030, 1, 31),
    "date-time": datetime(2030, 1, 31, 12, 0),
    "directory-path": "/",
    "duration": "PT30S",
    "email": "name@example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "multi-host-uri": "https://example.com",
    "time": time(12, 0),
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Words:
    """Reads the nodes of one JSON Schema."""

    def __init__(self, root: Node) -> None:
        self._defs: Mapping[str, Any] = root.get("$defs", {})

    def resolved(self, node: object) -> Node:
        """`node` with what it refers to."""
        for _ in range(_DEEPEST):
            if not isinstance(node, dict) or not str(node.get("$ref", "")).startswith(_DEFS):
                break
            target = self._defs.get(node["$ref"].removeprefix(_DEFS), {})
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node if isinstance(node, dict) else {}

    def alternatives(self, node: object) -> list[Node]:
        """The members of a union, or `node` itself; resolved."""
        found = self.resolved(node)
        members = found.get("anyOf") or found.get("oneOf")
        return [inner for each in members for inner in self.alternatives(each)] if members else [found]

    def table(self, node: object, keys: set[str]) -> Node:
        """That of them which is a table with these `keys`."""
        return next((each for each in self.alternatives(node) if keys <= each.get("properties", {}).keys()), {})

    def of(self, node: object, depth: int = 3) -> str:
        """The type and the limits: `integer, 1 to 65535`. Empty if nothing is known."""
        found = self.resolved(node)
        choices = [found["const"]] if "const" in found else found.get("enum")
        if choices:
            shown = list(map(_shown, choices))
            return f"always {shown[0]}" if len(shown) == 1 else "one of " + ", ".join(shown)
        if found.get("anyOf") or found.get("oneOf"):
            members = self.alternatives(found)
            for key in members[0].get("properties", {}):
                tags = [self.resolved(each.get("properties", {}).get(key)) for each in members]
                if all("const" in tag for tag in tags):
                    return f"table, by {printable(key)}: {', '.join(_shown(tag['const']) for tag in tags)}"
            return " or ".join(dict.fromkeys(filter(None, (self.of(each, depth - 1) for each in members))))
        kind = found.get("type")
        if not isinstance(kind, str):
            return ""
        words = _FORMATS.get(found.get("format", ""), _TYPES.get(kind, kind))
        inner = found.get("items") if kind == "array" else found.get("additionalProperties")
        if kind in ("array", "object") and "properties" not in found and depth and (of := self.of(inner, depth - 1)):
            words += f" of {_PLURALS.get(of, of) if of not in _COUNTED else f'{of}s'}"
        return ", ".join((words, *_limits(found)))

    def example(self, node: object, depth: int = _DEEPEST) -> object:
        """A value that looks like what is asked for, and is it where the limits are simple."""
        found = self.alternatives(node)[0]
        if found.get("examples"):
            return found["examples"][0]
        if "const" in found or found.get("enum"):
            return found["const"] if "const" in found else found["enum"][0]
        match found.get("type"):
            case "boolean":
                return False
            case "integer" | "number" as kind:
                return _number(found, whole=kind == "integer")
            case "array" if depth:
                items = found.get("prefixItems") or [found.get("items")] * found.get("minItems", 0)
                return [self.example(each, depth - 1) for each in items]
            case "object":
                keys = found.get("required", ()) if depth else ()
                return {key: self.example(found.get("properties", {}).get(key), depth - 1) for key in keys}
        return _EXAMPLES.get(found.get("format", ""), "x" * min(found.get("minLength", 0), _LONGEST))


def _shown(value: object) -> str:
    return shortened(printable(json.dumps(value, ensure_ascii=False)), _LONGEST)


def _limits(node: Node) -> list[str]:
    limits = []
    least, most = node.get("minimum"), node.get("maximum")
    if least is not None and most is not None:
        limits.append(f"{least} to {most}")
    else:
        limits += [f"at least {least}"] if least is not None else []
        limits += [f"at most {most}"] if most is not None else []
    for key, words in (("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than")):
        limits += [f"{words} {node[key]}"] if key in node else []
    if "multipleOf" in node:
        limits.append(f"a multiple of {node['multipleOf']}")
    for low, high, what in (("minLength", "maxLength", "character"), ("minItems", "maxItems", "item")):
        limits += _sizes(node.get(low), node.get(high), what)
    if node.get("uniqueItems"):
        limits.append("none twice")
    if "pattern" in node:
        limits.append(f"matching {shortened(printable(str(node['pattern'])), _LONGEST)}")
    return limits


def _sizes(least: int | None, most: int | None, what: str) -> list[str]:
    if not least and most is None:
        return []
    if least == most:
        return [f"{most} {what}{'s' * (most != 1)}"]
    if most is None:
        return [f"at least {least} {what}{'s' * (least != 1)}"]
    return [f"{least} to {most} {what}s" if least else f"at most {most} {what}{'s' * (most != 1)}"]


def _number(node: Node, *, whole: bool) -> object:
    step = 1 if whole else 0.5
    if "minimum" in node or "exclusiveMinimum" in node:
        number = node["minimum"] if "minimum" in node else node["exclusiveMinimum"] + step
    else:
        most = node["maximum"] if "maximum" in node else node.get("exclusiveMaximum", step) - step
        number = min(0, most)
    return int(number) if whole else float(number)
