"""`Meter` counts and measures while a watcher runs; `Stats` is a snapshot of that.

Imported early, because later there may be no descriptor left to import it with; so the classes are named tuples,
which take little time to define.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from hotconf.events import Ending, FileChanged, Notice, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Kind
from hotconf.snapshot import Timings

CAPACITY: Final = 256
"""How many of the latest values of each phase are kept."""
BOUNDS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
"""The upper bounds of the buckets, in seconds."""
BUCKETS: Final = (*map(str, BOUNDS_S), "+Inf")
"""Their names."""

Status: TypeAlias = Literal["ok", "pending", "degraded", "failed", "unwatched"]
Course: TypeAlias = tuple[Status, datetime, ReloadFailed | None]
"""How the latest rounds went, since when, and the latest ending if it is a failure."""

_ENDINGS: Final = {
    ReloadSuccess: "success",
    ReloadUnchanged: "unchanged",
    ReloadFailed: "failed",
    ReloadDeferred: "deferred",
}


class PhaseStats(NamedTuple):
    """One phase of the latest 256 reloads, in milliseconds."""

    count: int  # type: ignore[assignment] # not what `tuple.count` does
    """Of all reloads, including those whose values are no longer kept."""
    p50: float
    p95: float
    p99: float
    max: float
    values: tuple[float, ...] = ()
    """The latest values, oldest first."""

    def as_dict(self) -> dict[str, float]:
        """As a dict, without the single values."""
        return {"count": self.count, "p50": self.p50, "p95": self.p95, "p99": self.p99, "max": self.max}

    def __repr__(self) -> str:
        """Without the values."""
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields[:-1], self, strict=False))
        return f"PhaseStats({shown})"


class CallbackFailure(NamedTuple):
    """A callback, or the selector of one, raised."""

    name: str
    """`module.function`, as in the log."""
    at: datetime
    """UTC."""


class Histogram:
    """How long a phase took, of all successful reloads."""

    __slots__ = ("buckets", "sum_s")

    def __init__(self, buckets: Mapping[str, int], sum_s: float) -> None:
        self.buckets = buckets
        """How many took at most that many seconds, by bound; the last bound is `+Inf`."""
        self.sum_s = sum_s
        """Of all of them, in seconds."""

    def as_dict(self) -> dict[str, Any]:
        """By name, as JSON has it."""
        return {"buckets": dict(self.buckets), "sum_s": self.sum_s}


class Stats(NamedTuple):
    """What a watcher counted and measured since it was started."""

    endings: Mapping[str, int]
    """`success`, `unchanged`, `failed` and `deferred`."""
    phases: Mapping[str, PhaseStats]
    """Keyed by the fields of `Timings`. The phases of a speculative load lie inside `settle`."""
    observer: str
    """`inotify`, `watchdog` or `poll`."""
    trouble: str | None
    """Why not every change is noticed at once; None if all is well."""
    degraded: bool = False
    """The start failed, and what is published is the last good state that was kept."""
    state_trouble: str | None = None
    """Why published states are not kept on disk; None if they are, or were not asked for."""
    last_trouble: str | None = None
    """The latest `trouble` that has ended."""
    listener_failures: int = 0
    """How often a listener (a part of the watcher, or an integration) failed on an event. Each is logged."""
    retries: int = 0
    """How often a resource was tried again in vain: these failures are not among the `endings`, nor emitted."""
    close_failures: int = 0
    """How often closing a resource raised, or did not return in time. Each is logged."""
    callback_failures: int = 0
    """How often a callback or its selector raised. Each is logged, with its traceback, without secrets."""
    last_callback_failure: CallbackFailure | None = None
    """The latest of them."""
    failures: Mapping[str, int] = {}
    """How often a reload failed, by the kind of the failure: each `Kind` is there."""
    durations: Mapping[str, Histogram] = {}
    """How long `read`, `parse`, `validate` and `apply` (to make resources, and to publish) of all successful reloads
    took."""
    successful: bool | None = None
    """Whether the latest load was good, the one at start included; None before that."""
    succeeded_at: datetime | None = None
    """UTC; when the latest good load ended, whether it changed anything or not."""

    def as_dict(self) -> dict[str, Any]:
        """As a dict for JSON: instants as RFC 3339, phases without their single values."""
        return {name: _plain(value) for name, value in zip(self._fields, self, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PhaseStats | Histogram):
        return value.as_dict()
    if isinstance(value, CallbackFailure):
        return {"name": value.name, "at": value.at.isoformat()}
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value


class Failures:
    """Counts what callbacks raise."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: CallbackFailure | None = None

    def add(self, name: str) -> None:
        """`name` raised now."""
        self.count += 1
        self.last = CallbackFailure(name, datetime.now(UTC))


class Meter:
    """A listener that counts endings and measures successes. Its size is bounded."""

    __slots__ = ("_degraded", "_endings", "_tally", "_values", "course", "troubled_at", "well_at")

    def __init__(self) -> None:
        self._endings = dict.fromkeys(_ENDINGS.values(), 0)
        self._values: dict[str, array[float]] = {phase: array("d") for phase in Timings.__match_args__}
        self._degraded = False
        self.well_at = datetime.now(UTC)
        """When the latest trouble ended that no event reports."""
        self.troubled_at: datetime | None = None
        """When such trouble was found; None while there is none."""
        self.course: Course = ("unwatched", self.well_at, None)
        self._tally = Tally()

    def notify(self, notice: Notice) -> None:
        """Count the ending, if it is one."""
        self._tally.notify(notice)
        self._degraded = notice.degraded
        event = notice.event
        if isinstance(event, FileChanged):
            return
        if event is not None:
            self.count(event)
        failed = event if isinstance(event, ReloadFailed) else None
        status: Status = "ok"
        if notice.degraded:
            status = "degraded"
        elif failed is not None:
            status = "failed"
        elif not notice.settings.enabled:
            status = "unwatched"
        elif isinstance(event, ReloadDeferred):
            status = "pending"
        self._turn(status, datetime.now(UTC) if event is None else event.at, failed)

    def stop(self) -> None:
        """The watcher is closed."""
        self._turn("unwatched", datetime.now(UTC))

    def _turn(self, status: Status, at: datetime, failed: ReloadFailed | None = None) -> None:
        before, since, _ = self.course
        self.course = status, since if status == before else at, failed

    def count(self, event: Ending) -> None:
        """Count `event`; if it is a success, keep its timings."""
        self._endings[_ENDINGS[type(event)]] += 1
        if isinstance(event, ReloadSuccess):
            for name, values in self._values.items():
                values.append(getattr(event.timings, name))
                del values[:-CAPACITY]

    def stats(self, observer: str, trouble: str | None, failures: Failures | None = None) -> Stats:
        """The current statistics; `failures` are those of callbacks."""
        phases = {name: self._summary(values) for name, values in self._values.items()}
        tally = self._tally
        stats = Stats(dict(self._endings), phases, observer, trouble, self._degraded)._replace(
            failures=tally.failures,
            durations=tally.durations,
            successful=tally.successful,
            succeeded_at=tally.succeeded_at,
        )
        if failures is None:
            return stats
        return stats._replace(callback_failures=failures.count, last_callback_failure=failures.last)

    def _summary(self, values: array[float]) -> PhaseStats:
        ordered = sorted(values) or [0.0]
        p50, p95, p99 = (_rank(ordered, share) for share in (0.5, 0.95, 0.99))
        return PhaseStats(self._endings["success"], p50, p95, p99, ordered[-1], tuple(values))


def _rank(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile: always a value that was measured."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Tally:
    """Counts what one watcher's notices say. Its size is bounded."""

    __slots__ = ("_counts", "_failures", "_sums", "succeeded_at", "successful")

    def __init__(self) -> None:
        self._failures: dict[str, int] = dict.fromkeys(get_args(Kind), 0)
        self._counts = {phase: [0] * len(BUCKETS) for phase in ("read", "parse", "validate", "apply")}
        self._sums = dict.fromkeys(self._counts, 0.0)
        self.successful: bool | None = None
        """Whether the latest load was good; None before the first."""
        self.succeeded_at: datetime | None = None
        """UTC; when the latest good load ended."""

    @property
    def failures(self) -> Mapping[str, int]:
        """How often a reload failed, by the kind of the failure."""
        return dict(self._failures)

    @property
    def durations(self) -> Mapping[str, Histogram]:
        """By phase."""
        return {
            phase: Histogram(dict(zip(BUCKETS, accumulate(counts), strict=True)), self._sums[phase])
            for phase, counts in self._counts.items()
        }

    def notify(self, notice: Notice) -> None:
        """Count what it says."""
        event, published = notice.event, notice.published
        if isinstance(event, ReloadFailed):
            self._failures[event.kind] += 1
            self.successful = False
        elif isinstance(event, ReloadSuccess | ReloadUnchanged):
            self._succeed(event.at)
        elif not isinstance(event, ReloadDeferred) and published is not None and not published.recalled:
            self._succeed(datetime.now(UTC))  # the first configuration is no event
        if isinstance(event, ReloadSuccess):
            self._measure(event.timings)

    def _succeed(self, at: datetime) -> None:
        self.successful, self.succeeded_at = True, at

    def _measure(self, times: Timings) -> None:
        spent = {"read": times.read, "parse": times.parse, "validate": times.validate}
        for phase, spent_ms in (*spent.items(), ("apply", times.prepare + times.swap)):
            self._counts[phase][bisect_left(BOUNDS_S, spent_ms / 1000)] += 1
            self._sums[phase] += spent_ms / 1000
