"""Prometheus: `Collector`, whose metrics are named like Prometheus' own about its configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import checked
from hotconf.problems import Kind
from hotconf.status.contents import DIGITS
from hotconf.status.reading import statuses
from hotconf.subscribers.stats import BUCKETS
from hotconf.text import file_name, printable
from hotconf.watch.observer import ASKED_FOR

with needs("prometheus", "prometheus_client"):
    from prometheus_client import Metric
    from prometheus_client.metrics_core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        InfoMetricFamily,
    )

if TYPE_CHECKING:
    from hotconf import HotReloadWatcher
    from hotconf.status.record import Status

_MULTIPROCESS: Final = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
"""The variables that enable the multiprocess mode."""
_GAUGES: Final = {
    "hotconf_config_last_reload_successful": "Whether the latest load of the configuration succeeded.",
    "hotconf_config_last_reload_success_timestamp_seconds": "When the latest successful load ended.",
    "hotconf_generation": "Number of the published configuration, counting from 1; 0 if there is none.",
    "hotconf_pending": "Whether a reload is deferred while busy.",
    "hotconf_pending_restart": "Number of changed values that take effect after a restart.",
    "hotconf_degraded": "Whether the last good state is in use: the files have not been valid since the start.",
    "hotconf_watch_healthy": "Whether every change of the files is noticed at once.",
}
"""The gauges, each with one sample per watcher."""
_RESULTS: Final = ("success", "unchanged", "failed", "deferred")
_PHASES: Final = ("read", "parse", "validate", "apply")


class Collector:
    """The metrics of a watcher, as a collector for a registry of prometheus_client.

        REGISTRY.register(Collector(watcher))

    No label or sample contains a value of the configuration. Scrapes work at any time: before the start, during a
    reload, after a fork and after `close()`.

    In prometheus_client's multiprocess mode (`PROMETHEUS_MULTIPROC_DIR` is set), a scrape of any process covers all
    processes, with the label `pid`; their metrics are read from the watcher's `state_dir`.
    """

    def __init__(self, watcher: HotReloadWatcher[Any], *, name: str | None = None) -> None:
        """`name`: the value of the label `config`; by default, the name of the main file, or of the model without
        files.

        Raises `UsageError` for an invalid name, and in multiprocess mode for a watcher without a `state_dir`.
        """
        self._multiprocess = any(variable in os.environ for variable in _MULTIPROCESS)
        self._labels = ["config", "pid"] if self._multiprocess else ["config"]
        self._watchers: dict[str, HotReloadWatcher[Any]] = {}
        self.add(watcher, name=name)

    def add(self, watcher: HotReloadWatcher[Any], *, name: str | None = None) -> Collector:
        """Add a watcher with another name, because a registry takes one collector. Returns the collector."""
        reloader = checked(watcher)._reloader
        if self._multiprocess and reloader.history is None:
            text = (
                "in multiprocess mode the metrics of all processes are read from the watcher's state_dir: give it one"
            )
            raise UsageError(text)
        label = _label(_name(watcher) if name is None else name)
        if label in self._watchers:
            raise arguments.wrong("name", label, "another one: a watcher of this collector has it")
        self._watchers = {**self._watchers, label: watcher}
        return self

    def describe(self) -> Iterable[Metric]:
        """The metrics without samples, for the registry."""
        return _families(self._labels, ())

    def collect(self) -> Iterator[Metric]:
        """The metrics with their current samples."""
        rows: Iterable[_Row]
        if self._multiprocess:
            rows = chain.from_iterable(_everywhere(*each) for each in self._watchers.items())
        else:
            rows = (_here(*each) for each in self._watchers.items())
        yield from _families(self._labels, rows)


def _name(watcher: HotReloadWatcher[Any]) -> str:
    options = watcher._reloader.options
    return getattr(options.schema.model, "__name__", "config") if options.fileless else file_name(options.path)


def _label(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise arguments.wrong("name", given, "the label of this configuration")
    return printable(given)  # a file's name may contain any bytes


class _Row(NamedTuple):
    """The samples of one watcher in one process."""

    labels: tuple[str, ...]
    gauges: Mapping[str, float]
    """Without gauges that are unknown."""
    reloads: Mapping[str, float]
    failures: Mapping[str, float]
    durations: Mapping[str, tuple[list[tuple[str, float]], float]]
    """Buckets and sum of each phase."""
    callbacks: float
    digest: str

    @classmethod
    def of(cls, labels: tuple[str, ...], digest: str, gauges: dict[str, float], stats: Mapping[str, Any]) -> _Row:
        """`stats`: as from `Stats.as_dict()`. Raises `LookupError`, `TypeError` or `ValueError` if malformed."""
        good, at = stats["successful"], stats["succeeded_at"]
        known = {} if good is None else {"hotconf_config_last_reload_successful": float(good)}
        if at is not None:
            instant = datetime.fromisoformat(at).timestamp()
            known["hotconf_config_last_reload_success_timestamp_seconds"] = instant
        return cls(
            labels,
            {**gauges, **known, "hotconf_degraded": float(stats["degraded"])},
            {result: float(stats["endings"][result]) for result in _RESULTS},
            {kind: float(stats["failures"][kind]) for kind in get_args(Kind)},
            {phase: _histogram(stats["durations"][phase]) for phase in _PHASES},
            float(stats["callback_failures"]),
            digest,
        )


def _histogram(found: Mapping[str, Any]) -> tuple[list[tuple[str, float]], float]:
    return [(bound, float(found["buckets"][bound])) for bound in BUCKETS], float(found["sum_s"])


def _here(name: str, watcher: HotReloadWatcher[Any]) -> _Row:
    """The samples of this process."""
    stats = watcher.stats
    running = watcher.health().status != "unwatched" or not watcher.settings.enabled
    gauges = {
        "hotconf_generation": float(watcher.generation),
        "hotconf_pending": float(watcher.pending is not None),
        "hotconf_pending_restart": float(len(watcher.pending_restart)),
        "hotconf_watch_healthy": float(running and stats.trouble in (None, ASKED_FOR)),
    }
    return _Row.of((name,), watcher._reloader.publisher.files_digest[:DIGITS], gauges, stats.as_dict())


def _everywhere(name: str, watcher: HotReloadWatcher[Any]) -> Iterator[_Row]:
    """The samples of all processes on this machine, from the status files."""
    reloader, here = watcher._reloader, os.uname().nodename
    found: list[Status] = []
    if reloader.history is not None:
        with suppress(OSError, UsageError):  # each process logs it, and its health says so
            found = statuses(reloader.history.state_dir, reloader.options.path)
    for status in {each.pid: each for each in found if each.host == here}.values():
        gauges = {
            "hotconf_generation": float(status.generation),
            "hotconf_pending": float(status.pending is not None),
            "hotconf_pending_restart": float(status.pending_restart),
            "hotconf_watch_healthy": float(status.stats.get("trouble") in (None, ASKED_FOR)),
        }
        with suppress(LookupError, TypeError, ValueError):  # of another version, or malformed
            yield _Row.of((name, str(status.pid)), status.digest, gauges, status.stats)


def _families(labels: Sequence[str], rows: Iterable[_Row]) -> Iterator[Metric]:
    """All metrics with these samples."""
    gauges = {name: GaugeMetricFamily(name, text, labels=labels) for name, text in _GAUGES.items()}
    reloads = CounterMetricFamily("hotconf_reloads", "Reloads by outcome.", labels=[*labels, "result"])
    failures = CounterMetricFamily(
        "hotconf_reload_failures", "Failed reloads by kind of problem.", labels=[*labels, "kind"]
    )
    durations = HistogramMetricFamily(
        "hotconf_reload_duration_seconds",
        "Duration of the phases of successful reloads.",
        labels=[*labels, "phase"],
    )
    callbacks = CounterMetricFamily("hotconf_callback_failures", "Callbacks that raised an exception.", labels=labels)
    info = InfoMetricFamily(
        "hotconf",
        "Digest of the main file, fragments and profile: processes with another one run other files.",
        labels=labels,
    )
    for row in rows:
        for name, value in row.gauges.items():
            gauges[name].add_metric(row.labels, value)
        for result, count in row.reloads.items():
            reloads.add_metric([*row.labels, result], count)
        for kind, count in row.failures.items():
            failures.add_metric([*row.labels, kind], count)
        for phase, (buckets, total_s) in row.durations.items():
            durations.add_metric([*row.labels, phase], buckets, total_s)
        callbacks.add_metric(row.labels, row.callbacks)
        if row.digest:
            info.add_metric(row.labels, {"digest": row.digest})
    yield from (*gauges.values(), reloads, failures, durations, callbacks, info)
