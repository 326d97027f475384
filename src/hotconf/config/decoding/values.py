"""What a text says, by what the model has there."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from pydantic import ValidationError
from pydantic_core import SchemaValidator, from_json

from hotconf.config import coreschema
from hotconf.config.coreschema import Leaf, Node
from hotconf.config.shape import Shape
from hotconf.formats.base import is_too_deep

_SCALARS: Final = frozenset(
    {
        *("bool", "bytes", "complex", "date", "datetime", "decimal", "float", "int"),
        *("multi-host-url", "time", "timedelta", "url", "uuid"),
    }
)
_JSON: Final = ("{", "[")


class Form(NamedTuple):
    """How texts are read at one place."""

    text: bool = False
    """The model takes text, or it is not known what it takes."""
    tables: bool = False
    arrays: bool = False
    preprocessed: bool = True
    """A function sees it first, whatever it is."""
    kinds: tuple[str, ...] = ()
    """The scalars that are not text."""
    choices: tuple[Leaf, ...] = ()
    """The literals and enumerations."""


_FORMS: WeakKeyDictionary[Shape, Form] = WeakKeyDictionary()
_PART: Final = Form(tables=True, arrays=True)
"""What an alias path leads through."""


def form_of(shape: Shape) -> Form:
    """How texts are read that stand where `shape` is."""
    form = _FORMS.get(shape)
    if form is None:
        kinds = [_kind(leaf.node) for leaf in shape.leaves]
        form = _FORMS[shape] = Form(
            text="text" in kinds,
            tables="table" in kinds,
            arrays="array" in kinds,
            preprocessed=all(leaf.preprocessed for leaf in shape.leaves),
            kinds=tuple(dict.fromkeys(kind for kind in kinds if kind in _SCALARS)),
            choices=tuple(leaf for leaf, kind in zip(shape.leaves, kinds, strict=True) if kind == "choice"),
        )
    return form


def _kind(node: Node) -> str:
    if coreschema.is_table(node) or coreschema.values(node) is not None:
        return "table"
    if coreschema.items(node) or coreschema.positions(node):
        return "array"
    kind: str = node["type"]
    if kind in ("literal", "enum"):
        return "choice"
    return kind if kind in _SCALARS or kind == "none" else "text"


def read(text: str, shape: Shape, around: Shape, *, whole: bool) -> tuple[Any, str | None]:
    """What `text` says that stands in a table of the shape `around`.

    Also why it is no JSON where it has to be: `""` if it does not even look like it.

    `whole`: a field stands there, and not only the beginning of an alias path.
    """
    form = form_of(shape) if whole else _PART
    if form.tables or form.arrays:
        found, wrong = _from_json(text, form)
        if wrong is None:
            return found, None
        if not (form.text or form.kinds or form.choices):
            return text, None if not whole or (form.preprocessed and not wrong) else wrong
    if form.text or (form.preprocessed and not any(leaf.config.get("strict") for leaf in around.leaves)):
        return text, None
    return _scalar(text, form), None


def _from_json(text: str, form: Form) -> tuple[Any, str | None]:
    begin = text.strip()
    if not begin.startswith(_JSON):
        return (None, None) if begin == "null" and not form.text else (text, "")
    try:
        found = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        wrong = str(error).replace("expected ident", "expected true, false or null")
        return text, wrong.replace(" at line 1 column ", " at column ")
    if not (form.tables if isinstance(found, dict) else form.arrays):
        return text, ""
    return (text, "nested too deeply") if is_too_deep({"": found}) else (found, None)


def _scalar(text: str, form: Form) -> Any:
    for leaf in form.choices:
        for choice in leaf.node.get("expected") or leaf.node.get("members") or ():
            value = getattr(choice, "value", choice)
            kind = type(value).__name__
            if text == value or (kind in _SCALARS and _as(text, kind) == value):
                return choice
    return _as(text, *form.kinds) if form.kinds else text


def _as(text: str, *kinds: str) -> Any:
    """`text` read as one of these scalars; `text` itself if it is none."""
    try:
        given: Any = text  # of a scalar; its type is that of a table
        return _validator(kinds).validate_strings(given)
    except ValidationError:
        return text


@lru_cache(maxsize=64)
def _validator(kinds: tuple[str, ...]) -> SchemaValidator:
    union: Any = {"type": "union", "choices": [{"type": kind} for kind in kinds]}
    return SchemaValidator(union)
