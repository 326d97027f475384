"""A weaker layer never wins, whichever of a field's ways each layer uses: names, alias paths, items of one array."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, ValidationError, create_model

from hotconf.changes import MISSING
from hotconf.config.layers import LayerTable
from hotconf.config.merge import Merged, merge
from hotconf.config.shape import shape_of
from hotconf.config.spelling import respell
from hotconf.config.validation.validate import validate
from hotconf.config.walk import fields_of
from hotconf.engine.candidate import Invalid
from hotconf.keypath import KeyPath
from hotconf.schema import Schema
from torture.extent import examples

WAYS: tuple[KeyPath, ...] = (
    *(("key",), ("other",), ("both",), ("a", 0), ("a", 1), ("a", -1), ("b", 0)),
    *(("t", "u"), ("t", "v"), ("t", "w", 0), ("t", "w", 1), ("s", "u"), ("s", "x", "y")),
)
NAMES = ("one", "two", "three")


def merged_of(model: type[BaseModel], *tables: dict[str, Any]) -> Merged:
    """These layers, weakest first."""
    schema = Schema(model)
    layers = [respell(LayerTable.of(f"layer{n}", table), schema) for n, table in enumerate(tables)]
    if any(isinstance(layer, tuple) for layer in layers):
        raise ValueError("two names in one layer")
    return merge([layer for layer in layers if isinstance(layer, LayerTable)], shape_of(schema))


def loaded(model: type[BaseModel], *tables: dict[str, Any]) -> dict[str, Any] | list[str]:
    """The configuration that they make, or why they do not."""
    found = validate(Schema(model), merged_of(model, *tables))
    if isinstance(found, Invalid):
        return [problem.with_hint for problem in found.problems]
    return found.config.model_dump()


def at(value: Any, way: KeyPath) -> Any:
    """What pydantic finds there."""
    for key in way:
        if isinstance(value, str):
            return MISSING
        try:
            value = value[key]
        except (LookupError, TypeError):
            return MISSING
    return value


def ways_of(model: type[BaseModel], name: str) -> list[KeyPath]:
    """In the model's order."""
    alias = model.model_fields[name].validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    named: list[KeyPath] = [(name,)] if alias is None or model.model_config.get("populate_by_name") else []
    return [tuple(getattr(each, "path", [each])) for each in choices if each is not None] + named


def given_by(model: type[BaseModel], name: str, table: Any) -> Any:
    """What the model reads in one table. Names that only one field has are spellings of the first of them."""
    ways = ways_of(model, name)
    names = [way for way in ways if len(way) == 1]
    others = {way[0] for other in model.model_fields if other != name for way in ways_of(model, other)}
    if others.isdisjoint(key for (key,) in names):
        first = [way for way in ways if len(way) > 1 or way == names[0]]
        ways = [each for way in first for each in (names if way in names else [way])]
    return next((value for way in ways if (value := at(table, way)) is not MISSING), MISSING)


def blocks(model: type[BaseModel], name: str, table: Any) -> bool:
    """Whether it replaces something that ways lead through by what is no table."""
    ways = [way[:length] for way in ways_of(model, name) for length in range(1, len(way))]
    return any(not isinstance(at(table, way), dict) and at(table, way) is not MISSING for way in ways)


@st.composite
def models(draw: st.DrawFn) -> type[BaseModel]:
    """Some fields, each with some ways."""
    config = ConfigDict(
        extra=draw(st.sampled_from(["forbid", "ignore", "allow"])), populate_by_name=draw(st.booleans())
    )
    fields: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        ways = draw(st.lists(st.sampled_from(WAYS), max_size=3, unique=True))
        choices = [AliasPath(*way) if len(way) > 1 else way[0] for way in ways]  # type: ignore[arg-type]
        alias = AliasChoices(*choices) if choices else None
        fields[name] = (int, Field(0, validation_alias=alias))
    return create_model("Drawn", __config__=config, **fields)


@st.composite
def layers(draw: st.DrawFn, model: type[BaseModel], first: int) -> dict[str, Any]:
    """A table that gives some fields, each value another number."""
    table: dict[str, Any] = {}
    numbers = iter(range(first, first + 100))
    known = [way for name in model.model_fields for way in ways_of(model, name)]
    for way in draw(st.lists(st.sampled_from(known), max_size=3, unique=True)):
        here: Any = table
        for key, after in zip(way, (*way[1:], None), strict=True):
            inner: Any = next(numbers) if after is None else {} if isinstance(after, str) else []
            if isinstance(key, int):
                here.extend(next(numbers) for _ in range(max(key, -key - 1) + 1 - len(here)))
                here[key] = inner
            else:
                here.setdefault(key, inner)
            here = here[key]
            if after is not None and not isinstance(here, dict if isinstance(after, str) else list):
                break  # another way has put something else there
    return table


@st.composite
def cases(draw: st.DrawFn) -> tuple[type[BaseModel], list[dict[str, Any]]]:
    """A model and its layers, weakest first."""
    model = draw(models())
    return model, [draw(layers(model, 1000 * n)) for n in range(1, draw(st.integers(2, 3)) + 1)]


def check(model: type[BaseModel], tables: list[dict[str, Any]], found: dict[str, Any], origins: Any) -> None:
    """Each field has the value of the strongest layer that gives it, and its origin names that."""
    for name in model.model_fields:
        said = [given_by(model, name, table) for table in tables]
        strongest = max((n for n, value in enumerate(said) if value is not MISSING), default=None)
        expected = 0 if strongest is None else said[strongest]
        over = tables[len(tables) if strongest is None else strongest + 1 :]
        if found[name] == 0 and any(blocks(model, name, table) for table in over):
            event("replaced by what gives nothing")
            continue
        assert found[name] == expected, name
        if len({key for key, _ in fields_of(model)}) < len(model.model_fields):
            continue  # two fields go by one name
        key = next(key for key, field in fields_of(model) if field == name)
        where = origins.explain((key,))[0].origin.where
        assert where == ("default" if strongest is None else f"layer{strongest}"), name


def accepted(model: type[BaseModel], tables: list[dict[str, Any]]) -> bool:
    """Whether the model takes each layer by itself."""
    try:
        for table in tables:
            model.model_validate(table)
    except ValidationError:
        return False
    return True


@settings(max_examples=examples(5000, 500), deadline=None)
@given(cases(), st.booleans())
def test_the_strongest_layer_that_gives_a_field_wins(
    case: tuple[type[BaseModel], list[dict[str, Any]]], nested: bool
) -> None:
    """By whichever way; within one layer the model's own order of names decides. What cannot be is refused."""
    model, tables = case
    note(f"{ {name: ways_of(model, name) for name in model.model_fields} } {model.model_config} {tables}")
    root, given_tables = model, tables
    if nested:
        root = create_model("Root", sub=(model, ...), beside=(list[model], []))  # type: ignore[valid-type]
        given_tables = [{"sub": table} for table in tables]
    try:
        merged = merged_of(root, *given_tables)
    except ValueError as error:
        event(str(error))
        return
    found = validate(Schema(root), merged)
    if isinstance(found, Invalid):
        impossible = any("cannot have its value" in problem.message for problem in found.problems)
        event("impossible" if impossible else "refused")
        assert impossible or not accepted(model, tables), found.problems
        return
    event("loaded")
    config: Any = found.config.sub if nested else found.config
    origins = merged.origins.of(found.config)
    if nested:
        check(model, tables, vars(config), _Below(origins))
    else:
        check(model, tables, vars(config), origins)


class _Below:
    """The origins in a table."""

    def __init__(self, origins: Any) -> None:
        self._origins = origins

    def explain(self, path: KeyPath) -> Any:
        return self._origins.explain(("sub", *path))
