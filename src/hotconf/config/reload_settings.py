"""The field `hot_reload`, whose settings are followed: where it stands, and what it says before all is validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge
from hotconf.config.shape import shape_of
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, check_settings

SETTINGS_FIELD: Final = "hot_reload"
"""The name of the field in the model."""


def settings_path(schema: Schema[Any]) -> KeyPath | None:
    """The key under which a document gives the settings of the reload; None if the model has no field for them."""
    found = _field(schema)
    return None if found is None else (found[0],)


def settings_of(schema: Schema[Any], table: Mapping[str, Any]) -> HotReloadSettings:
    """The settings in `table`, which is parsed but not validated, by a tolerant reading.

    What is malformed or out of its limits has its default; so has all where the table or the model has no settings.
    """
    found = _field(schema)
    if found is None:
        return HotReloadSettings()
    key, model = found
    given = table.get(key)
    if isinstance(given, dict):
        return _tolerant(model, given) or HotReloadSettings()
    default = shape_of(schema).default(key)
    return default if isinstance(default, HotReloadSettings) else HotReloadSettings()


def counting(
    documents: Sequence[Document | LayerTable], settings: KeyPath | None, source: str = ""
) -> tuple[list[Document | LayerTable], list[Problem]]:
    """`documents` without settings that do not count where they stand, and a warning for each place.

    Fragments and profiles may not name more fragments; a document of the `source` of this name has no settings.
    """
    main, *fragments = documents
    kept, ignored = list[Document | LayerTable](), list[Problem]()
    for document in documents if source else fragments:
        table = document.table.get(str(settings[0])) if settings is not None else None
        if settings is not None and source and table is not None:
            ignored.append(merge([document]).origins.placed(_of_source(settings, source), at="key"))
            table = {key: value for key, value in document.table.items() if key != settings[0]}
            document = replace(document, table=table)
        elif settings is not None and isinstance(table, dict) and "watch_paths" in table:
            ignored.append(merge([document]).origins.placed(_misplaced((*settings, "watch_paths")), at="key"))
            rest = {key: value for key, value in table.items() if key != "watch_paths"}
            document = replace(document, table={**document.table, str(settings[0]): rest})
        kept.append(document)
    return (kept if source else [main, *kept]), ignored


def without_watch_paths(
    table: LayerTable, settings: KeyPath | None, text: str, hint: str | None = None
) -> tuple[LayerTable, Problem | None]:
    """`table` without `watch_paths`, and the warning `text` if it had any. `settings`: where the model keeps them."""
    given = table.table.get(str(settings[0])) if settings is not None else None
    if settings is None or not isinstance(given, dict) or "watch_paths" not in given:
        return table, None
    path = (*settings, "watch_paths")
    problem = Problem(text, path, "schema", "warning", hint, where=table.origin(path, Path()).where)
    rest = {key: value for key, value in given.items() if key != "watch_paths"}
    return replace(table, table={**table.table, str(settings[0]): rest}), problem


def _misplaced(path: KeyPath) -> Problem:
    text, hint = "watch_paths only has an effect in the main file", "move it to the main file"
    return Problem(text, path, kind="schema", severity="warning", hint=hint)


def _of_source(path: KeyPath, source: str) -> Problem:
    text = f"{path[0]} does not count in a document of {source}"
    hint = "remove it; the program gives settings= to its HotReloadWatcher, or a layer sets them"
    return Problem(text, path, kind="schema", severity="warning", hint=hint)


def _field(schema: Schema[Any]) -> tuple[str, type[HotReloadSettings]] | None:
    shape = shape_of(schema)
    for key, name in shape.keys.items():
        if name == SETTINGS_FIELD:
            models = (made for made in shape.child(key).classes if issubclass(made, HotReloadSettings))
            return next(((key, model) for model in models), None)
    return None


def _tolerant(model: type[HotReloadSettings], given: Mapping[str, Any]) -> HotReloadSettings | None:
    kept = dict(given)
    for _ in range(3):  # what is of the wrong type goes first, what is out of its limits next
        try:
            settings = model.model_validate(kept)
            malformed = {problem.path[0] for problem in check_settings(settings, ())}
        except ValidationError as error:
            malformed = {fault["loc"][0] for fault in error.errors(include_input=False) if fault["loc"]}
        except Exception:  # noqa: BLE001 - the validators of a subclass are users' code
            return None
        if not malformed:
            return settings
        kept = {key: value for key, value in kept.items() if key not in malformed}
    return None
