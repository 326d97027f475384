"""The configuration of the site, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel

from hotconf import HotReloadWatcher


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


watcher = HotReloadWatcher(Path(__file__).parents[1] / "config.toml", Config, debounce_ms=200)


@watcher.resource("shelf")
def shelf(name: str) -> Iterator[Shelf]:
    """Made anew when `shelf` is saved; the old one is closed after the last request that uses it."""
    with closing(Shelf(name)) as made:
        yield made
