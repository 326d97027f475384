"""Prometheus: `Collector`, whose metrics are named as Prometheus' own about its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from hotconf import arguments
from hotconf.integrations.missing import needs
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

_DIGITS: Final = 12
"""How much of a digest is shown."""
_GAUGES: Final = {
    "hotconf_config_last_reload_successful": "Whether the latest load of the configuration was good.",
    "hotconf_config_last_reload_success_timestamp_seconds": "When the latest good load of the configuration ended.",
    "hotconf_generation": "How often a configuration has been published; 0 if none has.",
    "hotconf_pending": "Whether a reload waits for something busy.",
    "hotconf_pending_restart": "How many values of the files take effect with a restart only.",
    "hotconf_degraded": "Whether the start fell back on the last good state, and the files are not good yet.",
    "hotconf_watch_healthy": "Whether every change of the files is noticed at once.",
}
"""What can go up and down, each with one sample for a watcher."""


class Collector:
    """The metrics of a watcher, as a collector that is registered with a registry of prometheus_client.

        REGISTRY.register(Collector(watcher))

    No label and no sample holds a value of the configuration. A scrape reads what the watcher knows: it may come
    before the start, during a reload, after a fork and after `close()`.
    """

    def __init__(self, watcher: HotReloadWatcher[Any], *, name: str | None = None) -> None:
        """`name`: the label `config`, by default the name of the main file, or of the model if there is none."""
        self._watchers: dict[str, HotReloadWatcher[Any]] = {}
        self.add(watcher, name=name)

    def add(self, watcher: HotReloadWatcher[Any], *, name: str | None = None) -> Collector:
        """One more watcher, under a name of its own: one registry takes one collector. Returns the collector."""
        label = _label(_name(watcher) if name is None else name)
        if label in self._watchers:
            raise arguments.wrong("name", label, "another one: a watcher of this collector has it")
        self._watchers = {**self._watchers, label: watcher}
        return self

    def describe(self) -> Iterable[Metric]:
        """The metrics without samples, for the registry."""
        return _families(())

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield from _families((name, _record(watcher)) for name, watcher in self._watchers.items())


def _name(watcher: HotReloadWatcher[Any]) -> str:
    options = watcher._reloader.options
    return getattr(options.schema.model, "__name__", "config") if options.fileless else options.path.name


def _label(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise arguments.wrong("name", given, "the label of this configuration")
    return given


def _record(watcher: HotReloadWatcher[Any]) -> dict[str, Any]:
    """What the metrics are made of."""
    stats, health = watcher.stats, watcher.health()
    idle = health.status == "unwatched" and watcher.settings.enabled
    return {
        "generation": watcher.generation,
        "digest": watcher._reloader.publisher.files_digest[:_DIGITS],
        "pending": watcher.pending is not None,
        "pending_restart": len(watcher.pending_restart),
        "watch_healthy": stats.trouble in (None, ASKED_FOR) and not idle,
        "stats": stats.as_dict(),
    }


def _families(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Metric]:
    """All metrics, with the samples of these watchers."""
    gauges = {name: GaugeMetricFamily(name, text, labels=["config"]) for name, text in _GAUGES.items()}
    reloads = CounterMetricFamily("hotconf_reloads", "Reloads, by how they ended.", labels=["config", "result"])
    failures = CounterMetricFamily(
        "hotconf_reload_failures", "Reloads that failed, by what was wrong.", labels=["config", "kind"]
    )
    durations = HistogramMetricFamily(
        "hotconf_reload_duration_seconds",
        "How long the phases of successful reloads took.",
        labels=["config", "phase"],
    )
    callbacks = CounterMetricFamily(
        "hotconf_callback_failures", "Callbacks for changes that raised.", labels=["config"]
    )
    info = InfoMetricFamily(
        "hotconf",
        "The digest of main file, fragments and profile: it tells which processes differ.",
        labels=["config"],
    )
    for config, record in rows:
        stats = record["stats"]
        for name, value in _values(record).items():
            gauges[name].add_metric([config], value)
        for result, count in stats["endings"].items():
            reloads.add_metric([config, result], count)
        for kind, count in stats["failures"].items():
            failures.add_metric([config, kind], count)
        for phase, histogram in stats["durations"].items():
            durations.add_metric([config, phase], list(histogram["buckets"].items()), histogram["sum_s"])
        callbacks.add_metric([config], stats["callback_failures"])
        if record["digest"]:
            info.add_metric([config], {"digest": record["digest"]})
    yield from (*gauges.values(), reloads, failures, durations, callbacks, info)


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """Of the gauges: those that are known."""
    stats = record["stats"]
    at = stats["succeeded_at"]
    known: dict[str, float | None] = {
        "hotconf_config_last_reload_successful": stats["successful"],
        "hotconf_config_last_reload_success_timestamp_seconds": at and datetime.fromisoformat(at).timestamp(),
        "hotconf_generation": record["generation"],
        "hotconf_pending": record["pending"],
        "hotconf_pending_restart": record["pending_restart"],
        "hotconf_degraded": stats["degraded"],
        "hotconf_watch_healthy": record["watch_healthy"],
    }
    return {name: float(value) for name, value in known.items() if value is not None}
