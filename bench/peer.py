"""The peers: what people use today to keep a configuration in step with its file, each at its best.

`main` runs in the process under test, in the environment of the peers. Each peer has a `read()` and an attribute or
call behind it that is as short as its users can make it; those that watch have the same window.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.footprint import resident
from bench.plain import user

PATIENCE_S = 20.0
POLL_S = 50e-6


class Slot:
    """Where the recipes keep their configuration: one slot, replaced whole."""

    __slots__ = ("config",)

    config: Any


def hotconf(path: Path, window_ms: int) -> Callable[[], Any]:
    """This project."""
    from hotconf import HotReloadWatcher

    watcher: Any = HotReloadWatcher(path, user(), debounce_ms=window_ms)
    watcher.start()
    return lambda: watcher.config


def watchdog(path: Path, window_ms: int) -> Callable[[], Any]:
    """`watchdog`, a `threading.Timer` for each burst, tomli and pydantic."""
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers import Observer

    slot, load = _recipe(path)
    lock = threading.Lock()
    timer = threading.Timer(0, load)

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
                timer = threading.Timer(window_ms / 1000, load)
                timer.daemon = True
                timer.start()

    observer = Observer()
    observer.schedule(Handler(), str(path.parent))
    observer.start()
    return lambda: slot.config


def watchfiles(path: Path, window_ms: int) -> Callable[[], Any]:
    """`watchfiles`, told to wait for a pause as long as the window, tomli and pydantic."""
    from watchfiles import watch

    slot, load = _recipe(path)

    def follow() -> None:
        for changes in watch(path.parent, step=window_ms, debounce=5 * window_ms, rust_timeout=60_000):
            if any(changed == str(path) for _, changed in changes):
                load()

    threading.Thread(target=follow, daemon=True).start()
    time.sleep(0.5)
    return lambda: slot.config


def dynamic_config(path: Path, window_ms: int) -> Callable[[], Any]:
    """`dynamic-config-py`: an engine in Rust that watches, parses and debounces; pydantic validates."""
    from dynamic_config import DynamicConfig

    config = DynamicConfig(user(), key="app").file(str(path))
    config.init()
    _KEPT.append(config.watch(debounce=window_ms / 1000))
    return config.current


def mtime(path: Path, window_ms: int) -> Callable[[], Any]:
    """A thread that looks at the time of the last change once a second, and has no window."""
    del window_ms
    slot, load = _recipe(path)

    def follow() -> None:
        known = path.stat().st_mtime_ns
        while True:
            time.sleep(1)
            with suppress(FileNotFoundError):
                seen = path.stat().st_mtime_ns
                if seen != known:
                    known = seen
                    load()

    threading.Thread(target=follow, daemon=True).start()
    return lambda: slot.config


def dynaconf(path: Path, window_ms: int) -> Callable[[], Any]:
    """`dynaconf`: reads are looked up; it reloads when it is told to."""
    del window_ms
    from dynaconf import Dynaconf

    settings = Dynaconf(settings_files=[str(path)])
    _RELOAD.append(settings.reload)
    return lambda: settings.model


def pydantic_settings(path: Path, window_ms: int) -> Callable[[], Any]:
    """`pydantic-settings`: a model that reads its file when it is made; to reload is to make it anew."""
    del window_ms
    from pydantic_settings import BaseSettings, TomlConfigSettingsSource

    class Config(BaseSettings):
        model_config = {"extra": "allow"}

        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **_: Any) -> Any:
            return (TomlConfigSettingsSource(settings_cls, path),)

    slot = Slot()

    def load() -> None:
        slot.config = Config()

    load()
    _RELOAD.append(load)
    return lambda: slot.config


PEERS: dict[str, Callable[[Path, int], Callable[[], Any]]] = {
    "hotconf": hotconf,
    "watchdog + Timer": watchdog,
    "watchfiles": watchfiles,
    "dynamic-config-py": dynamic_config,
    "mtime poll, 1 s": mtime,
    "dynaconf": dynaconf,
    "pydantic-settings": pydantic_settings,
}
WATCHING = tuple(PEERS)[:5]

_KEPT: list[Any] = []
_RELOAD: list[Callable[[], Any]] = []


def _recipe(path: Path) -> tuple[Slot, Callable[[], None]]:
    """A slot, and what fills it from the file if that is valid."""
    import tomli

    model, slot = user(), Slot()

    def load() -> None:
        with suppress(OSError, ValueError):
            slot.config = model.model_validate(tomli.loads(path.read_text()))

    load()
    return slot, load


class Application:
    """What it does when it is told to; each public method is a command."""

    def __init__(self, name: str, path: str, window_ms: str) -> None:
        self._path = Path(path)
        user()
        before = resident()
        began = time.perf_counter()
        self._read = PEERS[name](self._path, int(window_ms))
        self._started_ms = (time.perf_counter() - began) * 1e3
        self._added = resident() - before
        self._known = self._read()
        with suppress(OSError):
            Path("/proc/self/timerslack_ns").write_text("1")

    def look(self, begin: str) -> dict[str, int]:
        """Sleep until `begin`, then look until there is another config."""
        time.sleep(max(0, int(begin) - time.monotonic_ns()) / 1e9)
        read, old, end = self._read, self._known, time.monotonic() + PATIENCE_S
        while (found := read()) is old and time.monotonic() < end:
            time.sleep(POLL_S)
        seen = time.monotonic_ns()
        self._known = found
        return {"seen": seen if found is not old else -1}

    def spin(self) -> dict[str, int]:
        """Do nothing but look, without a pause."""
        read, old, end = self._read, self._known, time.monotonic() + PATIENCE_S
        while (found := read()) is old and time.monotonic() < end:
            pass
        self._known = found
        return {"seen": time.monotonic_ns() if found is not old else -1}

    def bare(self, deadline: str) -> dict[str, int]:
        """Spin, beside a thread that sleeps until `deadline` and stores one attribute: when is it seen?"""
        slot, old = Slot(), object()
        slot.config = old

        def store() -> None:
            time.sleep(max(0, int(deadline) - time.monotonic_ns()) / 1e9)
            slot.config = None

        threading.Thread(target=store).start()
        while slot.config is old:
            pass
        return {"seen": time.monotonic_ns()}

    def reads(self, repeats: str) -> list[float]:
        """Nanoseconds a read: the best of so many."""
        from timeit import Timer

        timer = Timer(";".join(["read()"] * 100), globals={"read": self._read})
        return [min(timer.timeit(100) for _ in range(int(repeats))) / 1e4 * 1e9]

    def reload(self, repeats: str) -> list[float]:
        """Milliseconds of a reload by hand, where there is one."""
        found = []
        for _ in range(int(repeats) if _RELOAD else 0):
            began = time.perf_counter()
            _RELOAD[0]()
            found.append((time.perf_counter() - began) * 1e3)
        return found

    def footprint(self) -> list[float]:
        """Bytes that it added to a process with pydantic and the model, milliseconds of import and start, threads."""
        return [self._added, self._started_ms, threading.active_count(), len(list(Path("/proc/self/task").iterdir()))]


def main() -> None:
    """Obey the lines on stdin."""
    application = Application(*sys.argv[1:])
    _say(None)
    for line in sys.stdin:
        command, *arguments = line.split()
        _say(getattr(application, command)(*arguments))


def _say(answer: Any) -> None:
    print(json.dumps(answer), flush=True)
