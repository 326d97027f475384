"""`declarations`: the classes of pydantic-settings in a model, each of which declares layers.

Nothing here imports pydantic-settings: without such a class in the program, there is none in a model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from hotconf.config import coreschema
from hotconf.config.coreschema import is_settings
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem
from hotconf.schema import Schema


class Declaration(NamedTuple):
    """A `BaseSettings` class in a model."""

    settings: Any
    path: KeyPath
    made: bool
    """Where no layer says anything, an instance is made all the same."""


class Declared(NamedTuple):
    """What a model declares."""

    root: Any = None
    """The model itself, if it is such a class."""
    declarations: tuple[Declaration, ...] = ()
    """Outermost first."""
    problems: tuple[Problem, ...] = ()
    """Instances that were made at the import, and so cannot follow their sources."""


_NOTHING = Declared()
_DECLARED: WeakKeyDictionary[TypeAdapter[Any], Declared] = WeakKeyDictionary()


def declared(schema: Schema[Any]) -> Declared:
    """The declarations in the model of `schema`. It may not be complete yet."""
    if "pydantic_settings" not in sys.modules:
        return _NOTHING
    known = _DECLARED.get(schema.adapter)
    if known is None:
        model = schema.model
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = coreschema.model_of(coreschema.root(schema.adapter))
        known = _DECLARED[schema.adapter] = _sought(model)
    return known


def _sought(model: Any) -> Declared:
    if model is None:
        return _NOTHING
    declarations, problems = [], []
    todo: list[tuple[KeyPath, type[BaseModel], bool, tuple[type, ...]]] = [((), model, True, ())]
    for path, cls, made, around in todo:
        if is_settings(cls):
            declarations.append(Declaration(cls, path, made))
        for name, field in cls.__pydantic_fields__.items():
            here = (*path, _key(name, field))
            if any(map(is_settings, map(type, _models(field.default)))):
                problems.append(_stuck(cls, name, here))
            inner = field.annotation
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)) or inner in (*around, cls):
                continue
            if field.default_factory is inner or field.is_required():
                todo.append((here, inner, made and not field.is_required(), (*around, cls)))
    return Declared(model if is_settings(model) else None, tuple(declarations), tuple(problems))


def _key(name: str, field: FieldInfo) -> str:
    """The first name that a layer may use for a field."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((each for each in alias.choices if isinstance(each, str)), None)
    return alias if isinstance(alias, str) else name


def _models(default: object) -> Iterator[BaseModel]:
    """The models in a default, without what is in its arrays and free tables."""
    if isinstance(default, BaseModel):
        yield default
        for value in default.__dict__.values():
            yield from _models(value)


def _stuck(cls: type, name: str, path: KeyPath) -> Problem:
    text = f"The default of {dotted(path)} was made at the import: its sources are not followed"
    hint = f"write Field(default_factory={type(cls.__pydantic_fields__[name].default).__name__})"  # type: ignore[attr-defined]
    return Problem(text, path, "schema", "warning", hint, where=f"{cls.__qualname__}.{name}")
