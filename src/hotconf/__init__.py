"""Keeps a running program's configuration in step with its files, safely.

from hotconf import HotReloadWatcher

with HotReloadWatcher("config.toml", AppConfig) as watcher:
    watcher.config  # always the latest valid state of the files, immutable
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CallbackFailure",
    "Change",
    "ConfigError",
    "ConfigReloadEvent",
    "DotEnv",
    "Ending",
    "Env",
    "EventStream",
    "FileChanged",
    "Flags",
    "Health",
    "HotReloadSettings",
    "HotReloadWatcher",
    "MISSING",
    "Missing",
    "NoConfigError",
    "Origin",
    "Outcome",
    "Pending",
    "PhaseStats",
    "Problem",
    "Profile",
    "Related",
    "ReloadDeferred",
    "ReloadFailed",
    "ReloadSuccess",
    "ReloadUnchanged",
    "Resource",
    "RestartRequired",
    "Schema",
    "SecretsDir",
    "Snapshot",
    "SourceFile",
    "Stats",
    "Subscription",
    "Timings",
    "UsageError",
    "View",
    "WatchedFile",
    "WatchedFileOptions",
]

if TYPE_CHECKING:
    from hotconf.changes import MISSING, Change, Missing
    from hotconf.config.restarts.required import RestartRequired
    from hotconf.errors import NoConfigError, UsageError
    from hotconf.events import (
        ConfigReloadEvent,
        Ending,
        FileChanged,
        Outcome,
        Pending,
        ReloadDeferred,
        ReloadFailed,
        ReloadSuccess,
        ReloadUnchanged,
    )
    from hotconf.problems import ConfigError, Problem, Related
    from hotconf.resources.published import View
    from hotconf.resources.resource import Resource
    from hotconf.schema import Schema
    from hotconf.settings import HotReloadSettings
    from hotconf.snapshot import Answer, Origin, Snapshot, SourceFile, Timings
    from hotconf.sources.dotenv import DotEnv
    from hotconf.sources.env import Env
    from hotconf.sources.files.watched_file import WatchedFile, WatchedFileOptions
    from hotconf.sources.flags import Flags
    from hotconf.sources.profile import Profile
    from hotconf.sources.secrets_dir import SecretsDir
    from hotconf.status.health import Health
    from hotconf.subscribers.stats import CallbackFailure, PhaseStats, Stats
    from hotconf.subscribers.streams import EventStream, Subscription
    from hotconf.watcher import HotReloadWatcher

# Resolved when first used: `hotconf check` needs no watcher, and naming an event needs no pydantic.
_HOMES = {
    "changes": ("MISSING", "Change", "Missing"),
    "config.restarts.required": ("RestartRequired",),
    "errors": ("NoConfigError", "UsageError"),
    "events": (
        "ConfigReloadEvent",
        "Ending",
        "FileChanged",
        "Outcome",
        "Pending",
        "ReloadDeferred",
        "ReloadFailed",
        "ReloadSuccess",
        "ReloadUnchanged",
    ),
    "problems": ("ConfigError", "Problem", "Related"),
    "resources.published": ("View",),
    "resources.resource": ("Resource",),
    "schema": ("Schema",),
    "settings": ("HotReloadSettings",),
    "snapshot": ("Answer", "Origin", "Snapshot", "SourceFile", "Timings"),
    "sources.dotenv": ("DotEnv",),
    "sources.env": ("Env",),
    "sources.files.watched_file": ("WatchedFile", "WatchedFileOptions"),
    "sources.flags": ("Flags",),
    "sources.profile": ("Profile",),
    "sources.secrets_dir": ("SecretsDir",),
    "status.health": ("Health",),
    "subscribers.stats": ("CallbackFailure", "PhaseStats", "Stats"),
    "subscribers.streams": ("EventStream", "Subscription"),
    "watcher": ("HotReloadWatcher",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # or checkers would find every name here

    def __getattr__(name: str) -> Any:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
