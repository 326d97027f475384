"""The peers: what people use today to keep a configuration in step with its file, each at its best.

Each is made by a function that starts it; those that watch are given the same window, model and file.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bench.plain import user

Told: TypeAlias = Callable[[], None]


class Slot:
    """Where the recipes keep their configuration: one slot, replaced whole. Also the plain attribute of `read`."""

    __slots__ = ("config",)

    config: Any


@dataclass(frozen=True, slots=True)
class Peer:
    """One of them, started."""

    it: Any
    """What its users hold: they read it by the texts in `READS`."""
    read: Callable[[], Any]
    """Another object for each configuration."""
    reload: Callable[[], Any]
    """By hand, at once."""
    on_refusal: Callable[[Told], object] | None = None
    """Have something called for each save that is refused."""


def hotconf(path: Path, window_ms: int) -> Peer:
    """This project."""
    from hotconf import HotReloadWatcher, ReloadFailed

    watcher: HotReloadWatcher[Any] = HotReloadWatcher(path, user(), debounce_ms=window_ms)
    watcher.start()

    def on_refusal(told: Told) -> None:
        watcher.on_event(lambda event: told() if isinstance(event, ReloadFailed) else None)

    return Peer(watcher, lambda: watcher.config, watcher.reload, on_refusal)


def watchdog(path: Path, window_ms: int) -> Peer:
    """`watchdog`, a `threading.Timer` for each burst, tomli and pydantic."""
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers import Observer

    peer = recipe(path)
    lock = threading.Lock()
    timer = threading.Timer(0, peer.reload)

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: Any) -> None:
            nonlocal timer
            if event.event_type in ("opened", "closed_no_write") or str(path) not in (
                event.src_path,
                event.dest_path,
            ):
                return
            with lock:
                timer.cancel()
                timer = threading.Timer(window_ms / 1000, peer.reload)
                timer.daemon = True
                timer.start()

    observer = Observer()
    observer.schedule(Handler(), str(path.parent))
    observer.start()
    return peer


def watchfiles(path: Path, window_ms: int) -> Peer:
    """`watchfiles`, told to wait for a pause as long as the window, tomli and pydantic."""
    from watchfiles import watch

    peer = recipe(path)

    def follow() -> None:
        for changes in watch(path.parent, step=window_ms, debounce=5 * window_ms, rust_timeout=60_000):
            if any(changed == str(path) for _, changed in changes):
                peer.reload()

    threading.Thread(target=follow, daemon=True).start()
    return peer


def dynamic_config(path: Path, window_ms: int) -> Peer:
    """`dynamic-config-py`: an engine in Rust that watches, parses and debounces; pydantic validates."""
    from dynamic_config import DynamicConfig, ReloadFailed

    config = DynamicConfig(user(), key="app").file(str(path))
    config.init()
    _KEPT.append(config.watch(debounce=window_ms / 1000))

    async def follow(told: Told) -> None:
        async for event in config.events():
            if isinstance(event, ReloadFailed):
                told()

    def on_refusal(told: Told) -> None:
        threading.Thread(target=lambda: asyncio.run(follow(told)), daemon=True).start()
        time.sleep(0.5)

    return Peer(config, config.current, config.reload, on_refusal)


def mtime(path: Path, window_ms: int) -> Peer:
    """A thread that looks at the time of the last change once a second, and has no window."""
    del window_ms
    peer = recipe(path)

    def follow() -> None:
        known = path.stat().st_mtime_ns
        while True:
            time.sleep(1)
            try:
                seen = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if seen != known:
                known = seen
                peer.reload()

    threading.Thread(target=follow, daemon=True).start()
    return peer


def dynaconf(path: Path, window_ms: int) -> Peer:
    """`dynaconf`: reads are looked up; it reloads when it is told to."""
    del window_ms
    from dynaconf import Dynaconf

    settings = Dynaconf(settings_files=[str(path)])
    return Peer(settings, lambda: settings.model, settings.reload)


def pydantic_settings(path: Path, window_ms: int) -> Peer:
    """`pydantic-settings`: a model that reads its file when it is made; to reload is to make it anew."""
    del window_ms
    from pydantic_settings import BaseSettings, TomlConfigSettingsSource

    class Config(BaseSettings, user()):  # type: ignore[misc] # made at run time
        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **_: Any) -> Any:  # type: ignore[override] # it takes them all
            return (TomlConfigSettingsSource(settings_cls, path),)

    slot = Slot()

    def load() -> None:
        slot.config = Config()

    load()
    return Peer(slot, lambda: slot.config, load)


PEERS: dict[str, Callable[[Path, int], Peer]] = {
    "hotconf": hotconf,
    "watchdog + Timer": watchdog,
    "watchfiles": watchfiles,
    "dynamic-config-py": dynamic_config,
    "mtime poll, 1 s": mtime,
    "dynaconf": dynaconf,
    "pydantic-settings": pydantic_settings,
}
WATCHING = tuple(PEERS)[:5]
WINDOWED = WATCHING[:4]
SECTION = {"dynamic-config-py": "app"}
"""Those who read one table of their file, and its name."""

_KEPT: list[Any] = []


def recipe(path: Path) -> Peer:
    """A slot, and what fills it from the file if that is valid, and else tells who wants to know."""
    import tomli

    model, slot = user(), Slot()
    refusals: list[Told] = []

    def load() -> None:
        try:
            slot.config = model.model_validate(tomli.loads(path.read_text()))
        except (OSError, ValueError):
            for told in refusals:
                told()

    load()
    return Peer(slot, lambda: slot.config, load, refusals.append)
