"""`Fault`: one of pydantic's errors, brought back to the table that it is about.

A location of pydantic's names keys and positions, and between them members of unions and tags, which stand nowhere in
the file. It is followed along the table and the shape of the model; what remains is a key path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final

from pydantic_core import ErrorDetails

from hotconf.changes import MISSING
from hotconf.config.shape import Shape
from hotconf.keypath import KeyPath
from hotconf.secrets.keys import is_secret_path

MISSES: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
CHOICES: Final = frozenset({"literal_error", "enum"})

_KEY_MARK = "[key]"
_EXPECTED = {
    "bool": "boolean",
    "bytes": "string",
    "dataclass": "table",
    "date": "date",
    "datetime": "datetime",
    "decimal": "float",
    "dict": "table",
    "float": "float",
    "frozen_set": "array",
    "int": "integer",
    "list": "array",
    "mapping": "table",
    "model": "table",
    "model_attributes": "table",
    "path": "string",
    "set": "array",
    "string": "string",
    "time": "time",
    "tuple": "array",
    "url": "string",
}
# Both the wrong type and a string that the lax mode could not read as the right one.
_TYPE_ERRORS = (
    "_from_date_parsing",
    "_from_datetime_inexact",
    "_from_datetime_parsing",
    "_from_float",
    "_parsing",
    "_type",
)
_TOML_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    (list, "array"),
    (dict, "table"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
    (type(None), "null"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """An error of the model's about the value at `path`."""

    type: str
    message: str
    context: Mapping[str, Any]
    path: KeyPath
    value: object
    """What stands there; MISSING if nothing does."""
    shape: Shape
    """What may stand there."""
    parent: Shape
    """What may stand around it."""
    secret: bool
    of_key: bool = False
    """It is the key that is wrong, not the value."""
    astray: bool = False
    """The error is about something inside the value that the file does not have: a validator changed it."""
    members: tuple[tuple[KeyPath, str], ...] = ()
    """The unions on the way: where they stand, and which member of theirs found the fault."""
    expected: tuple[str, ...] = ()
    """TOML's names of the types that could stand there, if it is the type that is wrong."""

    @property
    def at_key(self) -> bool:
        """Its place is the key, not the value."""
        return self.of_key or self.type == "extra_forbidden"


def holds(value: object, part: str | int) -> bool:
    """Is there such a key in the table, or such a position in the array?"""
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)


def toml_type(value: object) -> str:
    """TOML's name for the type of a parsed value."""
    return next((name for kind, name in _TOML_TYPES if isinstance(value, kind)), "string")  # decoded from one


def faults(errors: Iterable[ErrorDetails], table: dict[str, Any], shape: Shape) -> list[Fault]:
    """The errors as faults of `table`. Of the members of a union, one speaks for a value."""
    return _settled([_Walk(table, shape).fault(error) for error in errors])


class _Walk:
    """Follows one location from the root. `chosen`: the member of the union that stands here has been named."""

    def __init__(self, table: dict[str, Any], shape: Shape) -> None:
        self.path: KeyPath = ()
        self.value: object = table
        self.shape = self.parent = shape
        self.secret = shape.secret
        self.members: list[tuple[KeyPath, str]] = []
        self.of_key = self.astray = self.chosen = False

    def fault(self, error: ErrorDetails) -> Fault:
        location = error["loc"]
        for n, part in enumerate(location):
            self.step(part, absent=error["type"] in MISSES and n == len(location) - 1)
        fault = Fault(
            type=error["type"],
            message=error["msg"],
            context=error.get("ctx", {}),
            path=self.path,
            value=self.value,
            shape=self.shape,
            parent=self.parent,
            secret=self.secret or is_secret_path(self.path),
            of_key=self.of_key,
            astray=self.astray,
            members=tuple(self.members),
        )
        return replace(fault, expected=_expected(fault))

    def step(self, part: str | int, *, absent: bool) -> None:
        tag = next((tag for tag in self.shape.tags if str(tag) == str(part)), None)
        if tag is not None:
            self.shape = self.shape.tags[tag]
        elif self.shape.union and not self.chosen:
            self.members.append((self.path, str(part)))
            self.chosen = True
        elif holds(self.value, part) or absent or part in self.shape.keys:
            self.descend(part)
        elif part == _KEY_MARK:
            self.of_key = True
        else:
            self.astray = True

    def descend(self, part: str | int) -> None:
        self.path = (*self.path, part)
        self.value = self.value[part] if holds(self.value, part) else MISSING  # type: ignore[index] # it has it
        self.parent, self.shape = self.shape, self.shape.child(part)
        self.secret = self.secret or self.shape.secret or part in self.parent.renamed_keys
        self.chosen = False


def _expected(fault: Fault) -> tuple[str, ...]:
    if fault.value is MISSING or fault.astray or fault.of_key:
        return ()
    actual = toml_type(fault.value)
    if fault.type in CHOICES:
        if not isinstance(fault.value, list | dict):
            return ()
        names: Sequence[str] = [toml_type(value) for value in fault.shape.allowed]
    else:
        stem = next((fault.type.removesuffix(end) for end in _TYPE_ERRORS if fault.type.endswith(end)), "")
        names = [_EXPECTED[stem]] if stem in _EXPECTED else []
    return () if actual in names else tuple(dict.fromkeys(names))


def _settled(found: Sequence[Fault], level: int = 0) -> list[Fault]:
    unions: dict[KeyPath, dict[str, list[Fault]]] = {}
    settled = []
    for fault in found:
        if len(fault.members) > level:
            place, member = fault.members[level]
            unions.setdefault(place, {}).setdefault(member, []).append(fault)
        else:
            settled.append(fault)
    for place, members in unions.items():
        settled += _of_union(place, [_settled(of_member, level + 1) for of_member in members.values()])
    return settled


def _of_union(place: KeyPath, members: list[list[Fault]]) -> list[Fault]:
    """The faults of the member that was most likely meant; if the type suits none, one fault that names them all."""
    refused = [fault for of_member in members for fault in of_member if fault.path == place and fault.expected]
    meant = [of_member for of_member in members if not any(fault in refused for fault in of_member)]
    if meant:
        return min(meant, key=lambda of_member: sum(_weight(fault, place) for fault in of_member))
    names = dict.fromkeys(name for fault in refused for name in fault.expected)
    return [replace(refused[0], expected=tuple(names))]


def _weight(fault: Fault, place: KeyPath) -> int:
    # A literal inside that does not match distinguishes members, more than a key that is missing.
    return 3 if fault.type in CHOICES and fault.path != place else 1
