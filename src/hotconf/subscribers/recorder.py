"""Counting and measuring while a watcher works; cheap to feed, and of a fixed size."""

from __future__ import annotations

from array import array
from dataclasses import fields
from typing import Final

from hotconf.engine.candidate import Costs
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import Round
from hotconf.events import (
    Ending,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Timings,
)
from hotconf.subscribers.stats import Stats, summary

CAPACITY: Final = 256
"""So many of the latest values of each phase are kept."""

_ENDINGS: Final = {
    ReloadSuccess: "success",
    ReloadUnchanged: "unchanged",
    ReloadFailed: "failed",
    ReloadDeferred: "deferred",
}


class Recorder:
    """Counts and measures; cheap to feed, and of a fixed size."""

    __slots__ = ("_counts", "_endings", "_values")

    def __init__(self) -> None:
        names = [phase.name for phase in fields(Timings)]
        self._endings = dict.fromkeys(_ENDINGS.values(), 0)
        self._counts = dict.fromkeys(names, 0)
        self._values = {name: array("d") for name in names}

    def ending(self, event: Ending) -> None:
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
        phases = {name: summary(self._counts[name], values) for name, values in self._values.items()}
        return Stats(dict(self._endings), phases, observer, trouble)


def timings(costs: Costs, round_: Round | None, began: int, done: int, detect_ns: int) -> Timings:
    """Where the time went of a reload that was published between `began` and `done`, monotonic nanoseconds."""
    ms = MILLISECOND
    settle = began - round_.debounce.first if round_ is not None else 0
    overhead = max(0, done - round_.debounce.deadline) if round_ is not None else 0
    return Timings(
        detect=detect_ns / ms,
        settle=settle / ms,
        read=costs.read / ms,
        parse=costs.parse / ms,
        validate=costs.validate / ms,
        swap=(done - began) / ms,
        overhead=overhead / ms,
    )
