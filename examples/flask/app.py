"""Greets as `config.toml` says: `flask run --debug` in this folder, `curl localhost:5000`, a save, `curl` again.

Or `gunicorn app:app --workers 2`, with any kind of workers, also with `--preload`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

from flask import Flask
from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.integrations.flask import HotConf


class Config(BaseModel, frozen=True):
    """What the file may say."""

    greeting: str = "hello"
    shelf: str = "hello"


class Shelf:
    """What is made of it, and has to be closed: in your program a connection pool, a client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def read(self) -> str:
        """Raises `ValueError` once it is closed."""
        if self.closed:
            raise ValueError("the shelf is closed")
        return self.name

    def close(self) -> None:
        """Nobody reads it any more."""
        self.closed = True


watcher = HotReloadWatcher("config.toml", Config, debounce_ms=200)


@watcher.resource("shelf")
def shelf(name: str) -> Iterator[Shelf]:
    """Made anew when `shelf` is saved; the old one is closed after the last request that uses it."""
    with closing(Shelf(name)) as made:
        yield made


app = Flask(__name__)
hotconf = HotConf(watcher, app)


@app.get("/")
def greet() -> dict[str, str | int]:
    """Both are of one generation, whatever is saved meanwhile."""
    return {"greeting": hotconf.config.greeting, "shelf": hotconf.view[shelf].read(), "process": os.getpid()}
