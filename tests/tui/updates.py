"""Updates, made up: snapshots of real text, events at fixed times, and facts to go with them."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from hotconf import (
    Change,
    FileChanged,
    HotReloadWatcher,
    Pending,
    Problem,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Snapshot,
    Timings,
)
from hotconf.speckit import SPECKIT
from hotconf.tui.view import configuration
from hotconf.tui.view.facts import Facts, Update

FILE = Path("/srv/app/config.toml")
NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)

GOOD = """\
model = "gpt-5"

[cost]
daily_limit_usd = 10.0

[quality_gates]
plan = ["gemini", "claude"]

[[agents]]
name = "gemini"
command = "gemini"

[[agents]]
name = "claude"
command = "claude"
env = { API_KEY = "hunter2" }

[validation]
check_commands = false
check_api_keys = false
"""
BETTER = GOOD.replace("10.0", "20.0")

COST = (Change(("cost", "daily_limit_usd"), 10.0, 20.0),)
COST_LINE = "Cost limits changed ($10/day → $20/day)"
BRACKET = Problem(
    "Invalid TOML: missing closing bracket at line 7",
    kind="syntax",
    hint='close it with "]"',
    file=FILE,
    line=7,
    column=8,
)


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


@lru_cache
def snapshot(text: str = GOOD, generation: int = 1, seconds: float = 0) -> Snapshot[Any]:
    """`text` as it would be published."""
    return replace(_loaded(text), generation=generation, loaded_at=at(seconds))


@lru_cache
def _loaded(text: str) -> Snapshot[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text)
        with HotReloadWatcher(path, SPECKIT) as watcher:
            loaded = watcher.snapshot
        files = tuple(replace(file, path=FILE) for file in loaded.files)
        origins = {key: replace(origin, file=FILE) for key, origin in loaded.origins.items()}
    return replace(loaded, files=files, origins=origins)


def facts(of: Snapshot[Any] | None = None, *, changes: tuple[Change, ...] = (), **fields: Any) -> Facts:
    """The facts of a watcher that has published `of`."""
    items = () if of is None else configuration.items(of, changes) if changes else _items_of(of)
    defaults: dict[str, Any] = {"watching": (FILE,), "debounce_ms": 2000, "observer": "inotify", "started": True}
    return Facts(FILE, of, items, **(defaults | fields))


_grown: dict[int, tuple[Snapshot[Any], tuple[configuration.Item, ...]]] = {}
"""By the identity of a snapshot, which stays as long as it is in here."""


def _items_of(of: Snapshot[Any]) -> tuple[configuration.Item, ...]:
    if id(of) not in _grown:
        _grown[id(of)] = (of, configuration.items(of, ()))
    return _grown[id(of)][1]


def changed(seconds: float = 1, of: Snapshot[Any] | None = None) -> Update:
    """The file was saved."""
    return Update(facts(of or snapshot()), FileChanged(FILE, at=at(seconds)))


def reloaded(seconds: float = 3, generation: int = 2, text: str = BETTER) -> Update:
    """And applied."""
    timings = Timings(detect=0.1, settle=2000.4, read=0.1, parse=0.3, validate=0.5, swap=0.01, overhead=0.42)
    event = ReloadSuccess(generation, COST, (COST_LINE,), timings, at=at(seconds))
    return Update(facts(snapshot(text, generation, seconds - 2), changes=COST), event)


def failed(seconds: float = 3, *problems: Problem, of: Snapshot[Any] | None = None, first: bool = False) -> Update:
    """And refused; `first`: there is no configuration yet."""
    found = problems or (BRACKET,)
    more = f" (+{len(found) - 1} more)" if len(found) > 1 else ""
    event = ReloadFailed(f"{found[0]}{more}", found[0].kind, found, at=at(seconds))
    excerpt = ('7 │ plan = ["gemini"', "  │        ^")
    return Update(facts(None if first else of or snapshot()), event, (excerpt,))


def unchanged(seconds: float = 3) -> Update:
    """And found to be the same."""
    return Update(facts(snapshot()), ReloadUnchanged("the files are the same", at=at(seconds)))


def deferred(seconds: float = 3, reason: str = "quality gate") -> Update:
    """And queued."""
    pending = Pending((reason,), at(seconds), COST)
    event = ReloadDeferred((reason,), COST, (COST_LINE,), at=at(seconds))
    return Update(facts(snapshot(), pending=pending), event)
