"""What a program's own watcher loads, and a watcher of a command that loads the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.settings import HotReloadSettings
from hotconf.system.inert import INERT
from hotconf.watcher import HotReloadWatcher

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.runtime.applying.applying import Applying
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import Options


def original(watcher: HotReloadWatcher[Any]) -> tuple[Options[Any], Path | None]:
    """What it loads, and where its states are kept, if they are."""
    reloader = watcher._reloader
    return reloader.options, reloader.state_dir


def acting(watcher: HotReloadWatcher[Any]) -> Applying[Any] | None:
    """What is made of its configuration, if anything is."""
    return watcher._reloader.cycle.applying


def show(watcher: HotReloadWatcher[Any], snapshot: Snapshot[Any]) -> None:
    """Let the program see this configuration, as if its watcher had been started with it."""
    watcher._reloader.publisher.install(snapshot)


def twin(
    options: Options[Any],
    *,
    debounce_ms: int | None = None,
    state_dir: Path | None = None,
    recalls: Path | None = None,
) -> HotReloadWatcher[Any]:
    """A watcher that loads `options`, also where a program is only looked at: of a source as an observer.

    `debounce_ms` overrules them. `recalls`: where the program keeps its states, if this starts as the program would,
    on its last good state if need be; nothing is written there.
    """
    pins, source = options.pins, options.source
    settings = None if pins.enabled is None else pins.over(HotReloadSettings())
    with INERT.ours():
        watcher = HotReloadWatcher(
            options.given if source is None else source.as_observer(),
            options.schema,
            settings=settings,
            debounce_ms=pins.debounce_ms if debounce_ms is None else debounce_ms,
            watch_paths=pins.watch_paths,
            max_bytes=options.max_bytes,
            allow_empty=options.allow_empty,
            state_dir=state_dir,
            layers=options.layers,
            format=None if options.format is None else options.format.name.lower(),  # type: ignore[arg-type]
        )
        if recalls is not None:
            _recall(watcher, recalls)
        return watcher


def _recall(watcher: HotReloadWatcher[Any], state_dir: Path) -> None:
    from hotconf.history.writer import HistoryWriter
    from hotconf.runtime.loads import judged

    made = watcher._reloader
    history = HistoryWriter(state_dir, made.options, partial(judged, made.options), writes=False)
    watcher._make(made.options, made.cycle.observation.wanted, made.cycle.reconcile_ns, history)
