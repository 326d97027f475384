"""`declarations`: the classes of pydantic-settings in a model, each of which declares layers.

Nothing here imports pydantic-settings: without such a class in the program, there is none in a model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args
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
    """Classes whose sources cannot be followed: of instances made at the import, or made together with others."""


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
            inner = field.annotation
            below = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
            if any(map(is_settings, map(type, _models(field.default)))):
                problems.append(_stuck(cls, name, here))
            elif below is not None and (field.default_factory is below or field.is_required()):
                if below not in (*around, cls):
                    todo.append((here, below, made and not field.is_required(), (*around, cls)))
            elif (found := _settings_in(inner, set())) is not None:
                problems.append(_unfollowed(cls, name, here, found))
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


def _settings_in(given: object, seen: set[type]) -> type | None:
    """The first such class in a type: in its alternatives, its items, and the fields of models in it."""
    if isinstance(given, type) and is_settings(given):
        return given
    inner: Iterable[object] = get_args(given)
    if (alias := getattr(given, "__value__", None)) is not None:
        inner = (alias,)
    if isinstance(given, type) and given not in seen:
        seen.add(given)
        fields: dict[str, FieldInfo] = getattr(given, "__pydantic_fields__", {})
        inner = (*inner, *(field.annotation for field in fields.values()))
    return next((found for each in inner if (found := _settings_in(each, seen)) is not None), None)


def _unfollowed(cls: type, name: str, path: KeyPath, settings: type) -> Problem:
    """Of several alternatives, or many instances, nobody knows before which are made."""
    own = settings.__name__
    text = f"{own} in {dotted(path)} reads its own sources: files override them, and their changes are not followed"
    hint = f"write {name}: {own} = Field(default_factory={own}), or make {own} a BaseModel"
    return Problem(text, path, "schema", "warning", hint, where=f"{cls.__qualname__}.{name}")


def _stuck(cls: type, name: str, path: KeyPath) -> Problem:
    text = f"The default of {dotted(path)} was created at import: its sources are not followed"
    hint = f"write Field(default_factory={type(cls.__pydantic_fields__[name].default).__name__})"  # type: ignore[attr-defined]
    return Problem(text, path, "schema", "warning", hint, where=f"{cls.__qualname__}.{name}")
