"""What tests may see of a watcher's inside: the one place that knows under which names it is kept."""

from __future__ import annotations

import threading
from typing import Any

from watchdog.events import FileSystemEvent

from hotconf import HotReloadWatcher
from hotconf.runtime.reloader import Reloader
from hotconf.system.budget import close_budget
from hotconf.watch.inotify_observer import InotifyObserver
from hotconf.watch.watchdog_observer import WatchdogObserver


def reloader_of(watcher: HotReloadWatcher[Any]) -> Reloader[Any]:
    """The watcher at work."""
    return watcher._reloader


def watches_of(observer: InotifyObserver | WatchdogObserver) -> set[Any]:
    """What it has the kernel watch, as far as it knows: numbers of watches, or names of directories."""
    return set(observer._watches)


def emitters_of(observer: WatchdogObserver) -> set[Any]:
    """The watches of watchdog itself."""
    return set(observer._watchdog.emitters)


def hear(observer: WatchdogObserver, event: FileSystemEvent) -> None:
    """As if watchdog had seen it."""
    observer._handler.on_any_event(event)


def forget_stops() -> None:
    """The budget of a stop is whole again."""
    close_budget._spent_s = 0.0


def locks_of(watcher: HotReloadWatcher[Any]) -> list[threading.RLock]:
    """All locks that a fork takes for it, in their order."""
    return [lock for member in (watcher._reloader, watcher._bus) for _, lock in member.locks()]
