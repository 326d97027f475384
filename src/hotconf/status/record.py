"""One status as JSON, and back. It holds no values. Whatever is read becomes bounded, printable text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from hotconf.status.contents import Contents
from hotconf.text import printable, shortened

VERSION: Final = 1
_LONG: Final = 400
_PATH: Final = 4096
_MOST: Final = 1000
"""Items of a list, or of a table."""
_LARGEST: Final = 1 << 63
_DEEPEST: Final = 6

ENDINGS: Final = ("loaded", "success", "unchanged", "failed", "deferred")
HEALTH: Final = ("ok", "pending", "degraded", "failed", "unwatched")


class Waiting(NamedTuple):
    """A deferred reload."""

    since: datetime
    reasons: tuple[str, ...]
    changes: int
    """How many values differ."""


class Status(NamedTuple):
    """What one watcher in one process runs."""

    pid: int
    program: str
    """The name that it was started by."""
    host: str
    config: str
    """The name of the main file."""
    key: str
    """Stands for its path."""
    started: datetime
    at: datetime
    """When this was written."""
    generation: int
    digest: str
    """The beginning of the digest of main file, fragments and profile that are in force."""
    read: str | None
    """The same of what was read for the latest ending, which may be refused or deferred; None if not known."""
    contents: Contents
    ending: str | None
    """The latest: one of `ENDINGS`; `loaded` at start."""
    ended: datetime | None
    problems: tuple[str, ...]
    """Of the latest ending, if it is a failure: with their places, without values."""
    pending: Waiting | None
    pending_restart: int
    """How many values wait for a restart."""
    health: str
    reason: str
    since: datetime
    request: int
    """The latest request to reload that was carried out."""
    stats: Mapping[str, Any]
    """As `Stats.as_dict()`."""

    @property
    def failed(self) -> bool:
        """Whether the latest ending is a failure."""
        return self.ending == "failed"

    def as_dict(self) -> dict[str, Any]:
        """As `hotconf status --json` shows it."""
        waiting = self.pending
        return {
            "pid": self.pid,
            "program": self.program,
            "host": self.host,
            "config": self.config,
            "started": self.started.isoformat(),
            "generation": self.generation,
            "digest": self.digest,
            "ending": self.ending,
            "ended": None if self.ended is None else self.ended.isoformat(),
            "problems": list(self.problems),
            "pending": None
            if waiting is None
            else {"since": waiting.since.isoformat(), "reasons": list(waiting.reasons), "changes": waiting.changes},
            "pending_restart": self.pending_restart,
            "health": {"status": self.health, "reason": self.reason, "since": self.since.isoformat()},
            "stats": dict(self.stats),
        }


def encode(status: Status) -> bytes:
    """As it is kept."""
    contents = status.contents
    table = {
        "version": VERSION,
        **status.as_dict(),
        "key": status.key,
        "at": status.at.isoformat(),
        "read": status.read,
        "contents": [list(contents.patterns), contents.profiles, contents.max_bytes],
        "request": status.request,
    }
    return json.dumps(table, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Status | None:
    """The status in `data`; None if it makes no sense."""
    try:
        return _status(json.loads(data))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError, UnicodeError):
        return None


def _status(table: dict[str, Any]) -> Status:
    if table["version"] != VERSION:
        raise ValueError(VERSION)
    health, waiting, ending = table["health"], table["pending"], table["ending"]
    patterns, profiles, max_bytes = table["contents"]
    return Status(
        pid=_count(table["pid"]),
        program=_text(table["program"]),
        host=_text(table["host"]),
        config=_text(table["config"]),
        key=_text(table["key"]),
        started=_instant(table["started"]),
        at=_instant(table["at"]),
        generation=_count(table["generation"]),
        digest=_text(table["digest"]),
        read=None if table["read"] is None else _text(table["read"]),
        contents=Contents(tuple(map(_path, _items(patterns))), profiles is True, _count(max_bytes)),
        ending=None if ending is None else _one_of(ENDINGS, ending),
        ended=None if table["ended"] is None else _instant(table["ended"]),
        problems=tuple(map(_text, _items(table["problems"]))),
        pending=None
        if waiting is None
        else Waiting(
            _instant(waiting["since"]), tuple(map(_text, _items(waiting["reasons"]))), _count(waiting["changes"])
        ),
        pending_restart=_count(table["pending_restart"]),
        health=_one_of(HEALTH, health["status"]),
        reason=_text(health["reason"]),
        since=_instant(health["since"]),
        request=_count(table["request"]),
        stats=plain(table["stats"]) if isinstance(table["stats"], dict) else {},
    )


def plain(value: Any, depth: int = _DEEPEST) -> Any:
    """`value`, which came from JSON, in bounds: texts printable, what is too large or too deep left out."""
    if isinstance(value, dict) and depth:
        first = list(value.items())[:_MOST]
        return {_text(key): plain(each, depth - 1) for key, each in first}
    if isinstance(value, list) and depth:
        return [plain(each, depth - 1) for each in value[:_MOST]]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _LARGEST:
        return value
    return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return shortened(printable(value[:_LONG]), _LONG)


def _path(value: object) -> str:
    if not isinstance(value, str) or len(value) > _PATH:
        raise TypeError(value)
    return value


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value[:_MOST]


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise TypeError(value)
    return value


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise TypeError(value)
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(value)
    return at.astimezone(UTC)


def _one_of(names: tuple[str, ...], value: object) -> str:
    if value not in names:
        raise ValueError(value)
    return str(value)
