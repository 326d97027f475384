"""A watcher as its arguments, from which another process makes its own."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from contextlib import chdir
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.sources.base import FileLayer
from hotconf.sources.files import paths
from hotconf.sources.mapping import MappingLayer

if TYPE_CHECKING:
    from hotconf.runtime.reloader import Reloader

INSTEAD: Final = "import it in the child instead"


def given(reloader: Reloader[Any], kind: type[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """How a watcher of this `kind` is made anew: for `__reduce__`.

    Raises `UsageError` if it has more than its arguments, or one of these cannot be pickled.
    """
    made, callbacks = reloader.cycle.applying, reloader.bus.callbacks
    if made is not None and made.published.resources:
        raise _refusal("resources", made.published.resources[0].recipe.name)
    if callbacks:
        raise _refusal("callbacks", callbacks[0].name)
    options = reloader.options
    wanted: dict[str, Any] = {
        **_pins(options.pins),
        "reconcile_s": reloader.cycle.reconcile_ns / 1e9,
        "max_bytes": options.max_bytes,
        "allow_empty": options.allow_empty,
        "observer": reloader.cycle.observation.wanted,
        "state_dir": None if reloader.state_dir is None else str(reloader.state_dir),
        # Those that the model declares are declared anew.
        "layers": tuple(each for each in options.layers if not (isinstance(each, FileLayer) and each.reads_itself)),
        "format": None if options.format is None else options.format.name.lower(),
    }
    _try("schema", options.schema.model)
    for number, check in enumerate(options.schema.checks):
        _try(f"checks[{number}]", check)
    _try("schema", options.schema)
    for number, layer in enumerate(wanted["layers"]):
        _try(layer.name if isinstance(layer, MappingLayer) else f"layers[{number}]", layer)
    main = options.given
    if options.source is not None:
        _try("path", main)
    return restored, (kind, options.home, main, options.schema, wanted)


def restored(kind: type[Any], home: str, path: object, schema: Any, wanted: dict[str, Any]) -> Any:
    """A watcher with these arguments, made as if in the working directory `home`. It is not started."""
    if not home or home == paths.here():
        return kind(path, schema, **wanted)
    if not os.path.isdir(home):
        raise UsageError(f"the watcher was made in {home}, which is gone: {INSTEAD}")
    with chdir(home):
        return kind(path, schema, **wanted)


def _pins(pins: PinnedSettings) -> dict[str, Any]:
    if pins.enabled is None:
        return {"debounce_ms": pins.debounce_ms, "watch_paths": pins.watch_paths}
    values = {name: value for name, value in pins._asdict().items() if value is not None}
    return {"settings": HotReloadSettings.model_construct(**values)}


def _try(name: str, value: object) -> None:
    """Raise `UsageError` if `value` cannot be pickled."""
    try:
        if (reduction := sys.modules.get("multiprocessing.reduction")) is not None:
            reduction.ForkingPickler.dumps(value)
        else:
            pickle.dumps(value)
    except UsageError:
        raise
    except Exception as error:
        known = isinstance(value, FunctionType | MethodType)
        what = arguments.qualified_name(value) if known else arguments.named(value)  # type: ignore[arg-type]
        text = f"{name} ({what}) cannot be pickled, and so the watcher cannot be sent to another process"
        raise UsageError(f"{text}: {INSTEAD}") from error


def _refusal(what: str, name: str) -> UsageError:
    return UsageError(f"a watcher with {what} ({name}) cannot be sent to another process: {INSTEAD}")
