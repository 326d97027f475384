"""For tests of programs that use hotconf: a watcher of a file that a test writes. Also a pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["MakeWatcher", "WatcherHandle", "WatcherOptions", "watching"]

if TYPE_CHECKING:
    from hotconf.testing.handle import WatcherHandle
    from hotconf.testing.making import MakeWatcher, WatcherOptions, watching


def __getattr__(name: str) -> Any:
    # Late: every run of pytest imports this package, and most of them need no watcher.
    if name == "WatcherHandle":
        from hotconf.testing.handle import WatcherHandle

        return WatcherHandle
    if name in __all__:
        from hotconf.testing import making

        return getattr(making, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
