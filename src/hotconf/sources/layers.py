"""The layers over the files: the argument `layers`, and reading them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from hotconf import arguments
from hotconf.config.layers import FILE, OVERRIDE, LayerTable, TextTable
from hotconf.config.reload_settings import without_watch_paths
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.snapshot import DEFAULT
from hotconf.sources.base import CheckedLayer, FileLayer, Layer, Options, ProfileLayer, check_model
from hotconf.sources.mapping import MappingLayer

Said: TypeAlias = LayerTable | TextTable | tuple[LayerTable, ...] | Problem | None
"""What a layer says, or why it cannot be read; None for a layer of files that are not read yet."""


class LayersRead(NamedTuple):
    """What the layers over the files held at one time."""

    said: tuple[Said, ...] = ()
    """Weakest first."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why some could not be read."""
        return tuple(each for each in self.said if isinstance(each, Problem))

    def same_as(self, other: LayersRead) -> bool:
        """Whether layers that are no files hold the same values, in any order of keys; NaN equals NaN."""
        pairs = zip(self.said, other.said, strict=True)
        return all(one is None or one == two or _text(one) == _text(two) for one, two in pairs)

    def decoded(self, options: Options[Any]) -> tuple[LayerTable, ...]:
        """The tables, texts decoded by what the model has there."""
        tables: list[LayerTable] = []
        for each in self.said:
            if isinstance(each, TextTable):
                tables.append(_decoded(each, options))
            elif isinstance(each, LayerTable | tuple):
                found = each if isinstance(each, tuple) else (each,)
                tables += [_with_profile(table, None, options) for table in found]
        return tuple(_without_taken(table, tables) for table in tables)


def _text(said: Said) -> str | None:
    return said.text if isinstance(said, LayerTable | TextTable) else str(said)


def declared_layers(schema: Schema[Any], *, flags: bool = True) -> tuple[FileLayer, ...]:
    """The layers that `BaseSettings` classes in the model declare; `flags`: also the program's command line.

    Relative paths are relative to the current working directory.
    """
    if "pydantic_settings" not in sys.modules:
        return ()
    from hotconf.config.declared import declared

    found = declared(schema)
    if not (found.declarations or found.problems):
        return ()
    from hotconf.sources.settings_class.layer import SettingsLayer  # late: it imports pydantic-settings

    return (SettingsLayer(found, flags=flags),)


def given_layers(given: object, schema: Schema[Any]) -> tuple[Layer | FileLayer, ...]:
    """The layers that the model declares, and over them those of the argument `layers`, which may have the former.

    Raises `UsageError` for what is no layer, for a name that is taken, for what a layer of ours has that no field of
    the model takes, and for defaults, the weakest layer of all, that name files which are not read.
    """
    items = arguments.items("layers", given, "mappings or layers")
    found = tuple(_layer(f"layers[{number}]", each) for number, each in enumerate(items))
    names = [layer.name for layer in found]
    for number, name in enumerate(names):
        if name in (FILE, DEFAULT.layer, OVERRIDE, *names[:number]):
            raise arguments.wrong(f"layers[{number}].name", name, "a name of its own")
    if any(isinstance(layer, ProfileLayer) for layer in found[1:]):
        raise UsageError("layers: Profile comes first, and once: it applies to the files")
    for layer in found:
        if isinstance(layer, CheckedLayer):
            layer.check(schema)
    check_model(schema)
    known = any(isinstance(layer, FileLayer) and layer.reads_itself for layer in found)
    return found if known else (*declared_layers(schema), *found)


def _layer(argument: str, given: Any) -> Layer | FileLayer:
    if isinstance(given, Mapping):
        return MappingLayer(given, argument)
    name = getattr(given, "name", None)
    if isinstance(name, str) and name and isinstance(given, FileLayer):
        return given
    if not isinstance(name, str) or not name or not callable(getattr(given, "read", None)):
        raise arguments.wrong(argument, given, "a mapping, or an object with a name and read()")
    return cast("Layer", given)


def read(layers: Iterable[Layer | FileLayer]) -> LayersRead:
    """Read each layer but those of files. An exception of a layer becomes a problem that names it."""
    return LayersRead(tuple(None if isinstance(layer, FileLayer) else _said(layer, layer.read) for layer in layers))


def with_files(layers: Iterable[Layer | FileLayer], said: LayersRead, files: Mapping[Path, bytes]) -> LayersRead:
    """The same, with what layers of files say, which hold `files`."""
    pairs = zip(layers, said.said, strict=True)
    return LayersRead(
        tuple(
            _said(layer, partial(layer.parse, files)) if isinstance(layer, FileLayer) else each
            for layer, each in pairs
        )
    )


def _decoded(table: TextTable, options: Options[Any]) -> LayerTable:
    from hotconf.config.decoding.decode import decode  # late: for layers of texts only
    from hotconf.config.shape import shape_of

    return _with_profile(decode(table, shape_of(options.schema)), table, options)


def _with_profile(layer: LayerTable, given: TextTable | None, options: Options[Any]) -> LayerTable:
    """The variable that names the profile need not be one of the model's."""
    if not layer.problems or options.profile is None or options.profile.env is None:
        return layer
    from hotconf.sources.advice import with_profile  # late: for mistakes only

    return with_profile(layer, given, options.profile.env)


def _without_taken(table: LayerTable, tables: Sequence[LayerTable]) -> LayerTable:
    """`table` without warnings of names that another layer takes, whose prefix begins with that of this one."""
    strays = {each.where for each in table.problems if each.severity == "warning" and each.kind == "schema"}
    others = (other for other in tables if strays and other is not table)
    taken = {origin.where for other in others for origin in other.origins.values()} & strays
    rest = (each for each in table.problems if each.severity != "warning" or each.where not in taken)
    return replace(table, problems=tuple(rest)) if taken else table


def _said(layer: Layer | FileLayer, read: Callable[[], Any]) -> Said:
    try:
        said = read()
        known = isinstance(said, LayerTable | TextTable) or isinstance(layer, FileLayer)
        return said if known else LayerTable.of(layer.name, said)
    except UsageError as error:
        text = str(error).removeprefix(f"{layer.name}: ")  # the problem names it
        return Problem(text, kind="unreadable", where=layer.name)
    except BaseException as error:  # a layer may be users' code
        from hotconf.system.exceptions import propagates  # imported here: only needed once users' code raises

        if propagates(error):
            raise
        return Problem(f"Cannot read the layer: {type(error).__name__}", kind="unreadable", where=layer.name)


def unable(table: LayerTable, settings: KeyPath | None) -> tuple[LayerTable, Problem | None]:
    """`table`, which is of a layer of files, without `watch_paths`: what is read decides nothing about that. And a
    warning, if it has any. `settings`: where the model keeps those of the watcher.
    """
    text, hint = "watch_paths only has an effect in the main file and in the environment", "move it there"
    return without_watch_paths(table, settings, text, hint)
