"""The process under test: an application that watches its configuration, has one callback, and otherwise sleeps."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hotconf import ConfigReloadEvent, FileChanged, HotReloadSettings, HotReloadWatcher, ReloadSuccess
from hotconf.speckit import SPECKIT, AppConfig

PATIENCE_S = 10.0
TIMINGS = ("overhead", "swap", "read", "parse", "validate")
POLL_S = 50e-6


class Application:
    """What it does when it is told to; each public method is a command, and returns the answer."""

    def __init__(self, path: str, window_ms: str, mode: str = "settle") -> None:
        window = int(window_ms)
        eager = HotReloadSettings(debounce_ms=window, mode="eager") if mode == "eager" else None
        self._watcher: HotReloadWatcher[AppConfig] = HotReloadWatcher(
            path, SPECKIT, settings=eager, debounce_ms=window
        )
        self._events: list[ConfigReloadEvent] = []
        self._ended = threading.Event()
        """A round has, of which `last` has not told yet."""
        self._watcher.on_event(self._take)
        self._watcher.start()
        self._told = self._watcher.last
        self._known = self._watcher.config
        # Sleeps of this thread end on time; the watcher's threads are started by others and keep the default.
        with suppress(OSError):
            Path("/proc/self/timerslack_ns").write_text("1")

    def look(self, begin: str) -> dict[str, object]:
        """Sleep until `begin`, then look every few microseconds until there is another config: when was it seen?"""
        watcher, old = self._watcher, self._known
        late = time.monotonic_ns() > int(begin)
        time.sleep(max(0, int(begin) - time.monotonic_ns()) / 1e9)
        missed = time.monotonic_ns()
        end = missed + PATIENCE_S * 1e9
        while watcher.config is old and missed < end:
            missed = time.monotonic_ns()
            time.sleep(POLL_S)
        return {"seen": time.monotonic_ns(), "missed": missed, "late": late}

    def last(self) -> dict[str, object]:
        """How the round of the latest save ended, as hotconf itself tells it; waits for it."""
        self._ended.wait(PATIENCE_S)  # to look again and again would be CPU that counts to the reload
        self._ended.clear()
        last, told = self._watcher.last, self._told
        self._told, self._known = last, self._watcher.config
        if last is told or not isinstance(last, ReloadSuccess):
            return {"type": type(last).__name__, "new": last is not told}
        timings = {name: getattr(last.timings, name) for name in TIMINGS}
        at = round(last.at.timestamp() * 1e6) * 1000
        changed = next(event.at for event in reversed(self._events) if isinstance(event, FileChanged))
        changed_ns = round(changed.timestamp() * 1e6) * 1000
        return {
            "changed": changed_ns,
            "type": "ReloadSuccess",
            "new": True,
            "generation": last.generation,
            "at": at,
            **timings,
        }

    def _take(self, event: ConfigReloadEvent) -> None:
        self._events.append(event)
        if not isinstance(event, FileChanged):
            self._ended.set()

    def cpu(self) -> int:
        """Nanoseconds of CPU that all threads have used."""
        return time.process_time_ns()

    def trace(self) -> None:
        """Trace allocations from now on."""
        import tracemalloc

        gc.collect()
        tracemalloc.start()

    def mark(self) -> list[int]:
        """Begin to watch for peaks: traced bytes now, resident KiB now."""
        traced = 0
        if "tracemalloc" in sys.modules:
            import tracemalloc

            tracemalloc.reset_peak()
            traced = tracemalloc.get_traced_memory()[0]
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return [traced, _status("VmRSS")]

    def peak(self) -> list[int]:
        """The peaks since `mark`, in the same order."""
        traced = 0
        if "tracemalloc" in sys.modules:
            import tracemalloc

            traced = tracemalloc.get_traced_memory()[1]
        return [traced, _status("VmHWM")]


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def main() -> None:
    """Obey the lines on stdin."""
    application = Application(*sys.argv[1:])
    _say(None)
    for line in sys.stdin:
        command, *arguments = line.split()
        _say(getattr(application, command)(*arguments))


def _say(answer: Any) -> None:
    print(json.dumps(answer), flush=True)
