"""Notifications: an event for people, as one or more lines of text.

Every line is printable, whatever was in the file: no control characters, no markup, no line breaks of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import tally
from hotconf.text import local_time, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hotconf.changes import Change
    from hotconf.events import ConfigReloadEvent
    from hotconf.problems import Problem, Warnings
    from hotconf.snapshot import Snapshot

SUMMARY_LIMIT: Final = 20
"""Lines of a summary that are shown; the rest is counted."""

_INDENT = "   "


def notification(
    event: ConfigReloadEvent, *, preserved: bool = True, recovered: bool = False, warnings: Warnings | None = None
) -> str:
    """`event` for people; several lines are joined by a newline, without one at the end.

    `preserved`: is there an old configuration that a failure leaves in force? Without one a failure says instead
    that a valid configuration is waited for. `recovered`: the outcome before was a failure. `warnings`, as they are
    after it: those that were there before are counted, and those that are gone named; without, all are listed.
    """
    match event:
        case FileChanged():
            lines: Iterable[str] = (f"… {event.path.name} changed",)
        case ReloadSuccess():
            lines = (*_success(event), *_warned(event.warnings, warnings))
        case ReloadUnchanged():
            head = f"✅ Config valid again ({event.reason})" if recovered else f"· Config unchanged ({event.reason})"
            lines = (head, *_waiting(event.pending_restart), *_warned(event.warnings, warnings))
        case ReloadDeferred():
            lines = _deferred(event)
        case ReloadFailed():
            lines = _failed(event, preserved, warnings)
    return "\n".join(printable(line) for line in lines)


def degraded(active: Snapshot[Any]) -> str:
    """The notification of a watcher that came up on `active`, its last good state."""
    return f"degraded: running on the last good state of {local_time(active.loaded_at)}"


def _success(event: ReloadSuccess) -> Iterator[str]:
    yield "✅ Config reloaded successfully"
    yield from _summary(event.summary)
    yield from _waiting(event.pending_restart)


def _deferred(event: ReloadDeferred) -> Iterator[str]:
    yield f"⏸ Config reload queued: waiting for {', '.join(event.reasons)}"
    yield from _summary(event.summary)


def _failed(event: ReloadFailed, preserved: bool, warnings: Warnings | None) -> Iterator[str]:
    yield f"❌ Config {'reload' if preserved else 'load'} failed: {event.error}"
    errors = [problem for problem in event.problems if problem.severity == "error"]
    if len(errors) > 1:
        yield from _each(errors)
    else:  # the only one stands above
        yield from (f"{_INDENT}Hint: {error.hint}" for error in errors if error.hint)
    yield from _warned([problem for problem in event.problems if problem.severity != "error"], warnings)
    found = ", ".join(text for _, text in tally(event.problems)) + ". " if len(event.problems) > 1 else ""
    yield _INDENT + found + ("Old configuration preserved." if preserved else "Waiting for a valid configuration.")


def _warned(found: Sequence[Problem], warnings: Warnings | None) -> Iterator[str]:
    if warnings is None:
        yield from _each(found)
        return
    yield from _each(warnings.new)
    if warnings.same:
        yield f"{_INDENT}⚠ {as_before(warnings)}"
    yield from (f"{_INDENT}✓ No longer: {problem}" for problem in warnings.gone)


def as_before(warnings: Warnings) -> str:
    """`3 as before`."""
    return f"{len(warnings.same)} as before"


def _summary(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"{_INDENT}- {line}" for line in lines[:SUMMARY_LIMIT])
    if len(lines) > SUMMARY_LIMIT:
        yield f"{_INDENT}- … and {len(lines) - SUMMARY_LIMIT} more"


def _waiting(changes: Sequence[Change]) -> Iterator[str]:
    yield from (f"{_INDENT}↻ Restart required: {change}" for change in changes[:SUMMARY_LIMIT])
    if len(changes) > SUMMARY_LIMIT:
        yield f"{_INDENT}↻ … and {len(changes) - SUMMARY_LIMIT} more"


def _each(problems: Iterable[Problem]) -> Iterator[str]:
    for problem in problems:
        mark = "⚠" if problem.severity == "warning" else "-"
        yield f"{_INDENT}{mark} {problem.with_hint}"
