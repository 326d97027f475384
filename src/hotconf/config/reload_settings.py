"""The field `hot_reload`, whose settings are followed: where it stands, and what it says before all is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from hotconf.config.shape import shape_of
from hotconf.keypath import KeyPath
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
