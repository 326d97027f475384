"""`read`: YAML by PyYAML's own loader, made to follow the core schema of YAML 1.2. The reference of the tests."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

TAG = "tag:yaml.org,2002:"


class Core(yaml.CSafeLoader):
    """Keys are text and unique; timestamps are text; no other tags."""

    yaml_implicit_resolvers: ClassVar[Any] = {}
    yaml_constructors: ClassVar[Any] = {}


for _name, _pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "merge": r"<<",
}.items():
    Core.add_implicit_resolver(TAG + _name, re.compile(f"(?:{_pattern})$"), None)


def _scalar(loader: Any, node: Any) -> Any:
    kind, text = node.tag.removeprefix(TAG), loader.construct_scalar(node)
    pattern = {
        "null": r"~|null|Null|NULL|",
        "bool": r"(?i:true|false)",
        "int": r"[-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+",
        "float": r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?i:inf)|\.(?i:nan)",
        "str": r"(?s:.*)",
    }[kind]
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(text)
    if kind == "int":
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
    if kind == "float":
        return float(re.sub(r"\.(?=[a-zA-Z])", "", text))
    return {"null": None, "bool": text.lower() == "true", "str": text}[kind]


for _name in ("null", "bool", "int", "float", "str"):
    Core.add_constructor(TAG + _name, _scalar)


def _unknown(loader: Any, node: Any) -> Any:
    raise ValueError(node.tag)


Core.add_constructor(None, _unknown)
Core.add_constructor("!", lambda loader, node: loader.construct_scalar(node))


def _sequence(loader: Any, node: Any) -> Any:
    return [loader.construct_object(each, deep=True) for each in node.value]


def _mapping(loader: Any, node: Any) -> Any:
    merged, table = [], {}
    merges = 0
    for key, value in node.value:
        if key.tag == TAG + "merge":
            merges += 1
            built = loader.construct_object(value, deep=True)
            merged = built if isinstance(built, list) else [built]
            continue
        name, item = loader.construct_object(key, deep=True), loader.construct_object(value, deep=True)
        if not isinstance(name, str) or name in table:
            raise ValueError(name)
        table[name] = item
    if merges > 1 or not all(isinstance(each, dict) for each in merged):
        raise ValueError
    below: dict[str, Any] = {}
    for each in reversed(merged):
        below.update(each)
    return {**below, **table}


Core.add_constructor(TAG + "seq", _sequence)
Core.add_constructor(TAG + "map", _mapping)


def read(text: str) -> Any:
    """The table in `text`. `ValueError` if it is no such mapping."""
    try:
        found = yaml.load(text, Core)
    except (yaml.YAMLError, RecursionError, AttributeError) as error:
        raise ValueError from error
    if found is None and "#" in text and not re.search(r"~|null|Null|NULL", re.sub(r"#.*", "", text)):
        return {}
    if not isinstance(found, dict):
        raise ValueError
    return found


def value(text: str) -> Any:
    """Any value, as it is written in YAML."""
    return yaml.load(text, Core)
