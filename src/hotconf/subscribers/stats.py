"""What a watcher counted and measured, as it is told.

Named tuples, which take little to define: so this is there before somebody asks, who may have no descriptor left to
import it with.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import fields
from typing import Final, NamedTuple

from hotconf.events import Ending, FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged, Timings
from hotconf.listener import Notice

CAPACITY: Final = 256
"""So many of the latest values of each phase are kept."""

_ENDINGS: Final = {
    ReloadSuccess: "success",
    ReloadUnchanged: "unchanged",
    ReloadFailed: "failed",
    ReloadDeferred: "deferred",
}


class PhaseStats(NamedTuple):
    """One phase of the latest 256 reloads, in milliseconds."""

    count: int  # type: ignore[assignment] # nobody counts how often a value is in this
    """Of all reloads, those that are no longer kept included."""
    p50: float
    p95: float
    p99: float
    max: float
    values: tuple[float, ...] = ()
    """Those that are kept, oldest first."""

    def __repr__(self) -> str:
        """Without the values."""
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields[:-1], self, strict=False))
        return f"PhaseStats({shown})"


class Stats(NamedTuple):
    """What a watcher counted and measured since it was started."""

    endings: Mapping[str, int]
    """`success`, `unchanged`, `failed` and `deferred`."""
    phases: Mapping[str, PhaseStats]
    """By the names of `Timings`. Phases of a load that ran inside the window lie inside `settle`."""
    observer: str
    """`inotify`, `watchdog` or `poll`."""
    trouble: str | None
    """Why not every change is heard at once; None if all is well."""
    degraded: bool = False
    """The start failed, and what is published is the last good state that was kept."""
    state_trouble: str | None = None
    """Why published states are not kept on disk; None if they are, or need not be."""
    last_trouble: str | None = None
    """The latest `trouble` that is over."""
    listener_failures: int = 0
    """How often a part of the watcher, or an integration, could not take note of an event: each is in the log."""


class Meter:
    """Counts and measures; cheap to feed, and of a fixed size."""

    __slots__ = ("_counts", "_degraded", "_endings", "_values")

    def __init__(self) -> None:
        names = [phase.name for phase in fields(Timings)]
        self._endings = dict.fromkeys(_ENDINGS.values(), 0)
        self._counts = dict.fromkeys(names, 0)
        self._values = {name: array("d") for name in names}
        self._degraded = False

    def notify(self, notice: Notice) -> None:
        """Count the ending, if it is one."""
        self._degraded = notice.degraded
        if notice.event is not None and not isinstance(notice.event, FileChanged):
            self.count(notice.event)

    def count(self, event: Ending) -> None:
        """Count `event`; if it is a success, keep its timings."""
        self._endings[_ENDINGS[type(event)]] += 1
        if isinstance(event, ReloadSuccess):
            for name, values in self._values.items():
                self._keep(name, values, getattr(event.timings, name))

    def _keep(self, name: str, values: array[float], value: float) -> None:
        count = self._counts[name]
        self._counts[name] = count + 1
        if len(values) < CAPACITY:
            values.append(value)
        else:
            values[count % CAPACITY] = value

    def stats(self, observer: str, trouble: str | None) -> Stats:
        """A picture of now."""
        phases = {name: _summary(self._counts[name], values) for name, values in self._values.items()}
        return Stats(dict(self._endings), phases, observer, trouble, self._degraded)


def _summary(count: int, values: array[float]) -> PhaseStats:
    """Of `count` values the latest, which are kept in a ring: the next one takes the place of the oldest."""
    ordered = sorted(values)
    if not ordered:
        return PhaseStats(0, 0.0, 0.0, 0.0, 0.0)
    p50, p95, p99 = (_rank(ordered, share) for share in (0.5, 0.95, 0.99))
    return PhaseStats(count, p50, p95, p99, ordered[-1], _in_order(count, values))


def _in_order(count: int, values: array[float]) -> tuple[float, ...]:
    oldest = count % len(values) if count > len(values) else 0
    return (*values[oldest:], *values[:oldest])


def _rank(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile: always a value that was measured."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
