"""Greets as `config.toml` says: `uvicorn app:app --workers 2` in this folder, `curl localhost:8000`.

How it is: `curl localhost:8000/config/status`. Reload now: `curl -X POST localhost:8000/config/reload`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from hotconf import HotReloadWatcher, View
from hotconf.integrations.fastapi import lifespan, pinned, router, view


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


app = FastAPI(lifespan=lifespan(watcher))
app.include_router(router(watcher), prefix="/config")

Pinned = Annotated[Config, Depends(pinned(watcher))]
Everything = Annotated[View[Config], Depends(view(watcher))]


@app.get("/")
async def greet(config: Pinned, everything: Everything) -> dict[str, str | int]:
    """Both are of one generation, whatever is saved meanwhile."""
    return {"greeting": config.greeting, "shelf": everything[shelf].read(), "process": os.getpid()}
