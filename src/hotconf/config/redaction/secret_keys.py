"""`secret_keys`: which keys a model keeps secret by their type, for texts that are shown line by line."""

from __future__ import annotations

from typing import Any, Final

from hotconf.config.shape import Shape, shape_of
from hotconf.schema import Schema
from hotconf.secrets.keys import is_secret_key

ANY_KEY: Final = "\0"
"""Among keys that are secret: all are."""
LEADS: Final = "="
"""At the end of one of them: it is not secret itself, but what follows it on its own line may be."""
_DEEPEST: Final = 4


class SecretKeys(frozenset[str]):
    """Keys that a model keeps secret."""

    root: Shape
    """The shape of the model."""
    others: frozenset[str]
    """The keys of its other fields, in either spelling: any other may be a misspelt one."""
    keyed: frozenset[str]
    """The keys of tables whose own keys are secrets."""


def secret_keys(schema: Schema[Any]) -> SecretKeys:
    """The keys that the model of `schema` keeps secret by their type, wherever they stand; in either spelling.

    A field with an alias counts under its own name as well: that is a likely mistake in a file.

    `ANY_KEY` if any key is such. With `LEADS` behind it a key of a table of which something is secret: what follows
    it on the same line may be that, under a key that is misspelt or left out.
    """
    root = shape_of(schema)
    found = {ANY_KEY} if _holds_secrets(root) else set[str]()
    seen: set[Shape] = set()
    todo = [root]
    while todo:
        shape = todo.pop()
        if shape in seen:
            continue
        seen.add(shape)
        for key, child in shape.names.items():
            if shape.names_secret(key) or _holds_secrets(child) or _names_secrets(child):
                found.add(key)
            elif child.secretive:
                found.add(key + LEADS)
        todo += (*shape.names.values(), *shape.inner)
    keys = SecretKeys(_in_both_spellings(found))
    keys.root = root
    keys.keyed = frozenset(key for shape in seen for key, child in shape.names.items() if child.keyed)
    keys.others = frozenset(_in_both_spellings({key for shape in seen for key in shape.keys})) - keys
    return keys


def _in_both_spellings(keys: set[str]) -> set[str]:
    return keys | {key.replace("_", "-") for key in keys}


def _names_secrets(shape: Shape, depth: int = _DEEPEST) -> bool:
    """Is it a named tuple with a secret name, or an array of such? A file does not show the name."""
    return any(map(is_secret_key, shape.positions)) or (
        depth > 0 and any(_names_secrets(each, depth - 1) for each in shape.inner)
    )


def _holds_secrets(shape: Shape, depth: int = _DEEPEST) -> bool:
    """Is it a secret, or an array or free table of such, or does it hold one unseen, as text in JSON does?"""
    if shape.secret or not depth:
        return shape.secret
    return shape.opaque or any(_holds_secrets(each, depth - 1) for each in shape.inner)
