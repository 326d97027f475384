"""A service that reloads by `systemctl reload example`, and by every save: see `example.service`."""

from __future__ import annotations

import signal
from threading import Event

from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.integrations import systemd


class Config(BaseModel, frozen=True):
    """What the file may say."""

    greeting: str = "hello"


def main() -> None:
    """Serve until systemd stops it."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with HotReloadWatcher("config.toml", Config) as watcher:
        systemd.notify(watcher)
        while not stop.wait(1):
            print(watcher.config.greeting, flush=True)


if __name__ == "__main__":
    main()
