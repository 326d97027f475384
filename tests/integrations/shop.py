"""A configuration, and what is made of it, for applications of any framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.resources.resource import Resource


class Shop(BaseModel, frozen=True):
    """What the file may say."""

    number: int = 0


class Pool:
    """Made of the number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True


class Open:
    """A watcher of a file of its own, which loads when it is told to, and a pool."""

    def __init__(self, directory: Path, name: str = "shop.toml") -> None:
        self.path = directory / name
        self.save(1)
        self.watcher: HotReloadWatcher[Shop] = HotReloadWatcher(self.path, Shop, debounce_ms=60_000)
        self.pool: Resource[Pool] = self.watcher.resource(lambda shop: shop.number)(self._made)
        self.pools: list[Pool] = []

    def _made(self, number: int) -> Iterator[Pool]:
        pool = Pool(number)
        self.pools.append(pool)
        yield pool
        pool.open = False

    def save(self, number: object) -> None:
        """Write the file."""
        self.path.write_text(f"number = {number}\n")

    def change(self, number: int) -> None:
        """Write the file, and have it loaded."""
        self.save(number)
        self.watcher.reload()

    def all_of_one(self, view: Any) -> int:
        """The number of a view, whose pool is of the same generation, and open."""
        pool = view[self.pool]
        assert (pool.number, pool.open) == (view.config.number, True)
        return pool.number
