"""What layers know of problems: how to set what is missing, and which variable names the profile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from hotconf.config.layers import LayerTable, TextTable
from hotconf.config.shape import shape_of
from hotconf.config.suggest import suggest
from hotconf.config.validation.messages import MISSING
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.sources.base import Options, TextLayer


def with_ways(problems: Iterable[Problem], options: Options[Any]) -> tuple[Problem, ...]:
    """`problems`, in which hints for missing fields say which layers could set them: the strongest and weakest."""
    layers = [each for each in reversed(options.layers) if isinstance(each, TextLayer)]

    def hint(path: KeyPath) -> str | None:
        secret = _is_secret(path, options.schema)
        ways = [way for each in layers if (way := each.way(path, secret=secret))]
        return ", or ".join(dict.fromkeys((ways[0], ways[-1]))) if ways else None

    return tuple(
        replace(each, hint=hint(each.path)) if not each.hint and each.message.startswith(MISSING) else each
        for each in problems
    )


def _is_secret(path: KeyPath, schema: Schema[Any]) -> bool:
    here, secret = shape_of(schema), False
    for key in path:
        secret = secret or here.names_secret(str(key))
        here = here.child(key)
    return secret or here.holds_secrets


def with_profile(layer: LayerTable, given: TextTable | None, variable: str) -> LayerTable:
    """`layer`, to which the `variable` that names the profile is no unknown key. It was decoded from `given`."""
    problems = tuple(_with_profile(layer.problems, given, variable))
    return layer if problems == layer.problems else replace(layer, problems=problems)


def _with_profile(problems: Iterable[Problem], given: TextTable | None, variable: str) -> Iterator[Problem]:
    in_file = _in_file(given, variable)
    for each in problems:
        if not each.message.startswith("Unknown key") or each.where == f"${variable}":
            if each.where != f"${variable}":
                yield each
        elif each.where in in_file:
            if os.environ.get(variable) != in_file[each.where]:
                text = f"{variable} names the profile only in the environment: it has no effect here"
                yield replace(each, message=text, hint="set it in the environment")
        elif not each.hint and each.where.startswith("$") and suggest(each.where[1:], [variable]):
            yield replace(each, hint=f"did you mean {variable}?")
        else:
            yield each


def _in_file(given: TextTable | None, variable: str) -> dict[str, str]:
    """What a file of variables says that the variable is, by where it does."""
    if given is None or given.secret or not given.own:
        return {}
    texts = ((f"{given.prefix}{name}", text, origin) for name, (text, origin) in given.texts.items())
    return {origin.where: text for name, text, origin in texts if name.lower() == variable.lower()}
