"""The JSON Schema of a configuration, for editors and linters: what they may offer, explain and refuse.

It says what the model says, as far as JSON Schema can: types, defaults, limits, enumerations, which keys there are;
and what a field's docstring says of it. It knows nothing of references (a model's provider must exist).

Rule 1: what `check` accepts, the schema accepts, keys in the other spelling included; except what a model that is not
        strict, or a validator of the user's, makes of values of another type. A key that another layer may
        set, such as the environment, is not required.
Rule 2: an unknown key that `check` only warns of is not forbidden; editors warn of it, too, because it is not listed.
Rule 3: no secret is in it (`schema_secrets.py`). What may be one is `writeOnly`, as pydantic has it for its types.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, get_origin

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from hotconf.config.coreschema import makes_secret, model_of, positions, root
from hotconf.config.walk import fields_of
from hotconf.errors import UsageError
from hotconf.report.schema_secrets import MARKED, without_secrets
from hotconf.secrets.keys import is_secret_key
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_core import core_schema

    from hotconf.schema import Schema

_MARK: Final = "Written by hotconf for {}. To write it again: hotconf schema --stamp"
"""By this its own files are known."""
_TOML_VERSION: Final = "v1.1.0"

Node = dict[str, Any]

_ANYTHING: Final[Node] = {"additionalProperties": True}
"""The empty schema would do, but of a table it would make tombi warn of each key."""


def json_schema(schema: Schema[Any], *, layered: bool = False) -> str:
    """The JSON Schema of `schema`, as indented text in plain ASCII. `layered`: other layers may set what a file
    lacks.

    Raises `UsageError` for a model that has none, or fails over it: its hooks are users' code.
    """
    generator: type[_Generator] = _KebabGenerator if schema.kebab else _Generator
    if layered:
        generator = type(generator.__name__, (generator,), {"layered": True})
    try:
        found = schema.adapter.json_schema(schema_generator=generator)
    except Exception as error:
        text = f"the model has no JSON Schema: {type(error).__name__}: {error}"
        raise UsageError(printable(text.partition("\n")[0])) from error
    head = {
        "$schema": generator.schema_dialect,
        "$comment": _MARK.format(name_of(schema)),
        "x-tombi-toml-version": _TOML_VERSION,
    }
    return json.dumps({**head, **without_secrets(found)}, indent=2, ensure_ascii=True) + "\n"


def may_set(layers: Iterable[object]) -> bool:
    """Whether one of these layers may set what a file lacks, by variables or secrets."""
    return any(hasattr(layer, "way") for layer in layers)


def name_of(schema: Schema[Any]) -> str:
    """The model, as `module:Name`; other types as they are written."""
    model = schema.model
    if not isinstance(model, type) or get_origin(model) is not None:
        found = model_of(root(schema.adapter))
        if found is None:
            return printable(str(model))
        model = found
    return printable(f"{model.__module__}:{model.__qualname__}")


def writer_of(text: str) -> str | None:
    """The `name_of` the model that `text`, a JSON Schema, was written for; None if hotconf did not write it."""
    try:
        comment = json.loads(text).get("$comment")
    except (ValueError, AttributeError, RecursionError):
        return None
    before, after = _MARK.split("{}")
    if not isinstance(comment, str) or not (comment.startswith(before) and comment.endswith(after)):
        return None
    return comment.removeprefix(before).removesuffix(after)


class _Generator(GenerateJsonSchema):
    """As pydantic has it, but in terms of TOML: nothing is null, keys have no titles, docstrings describe fields."""

    layered = False
    """Whether other layers may set what a file lacks."""
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 (as pydantic declares it)
        "skipped-choice",
        "non-serializable-default",
    }

    def generate_inner(self, schema: Any) -> Node:
        """With a mark on what is secret by its type."""
        node: Node = super().generate_inner(schema)
        return {**node, MARKED: True} if makes_secret(schema) else node

    def named_tuple_schema(self, schema: Any) -> Node:
        """With a mark on its secret items."""
        return _with_marks(super().named_tuple_schema(schema), positions(schema))

    def call_schema(self, schema: Any) -> Node:
        """A named tuple, before pydantic 2.13."""
        return _with_marks(super().call_schema(schema), positions(schema))

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Node:
        """TOML has no null: what may be left out is left out."""
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: core_schema.ModelSchema) -> Node:
        """With what the docstrings of the fields say."""
        return self.table(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> Node:
        """With what the docstrings of the fields say."""
        return self.table(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> Node:
        """As any other table."""
        return self.table(super().typed_dict_schema(schema), None)

    def table(self, node: Node, cls: type | None) -> Node:
        """The schema `node` of a table of fields, finished."""
        properties: dict[str, Node] = node.get("properties", {})
        if cls is not None:
            _describe(properties, cls)
        keys = {key: key for key, _ in fields_of(cls)} if cls is not None else {}
        for key, field in properties.items():
            if is_secret_key(keys.get(key, key)):
                field[MARKED] = True
            default = _written(field.pop("default", None))
            if default is not None:
                field["default"] = default
        if self.layered and "required" in node:  # but what tells the alternatives of a union apart
            node["required"] = [key for key in node["required"] if "const" in properties.get(key, {})]
        return node

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 (pydantic's signature)
        """A title that only repeats the key says nothing."""
        return False

    def handle_invalid_for_json_schema(self, schema: object, error_info: str) -> Node:  # noqa: ARG002
        """What JSON Schema cannot say anything about may be anything."""
        return dict(_ANYTHING)

    def any_schema(self, schema: core_schema.AnySchema) -> Node:  # noqa: ARG002
        """Tables with any keys among it."""
        return dict(_ANYTHING)


class _KebabGenerator(_Generator):
    """Keys that name a field may be spelled with `-`, but not in both ways at once.

    Both spellings are listed: keys that only match a pattern would make tombi refuse unknown ones instead of warning.
    """

    def table(self, node: Node, cls: type | None) -> Node:
        """With the other spellings."""
        properties: dict[str, Node] = super().table(node, cls).get("properties", {})
        spellings = {name: name.replace("_", "-") for name in properties if "_" in name}
        spellings = {name: kebab for name, kebab in spellings.items() if kebab not in properties}
        if not spellings:
            return node
        properties.update({kebab: dict(properties[name]) for name, kebab in spellings.items()})
        rules: list[Node] = [{"not": {"anyOf": [{"required": [*pair]} for pair in spellings.items()]}}]
        # In a conditional schema, too, tombi warns of each key that is not listed.
        listed = dict.fromkeys(properties, True)
        required = node.get("required", [])
        for name in filter(spellings.__contains__, required):
            other = {"required": [spellings[name]], "properties": listed}
            rules.append({"if": other, "else": {"required": [name], "properties": listed}})
        return node | {"required": [name for name in required if name not in spellings], "allOf": rules}


def _describe(properties: dict[str, Node], cls: type) -> None:
    docs = _field_docs(cls)
    for key, name in fields_of(cls):
        if key in properties and name in docs:
            properties[key].setdefault("description", docs[name])


def _with_marks(node: Node, names: tuple[str, ...]) -> Node:
    for name, item in zip(names, node.get("prefixItems", ()), strict=False):
        if is_secret_key(name):
            item[MARKED] = True
    return node


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items() if item is not None}
    return [_written(item) for item in value] if isinstance(value, list) else value


def _field_docs(cls: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is not BaseModel and (issubclass(base, BaseModel) or is_dataclass(base)):
            docs.update(_own_docs(base))
    return docs


def _own_docs(cls: type) -> Iterator[tuple[str, str]]:
    """The strings that stand below the fields of `cls`; none where there is no source to read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                yield field.target.id, inspect.cleandoc(text)
