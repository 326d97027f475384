"""A watcher under observation: a model, what the watcher told so far, and how to wait for more."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from doubles.recorder import described
from hotconf import ConfigReloadEvent, Ending, FileChanged, HotReloadSettings, HotReloadWatcher, Problem
from waiting import wait_until

WINDOW_MS = 50
FAR = 60_000
"""A window that does not end while a test runs."""
CHANGED = "FileChanged config.toml"
BROKEN = "[server\nport = 1\n"


class Frozen(BaseModel):
    """Immutable, as configurations should be."""

    model_config = ConfigDict(frozen=True)


class Server(Frozen):
    host: str = "localhost"
    port: int = 8000


class App(Frozen):
    server: Server = Server()
    tags: list[str] = []
    hot_reload: HotReloadSettings = HotReloadSettings()


def port(number: int) -> str:
    """A file that sets the port, always of the same length for ports of four digits."""
    return f"[server]\nport = {number}\n"


def save(path: Path, text: str) -> None:
    """Save in one step: readers, and those who watch, see all of it at once."""
    beside = path.with_name(f"{path.name}.tmp")
    beside.write_text(text)
    beside.replace(path)


class Seen:
    """What a watcher has told."""

    def __init__(self, watcher: HotReloadWatcher[Any]) -> None:
        self.events: list[ConfigReloadEvent] = []
        watcher.on_event(self.events.append)

    @property
    def lines(self) -> list[str]:
        """One each: `FileChanged config.toml`, `ReloadSuccess 2`."""
        return [described(event) for event in self.events]

    @property
    def endings(self) -> list[Ending]:
        """Without the FileChanged."""
        return [event for event in self.events if not isinstance(event, FileChanged)]

    def exactly(self, *lines: str) -> Ending:
        """Wait for so many events, which are these and no others; the last ending."""
        wait_until(lambda: len(self.events) >= len(lines))
        assert self.lines == list(lines)
        return self.endings[-1]

    def ending(self, number: int = 1) -> Ending:
        """Wait for that many endings; the last of them."""
        wait_until(lambda: len(self.endings) >= number)
        return self.endings[number - 1]


class Gate:
    """Users' code that is stuck until it is let go: a callback or a check."""

    def __init__(self) -> None:
        self.entered, self.released, self.done = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_: object) -> list[Problem]:
        self.entered.set()
        self.released.wait(60)
        self.done.set()
        return []


def ours() -> list[str]:
    """The threads that hotconf runs."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("hotconf")]
