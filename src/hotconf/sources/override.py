"""What an override says, as a layer. Imported by the first one; `Overrides` has those that are in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from hotconf import arguments
from hotconf.changes import MISSING
from hotconf.config.layers import OVERRIDE, LayerTable
from hotconf.config.reload_settings import settings_path
from hotconf.config.shape import Shape, shape_of
from hotconf.config.spelling import respelled
from hotconf.engine.candidate import Candidate, Invalid, Valid
from hotconf.errors import UsageError
from hotconf.formats.base import MAX_DEPTH
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import KeyPath, dotted, key_path
from hotconf.problems import ConfigError, Problem, Related
from hotconf.schema import Schema

T = TypeVar("T")


def flattened(given: object) -> dict[KeyPath, Any]:
    """What `given` sets, by key path; empty tables stand for themselves.

    Raises `UsageError` for what is no mapping of keys, and for keys that stand for one value, or for parts of it.
    """
    if not isinstance(given, Mapping):
        raise arguments.wrong("values", given, 'a mapping, such as {"server.port": 1}')
    found: dict[KeyPath, Any] = {}
    for key, value in given.items():
        path = key_path("values", key)
        if not path or not all(isinstance(part, str) for part in path):
            text = f"values: {dotted(path) or '()'} is not a key of a table"
            raise UsageError(f"{text}: items of arrays cannot be set one by one, give all of it")
        for leaf, inner in _leaves(path, value):
            if leaf in found:
                raise UsageError(f"values: {dotted(leaf)} is given twice")
            found[leaf] = inner
    for path in found:
        if any(path[:length] in found for length in range(1, len(path))):
            raise UsageError(f"values: {dotted(path)} and a table around it are given: give one of the two")
    return found


def _leaves(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    if not isinstance(value, Mapping) or not value:
        yield path, _own(value, path)
        return
    _bounded(path)
    for key, inner in value.items():
        if not isinstance(key, str):
            raise UsageError(f"values: {dotted(path)} has the key {arguments.named(key)}: keys must be strings")
        yield from _leaves((*path, key), inner)


def _own(value: Any, path: KeyPath) -> Any:
    """A copy as far as it is made of plain tables and arrays; other values are the caller's."""
    if not isinstance(value, Mapping | list) and type(value) is not tuple:
        return value
    _bounded(path)
    if isinstance(value, Mapping):
        return {key: _own(inner, (*path, key)) for key, inner in value.items()}
    return [_own(inner, (*path, place)) for place, inner in enumerate(value)]


def _bounded(path: KeyPath) -> None:
    if len(path) > MAX_DEPTH:
        raise UsageError(f"values: {dotted(path[:2])} is nested too deeply")


def prepared(values: Mapping[KeyPath, Any], schema: Schema[Any]) -> LayerTable:
    """The layer that says so, in the spelling of the model.

    Raises `ConfigError` for keys that the model does not have, and for what decides which files are read.
    """
    shape, settings = shape_of(schema), settings_path(schema)
    found: dict[KeyPath, Any] = {}
    problems: list[Problem] = []
    for written, value in values.items():
        path, problem = _known(written, shape, schema)
        if problem is None and path in found:
            problem = _wrong(f"Key given twice: {dotted(written)} is the same as {dotted(path)}", written)
        if problem is None and settings is not None and path in (settings, (*settings, "watch_paths")):
            text = f"{dotted(path)} cannot be overridden: it decides which files are read"
            hint = f"override another key, such as {dotted((*settings, 'debounce_ms'))}"
            problem = replace(_wrong(text, path), hint=hint)
        if problem is not None:
            problems.append(problem)
        else:
            found[path] = value
    if problems:
        raise ConfigError(problems)
    table: dict[str, Any] = {}
    for path, value in found.items():
        if value is not MISSING:
            here = table
            for key in path[:-1]:
                here = here.setdefault(str(key), {})
            here[str(path[-1])] = value
    removes = frozenset(path for path, value in found.items() if value is MISSING)
    return LayerTable(OVERRIDE, table, removes=removes, plain=False)


def entered(candidate: Candidate[T], table: LayerTable) -> Candidate[T]:
    """`candidate`, in which `table` is new: refused if that sets keys in vain. All that is wrong is its fault."""
    if isinstance(candidate, Valid):
        vain = [
            each for each in candidate.warnings if each.where == OVERRIDE and each.message.startswith("Unknown key")
        ]
        if not vain:
            return candidate
        return Invalid(tuple(replace(each, severity="error") for each in vain), secrets=candidate.secrets)
    errors = [each for each in candidate.problems if each.severity == "error"]
    return Invalid(tuple(_blamed(each, table) for each in errors), secrets=getattr(candidate, "secrets", None))


def _blamed(problem: Problem, table: LayerTable) -> Problem:
    """At the origin of the override, even if it is about a value of another layer: that was good before."""
    if problem.where == OVERRIDE:
        return problem
    keys = ", ".join(sorted(map(dotted, (*table.removes, *_set(table.table)))))
    there = Related("it is here", problem.file, problem.line, problem.column, where=problem.where)
    known = (there,) if problem.file is not None or problem.where else ()
    return replace(
        problem,
        message=f"{problem.message} (overridden: {keys})",
        related=(*known, *problem.related),
        where=OVERRIDE,
        file=None,
        line=None,
        column=None,
        end_line=None,
        end_column=None,
    )


def _set(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _set(value, (*path, key))
        else:
            yield (*path, key)


def _known(written: KeyPath, shape: Shape, schema: Schema[Any]) -> tuple[KeyPath, Problem | None]:
    """The path in the spelling of the layers. A field that has other keys may be given by its name in the model."""
    path: KeyPath = ()
    for part in written:
        key = respelled((*path, part), schema)[-1]
        if shape.extras in ("forbid", "ignore") and key not in shape.keys:
            keys = (each for each, name in shape.keys.items() if name == key)
            if (own := next(keys, None)) is None:
                from hotconf.config.decoding.names import dotted_keys  # late: only for this mistake
                from hotconf.config.suggest import did_you_mean
                from hotconf.config.validation.messages import unknown_key

                problem = unknown_key((*path, key), shape, "error", DEFAULT)
                if problem.hint is None and not path:
                    problem = replace(problem, hint=did_you_mean(str(key), dotted_keys(shape)))
                return written, replace(problem, where=OVERRIDE, withheld=False)
            key = own
        path = (*path, key)
        shape = shape.child(key)
    return path, None


def _wrong(text: str, path: KeyPath) -> Problem:
    return Problem(text, path, "schema", where=OVERRIDE)
