"""`selected`: a key path as the model spells it; one that it cannot have is a mistake of the program."""

from __future__ import annotations

from typing import Any

from hotconf.config.shape import shape_of
from hotconf.config.spelling import respelled
from hotconf.config.suggest import did_you_mean
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath, dotted
from hotconf.schema import Schema


def selected(path: KeyPath, schema: Schema[Any]) -> KeyPath:
    """`path` as the model spells it.

    Raises `UsageError` if a table on the way has fields only, and none of the name that `path` gives: the key of a
    field or its name in the model. Where the model leaves open what may stand there, anything may.
    """
    path = respelled(path, schema)
    shape = shape_of(schema)
    for depth, key in enumerate(path, start=1):
        keys = {name: key for key, name in shape.keys.items()} | {key: key for key in shape.keys}
        if isinstance(key, str) and key not in keys and shape.extras in ("forbid", "ignore"):
            hint = did_you_mean(key, keys)
            text = f"{dotted(path)} can never change: the model has no {dotted(path[:depth])}"
            raise UsageError(text if hint is None else f"{text}; {hint}")
        shape = shape.child(keys.get(key, key) if isinstance(key, str) else key)
    return path
