"""The layers over the files: the argument `layers`, and reading them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from hotconf import arguments
from hotconf.config.layers import FILE, LayerTable, TextTable
from hotconf.errors import UsageError
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.snapshot import DEFAULT
from hotconf.sources.base import Layer
from hotconf.sources.mapping import MappingLayer
from hotconf.values import NamedTuple


class LayersRead(NamedTuple):
    """What the layers over the files held at one time."""

    tables: tuple[LayerTable | TextTable, ...] = ()
    """Weakest first."""
    problems: tuple[Problem, ...] = ()
    """Why other layers could not be read."""

    def same_as(self, other: LayersRead) -> bool:
        """Whether both hold the same values, in any order of keys; NaN equals NaN."""
        return self == other or (self.problems == other.problems and self._texts() == other._texts())

    def decoded(self, schema: Schema[Any]) -> tuple[LayerTable, ...]:
        """The tables, texts decoded by what the model has there."""
        return tuple(each if isinstance(each, LayerTable) else _decoded(each, schema) for each in self.tables)

    def _texts(self) -> list[str]:
        return [each.text for each in self.tables]


def given_layers(given: object) -> tuple[Layer, ...]:
    """The layers of the argument `layers`. Raises `UsageError` for what is no layer, and for a name that is taken."""
    items = arguments.items("layers", given, "mappings or layers")
    found = tuple(_layer(f"layers[{number}]", each) for number, each in enumerate(items))
    names = [layer.name for layer in found]
    for number, name in enumerate(names):
        if name in (FILE, DEFAULT.layer, *names[:number]):
            raise arguments.wrong(f"layers[{number}].name", name, "a name of its own")
    return found


def _layer(argument: str, given: Any) -> Layer:
    if isinstance(given, Mapping):
        return MappingLayer(given, argument)
    name = getattr(given, "name", None)
    if not isinstance(name, str) or not name or not callable(getattr(given, "read", None)):
        raise arguments.wrong(argument, given, "a mapping, or an object with a name and read()")
    return cast("Layer", given)


def read(layers: Iterable[Layer]) -> LayersRead:
    """Read each layer. An exception of a layer becomes a problem that names it."""
    found = [_read(layer) for layer in layers]
    tables = tuple(each for each in found if not isinstance(each, Problem))
    return LayersRead(tables, tuple(each for each in found if isinstance(each, Problem)))


def _decoded(table: TextTable, schema: Schema[Any]) -> LayerTable:
    from hotconf.config.decoding.decode import decode  # late: for layers of texts only
    from hotconf.config.shape import shape_of

    return decode(table, shape_of(schema))


def _read(layer: Layer) -> LayerTable | TextTable | Problem:
    try:
        said = layer.read()
        return said if isinstance(said, LayerTable | TextTable) else LayerTable.of(layer.name, said)
    except UsageError as error:
        text = str(error).removeprefix(f"{layer.name}: ")  # the problem names it
        return Problem(text, kind="unreadable", where=layer.name)
    except BaseException as error:  # a layer may be users' code
        from hotconf.system.exceptions import propagates  # imported here: only needed once users' code raises

        if propagates(error):
            raise
        return Problem(f"Cannot read the layer: {type(error).__name__}", kind="unreadable", where=layer.name)
