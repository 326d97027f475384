"""`run_checks`: calls the checks of a schema, which are users' code, and verifies the problems that they yield."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, get_args

from hotconf.config.reload_settings import SETTINGS_FIELD, settings_path
from hotconf.config.validation.collector import MAX_PROBLEMS, Collector
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Kind, Problem, Related, Severity
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, check_settings

T = TypeVar("T")


def run_checks(schema: Schema[T], config: T, collector: Collector) -> None:
    """Add what the checks find in a valid `config`, and whatever they raise, to `collector`."""
    for check in schema.checks:
        _run(check, config, collector)
    path = settings_path(schema)
    if path is not None and path[0] in collector.merged.table:
        _run(partial(_settings_check, path=path), config, collector)


def _settings_check(config: object, path: KeyPath) -> Iterator[Problem]:
    """The check that comes with the field `hot_reload`."""
    settings = config.get(SETTINGS_FIELD) if isinstance(config, dict) else getattr(config, SETTINGS_FIELD, None)
    if isinstance(settings, HotReloadSettings):
        yield from check_settings(settings, path)


def _run(check: Callable[[T], Iterable[Problem]], config: T, collector: Collector) -> None:
    try:
        found = check(config)
        if found is None:  # what a plain function without a `return` gives
            raise TypeError("it returned None, not problems")
        for problem in islice(found, MAX_PROBLEMS):
            collector.add(_sound(problem), by_user=True)
    except BaseException as error:  # noqa: BLE001 - users' code
        collector.failed(f"check {_name(check)}", error)


def _sound(problem: object) -> Problem:
    """`problem` as its types promise, so that nothing fails over it later; raises if it cannot be."""
    if not isinstance(problem, Problem):
        raise TypeError(f"it yielded {type(problem).__name__}, not Problem")
    for allowed, given in ((get_args(Severity), problem.severity), (get_args(Kind), problem.kind)):
        if given not in allowed:
            raise ValueError(f"it yielded a Problem of {given!r}, which is none of {', '.join(allowed)}")
    sound = replace(
        problem,
        message=str(problem.message),
        path=tuple(problem.path),
        hint=None if problem.hint is None else str(problem.hint),
        file=None if problem.file is None else Path(problem.file),
        related=tuple(map(_sound_place, problem.related)),
        where=str(problem.where),
        withheld=bool(problem.withheld),
        line=_number("line", problem.line),
        column=_number("column", problem.column),
        end_line=_number("end_line", problem.end_line),
        end_column=_number("end_column", problem.end_column),
    )
    for path in (sound.path, *(path for _, path in sound.mentions)):
        if not all(isinstance(key, str | int) for key in path):
            raise TypeError(f"it yielded a Problem whose path is {path!r}")
        dotted(path)
    return sound


def _sound_place(place: object) -> Related:
    if not isinstance(place, Related):
        raise TypeError("what it yielded relates to something other than Related")
    line, column = _number("line", place.line), _number("column", place.column)
    if place.file is None or line is None or column is None:
        raise TypeError("what it yielded relates to something without a line")
    return Related(str(place.message), Path(place.file), line, column)


def _number(name: str, given: object) -> int | None:
    """A line or a column."""
    if given is None or (isinstance(given, int) and given > 0):
        return None if given is None else int(given)
    raise TypeError(f"it yielded a Problem whose {name} is {given!r}")


def _name(check: object) -> str:
    plain = getattr(check, "func", check)  # what functools.partial wraps
    return str(getattr(plain, "__name__", type(plain).__name__))
