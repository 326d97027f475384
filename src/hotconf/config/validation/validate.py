"""`validate`: merged layers become a configuration, or every reason why they do not. It runs users' code: the model's
validators and default factories, `strict_keys`, and, in `checks`, the checks. What their results mean is decided
elsewhere, by pure functions: `faults`, `messages` and `unknown`.

Nothing that users' code raises gets out of here, and no message holds a secret. What words the problems is imported
by the first problem: a program whose files are good never pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar, cast

from hotconf.changes import MISSING
from hotconf.config.merge import Merged
from hotconf.config.shape import shape_of
from hotconf.config.validation.bounded import Errors, TooExpensive, validated
from hotconf.config.validation.checks import run_checks
from hotconf.config.validation.collector import MAX_PROBLEMS, Collector
from hotconf.config.validation.unknown import MAX_COMPARED, Budget, unknown_keys
from hotconf.engine.candidate import Invalid
from hotconf.problems import Problem, Severity
from hotconf.schema import Schema

if TYPE_CHECKING:
    from hotconf.config.validation.faults import Fault
    from hotconf.formats.gaps import Gap
    from hotconf.keypath import KeyPath
    from hotconf.secrets.scrubber import Scrubber

T = TypeVar("T")

_MAX_HINTS: Final = 100
_MAX_FAULTS: Final = 5000
"""How many errors are put into words; the rest are counted."""
_TOO_EXPENSIVE: Final = Problem(
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
    gaps: Sequence[Gap] | None = None,
) -> Validated[T] | Invalid:
    """The configuration made from `merged`, with its warnings, or the problems that forbid it.

    `scrubber`: removes secrets from messages, given the config that the model made, or none.
    `goes_through`: which exceptions of users' code are not its fault, and propagate; by default none.
    `gaps`: what `merged` lacks because it could not be read, None if it lacks nothing. What may follow from that is
    no problem; nor is a missing field: it may stand in a file that the broken one names.

    The model and its validators work on tables of their own: whatever they do to those, `merged` does not change.
    Checks run, all of them, on what the model accepts; of what it refuses, on the part that is valid.
    """
    collector = Collector(merged, shape_of(schema), scrubber, goes_through)
    hints = Budget(_MAX_HINTS, MAX_COMPARED)
    for problem in (*(each for layer in merged.layers for each in layer.problems), *merged.problems):
        collector.add(problem)
    strict = False
    try:
        found = validated(schema, merged)
    except TooExpensive:
        collector.add(_TOO_EXPENSIVE)
    except BaseException as error:  # noqa: BLE001 - validators and default factories are users' code
        collector.raised(error) if gaps else collector.failed("model", error)
    else:
        wrong: Sequence[KeyPath] = ()
        if isinstance(found, Errors):
            wrong = [tuple(each["loc"]) for each in found.details[:_MAX_FAULTS]]
            _refused(found, collector, hints, gaps)
        elif not gaps:
            collector.config = found
            strict = _is_strict(schema, found, collector)
            run_checks(schema, found, collector)
        if (wrong or gaps) and schema.checks:
            _check_part(schema, collector, wrong, gaps or ())
    _look_for_unknown(collector, hints, strict=strict)
    problems = collector.problems()
    return Invalid(problems) if collector.errors else Validated(cast("T", found), problems)


def _check_part(schema: Schema[T], collector: Collector, wrong: Sequence[KeyPath], gaps: Sequence[Gap]) -> None:
    from hotconf.config.validation.partial import part  # late: for what is refused only

    try:
        found = part(schema, collector.merged, wrong, gaps)
    except TooExpensive:
        return
    except BaseException as error:  # noqa: BLE001 - users' code
        collector.raised(error)
        return
    if found is not None:
        collector.config, shown = found
        run_checks(schema, shown, collector, partial=True)


def _refused(errors: Errors, collector: Collector, hints: Budget, gaps: Sequence[Gap] | None) -> None:
    from hotconf.config.validation.faults import faults
    from hotconf.config.validation.messages import is_by_user, problem_of

    raised = (fault.get("ctx", {}).get("error") for fault in errors.details)
    for error in [error for error in raised if isinstance(error, BaseException)]:
        collector.raised(error)
    origins = collector.merged.origins
    known = {each.path for layer in collector.merged.layers for each in layer.problems if each.severity == "error"}
    for fault in faults(errors.details[:_MAX_FAULTS], collector.merged.table, collector.shape):
        if fault.path in known:
            continue
        if gaps is not None and (fault.value is MISSING or _may_follow(fault, gaps)):
            continue
        fault = replace(fault, path=collector.merged.home(fault.path))
        written = origins.written(fault.path)
        if written is not None and written.secret:
            fault = replace(fault, secret=True)
        affordable = hints.afford(max(len(fault.parent.keys), len(fault.shape.allowed)))
        problem = problem_of(fault, written, collector.merged.form, hints=affordable)
        collector.add(problem, at_key=fault.at_key, by_user=is_by_user(fault))
    collector.omit(len(errors.details) - _MAX_FAULTS, "error")
    collector.incomplete = errors.more


def _may_follow(fault: Fault, gaps: Sequence[Gap]) -> bool:
    from hotconf.config.validation.messages import is_by_user
    from hotconf.formats.gaps import may_follow

    of_all = isinstance(fault.value, dict | list)
    return may_follow(gaps, fault.path, of_all=of_all, by_user=is_by_user(fault) or bool(fault.members))


def _look_for_unknown(collector: Collector, hints: Budget, *, strict: bool) -> None:
    severity: Severity = "error" if strict else "warning"
    found = unknown_keys(collector.merged.table, collector.shape)
    for path, around in islice(found, MAX_PROBLEMS):
        from hotconf.config.validation.messages import unknown_key

        merged, affordable = collector.merged, hints.afford(len(around.keys))
        problem = unknown_key(path, around, severity, merged.form, merged.origins.written(path), hints=affordable)
        collector.add(problem, at_key=True)
    collector.omit(sum(1 for _ in found), severity)


def _is_strict(schema: Schema[T], config: T, collector: Collector) -> bool:
    if schema.strict_keys is None:
        return False
    try:
        return bool(schema.strict_keys(config))
    except BaseException as error:  # noqa: BLE001 - users' code
        collector.failed("strict_keys", error)
        return False
