"""Events and problems as JSON, for programs; events one line each. Plain ASCII, valid whatever the file held.

Paths of files are absolute, key paths are dotted keys, times are RFC 3339 in UTC. Values are what TOML holds:
dates and times become text, as do infinities and NaN, and integers of more than 64 bits (in hexadecimal); what is
not there at all is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from hotconf.changes import MISSING
from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.text import path_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hotconf.changes import Change
    from hotconf.events import ConfigReloadEvent
    from hotconf.problems import Problem
    from hotconf.snapshot import Timings

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can say."""

_DEEPEST: Final = 100
# Integers that every common reader of JSON takes without a fault, if not without loss.
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def started(
    path: Path,
    generation: int,
    watching: Iterable[Path],
    debounce_ms: int,
    at: datetime,
    *,
    warnings: Iterable[Problem] = (),
    last_good: datetime | None = None,
) -> str:
    """The first line of a watch: what is watched. Generation 0 means that there is no valid configuration yet.

    `last_good`: the files are not valid, and this is when those of the last good state, which is used, were read.
    """
    return _line(
        "started",
        at,
        path=path_name(path),
        generation=generation,
        watching=[str(file) for file in watching],
        debounce_ms=debounce_ms,
        degraded=last_good is not None,
        last_good=None if last_good is None else rfc3339(last_good),
        warnings=problems_json(warnings),
    )


def to_json(event: ConfigReloadEvent, generation: int | None = None) -> str:
    """`event` as one line, without the newline. `generation`: the one in force after it, if it is to be shown; a
    success knows its own.
    """
    in_force: dict[str, Json] = {} if generation is None else {"generation": generation}
    match event:
        case FileChanged():
            return _line("file_changed", event.at, path=path_name(event.path), **in_force)
        case ReloadDeferred():
            return _line(
                "reload_deferred",
                event.at,
                **in_force,
                reasons=list(event.reasons),
                changes=changes_json(event.changes),
                summary=list(event.summary),
            )
        case ReloadSuccess():
            return _line(
                "reload_success",
                event.at,
                generation=event.generation,
                changes=changes_json(event.changes),
                summary=list(event.summary),
                timings_ms=_timings(event.timings),
                warnings=problems_json(event.warnings),
                pending_restart=changes_json(event.pending_restart),
            )
        case ReloadUnchanged():
            return _line(
                "reload_unchanged",
                event.at,
                **in_force,
                reason=event.reason,
                warnings=problems_json(event.warnings),
                pending_restart=changes_json(event.pending_restart),
            )
        case ReloadFailed():
            return _line(
                "reload_failed",
                event.at,
                **in_force,
                kind=event.kind,
                error=event.error,
                problems=problems_json(event.problems),
            )


def to_json_file(problems: Iterable[Problem]) -> str:
    """`{"problems": […]}` on several lines, for a program that wants them all at once."""
    return json.dumps({"problems": problems_json(problems)}, indent=2, ensure_ascii=True, allow_nan=False)


def plain(value: object, depth: int = _DEEPEST) -> Json:
    """`value` in the terms of JSON; what JSON has no word for becomes text."""
    match value:
        case None | bool():
            return value
        case Enum():
            return None if value is MISSING else plain(value.value, depth)
        case str():
            return str(value)
        case int():
            return int(value) if _SMALLEST <= value <= _LARGEST else hex(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray():
            return bytes(value).decode(errors="backslashreplace")
        case Mapping() | Sequence() | AbstractSet():
            return _nested(value, depth - 1) if depth else "…"
        case _:
            return _text(value)


def _nested(value: Mapping[object, object] | Sequence[object] | AbstractSet[object], depth: int) -> Json:
    if isinstance(value, Mapping):
        return {_text(key): plain(item, depth) for key, item in value.items()}
    return [plain(item, depth) for item in value]


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (a user's type may refuse; the event is shown all the same)
        return f"<{type(value).__name__}>"


def _line(event: str, at: datetime, **values: Json) -> str:
    return json.dumps({"event": event, "at": rfc3339(at), **values}, ensure_ascii=True, allow_nan=False)


def rfc3339(at: datetime) -> str:
    """`2026-11-25T14:03:22.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def changes_json(changes: Iterable[Change]) -> list[Json]:
    """`changes` with their values as JSON has them; `"cut": true` where an ellipsis stands in for something, and
    `"secret": true` where a mask does.
    """
    return [
        {
            "path": change.dotted,
            "old": plain(change.old),
            "new": plain(change.new),
            **({"cut": True} if change.cut else {}),
            **({"secret": True} if change.secret else {}),
        }
        for change in changes
    ]


def _timings(timings: Timings) -> dict[str, Json]:
    return {part.name: round(getattr(timings, part.name), 3) for part in fields(timings)}


def record(problem: Problem) -> dict[str, Json]:
    """Every field of `problem`; None where something is not known."""
    return {
        "kind": problem.kind,
        "severity": problem.severity,
        "path": problem.dotted,
        "message": problem.message,
        "hint": problem.hint,
        "file": None if problem.file is None else path_name(problem.file),
        "line": problem.line,
        "column": problem.column,
        "end_line": problem.end_line,
        "end_column": problem.end_column,
        "where": problem.place or None,
        "related": [
            {
                "message": related.message,
                "file": None if related.file is None else path_name(related.file),
                "line": related.line,
                "column": related.column,
                "where": related.place or None,
            }
            for related in problem.related
        ],
    }


def problems_json(problems: Iterable[Problem]) -> list[Json]:
    """Each of `problems`, as `record` has it."""
    return [record(problem) for problem in problems]
