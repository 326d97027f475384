"""`validate`: the merged table becomes a configuration, or every reason why it does not.

Nothing that the model's or the checks' code raises gets out of here, and no message holds a secret. What words the
problems is imported by the first problem: a program whose files are good never pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar, cast, get_args

from hotconf.config.merge import Merged
from hotconf.config.reload_settings import SETTINGS_FIELD, settings_path
from hotconf.config.shape import shape_of
from hotconf.config.validation.bounded import MOST_ERRORS, Errors, TooDear, validated
from hotconf.config.validation.collector import MAX_PROBLEMS, Collector
from hotconf.config.validation.unknown import MAX_COMPARED, Budget, unknown_keys
from hotconf.engine.candidate import Invalid
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Kind, Problem, Related, Severity
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, check_settings

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")

_MAX_HINTS: Final = 100
_TOO_DEAR: Final = Problem(
    "Tables are nested too deeply for the alternatives that the model has for each",
    kind="schema",
    hint="nest them less, or have the model tell the alternatives apart by a discriminator",
)


class Validated(NamedTuple, Generic[T]):
    """The model and all checks accept it."""

    config: T
    warnings: tuple[Problem, ...]
    """In file order."""


def validate(
    schema: Schema[T],
    merged: Merged,
    scrubber: Callable[[object], Scrubber] | None = None,
    goes_through: Callable[[BaseException], bool] | None = None,
) -> Validated[T] | Invalid:
    """The configuration made from `merged`, with its warnings, or the problems that forbid it.

    `scrubber`: removes secrets from messages, given the config that the model made, or none.
    `goes_through`: which exceptions of users' code are not its fault, and propagate; by default none.

    The model and its validators work on tables of their own: whatever they do to those, `merged` stays as it is.
    Checks run, all of them, only on what the model accepted.
    """
    collector = Collector(merged, shape_of(schema), scrubber, goes_through)
    strict = False
    try:
        found = validated(schema, merged)
    except TooDear:
        collector.add(_TOO_DEAR)
    except BaseException as error:  # noqa: BLE001 - validators and default factories are users' code
        _raised("model", error, collector)
    else:
        if isinstance(found, Errors):
            _refused(found, collector)
        else:
            collector.config = found
            strict = _is_strict(schema, found, collector)
            _check(schema, found, collector)
    _look_for_unknown(collector, strict=strict)
    problems = collector.problems()
    return Invalid(problems) if collector.errors else Validated(cast("T", found), problems)


def _refused(errors: Errors, collector: Collector) -> None:
    from hotconf.config.validation.faults import faults
    from hotconf.config.validation.messages import is_by_user, problem_of

    raised = (fault.get("ctx", {}).get("error") for fault in errors.details)
    for error in [error for error in raised if isinstance(error, BaseException)]:
        collector.raised(error)
    left = Budget(MOST_ERRORS, MAX_COMPARED)
    for fault in faults(errors.details[:MOST_ERRORS], collector.merged.table, collector.shape):
        affordable = left.afford(max(len(fault.parent.keys), len(fault.shape.allowed)))
        problem = problem_of(fault, hints=len(collector) < _MAX_HINTS and affordable, compare=affordable)
        collector.add(problem, at_key=fault.at_key, by_user=is_by_user(fault))
    collector.omit(len(errors.details) - MOST_ERRORS, "error")
    collector.incomplete = errors.more


def _check(schema: Schema[T], config: T, collector: Collector) -> None:
    for check in schema.checks:
        _run(check, config, collector)
    path = settings_path(schema)
    if path is not None and path[0] in collector.merged.table:
        _run(partial(_settings_check, path=path), config, collector)


def _look_for_unknown(collector: Collector, *, strict: bool) -> None:
    severity: Severity = "error" if strict else "warning"
    found = unknown_keys(collector.merged.table, collector.shape)
    left = Budget(MAX_PROBLEMS, MAX_COMPARED)
    for path, around in islice(found, MAX_PROBLEMS):
        from hotconf.config.validation.messages import unknown_key

        affordable = left.afford(len(around.keys))
        hints = len(collector) < _MAX_HINTS and affordable
        collector.add(unknown_key(path, around, severity, hints=hints, compare=affordable), at_key=True)
    collector.omit(sum(1 for _ in found), severity)


def _is_strict(schema: Schema[T], config: T, collector: Collector) -> bool:
    if schema.strict_keys is None:
        return False
    try:
        return bool(schema.strict_keys(config))
    except BaseException as error:  # noqa: BLE001 - users' code
        _raised("strict_keys", error, collector)
        return False


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
        _raised(f"check {_name(check)}", error, collector)


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


def _raised(culprit: str, error: BaseException, collector: Collector) -> None:
    from hotconf.config.validation.messages import text_of

    collector.raised(error)
    text = text_of(error)
    collector.add(
        Problem(f"{culprit} raised {type(error).__name__}" + (f": {text}" if text else ""), kind="internal")
    )
