"""`run_checks`: calls the checks of a schema, which are users' code, and verifies the problems that they yield."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from functools import partial as bound
from itertools import islice
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from hotconf.config.reload_settings import SETTINGS_FIELD, settings_path
from hotconf.config.validation.collector import MAX_PROBLEMS, Collector
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, check_settings

T = TypeVar("T")


def run_checks(schema: Schema[T], config: T, collector: Collector, *, partial: bool = False) -> None:
    """Add what the checks find in a valid `config`, and whatever they raise, to `collector`.

    `partial`: what is not valid is hidden in it. A check that looks at that ends, and what it raises is no problem.
    """
    for check in schema.checks:
        _run(check, config, collector, partial=partial)
    if partial:
        return
    path = settings_path(schema)
    if path is not None and path[0] in collector.merged.table:
        _run(bound(_settings_check, path=path), config, collector)


def _settings_check(config: object, path: KeyPath) -> Iterator[Problem]:
    """The check that comes with the field `hot_reload`."""
    settings = config.get(SETTINGS_FIELD) if isinstance(config, dict) else getattr(config, SETTINGS_FIELD, None)
    if isinstance(settings, HotReloadSettings):
        yield from check_settings(settings, path)


def _run(check: Callable[[T], Iterable[Problem]], config: T, collector: Collector, *, partial: bool = False) -> None:
    try:
        found = check(config)
        if found is None:  # what a plain function without a `return` gives
            raise TypeError("it returned None, not problems")
        for problem in islice(found, MAX_PROBLEMS):
            collector.add(_sound(problem), by_user=True)
    except BaseException as error:  # noqa: BLE001 - users' code
        if not partial:
            collector.failed(f"check {_name(check)}", error)
        elif type(error).__name__ != "UnknownError":
            collector.raised(error)


def _sound(problem: object) -> Problem:
    """`problem` as its types promise, so that nothing fails over it later; raises if it cannot be."""
    if not isinstance(problem, Problem):
        raise TypeError(f"it yielded {type(problem).__name__}, not Problem")
    try:
        return _adapter().validate_python(asdict(problem))
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise TypeError(f"it yielded a Problem whose {wrong['loc'][0]} is not valid: {wrong['msg']}") from None


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Problem]:
    return TypeAdapter(Problem)


def _name(check: object) -> str:
    plain = getattr(check, "func", check)  # what functools.partial wraps
    return str(getattr(plain, "__name__", type(plain).__name__))
