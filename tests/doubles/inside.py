"""What tests may see of a watcher's inside: the one place that knows under which names it is kept."""

from __future__ import annotations

import threading
from typing import Any

from hotconf import HotReloadWatcher
from hotconf.runtime.reloader import Reloader


def reloader_of(watcher: HotReloadWatcher[Any]) -> Reloader[Any]:
    """The watcher at work."""
    return watcher._reloader


def locks_of(watcher: HotReloadWatcher[Any]) -> list[threading.RLock]:
    """All locks that a fork takes for it, in their order."""
    return [lock for member in (watcher._reloader, watcher._bus) for _, lock in member.locks()]
