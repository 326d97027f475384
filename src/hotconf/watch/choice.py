"""Chooses the observer."""

from __future__ import annotations

import sys
from collections.abc import Callable

from hotconf.errors import UsageError
from hotconf.system.descriptors import refusal
from hotconf.watch.observer import ASKED_FOR, Observer, ObserverName
from hotconf.watch.poll import Poll


def preferred(name: ObserverName) -> ObserverName:
    """The observer that `name` means where everything works: for `auto` the platform's own, so that all share it."""
    if name != "auto":
        return name
    return "inotify" if sys.platform == "linux" else "watchdog"


def choose(name: ObserverName, wake: Callable[[], None]) -> Observer:
    """The observer called `name`; for `auto` the best that works here. An observer without a descriptor calls `wake`
    when it has something to read. Raises `UsageError` if the one that was asked for is not available.
    """
    if name == "poll":
        return Poll(ASKED_FOR)
    return _watchdog(name, wake) if preferred(name) == "watchdog" else _inotify(name)


def _inotify(name: ObserverName) -> Observer:
    try:
        from hotconf.watch.inotify_observer import InotifyObserver  # Linux only, and it takes a descriptor

        return InotifyObserver()
    except (OSError, ImportError) as error:
        if name != "auto":
            raise UsageError(f'observer="inotify" is unavailable: {refusal(error)}; use "auto" or "poll"') from error
        return Poll(f"inotify is unavailable: {refusal(error)}", stopgap=True)


def _watchdog(name: ObserverName, wake: Callable[[], None]) -> Observer:
    try:
        from hotconf.watch.watchdog_observer import WatchdogObserver  # watchdog is an extra
    except ImportError as error:
        if name != "auto":
            raise UsageError('observer="watchdog" needs the package watchdog: pip install watchdog') from error
        return Poll("the package watchdog is not installed")
    return WatchdogObserver(wake)
