"""`Listener`: what wants to know of everything that one watcher publishes and emits, and the `Notice` that it gets.

Subscribers' queues, the statistics, the log and the history are listeners; so is whatever integrates the watcher
with something else. A new one is a class with `notify`, and one more in `runtime.reloader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hotconf.events import ConfigReloadEvent
from hotconf.timings import Timings

if TYPE_CHECKING:
    from hotconf.settings import HotReloadSettings  # not at run time: programs that only log load no pydantic
    from hotconf.snapshot import Snapshot


class Publication(NamedTuple):
    """How the snapshot of a notice came to be published."""

    summary: tuple[str, ...]
    """What changed, or why nothing did, as lines for people."""
    timings: Timings = Timings()
    recalled: bool = False
    """It is the last good state, because the load at start failed."""


class Notice(NamedTuple):
    """An event, and all that listeners may want to know with it."""

    event: ConfigReloadEvent | None
    """None for the first configuration: `start()` returns instead."""
    snapshot: Snapshot[Any] | None
    """What readers see now."""
    settings: HotReloadSettings
    """In force now."""
    published: Publication | None = None
    """Readers have seen `snapshot` since this notice only; it may be the same config, read from other files."""
    eager: bool = False
    """The round ended before its window did."""
    degraded: bool = False
    """What is published was recalled at start, and the files have not been good since."""
    raised: bool = False
    """The event is a failure that `start()` raises."""

    @property
    def first(self) -> bool:
        """Whether no good load came before."""
        return self.snapshot is None or (self.published is not None and self.published.recalled)


class Listener(Protocol):
    """Gets the notices of one watcher, in order."""

    def notify(self, notice: Notice) -> None:
        """Take note, quickly: it runs on the driver's thread, before those who wait for `reload()` get their answer.

        If it raises, that is logged and counted, and the other listeners get the notice all the same.
        """
